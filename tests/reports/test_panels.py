"""The numbers behind the interactive panels: packed, few, and without a lost extreme."""

import json
from base64 import b64decode
from dataclasses import replace

import numpy as np
import pytest

from backtester.metrics import underwater
from backtester.schema import LIQUIDATION
from reports.panels import COLUMNS, MOST_MARKS, panels, panels_json
from tests.fake_result import fake_comparison, fake_market, fake_result, story


def unpacked(series):
    return np.frombuffer(b64decode(series["x"]), "<i4"), np.frombuffer(b64decode(series["y"]), "<f4")


def test_short_runs_are_whole(grid):
    shown = panels(grid)
    market = grid.first.market
    for k, run in enumerate(grid.results.values()):
        x, y = unpacked(shown["curves"]["equity"][k])
        assert (x == (market.close_time - market.open_time[0]) // 1_000_000_000).all()
        assert y == pytest.approx(run.equity, rel=1e-6)
        depth = unpacked(shown["curves"]["drawdown"][k])[1]
        assert depth == pytest.approx(underwater(run.equity, run.scenario.balance, run.equity_low) * 100, rel=1e-5)
        assert unpacked(shown["curves"]["funding"][k])[1][-1] == pytest.approx(run.totals["funding"], rel=1e-5)
    assert shown["start"] == market.open_time[0] // 1_000_000
    assert [each["name"] for each in shown["instruments"]] == list(market.symbols)


def test_a_mode_has_its_line_and_mark_in_every_place(grid):
    def looks(*modes):
        return {each["name"]: (each["dash"], each["sign"]) for each in panels(fake_comparison(runs(*modes)))["modes"]}

    def runs(*modes):
        return {mode: fake_result(fake_market(4), [1e4] * 4, mode=mode) for mode in modes}

    one, other = looks("isolated", "cross", "mixed"), looks("mixed", "cross", "sub_accounts", "isolated")
    assert one == {name: other[name] for name in one}
    assert len({dash for dash, _ in other.values()}) == 4
    assert one["isolated"] == ("solid", "triangle-down")
    assert [each["quote"] for each in panels(grid)["instruments"]] == ["USDT"] * grid.first.market.n_instruments


def test_long_runs_are_thinned_out_and_keep_their_extremes():
    long = story(50_000, 40)
    shown = panels(long)
    for k, run in enumerate(long.results.values()):
        for name, curve in (("equity", run.equity), ("ratio", run.worst_margin_ratio)):
            y = unpacked(shown["curves"][name][k])[1]
            assert len(y) <= 3 * COLUMNS + 2
            assert (y.min(), y.max()) == (np.float32(curve.min()), np.float32(curve.max()))
        assert unpacked(shown["curves"]["low"][k])[1].min() == np.float32(run.equity_low.min())


@pytest.fixture(scope="module")
def spiked():
    """Return a long quiet run in which every series leaves its usual value for a single bar, up and down."""
    n, up, down = 50_000, 20_001, 30_001

    def curve(usual, most, least):
        out = np.full(n, usual)
        out[[up, down]] = most, least
        return out

    paid = [(bar, "funding", -0.5) for bar in range(0, n, 500)] + [(up, "funding", 70.0), (up + 1, "funding", -90.0)]
    equity, mark = curve(1e4, 14e3, 7e3), curve(100.0, 130.0, 80.0)
    prices = {f"mark_{name}": mark[:, np.newaxis] for name in ("open", "high", "low", "close")}
    market = replace(fake_market(n, ("BTCUSDT",)), **prices)
    run = fake_result(market, equity, low=equity - curve(1.0, 1.0, 900.0), ratio=curve(0.2, 0.9, 0.1), ledger=paid)
    run.liquidation_price = np.column_stack([curve(75.0, 95.0, 60.0)])
    return run, panels(fake_comparison({"cross": run}))


@pytest.mark.parametrize("series", ["equity", "low", "drawdown", "ratio", "funding", "price", "line"])
def test_no_series_loses_an_extreme_to_the_thinning(spiked, series):
    run, shown = spiked
    instrument = shown["instruments"][0]
    paid = run.ledger
    whole = {
        "equity": run.equity,
        "low": run.equity_low,
        "drawdown": underwater(run.equity, 1e4, run.equity_low) * 100.0,
        "ratio": run.worst_margin_ratio,
        "funding": -np.cumsum(np.bincount(paid["bar"], paid["amount"], minlength=50_000)),
        "price": run.market.mark_close[:, 0],
        "line": run.liquidation_price[:, 0],
    }[series]
    drawn = {"price": instrument["price"], "line": instrument["lines"][0][0]}
    x, y = unpacked(drawn[series] if series in drawn else shown["curves"][series][0])
    assert len(y) <= 3 * COLUMNS + 2
    assert y.min() == np.float32(whole.min())
    if series != "low":  # of which only the depths are drawn
        assert y.max() == np.float32(whole.max())
    assert (y == whole[x // 3_600 - 1].astype("<f4")).all()  # and every point is one of the series


@pytest.mark.parametrize(("line", "drawn"), [(51.0, True), (49.0, False), (149.0, True), (151.0, False)])
def test_liquidation_lines_end_half_the_price_away(line, drawn):
    run = fake_result(fake_market(4, ("BTCUSDT",)), [1e4] * 4)  # the mark is 100
    run.liquidation_price = np.full((4, 1), line)
    lines = panels(fake_comparison({"cross": run}))["instruments"][0]["lines"][0]
    assert [unpacked(each)[1].tolist() for each in lines] == ([[line] * 4] if drawn else [])


def test_prices_keep_the_wicks(grid):
    market = grid.first.market
    for i, each in enumerate(panels(grid)["instruments"]):
        assert unpacked(each["low"])[1].min() == np.float32(np.nanmin(market.mark_low[:, i]))
        assert unpacked(each["high"])[1].max() == np.float32(np.nanmax(market.mark_high[:, i]))


def test_every_liquidation_has_its_mark(grid):
    shown = panels(grid)
    for k, run in enumerate(grid.results.values()):
        rows = run.events[run.events["kind"] == LIQUIDATION]
        assert len(shown["marks"][k]["text"]) == len(np.unique(rows["bar"]))
        assert sum(len(each["marks"][k]["text"]) for each in shown["instruments"]) == len(rows)
    assert any(panels(grid)["marks"][0]["text"])


def test_very_many_liquidations_share_marks_that_say_how_many():
    many = story(20_000, 5_000)
    shown = panels(many)["marks"][0]["text"]
    assert len(shown) <= MOST_MARKS + 1
    assert sum(int(said.split()[0].replace(",", "")) for said in shown) == 5_000


def test_liquidation_lines_are_the_nearest_on_either_side(grid):
    for k, run in enumerate(grid.results.values()):
        for i, each in enumerate(panels(grid)["instruments"]):
            slots = [j for j, slot in enumerate(run.scenario.slots) if slot.instrument == i]
            lines, mark = run.liquidation_price[:, slots], run.market.mark_close[:, [i]]
            near = np.abs(lines - mark) <= 0.5 * mark
            below = np.where(near & (lines <= mark), lines, -np.inf).max(axis=1)
            drawn = [unpacked(line)[1] for line in each["lines"][k]]
            if np.isfinite(below).any():
                assert np.nanmax(drawn[0]) == np.float32(below[np.isfinite(below)].max())


def test_funding_that_was_paid_rises_and_received_falls():
    paid = [(0, "deposit", 1e4), (1, "funding", -2.0), (1, "funding", -0.5), (2, "funding", 1.0)]
    shown = panels(fake_comparison({"cross": fake_result(fake_market(4), [1e4] * 4, ledger=paid)}))
    assert unpacked(shown["curves"]["funding"][0])[1].tolist() == [0.0, 2.5, 1.5, 1.5]


def test_no_equity_and_no_data_are_no_numbers_that_json_lacks():
    market = fake_market(3)
    runs = {"cross": fake_result(market, [9e3, 0, 0], ratio=[0.5, np.inf, 0.0])}
    shown = json.loads(panels_json(fake_comparison(runs)))
    assert unpacked(shown["curves"]["ratio"][0])[1].tolist() == [0.5, 10.0, 0.0]


def test_names_stay_inside_the_script_element():
    market = fake_market(2, ("</script><b>x",))
    packed = panels_json(fake_comparison({"cross": fake_result(market, [1e4] * 2)}))
    assert "<" not in packed
    assert json.loads(packed)["instruments"][0]["name"] == "</script><b>x"
