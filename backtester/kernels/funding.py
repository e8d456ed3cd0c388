"""Funding payments. docs/model.md, "Funding"."""

import numpy as np

from backtester.kernels._jit import kernel
from backtester.kernels.levels import price_of
from backtester.kernels.logs import log_event, post
from backtester.kernels.margin import available
from backtester.schema import FUNDING, FUNDING_PAID, MAIN, NO_REASON


@kernel
def settle(run, event):
    """Charge one funding event to every slot on its instrument: ``payment = q*|m|*rate``, longs pay a positive rate.

    m is the event's mark, or the mark open. ``main_first``: on-demand pools draw on what main has available before
    their own cash, and receipts go to main.
    """
    instrument = run.instruments[event.instrument]
    mark = instrument.mark_from if np.isnan(event.mark) else event.mark
    main_first = run.state[0].funding_source == 1
    for j in range(len(run.slots)):
        slot = run.slots[j]
        if slot.instrument != event.instrument or slot.quantity == 0.0:
            continue
        payment = slot.quantity * abs(mark) * event.rate
        slot.funding += payment
        by_main = 0.0
        if main_first and run.pools[slot.pool].on_demand:
            by_main = min(payment, max(0.0, available(run, 0.0))) if payment > 0.0 else payment
        post(run, MAIN, FUNDING_PAID, j, -by_main)
        post(run, slot.pool, FUNDING_PAID, j, by_main - payment)
        n = run.state[0].n_events
        log_event(run, FUNDING, NO_REASON, j, np.nan, slot.quantity, -payment)
        if n < len(run.events):
            run.events[n].price = price_of(mark, instrument.inverse)
