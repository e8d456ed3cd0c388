"""Liquidation of a pool. docs/model.md, "Liquidation"."""

from backtester.kernels._jit import seldom
from backtester.kernels.closed_form import slot_price
from backtester.kernels.levels import mark_at, slipped
from backtester.kernels.logs import log_event, post
from backtester.kernels.margin import (
    appraise,
    healthy,
    initial_by_side,
    initial_margin,
    last_digit,
    note_ratio,
    side_of_slot,
    slot_requirement,
    tier_at,
)
from backtester.kernels.orders import cancel_all
from backtester.kernels.positions import REST_TOLERANCE, settle_flat, take_off
from backtester.kernels.top_up import top_up
from backtester.schema import (
    ALL_SLOTS,
    AT_OPEN,
    BACKSTOP,
    BANKRUPTCY,
    BY_LIQUIDATION,
    ENTRY_BASIS,
    FIRST_SEGMENT,
    FRACTION_FIRST,
    LARGEST_REQUIREMENT,
    LIQUIDATION,
    LIQUIDATION_FEE_PAID,
    NO_OFFSET,
    NO_REASON,
    NO_TOP_UP,
    NOBODY,
    REALISED,
    TAKEN,
    TIER_STEP,
    TO_INITIAL,
)

CLOSE_TOLERANCE = 1e-12  # of a side: what is left of a slot by less goes with it


@seldom
def liquidate(run, p, at_requirement):
    """Liquidate pool `p` at the marks of this moment: passes over its slots until it is healthy or flat.

    Unless an automatic top-up saves it: then nothing is cancelled and nothing closed.

    `at_requirement` says that the pool was caught on its way, where its equity is its requirement whatever the last
    digit says.
    """
    s = run.state[0].s
    equity, requirement, _ = appraise(run, p, s)
    if at_requirement:
        equity = requirement if requirement > last_digit(run, p, s) else 0.0
    note_ratio(run, p, equity, requirement)
    if run.state[0].auto_top_up != NO_TOP_UP and top_up(run, p, requirement - equity):
        return
    cancel_all(run, p, BY_LIQUIDATION)
    if run.state[0].leftover == 1:
        note_bankruptcy_prices(run, p, s)
    to_fund = run.state[0].leftover == 1
    while run.pools[p].n_open > 0:
        n = closing_order(run, p, s)
        if not at_requirement and beyond_backstop(run, p, s):
            close_rest(run, n, BACKSTOP)
            to_fund = True
        elif not one_pass(run, p, n, at_requirement):
            close_rest(run, n, NO_REASON)  # nothing left to step down by
        at_requirement = False
        if healthy(run, p, s):
            break
    if run.pools[p].n_open == 0:
        leave(run, p, to_fund)


@seldom
def beyond_backstop(run, p, s):
    """Whether a pool is worth less than ``backstop_rate`` of its requirement, by more than the last digit."""
    rate = run.state[0].backstop_rate
    if rate == 0.0:
        return False
    equity, requirement, _ = appraise(run, p, s)
    return rate * requirement - equity > last_digit(run, p, s)


@seldom
def close_rest(run, n, reason):
    """Close the `n` slots of the queue whole."""
    for k in range(n):
        j = run.slots[k].queued
        close_out(run, j, abs(run.slots[j].quantity), reason)


@seldom
def note_bankruptcy_prices(run, p, s):
    """Keep each slot's bankruptcy price as it is before anything is closed, for the events."""
    for k in range(run.pools[p].first, run.pools[p].last):
        j = run.slots[k].member
        run.slots[j].bankruptcy_price = slot_price(run, j, s, BANKRUPTCY)


@seldom
def closing_order(run, p, s):
    """Put the pool's open slots in a queue in the venue's order, equals by slot index; returns how many."""
    pool = run.pools[p]
    rule = run.state[0].liquidation_order
    n = 0
    for k in range(pool.first, pool.last):
        j = run.slots[k].member
        slot = run.slots[j]
        if slot.quantity == 0.0:
            continue
        key = 0.0
        if rule == LARGEST_REQUIREMENT:
            key = -slot_requirement(run, j, s)
        elif rule != ALL_SLOTS:
            key = slot.quantity * (mark_at(run.instruments[slot.instrument], s) - slot.entry)
        at = n
        while at > 0 and comes_before(key, j, run.slots[at - 1]):
            run.slots[at].key = run.slots[at - 1].key
            run.slots[at].queued = run.slots[at - 1].queued
            at -= 1
        run.slots[at].key = key
        run.slots[at].queued = j
        n += 1
    return n


@seldom
def comes_before(key, j, place):
    """Whether slot `j` goes before the one that has this place in the queue."""
    return place.key > key or (place.key == key and place.queued > j)


@seldom
def one_pass(run, p, n, at_requirement):
    """Close each of the `n` slots of the queue by the venue's reduction; returns whether anything was closed."""
    rules = run.state[0]
    s = run.state[0].s
    fractions = rules.reduction == FRACTION_FIRST and moment(run) > rules.cool_from
    for k in range(n):
        if rules.reduction == TIER_STEP:
            run.slots[k].key = floor_below(run, run.slots[k].queued, s)
        elif rules.reduction == FRACTION_FIRST:
            run.slots[k].key = share_to_close(run, run.slots[k].queued, s) if fractions else 1.0
    closed = False
    for k in range(n):
        j = run.slots[k].queued
        size = abs(run.slots[j].quantity)
        if rules.reduction == TIER_STEP:
            size = above_floor(run, j, run.slots[k].key, s)
        elif rules.reduction == TO_INITIAL:
            size = down_to_initial(run, j, at_requirement and not closed)
        elif rules.reduction == FRACTION_FIRST:
            size *= run.slots[k].key
            if run.slots[k].key < 1.0:
                rules.cool_from = moment(run) + rules.cooldown
        if size > 0.0:
            close_out(run, j, size, NO_REASON)
            closed = True
        if rules.liquidation_order != ALL_SLOTS and closed:
            if rules.reduction == TO_INITIAL:
                equity, _, initial = appraise(run, p, s)
                if equity - initial >= -last_digit(run, p, s):
                    break
            elif healthy(run, p, s):
                break
    return closed


@seldom
def moment(run):
    """Where the clock stands, in bars: the path takes as long on each of its segments."""
    clock = run.state[0]
    if clock.segment == AT_OPEN:
        return clock.bar + 0.0
    return clock.bar + (clock.segment - FIRST_SEGMENT + clock.s) / clock.n_segments


@seldom
def share_to_close(run, j, s):
    """``first_fraction`` of a slot whose side's notional at mark is above ``first_fraction_above``; else all of it."""
    rules = run.state[0]
    quantity, _ = side_of_slot(run, j, s)
    notional = quantity * abs(mark_at(run.instruments[run.slots[j].instrument], s))
    return rules.first_fraction if rules.first_fraction > 0.0 and notional > rules.first_fraction_above else 1.0


@seldom
def floor_below(run, j, s):
    """Floor that ``tier_steps`` bring the slot's side down to; a side at most 1e-9 above a floor counts as on it."""
    slot = run.slots[j]
    instrument = run.instruments[slot.instrument]
    quantity, notional = side_of_slot(run, j, s)
    key = quantity if instrument.by_quantity else notional
    k = tier_at(run.tiers, instrument, key)
    if k > instrument.first_tier and key <= run.tiers[k].floor * (1.0 + REST_TOLERANCE):
        k -= 1
    k = max(instrument.first_tier, k - (run.state[0].tier_steps - 1))
    return run.tiers[k].floor


@seldom
def above_floor(run, j, floor, s):
    """Quantity of slot `j` by which its side still is above the floor, at most what the slot holds."""
    slot = run.slots[j]
    size = abs(slot.quantity)
    quantity, notional = side_of_slot(run, j, s)
    key, per_unit = quantity, 1.0
    if not run.instruments[slot.instrument].by_quantity:
        entry_basis = run.state[0].mm_basis == ENTRY_BASIS
        key = notional
        per_unit = abs(slot.entry if entry_basis else mark_at(run.instruments[slot.instrument], s))
    if key <= floor * (1.0 + REST_TOLERANCE):
        return 0.0
    excess = (key - floor) / per_unit
    return size if size - excess <= CLOSE_TOLERANCE * quantity else excess


@seldom
def down_to_initial(run, j, at_requirement):
    """Smallest quantity to close for ``equity = sum(initial margin)``; the whole slot where that saves nothing.

    Closing x costs ``x*cost`` (slippage and fee) and frees ``x*per_unit`` of its side's initial margin, as long as
    the joined margin of the two sides falls with it.
    """
    slot = run.slots[j]
    p, s = slot.pool, run.state[0].s
    size = abs(slot.quantity)
    equity, requirement, initial = appraise(run, p, s)
    if at_requirement:
        equity = requirement
    missing = initial - equity
    close = 0.0
    tolerance = last_digit(run, p, s)
    if missing > tolerance:
        mark = mark_at(run.instruments[slot.instrument], s)
        per_unit = initial_margin(run, abs(mark), slot.leverage)
        cost = closing_cost(run, j)
        if per_unit <= cost:
            return size
        close = missing / (per_unit - cost)
        if close >= size or close > room_to_free(run, j, s) / per_unit * (1.0 + CLOSE_TOLERANCE):
            return size
        equity -= close * cost
        held = slot.quantity
        slot.quantity = held - close if held > 0.0 else held + close
        _, requirement, _ = appraise(run, p, s)
        slot.quantity = held
    return close if equity - requirement > tolerance else size


@seldom
def closing_cost(run, j):
    """Equity lost by closing one unit at the mark: liquidation slippage plus liquidation fee."""
    slot = run.slots[j]
    mark = mark_at(run.instruments[slot.instrument], run.state[0].s)
    return abs(liquidation_fill(run, j) - mark) + run.instruments[slot.instrument].liquidation_fee * abs(mark)


@seldom
def room_to_free(run, j, s):
    """Initial margin that the slot's side can give before the joined margin of its instrument stops falling."""
    own, other = initial_by_side(run, j, run.slots[j].quantity, s)
    return own if run.state[0].hedge_offset == NO_OFFSET else own - other


@seldom
def liquidation_fill(run, j):
    """Level of a liquidation: ``m*(1 - liquidation_slippage*sign(q))``."""
    slot = run.slots[j]
    rate = run.state[0].liquidation_slippage
    mark = mark_at(run.instruments[slot.instrument], run.state[0].s)
    return slipped(mark, run.instruments[slot.instrument].inverse, -rate if slot.quantity > 0.0 else rate)


@seldom
def close_out(run, j, size, reason):
    """Close `size` of slot `j` by liquidation; the fee takes at most what is left of the pool's equity."""
    slot = run.slots[j]
    p, s = slot.pool, run.state[0].s
    held = slot.quantity
    if held == 0.0:
        return
    if abs(held) - size <= REST_TOLERANCE * abs(held):
        size = abs(held)
    change = -size if held > 0.0 else size
    fill = liquidation_fill(run, j)
    mark = mark_at(run.instruments[slot.instrument], s)
    realised = -change * (fill - slot.entry)
    take_off(run, j, size)
    post(run, p, REALISED, j, realised)
    equity, _, _ = appraise(run, p, s)
    fee = min(run.instruments[slot.instrument].liquidation_fee * size * abs(mark), max(0.0, equity))
    post(run, p, LIQUIDATION_FEE_PAID, j, -fee)
    n = run.state[0].n_events
    log_event(run, LIQUIDATION, reason, j, fill, change, realised - fee)
    if n < len(run.events):
        run.events[n].bankruptcy_price = slot.bankruptcy_price


@seldom
def leave(run, p, to_fund):
    """What is left of a liquidated pool: the trader's, or the insurance fund's; a debt is absorbed."""
    j = run.slots[run.pools[p].first].member if run.pools[p].on_demand else NOBODY
    if run.pools[p].cash > 0.0 and to_fund:
        post(run, p, TAKEN, j, -run.pools[p].cash)
    settle_flat(run, p, j)
