"""Are the runs of a plan counted without being made as they are counted when they are made?"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from backtester.batch import effects, plan_of
from backtester.batch.plan import Plan
from tests.batch.small import PLAIN

SEEDS, LEVERAGES, FAST = list(range(6)), [2, 5, 10, 20], [6, 12, 24]
MODES = ["isolated", "cross", "mixed", "sub_accounts"]
ISOLATED, SHARES = ["", "FAKE1", "FAKE2"], [{}, {"FAKE1": 0.5}, {"FAKE2": 0.25}]


def some(values: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, unique_by=repr)


AXES = {
    "seed": some(SEEDS),
    "draw": some(["", 0, 1]),
    "draw_seed": some([0, 1, 2]),
    "leverage": some(LEVERAGES),
    "isolated": some(ISOLATED),
    "shares": some(SHARES),
    "mode": some(MODES),
    "path": some(["adverse", "candle"]),
}


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    """Plans that may be refused: settings without effect, excludes of what is not there or of everything."""
    plan = PLAIN | draw(st.fixed_dictionaries({}, optional=AXES)) | {"params": {"fast": draw(some(FAST))}}
    table = st.fixed_dictionaries({}, optional=AXES | {"params": st.fixed_dictionaries({"fast": some(FAST)})})
    plan["include"] = [each for each in draw(st.lists(table, max_size=2)) if each]
    left_out = {name: values for name, values in plan.items() if name in AXES} | {"params.fast": plan["params"]["fast"]}
    for _ in range(draw(st.integers(0, 2))):
        names = draw(st.lists(st.sampled_from(sorted(left_out)), max_size=3, unique=True))
        chosen: dict[str, Any] = {name: draw(some(left_out[name])) for name in names}
        if "params.fast" in chosen:
            chosen["params"] = {"fast": chosen.pop("params.fast")}
        if chosen:
            plan.setdefault("exclude", []).append(chosen)
    return plan


@given(plans())
@settings(max_examples=150, deadline=None)
def test_the_count_is_the_number_of_runs(given: dict[str, Any]) -> None:
    from backtester.errors import ConfigurationError

    try:
        plan = plan_of(given)
    except ConfigurationError:
        return
    runs = [repr(run) for run in plan.runs()]
    assert plan.n_runs == len(runs) == len(set(runs)) > 0


def made(plan: Plan, monkeypatch: Any) -> int:
    """Return how many runs are made to count those of a plan."""
    from backtester.batch import products

    real, found = effects.runs_of, []
    monkeypatch.setattr(products, "runs_of", lambda axes: (found.append(run) or run for run in real(axes)))
    assert plan.n_runs > 0
    monkeypatch.undo()
    return len(found)


def test_a_million_runs_are_counted_by_the_few_kinds_of_them(monkeypatch: Any) -> None:
    million = PLAIN | {"seed": "0..9999", "leverage": list(range(1, 51))}
    assert plan_of(million).n_runs == 1_000_000
    assert made(plan_of(million), monkeypatch) == 1
    odd = {"seed": list(range(1, 10_000, 2)), "mode": "cross"}
    plan = plan_of(million | {"exclude": [odd, {"leverage": 50}], "include": [{"leverage": [50, 51]}]})
    assert plan.n_runs == 1_000_000 - 5_000 * 50 - 5_000 * 3 + 10_000 * 2 * 2
    assert made(plan, monkeypatch) < 30
    drawn = plan_of(PLAIN | {"draw": ["", 0], "draw_seed": "0..99999"})
    assert drawn.n_runs == 2 * (1 + 100_000)
    assert made(drawn, monkeypatch) < 20
