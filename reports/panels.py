"""The numbers behind the page's interactive panels: thinned out without losing an extreme, and packed for a browser.

A series is two strings, base64 of little-endian arrays: int32 seconds since the first bar opened, and float32 values
with nan for gaps. `templates/panels.js` draws them.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backtester import text
from backtester.compare import Comparison
from backtester.comparing.verdict import name_of
from backtester.metrics import underwater
from backtester.result import Result
from backtester.schema import FUNDING_PAID, LIQUIDATION
from reports.canvas import quote_of
from reports.downsample import columns_of, envelope, extremes, lowest
from reports.palette import look

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

__all__ = ["panels", "panels_json"]

COLUMNS = 1_500  # pixel columns of a curve that is there once
MOST_COLUMNS, FEWEST_COLUMNS = 16_000, 300  # of all instruments' prices together, and of each
MOST_MARKS = 400  # liquidation marks of a mode in one panel
RATIO_TOP = 10.0  # stands for more, and for no equity at all
FAR = 0.5  # of the mark: liquidation prices farther away are no line in the chart
DASHES = {"v": "solid", "o": "dash", "s": "dot", "D": "dashdot", "^": "longdash"}  # of the look with that mark
SIGNS = {"v": "triangle-down", "o": "circle", "s": "square", "D": "diamond", "^": "triangle-up"}


def panels_json(comparison: Comparison) -> str:
    """Return `panels` as JSON that can stand inside a script element: no ``<`` can end it."""
    packed = json.dumps(panels(comparison), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return packed.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def panels(comparison: Comparison) -> dict[str, Any]:
    """Return what the interactive panels show, as JSON values.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    dict
        ``start`` [ms UTC], ``unit``, ``modes`` (name, dash and mark of each), ``curves`` and ``marks`` by panel, and
        ``instruments`` with price, its currency, liquidation lines and marks of each.
    """
    market = comparison.first.market
    time = _seconds(market.close_time, market.open_time)
    columns = int(np.clip(MOST_COLUMNS // max(market.n_instruments, 1), FEWEST_COLUMNS, COLUMNS))
    runs = list(comparison.results.values())
    return {
        "start": int(market.open_time[0]) // 1_000_000,
        "unit": comparison.currency,
        "modes": [
            {"name": name_of(mode), "dash": DASHES[look(mode).marker], "sign": SIGNS[look(mode).marker]}
            for mode in comparison.modes
        ],
        "curves": {
            "equity": [_packed(time, run.equity, extremes(time, run.equity, COLUMNS)) for run in runs],
            "low": [_packed(time, run.equity_low, lowest(time, run.equity_low, COLUMNS)) for run in runs],
            "drawdown": [_drawdown(run, time) for run in runs],
            "ratio": [_ratio(run, time) for run in runs],
            "funding": [_funding(run, time) for run in runs],
        },
        "marks": [_marks_of_account(run, time) for run in runs],
        "instruments": [_instrument(comparison, i, time, columns) for i in range(market.n_instruments)],
    }


def _seconds(time: Ints, since: Ints) -> Floats:
    return (time - since[0]) / 1e9


def _packed(time: Floats, value: ArrayLike, at: Ints | slice = slice(None)) -> dict[str, str]:
    """Return the chosen points of a series as base64."""
    x, y = time[at].astype("<i4"), np.asarray(value, float)[at].astype("<f4")
    return {"x": b64encode(x.tobytes()).decode(), "y": b64encode(y.tobytes()).decode()}


def _drawdown(run: Result, time: Floats) -> dict[str, str]:
    depth = underwater(run.equity, run.scenario.balance, run.equity_low) * 100.0
    return _packed(time, depth, extremes(time, depth, COLUMNS))


def _ratio(run: Result, time: Floats) -> dict[str, str]:
    ratio = np.minimum(run.worst_margin_ratio, RATIO_TOP)
    return _packed(time, ratio, extremes(time, ratio, COLUMNS))


def _funding(run: Result, time: Floats) -> dict[str, str]:
    """Return the funding paid up to each close; received is negative."""
    rows = run.ledger[run.ledger["kind"] == FUNDING_PAID]
    paid = np.cumsum(np.bincount(rows["bar"], -rows["amount"], minlength=len(time)))
    return _packed(time, paid, extremes(time, paid, COLUMNS))


def _marks_of_account(run: Result, time: Floats) -> dict[str, Any]:
    """Return where the account was liquidated: at the equity of those closes, neighbours joined."""
    rows = run.events[run.events["kind"] == LIQUIDATION]
    bars, sums = _joined(rows, time)
    said = [f"{text.counted(n, 'liquidation')}, {text.money(loss)} lost" for n, loss in sums]
    return _packed(time[bars], run.equity[bars]) | {"text": said}


def _joined(rows: NDArray[Any], time: Floats) -> tuple[Ints, list[tuple[int, float]]]:
    """Return a bar for each group of liquidations that stand together, the worst of them, with number and loss."""
    if not len(rows):
        return np.zeros(0, np.int64), []
    bar = rows["bar"].astype(np.int64)
    group = bar if len(np.unique(bar)) <= MOST_MARKS else columns_of(time, MOST_MARKS)[bar]
    order = np.lexsort((rows["amount"], group))
    firsts = np.flatnonzero(np.diff(group[order], prepend=-1))
    count = np.diff(np.append(firsts, len(order)))
    loss = np.add.reduceat(-rows["amount"][order], firsts)
    return bar[order][firsts], list(zip(count.tolist(), loss.tolist(), strict=True))


def _instrument(comparison: Comparison, i: int, time: Floats, columns: int) -> dict[str, Any]:
    market = comparison.first.market
    mark = market.mark_close[:, i]
    known = np.flatnonzero(~np.isnan(mark))
    x, low, high = envelope(time[known], market.mark_low[known, i], market.mark_high[known, i], columns)
    return {
        "name": market.symbols[i],
        "quote": quote_of(market.symbols[i]),
        "price": _packed(time, mark, extremes(time, mark, columns)),
        "low": _packed(x, low),
        "high": _packed(x, high),
        "lines": [_lines(run, i, time, columns // 2) for run in comparison.results.values()],
        "marks": [_marks_of_instrument(run, i, time) for run in comparison.results.values()],
    }


def _slots_of(run: Result, i: int) -> list[int]:
    return [j for j, slot in enumerate(run.scenario.slots) if slot.instrument == i]


def _lines(run: Result, i: int, time: Floats, columns: int) -> list[dict[str, str]]:
    """Return the nearest liquidation prices below and above the mark, of all positions in an instrument."""
    mark = run.market.mark_close[:, i]
    below, above = np.full(len(mark), -np.inf), np.full(len(mark), np.inf)
    for j in _slots_of(run, i):
        line = np.where(np.abs(run.liquidation_price[:, j] - mark) <= FAR * mark, run.liquidation_price[:, j], np.nan)
        below = np.fmax(below, np.where(line <= mark, line, np.nan))
        above = np.fmin(above, np.where(line > mark, line, np.nan))
    out = []
    for line in (below, above):
        line[np.isinf(line)] = np.nan
        if not np.isnan(line).all():
            out.append(_packed(time, line, extremes(time, line, columns)))
    return out


def _marks_of_instrument(run: Result, i: int, time: Floats) -> dict[str, Any]:
    """Return where positions of an instrument were liquidated: bar and mark; of many, those of the largest losses."""
    rows = run.events[(run.events["kind"] == LIQUIDATION) & np.isin(run.events["slot"], _slots_of(run, i))]
    rows = rows[np.argsort(rows["amount"], kind="stable")[:MOST_MARKS]]
    names = text.distinct(run.slot_names)
    said = [
        f"{names[row['slot']]}: {row['quantity']:+.6g} at {row['price']:.8g}, {text.money(-row['amount'])} lost"
        for row in rows
    ]
    return _packed(time[rows["bar"]], rows["price"]) | {"text": said}
