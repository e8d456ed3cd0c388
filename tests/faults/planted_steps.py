"""Faults of growing margin rates, reserves and liquidations in steps that a test must see."""

from __future__ import annotations

from tests.faults.planted import Fault

_GROWING = "unit.test_growing_rate:test_"
_STEPS = "unit.test_liquidation_steps:test_"
_RESERVES = "unit.test_margin_reserves:test_"

FAULTS = [
    Fault(
        "unit_margin_rate", "a rate that grows past all of the notional", "kernels/margin.py",
        "min(1.0, run.instruments[i].unit_margin_rate * quantity)", "run.instruments[i].unit_margin_rate * quantity",
        _GROWING + "the_rate_of_a_size", {"size": 512, "rate": 1 / 2},
    ),
    Fault(
        "unit_margin_rate", "a closed form by the rate of the tier", "kernels/closed_form.py",
        "a * side_rate(run, i, tier, a)", "a * tier.maintenance_rate", _GROWING + "where_it_is_liquidated",
    ),
    Fault(
        "unit_margin_rate", "each slot grows alone", "reference/holding.py",
        "return Line(quantity * (tiers.rate(k, quantity)", "return Line(quantity * (tiers.rate(k, 0.0)",
        _GROWING + "slots_of_one_side_grow_together",
    ),
    Fault(
        "unit_margin_rate", "a position that its margin rate does not allow", "kernels/sizing.py",
        "limit = min(limit, 1.0 / (instrument.unit_margin_rate * slot.leverage))", "pass",
        _GROWING + "the_largest_position_of_a_leverage", {"leverage": 16, "most": 16},
    ),
    Fault(
        "unit_margin_rate", "a leverage that its margin rate does not allow", "kernels/instructions.py",
        "return most if grown == 0.0 else min(most, (1.0 + TIER_TOLERANCE) / grown)", "return most",
        _GROWING + "the_leverage_of_an_open_position", {"leverage": 17, "refused": True},
    ),
    Fault(
        "initial_margin_buffer", "a buffer that an opening does not pay", "kernels/positions.py",
        "allocation = initial_margin(run, size * abs(fill), slot.leverage)",
        "allocation = size * abs(fill) / slot.leverage", _RESERVES + "the_allocation_of_an_isolated_position",
    ),
    Fault(
        "initial_margin_buffer", "a buffer that a size does not reckon with", "kernels/sizing.py",
        "per_unit = initial_margin(run, abs(mark), slot.leverage)", "per_unit = abs(mark) / slot.leverage",
        _RESERVES + "the_largest_position", {"mode": "cross"},
    ),
    Fault(
        "initial_margin_buffer", "a liquidation that aims below it", "kernels/liquidation.py",
        "per_unit = initial_margin(run, abs(mark), slot.leverage)", "per_unit = abs(mark) / slot.leverage",
        _RESERVES + "back_to_the_initial_margin",
    ),
    Fault(
        "remove_floor", "a floor at the entry price", "kernels/instructions.py",
        "floor * (size * abs(mark_at(run.instruments[slot.instrument], 0.0)))", "floor * (size * abs(slot.entry))",
        _RESERVES + "what_may_be_withdrawn", {"rules": {"remove_floor": 1 / 4}, "price": 160},
    ),
    Fault(
        "fraction_first", "a cooldown of one position", "kernels/liquidation.py",
        "rules.cool_from = moment(run) + rules.cooldown", "pass", _STEPS + "a_cooldown_is_of_the_whole_account",
    ),
    Fault(
        "fraction_first", "a path that takes no time", "kernels/liquidation.py",
        "return clock.bar + (clock.segment - FIRST_SEGMENT + clock.s) / clock.n_segments", "return clock.bar + 0.0",
        _STEPS + "a_cooldown_inside_a_bar", {"path": "adverse", "minutes": 45},
    ),
    Fault(
        "fraction_first", "a limit that belongs to the large", "kernels/liquidation.py",
        "notional > rules.first_fraction_above", "notional >= rules.first_fraction_above",
        _STEPS + "a_side_that_is_not_above_the_limit_goes_whole",
    ),
    Fault(
        "fraction_first", "a limit for each slot", "reference/liquidation.py",
        "side_of(slot, slot.side).quantity, account.mark(slot)", "abs(slot.quantity), account.mark(slot)",
        _STEPS + "the_limit_counts_slots_of_one_side_together",
    ),
    Fault(
        "tier_steps", "always one tier", "kernels/liquidation.py",
        "k - (run.state[0].tier_steps - 1)", "k", _STEPS + "down_several_tiers", {"steps": 2, "left": 4},
    ),
    Fault(
        "backstop_rate", "what is left stays with the trader", "kernels/liquidation.py",
        "            to_fund = True\n", "", _STEPS + "below_the_backstop_the_fund_takes_all", {"leftover": "trader"},
    ),
    Fault(
        "backstop_rate", "a backstop that closes in steps", "kernels/liquidation.py",
        "if not at_requirement and beyond_backstop(run, p, s):", "if False:",
        _STEPS + "below_the_backstop_the_fund_takes_all", {"leftover": "fund"},
    ),
    Fault(
        "liquidation_fee", "the venue's fee for all", "running/start.py",
        "return rules.liquidation_fee if instrument.liquidation_fee is None else instrument.liquidation_fee",
        "return rules.liquidation_fee", _STEPS + "an_instrument_may_have_a_fee_of_its_own", {"own": 0, "fee": 0},
    ),
]
