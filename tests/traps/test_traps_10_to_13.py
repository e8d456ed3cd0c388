"""Traps 10 to 13: life after a liquidation, its fee, bad prints, and funding."""

import pytest

from tests.laws.engines import HOUR, columns, events, flat, on_both, run, scenario

SLOTS = [{"instrument": 0, "leverage": 8}] * 2


@on_both
def test_trap_10_one_liquidated_position_ends_nothing_else(engine):
    """Slot 0 (8 at 128) goes at 104; slot 1 (-4) lives and gains 4 * 24; slot 0 opens anew when it is told to."""
    orders = [{"size": 8}, {"slot": 1, "size": -4}, {"bar": 3, "size": 2}]
    result = run(engine, scenario([flat(128)] + [flat(104)] * 5, orders, SLOTS))
    assert result["quantity"] == [[8, -4], [0, -4], [0, -4], [0, -4], [2, -4], [2, -4]]
    assert result["equity"] == [1000] + [1000 - 128 + 96] * 5
    assert not result["totals"]["bankrupt"]


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_trap_10_nothing_that_stood_before_opens_it_again(engine, mode):
    """A limit, an exit and an order that waits for this open: all end with the pool, and the slot stays flat.

    The limit at 96 would buy on the way down, the order decided at the close of bar 0 at the open of the gap.
    """
    candles = [flat(128), flat(128), flat(104), (104, 104, 80, 104), flat(104)]
    account = {"mode": mode, "balance": 128 if mode == "isolated" else 160}
    resting = [{"size": 8}, {"bar": 0, "size": 1, "limit": 96, "stop": 64}]
    result = run(engine, scenario(candles, resting, SLOTS[:1], account=account))
    assert [row[0] for row in result["quantity"]] == [8, 8, 0, 0, 0]
    waiting = [{"size": 8}, {"bar": 1, "size": 8, "target": True}]
    result = run(engine, scenario(candles, waiting, SLOTS[:1], account=account))
    assert [row[0] for row in result["quantity"]] == [8, 8, 0, 0, 0]
    (event,) = events(result, "cancelled")
    assert (event["bar"], event["reason"]) == (2, "liquidation")


def test_trap_10_a_standing_target_does_not_open_it_again():
    """A strategy that wants 8 in every bar wants it once: what does not change is no new order."""
    from backtester import Account, Strategy, Targets
    from backtester import run as run_strategy
    from tests.strategy_market import market

    class Stubborn(Strategy):
        def targets(self, market):
            return Targets(quantity=[[8.0]] * len(market.close))

    closes = market([128, 128, 128, 104, 104, 128, 128])
    result = run_strategy(Stubborn(), closes, Account(balance=1024, leverage=8, mode="isolated"))
    assert [row[0] != 0 for row in result.quantity] == [False, True, True, False, False, False, False]
    assert result.totals["liquidations"] == 1


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
@pytest.mark.parametrize(("rate", "fee"), [(0, 0), (1 / 1024, 0.828125), (1 / 256, 3.3125), (1 / 128, 6.625),
                                           (1 / 64, 13.25), (1 / 32, 16), (1 / 8, 16)])
def test_trap_11_the_liquidation_fee_comes_out_of_what_is_left(engine, mode, rate, fee):
    """8 at 120 with 128, gone at 106: 848 / 64 = 13.25 against 128 - 112 = 16, and at the rate 1/32 against 26.5.

    The rate of maintenance is 1/32 here, so 16 is not above it. The fee is its rate times 848, and 16 at the most.
    """
    scene = scenario(
        [flat(120), flat(106)], [{"size": 8, "margin": 128}], SLOTS[:1], instrument={"tiers": [[0, 1 / 32, 32]]},
        venue={"liquidation_fee": rate}, account={"mode": mode, "balance": 128},
    )
    result = run(engine, scene)
    assert result["totals"]["liquidation_fees"] == fee
    assert result["equity"][1] == 16 - fee
    assert result["totals"]["insurance_absorbed"] == 0
    assert events(result, "liquidation")[0]["amount"] == -112 - fee


@on_both
@pytest.mark.parametrize("rate", [0, 1 / 256, 1 / 64, 1 / 8])
def test_trap_11_main_pays_nothing_of_it(engine, rate):
    """Of 1024, 896 never were in the pool, and are there whatever the fee."""
    scene = scenario(
        [flat(128), flat(104)], [{"size": 8}], SLOTS[:1], venue={"liquidation_fee": rate}, account={"balance": 1024}
    )
    result = run(engine, scene)
    assert result["equity"] == [1024, 896]
    assert result["totals"]["liquidation_fees"] == 0
    assert result["totals"]["insurance_absorbed"] == 8 * 24 - 128


@on_both
def test_trap_11_no_taker_fee_on_top(engine):
    """The opening pays 1/64 of 1024, the liquidation only its own fee of 1/128 of 912: 8 * 114 with 16 left."""
    scene = scenario(
        [flat(128), flat(114)], [{"size": 8}], SLOTS[:1], instrument={"taker_fee": 1 / 64, "tiers": [[0, 1 / 32, 32]]},
        venue={"liquidation_fee": 1 / 128}, account={"balance": 1024},
    )
    totals = run(engine, scene)["totals"]
    assert (totals["fees"], totals["liquidation_fees"]) == (16, 7.125)


def with_marks(candles, mark_candles):
    bars = columns(candles)
    bars.update({"mark_" + name: column for name, column in columns(mark_candles).items()})
    return [bars]


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
@pytest.mark.parametrize("path", ["adverse", "favourable", "candle"])
def test_trap_12_bad_prints_do_not_liquidate(engine, mode, path):
    """The trade falls to 64, half of what it was; the mark to 120, where 128 - 64 = 64 is above 960 / 64."""
    bars = with_marks([flat(128), (128, 128, 64, 128), flat(128)], [flat(128), (128, 128, 120, 128), flat(128)])
    account = {"mode": mode, "balance": 128, "path": path}
    result = run(engine, scenario([], [{"size": 8}], SLOTS[:1], bars=bars, account=account))
    assert not events(result, "liquidation")
    assert result["equity_low"] == [128, 64, 128]
    assert result["mark_is_trade"] == [False]


@on_both
def test_trap_12_the_mark_liquidates_where_the_trade_does_not(engine):
    """The mark falls to 104 and the trade stays: liquidated on the way, at the mark."""
    bars = with_marks([flat(128), flat(128)], [flat(128), (128, 128, 104, 128)])
    (event,) = events(run(engine, scenario([], [{"size": 8}], SLOTS[:1], bars=bars)), "liquidation")
    assert event["fill"] == event["price"] == pytest.approx(896 / 7.875, rel=1e-14)


@on_both
def test_trap_12_without_marks_the_trade_counts_and_the_result_says_so(engine):
    """The same bad print with no mark to hold it against liquidates."""
    result = run(engine, scenario([flat(128), (128, 128, 64, 128)], [{"size": 8}], SLOTS[:1]))
    assert len(events(result, "liquidation")) == 1
    assert result["mark_is_trade"] == [True]


@on_both
def test_trap_12_funding_and_equity_go_by_the_mark_too(engine):
    """8 at a trade of 128 and a mark of 120: pnl -64, funding 8 * 120 / 64 = 15."""
    bars = with_marks([flat(128)] * 2, [flat(120)] * 2)
    funding = [{"time": HOUR, "instrument": 0, "rate": 1 / 64, "mark": None}]
    result = run(engine, scenario([], [{"size": 8}], SLOTS[:1], bars=bars, funding=funding))
    assert result["equity"] == [1000 - 64, 1000 - 64 - 15]


def funded(engine, times, size=8, rate=1 / 64, step=HOUR, n_bars=9, **parts):
    """8 at 128 in a market that stands still, with funding of 8 * 128 / 64 = 16 at some times (in hours)."""
    funding = [{"time": int(time * HOUR), "instrument": 0, "rate": rate, "mark": None} for time in times]
    scene = scenario([flat(128)] * n_bars, [{"size": size}], SLOTS[:1], funding=funding, **parts)
    scene["open_time"] = [t * step for t in range(n_bars)]
    return run(engine, scene)


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
@pytest.mark.parametrize(("size", "rate", "amount"), [(8, 1 / 64, -16), (-8, 1 / 64, 16), (8, -1 / 64, 16),
                                                      (-8, -1 / 64, -16)])
def test_trap_13_longs_pay_a_positive_rate(engine, mode, size, rate, amount):
    """Shorts receive it; a negative rate goes the other way."""
    result = funded(engine, [4], size, rate, account={"mode": mode})
    (event,) = events(result, "funding")
    assert (event["bar"], event["quantity"], event["amount"]) == (4, size, amount)
    assert result["equity"] == [1000] * 4 + [1000 + amount] * 5
    assert result["totals"]["funding"] == -amount


@on_both
def test_trap_13_inverse_in_coin(engine):
    """1024 at 128 are 8 coins: 8 / 64 = 1/8 of a coin."""
    result = funded(engine, [4], 1024, instrument={"contract": "inverse"})
    assert events(result, "funding")[0]["amount"] == -1 / 8


@on_both
@pytest.mark.parametrize(("step", "n_bars"), [(HOUR, 9), (HOUR // 2, 17), (HOUR // 4, 33), (8 * HOUR, 2)])
def test_trap_13_each_settlement_counts_once_on_every_grid(engine, step, n_bars):
    """Settlements after 2, 4 and 8 hours are three payments, on bars of 15 minutes as on bars of 8 hours."""
    result = funded(engine, [2, 4, 8], step=step, n_bars=n_bars)
    assert [event["amount"] for event in events(result, "funding")] == [-16] * 3
    assert result["equity"][-1] == 1000 - 48


@on_both
@pytest.mark.parametrize(
    "times", [[8], [4, 8], [2, 4, 6, 8], [1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 4, 8], [0.5, 0.75, 1.25, 7.75], []]
)
def test_trap_13_the_interval_is_what_the_events_say(engine, times):
    """8, 4, 2 and 1 hours, changing on the way, off the grid, several in one bar: as many payments as events."""
    result = funded(engine, times, rate=1 / 256)
    bars = [-int(-time // 1) for time in times]  # the first bar that opens at or after it
    assert [event["bar"] for event in events(result, "funding")] == bars
    assert result["totals"]["funding"] == 4 * len(times)


@on_both
def test_trap_13_only_who_held_before_pays(engine):
    """Opened at the open that the settlement falls on: not carried into the bar, so nothing is due."""
    scene = scenario(
        [flat(128)] * 3, [{"bar": 0, "size": 8}], SLOTS[:1],
        funding=[{"time": HOUR, "instrument": 0, "rate": 1 / 64, "mark": None}],
    )
    assert not events(run(engine, scene), "funding")


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_trap_13_funding_that_breaches_maintenance_liquidates(engine, mode):
    """128 - 112 = 16 = 1024 / 64: the margin check of the same open sees what the payment left."""
    account = {"mode": mode, "balance": 128}
    result = funded(engine, [4], rate=7 / 64, account=account)
    (event,) = events(result, "liquidation")
    assert (event["bar"], event["segment"], event["fill"]) == (4, "open", 128)
    assert result["equity"][4] == 16
    barely = funded(engine, [4], rate=7 / 64 - 1 / 1024, account=account)
    assert not events(barely, "liquidation")


def test_trap_13_missing_history_is_said():
    """12 hours of settlements for 48 hours of bars are not silently no funding."""
    import pandas as pd

    from backtester import Market

    index = pd.date_range("2025-01-01", periods=48, freq="h")
    frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), 128.0), index=index)
    rates = pd.Series(0.0001, index=pd.date_range("2025-01-01", periods=4, freq="4h"))
    some, none = Market.from_frames({"A": frame}, funding={"A": rates}), Market.from_frames({"A": frame})
    assert any(note.startswith("funding of A covers") for note in some.notes)
    assert "no funding for A" in none.notes
