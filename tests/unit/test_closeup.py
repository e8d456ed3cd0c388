"""A close-up tells when a pool met its line, with what, what was closed in which order, and what the other had."""

import math

import numpy as np
import pytest

from backtester.explaining.closeup import CloseUps
from backtester.explaining.contagion import WITHIN
from tests.laws.engines import columns, flat, scenario
from tests.unit.test_contagion import BOTH, CALM, FALLS, SLOTS
from tests.unit.two_modes import in_both, in_mode

HOUR = 3_600_000_000_000
MARK = (30 * 100 - 1000 + 62.5) / (30 * (1 - 1 / 64))  # at which 1000 + 30*(m - 100) = 62.5 + 30*m/64


def close_ups(bars=(CALM, FALLS), orders=BOTH, slots=SLOTS, **more):
    isolated, cross = in_both(scenario([], orders, slots, bars=list(bars), **more))
    return CloseUps(isolated, cross), CloseUps(cross, isolated)


def test_a_shared_pool_meets_its_line_with_what_it_has_to_hold():
    _, cross = close_ups()
    found = cross.of(0)
    assert (len(cross), found.number, found.bar, found.gap, found.shared) == (1, 0, 2, False, True)
    assert found.closings["name"].tolist() == ["COIN0", "COIN1"]
    assert found.equity == pytest.approx(62.5 + 30 * MARK / 64, rel=1e-12)
    assert found.loss == pytest.approx(30 * (100 - MARK))
    assert cross.table.to_dict("records")[0]["closings"] == 2
    share = (100 - MARK) / (100 - 60)  # down from the open to the first extreme, a third of the bar
    start = int(cross.result.market.open_time[2])
    assert found.time == pytest.approx(start + HOUR * share / 3, abs=2)
    assert found.closings["time"].tolist() == [found.time] * 2


def test_it_tells_what_the_other_account_did_with_the_same_positions():
    isolated, cross = close_ups()
    held, lost = cross.of(0).fates
    assert (held.what, held.quantity, held.pnl, held.end, held.net) == ("held", 40.0, 0.0, "open", 0.0)
    assert (lost.what, lost.end, lost.bars) == ("liquidated", "liquidation", 0)
    assert lost.net == pytest.approx(-isolated.of(0).loss)
    (fate,) = isolated.of(0).fates  # earlier inside the same bar: the shared pool still stood
    assert (fate.what, fate.quantity, fate.end, fate.bars) == ("held", 30.0, "liquidation", 0)
    assert fate.pnl == pytest.approx(-isolated.of(0).loss)
    assert CloseUps(cross.result).of(0).fates == []


def test_what_the_other_had_closed_before_or_never_opened():
    def run(orders, mode):
        return in_mode(scenario([], orders, SLOTS, bars=[CALM, FALLS]), mode)

    cross = run(BOTH, "cross")
    idle = run([], "isolated")
    assert [fate.what for fate in CloseUps(cross, idle).of(0).fates] == ["never", "never"]
    early = run([*BOTH, {"bar": 1, "slot": 0, "size": 0, "target": True}], "isolated")
    fate = CloseUps(cross, early).of(0).fates[0]
    assert (fate.what, fate.end, fate.bars, fate.net) == ("closed", "fill", 0, 0.0)


def test_behind_a_gap_less_is_left_than_it_had_to_hold():
    gap = columns([flat(100), flat(100), flat(60), flat(60), flat(90)])
    found = close_ups((CALM, gap))[1].of(0)
    assert found.gap
    assert found.equity == 1000 - 30 * 40
    assert found.time == int(close_ups((CALM, gap))[1].result.market.open_time[2])


def test_what_it_would_have_been_worth_later():
    _, cross = close_ups()
    worth = cross.worth(cross.of(0), 4)
    assert worth[0] == pytest.approx([0.0, 0.0, 0.0])
    assert worth[1] == pytest.approx([30 * (60 - MARK), 30 * (60 - MARK), 30 * (90 - MARK)])
    assert cross.of(0).closings["later"].tolist() == pytest.approx(worth[:, -1])
    assert WITHIN > 4  # the run ends before


def test_an_inverse_contract_tells_prices_and_is_worth_coins():
    falls = [flat(100), flat(100), (100, 100, 64, 64), flat(64), flat(80)]
    scene = scenario(falls, [{"bar": 0, "size": 3_000}], instrument={"contract": "inverse"}, account={"balance": 8})
    ups = CloseUps(in_mode(scene, "cross"))
    row = ups.of(0).closings.iloc[0]
    assert row["entry_price"] == 100.0
    assert row["loss"] == pytest.approx(3_000 * (1 / row["mark_price"] - 1 / 100))
    assert ups.worth(ups.of(0), 4)[0, -1] == pytest.approx(3_000 * (1 / row["mark_price"] - 1 / 80))
    assert ups.of(0).equity == pytest.approx(8 - row["loss"])


def test_a_pool_closed_in_steps_is_one_liquidation_in_their_order():
    venue = {"liquidation_order": "largest_requirement"}
    both = [{"bar": 0, "slot": 0, "size": 40}, {"bar": 0, "slot": 1, "size": 34}]
    falls = columns([flat(100), flat(100), (100, 100, 60, 60), flat(60), flat(90)])
    calmer = columns([flat(100), flat(100), (100, 100, 88, 88), flat(88), flat(88)])
    found = close_ups((calmer, falls), both, venue=venue)[1].of(0)
    assert found.closings["slot"].tolist() == [0, 1]
    assert found.closings["time"].is_monotonic_increasing
    assert found.closings["time"].nunique() == 2
    assert math.isnan(found.equity)  # the other position's mark at the first closing stands in no event


def test_the_largest_come_first_and_a_number_that_is_none_is_refused():
    falls = [flat(100), flat(100), (100, 100, 20, 20), flat(20)]
    one = CloseUps(in_mode(scenario(falls, [{"bar": 0, "size": 60}]), "cross"))
    assert one.largest(5) == [0]
    with pytest.raises(IndexError, match="no liquidation 1: this run has 1, numbered from 0"):
        one.of(1)
    none = CloseUps(in_mode(scenario([flat(100)] * 3, [{"bar": 0, "size": 1}]), "cross"))
    assert (len(none), none.largest(3), len(none.table)) == (0, [], 0)
    many = np.array([3.0, 9.0, 9.0, 1.0])
    one.table = one.table.loc[[0] * 4].assign(loss=many)
    assert one.largest(3) == [1, 2, 0]


def test_an_account_that_lost_them_at_the_same_moment_had_them_no_more():
    _, cross = close_ups()
    both = CloseUps(cross.result, cross.result).of(0).fates
    assert [(fate.what, fate.bars) for fate in both] == [("liquidated", 0)] * 2
