"""The chart of a symbol's data: price, mark, funding, and what is missing of each."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from backtester import text
from reports.canvas import WIDE, Size, canvas, date_axis, dates, money_axis, unit_of
from reports.downsample import envelope
from reports.palette import MUTED, WARNING, look_of_venue

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Holes = Sequence[tuple[int, int]]

__all__ = ["Candles", "Rates", "symbol_chart"]

TRADE, MARK, FUNDING = (look_of_venue(place).colour for place in (0, 1, 2))
LOGARITHMIC = 8.0  # highest over lowest price from which on the axis is logarithmic


class Candles(NamedTuple):
    """Candles of one price.

    Parameters
    ----------
    time : int64 array, (n_bars,) [ns UTC]
        Ascending.
    high, low, close : float64 array, (n_bars,)
    holes : sequence of (int, int) [ns UTC]
        From when to when bars are missing.
    """

    time: Ints
    high: Floats
    low: Floats
    close: Floats
    holes: Holes = ()


class Rates(NamedTuple):
    """Funding.

    Parameters
    ----------
    time : int64 array, (n,) [ns UTC]
    rate : float64 array, (n,)
        Fractions.
    holes : sequence of (int, int) [ns UTC]
    """

    time: Ints
    rate: Floats
    holes: Holes = ()


def symbol_chart(
    title: str,
    trade: Candles,
    mark: Candles | None = None,
    funding: Rates | None = None,
    size: Size = WIDE,
    *,
    unit: str = "quote",
    synthetic: bool = False,
) -> Figure:
    """Draw price and mark, how far the one is from the other, and funding; what is missing is shaded.

    Artists carry gids: ``price``, ``range``, ``mark``, ``premium``, ``premium-range``, ``funding``, and ``hole-trade``,
    ``hole-mark`` and ``hole-funding``.

    Parameters
    ----------
    title : str
    trade : Candles
    mark : Candles, optional
    funding : Rates, optional
    size : Size
    unit : str
        Of prices: the quote currency.
    synthetic : bool
        Whether the prices are made up.
    """
    figure, (above, middle, below) = canvas(
        size._replace(right=0.3),  # there are no labels at the ends of lines
        title,
        "Shaded: from low to high; red: missing",
        synthetic=synthetic,
        rows=3,
        height=1.3 + 1.75 * 3,
    )
    first, last = int(trade.time[0]), int(trade.time[-1])
    _draw_price(above, trade, mark, size)
    _draw_premium(middle, trade, mark, size)
    _draw_funding(below, funding, size)
    for axes, kind, lacks in (
        (above, "trade", trade.holes),
        (middle, "mark", _lacks(mark, first, last)),
        (below, "funding", _lacks(funding, first, last)),
    ):
        _shade(axes, kind, lacks)
    date_axis(below, first, last, size=size)
    for axes, words in ((above, unit), (middle, "%"), (below, "%")):
        if len(axes.get_yticks()):
            unit_of(axes, words)
    return figure


def _draw_price(axes: Axes, trade: Candles, mark: Candles | None, size: Size) -> None:
    for x, low, high, close in _pieces(trade, size):
        axes.fill_between(x, low, high, color=TRADE, alpha=0.25, linewidth=0, gid="range")
        axes.plot(x, close, color=TRADE, linewidth=1.1, gid="price")
    if mark is not None:
        for x, _, _, close in _pieces(mark, size):
            axes.plot(x, close, color=MARK, linewidth=0.9, linestyle=(0, (3, 2)), gid="mark")
    if trade.low.min() > 0 and trade.high.max() / trade.low.min() > LOGARITHMIC:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
        axes.yaxis.set_minor_formatter(lambda value, _: "")
    else:
        money_axis(axes)
    _label(axes, "Price; dashed: mark" if mark is not None else "Price; there is no mark", size)


def _draw_premium(axes: Axes, trade: Candles, mark: Candles | None, size: Size) -> None:
    if mark is None:
        axes.set_yticks([])
        _label(axes, "Trade over mark", size)
        return
    _, here, there = np.intersect1d(trade.time, mark.time, assume_unique=True, return_indices=True)
    if not len(here):
        axes.set_yticks([])
        _label(axes, "Trade over mark: they share no time", size)
        return
    highs, lows, closes = (
        (getattr(trade, name)[here] / getattr(mark, name)[there] - 1.0) * 100.0 for name in ("high", "low", "close")
    )
    top, foot = np.maximum.reduce([highs, lows, closes]), np.minimum.reduce([highs, lows, closes])
    both = Candles(trade.time[here], top, foot, closes, _lacks(mark, int(trade.time[0]), int(trade.time[-1])))
    for x, low, high, close in _pieces(both, size):
        axes.fill_between(x, low, high, color=MARK, alpha=0.45, linewidth=0.3, gid="premium-range")
        axes.plot(x, close, color=MARK, linewidth=0.8, gid="premium")
    worst = int(np.argmax(np.maximum(top, -foot)))
    furthest = foot[worst] if -foot[worst] > top[worst] else top[worst]
    when = text.moment(int(both.time[worst]))
    _label(axes, f"Trade over mark [%]: closes, and highs and lows; the furthest {furthest:+.2f} % at {when}", size)


def _draw_funding(axes: Axes, funding: Rates | None, size: Size) -> None:
    if funding is None or not len(funding.time):
        axes.set_yticks([])
        _label(axes, "There is no funding", size)
        return
    x, low, high = envelope(dates(funding.time), funding.rate * 100.0, funding.rate * 100.0, size.columns)
    axes.vlines(x, np.minimum(low, 0.0), np.maximum(high, 0.0), color=FUNDING, linewidth=0.8, gid="funding")
    axes.axhline(0.0, color=MUTED, linewidth=0.6)
    _label(axes, f"Funding [% of the notional, each settlement]; {text.counted(len(funding.time), 'settlement')}", size)


def _pieces(candles: Candles, size: Size) -> list[tuple[Floats, Floats, Floats, Floats]]:
    """Return time, low, high and close of each stretch without a hole, thinned out to the pixel columns."""
    ends = np.array([first for first, _ in candles.holes], dtype=np.int64)
    cuts = np.searchsorted(candles.time, ends, side="right")
    span = float(candles.time[-1] - candles.time[0])
    out = []
    for rows in np.split(np.arange(len(candles.time)), np.unique(cuts[(cuts > 0) & (cuts < len(candles.time))])):
        time = candles.time[rows]
        columns = max(2, int(size.columns * (float(time[-1] - time[0]) / span))) if span else 2
        x, low, high = envelope(dates(time), candles.low[rows], candles.high[rows], columns)
        close = np.interp(x, dates(time), candles.close[rows])
        out.append((x, low, high, close))
    return out


def _lacks(held: Candles | Rates | None, first: int, last: int) -> list[tuple[int, int]]:
    """Return the holes of mark or funding, before it begins and after it ends included."""
    if held is None or not len(held.time):
        return [(first, last)]
    around = [(first, int(held.time[0])), (int(held.time[-1]), last)]
    usual = int(np.median(np.diff(held.time))) if len(held.time) > 1 else 0
    return [*held.holes, *((start, end) for start, end in around if end - start > usual)]


def _shade(axes: Axes, kind: str, holes: Holes) -> None:
    for first, last in holes:
        left, right = dates(np.array([first, last]))
        band = axes.axvspan(left, right, facecolor=(WARNING, 0.13), edgecolor=(WARNING, 0.5), linewidth=0.6)
        band.set_gid(f"hole-{kind}")


def _label(axes: Axes, words: str, size: Size) -> None:
    said = textwrap.fill(words, int(size.letters * 1.2))
    axes.set_title(said, loc="left", fontsize=9, color=MUTED, pad=3, parse_math=False)
