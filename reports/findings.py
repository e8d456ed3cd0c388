"""What each chart shows, as one sentence: its title, and its text for those who cannot see it."""

from __future__ import annotations

import math

import numpy as np

from backtester import text
from backtester.compare import Comparison
from backtester.comparing.summary import value
from backtester.comparing.verdict import SAME_DEPTH, TIE, name_of
from reports.why import class_labels

SPACE, MINUS = "\u00a0", "\u2212"  # a space at which no line ends; the sign

__all__ = ["attribution", "drawdown", "equity", "liquidations", "margin"]


def _named(mode: str, *, first: bool = False) -> str:
    name = name_of(mode)
    return name.capitalize() if first else name


def equity(comparison: Comparison) -> str:
    """Say which mode ended higher, or which was ruined."""
    table, unit = comparison.metrics, f"{SPACE}{comparison.currency}"
    ends = {mode: value(table, "final_equity", mode) for mode in comparison.modes}
    ruined = [mode for mode in ends if not math.isnan(value(table, "time_of_ruin", mode))]
    if ruined and len(ruined) == len(ends):
        when = text.moment(max(value(table, "time_of_ruin", mode) for mode in ruined))
        return f"{'Both modes' if len(ends) == 2 else 'Every mode'} lost everything by {when}"
    best = max(ends, key=lambda mode: ends[mode])
    others = [mode for mode in ends if mode != best]
    if ruined:
        names = text.joined([_named(mode, first=k == 0) for k, mode in enumerate(ruined)])
        return f"{names} lost everything; {_named(best)} ended with {_whole(ends[best])}{unit}"
    if not others:
        return f"{_named(best, first=True)} ended with {_whole(ends[best])}{unit}"
    second = max(others, key=lambda mode: ends[mode])
    ahead = ends[best] - ends[second]
    if ahead <= TIE * comparison.first.scenario.balance:
        return f"{_named(best, first=True)} and {_named(second)} ended alike, with {_whole(ends[best])}{unit}"
    return f"{_named(best, first=True)} ended {_whole(ahead)}{unit} ahead of {_named(second)}"


def drawdown(comparison: Comparison) -> str:
    """Say how deep each mode fell inside bars."""
    depth = {mode: value(comparison.metrics, "max_drawdown_in_bars", mode) for mode in comparison.modes}
    least = min(depth, key=lambda mode: depth[mode])
    others = sorted((mode for mode in depth if mode != least), key=lambda mode: depth[mode])
    if not others:
        return f"{_named(least, first=True)} fell {_share(depth[least])} at worst"
    if depth[others[-1]] - depth[least] <= SAME_DEPTH:
        return f"All fell alike: {_share(depth[least])} at worst"
    rest = text.joined([f"{_named(mode)}{SPACE}{_share(depth[mode])}" for mode in others])
    return f"{_named(least, first=True)} fell {_share(depth[least])} at worst, {rest}"


def liquidations(comparison: Comparison) -> str:
    """Say how often each mode was liquidated, and what it lost by it; and how often it was topped up."""
    table, parts = comparison.metrics, list[str]()
    topped = {mode: int(value(table, "auto_top_ups", mode)) for mode in comparison.modes}
    saved = text.joined([f"{_named(mode)}{SPACE}{count:,}" for mode, count in topped.items() if count])
    saved = f"; automatic top-ups: {saved}" if saved else ""
    if not any(value(table, "liquidations", mode) for mode in comparison.modes):
        return f"No position was liquidated{saved}"
    for mode in comparison.modes:
        count = int(value(table, "liquidations", mode))
        lost = f" ({_loss(value(table, 'liquidation_loss', mode), comparison.currency)})" if count else ""
        times = {0: "never", 1: "once"}.get(count, f"{count:,} times")
        parts.append(f"{_named(mode, first=not parts)}{'' if parts else ' was liquidated'} {times}{lost}")
    return ", ".join(parts) + saved


def margin(comparison: Comparison) -> str:
    """Say in how many bars each mode stood at the liquidation line."""
    touched = {mode: int((run.worst_margin_ratio >= 1.0).sum()) for mode, run in comparison.results.items()}
    if any(touched.values()):
        parts = [f"{_named(mode)} {count:,}" for mode, count in touched.items()]
        return f"Bars in which a pool reached liquidation: {', '.join(parts)}"
    worst = {mode: float(np.max(run.worst_margin_ratio)) for mode, run in comparison.results.items()}
    nearest = max(worst, key=lambda mode: worst[mode])
    if not worst[nearest]:
        return "No margin was ever in use"
    return f"No pool was liquidated; the highest ratio was {worst[nearest]:.2f}, in {_named(nearest)}"


def attribution(comparison: Comparison, other: str | None = None) -> str:
    """Say which kind of pairs put the first mode ahead of the second, or of another one, or behind it most."""
    found = comparison.attributions[other] if other else comparison.attribution
    if found is None:
        return "One mode alone: nothing to take apart"
    unit, first, labels = comparison.currency, _named(found.modes[0], first=True), class_labels(found.modes)
    sums = found.sums["difference"]
    if abs(found.difference) <= TIE * comparison.first.scenario.balance:
        return f"{first} and {_named(found.modes[1])} ended alike"
    ahead = found.difference > 0.0
    name = str(sums.idxmax() if ahead else sums.idxmin())
    where = f"ended {_whole(abs(found.difference))}{SPACE}{unit} {'ahead' if ahead else 'behind'}"
    return f"{first} {where}; most for it: {labels[name]} ({_signed(float(sums[name]))})"


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else MINUS}{_whole(abs(value))}"


def _whole(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100.0 else text.money(value)


def _loss(value: float, unit: str) -> str:
    return f"{'+' if value < 0 else MINUS}{_whole(abs(value))}{SPACE}{unit}"


def _share(value: float) -> str:
    return f"{value * 100:.1f}{SPACE}%"
