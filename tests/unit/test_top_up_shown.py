"""What people see of margin that was added to positions, automatically and by hand."""

import pytest

from backtester.comparing.summary import summarise
from backtester.scenario import Scenario, validate
from reports.tables import metrics_table
from tests.fake_result import fake_comparison
from tests.laws.engines import flat, scenario
from tests.unit.pairs import BUY, pair

MOVED = [(2, 1, "auto_top_up", 0.0, 90.0, 300.0), (3, 1, "auto_top_up", 0.0, 90.0, 50.0)]
BY_HAND = [(3, 1, "add_margin", 0.0, 90.0, 25.0)]
ROWS = {
    "auto_top_ups": ("automatic top-ups", 2, "2"),
    "auto_top_up_margin": ("moved by automatic top-ups", 350, "350.00"),
    "margin_additions": ("additions of margin by hand", 1, "1"),
    "margin_added": ("margin added by hand", 25, "25.00"),
}


def test_automatic_and_manual_margin_are_measured_apart():
    values = summarise(pair([BUY, *MOVED, *BY_HAND], [BUY])[0])
    assert {key: values[key] for key in ROWS} == {key: number for key, (_, number, _) in ROWS.items()}


def test_a_top_up_was_at_the_line():
    values = summarise(pair([BUY, *MOVED], [BUY])[0])
    assert (values["closest_to_liquidation"], values["closest_together"]) == (0.0, 0.0)


def test_the_rows_are_shown_where_there_is_anything_to_show():
    topped, plain = pair([BUY, *MOVED, *BY_HAND], [BUY])
    found = fake_comparison({"isolated": topped, "cross": plain})
    rows = {row.key: (row.label, row.cells[0]) for row in metrics_table(found).rows}
    assert {key: rows[key] for key in ROWS} == {key: (label, cell) for key, (label, _, cell) in ROWS.items()}
    said = str(found)
    assert all(label in said for label, *_ in ROWS.values())
    nothing = fake_comparison({"isolated": plain, "cross": plain})
    assert not {row.key for row in metrics_table(nothing).rows} & ROWS.keys()
    assert "top-up" not in str(nothing)
    assert set(ROWS) <= set(nothing.metrics.index)
    automatic = fake_comparison({"isolated": pair([BUY, *MOVED], [BUY])[0]})
    assert "automatic top-ups" in str(automatic)
    assert "by hand" not in str(automatic)


def test_a_trade_says_what_was_moved_to_it_since_it_was_opened():
    """8 at 128 at 8x, by entry margins: 128 move at 114, 64 by hand at the next bar, half is closed, then all.

    The second position is another one: nothing was moved to it.
    """
    from backtester.engine import simulate

    candles = [flat(128), (128, 128, 112, 112), flat(112), *[flat(120)] * 3, flat(128)]
    orders = [{"bar": bar, "size": size} for bar, size in ((-1, 8), (2, -4), (3, -4), (4, 8), (5, -8))]
    rules = {"mm_basis": "entry", "auto_top_up": "initial_margin"}
    by_hand = [{"bar": 1, "slot": 0, "add": 64}]
    scene = scenario(candles, orders, [{"instrument": 0, "leverage": 8}], venue=rules, margin_actions=by_hand)
    trades = simulate(Scenario.from_dict(validate(scene))).trades
    assert trades["quantity"].tolist() == [4, 4, 8]
    assert trades["topped_up"].tolist() == [128, 128, 0]
    assert trades["margin_added"].tolist() == [64, 64, 0]
    assert trades["pnl"].tolist() == pytest.approx([-32, -32, 64])
