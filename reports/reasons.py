"""Why the modes ended apart, in the few sentences below the verdict; sections further down have it all."""

from __future__ import annotations

from backtester import text
from backtester.compare import Comparison
from backtester.verdict import name_of
from reports.closeup import largest
from reports.why import class_labels, slot_labels

__all__ = ["parted", "reasons"]

MOST_CLASSES = 3
KEPT = "while {} kept"  # what the other modes did, of which several may have done it
LEAST_SHARE = 0.02  # of the largest class: what is less is not worth a word here


def reasons(comparison: Comparison) -> list[str]:
    """Return what made the difference, what isolation closed too early, and the liquidation that cost most."""
    return [*filter(None, [_classes(comparison), *_early(comparison), _largest(comparison)])]


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


def _largest(comparison: Comparison) -> str:
    for each in largest(comparison, 1)[:1]:
        found = comparison.close_ups[each.mode].of(each.number)
        when = text.moment(int(comparison.first.market.open_time[found.bar]))
        slots = found.closings["slot"].nunique()
        name = slot_labels(comparison)[found.closings["name"].iloc[0]]
        closed = name if slots == 1 else f"{slots:,} positions, {name} first"
        lost = f"{text.money(found.loss)} {comparison.currency} lost"
        return f"The largest liquidation: {name_of(each.mode)} on {when} UTC, {closed}, {lost}."
    return ""
