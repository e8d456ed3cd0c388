"""What makes the arrays of a market valid. Raises with the instrument, the bar and the cure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backtester.errors import MarketDataError
from backtester.market_parts.detail import check_detail
from backtester.market_parts.funding import check_funding
from backtester.schema import LARGEST, SMALLEST
from backtester.text import counted, moment

if TYPE_CHECKING:
    from backtester.market import Market

OHLC = ("open", "high", "low", "close")


def frozen(values: Any, dtype: type, name: str = "an array") -> NDArray[Any]:
    """Return a read-only view in column order; copy only when type or order ask for it."""
    try:
        out: NDArray[Any] = np.asfortranarray(values, dtype=dtype).view()
    except (TypeError, ValueError) as error:
        raise MarketDataError(f"{name} does not hold numbers: {error}", cure="Give an array of numbers") from error
    out.flags.writeable = False
    return out


def frozen_times(values: Any) -> NDArray[np.int64]:
    """Return times as a read-only array [ns UTC]; datetimes of any unit and zone are converted."""
    given = np.array(values.as_unit("ns").asi8 if hasattr(values, "asi8") else values)
    if given.dtype.kind == "M":
        given = given.astype("datetime64[ns]").view(np.int64)
    if given.dtype.kind not in "iu" and given.size:
        raise MarketDataError(
            f"open_time holds no times but {given.dtype}", cure="Give int64 nanoseconds UTC, or datetimes"
        )
    return frozen(given, np.int64, "open_time")


def check_symbols(symbols: Iterable[object]) -> None:
    """Raise unless every symbol is a text that is not empty and can be written in a line, and into any file."""
    for symbol in symbols:
        if not isinstance(symbol, str) or not symbol.strip():
            raise MarketDataError("a symbol is no name", found=symbol, cure='Name instruments like "BTCUSDT"')
        if not symbol.isprintable():
            raise MarketDataError("a symbol has a character that cannot be shown", found=symbol, cure="Leave it out")


def check_market(market: Market) -> None:
    """Check lengths, times, prices, funding and detail of a market."""
    _check_shapes(market)
    check_times(market.open_time)
    same = market.mark_open is market.open and market.mark_close is market.close
    for i, symbol in enumerate(market.symbols):
        trade = [getattr(market, name)[:, i] for name in OHLC]
        check_prices(trade, market.open_time, symbol, "trade")
        if not same:
            mark = [getattr(market, "mark_" + name)[:, i] for name in OHLC]
            check_prices(mark, market.open_time, symbol, "mark")
            _check_both(trade[0], mark[0], market.open_time, symbol)
    check_funding(market)
    if market.detail is not None:
        check_detail(market, market.detail)


def _check_shapes(market: Market) -> None:
    """Raise unless there is one column per symbol and one row per bar, and at least one of each."""
    check_symbols(market.symbols)
    if not market.symbols or len(market.open_time) == 0:
        raise MarketDataError(
            f"a market needs instruments and bars; this has {len(market.symbols)} and {len(market.open_time)}",
            cure="Give it at least one of each",
        )
    if len(set(market.symbols)) < len(market.symbols):
        twice = next(s for s in market.symbols if market.symbols.count(s) > 1)
        raise MarketDataError("the symbol occurs twice", instrument=twice, cure="Name it once")
    shape = (len(market.open_time), len(market.symbols))
    for name in (*OHLC, *("mark_" + name for name in OHLC)):
        if getattr(market, name).shape != shape:
            raise MarketDataError(
                f"{name} has the wrong shape",
                found=getattr(market, name).shape,
                cure=f"Give one row per bar and one column per instrument: {shape}",
            )
    if market.mark_is_trade.shape != shape[1:]:
        raise MarketDataError(
            "mark_is_trade has the wrong shape",
            found=market.mark_is_trade.shape,
            cure=f"Give one value per instrument: {shape[1:]}",
        )


def check_times(time: NDArray[np.int64], instrument: str | None = None, what: str = "bar") -> None:
    """Raise unless the times ascend strictly."""
    if time.ndim != 1:
        raise MarketDataError("times must be one row", found=time.shape, cure="Give a 1-d array")
    wrong = np.flatnonzero(time[1:] <= time[:-1])
    if len(wrong) == 0:
        return
    k = int(wrong[0]) + 1
    if time[k] == time[k - 1]:
        problem = f"two {what}s have the same time ({counted(len(wrong), 'such place')})"
        cure = "Keep one of them, e.g. frame[~frame.index.duplicated()]"
    else:
        problem = f"the times are not sorted: this {what} is earlier than the one before"
        cure = "Sort the frame by time, e.g. frame.sort_index()"
    problem += f", {moment(time[k])} after {moment(time[k - 1])}"
    raise MarketDataError(problem, instrument=instrument, bar=k, time=int(time[k]), cure=cure)


def check_prices(prices: Any, time: NDArray[np.int64], instrument: str, kind: str) -> None:
    """Raise unless prices are positive and finite, low <= open, close <= high; nan only as a whole bar.

    Parameters
    ----------
    prices : four float64 arrays, each (n,)
        Open, high, low, close.
    """
    o, h, low, c = prices
    good = (low >= SMALLEST) & (low <= o) & (low <= c) & (o <= h) & (c <= h) & (h <= LARGEST)
    if good.all():
        return
    good |= np.isnan(o) & np.isnan(h) & np.isnan(low) & np.isnan(c)
    if good.all():
        return
    k = int(np.argmin(good))
    bar = {name: float(values[k]) for name, values in zip(OHLC, prices, strict=True)}
    problem, cure = _diagnose(bar, kind)
    values = ", ".join(f"{name} {value:g}" for name, value in bar.items())
    bad = int(np.count_nonzero(~good))
    raise MarketDataError(
        f"{problem}; the bar is {values}" + (f"; {bad:,} bars are like that" if bad > 1 else ""),
        instrument=instrument,
        bar=k,
        time=int(time[k]),
        cure=cure,
    )


def _diagnose(bar: dict[str, float], kind: str) -> tuple[str, str]:
    """Return what is wrong with one bar, and the cure."""
    gone = [name for name, value in bar.items() if np.isnan(value)]
    if gone:
        return (
            f"NaN inside a {kind} bar ({', '.join(gone)})",
            "Fill the price in, or make the whole bar NaN (a missing bar)",
        )
    wrong = [name for name, value in bar.items() if not SMALLEST <= value <= LARGEST]
    if wrong:
        return (
            f"the {kind} {wrong[0]} is not a positive, finite price",
            "Correct the price, or make the whole bar NaN (a missing bar)",
        )
    if bar["low"] > bar["high"]:
        return f"the {kind} low is above the high", "Swap or correct them"
    out = next(n for n in ("open", "close") if not bar["low"] <= bar[n] <= bar["high"])
    return (
        f"the {kind} {out} is outside low..high",
        "Correct the bar; columns in another order are a usual reason",
    )


def _check_both(trade: NDArray[np.float64], mark: NDArray[np.float64], time: NDArray[np.int64], symbol: str) -> None:
    """Raise unless bars are missing in trade and mark alike."""
    differ = np.isnan(trade) != np.isnan(mark)
    if differ.any():
        k = int(np.argmax(differ))
        lacks = "trade" if np.isnan(trade[k]) else "mark"
        raise MarketDataError(
            f"the {lacks} bar is missing and the other is not",
            instrument=symbol,
            bar=k,
            time=int(time[k]),
            cure="Make it NaN in both, or build the market with Market.from_frames",
        )
