"""Positions and the pool of cash behind them, as frozen values, and what they become."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from backtester.errors import ConfigurationError
from backtester.reference.contract import CONTRACTS
from backtester.scenario_parts.schema import check_currency
from backtester.schema import LARGEST, SMALLEST
from backtester.venue import Instrument, VenueRules

__all__ = ["Pool", "Position", "after_fundings", "funding_payment", "isolated", "marked", "moved"]


@dataclass(frozen=True)
class Position:
    """One position.

    Parameters
    ----------
    instrument : Instrument
        From `Venue.instrument`, or one of your own.
    quantity : float [base; inverse: quote-currency contracts]
        Signed: positive long, negative short.
    entry_price : float [quote/base]
    mark_price : float, optional [quote/base]
        Left out: the entry price.
    leverage : float
        Divides the notional into the initial margin; the maintenance margin does not depend on it.

    Raises
    ------
    ConfigurationError
        Naming the field, what was found and what is allowed.
    """

    instrument: Instrument
    quantity: float
    entry_price: float
    mark_price: float = math.nan
    leverage: float = 1.0

    def __post_init__(self) -> None:
        put = object.__setattr__  # the dataclass is frozen; this is its constructor
        if not isinstance(self.instrument, Instrument):
            cure = "Take one from a venue: load_venue(name).instrument(symbol)"
            raise ConfigurationError("position.instrument", self.instrument, "is not an instrument", cure=cure)
        put(self, "quantity", finite("position.quantity", self.quantity))
        if self.quantity == 0:
            raise ConfigurationError("position.quantity", 0.0, "is no position", allowed="long above 0, short below 0")
        put(self, "entry_price", positive("position.entry_price", self.entry_price))
        unmarked = isinstance(self.mark_price, float) and math.isnan(self.mark_price)
        mark_price = self.entry_price if unmarked else self.mark_price
        put(self, "mark_price", positive("position.mark_price", mark_price))
        put(self, "leverage", positive("position.leverage", self.leverage))

    @property
    def symbol(self) -> str:
        """Return the symbol of the instrument."""
        return self.instrument.symbol

    @property
    def entry_notional(self) -> float:
        """Return the notional at the entry price [settle currency]."""
        return CONTRACTS[self.instrument.contract].notional(self.quantity, self.entry_price)


@dataclass(frozen=True)
class Pool:
    """A wallet and the positions it backs: docs/model.md, "Pools".

    Parameters
    ----------
    cash : float [settle currency]
        Wallet balance without unrealised pnl; may be negative.
    positions : tuple of Position
        Under cross margin all positions of the account, under isolated margin one.
    rules : VenueRules
        Of them `mm_basis`, the two buffers and `hedge_offset` matter here.
    isolated : bool
        The cash was posted for the one position: a larger position comes with more of it, a higher leverage with less.

    Raises
    ------
    ConfigurationError
        If the positions settle in different currencies, disagree on a symbol's instrument or mark, or an isolated pool
        has not exactly one.
    """

    cash: float
    positions: tuple[Position, ...] = ()
    rules: VenueRules = field(default_factory=VenueRules)
    isolated: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "cash", finite("pool.cash", self.cash))
        object.__setattr__(self, "positions", tuple(self.positions))
        check_currency(position.instrument.contract for position in self.positions)
        seen: dict[str, Position] = {}
        for j, position in enumerate(self.positions):
            first = seen.setdefault(position.symbol, position)
            _agree(j, position, first)
        if self.isolated and len(self.positions) != 1:
            problem = f"has {len(self.positions)} positions, and isolated margin stands behind one"
            cure = "Make a pool for each position, or one that is not isolated"
            raise ConfigurationError("pool.isolated", True, problem, cure=cure)

    @property
    def marks(self) -> dict[str, float]:
        """Return the mark price of each symbol."""
        return {position.symbol: position.mark_price for position in self.positions}


def isolated(position: Position, rules: VenueRules | None = None, *, margin: float | None = None) -> Pool:
    """Return the pool of one isolated position.

    Parameters
    ----------
    position : Position
    rules : VenueRules, optional
    margin : float, optional [settle currency]
        What was posted; left out, the initial margin at entry, ``N_entry * (1 / leverage + G)``, G the
        `initial_margin_buffer` of the rules.
    """
    rules = rules or VenueRules()
    initial = position.entry_notional * (1.0 / position.leverage + rules.initial_margin_buffer)
    return Pool(initial if margin is None else margin, (position,), rules, isolated=True)


def marked(pool: Pool, prices: Mapping[str, float]) -> Pool:
    """Return the pool at other mark prices; symbols that are not named keep theirs.

    Parameters
    ----------
    pool : Pool
    prices : mapping of str to float [quote/base]

    Raises
    ------
    ConfigurationError
        If the pool has no position on a symbol (the nearest are named).
    """
    for symbol in prices:
        if symbol not in pool.marks:
            raise ConfigurationError("prices", symbol, "is on none of the pool's positions", allowed=list(pool.marks))
    positions = [replace(each, mark_price=prices.get(each.symbol, each.mark_price)) for each in pool.positions]
    return replace(pool, positions=tuple(positions))


def moved(pool: Pool, move: float, symbol: str | None = None) -> Pool:
    """Return the pool after its marks moved by a fraction, ``m * (1 + move)``.

    Parameters
    ----------
    pool : Pool
    move : float
        Above -1: -0.1 is a fall of 10 %.
    symbol : str, optional
        The one that moves; left out, all do.
    """
    if not finite("move", move) > -1.0:
        raise ConfigurationError("move", move, "leaves no price", allowed="a fraction above -1, such as -0.1")
    moving = pool.marks if symbol is None else {symbol: pool.marks.get(symbol, 1.0)}
    return marked(pool, {name: price * (1.0 + move) for name, price in moving.items()})


def funding_payment(position: Position, rate: float) -> float:
    """Return what one funding costs the position, negative if it receives: ``q * m * rate``, inverse ``q / m * rate``.

    docs/model.md, "Funding".
    """
    size = CONTRACTS[position.instrument.contract].notional(position.quantity, position.mark_price)
    return math.copysign(size, position.quantity) * finite("rate", rate)


def after_fundings(pool: Pool, n: int, rate: float, symbol: str | None = None) -> Pool:
    """Return the pool after `n` fundings at one rate and the present marks, charged to its cash.

    Parameters
    ----------
    pool : Pool
    n : int
    rate : float
        Fraction of the notional in each; longs pay a positive one.
    symbol : str, optional
        The one whose positions pay; left out, all do.

    Notes
    -----
    Under ``funding_source = "main_first"`` an isolated pool pays only what main cannot.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 0:
        raise ConfigurationError("n", n, "is not a number of fundings", allowed="0, 1, 2 ...")
    if symbol is not None:
        marked(pool, {symbol: 1.0})  # for its error, should there be no such symbol
    payers = [position for position in pool.positions if symbol in (None, position.symbol)]
    return replace(pool, cash=pool.cash - n * sum(funding_payment(position, rate) for position in payers))


def finite(key: str, value: object) -> float:
    """Return a number from outside as a float."""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise ConfigurationError(key, value, "is not a number", allowed="a finite number")
    real = float(value)
    if not abs(real) <= LARGEST:
        raise ConfigurationError(key, value, "is not finite or too large to reckon with", allowed=f"up to {LARGEST:g}")
    return real


def positive(key: str, value: object) -> float:
    """Return a number above 0 from outside as a float."""
    real = finite(key, value)
    if real < SMALLEST:
        raise ConfigurationError(key, value, "must be above 0", allowed="a finite number above 0")
    return real


def _agree(j: int, position: Position, first: Position) -> None:
    """Refuse two positions on one symbol with different instruments or marks."""
    for name in ("instrument", "mark_price"):
        one, other = getattr(first, name), getattr(position, name)
        if one != other:
            problem = f"differs from that of another position on {position.symbol}, {one!r}"
            cure = "Give all positions on one symbol the same"
            raise ConfigurationError(f"pool.positions[{j}].{name}", other, problem, cure=cure)
