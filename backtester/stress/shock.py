"""What all shocks have: a place in a market, a text, and the market that comes of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

from backtester._fields import Field, record
from backtester.market import Market
from backtester.stress import places
from backtester.symbols import listed
from backtester.text import moment

__all__ = ["Shock", "percents", "shocked", "some"]


@dataclass(frozen=True, kw_only=True)
class Shock(ABC):
    """What all shocks have; ``str(shock)`` is the text that `read_shock` reads.

    Parameters
    ----------
    at : str, datetime or int [ns UTC]
        The shock begins with the first bar that opens then or later. ``"50%"`` is a part of the market's bars.
    symbols : str or sequence of str
        Instruments that it hits, in any notation; all of them where none is named.

    Raises
    ------
    ConfigurationError
        For a value that cannot be used, and when it is laid on a market in which it has no place.
    """

    kind: ClassVar[str]
    checks: ClassVar[Mapping[str, Field]]

    at: Any
    symbols: Any = ()

    def __post_init__(self) -> None:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in record(given, self.allowed(), self.key).items():
            object.__setattr__(self, name, value)

    def __str__(self) -> str:
        first, *others = self.checks
        usual = {field.name: field.default for field in fields(self)}
        changed = [name for name in (*others, "symbols") if getattr(self, name) != usual[name]]
        said = [_typed(getattr(self, first)), *(f"{name}={_typed(getattr(self, name))}" for name in changed)]
        return f"{self.kind}:{','.join(said)}@{self.at}"

    @classmethod
    def allowed(cls) -> dict[str, Field]:
        """Return what the shock is made of and what each may be, the one that stands first in its text first."""
        return {**cls.checks, "at": Field(places.time), "symbols": Field(places.symbols, ())}

    @property
    def key(self) -> str:
        """What errors call it."""
        return f"shock {self.kind}"

    @property
    def words(self) -> str:
        """What it is, for people."""
        where = f", {listed(self.symbols)}" if self.symbols else ""
        when = f"after {self.at} of the bars" if self.at.endswith("%") else self.at.replace("T", " ")
        return f"{self._said()}, {when}{where}"

    def on(self, market: Market) -> Market:
        """Return the market with this shock; the one given is left as it is.

        Raises
        ------
        ConfigurationError
            If the shock has no place in the market.
        MarketDataError
            If it makes prices that nobody can reckon with.
        """
        bar = places.bar_at(market, self.at, f"{self.key}.at")
        other = self._lay(market, bar, places.columns_of(market, self.symbols, f"{self.key}.symbols"))
        note = f"made up: {self._said()} from {moment(market.open_time[bar])} in {some(self.symbols)}"
        source = f"{market.source or 'market'} with {self}"
        return replace(other, notes=(*market.notes, note), source=source)

    @abstractmethod
    def _said(self) -> str:
        """Return what it is, without when and where."""

    @abstractmethod
    def _lay(self, market: Market, bar: int, columns: list[int]) -> Market:
        """Return the market with the shock from a bar on in some columns."""


def shocked(market: Market, shocks: Iterable[Shock]) -> Market:
    """Return a market with several shocks, laid one on the other in the order given; itself without any."""
    for shock in shocks:
        market = shock.on(market)
    return market


def some(symbols: tuple[str, ...]) -> str:
    """Return symbols in words."""
    return listed(symbols) if symbols else "all instruments"


def percents(fraction: float) -> str:
    """Return the fraction -0.2 as ``-20 %``."""
    return f"{100 * fraction:+g} %"


def _typed(value: Any) -> str:
    """Return a value as it is typed in a text."""
    if isinstance(value, tuple):
        return "+".join(each if isinstance(each, str) else f"{each[0]}*{each[1]}" for each in value)
    return str(value)
