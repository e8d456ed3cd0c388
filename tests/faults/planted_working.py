"""Faults of working orders that a test must see."""

from __future__ import annotations

from tests.faults.planted import Fault

_TRADES = "reference.test_reference_working:test_"
_ENDS = "reference.test_reference_working_ends:test_"

FAULTS = [
    Fault(
        "working orders", "a gap that trades at the order's own price", "kernels/triggered.py",
        "    if (order.kind == STOP and row.watch_mark) or holds_at(instrument, start, target, side):\n"
        "        fill = trade_at(instrument, run.state[0].s)\n"
        "    if order.kind in",
        "    if order.kind == STOP and row.watch_mark:\n"
        "        fill = trade_at(instrument, run.state[0].s)\n"
        "    if order.kind in",
        _TRADES + "a_gap_trades_at_the_price_behind_it",
    ),
    Fault(
        "working orders", "a limit that trades at once as a maker", "kernels/triggered.py",
        "trade(run, w, taken(run, instrument, price, change, limit), instrument.taker_fee_rate)",
        "trade(run, w, taken(run, instrument, price, change, limit), instrument.maker_fee_rate)",
        _TRADES + "what_holds_when_it_arrives_takes",
    ),
    Fault(
        "working orders", "slippage beyond the limit", "kernels/triggered.py",
        "    if not np.isnan(limit):\n        fill = min", "    if False:\n        fill = min",
        _TRADES + "a_stop_limit_trades_at_once_but_never_beyond_its_limit",
    ),
    Fault(
        "working orders", "a post-only order that takes", "kernels/triggered.py",
        "if order.post_only and side != 0.0", "if False and side != 0.0", _TRADES + "post_only",
    ),
    Fault(
        "working orders", "a fill-or-kill order that is cut", "kernels/positions.py",
        "if run.state[0].on_insufficient == 1 or run.state[0].whole:", "if run.state[0].on_insufficient == 1:",
        _TRADES + "ioc_is_cut_and_fok_is_not",
    ),
    Fault(
        "working orders", "sized with the leverage before the instructions", "kernels/orders.py",
        "    for row in range(first_action, last_action):\n        carry_out(run, actions[row])\n", "",
        _TRADES + "sized_with_the_leverage_after_the_margin_instructions",
    ),
    Fault(
        "working orders", "a stop on the mark that watches trades", "kernels/triggers.py",
        "if order.kind == STOP and row.watch_mark:", "if False:",
        _TRADES + "a_stop_that_watches_the_mark_trades_at_the_trade_price",
    ),
    Fault(
        "working orders", "limits before stops at one price", "kernels/triggers.py",
        "(at == when and rank(its) < rank(kind))", "(at == when and rank(its) > rank(kind))",
        _TRADES + "ties_stops_then_take_profits_then_limits_by_slot",
    ),
    Fault(
        "working orders", "a reduce-only order that opens", "kernels/working.py",
        "    if order.reduce_only:\n        if held", "    if False:\n        if held",
        _ENDS + "it_is_cut_to_the_position_without_an_event",
    ),
    Fault(
        "working orders", "a group that goes on", "kernels/triggered.py",
        "if traded and order.oco >= 0:", "if False:", _ENDS + "one_cancels_the_others_in_all_slots",
    ),
    Fault(
        "working orders", "a group cancelled by an order that did not trade", "kernels/triggered.py",
        "if traded and order.oco >= 0:", "if order.oco >= 0:", _ENDS + "only_a_trade_cancels_the_others",
    ),
    Fault(
        "working orders", "a bracket that outlives its position", "kernels/positions.py",
        "        drop_for(run, j, WENT_FLAT, NOBODY)", "        pass",
        _ENDS + "an_exit_of_the_position_cancels_the_bracket",
    ),
    Fault(
        "working orders", "a best price from before the position", "kernels/triggers.py",
        "if change == 0.0 or not order.acting:", "if False:",
        _ENDS + "a_best_price_from_before_a_short_does_not_count",
    ),
    Fault(
        "working orders", "an order that works a bar too long", "kernels/triggered.py",
        "min(state.next_expiry, order.expires + 1)", "min(state.next_expiry, order.expires + 2)", _ENDS + "expiry",
    ),
    Fault(
        "working orders", "a bar with an order looked at as a quiet one", "kernels/exits.py",
        "        above, below, mark_above, mark_below = working_range(run, j)", "        pass",
        _TRADES + "on_the_path_at_its_own_price",
    ),
    Fault(
        "working orders", "a liquidation that leaves what arrives", "kernels/orders.py",
        "        drop_for(run, j, reason, NOBODY)", "        pass",
        _ENDS + "a_liquidation_cancels_what_rests_and_what_arrives",
    ),
]
