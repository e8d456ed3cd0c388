"""The numbers by which two runs are compared: what they are called, their units, and how they come out of a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from backtester import metrics, text
from backtester.explaining.distance import closest_together
from backtester.schema import ADD_MARGIN, AUTO_TOP_UP, LIQUIDATION

if TYPE_CHECKING:
    import pandas as pd

    from backtester.result import Result

__all__ = ["MEASURES", "Measure", "formatted", "plain", "shown", "summarise", "unit", "value"]


class Measure(NamedTuple):
    """One line of the table.

    Parameters
    ----------
    key : str
        Name in frames and JSON.
    label : str
        Name for people.
    kind : str
        ``money`` [settlement currency], ``fraction`` [1, printed as percent], ``number`` [1], ``count``, ``bars``,
        ``time`` [ns UTC] or ``span`` [ns].
    note : str
        What exactly is measured, in one clause.
    rare : bool
        Shown only where it is not 0.
    """

    key: str
    label: str
    kind: str
    note: str = ""
    rare: bool = False


MEASURES = (
    Measure("final_equity", "final equity", "money"),
    Measure("total_return", "return", "fraction", "-100 % after ruin"),
    Measure("max_drawdown", "max drawdown on closes", "fraction", "of the highest close before"),
    Measure("max_drawdown_in_bars", "max drawdown inside bars", "fraction", "lows against the highest close before"),
    Measure("drawdown_bars", "longest drawdown", "bars", "peak to recovery, or to the end"),
    Measure("drawdown_time", "longest drawdown", "span", "peak to recovery, or to the end"),
    Measure("volatility", "volatility a year", "fraction", "of bar returns"),
    Measure("sharpe", "Sharpe a year", "number", "riskless rate 0"),
    Measure("sortino", "Sortino a year", "number", "target 0"),
    Measure("calmar", "Calmar", "number", "annual return over drawdown on closes"),
    Measure("liquidations", "liquidations", "count"),
    Measure("liquidation_loss", "lost in liquidations", "money", "before what insurance absorbed"),
    Measure("auto_top_ups", "automatic top-ups", "count", "of isolated positions at their line", rare=True),
    Measure("auto_top_up_margin", "moved by automatic top-ups", "money", "from the balance", rare=True),
    Measure("margin_additions", "additions of margin by hand", "count", "to isolated positions", rare=True),
    Measure("margin_added", "margin added by hand", "money", "from the balance", rare=True),
    Measure("worst_margin_ratio", "worst margin ratio", "number", "requirement over equity; liquidated at 1"),
    Measure("closest_to_liquidation", "closest to liquidation, alone", "fraction", "one instrument moves, others stay"),
    Measure("closest_together", "closest to liquidation, together", "fraction", "all move against it alike"),
    Measure("peak_margin", "peak margin in use", "money", "initial margin at closes"),
    Measure("mean_margin", "mean margin in use", "money", "initial margin at closes, all bars"),
    Measure("return_on_margin", "return on margin", "fraction", "profit over mean margin in use"),
    Measure("fees", "fees paid", "money", "trading fees"),
    Measure("liquidation_fees", "liquidation fees paid", "money"),
    Measure("funding", "funding paid", "money", "negative: received"),
    Measure("rejected", "orders rejected", "count"),
    Measure("cut", "orders cut", "count"),
    Measure("insurance_absorbed", "absorbed by insurance", "money"),
    Measure("insurance_taken", "taken by insurance", "money"),
    Measure("time_of_ruin", "time of ruin", "time", "close of the first bar without equity"),
)
DISTANCES, MET = ("closest_to_liquidation", "closest_together"), "met"
MEASURE = {measure.key: measure for measure in MEASURES}

_FORMATS: dict[str, Callable[[float, bool], str]] = {
    "money": lambda value, signed: text.money(value, signed=signed),
    "fraction": lambda value, signed: text.points(value) if signed else text.percent(value),
    "number": lambda value, signed: text.number(value, signed=signed),
    "count": lambda value, signed: text.number(value, digits=0, signed=signed),
    "bars": lambda value, signed: text.number(value, digits=0, signed=signed),
    "time": lambda value, signed: text.UNDEFINED if signed else text.moment(value),
    "span": lambda value, signed: text.span(value, signed=signed),
}


def formatted(key: str, number: float, *, difference: bool = False) -> str:
    """Return a metric as people read it: percent for fractions, ``-`` when undefined; a difference has its sign.

    A distance to liquidation of 0 is ``met``: there is no nearer, however often it was.
    """
    if number == 0.0 and key in DISTANCES and not difference:
        return MET
    return _FORMATS[MEASURE[key].kind](number, difference)


def value(table: pd.DataFrame, key: str, column: str) -> float:
    """Return one number of a frame of metrics."""
    cell: Any = table.at[key, column]  # pandas lets a cell be anything
    return float(cell)


def shown(*tables: pd.DataFrame) -> list[Measure]:
    """Return the measures that people are shown: rare ones only where some frame of metrics has them."""
    return [each for each in MEASURES if not each.rare or any((table.loc[each.key] != 0.0).any() for table in tables)]


def unit(key: str, currency: str) -> str:
    """Return the unit that stands beside a metric's label; empty when the number itself carries it."""
    return {"money": currency, "bars": "bars", "span": "time", "time": "UTC"}.get(MEASURE[key].kind, "")


def summarise(result: Result) -> dict[str, float]:
    """Return every measure of one run, in the order of `MEASURES`.

    Parameters
    ----------
    result : Result
        A run recorded in full.

    Returns
    -------
    dict of str to float
        Money in the settlement currency, fractions, counts, durations in ns, times in ns UTC. nan is undefined.
    """
    values = plain(result) | _margins(result)
    return {measure.key: values[measure.key] for measure in MEASURES}


def plain(result: Result) -> dict[str, float]:
    """Return the measures that curves and logs tell by themselves, without a look at the positions of each bar.

    Parameters
    ----------
    result : Result
        Where it did not record margin ratios, the worst of them is nan.

    Returns
    -------
    dict of str to float
        Units as in `summarise`.
    """
    curve, market, totals = result.curve, result.market, result.totals
    counts, amounts = result.event_counts, result.event_amounts
    step = market.timeframe
    values = {
        "final_equity": curve.final,
        "total_return": metrics.total_return(curve),
        "max_drawdown": metrics.max_drawdown(curve),
        "max_drawdown_in_bars": metrics.max_drawdown_in_bars(curve),
        "drawdown_bars": metrics.drawdown_length(curve),
        "drawdown_time": metrics.drawdown_time(curve, market.open_time, market.close_time),
        "volatility": metrics.volatility(curve, step),
        "sharpe": metrics.sharpe(curve, step),
        "sortino": metrics.sortino(curve, step),
        "calmar": metrics.calmar(curve, step),
        "liquidations": totals["liquidations"],
        "liquidation_loss": liquidation_loss(result),
        "auto_top_ups": counts[AUTO_TOP_UP],
        "auto_top_up_margin": amounts[AUTO_TOP_UP],
        "margin_additions": counts[ADD_MARGIN],
        "margin_added": amounts[ADD_MARGIN],
        "worst_margin_ratio": worst_margin_ratio(result),
        "fees": totals["fees"],
        "liquidation_fees": totals["liquidation_fees"],
        "funding": totals["funding"],
        "rejected": totals["rejected"],
        "cut": totals["cut"],
        "insurance_absorbed": totals["insurance_absorbed"],
        "insurance_taken": totals["insurance_taken"],
        "time_of_ruin": metrics.NAN if curve.ruin is None else int(market.close_time[curve.ruin]),
    }
    return {key: float(number) for key, number in values.items()}


def _margins(result: Result) -> dict[str, float]:
    """Return the measures that need the positions and margins of each bar."""
    used = result.pool_initial_margin.sum(axis=1)
    values = {
        "closest_to_liquidation": closest_to_liquidation(result),
        "closest_together": 0.0 if met_its_line(result) else closest_together(result),
        "peak_margin": metrics.peak_margin_in_use(used),
        "mean_margin": metrics.mean_margin_in_use(used),
        "return_on_margin": metrics.return_on_margin(result.curve, used),
    }
    return {key: float(number) for key, number in values.items()}


def liquidation_loss(result: Result) -> float:
    """Return what liquidations took out of the pools, ``-sum(amount)`` [settlement currency]."""
    return 0.0 - result.event_amounts[LIQUIDATION]


def worst_margin_ratio(result: Result) -> float:
    """Return the worst margin ratio of any pool in any bar; nan where they are not recorded."""
    ratios = result.worst_margin_ratio
    return metrics.NAN if np.isnan(ratios[0]) else float(np.max(ratios))


def met_its_line(result: Result) -> bool:
    """Return whether a pool was liquidated, or topped up instead."""
    return result.event_counts[LIQUIDATION] + result.event_counts[AUTO_TOP_UP] > 0


def closest_to_liquidation(result: Result) -> float:
    """Return the smallest distance of any slot, at closes, as a fraction of the mark; 0 if a line was met.

    Its instrument moves and the others stay: in a cross pool the distance of `closest_together` says more.
    """
    if met_its_line(result):
        return 0.0
    mark, prices, quantity = result.market.mark_close, result.liquidation_price, result.quantity
    nearest = [
        metrics.closest_distance_to_liquidation(mark[:, slot.instrument], prices[:, j], quantity[:, j])
        for j, slot in enumerate(result.scenario.slots)
    ]
    return min((distance for distance in nearest if not math.isnan(distance)), default=metrics.NAN)
