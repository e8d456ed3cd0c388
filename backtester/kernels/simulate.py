"""The bar loop. docs/model.md, "A bar"."""

import numpy as np

from backtester.kernels._jit import entry, kernel, seldom
from backtester.kernels._views import prefetch
from backtester.kernels.funding import settle
from backtester.kernels.logs import log_event
from backtester.kernels.margin import put_tiers
from backtester.kernels.orders import execute
from backtester.kernels.path import all_clear, check_margins, observe, quote_trade, walk
from backtester.kernels.quiet import break_window, look_ahead, pass_quiet
from backtester.kernels.recording import has_lows, has_ratios
from backtester.kernels.stretches import has_stretches, log_stretch
from backtester.kernels.working import drop_everywhere, is_market, put_in
from backtester.schema import (
    ARRIVING,
    AT_CLOSE,
    AT_OPEN,
    BANKRUPT,
    DONE,
    EXPIRED,
    LOG_FULL,
    NO_REASON,
    NOBODY,
)

AHEAD = 2  # orders
BANKRUPT_TOLERANCE = 1e-9  # of the balance: less cash is none


@entry
def advance(run, agenda, bars, curves, pad, path, until):
    """Run an account from where it stands to the open of bar `until`.

    Parameters
    ----------
    run : Run
        State and orders; at the start slots flat, pools empty. Levels, not prices.
    agenda : Agenda
        Margin instructions, funding and changes of tiers.
    bars : Bars
        Levels, ``(n_instruments, n_bars)``.
    curves : Curves
        Written once per bar.
    pad : Pad
        Scratch.
    path : int
        Code of the intrabar path.
    until : int
        At most the number of bars. Orders and instructions that act from there on may be added before the next call,
        if `state.window_end` and `state.looked_ahead` are then set to 0.

    Returns
    -------
    int
        DONE, or LOG_FULL when a log was too short: `run.state` then says how many rows each needs.
    """
    state = run.state[0]
    state.keeps_ratios = has_ratios(curves)
    order, action, funding, change = state.next_order, state.next_action, state.next_funding, state.next_change
    t, n_bars = state.next_bar, len(curves.equity)
    horizon = next_entry(agenda, action, funding, change, n_bars)
    while t < until:
        next_order, next_action, next_funding, next_change = rows_of(run.orders, order, t), action, funding, change
        opened = next_order > order or t == horizon or state.next_expiry <= t
        begin_bar(run, t)
        if t == horizon:
            next_action = rows_of(agenda.actions, action, t)
            next_funding = rows_of(agenda.funding, funding, t)
            next_change = rows_of(agenda.tiers, change, t)
            horizon = next_entry(agenda, next_action, next_funding, next_change, n_bars)
            for row in range(change, next_change):
                put_tiers(run, agenda.tiers[row])
        if opened:
            open_bar(run, agenda, bars, pad, order, next_order, action, next_action, funding, next_funding)
            order, action, funding, change = next_order, next_action, next_funding, next_change
        stop = min(until, horizon, state.next_expiry)
        if order < len(run.orders):
            stop = min(stop, run.orders[order].bar)
        quiet = pass_quiet(run, bars, curves, pad, t, stop, horizon, path)
        if opened and quiet > 0:
            note_bankruptcy(run)
        t += quiet
        if t < stop:
            if opened and quiet == 0:
                observe(run)  # the orders of this open may have changed what its check saw
            else:
                begin_bar(run, t)
                open_loud(run, bars, pad)
            walk(run, bars, path)
            close_bar(run, curves)
            t += 1
    state.next_order, state.next_action, state.next_funding, state.next_change = order, action, funding, change
    state.next_bar = t
    full = state.n_events > len(run.events) or state.n_ledger > len(run.ledger)
    return LOG_FULL if full or state.n_positions > len(run.positions) else DONE


@kernel
def rows_of(table, row, t):
    """The row after those of bar `t`, which begin at `row`."""
    while row < len(table) and table[row].bar == t:
        row += 1
    return row


@kernel
def next_entry(agenda, action, funding, change, n_bars):
    """Bar of the next margin instruction, funding or change of tiers, `n_bars` when there is none."""
    bar = n_bars
    if action < len(agenda.actions):
        bar = min(bar, agenda.actions[action].bar)
    if funding < len(agenda.funding):
        bar = min(bar, agenda.funding[funding].bar)
    if change < len(agenda.tiers):
        bar = min(bar, agenda.tiers[change].bar)
    return bar


@kernel
def begin_bar(run, t):
    """Set the clock to the open of bar `t` and forget the last bar's extremes."""
    clock = run.state[0]
    clock.bar = t
    clock.segment = AT_OPEN
    clock.s = 0.0
    clock.equity_low = np.inf
    clock.worst_ratio = 0.0
    if clock.keeps_ratios:
        for p in range(len(run.pools)):
            run.pools[p].ratio = 0.0


@kernel
def open_bar(run, agenda, bars, pad, order, next_order, action, next_action, funding, next_funding):
    """At an open that has something on: funding, margin check, orders."""
    quote_open(run, bars)
    look_ahead(run, pad)
    for row in range(order, next_order):
        slot = run.slots[run.orders[row].slot]
        if is_market(run, row):
            slot.waiting_order = row
        else:
            put_in(run, run.orders[row].working, ARRIVING)
        run.instruments[slot.instrument].next_order = run.orders[row].next
        quote_trade(run.instruments[slot.instrument], bars, slot.instrument, run.state[0].bar)
        if row + AHEAD < len(run.orders):
            fetch_open(run, bars, run.orders[row + AHEAD])
    for row in range(funding, next_funding):
        settle(run, agenda.funding[row])
        coming = row + next_funding - funding
        if coming < len(agenda.funding):
            prefetch(bars.mark_open, agenda.funding[coming].instrument, agenda.funding[coming].bar)
    check_open(run, pad)
    if run.state[0].next_expiry <= run.state[0].bar:
        drop_everywhere(run, EXPIRED, NOBODY)
    if next_order > order or next_action > action:
        execute(run, agenda.actions, order, next_order, action, next_action)
    run.state[0].looked_ahead = 0


@seldom
def open_loud(run, bars, pad):
    """At the open of a bar that is to be walked: margin check."""
    quote_open(run, bars)
    look_ahead(run, pad)
    check_open(run, pad)
    run.state[0].looked_ahead = 0


@kernel
def check_open(run, pad):
    """Check the margin of all pools at the mark opens."""
    if not all_clear(run, pad):
        break_window(run)
        check_margins(run)
        observe(run)


@kernel
def fetch_open(run, bars, order):
    """Have the prices of an order to come fetched; a run would wait for them otherwise."""
    i = run.slots[order.slot].instrument
    prefetch(bars.mark_open, i, order.bar)
    prefetch(bars.open, i, order.bar)
    prefetch(bars.open_price, i, order.bar)


@kernel
def quote_open(run, bars):
    """Set the marks to the opens; an instrument without data keeps the last known mark close."""
    t = run.state[0].bar
    for i in range(len(run.instruments)):
        quote = run.instruments[i]
        mark = bars.mark_open[i, t]
        quote.live = 0 if np.isnan(mark) else 1
        if not quote.live:
            mark = last_mark(quote, bars, i, t)
        quote.mark_from = mark
        quote.mark_to = mark


@kernel
def last_mark(quote, bars, i, t):
    """Last known mark close before bar `t`; each bar is looked at once."""
    k = t - 1
    while k > quote.last_bar and np.isnan(bars.mark_close[i, k]):
        k -= 1
    if k > quote.last_bar:
        quote.last = bars.mark_close[i, k]
    quote.last_bar = max(quote.last_bar, t - 1)
    return quote.last


@kernel
def close_bar(run, curves):
    """Record a bar that was walked, at its close; say once when the account is bankrupt."""
    clock = run.state[0]
    t = clock.bar
    clock.segment = AT_CLOSE
    curves.equity[t] = observe(run)
    if has_stretches(curves):
        log_stretch(run, curves, t, clock.equity_low, 0.0)
    elif has_lows(curves):
        curves.equity_low[t] = clock.equity_low
    if has_ratios(curves):
        curves.worst_ratio[t] = clock.worst_ratio
        for p in range(len(run.pools)):
            curves.pool_ratio[p, t] = run.pools[p].ratio
    note_bankruptcy(run)


@kernel
def note_bankruptcy(run):
    """Log it once when no pool has a position or cash above 1e-9 of the balance: the account is bankrupt."""
    if run.state[0].bankrupt:
        return
    for p in range(len(run.pools)):
        pool = run.pools[p]
        if pool.n_open > 0 or pool.cash > BANKRUPT_TOLERANCE * run.state[0].balance:
            return
    run.state[0].bankrupt = 1
    run.state[0].segment = AT_CLOSE
    run.state[0].s = 1.0
    log_event(run, BANKRUPT, NO_REASON, NOBODY, np.nan, 0.0, 0.0)
