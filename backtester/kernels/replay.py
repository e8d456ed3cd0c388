"""Per-bar records out of the logs: what every pool and slot held at the close of every bar.

The bar loop writes changes only, which keeps it fast and small. This pass puts them back on the time axis and values
them with the same formulas.
"""

import numpy as np

from backtester.kernels._jit import entry, kernel
from backtester.kernels._views import tail
from backtester.kernels.closed_form import price_within
from backtester.kernels.levels import price_of
from backtester.kernels.margin import appraise, put_tiers
from backtester.schema import MAINTENANCE

NONE_YET = np.int64(0)  # not a literal, for which numba would compile the callees once more


@entry
def replay(run, changes, mark_close, records, first_bar):
    """Fill `records` for all bars from `first_bar` on from `run`'s ledger and position rows.

    Parameters
    ----------
    run : Run
        Fresh state of the same scenario, with the logs of its run.
    changes : record array
        TIER_CHANGE rows of the run.
    mark_close : float64 array, (n_instruments, n_bars)
        Levels of the mark closes.
    records : Records
        Of the bars ``first_bar ...``.
    first_bar : int
    """
    ledger, position, change = NONE_YET, NONE_YET, NONE_YET
    for t in range(first_bar, first_bar + len(tail(records.cash, 0, 0))):
        while ledger < len(run.ledger) and run.ledger[ledger].bar <= t:
            row = run.ledger[ledger]
            run.pools[row.pool].cash += row.amount
            ledger += 1
        while position < len(run.positions) and run.positions[position].bar <= t:
            put_position(run, position)
            position += 1
        while change < len(changes) and changes[change].bar <= t:
            put_tiers(run, changes[change])
            change += 1
        for i in range(len(run.instruments)):
            k = t
            while k > 0 and np.isnan(mark_close[i, k]) and t == first_bar:
                k -= 1
            if not np.isnan(mark_close[i, k]):
                run.instruments[i].mark_from = mark_close[i, k]
                run.instruments[i].mark_to = mark_close[i, k]
        record_bar(run, records, t - first_bar)


@kernel
def put_position(run, row):
    """Set a slot to one of the logged positions."""
    change = run.positions[row]
    slot = run.slots[change.slot]
    if change.quantity != 0.0 and slot.quantity == 0.0:
        run.pools[slot.pool].n_open += 1
    elif change.quantity == 0.0 and slot.quantity != 0.0:
        run.pools[slot.pool].n_open -= 1
    slot.quantity = change.quantity
    slot.entry = change.entry
    slot.leverage = change.leverage


@kernel
def record_bar(run, records, t):
    """Value every pool and slot at the present marks."""
    for p in range(len(run.pools)):
        pool = run.pools[p]
        records.cash[p, t] = pool.cash
        equity, requirement, initial = pool.cash, 0.0, 0.0
        if pool.n_open > 0:
            equity, requirement, initial = appraise(run, p, 0.0)
        records.pnl[p, t] = equity - pool.cash
        records.initial_margin[p, t] = initial
        records.requirement[p, t] = requirement
        for k in range(pool.first, pool.last):
            j = run.slots[k].member
            slot = run.slots[j]
            records.quantity[j, t] = slot.quantity
            records.entry_price[j, t] = price_of(slot.entry, run.instruments[slot.instrument].inverse)
            records.leverage[j, t] = slot.leverage
            records.liquidation_price[j, t] = price_within(run, j, 0.0, MAINTENANCE, equity, requirement)
