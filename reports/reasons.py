"""Why the modes ended apart, in the few sentences below the verdict; sections further down have it all."""

from __future__ import annotations

import numpy as np

from backtester import text
from backtester.compare import Comparison
from backtester.comparing.verdict import name_of
from reports.why import class_labels, slot_labels

__all__ = ["parted", "reasons"]

MOST_CLASSES = 3
KEPT = "while {} kept"  # what the other modes did, of which several may have done it
LEAST_SHARE = 0.02  # of the largest class: what is less is not worth a word here


def reasons(comparison: Comparison) -> list[str]:
    """Return what made the difference, what isolation closed too early, and the bar whose liquidations cost most."""
    return [*filter(None, [_classes(comparison), *_early(comparison), _costliest(comparison)])]


def parted(comparison: Comparison) -> list[tuple[str, str]]:
    """Return when and how the first mode parts from each other one, in one sentence where it is alike for several.

    The time is empty where the two never part.
    """
    alike: dict[tuple[str, str], list[str]] = {}
    for mode, each in comparison.partings.items():
        name = name_of(mode)
        when = f"{text.moment(each.time)} UTC" if each.bar >= 0 else ""
        why = each.why.replace(f"while {name} kept", KEPT) if when else each.said
        alike.setdefault((when, why), []).append(name)
    return [
        (when, why.replace(KEPT, f"while {text.joined(names)} kept")) for (when, why), names in alike.items()
    ]


def _classes(comparison: Comparison) -> str:
    """Name the kinds of trades that part the first mode from the second most."""
    found = comparison.attribution
    if found is None:
        return ""
    sums = found.sums["difference"]
    order = sums.abs().sort_values(ascending=False, kind="stable")
    told = [str(name) for name in order.index[:MOST_CLASSES] if order[name] > LEAST_SHARE * order.iloc[0]]
    if not told:
        return ""
    labels, minus = class_labels(found.modes), " \u2212 ".join(map(name_of, found.modes))
    parts = [f"{labels[name]} {text.money(float(sums[name]), signed=True)}" for name in told]
    return f"What made the difference, {minus} [{comparison.currency}]: {'; '.join(parts)}."


def _early(comparison: Comparison) -> list[str]:
    return [
        f"In {name_of(mode)}, {found.came_back:,} of {text.counted(len(found.blocks), 'liquidation')} came early: the "
        f"price was back at the entry within {found.within} bars."
        for mode, found in comparison.isolation.items()
        if found.came_back
    ]


def _costliest(comparison: Comparison) -> str:
    """Name the bar and the mode in which liquidations cost most, and what was liquidated."""
    losses = {mode: ups.table.groupby("bar")["loss"].sum() for mode, ups in comparison.close_ups.items() if len(ups)}
    if not losses:
        return ""
    mode = max(losses, key=lambda each: float(losses[each].max()))
    of_bars, ups = losses[mode], comparison.close_ups[mode]
    bar = int(np.asarray(of_bars.index)[of_bars.argmax()])
    here = ups.table[ups.table["bar"] == bar]
    closings = ups.of(int(np.asarray(here.index)[here["loss"].argmax()])).closings
    name, slots = slot_labels(comparison)[closings["name"].iloc[0]], closings["slot"].nunique()
    when = f"{name_of(mode)} on {text.moment(int(comparison.first.market.open_time[bar]))} UTC"
    lost = f"{text.money(float(of_bars.max()))} {comparison.currency} lost"
    if len(here) > 1:
        return f"The liquidations that cost most: {when}, {len(here):,} of them, the largest {name}, {lost} in all."
    closed = name if slots == 1 else f"{slots:,} positions, {name} first"
    return f"The largest liquidation: {when}, {closed}, {lost}."
