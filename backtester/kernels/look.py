"""What a strategy sees of its account at the close of a bar. docs/authors.md, "Bar by bar"."""

import numpy as np

from backtester.kernels._jit import entry, kernel
from backtester.kernels.closed_form import price_within
from backtester.kernels.levels import price_of
from backtester.kernels.margin import appraise
from backtester.kernels.simulate import last_mark
from backtester.schema import MAIN, MAINTENANCE


@entry
def look(run, bars, curves, view, index):
    """Value the account, every pool and every slot at the last close, where the run stands between two bars.

    Parameters
    ----------
    run : Run
    bars : Bars
    curves : Curves
    view : View
        Filled, but for the liquidation prices: see `look_closer`.
    index : int
        Number of the decision.
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
        look_at(run, view, j)
        view.slots[j].price = view.closes[index, run.slots[j].instrument]
    main = view.pools[MAIN]
    view.account[0].equity = curves.equity[t]
    view.account[0].free_margin = min(run.pools[MAIN].cash, main.equity - main.initial_margin)
    view.account[0].n_events = run.state[0].n_events
    if run.state[0].bankrupt:
        view.account[0].free_margin = 0.0


@kernel
def look_at(run, view, j):
    """Fill in what is seen of slot `j`, whose pool has been valued."""
    slot, seen = run.slots[j], view.slots[j]
    quote, pool, backing = run.instruments[slot.instrument], run.pools[slot.pool], view.pools[slot.pool]
    seen.mark = price_of(quote.mark_from, quote.inverse)
    seen.quantity = slot.quantity
    seen.entry = price_of(slot.entry, quote.inverse)
    seen.leverage = slot.leverage
    seen.pnl, seen.funding_paid = 0.0, 0.0
    if slot.quantity != 0.0:
        seen.pnl = slot.quantity * (quote.mark_from - slot.entry)
        seen.funding_paid = slot.funding
    seen.isolated_margin = pool.cash if pool.on_demand else np.nan
    seen.equity, seen.requirement = backing.equity, backing.requirement
    seen.margin_ratio = 0.0
    if backing.requirement != 0.0:
        seen.margin_ratio = backing.requirement / backing.equity if backing.equity > 0.0 else np.inf
    seen.liquidation_price = np.inf


@entry
def look_closer(run, view, first, last):
    """Find the prices that liquidate the pools of slots `first` to `last - 1` if their instruments move alone.

    It takes longer than all that `look` does, which comes first, and many strategies do without.
    """
    for j in range(first, last):
        pool = view.pools[run.slots[j].pool]
        price = price_within(run, j, 0.0, MAINTENANCE, pool.equity, pool.requirement)
        view.slots[j].liquidation_price = price
