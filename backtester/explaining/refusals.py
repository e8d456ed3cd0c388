"""Why orders were rejected or cut, in words: a run that trades nothing should not leave its reader guessing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backtester.schema import CUT, REASONS, REJECTED
from backtester.text import counted, joined

if TYPE_CHECKING:
    from backtester.result import Result
    from backtester.venue import Instrument

__all__ = ["refusals"]

NAMED = 3  # instruments whose limits are said; the others are counted
_TIER = REASONS.index("tier")
_WORDS = {
    "no_data": "no price in that bar",
    "minimum": "below the venue's smallest order or lot",
    "tier": "more leverage than the venue's tiers allow for the size",
    "available": "not enough free margin",
    "would_liquidate": "it would be liquidated at once",
    "no_position": "nothing to reduce",
    "refused": "a margin instruction that the position or the venue does not allow",
}


def refusals(result: Result, name: str) -> list[str]:
    """Return a sentence about what a run rejected, and one about what it cut; none where there is nothing.

    Where tiers were the reason, a third one says how large a position may be at the leverage asked for.

    Parameters
    ----------
    result : Result
    name : str
        What to call the run.
    """
    kinds = ((REJECTED, "rejected"), (CUT, "cut"))
    said = [sentence for code, verb in kinds if (sentence := _sentence(result, name, int(code), verb))]
    return [*said, *_limits(result)]


def _sentence(result: Result, name: str, code: int, verb: str) -> str:
    counts = np.bincount(result.events["reason"][result.events["kind"] == code], minlength=len(REASONS))
    order = np.argsort(-counts, kind="stable")
    reasons = [f"{counts[k]:,} for {_WORDS.get(REASONS[k], REASONS[k])}" for k in order if counts[k]]
    return f"{name.capitalize()} {verb} {counted(int(counts.sum()), 'order')}: {'; '.join(reasons)}." if reasons else ""


def _limits(result: Result) -> list[str]:
    """Return what the tiers allow at the leverage of each slot that met their limit."""
    events = result.events
    met = np.isin(events["kind"], (REJECTED, CUT)) & (events["reason"] == _TIER)
    slots = (result.scenario.slots[j] for j in np.unique(events["slot"][met]))
    limits = [_limit(result.scenario.instruments[slot.instrument], slot.leverage) for slot in slots]
    limits = list(dict.fromkeys(limits))
    if not limits:
        return []
    more = [f"{len(limits) - NAMED:,} more likewise"] if len(limits) > NAMED else []
    return [f"What the tiers allow: {joined(limits[:NAMED] + more)}."]


def _limit(instrument: Instrument, leverage: float) -> str:
    """Return the largest position at a leverage, or the largest leverage where it is allowed at no size."""
    above = [tier.floor for tier in instrument.tiers if tier.max_leverage < leverage]
    if not above:
        return f"any size of {instrument.symbol} at {leverage:g}x"
    if above[0] == 0:
        return f"at most {instrument.tiers[0].max_leverage:g}x on {instrument.symbol}, at any size"
    what = "a quantity of " if instrument.tier_key == "quantity" else ""
    return f"up to {what}{above[0]:,.10g} of {instrument.symbol} at {leverage:g}x"
