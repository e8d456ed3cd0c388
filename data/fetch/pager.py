"""Walking through a history of which each reply holds only a part.

Nothing is taken for granted about which part that is. Some venues answer a window with its oldest rows, some with its
newest, some with fewer than they say, and an instrument may have no rows at all for a while. So a short reply ends
nothing: what lies before its first row is asked for once more, the walk goes on after its last row, and only an empty
reply says that a window is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

Ask = Callable[[int, int], "pd.DataFrame"]


class Page(NamedTuple):
    """What is known of ``first <= time < last`` [ms UTC]: these rows and no others."""

    first: int
    last: int
    rows: pd.DataFrame


class Walk(NamedTuple):
    """How to walk.

    Parameters
    ----------
    ask : callable
        ``ask(first, last)`` returns rows with ``first <= timestamp < last``, sorted, each time once; maybe not all.
    window : int
        Time asked for at once [ms].
    step : int
        Least time from a row to the next [ms].
    slack : callable
        ``slack(rows)``: time before the first row that needs no asking [ms].
    skip : callable, optional
        ``skip(time)``: where to go on after an empty window.
    whole : bool
        Whether one reply holds all there is: then there is nothing to walk.
    """

    ask: Ask
    window: int
    step: int
    slack: Callable[[pd.DataFrame], int]
    skip: Callable[[int], int] | None = None
    whole: bool = False

    def pages(self, first: int, last: int) -> Iterator[Page]:
        """Yield what is known of ``first <= time < last``, in ascending order and without a gap."""
        if self.whole:
            yield Page(first, last, self.ask(first, last))
            return
        at = first
        while at < last:
            end = min(at + self.window, last)
            rows = self.ask(at, end)
            if len(rows) == 0:
                beyond = end if self.skip is None or end == last else min(max(end, self.skip(end)), last)
                yield Page(at, beyond, rows)
                at = beyond
                continue
            begins, ends = int(rows["timestamp"].iloc[0]), int(rows["timestamp"].iloc[-1]) + self.step
            if begins - at > self.slack(rows):
                yield from self._replace(skip=None).pages(at, begins)
                at = begins
            yield Page(at, ends, rows)
            at = ends
