"""What has happened since the last call, in compiled strategies: the events of `Bar`, as the same named tuples."""

from __future__ import annotations

import numba
import numpy as np
from numba.extending import overload_attribute

from backtester.event_driven.bar import TRADES
from backtester.event_driven.compiled_types import BarType, account_record, bar_record, event_record, word_at
from backtester.event_driven.session import Event
from backtester.schema import EVENT, EVENT_KINDS, LIQUIDATION, REASONS

ROW = EVENT.itemsize  # bytes
WHICH = {
    "events": np.ones(len(EVENT_KINDS), np.bool_),
    "fills": np.array([kind in TRADES for kind in EVENT_KINDS]),
    "liquidations": np.arange(len(EVENT_KINDS)) == LIQUIDATION,
}


@numba.njit
def _new_events(bar, wanted):
    """Return the events of these kinds in the strategy's slots, and of the account, as `Bar.events` does."""
    record = bar_record(bar)
    account, rows = account_record(record.account), word_at(record.events, 0)
    found = []
    for k in range(account.seen_events, account.n_events):
        row = event_record(rows + k * ROW)
        slot = row.slot - record.first_slot if row.slot >= 0 else -1
        if wanted[row.kind] and (row.slot < 0 or 0 <= slot < record.n_slots):
            kind, reason = EVENT_KINDS[row.kind], REASONS[row.reason]
            found.append(Event(kind, slot, row.order, row.quantity, row.fill, row.amount, reason, row.price))
    return found


def _attribute(name):
    wanted = WHICH[name]

    @overload_attribute(BarType, name)
    def attribute(bar):
        return lambda bar: _new_events(bar, wanted)


for _name in WHICH:
    _attribute(_name)
