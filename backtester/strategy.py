"""What an author writes: a class with typed parameters and a vectorised method, or one that is called at every bar.

```python
class EmaCross(Strategy):
    fast: int = 12             # [bars]
    slow: int = 48             # [bars]
    notional: float = 5_000.0  # size of each position [quote]

    def targets(self, market: Market) -> Targets:
        trend = ema(market.close, self.fast) - ema(market.close, self.slow)
        return Targets(notional=self.notional * np.sign(trend), stop=0.02)
```

Row ``t`` of a target is decided on the close of bar ``t`` and executed in bar ``t + 1``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from backtester.asking import parameters as typed
from backtester.errors import BacktesterError, ConfigurationError, StrategyError
from backtester.market import Market
from backtester.schema import TARGET_SIZES

if TYPE_CHECKING:
    from backtester.event_driven.bar import Bar

__all__ = ["SlotSpec", "Strategy", "Targets"]

_WATCH = ("trade", "mark")
_SLOT_MODES = ("isolated", "cross")


@dataclass(frozen=True)
class SlotSpec:
    """One position that a strategy wants to hold: an instrument and a leg.

    Parameters
    ----------
    symbol : str
        Instrument of the market.
    leg : str
        Tells several slots on one instrument apart, such as ``"long"`` or ``"rung 2"``.
    leverage : float, optional
        Leverage of the slot; the account's where it is left out.
    margin_mode : str, optional
        ``"isolated"`` or ``"cross"``, used by accounts in mode ``"mixed"`` and, for slots outside
        every sub-account, ``"sub_accounts"``. Elsewhere the account's mode decides.
    sub_account : str, optional
        Name of the sub-account that backs the slot in accounts of mode ``"sub_accounts"``.
    """

    symbol: str
    leg: str = ""
    leverage: float | None = None
    margin_mode: str | None = None
    sub_account: str | None = None

    def __post_init__(self) -> None:
        if self.margin_mode is not None and self.margin_mode not in _SLOT_MODES:
            key = f"slot {self.label}: margin_mode"
            raise ConfigurationError(key, self.margin_mode, "unknown mode", allowed=_SLOT_MODES)

    @property
    def label(self) -> str:
        """The slot's name within its strategy: symbol and leg."""
        return f"{self.symbol} {self.leg}".rstrip()


@dataclass(frozen=True, eq=False)
class Targets:
    """What a strategy wants: one row per bar, one column per slot.

    Exactly one of `quantity`, `notional`, `equity_fraction` and `margin` is given; its sign is the
    side. Every field is a number, an array of shape (n_bars, n_slots) or one that broadcasts to
    it, (n_bars,) or (n_slots,), a Series over bars or over slots, or a DataFrame whose columns are
    slots (``"BTCUSDT long"``) or symbols.

    An order arises where a target *changes*. nan is no instruction, 0 is flat, and an unchanged
    value is no order: a position that was liquidated or stopped stays flat until the target
    changes. Before an instrument's first price there is no instruction.

    Exits belong to the order they come with, so they count only at bars where a target changes to
    a long or a short. There a nan is an error (an indicator that is not ready), unless the slot
    has nan in every bar; ``inf`` says that this order has none.

    Parameters
    ----------
    quantity : array-like [base; contracts of an inverse instrument]
    notional : array-like [quote]
    equity_fraction : array-like
        Notional as a fraction of the account's equity when the order is executed.
    margin : array-like [quote]
        Initial margin; the notional is `leverage` times as much.
    leverage : array-like, optional
        Leverage of the slot from this bar on, acting where it changes. nan leaves it.
    stop, take_profit : array-like, optional
        Distance from the close of the decision bar, as a positive fraction of it.
    trailing : array-like, optional
        Distance of the trailing stop, as a positive fraction of the close of the decision bar.
    stop_price, take_profit_price : array-like, optional [quote/base]
        The same exits as prices.
    add_margin : array-like, optional [quote]
        Collateral added to an isolated position, at every bar where it is above 0.
    watch : str
        Price that triggers stops: ``"trade"`` or ``"mark"``.

    Raises
    ------
    ConfigurationError
        If no size or more than one is given, an exit is given twice, or `watch` is unknown.
    """

    quantity: Any = None
    notional: Any = None
    equity_fraction: Any = None
    margin: Any = None
    leverage: Any = None
    stop: Any = None
    take_profit: Any = None
    trailing: Any = None
    stop_price: Any = None
    take_profit_price: Any = None
    add_margin: Any = None
    watch: str = "trade"

    def __post_init__(self) -> None:
        sizes = [name for name in TARGET_SIZES if getattr(self, name) is not None]
        if len(sizes) != 1:
            problem = f"give exactly one of {', '.join(TARGET_SIZES)}"
            raise ConfigurationError("Targets", ", ".join(sizes) or None, problem)
        for name in ("stop", "take_profit"):
            if getattr(self, name) is not None and getattr(self, f"{name}_price") is not None:
                problem = f"give {name} (a fraction) or {name}_price, not both"
                raise ConfigurationError("Targets", [name, f"{name}_price"], problem)
        if self.watch not in _WATCH:
            raise ConfigurationError("Targets.watch", self.watch, "unknown", allowed=_WATCH)

    @property
    def size_type(self) -> str:
        """Which of the sizes is given."""
        return next(name for name in TARGET_SIZES if getattr(self, name) is not None)


class Strategy:
    """Base class of all strategies: declare parameters, write `targets` or `on_bar` or both.

    A parameter is a class variable with a type (int, float, bool or str) and a default.

    Parameters
    ----------
    **overrides
        Values of parameters that differ from their defaults.

    Raises
    ------
    ConfigurationError
        If a name is no parameter (the nearest one is proposed) or a value has another type.

    Examples
    --------
    >>> class Hold(Strategy):
    ...     notional: float = 1_000.0
    ...     def targets(self, market):
    ...         return Targets(notional=self.notional)
    >>> Hold(notional=250).name
    'Hold(notional=250)'
    """

    _declared: ClassVar[dict[str, type]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._declared = typed.declare(cls, Strategy)

    def __init__(self, **overrides: Any) -> None:
        typed.check_names(type(self), self._declared, overrides)
        for name, value in overrides.items():
            key = f"{type(self).__name__}.{name}"
            setattr(self, name, typed.convert(key, self._declared[name], value))

    def __repr__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The class and its parameters, such as ``EmaCross(fast=8, slow=48)``."""
        values = self.parameters().items()
        inside = ", ".join(f"{name}={typed.said(value)}" for name, value in values)
        return f"{type(self).__name__}({inside})"

    def parameters(self) -> dict[str, Any]:
        """Return the parameters and their values, in the order they are declared."""
        return {name: getattr(self, name) for name in self._declared}

    @classmethod
    def from_text(cls, settings: Mapping[str, str] | Iterable[str] = ()) -> Self:
        """Make the strategy from texts, as they come from a command line.

        Parameters
        ----------
        settings : mapping of name to text, or iterable of ``"name=value"``

        Raises
        ------
        ConfigurationError
            If a name is no parameter or a text does not read as its type.
        StrategyError
            If the class has an ``__init__`` of its own that fails.
        """
        pairs = typed.settings(settings)
        typed.check_names(cls, cls._declared, pairs)
        values = {
            name: typed.from_text(f"{cls.__name__}.{name}", cls._declared[name], text)
            for name, text in pairs.items()
        }
        try:
            return cls(**values)
        except BacktesterError:
            raise
        except Exception as error:  # of an author's own __init__
            problem = f"its method `__init__` raised {type(error).__name__}: {error}"
            cure = "Leave `__init__` out: parameters are class variables with a type and a default"
            raise StrategyError(cls.__name__, problem, cure=cure) from error

    def slots(self, market: Market) -> list[SlotSpec]:
        """Return the positions the strategy may hold: by default one per symbol of the market."""
        return [SlotSpec(symbol) for symbol in market.symbols]

    def targets(self, market: Market) -> Targets:
        """Return what the strategy wants at every bar, for each of its slots.

        Row ``t`` may use the market up to and including bar ``t``; it is executed in bar
        ``t + 1``. The market's arrays are read-only.
        """
        cure = "write `def targets(self, market: Market) -> Targets`, or `def on_bar(self, bar: Bar) -> None`"
        raise StrategyError(self.name, "it has no method `targets`", cure=cure)

    def indicators(self, market: Market) -> Mapping[str, Any]:
        """Return arrays that `on_bar` reads one bar of at a time, by name: ``bar.indicator(name)``.

        Each is ``(n_bars,)`` or ``(n_bars, n_instruments)``; row ``t`` may use the market up to and including bar
        ``t``. It is called once, before the run.
        """
        return {}

    def on_bar(self, bar: Bar) -> None:
        """Look at the account at the close of a bar, and place orders that take effect in the next one.

        May stand beside `targets`, whose orders it then adds to: a market order placed here takes the place of one
        that a target asks for in the same slot and bar. What it keeps on ``self`` belongs to one run.
        """
