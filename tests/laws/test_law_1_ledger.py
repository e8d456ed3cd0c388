"""Law 1: every cash movement is a ledger row, and the rows add up to cash and equity at every bar."""

import pytest

from tests.laws.engines import flat, has_data, marks, on_both, run, scenario
from tests.twin.scenarios import random_scenario

TRADES = ("fill", "limit", "stop", "take_profit", "trailing_stop", "liquidation")
BETWEEN_POOLS = ("transfer", "auto_top_up")
OF_TRADES = ("realised", "fee", "liquidation_fee")
SIGNS = {
    "realised": 1, "fees": -1, "funding": -1, "liquidation_fees": -1, "insurance_absorbed": 1, "insurance_taken": -1,
}
ROWS = dict(zip(SIGNS, ("realised", "fee", "funding", "liquidation_fee", "insurance_absorbed", "insurance_taken"),
                strict=True))


def check_ledger(scene, result):
    """Hold cash, equity, pnl and events of every bar against the ledger."""
    scale = scene["account"]["balance"] + sum(abs(row["amount"]) for row in result["ledger"])
    sums, kinds = [0.0] * len(result["pool_kind"]), dict.fromkeys(["deposit", *BETWEEN_POOLS, *ROWS.values()], 0.0)
    last = [None] * len(scene["instruments"])
    assert [row["bar"] for row in result["ledger"]] == sorted(row["bar"] for row in result["ledger"])
    for t, cash in enumerate(result["cash"]):
        here = dict.fromkeys(kinds, 0.0)
        for row in result["ledger"]:
            if row["bar"] == t:
                sums[row["pool"]] += row["amount"]
                kinds[row["kind"]] += row["amount"]
                here[row["kind"]] += row["amount"]
        assert sums == pytest.approx(cash, abs=1e-12 * scale)
        assert [kinds[kind] for kind in BETWEEN_POOLS] == pytest.approx([0, 0], abs=1e-12 * scale)
        for i in range(len(last)):
            last[i] = marks(scene, i, "close")[t] if has_data(scene, i, t) else last[i]
        pnl, notional = unrealised(scene, result, last, t)
        assert sum(result["pool_pnl"][t]) == pytest.approx(pnl, abs=1e-12 * (scale + notional))
        moved = sum(amount for kind, amount in kinds.items() if kind not in BETWEEN_POOLS)
        assert result["equity"][t] == pytest.approx(moved + pnl, abs=1e-11 * (scale + notional))
        assert result["equity_low"][t] <= result["equity"][t] + 1e-12 * scale
        traded = sum(row["amount"] for row in result["events"] if row["bar"] == t and row["kind"] in TRADES)
        assert sum(here[kind] for kind in OF_TRADES) == pytest.approx(traded, abs=1e-11 * scale)
        funded = sum(row["amount"] for row in result["events"] if row["bar"] == t and row["kind"] == "funding")
        assert here["funding"] == pytest.approx(funded, abs=1e-11 * scale)
    for name, sign in SIGNS.items():
        assert result["totals"][name] == pytest.approx(sign * kinds[ROWS[name]], abs=1e-11 * scale)
    assert result["totals"]["equity"] == result["equity"][-1]


def unrealised(scene, result, last, t):
    """Return pnl and notional of all positions at the last known mark closes, from quantity and entry."""
    pnl, notional = 0.0, 0.0
    for j, slot in enumerate(scene["slots"]):
        quantity, entry, mark = result["quantity"][t][j], result["entry"][t][j], last[slot["instrument"]]
        if quantity != 0.0:
            inverse = scene["instruments"][slot["instrument"]]["contract"] == "inverse"
            pnl += quantity * (1 / entry - 1 / mark) if inverse else quantity * (mark - entry)
            notional += abs(quantity) / mark if inverse else abs(quantity) * mark
    return pnl, notional


@on_both
@pytest.mark.parametrize("seed", range(100))
def test_the_ledger_adds_up_at_every_bar(engine, seed):
    scene = random_scenario(seed)
    check_ledger(scene, run(engine, scene))


@on_both
@pytest.mark.parametrize("mode", ["isolated", "cross"])
def test_every_kind_of_row(engine, mode):
    """Fees 1/64, funding 1/64 of 800 at bar 1, half sold at 104, the rest liquidated at 72 with a fee of 1/1024."""
    scene = scenario(
        [flat(100), flat(100), flat(104), flat(72)],
        [{"size": 8}, {"bar": 1, "size": -4}],
        account={"mode": mode, "balance": 128},
        instrument={"taker_fee": 1 / 64},
        venue={"liquidation_fee": 1 / 1024, "leftover": "fund"},
        funding=[{"time": 3_600_000_000_000, "instrument": 0, "rate": 1 / 64, "mark": None}],
    )
    result = run(engine, scene)
    check_ledger(scene, result)
    totals = result["totals"]
    assert totals["fees"] == 800 / 64 + 416 / 64
    assert totals["funding"] == 800 / 64
    assert totals["realised"] == 4 * 4 - 4 * 28
    # cross: 128 - 12.5 - 12.5 - 6.5 + 16 - 112 = 0.5 is left of 288 / 64 = 4.5; 288 / 1024 of it is the fee
    # isolated: 100 posted - 12.5 funding = 87.5, of which half stays at the sale: 43.75 - 112 = -68.25, absorbed
    assert totals["liquidation_fees"] == (288 / 1024 if mode == "cross" else 0)
    assert totals["insurance_taken"] == (0.5 - 288 / 1024 if mode == "cross" else 0)
    assert totals["insurance_absorbed"] == (68.25 if mode == "isolated" else 0)


@pytest.mark.parametrize("seed", range(40))
def test_the_kernel_ends_with_the_cash_of_its_ledger(seed, monkeypatch):
    """Its cash per bar is made of the ledger afterwards: what the pools held when the loop ended must agree."""
    from backtester.running import recorded

    states = []
    make = recorded.run_of
    monkeypatch.setattr(recorded, "run_of", lambda *n, **given: states.append(make(*n, **given)) or states[-1])
    result = run("kernel", random_scenario(seed))
    at_the_end = [state for state in states if state.state[0].n_ledger > 0][-1]
    sums = [0.0] * len(result["pool_kind"])
    for row in result["ledger"]:
        sums[row["pool"]] += row["amount"]
    assert at_the_end.pools.cash.tolist() == sums
    assert result["cash"][-1] == sums
