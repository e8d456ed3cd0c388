"""Times and price columns of a scenario: lengths, order, and low <= open, close <= high.

The tables may be long, so prices are tested as arrays; only a wrong one is looked up by itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtester._fields import Field, Unfit, integer, items, number, record
from backtester.errors import ConfigurationError
from backtester.schema import LARGEST, SMALLEST

__all__ = ["MARK_COLUMNS", "TRADE_COLUMNS", "check_bars", "check_times", "nanoseconds", "price_array"]

TRADE_COLUMNS = ("open", "high", "low", "close")
MARK_COLUMNS = ("mark_open", "mark_high", "mark_low", "mark_close")
BARS = {name: Field(items) for name in TRADE_COLUMNS} | {name: Field(items, None) for name in MARK_COLUMNS}
_INT64 = 2**63 - 1
_PRICE = f"a price above 0, from {SMALLEST:g} to {LARGEST:g}"
_price_number = number("a price above 0, or null for no data")
nanoseconds = integer(-_INT64 - 1, _INT64, "nanoseconds UTC")


def price_array(columns: Mapping[str, Sequence[float | None]], names: Sequence[str]) -> NDArray[np.float64]:
    """Return price columns as one array, (len(names), n_bars); null becomes nan."""
    return np.array([columns[name] for name in names], dtype=np.float64)


def check_times(values: list[Any]) -> list[int]:
    """Check that the times of the bars are whole nanoseconds that ascend."""
    if not values:
        raise ConfigurationError("open_time", values, "has no bars", allowed="at least one time in nanoseconds UTC")
    for t, value in enumerate(values):
        try:
            nanoseconds(value)
        except Unfit as error:
            raise ConfigurationError(f"open_time[{t}]", value, str(error), allowed=error.allowed) from None
        if t and value <= values[t - 1]:
            raise ConfigurationError(
                f"open_time[{t}]", value, f"does not come after {values[t - 1]}", allowed="times that ascend"
            )
    return list(values)


def check_bars(data: list[Any], n_instruments: int, n_bars: int) -> list[dict[str, Any]]:
    """Check the price columns of every instrument; any null makes its bar no data."""
    if len(data) != n_instruments:
        raise ConfigurationError(
            "bars", f"{len(data)} entries", "does not match the instruments", allowed=f"{n_instruments} entries"
        )
    return [_columns(record(row, BARS, f"bars[{i}]"), n_bars, f"bars[{i}]") for i, row in enumerate(data)]


def _columns(columns: dict[str, Any], n_bars: int, path: str) -> dict[str, Any]:
    """Check the price columns of one instrument; without mark prices their keys are left out."""
    given = [name for name in MARK_COLUMNS if columns[name] is not None]
    if given and len(given) < len(MARK_COLUMNS):
        missing = next(name for name in MARK_COLUMNS if name not in given)
        raise ConfigurationError(
            f"{path}.{missing}", None, f"is missing beside {given[0]}", allowed="all four mark columns or none"
        )
    names = (*TRADE_COLUMNS, *given)
    kept = {name: _column(columns[name], n_bars, f"{path}.{name}") for name in names}
    table = price_array(kept, names)
    live: NDArray[np.bool_] = np.logical_not(np.isnan(table).any(axis=0))
    for first in range(0, len(names), 4):
        _check_prices(table[first : first + 4], live, names[first : first + 4], path)
    return kept


def _column(values: list[Any], n_bars: int, path: str) -> list[float | None]:
    if len(values) != n_bars:
        raise ConfigurationError(
            path, f"{len(values)} values", "does not match open_time", allowed=f"{n_bars} values, one per bar"
        )
    kinds = set(map(type, values))
    if kinds <= {float, type(None)} and all(map(math.isfinite, filter(None, values))):
        return list(values)
    return [None if value is None else _price(value, f"{path}[{t}]") for t, value in enumerate(values)]


def _price(value: Any, path: str) -> float:
    try:
        real: float = _price_number(value)
    except Unfit as error:
        raise ConfigurationError(path, value, str(error), allowed=error.allowed) from None
    return real


def _check_prices(prices: NDArray[np.float64], live: NDArray[np.bool_], names: Sequence[str], path: str) -> None:
    """Check one instrument's trade or mark prices, (4, n_bars), on its bars with data."""
    opens, highs, lows, closes = prices
    good = (lows <= opens) & (opens <= highs) & (lows <= closes) & (closes <= highs)
    good &= (lows >= SMALLEST) & (highs <= LARGEST)
    if (good | ~live).all():
        return
    for name, column in zip(names, prices, strict=True):
        wrong = live & ~((column >= SMALLEST) & (column <= LARGEST))
        _refuse(wrong, f"{path}.{name}", column, "is not a price", _PRICE)
    for k in (0, 3):
        name, column = names[k], prices[k]
        wrong = live & ((column < lows) | (column > highs))
        _refuse(wrong, f"{path}.{name}", column, "is outside of the bar", f"{names[2]} <= {name} <= {names[1]}")


def _refuse(wrong: NDArray[np.bool_], path: str, column: NDArray[np.float64], problem: str, allowed: str) -> None:
    if wrong.any():
        t = int(np.argmax(wrong))
        raise ConfigurationError(f"{path}[{t}]", float(column[t]), problem, allowed=allowed)
