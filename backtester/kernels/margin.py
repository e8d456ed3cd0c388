"""Maintenance and initial margin of pools. docs/model.md, "Margin"."""

from backtester.kernels._jit import kernel
from backtester.kernels.levels import mark_at
from backtester.schema import ENTRY_BASIS, LARGER_SIDE, MAIN, NET

LAST_DIGIT = 1e-12  # of the sums that an equity is made of
TIER_TOLERANCE = 1e-12  # relative: a key this close above a floor still is in the tier below


@kernel
def put_tiers(run, change):
    """Put an instrument's next tier table into force."""
    instrument = run.instruments[change.instrument]
    instrument.first_tier, instrument.last_tier = change.first_tier, change.last_tier
    for k in range(len(run.legs)):
        if run.legs[k].instrument == change.instrument:
            run.legs[k].stale = 1
    for j in range(len(run.slots)):
        run.slots[j].tier_limit = -1.0


@kernel
def tier_at(tiers, instrument, key):
    """Row of the tier that holds `key`: ``floor_k < key <= floor_{k+1}``."""
    k = instrument.first_tier
    while k + 1 < instrument.last_tier and key > tiers[k + 1].floor * (1.0 + TIER_TOLERANCE):
        k += 1
    return k


@kernel
def side_rate(run, i, tier, quantity):
    """What a side in this tier must hold for each unit of notional: ``rate*max(1, max_leverage*m) + F``.

    F is the close-fee buffer, ``m = min(1, unit_margin_rate*|Q|)`` the margin rate that grows with the side's size.
    """
    grown = tier.max_leverage * min(1.0, run.instruments[i].unit_margin_rate * quantity)
    return tier.maintenance_rate * max(1.0, grown) + run.state[0].close_fee_buffer


@kernel
def side_requirement(run, i, quantity, notional):
    """Requirement of one side: ``rate*N - amount + F*N``, F the close-fee buffer."""
    instrument = run.instruments[i]
    tier = run.tiers[tier_at(run.tiers, instrument, quantity if instrument.by_quantity else notional)]
    return side_rate(run, i, tier, quantity) * notional - tier.maintenance_amount


@kernel
def initial_margin(run, notional, leverage):
    """Initial margin of a position: ``N/leverage + G*N``, G the initial-margin buffer."""
    return notional / leverage + run.state[0].initial_margin_buffer * notional


@kernel
def joined(offset, long, short):
    """Two sides' margins as one: their sum, the larger (``larger_side``) or the difference (``net``)."""
    if offset == LARGER_SIDE:
        return max(long, short)
    if offset == NET:
        return abs(long - short)
    return long + short


@kernel
def instrument_requirement(run, i, long_q, short_q, long_n, short_n):
    """Requirement of an instrument in a pool, from the quantities and notionals of its two sides.

    ``none``: MM(long) + MM(short); ``larger_side``: the larger of the two; ``net``: MM of ``|N_long - N_short|``.
    Each MM includes the close-fee buffer F.
    """
    offset = run.state[0].hedge_offset
    if offset == NET and long_q > 0.0 and short_q > 0.0:
        return side_requirement(run, i, abs(long_q - short_q), abs(long_n - short_n))
    long = side_requirement(run, i, long_q, long_n) if long_q > 0.0 else 0.0
    short = side_requirement(run, i, short_q, short_n) if short_q > 0.0 else 0.0
    return max(long, short) if offset == LARGER_SIDE else long + short


@kernel
def appraise(run, p, s):
    """What pool `p` is worth and what it must hold at `s` of the present segment.

    Returns
    -------
    equity, requirement, initial_margin : float [settlement currency]
        ``cash + sum(q*(v - e))``; the sum of the instruments' requirements; the sum of their initial margins, joined
        over sides.
    """
    pool = run.pools[p]
    entry_basis = run.state[0].mm_basis == ENTRY_BASIS
    offset = run.state[0].hedge_offset
    pnl, requirement, initial = 0.0, 0.0, 0.0
    k = pool.first
    while k < pool.last:
        i = run.slots[run.slots[k].member].instrument
        v = mark_at(run.instruments[i], s)
        long_q, short_q, long_n, short_n, long_i, short_i = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        while k < pool.last:
            slot = run.slots[run.slots[k].member]
            if slot.instrument != i:
                break
            k += 1
            q = slot.quantity
            if q == 0.0:
                continue
            pnl += q * (v - slot.entry)
            size = abs(q)
            held = size * abs(v)
            if q > 0.0:
                long_q += size
                long_n += size * abs(slot.entry) if entry_basis else held
                long_i += initial_margin(run, held, slot.leverage)
            else:
                short_q += size
                short_n += size * abs(slot.entry) if entry_basis else held
                short_i += initial_margin(run, held, slot.leverage)
        if long_q + short_q == 0.0:
            continue
        requirement += instrument_requirement(run, i, long_q, short_q, long_n, short_n)
        initial += joined(offset, long_i, short_i)
    return pool.cash + pnl, requirement, initial


@kernel
def margin_ratio(equity, requirement):
    """``requirement / equity``, infinite when equity <= 0."""
    return requirement / equity if equity > 0.0 else float("inf")


@kernel
def note_ratio(run, p, equity, requirement):
    """Take pool `p`'s margin ratio into the worst of this bar."""
    ratio = margin_ratio(equity, requirement)
    run.pools[p].ratio = max(run.pools[p].ratio, ratio)
    run.state[0].worst_ratio = max(run.state[0].worst_ratio, ratio)


@kernel
def total_equity(run, s):
    """Equity of all pools: ``sum(cash_p + pnl_p)``."""
    total = 0.0
    for p in range(len(run.pools)):
        pool = run.pools[p]
        total += pool.cash
        if pool.n_open > 0:
            for k in range(pool.first, pool.last):
                slot = run.slots[run.slots[k].member]
                if slot.quantity != 0.0:
                    total += slot.quantity * (mark_at(run.instruments[slot.instrument], s) - slot.entry)
    return total


@kernel
def available(run, s):
    """What main may hand to on-demand pools: ``min(cash_0, equity_0 - initial_margin_0)``; nothing once bankrupt."""
    main = run.pools[0]
    if run.state[0].bankrupt:
        return 0.0
    if main.n_open == 0:
        return main.cash
    equity, _, initial = appraise(run, MAIN, s)
    return min(main.cash, equity - initial)


@kernel
def side_of_slot(run, j, s):
    """Quantity and (basis) notional of the side that slot `j` is on: all slots of its pool, instrument and sign."""
    slot = run.slots[j]
    entry_basis = run.state[0].mm_basis == ENTRY_BASIS
    v = mark_at(run.instruments[slot.instrument], s)
    quantity, notional = 0.0, 0.0
    for k in range(run.pools[slot.pool].first, run.pools[slot.pool].last):
        other = run.slots[run.slots[k].member]
        if other.instrument == slot.instrument and other.quantity * slot.quantity > 0.0:
            quantity += abs(other.quantity)
            notional += abs(other.quantity) * abs(other.entry if entry_basis else v)
    return quantity, notional


@kernel
def slot_requirement(run, j, s):
    """A slot's share of its side's requirement, by notional, before any offset."""
    slot = run.slots[j]
    quantity, notional = side_of_slot(run, j, s)
    requirement = side_requirement(run, slot.instrument, quantity, notional)
    entry_basis = run.state[0].mm_basis == ENTRY_BASIS
    basis = slot.entry if entry_basis else mark_at(run.instruments[slot.instrument], s)
    return requirement * (abs(slot.quantity) * abs(basis)) / notional


@kernel
def initial_by_side(run, j, sign, s):
    """Initial margin of slot `j`'s instrument in its pool: on side `sign`, and on the other side."""
    slot = run.slots[j]
    v = abs(mark_at(run.instruments[slot.instrument], s))
    own, other = 0.0, 0.0
    for k in range(run.pools[slot.pool].first, run.pools[slot.pool].last):
        held = run.slots[run.slots[k].member]
        if held.instrument == slot.instrument:
            initial = initial_margin(run, abs(held.quantity) * v, held.leverage)
            if held.quantity * sign > 0.0:
                own += initial
            elif held.quantity != 0.0:
                other += initial
    return own, other


@kernel
def last_digit(run, p, s):
    """What rounding may leave of a difference that is 0: 1e-12 of the pool's cash and notionals."""
    pool = run.pools[p]
    scale = abs(pool.cash)
    for k in range(pool.first, pool.last):
        slot = run.slots[run.slots[k].member]
        if slot.quantity != 0.0:
            scale += abs(slot.quantity * mark_at(run.instruments[slot.instrument], s))
    return LAST_DIGIT * scale


@kernel
def healthy(run, p, s):
    """Whether a pool is above its requirement again, by more than the last digits of sums that should be equal."""
    equity, requirement, _ = appraise(run, p, s)
    return equity - requirement > last_digit(run, p, s)
