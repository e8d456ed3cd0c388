"""Faults that a test must see: each a small edit of the engine, and the law or trap that it breaks."""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """One planted fault.

    Parameters
    ----------
    breaks : str
        ``law 1`` ... ``law 9``, ``trap 1`` ... ``trap 13``, or a venue rule.
    what : str
        What somebody might have written.
    file : str
        In the package.
    old, new : str
        The text as it stands, every place of it, and what stands there with the fault.
    test : str
        Module and function of the test that fails.
    only : dict
        Parameters of the cases that are run; all cases of the engine if empty.
    """

    breaks: str
    what: str
    file: str
    old: str
    new: str
    test: str
    only: dict = {}  # noqa: RUF012 - never written to

    @property
    def engine(self) -> str:
        """Return the engine that the fault is in."""
        return "reference" if self.file.startswith("reference/") else "kernel"


_LAW_1 = "laws.test_law_1_ledger:test_every_kind_of_row"
_LAW_1_BARS = "laws.test_law_1_ledger:test_the_ledger_adds_up_at_every_bar"
_LAW_2 = "laws.test_law_2_isolation:test_a_gap_costs_what_backs_the_position"
_LAW_2_CROSS = "laws.test_law_2_isolation:test_cross_never_owes"
_LAW_3 = "laws.test_law_3_same_liquidation:test_by_hand"
_LAW_4 = "laws.test_law_4_order_of_slots:test_"
_LAW_5 = "laws.test_law_5_units:test_"
_LAW_6 = "laws.test_law_6_causality:test_"
_LAW_7 = "laws.test_law_7_paths:test_"
_LAW_8 = "laws.test_law_8_closed_form:test_by_hand"
_LAW_9 = "laws.test_law_9_net:test_a_hedge_is_its_difference"
_1_TO_3 = "traps.test_traps_1_to_3:test_trap_"
_4_TO_6 = "traps.test_traps_4_to_6:test_trap_"
_7_TO_9 = "traps.test_traps_7_to_9:test_trap_"
_10_TO_13 = "traps.test_traps_10_to_13:test_trap_"

FAULTS = [
    # -- laws ---------------------------------------------------------------------------------------------------------
    Fault(
        "law 1", "the sums of a leg outlive a trade", "kernels/positions.py",
        "run.legs[slot.leg].stale = 1\n    if abs(slot.quantity) - size", "if abs(slot.quantity) - size", _LAW_1_BARS,
        {"seed": 12},
    ),
    Fault(
        "law 1", "what was looked at ahead outlives a bar that was walked", "kernels/quiet.py",
        "break_window(run)\n            state.reach", "state.reach", _LAW_1_BARS,
        {"seed": 12},
    ),
    Fault(
        "law 1", "a liquidation fee without its row", "kernels/liquidation.py",
        "post(run, p, LIQUIDATION_FEE_PAID, j, -fee)", "run.pools[p].cash -= fee", _LAW_1,
    ),
    Fault(
        "law 1", "funding without its row", "kernels/funding.py",
        "post(run, slot.pool, FUNDING_PAID, j, by_main - payment)", "run.pools[slot.pool].cash += by_main - payment",
        _LAW_1,
    ),
    Fault(
        "law 1", "a transfer that arrives twice", "kernels/logs.py",
        "post(run, target, TRANSFERRED, j, amount)", "post(run, target, TRANSFERRED, j, 2.0 * amount)", _LAW_1,
    ),
    Fault(
        "law 1", "fees without rows", "reference/account.py",
        "self.ledger.append(row)", "kind == 'fee' or self.ledger.append(row)", _LAW_1,
    ),
    Fault(
        "law 2", "a debt that stays in the pool", "kernels/liquidation.py", "    settle_flat(run, p, j)", "    pass",
        _LAW_2,
    ),
    Fault(
        "law 2", "a cross account that may owe", "kernels/positions.py",
        "if pool.cash < 0.0:", "if pool.cash < 0.0 and pool.on_demand:", _LAW_2_CROSS,
    ),
    Fault(
        "law 2", "closing fees that main pays", "kernels/positions.py",
        "post(run, p, FEE_PAID, j, -fee)", "post(run, MAIN, FEE_PAID, j, -fee)",
        "laws.test_law_2_isolation:test_what_main_pays_by_hand",
    ),
    Fault(
        "law 2", "a debt that stays in the pool", "reference/pool.py",
        "self.cash + self.unrealized_pnl(marks)", "max(0.0, self.cash + self.unrealized_pnl(marks)) + 1.0",
        _LAW_2,
    ),
    Fault(
        "law 3", "main is not looked at inside the bar", "kernels/path.py",
        "if run.pools[p].n_open == 0 or not has_data(run, p):",
        "if p == 0 or run.pools[p].n_open == 0 or not has_data(run, p):", _LAW_3,
    ),
    Fault(
        "law 3", "half of the margin asked for", "kernels/positions.py",
        "allocation = margin", "allocation = margin / 2", _LAW_3,
    ),
    Fault(
        "law 3", "equality does not liquidate", "kernels/path.py",
        "if equity > requirement:\n        return NEVER", "if equity >= requirement:\n        return NEVER",
        "laws.test_law_3_same_liquidation:test_tie_at_the_mark",
    ),
    Fault(
        "law 4", "the last slot of a pool is not looked at", "kernels/path.py",
        "for k in range(run.pools[p].first, run.pools[p].last):",
        "for k in range(run.pools[p].first, run.pools[p].last - 1):", _LAW_4 + "an_empty_slot_by_hand",
    ),
    Fault(
        "law 4", "exits of the first slot only", "kernels/path.py",
        "if (slot.has_exit or slot.working >= 0) and", "if j == 0 and (slot.has_exit or slot.working >= 0) and",
        _LAW_4 + "reordered_by_hand",
    ),
    Fault(
        "law 4", "funding of instrument 0 for all", "kernels/funding.py",
        "if slot.instrument != event.instrument or", "if slot.instrument != 0 or", _LAW_4 + "renumbered_by_hand",
    ),
    Fault(
        "law 5", "a fee with a fixed part", "kernels/positions.py",
        "fee = fee_rate * size * abs(fill)", "fee = fee_rate * size * abs(fill) + 0.0625", _LAW_5 + "money_scales",
        {"seed": 706},
    ),
    Fault(
        "law 5", "quantity tiers looked up by notional", "kernels/margin.py",
        "quantity if instrument.by_quantity else notional", "notional", _LAW_5 + "the_unit_of_quantity_is_a_name",
        {"seed": 742},
    ),
    Fault(
        "law 6", "every bar shows the prices of the next", "running/common_input.py",
        "np.ascontiguousarray(prices.T)", "np.ascontiguousarray(np.roll(prices, -1, axis=0).T)",
        _LAW_6 + "the_last_bar_decides_nothing_earlier",
    ),
    Fault(
        "law 6", "a stretch is quiet for what comes after it", "kernels/lone.py",
        "min(n, quiet_bars(pad.okay)) if loud > 0 else n", "n if pad.okay[n - 1] > 0.0 else 0",
        _LAW_6 + "a_late_liquidation_changes_nothing_before_it",
    ),
    Fault(
        "law 6", "two runs share their sums", "reference/account.py",
        "default_factory=lambda: dict.fromkeys(LEDGER_KINDS, 0.0)",
        "default_factory=lambda shared=dict.fromkeys(LEDGER_KINDS, 0.0): shared",
        _LAW_6 + "the_same_run_twice_is_the_same", {"seed": 870},
    ),
    Fault(
        "law 7", "one extreme twice, the other never", "kernels/path.py",
        "elif (segment == 0) == (quote.first_low != 0):", "elif quote.first_low != 0:",
        _LAW_7 + "every_path_reaches_both_ends_of_a_bar",
    ),
    Fault(
        "law 7", "the adverse path spares a stop", "kernels/path.py",
        "low_first = quote.net > 0.0", "low_first = quote.net < 0.0", _LAW_7 + "a_bar_that_reaches_both",
    ),
    Fault(
        "law 7", "one extreme twice, the other never", "reference/path.py",
        "return [candle.open, candle.low, candle.high, candle.close]",
        "return [candle.open, candle.low, candle.low, candle.close]",
        _LAW_7 + "every_path_reaches_both_ends_of_a_bar",
    ),
    Fault(
        "law 8", "a closed form without the buffer", "kernels/closed_form.py",
        "slope = a * side_rate(run, i, tier, a) + b * side_rate(run, i, other, b)",
        "slope = a * tier.maintenance_rate + b * other.maintenance_rate", _LAW_8,
    ),
    Fault(
        "law 8", "a walk without the maintenance amounts", "kernels/pieces.py",
        "return rate * quantity, tier.maintenance_amount, above, below", "return rate * quantity, 0.0, above, below",
        _LAW_8,
    ),
    Fault(
        "law 8", "the nearest tier instead of the first that fits", "reference/closed_form.py",
        "for lower, upper in zip([0.0, *bends], [*bends, math.inf], strict=True):",
        "for lower, upper in [(0.0, math.inf)]:", _LAW_8,
    ),
    Fault(
        "law 9", "both sides of a net hedge need margin", "kernels/margin.py",
        "if offset == NET and long_q > 0.0 and short_q > 0.0:", "if False:", _LAW_9,
    ),
    Fault(
        "law 9", "of several slots of a side, the last", "kernels/margin.py",
        "long_n += size * abs(slot.entry)", "long_n = size * abs(slot.entry)", _LAW_9,
    ),
    Fault(
        "law 9", "a net looked up in the tier of its long side", "reference/holding.py",
        "quantity = abs(long.quantity - short.quantity)", "quantity = long.quantity", _LAW_9,
    ),
    # -- traps --------------------------------------------------------------------------------------------------------
    Fault(
        "trap 1", "cross is never liquidated", "kernels/path.py",
        "if run.pools[p].n_open == 0 or not has_data(run, p):",
        "if p == 0 or run.pools[p].n_open == 0 or not has_data(run, p):",
        _1_TO_3 + "1_every_mode_liquidates",
    ),
    Fault(
        "trap 1", "cross has no price", "kernels/closed_form.py",
        "if slot.quantity == 0.0:", "if slot.quantity == 0.0 or slot.pool == 0:", _1_TO_3 + "1_every_mode_liquidates",
    ),
    Fault(
        "trap 2", "a gap booked at the liquidation price", "kernels/liquidation.py",
        "return slipped(mark, ", "return slipped(slot_price(run, j, run.state[0].s, 0), ",
        _1_TO_3 + "2_a_gap_is_booked_where_it_opens",
    ),
    Fault(
        "trap 2", "a gap that costs more than was posted", "kernels/liquidation.py",
        "    settle_flat(run, p, j)", "    post(run, 0, REALISED, j, run.pools[p].cash)\n    run.pools[p].cash = 0.0",
        _1_TO_3 + "2_a_gap_is_booked_where_it_opens",
    ),
    Fault(
        "trap 3", "equity looked at on the close only", "kernels/lone.py",
        "first, second, closed = tail(bars.mark_low, i, t), tail(bars.mark_high, i, t), ",
        "first, second, closed = tail(bars.mark_close, i, t), tail(bars.mark_close, i, t), ",
        _1_TO_3 + "3_a_wick_liquidates",
    ),
    Fault(
        "trap 3", "equity of several positions looked at on the close only", "kernels/loops.py",
        "min((net - r) * low, (net - r) * high)", "(net - r) * closed[b]",
        _1_TO_3 + "3_a_wick_under_two_positions",
    ),
    Fault(
        "trap 3", "equity looked at on the close only", "reference/path.py",
        'if path == "close":', "if True:", _1_TO_3 + "3_a_wick_liquidates",
    ),
    Fault(
        "trap 4", "a change of tiers that positions do not notice", "kernels/margin.py",
        "run.legs[k].stale = 1", "pass",
        "twin.test_tier_changes:test_a_change_liquidates_at_the_open_of_the_first_bar_that_starts_no_earlier",
    ),
    Fault(
        "trap 4", "tiers that count a bar late", "reference/instrument.py", "if since <= time:", "if since < time:",
        "twin.test_tier_changes:test_a_change_liquidates_at_the_open_of_the_first_bar_that_starts_no_earlier",
    ),
    Fault(
        "trap 4", "tiers without the cumulative amount", "kernels/margin.py",
        " * notional - tier.maintenance_amount", " * notional", _4_TO_6 + "4_maintenance_does_not_jump_at_a_floor",
    ),
    Fault(
        "trap 4", "the tier of the stake", "kernels/margin.py",
        "quantity if instrument.by_quantity else notional", "notional / 8.0",
        _4_TO_6 + "4_the_tier_is_that_of_the_position",
    ),
    Fault(
        "trap 4", "each slot has its own tier", "kernels/margin.py",
        "long_q > 0.0 else 0.0", "long_q > 0.0 and len(run.slots) < 2 else long_n / 32",
        _4_TO_6 + "4_slots_of_one_side_are_one_position",
    ),
    Fault(
        "trap 5", "maintenance frozen at entry", "kernels/margin.py",
        "entry_basis = run.state[0].mm_basis == ENTRY_BASIS", "entry_basis = True",
        _4_TO_6 + "5_maintenance_is_rate_times_notional_at_mark",
    ),
    Fault(
        "trap 5", "maintenance equal to initial margin", "kernels/margin.py",
        "requirement += instrument_requirement(run, i, long_q, short_q, long_n, short_n)",
        "requirement += joined(offset, long_i, short_i)", _4_TO_6 + "5_maintenance_is_rate_times_notional_at_mark",
    ),
    Fault(
        "trap 5", "maintenance divided by leverage", "kernels/margin.py",
        "requirement += instrument_requirement(run, i, long_q, short_q, long_n, short_n)",
        "requirement += instrument_requirement(run, i, long_q, short_q, long_n, short_n) / slot.leverage",
        _4_TO_6 + "5_maintenance_is_rate_times_notional_at_mark",
    ),
    Fault(
        "trap 5", "a flat 0.4 %", "reference/holding.py", "tiers.rate(k, quantity) + venue", "0.004 + venue",
        _4_TO_6 + "5_maintenance_is_rate_times_notional_at_mark",
    ),
    Fault(
        "trap 6", "the maintenance of the last instrument only", "kernels/margin.py",
        "requirement += instrument_requirement", "requirement = instrument_requirement",
        _4_TO_6 + "6_other_positions_need_their_maintenance_too",
    ),
    Fault(
        "trap 6", "a closed form that forgets the others", "kernels/closed_form.py",
        "base - (requirement - own) - anchor", "base - anchor",
        _4_TO_6 + "6_other_positions_need_their_maintenance_too",
    ),
    Fault(
        "trap 6", "a short's profit with the wrong sign", "kernels/margin.py",
        "pnl += q * (v - slot.entry)", "pnl += abs(q) * (v - slot.entry)",
        _4_TO_6 + "6_other_positions_count_with_their_profit_of_now",
    ),
    Fault(
        "trap 7", "an entry that stays when a lot is added", "kernels/positions.py",
        "slot.entry = (slot.quantity * slot.entry + change * fill) / (slot.quantity + change)",
        "slot.entry = slot.entry", _7_TO_9 + "7_the_price_follows_an_added_lot",
    ),
    Fault(
        "trap 7", "prices of the largest position there was", "kernels/replay.py",
        "slot.quantity = change.quantity", "slot.quantity = max(slot.quantity, change.quantity)",
        _7_TO_9 + "7_the_price_follows_a_partial_exit",
    ),
    Fault(
        "trap 7", "who was liquidated is left alone", "kernels/path.py",
        '"""Whether one of the pool\'s open slots has data in this bar."""',
        "for n in range(run.state[0].n_events):\n        if run.events[n].kind == LIQUIDATION: return False",
        _7_TO_9 + "7_a_slot_can_be_liquidated_again",
    ),
    Fault(
        "trap 8", "liquidation before any stop of the segment", "kernels/path.py",
        "if at < when or (at == when", "if (at < when and which < 0) or (at == when",
        _7_TO_9 + "8_the_nearer_stop_fires_first",
    ),
    Fault(
        "trap 8", "a stop that saves what opened beyond", "kernels/triggers.py",
        "if kind == LIQUIDATION:\n        return 0", "if kind == LIQUIDATION:\n        return 9",
        _7_TO_9 + "8_a_stop_at_the_line_comes_too_late",
    ),
    Fault(
        "trap 8", "no margin check at the open", "kernels/simulate.py",
        "    check_margins(run)", "    pass", _7_TO_9 + "8_a_bar_that_opens_beyond_liquidates",
    ),
    Fault(
        "trap 9", "equity that stays negative and comes back", "kernels/positions.py",
        "post(run, p, ABSORBED, j, -pool.cash)", "pass",
        _7_TO_9 + "9_equity_does_not_come_back_from_below_zero",
    ),
    Fault(
        "trap 9", "equity clamped upwards", "kernels/liquidation.py",
        "    settle_flat(run, p, j)", "    post(run, 0, REALISED, j, 64.0)\n    settle_flat(run, p, j)",
        _7_TO_9 + "9_equity_is_not_clamped_upwards",
    ),
    Fault(
        "trap 9", "unleveraged shorts exempt", "kernels/path.py",
        "if slot.quantity != 0.0 and run.instruments[slot.instrument].live:",
        "if (slot.quantity > 0.0 or slot.leverage > 1.0) and run.instruments[slot.instrument].live:",
        _7_TO_9 + "9_an_unleveraged_short_is_liquidated",
    ),
    Fault(
        "trap 10", "orders that outlive the pool", "kernels/liquidation.py",
        "    cancel_all(run, p, BY_LIQUIDATION)", "    pass", _10_TO_13 + "10_nothing_that_stood_before_opens_it_again",
    ),
    Fault(
        "trap 10", "one liquidation ends the run", "kernels/liquidation.py",
        "    settle_flat(run, p, j)", "    settle_flat(run, p, j)\n    run.state[0].bankrupt = 1",
        _10_TO_13 + "10_one_liquidated_position_ends_nothing_else",
    ),
    Fault(
        "trap 11", "a liquidation fee on top of the margin", "kernels/liquidation.py",
        "max(0.0, equity))", "1e18)", _10_TO_13 + "11_the_liquidation_fee_comes_out_of_what_is_left",
    ),
    Fault(
        "trap 11", "a liquidation fee of the wrong sum", "kernels/liquidation.py",
        "liquidation_fee * size * abs(mark), ", "liquidation_fee * 16.0, ",
        _10_TO_13 + "11_the_liquidation_fee_comes_out_of_what_is_left",
    ),
    Fault(
        "trap 12", "the low of the trades for that of the mark", "running/common_input.py",
        "done[id(getattr(market, name))] for name",
        "done[id(getattr(market, name.replace('mark_low', 'low')))] for name",
        _10_TO_13 + "12_bad_prints_do_not_liquidate",
    ),
    Fault(
        "trap 12", "liquidation on trades", "reference/path.py",
        "marks.append(way_points(bar.mark, ", "marks.append(way_points(bar.trade, ",
        _10_TO_13 + "12_bad_prints_do_not_liquidate",
    ),
    Fault(
        "trap 13", "longs receive a positive rate", "kernels/funding.py",
        "payment = slot.quantity *", "payment = -slot.quantity *", _10_TO_13 + "13_longs_pay_a_positive_rate",
    ),
    Fault(
        "trap 13", "funding of a bar and of the one before", "kernels/simulate.py",
        "settle(run, agenda.funding[row])", "[settle(run, agenda.funding[row]) for _ in (0, 1)]",
        _10_TO_13 + "13_each_settlement_counts_once_on_every_grid",
    ),
    Fault(
        "trap 13", "a grid of eight hours", "running/common_input.py",
        "inside = bar < len(open_time)", "inside = (bar < len(open_time)) & (funding.time % 28_800_000_000_000 == 0)",
        _10_TO_13 + "13_the_interval_is_what_the_events_say",
    ),
    Fault(
        "trap 13", "a breach by funding that is not looked for", "kernels/path.py",
        "if run.pools[p].n_open > 0 and has_data(run, p):",
        "if run.pools[p].n_open > 0 and run.state[0].n_events < 2 and has_data(run, p):",
        _10_TO_13 + "13_funding_that_breaches_maintenance_liquidates",
    ),
    Fault(
        "ties", "the last digits of sums decide who is liquidated first", "kernels/path.py",
        "if at < when - SAME_MOMENT:", "if at < when:",
        "unit.test_kernels_ties:test_pools_that_are_alike_go_by_their_order",
    ),
    Fault(
        "ties", "the last digits of sums decide who is liquidated first", "reference/triggers.py",
        "trigger.s <= first.s + SAME_MOMENT", "trigger.s <= first.s",
        "unit.test_kernels_ties:test_pools_that_are_alike_go_by_their_order",
    ),
]
