"""What a strategy sees of its account at the close of a bar. docs/authors.md, "Bar by bar"."""

import numpy as np

from backtester.kernels._jit import entry
from backtester.kernels.closed_form import price_within
from backtester.kernels.levels import price_of
from backtester.kernels.margin import appraise
from backtester.kernels.simulate import last_mark
from backtester.schema import MAINTENANCE


@entry
def look(run, bars, view):
    """Value every pool and slot at the last close, where the run stands between two bars.

    Parameters
    ----------
    run : Run
    bars : Bars
    view : View
        Filled: equity, requirement and initial margin of each pool; the mark of each slot.
    """
    t = run.state[0].next_bar - 1
    for i in range(len(run.instruments)):
        quote = run.instruments[i]
        mark = bars.mark_close[i, t]
        if np.isnan(mark):
            mark = last_mark(quote, bars, i, t + 1)
        quote.mark_from, quote.mark_to = mark, mark
    for p in range(len(run.pools)):
        seen = view.pools[p]
        seen.equity, seen.requirement, seen.initial_margin = run.pools[p].cash, 0.0, 0.0
        if run.pools[p].n_open > 0:
            seen.equity, seen.requirement, seen.initial_margin = appraise(run, p, 0.0)
    for j in range(len(run.slots)):
        quote = run.instruments[run.slots[j].instrument]
        view.slots[j].mark = price_of(quote.mark_from, quote.inverse)


@entry
def look_closer(run, view, j):
    """Find the price that liquidates slot `j`'s pool if its instrument moves alone; `look` comes first."""
    pool = view.pools[run.slots[j].pool]
    price = price_within(run, j, 0.0, MAINTENANCE, pool.equity, pool.requirement)
    view.slots[j].liquidation_price = price
