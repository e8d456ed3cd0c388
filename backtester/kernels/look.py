"""What a strategy sees of its account at the close of a bar. docs/bar-by-bar.md."""

import numpy as np

from backtester.kernels._jit import entry, kernel
from backtester.kernels.closed_form import instrument_level, price_near
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
        Filled.
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
        look_at_pool(run, view, p)
    for j in range(len(run.slots)):
        look_at_slot(run, view, j)
        view.slots[j].price = view.closes[index, run.slots[j].instrument]
    look_at_account(run, view, curves.equity[t])


@kernel
def look_at_account(run, view, equity):
    """Fill in what is seen of the account, of which main is what isolated positions draw on."""
    seen = view.account[0]
    seen.equity = equity
    seen.free_margin = view.pools[MAIN].free_margin
    seen.available_margin = min(run.pools[MAIN].cash, seen.free_margin)
    if run.state[0].bankrupt:
        seen.available_margin = 0.0
    seen.is_bankrupt = run.state[0].bankrupt != 0
    seen.seen_events = seen.n_events
    seen.n_events = run.state[0].n_events


@kernel
def look_at_pool(run, view, p):
    """Fill in what is seen of pool `p`, and the liquidation prices of its slots."""
    pool, seen = run.pools[p], view.pools[p]
    seen.equity, seen.requirement, seen.initial_margin = pool.cash, 0.0, 0.0
    if pool.n_open > 0:
        seen.equity, seen.requirement, seen.initial_margin = appraise(run, p, 0.0)
        look_at_liquidation(run, view, p)
    seen.free_margin = 0.0 if run.state[0].bankrupt else seen.equity - seen.initial_margin


@kernel
def look_at_liquidation(run, view, p):
    """Find the price of each instrument of pool `p` that liquidates the pool if the instrument moves alone."""
    pool, backing = run.pools[p], view.pools[p]
    first = pool.first
    while first < pool.last:
        j = run.slots[first].member
        last, n_open = first, 0
        while last < pool.last and run.slots[run.slots[last].member].instrument == run.slots[j].instrument:
            n_open += run.slots[run.slots[last].member].quantity != 0.0
            last += 1
        if n_open > 0:
            level = instrument_level(run, j, 0.0, MAINTENANCE, backing.equity, backing.requirement, first, last)
            for k in range(first, last):
                held = run.slots[k].member
                view.slots[held].liquidation_price = price_near(run, held, level)
        first = last


@kernel
def look_at_slot(run, view, j):
    """Fill in what is seen of slot `j`, whose pool has been looked at."""
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
    else:
        seen.liquidation_price = np.nan
    seen.isolated_margin = pool.cash if pool.on_demand else np.nan
    seen.equity, seen.requirement = backing.equity, backing.requirement
    seen.initial_margin, seen.free_margin = backing.initial_margin, backing.free_margin
    seen.margin_ratio = 0.0
    if backing.requirement != 0.0:
        seen.margin_ratio = backing.requirement / backing.equity if backing.equity > 0.0 else np.inf
