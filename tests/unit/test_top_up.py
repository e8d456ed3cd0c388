"""Does an automatic top-up move the right money at the right moment, on both engines?

Unless it says otherwise: 8 at 128 at 8x, maintenance 16 at the entry, initial margin 128, so that 128 behind it are at
the line at 114, 256 at 98 and 384 at 82.
"""

import pytest

from backtester import Account
from backtester.errors import ConfigurationError
from backtester.scenario import Scenario, validate
from backtester.venue import VenueRules
from tests.laws.engines import columns, events, flat, on_both, run, scenario, what_happened

BY_INITIAL = {"mm_basis": "entry", "auto_top_up": "initial_margin"}
SLOT = {"instrument": 0, "leverage": 8}
LONG = {"size": 8}


def topped_up(result):
    """Return bar, slot, segment, price and amount of each top-up."""
    names = ("bar", "slot", "segment", "price", "amount")
    return [tuple(event[name] for name in names) for event in events(result, "auto_top_up")]


def kinds(result):
    return [event["kind"] for event in result["events"]]


@on_both
@pytest.mark.parametrize("side", [1, -1])
def test_one_that_saves(engine, side):
    """At 114 (142) 128 more move; at 98 (158) it would be liquidated, and the stop before that still stands."""
    away = [128 - side * move for move in (14, 24, 28)]
    candles = [flat(128), (128, max(128, away[1]), min(128, away[1]), away[1]), flat(away[2])]
    order = {"size": 8 * side, "stop": away[2]}
    result = run(engine, scenario(candles, [order], venue=BY_INITIAL))
    assert topped_up(result) == [(1, 0, 0, away[0], 128)]
    assert kinds(result) == ["fill", "auto_top_up", "stop"]
    assert result["cash"][:2] == [[1000 - 128, 128], [1000 - 256, 256]]
    assert result["liquidation_price"][:2] == [[away[0]], [128 - side * 30]]
    rows = [row for row in result["ledger"] if row["kind"] == "auto_top_up"]
    assert [(row["pool"], row["slot"], row["amount"]) for row in rows] == [(0, 0, -128), (1, 0, 128)]
    assert result["worst_margin_ratio"][1] == 1.0
    assert result["equity"][2] == 1000 - 8 * 28


@on_both
def test_the_initial_margin_is_that_of_the_mark_where_maintenance_is(engine):
    """142 + 8 * (112 - 128) = 14 = 896 / 64; at 112 the initial margin is 112."""
    candles = [flat(128), (128, 128, 104, 104)]
    scene = scenario(candles, [{**LONG, "margin": 142}], venue={"auto_top_up": "initial_margin"})
    assert topped_up(run(engine, scene)) == [(1, 0, 0, 112, 112)]


@on_both
@pytest.mark.parametrize(("balance", "amount"), [(1000, 858), (1024, 882), (2000, 882)])
def test_all_that_is_free_but_not_below_1x(engine, balance, amount):
    """14 are left of 142 at 112, where 8 are worth 896: at most 882 make it an effective leverage of 1."""
    scene = scenario(
        [flat(128), (128, 128, 104, 104)],
        [{**LONG, "margin": 142}],
        venue={"auto_top_up": "all_free"},
        account={"balance": balance},
    )
    result = run(engine, scene)
    assert topped_up(result) == [(1, 0, 0, 112, amount)]
    assert result["cash"][1] == [balance - 142 - amount, 142 + amount]


@on_both
@pytest.mark.parametrize(
    ("end", "amount"),
    # 128 - 8 * 29.875 = -111 is 127 short of 16; -112 is 128 short, and equal is not enough; -128 is 144 short
    [(98.125, 128), (98, 256), (96, 256)],
)
def test_a_gap_takes_as_many_as_it_needs_at_once(engine, end, amount):
    result = run(engine, scenario([flat(128), flat(end)], [LONG], venue=BY_INITIAL))
    assert topped_up(result) == [(1, 0, "open", end, amount)]
    assert kinds(result) == ["fill", "auto_top_up"]
    assert result["pool_kind"][1] == "on_demand"
    assert result["cash"][1] == [1000 - 128 - amount, 128 + amount]


@on_both
def test_a_gap_that_all_the_money_does_not_bridge(engine):
    """-128 at 96 and the last 64 of main: liquidated, and the 64 are lost with the rest."""
    result = run(engine, scenario([flat(128), flat(96)], [LONG], venue=BY_INITIAL, account={"balance": 192}))
    assert kinds(result) == ["fill", "auto_top_up", "liquidation", "bankrupt"]
    assert topped_up(result) == [(1, 0, "open", 96, 64)]
    assert [event["segment"] for event in events(result, "liquidation")] == ["open"]
    assert result["totals"]["insurance_absorbed"] == 64
    assert result["equity"][1] == 0


@on_both
def test_nothing_is_moved_where_nothing_is_free(engine):
    candles = [flat(128), (128, 128, 100, 100)]
    results = [
        run(engine, scenario(candles, [LONG], venue={**BY_INITIAL, "auto_top_up": rule}, account={"balance": 128}))
        for rule in ("none", "initial_margin", "all_free")
    ]
    assert kinds(results[0]) == ["fill", "liquidation"]
    assert results[1] == results[2] == results[0]


@on_both
def test_the_cap_is_of_each_position(engine):
    """Of 192, 128 at 114, 64 at 98, nothing at 90; the next position has a cap of its own."""
    candles = [flat(128), (128, 128, 88, 88), flat(128), (128, 128, 100, 100)]
    orders = [LONG, {"bar": 1, "size": 8}]
    result = run(engine, scenario(candles, orders, venue={**BY_INITIAL, "top_up_cap": 192}))
    assert topped_up(result) == [(1, 0, 0, 114, 128), (1, 0, 0, 98, 64), (3, 0, 0, 114, 128)]
    (closed,) = events(result, "liquidation")
    assert (closed["bar"], closed["price"]) == (1, 90)


@on_both
@pytest.mark.parametrize(("candle", "segment", "price"), [((128, 128, 112, 112), 0, 114), (flat(112), "open", 112)])
def test_blocks_that_compete_are_served_by_index(engine, candle, segment, price):
    """Three of 8 at 128 and 192 in main: 128 for the first, 64 for the second, the third is liquidated."""
    orders = [{**LONG, "slot": j} for j in range(3)]
    scene = scenario([flat(128), candle], orders, [SLOT] * 3, venue=BY_INITIAL, account={"balance": 3 * 128 + 192})
    result = run(engine, scene)
    assert topped_up(result) == [(1, 0, segment, price, 128), (1, 1, segment, price, 64)]
    assert [(event["slot"], event["price"]) for event in events(result, "liquidation")] == [(2, price)]
    assert result["quantity"][1] == [8, 8, 0]


@on_both
def test_margin_of_cross_positions_is_not_free(engine):
    """Main holds 1000 - 142, of which 128 are the initial margin of a cross position that stands still."""
    scene = scenario(
        [],
        [{**LONG, "margin": 142}, {**LONG, "slot": 1}],
        [{**SLOT, "mode": "isolated"}, {"instrument": 1, "leverage": 8, "mode": "cross"}],
        bars=[columns([flat(128), (128, 128, 104, 104)]), columns([flat(128)] * 2)],
        venue={"auto_top_up": "all_free"},
        account={"mode": "mixed"},
    )
    assert topped_up(run(engine, scene)) == [(1, 0, 0, 112, 730)]


@on_both
def test_standing_pools_are_not_topped_up(engine):
    candles = [flat(128), (128, 128, 100, 100)]
    for account, slot in (({"mode": "cross"}, SLOT), ({"mode": "sub_accounts"}, {**SLOT, "group": 0})):
        parts = {"account": {"balance": 128, **account}, "sub_account_shares": [0.5] if "group" in slot else []}
        orders = [LONG] if "group" not in slot else [{"size": 4}]
        plain, ruled = (
            run(engine, scenario(candles, orders, [slot], venue={**BY_INITIAL, "auto_top_up": rule}, **parts))
            for rule in ("none", "initial_margin")
        )
        assert "liquidation" in kinds(plain)
        assert plain == ruled


@on_both
def test_inverse(engine):
    """1024 dollars at 128 are 8 coins: 1 behind them, 1/8 required: at the line where they are 8.875, then 9.875."""
    scene = scenario(
        [flat(128), (128, 128, 104, 104)],
        [{"size": 1024}],
        instrument={"contract": "inverse"},
        venue=BY_INITIAL,
        account={"balance": 4},
    )
    result = run(engine, scene)
    ((bar, _, _, price, amount),) = topped_up(result)
    assert (bar, amount) == (1, 1)
    assert price == pytest.approx(1024 / 8.875, rel=1e-14)
    assert result["liquidation_price"][1] == [pytest.approx(1024 / 9.875, rel=1e-14)]


@on_both
def test_bybit_s_example(engine):
    """5 at 8000 at 10x, 0.5 %, a wallet of 10,000: 7240, with 4000 more 6440, with the last 2000 more 6040."""
    scene = scenario(
        [flat(8000), (8000, 8000, 6000, 6000)],
        [{"size": 5}],
        [{"instrument": 0, "leverage": 10}],
        instrument={"tiers": [[0, 0.005, 100]]},
        venue=BY_INITIAL,
        account={"balance": 10_000},
    )
    result = run(engine, scene)
    prices = [event["price"] for event in events(result, "auto_top_up", "liquidation")]
    assert prices == pytest.approx([7240, 6440, 6040], rel=1e-12)
    assert [amount for *_, amount in topped_up(result)] == pytest.approx([4000, 2000], rel=1e-12)


@on_both
def test_the_calm_bars_around_it_are_the_same(engine):
    """Long runs of quiet bars before and after: the money that moved is in all that follow, and in no other."""
    candles = [flat(128)] * 700 + [(128, 128, 112, 128)] + [flat(128)] * 700
    slots = [SLOT, SLOT]
    result = run(engine, scenario(candles, [LONG], slots, venue=BY_INITIAL))
    assert result["equity"] == [1000.0] * 1401
    assert [row[0] for row in result["cash"]] == [872.0] * 700 + [744.0] * 701
    assert what_happened(result)[1][:2] == (700, "auto_top_up")


def test_the_words_of_the_rule():
    with pytest.raises(ConfigurationError, match="none, initial_margin, all_free"):
        Account(rules={"auto_top_up": "always"})
    with pytest.raises(ConfigurationError, match="top_up_cap"):
        VenueRules(top_up_cap=-1)


def test_a_scenario_names_the_rules_only_where_they_are_used():
    """Other engines refuse keys that they do not know."""
    names = {"auto_top_up", "top_up_cap"}
    candles = [flat(128)] * 2
    for venue, written in (({}, set()), (BY_INITIAL, {"auto_top_up"}), ({**BY_INITIAL, "top_up_cap": 64}, names)):
        scene = validate(scenario(candles, [LONG], venue=venue))
        again = Scenario.from_dict(scene).to_dict()
        assert again["venue"].keys() & names == written
        assert validate(again)["venue"] == scene["venue"]
