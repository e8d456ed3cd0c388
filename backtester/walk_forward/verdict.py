"""A walk-forward in plain words: who survived, who ended higher, what was left of the promise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from backtester import text
from backtester.comparing.verdict import SAME_DEPTH, name_of

if TYPE_CHECKING:
    from backtester.walk_forward.outcome import WalkForward

__all__ = ["verdict"]

ALIKE = 1e-9  # of the balance


def verdict(result: WalkForward) -> str:
    """Return some sentences on the modes of a walk-forward."""
    parts = [_survival(result), _equity(result), _drawdown(result), _promise(result)]
    return " ".join(part for part in parts if part)


def _survival(result: WalkForward) -> str:
    """Say which modes kept more than the floor inside every bar."""
    n, fall = len(result.windows), result.summary["time_of_fall"]
    alive = [name_of(mode) for mode in result.modes if math.isnan(fall[mode])]
    dead = [name_of(mode) for mode in result.modes if not math.isnan(fall[mode])]
    when = [text.moment(fall[mode]) for mode in result.modes if not math.isnan(fall[mode])]
    lost = f"{text.joined(dead)} fell to {100 * result.floor:g} % of the balance, first at {text.joined(when)}"
    windows = {1: "the one window", 2: "both windows"}.get(n, f"all {n} windows")
    survived = f"{text.joined(alive)} survived {windows}"
    said = "; ".join([survived] * bool(alive) + [lost] * bool(dead))
    return f"{said[0].upper()}{said[1:]}."


def _equity(result: WalkForward) -> str:
    final = result.summary["final_equity"].astype(float).sort_values(ascending=False, kind="stable")
    first, *others = final.index
    said = f"{text.money(final[first])} {result.currency}"
    if not others:
        return f"Out of sample it ended with {said} of {text.money(result.account.balance)}."
    if final[first] - final[others[0]] <= ALIKE * result.account.balance:
        return f"Out of sample {text.joined([name_of(mode) for mode in result.modes])} ended alike: {said}."
    against = text.joined([f"{text.money(final[mode])} in {name_of(mode)}" for mode in others])
    return f"Out of sample {name_of(first)} ended higher: {said}, against {against}."


def _drawdown(result: WalkForward) -> str:
    depth = result.summary["max_drawdown_in_bars"].astype(float).sort_values(kind="stable")
    least, *others = depth.index
    if not others:
        return f"Largest drawdown inside bars: {text.percent(depth[least])}."
    if depth[others[0]] - depth[least] <= SAME_DEPTH:
        return f"The largest drawdown inside bars was the same: {text.percent(depth[least])}."
    against = text.joined([f"{text.percent(depth[mode])} in {name_of(mode)}" for mode in others])
    best = f"{name_of(least).capitalize()} had the smaller drawdown inside bars"
    return f"{best}: {text.percent(depth[least])}, against {against}."


def _promise(result: WalkForward) -> str:
    kept = result.summary["efficiency"]
    if kept.isna().all():
        return "The choices had no gain in sample: there is no promise to hold the tests against."
    said = [
        f"{name_of(mode)} {text.percent(kept[mode])}" if kept[mode] == kept[mode] else f"{name_of(mode)} undefined"
        for mode in result.modes
    ]
    lost = " (where the choices lost in sample there is nothing to keep)" if kept.isna().any() else ""
    return f"Of the return a year that the choices had in sample, out of sample kept: {text.joined(said)}{lost}."
