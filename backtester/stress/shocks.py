"""The kinds of shocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from backtester._fields import Field, Unfit, any_number, choice, integer, number
from backtester.errors import ConfigurationError
from backtester.market import Funding, Market
from backtester.stress import places
from backtester.stress.betas import betas_before
from backtester.stress.courses import along, during, moved, without_bars
from backtester.stress.shock import Shock, percents, some
from backtester.text import counted, moment

__all__ = ["Dislocation", "Drop", "FlashCrash", "FundingSpike", "Gap", "Outage"]

HOUR = 3_600_000_000_000  # [ns]
MANY = 1_000_000  # bars or hours
_change = number("a fraction above -1, such as -0.2, and not 0", lambda value: value > -1 and value != 0)
_depth = number("a fraction below 1 and not 0; 0.3 is a fall, -0.3 a rise", lambda value: value < 1 and value != 0)
_rate = number("a fraction above -1 and below 1, and not 0", lambda value: -1 < value < 1 and value != 0)
_part = number("a fraction from 0 to 1", lambda value: 0 <= value <= 1)
_bars = integer(1, MANY, "bars")


def _betas(value: Any) -> tuple[tuple[str, float], ...]:
    """Check for betas by symbol, as a mapping or as pairs."""
    pairs = value.items() if isinstance(value, Mapping) else value
    try:
        return tuple((places.symbols(name)[0], float(any_number(beta))) for name, beta in pairs)
    except (TypeError, ValueError):
        raise Unfit("is no list of betas", "a beta for each symbol, as BTCUSDT*1+ETHUSDT*1.2") from None


@dataclass(frozen=True)
class Gap(Shock):
    """Prices jump at the open of a bar and stay where they are: ``gap:-0.2@2025-10-10T21:00``.

    Parameters
    ----------
    change : float
        -0.2 is a fall of 20 %.
    """

    change: float

    kind: ClassVar[str] = "gap"
    checks: ClassVar[Mapping[str, Field]] = {"change": Field(_change)}

    def _said(self) -> str:
        return f"a gap of {percents(self.change)}"

    def _lay(self, market: Market, bar: int, columns: list[int]) -> Market:
        return moved(market, along(market, bar, _only(market, columns, np.array([[1.0 + self.change]]))))


@dataclass(frozen=True)
class FlashCrash(Shock):
    """Prices fall in a straight line and come back in another: ``flash_crash:0.3,down=2,up=6@2025-10-10T21:00``.

    Parameters
    ----------
    depth : float
        0.3 is a fall of 30 %, -0.3 a rise.
    down, up : int [bars]
        How long it falls, and how long it recovers.
    recovery : float
        The part of the fall that is made good.
    """

    depth: float
    down: int = 1
    up: int = 6
    recovery: float = 1.0

    kind: ClassVar[str] = "flash_crash"
    checks: ClassVar[Mapping[str, Field]] = {
        "depth": Field(_depth),
        "down": Field(_bars, 1),
        "up": Field(_bars, 6),
        "recovery": Field(_part, 1.0),
    }

    def _said(self) -> str:
        back = "" if self.recovery == 1.0 else f" of {100 * self.recovery:g} % of it"
        fall = f"a flash crash of {percents(-self.depth)} in {counted(self.down, 'bar')}"
        return f"{fall} with a recovery{back} in {counted(self.up, 'bar')}"

    def _lay(self, market: Market, bar: int, columns: list[int]) -> Market:
        down = np.linspace(1.0, 1.0 - self.depth, self.down + 1)
        up = np.linspace(down[-1], 1.0 - self.depth * (1.0 - self.recovery), self.up + 1)
        return moved(market, along(market, bar, _only(market, columns, np.concatenate((down, up[1:]))[:, None])))


@dataclass(frozen=True)
class Drop(Shock):
    """All instruments fall together and stay there, each by its beta: ``drop:0.2,bars=3@2025-10-10T21:00``.

    The market falls by `depth` in a straight line, an instrument to ``(1 - fall)^beta`` of its price. A beta is that of
    log returns on their mean over all instruments, over the bars before the shock; see `betas_before`.

    Parameters
    ----------
    depth : float
        0.2 is a fall of the market of 20 %, -0.2 a rise.
    bars : int
        How long it takes.
    betas : mapping of symbol to float
        Given instead of estimated; in a text ``betas=BTCUSDT*1+ETHUSDT*1.2``.
    """

    depth: float
    bars: int = 1
    betas: Any = ()

    kind: ClassVar[str] = "drop"
    checks: ClassVar[Mapping[str, Field]] = {
        "depth": Field(_depth),
        "bars": Field(_bars, 1),
        "betas": Field(_betas, ()),
    }

    def _said(self) -> str:
        betas = "their betas before it" if not self.betas else "given betas"
        return f"a drop of all of {percents(-self.depth)} in {counted(self.bars, 'bar')} by {betas}"

    def _lay(self, market: Market, bar: int, columns: list[int]) -> Market:
        given = {places.columns_of(market, [name], f"{self.key}.betas")[0]: beta for name, beta in self.betas}
        unknown = [column for column in columns if column not in given]
        beta = given | betas_before(market, bar, unknown, f"{self.key}.betas")
        level = np.linspace(1.0, 1.0 - self.depth, self.bars + 1)[:, None]
        nodes = level ** np.array([beta[column] for column in columns])
        return moved(market, along(market, bar, _only(market, columns, nodes)))


@dataclass(frozen=True)
class FundingSpike(Shock):
    """Every settlement of some hours costs longs more: ``funding:0.01,hours=24@2025-10-10T21:00``.

    Parameters
    ----------
    rate : float
        Added to the rate of each settlement; below 0 it costs shorts.
    hours : int
        How long; settlements at the shock's time count, those at its end do not.
    """

    rate: float
    hours: int = 24

    kind: ClassVar[str] = "funding"
    checks: ClassVar[Mapping[str, Field]] = {"rate": Field(_rate), "hours": Field(integer(1, MANY, "hours"), 24)}

    def _said(self) -> str:
        return f"{percents(self.rate)} on each funding for {counted(self.hours, 'hour')}"

    def _lay(self, market: Market, bar: int, columns: list[int]) -> Market:
        start = int(market.open_time[bar])
        if not self._hit(market, start, columns).any():
            end = moment(start + self.hours * HOUR)
            raise ConfigurationError(
                f"{self.key}.hours",
                self.hours,
                f"there is no funding of {some(self.symbols)} from {moment(start)} to before {end}",
                cure="Choose more hours or another time; a market without funding has none to spike",
            )
        detail = market.detail
        if detail is not None:
            detail = replace(detail, funding=self._raised(detail, start, columns))
        return replace(market, funding=self._raised(market, start, columns), detail=detail)

    def _hit(self, market: Market, start: int, columns: list[int]) -> NDArray[np.bool_]:
        time = market.funding.time
        inside = (time >= start) & (time < start + self.hours * HOUR)
        return np.asarray(inside & np.isin(market.funding.instrument, columns))

    def _raised(self, market: Market, start: int, columns: list[int]) -> Funding:
        rate = market.funding.rate + np.where(self._hit(market, start, columns), self.rate, 0.0)
        return market.funding._replace(rate=rate)


@dataclass(frozen=True)
class Dislocation(Shock):
    """Mark and trade price part for some bars: ``dislocation:-0.1,bars=3,of=mark@2025-10-10T21:00``.

    Parameters
    ----------
    change : float
        Of one of the two, while the other stays.
    bars : int
    of : str
        ``"mark"``, by which positions are liquidated, or ``"trade"``, at which orders are filled.
    """

    change: float
    bars: int = 1
    of: str = "mark"

    kind: ClassVar[str] = "dislocation"
    checks: ClassVar[Mapping[str, Field]] = {
        "change": Field(_change),
        "bars": Field(_bars, 1),
        "of": Field(choice(("mark", "trade")), "mark"),
    }

    def _said(self) -> str:
        return f"the {self.of} price alone at {percents(self.change)} for {counted(self.bars, 'bar')}"

    def _lay(self, market: Market, bar: int, columns: list[int]) -> Market:
        factors = np.ones(market.n_instruments)
        factors[columns] = 1.0 + self.change
        return moved(market, during(market, bar, self.bars, factors), (self.of,))


@dataclass(frozen=True)
class Outage(Shock):
    """The exchange is down: bars are missing, funding goes on: ``outage:6@2025-10-10T21:00``.

    Parameters
    ----------
    bars : int
    """

    bars: int

    kind: ClassVar[str] = "outage"
    checks: ClassVar[Mapping[str, Field]] = {"bars": Field(_bars)}

    def _said(self) -> str:
        return f"an outage of {counted(self.bars, 'bar')}"

    def _lay(self, market: Market, bar: int, columns: list[int]) -> Market:
        last = min(bar + self.bars, market.n_bars) - 1
        return without_bars(market, int(market.open_time[bar]), int(market.close_time[last]), columns)


def _only(market: Market, columns: list[int], nodes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return nodes of some columns, one of them for all or one for each, as nodes of all; those of others are 1."""
    out = np.ones((len(nodes), market.n_instruments))
    out[:, columns] = nodes
    return out
