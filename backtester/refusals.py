"""Why orders were rejected or cut, in words: a run that trades nothing should not leave its reader guessing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backtester.schema import CUT, REASONS, REJECTED
from backtester.text import counted

if TYPE_CHECKING:
    from backtester.result import Result

__all__ = ["refusals"]

_WORDS = {
    "no_data": "no price in that bar",
    "minimum": "below the venue's smallest order or lot",
    "tier": "more leverage than the venue's tiers allow for the size",
    "available": "not enough free margin",
    "would_liquidate": "it would be liquidated at once",
    "refused": "a margin instruction that the position or the venue does not allow",
}


def refusals(result: Result, name: str) -> list[str]:
    """Return a sentence about what a run rejected, and one about what it cut; none where there is nothing.

    Parameters
    ----------
    result : Result
    name : str
        What to call the run.
    """
    kinds = ((REJECTED, "rejected"), (CUT, "cut"))
    return [sentence for code, verb in kinds if (sentence := _sentence(result, name, int(code), verb))]


def _sentence(result: Result, name: str, code: int, verb: str) -> str:
    counts = np.bincount(result.events["reason"][result.events["kind"] == code], minlength=len(REASONS))
    order = np.argsort(-counts, kind="stable")
    reasons = [f"{counts[k]:,} for {_WORDS.get(REASONS[k], REASONS[k])}" for k in order if counts[k]]
    return f"{name.capitalize()} {verb} {counted(int(counts.sum()), 'order')}: {'; '.join(reasons)}." if reasons else ""
