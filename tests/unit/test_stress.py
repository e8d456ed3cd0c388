"""Is each shock what it says it is, on a market that stays consistent, and does bad input get a clear error?"""

import json

import numpy as np
import pytest

from backtester import Account, Market, compare
from backtester.errors import ConfigurationError, MarketDataError
from backtester.market import PRICES
from backtester.stress import Drop, FlashCrash, FundingSpike, Gap, Outage, read_shock, read_shocks, shocked, stress
from data import synthetic
from tests.strategy_market import fixed, market

N = 96
AT = "2024-01-02T12:00"  # bar 36
BAR = 36
TRADE, MARK = PRICES[:4], PRICES[4:]
EVERY = (
    "gap:-0.25@2024-01-02T12:00",
    "gap:0.5,symbols=FAKE2@2024-01-02T12:00",
    "flash_crash:0.25,down=2,up=4@2024-01-02T12:00",
    "flash_crash:-0.5,down=1,up=2,recovery=0.5@2024-01-02T12:00",
    "drop:0.2,bars=3@2024-01-02T12:00",
    "drop:0.2,betas=FAKE1*1.0+FAKE2*2.0+FAKE3*0.0@50%",
    "funding:0.01,hours=9@2024-01-02T12:00",
    "dislocation:-0.1,bars=3@2024-01-02T12:00",
    "dislocation:0.1,bars=2,of=trade,symbols=FAKE1+FAKE3@2024-01-02T12:00",
    "outage:6@2024-01-02T12:00",
)


@pytest.fixture(scope="module")
def calm() -> Market:
    return synthetic(N, 3, seed=3, crash=False)


@pytest.fixture(scope="module")
def fine() -> Market:
    return synthetic(N, 3, seed=3, crash=False, detail="15m")


def bars(market, names=PRICES):
    return np.stack([getattr(market, name) for name in names])


@pytest.mark.parametrize("text", EVERY)
def test_every_shock_leaves_the_past_and_the_given_market_alone(fine: Market, text: str) -> None:
    before = bars(fine).copy()
    other = read_shock(text).on(fine)  # its constructor checks that low <= open, close <= high, and the funding
    assert np.array_equal(bars(fine), before)
    bar = BAR if "50%" not in text else N // 2
    assert np.array_equal(bars(other)[:, :bar], before[:, :bar])
    assert np.array_equal(bars(other.detail)[:, : 4 * bar], bars(fine.detail)[:, : 4 * bar])
    changed = not np.array_equal(bars(other), before) or not np.array_equal(other.funding.rate, fine.funding.rate)
    assert changed
    assert len(other.notes) == len(fine.notes) + 1
    assert other.source.endswith(f"with {read_shock(text)}")


@pytest.mark.parametrize("text", EVERY)
def test_finer_bars_stay_inside_their_bars(fine: Market, text: str) -> None:
    other = read_shock(text).on(fine)
    for kind in ("", "mark_"):
        low, high = (getattr(other, kind + name) for name in ("low", "high"))
        least = getattr(other.detail, kind + "low").reshape(N, 4, 3).min(axis=1)
        most = getattr(other.detail, kind + "high").reshape(N, 4, 3).max(axis=1)
        known = ~np.isnan(low)
        assert np.array_equal(known, ~np.isnan(least))
        assert (least[known] >= low[known] * (1 - 1e-12)).all()
        assert (most[known] <= high[known] * (1 + 1e-12)).all()
        np.testing.assert_allclose(
            getattr(other.detail, kind + "close")[3::4], getattr(other, kind + "close"), rtol=1e-12
        )


@pytest.mark.parametrize("text", EVERY)
def test_finer_bars_have_the_same_funding(fine: Market, text: str) -> None:
    other = read_shock(text).on(fine)
    assert len(fine.detail.funding.time) > 0
    for coarse, finer in zip(other.funding, other.detail.funding, strict=True):
        np.testing.assert_allclose(finer, coarse, rtol=1e-14)


@pytest.mark.parametrize("text", EVERY)
def test_the_text_of_a_shock_reads_as_itself(text: str) -> None:
    shock = read_shock(text)
    assert read_shock(str(shock)) == shock
    assert hash(shock) == hash(read_shock(text))


def test_a_gap_moves_all_prices_from_its_bar_on(calm: Market) -> None:
    other = Gap(-0.25, at=AT).on(calm)
    assert np.array_equal(bars(other)[:, BAR:], 0.75 * bars(calm)[:, BAR:])
    later = calm.funding.time >= calm.open_time[BAR]
    np.testing.assert_allclose(
        other.funding.mark_price, calm.funding.mark_price * np.where(later, 0.75, 1.0), rtol=1e-15
    )
    assert np.array_equal(other.funding.rate, calm.funding.rate)


def test_a_time_between_bars_is_the_next_bar(calm: Market) -> None:
    early, late = (Gap(-0.25, at=at).on(calm) for at in ("2024-01-02T11:01", AT))
    assert np.array_equal(early.open, late.open)


def test_a_flash_crash_goes_down_and_comes_back(calm: Market) -> None:
    other = FlashCrash(0.5, down=2, up=4, at=AT).on(calm)
    assert np.array_equal(other.open[BAR], calm.open[BAR])
    factors = (other.close / calm.close)[BAR : BAR + 7, 0]
    np.testing.assert_allclose(factors, [0.75, 0.5, 0.625, 0.75, 0.875, 1.0, 1.0], rtol=1e-14)
    np.testing.assert_allclose((other.low / calm.low)[BAR : BAR + 3, 0], [0.75, 0.5, 0.5], rtol=1e-14)
    np.testing.assert_allclose((other.high / calm.high)[BAR : BAR + 3, 0], [1.0, 0.75, 0.625], rtol=1e-14)


def test_a_flash_crash_may_end_after_the_market(calm: Market) -> None:
    other = FlashCrash(0.5, down=1, up=100, at=calm.open_time[-2]).on(calm)
    np.testing.assert_allclose((other.close / calm.close)[-2:, 0], [0.5, 0.505], rtol=1e-14)


def test_a_drop_goes_by_betas_that_are_those_of_the_past() -> None:
    moves = np.random.default_rng(5).normal(0.0, 0.01, 200)
    price = [100.0 * np.exp(np.cumsum(beta * moves)) for beta in (0.5, 1.5)]
    two = market(*price)
    other = Drop(0.2, bars=2, at=two.open_time[150]).on(two)
    np.testing.assert_allclose((other.close / two.close)[151], [0.8**0.5, 0.8**1.5], rtol=1e-9)
    later = two.close.copy()
    later[160:] *= 3.0  # what comes after the shock is not known to it
    frames = market(*later.T)
    again = Drop(0.2, bars=2, at=two.open_time[150]).on(frames)
    np.testing.assert_allclose((again.close / frames.close)[151], [0.8**0.5, 0.8**1.5], rtol=1e-9)


def test_given_betas_count_and_need_no_past(calm: Market) -> None:
    first = str(np.datetime64(int(calm.open_time[1]), "ns"))
    other = Drop(0.5, betas={"FAKE1": 1, "FAKE2": 2, "FAKE3": 0}, at=first).on(calm)
    np.testing.assert_allclose((other.close / calm.close)[1], [0.5, 0.25, 1.0], rtol=1e-14)
    with pytest.raises(ConfigurationError, match="cannot be estimated from 0 returns before the shock"):
        Drop(0.5, at=first).on(calm)


def test_a_funding_spike_hits_the_settlements_of_its_hours(calm: Market) -> None:
    other = FundingSpike(0.01, hours=9, symbols="FAKE2/USDT:USDT", at=AT).on(calm)
    hours = (calm.funding.time - calm.open_time[BAR]) / 3_600e9
    hit = (hours >= 0) & (hours < 9) & (calm.funding.instrument == 1)
    assert hit.sum() == 1
    np.testing.assert_allclose(other.funding.rate - calm.funding.rate, np.where(hit, 0.01, 0.0), atol=1e-15)
    assert np.array_equal(bars(other), bars(calm))
    with pytest.raises(ConfigurationError, match="there is no funding of all instruments from 2024-01-02 12:00"):
        FundingSpike(0.01, hours=4, at=AT).on(calm)


def test_a_dislocation_parts_mark_and_trade_and_ends() -> None:
    plain = market(np.linspace(100.0, 110.0, 50), np.linspace(50.0, 40.0, 50))
    assert plain.mark_open is plain.open
    at = "2025-01-01T20:00"
    other = shocked(plain, read_shocks(f"dislocation:-0.5,bars=2,symbols=AUSDT@{at}"))
    assert np.array_equal(bars(other, TRADE), bars(plain, TRADE))
    ratio = other.mark_close / plain.mark_close
    assert ratio[19:23, 0].tolist() == [1.0, 0.5, 0.5, 1.0]
    assert (ratio[:, 1] == 1.0).all()
    assert other.mark_is_trade.tolist() == [False, True]
    both = shocked(plain, read_shocks(f"gap:-0.5@{at}"))
    assert both.mark_open is both.open  # a shock of both keeps them one


def test_an_outage_takes_bars_away_and_leaves_funding(fine: Market) -> None:
    other = Outage(6, symbols=["FAKE1", "FAKE3"], at=AT).on(fine)
    gone = np.zeros((N, 3), bool)
    gone[BAR : BAR + 6, [0, 2]] = True
    assert np.array_equal(np.isnan(other.close), gone)
    assert np.array_equal(np.isnan(other.detail.mark_low), np.repeat(gone, 4, axis=0))
    assert np.array_equal(other.funding.rate, fine.funding.rate)


def test_shocks_are_laid_one_on_the_other(calm: Market) -> None:
    text = f"gap:-0.5@{AT} + gap:-0.5@2024-01-03"
    other = shocked(calm, read_shocks(text))
    assert (other.close / calm.close)[[BAR - 1, BAR, 48], 0].tolist() == [1.0, 0.5, 0.25]
    assert shocked(calm, ()) is calm


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gap-0.2", "shock: is not of the form kind:value@time; found 'gap-0.2'"),
        ("gap:-0.2", "shock: is not of the form kind:value@time; found 'gap:-0.2'"),
        ("flash:0.2@50%", "shock: there is no such shock; found 'flash'"),
        ("flash_crush:0.2@50%", "nearest: flash_crash"),
        ("gap:-1@50%", "shock gap.change: is out of range; found -1; allowed: a fraction above -1"),
        ("gap:0@50%", "shock gap.change: is out of range; found 0"),
        ("gap:deep@50%", "shock gap.change: is not a number; found 'deep'"),
        ("gap:nan@50%", "shock gap.change: is not a finite number"),
        ("flash_crash:0.2,dwon=2@50%", "shock flash_crash.dwon: is an unknown key; found 'dwon'; nearest: down"),
        ("flash_crash:0.2,down@50%", "shock flash_crash: is not of the form name=value; found 'down'"),
        ("flash_crash:0.2,up=2,up=3@50%", "shock flash_crash: is named twice; found 'up=3'"),
        ("flash_crash:0.2,down=1.5@50%", "shock flash_crash.down: is not a whole number; found 1.5"),
        ("flash_crash:1@50%", "shock flash_crash.depth: is out of range; found 1"),
        ("drop:0.2,betas=1+2@50%", "shock drop.betas: has what is no name"),
        ("drop:0.2,betas=BTC*high@50%", "shock drop.betas: is not a number; found (('BTC', 'high'),)"),
        ("funding:1@50%", "shock funding.rate: is out of range; found 1"),
        ("dislocation:0.1,of=index@50%", "shock dislocation.of: is not one of the allowed values; found 'index'"),
        ("outage:0@50%", "shock outage.bars: is out of range; found 0"),
        ("gap:-0.2@noon", "shock gap.at: is no time; found 'noon'; allowed: a time such as 2025-10-10T21:00"),
        ("gap:-0.2@100%", "shock gap.at: is no place between the first bar and the last; found '100%'"),
    ],
)
def test_a_text_that_is_no_shock(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_shocks(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("shock", "said"),
    [
        ("gap:-0.2@2023-12-31", "shock gap.at: is not inside the market"),
        ("gap:-0.2@2024-01-01", "allowed: after 2024-01-01, up to 2024-01-04 23:00".replace("01-01,", "01-01 00:00,")),
        ("gap:-0.2@2024-01-05", "Choose such a time, or a part of the bars such as 50%."),
        ("gap:-0.2,symbols=FAKE9@50%", "shock gap.symbols: the market has no such instrument; found 'FAKE9'"),
        ("drop:-0.2,betas=BTC*1@50%", "shock drop.betas: the market has no such instrument; found 'BTC'"),
    ],
)
def test_a_shock_without_a_place(calm: Market, shock: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_shock(shock).on(calm)
    assert said in str(caught.value)


def test_rates_that_no_market_has_are_refused(calm: Market) -> None:
    twice = "funding:0.6,hours=24@50% + funding:0.6,hours=24@50%"
    with pytest.raises(MarketDataError, match="a funding rate of 100 % or more"):
        shocked(calm, read_shocks(twice))


# The comparison

ACCOUNT = Account(balance=10_000.0, leverage=10.0)
HOLD = fixed(notional=20_000.0)


def test_each_run_is_that_of_the_shocked_market(calm: Market) -> None:
    result = stress(HOLD, calm, ACCOUNT, [f"gap:-0.25@{AT}", Outage(3, at=AT)])
    assert list(result) == ["none", f"gap:-0.25@{AT}", f"outage:3@{AT}"]
    for name, each in result.items():
        alone = compare(HOLD, shocked(calm, result.shocks[name]), ACCOUNT)
        assert np.array_equal(each.isolated.equity, alone.isolated.equity)
    assert result[f"gap:-0.25@{AT}"].cross.totals["liquidations"] > result.calm.cross.totals["liquidations"] == 0
    assert result.metrics.index.names == ["shock", "mode"]
    assert len(result.metrics) == 6


def test_the_verdict_says_what_a_shock_turns(calm: Market) -> None:
    result = stress(HOLD, calm, ACCOUNT, [f"gap:-0.25@{AT}"])
    final = result.metrics["final_equity"].unstack("mode")
    assert final.loc[f"gap:-0.25@{AT}", "isolated"] > final.loc[f"gap:-0.25@{AT}", "cross"]
    assert "A costs isolated" in result.verdict
    assert result.verdict.startswith("Without a shock the modes end alike: ")
    assert result.verdict.endswith(": now isolated ends higher. It ruins cross.")
    assert "shock A  a gap of -25 %, 2024-01-02 12:00" in str(result)
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["shocks"]["none"] == []


def test_a_run_without_shocks_or_with_one_twice_is_refused(calm: Market) -> None:
    with pytest.raises(ConfigurationError, match="there is none"):
        stress(HOLD, calm, ACCOUNT, [])
    with pytest.raises(ConfigurationError, match="holds no shock"):
        stress(HOLD, calm, ACCOUNT, [f"gap:-0.25@{AT}", ()])
    with pytest.raises(ConfigurationError, match="is given twice"):
        stress(HOLD, calm, ACCOUNT, [f"gap:-0.25@{AT}", Gap(-0.25, at=AT)])
