"""Faults of the automatic top-up that a test must see."""

from __future__ import annotations

from tests.faults.planted import Fault

_TOP_UP = "unit.test_top_up:test_"

FAULTS = [
    Fault(
        "law 1", "a top-up that main does not pay", "kernels/top_up.py",
        "post(run, MAIN, TOPPED_UP, j, -amount)", "pass",
        "laws.test_law_1_ledger:test_the_ledger_adds_up_at_every_bar", {"seed": 18},
    ),
    Fault(
        "law 2", "a top-up with money that main does not have", "kernels/top_up.py",
        "min(available(run, rules.s), notional - equity)", "notional - equity",
        _TOP_UP + "nothing_is_moved_where_nothing_is_free",
    ),
    Fault(
        "auto_top_up", "a top-up that saves whatever it moves", "kernels/top_up.py",
        "return healthy(run, p, run.state[0].s)", "return True", _TOP_UP + "a_gap_that_all_the_money_does_not_bridge",
    ),
    Fault(
        "auto_top_up", "equal to the requirement is enough", "kernels/top_up.py",
        "np.floor(shortage / initial + STEP_TOLERANCE) + 1.0", "max(1.0, np.ceil(shortage / initial))",
        _TOP_UP + "a_gap_takes_as_many_as_it_needs_at_once",
    ),
    Fault(
        "top_up_cap", "a cap that outlives the position", "kernels/positions.py",
        "        slot.topped_up = 0.0\n", "", _TOP_UP + "the_cap_is_of_each_position",
    ),
    Fault(
        "top_up_cap", "a cap that outlives the position", "reference/trades.py",
        "        slot.topped_up = 0.0\n", "", _TOP_UP + "the_cap_is_of_each_position",
    ),
]
