"""What becomes of accounts in a run of the engine: who is closed where, what is left, who pays."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from backtester import calculators as calc
from backtester.calculators import Position, isolated
from tests.conformance.adapters.accounts import Inputs, coin, events, flat, given, play
from tests.conformance.adapters.states import state


def gap(quantity: float, entry: float, price: float, margin: float, **parts: Any) -> Inputs:
    """Return the run of an isolated position of some margin, all there is if nothing is said, then a bar at a price."""
    parts = {"account": {"balance": margin}, "leverage": 1e6} | parts
    return play([flat(entry), flat(price)], [{"size": quantity, "margin": margin}], **parts)


def each_alone(legs: list[Inputs], mark: float, rate: float = 0.0) -> Inputs:
    """Return the run of positions on one market, each with its own margin, whose next bar opens at a mark."""
    orders = [{"slot": n, "size": leg["qty"], "margin": leg["equity"]} for n, leg in enumerate(legs)]
    slots = [{"instrument": 0, "leverage": 1e6}] * len(orders)
    return play([flat(legs[0]["entry"]), flat(mark)], orders, rate=rate, slots=slots, account={"balance": 1000})


def insurance(x: Inputs) -> Inputs:
    """What the insurance fund pays for the deficit of a gap."""
    absorbed = gap(x["qty"], x["entry"], x["mark"], x["equity"], rate=0.005)["totals"]["insurance_absorbed"]
    return {"insurance_delta": -absorbed, "insurance_after": x["insurance"] - absorbed}


def deleveraged(x: Inputs) -> Inputs:
    """Which of the others are closed when a deficit is left: none, the fund absorbs it."""
    legs = {"long": x["long"]} | {name: {"entry": 100, **leg} for name, leg in x["shorts"].items()}
    result = each_alone(list(legs.values()), x["mark"])
    assert result["totals"]["insurance_absorbed"] > 0
    closed = {list(legs)[event["slot"]] for event in events(result, "liquidation")} - {"long"}
    return {"adl_closed": sorted(map(int, closed))}


def cascade(x: Inputs) -> Inputs:
    """A liquidation does not move the market: the second position stays at the mark."""
    gone = events(each_alone(x["positions"], x["mark"], rate=0.005), "liquidation")
    return {"liquidations": len(gone), "passes": len({(event["bar"], event["segment"], event["s"]) for event in gone})}


def left_after_liquidation(x: Inputs) -> Inputs:
    """What a liquidation at a mark leaves to the trader."""
    held = Position(coin(x["mmr"]), x["qty"], x["entry"], x["mark"])
    result = gap(x["qty"], x["entry"], x["mark"], x["margin"], rate=x["mmr"])
    return state(isolated(held, margin=x["margin"])) | {"returned": result["equity"][-1]}


def left_after_funding(x: Inputs) -> Inputs:
    """What is left after a funding that takes an isolated position below its requirement."""
    opened = isolated(Position(coin(x["mmr"]), x["qty"], x["mark"]), margin=x["margin"])
    second_bar = {"time": 3_600_000_000_000, "instrument": 0, "rate": x["funding"]}
    result = gap(x["qty"], x["mark"], x["mark"], x["margin"], rate=x["mmr"], funding=[second_bar])
    assert len(events(result, "liquidation")) == 1
    return state(calc.after_fundings(opened, 1, x["funding"])) | {"left": result["equity"][-1]}


def covered_by_the_wallet(x: Inputs) -> float:
    """What an account has after a gap when an isolated position takes what is free; resting orders tie up nothing."""
    result = gap(
        x["qty"], x["entry"], x["mark"], x["position_margin"],
        rate=0.005, account={"balance": x["wallet"]}, venue={"auto_top_up": "all_free"},
    )  # fmt: skip
    return result["equity"][-1]


def loss_of_a_gap(x: Inputs) -> Inputs:
    """The loss of an isolated position after a gap far beyond its bankruptcy."""
    size = x["notional"] / x["entry"] * (-1 if x["side"] == "short" else 1)
    margin = x["notional"] / x["leverage"]
    result = gap(size, x["entry"], x["gap"], margin, account={"balance": x["notional"]})
    return {"max_leg_loss": x["notional"] - result["equity"][-1]}


def margin_forfeited(x: Inputs) -> float:
    """All of the margin is lost at the liquidation price: the leftover goes to the fund; a rate of 1 % is required."""
    entry = x["entry"]
    result = play(
        [flat(entry), (entry, 2 * entry, entry, entry)],
        [{"size": x["qty_after"]}],
        rate=0.01,
        leverage=x["leverage"],
        account={"balance": x["wallet"]},
        venue={"leftover": "fund"},
    )
    return result["equity"][-1]


def inverse_crash(x: Inputs) -> Inputs:
    """What a crash leaves of an isolated position in an inverse contract."""
    result = play(
        [flat(x["entry"]), flat(x["crash_mark"])],
        [{"size": x["qty"]}],
        rate=0.01,
        leverage=x["leverage"],
        account={"balance": x["wallet_btc"]},
        instrument={"contract": "inverse"},
    )
    return {"available": result["equity"][-1], "realised": result["equity"][-1] - x["wallet_btc"]}


def equity_path(x: Inputs) -> Inputs:
    """An equity curve made by a price: as many coins at 100 as make the lowest equity a price of 50."""
    first, curve = x["equity"][0], x["equity"]
    quantity = max(1.0, (first - min(curve)) / 50.0)
    prices = [100.0 + (value - first) / quantity for value in curve]
    moves = [(one, max(one, two), min(one, two), two) for one, two in pairwise(prices)]
    account = {"balance": first, "mode": "cross"}
    result = play([flat(prices[0]), *moves], [{"size": quantity}], leverage=1e6, account=account)
    gain = result["equity"][-1] / first - 1.0
    return {"liquidated": bool(events(result, "liquidation")), "total_return_pct": 100.0 * gain}


def drawdown(x: Inputs) -> Inputs:
    """The drawdown of an equity curve of two points."""
    return {"worst_drawdown": -equity_path({"equity": [x["start"], x["equity"]]})["total_return_pct"] / 100.0}


def realised(x: Inputs) -> Inputs:
    """A short reduced at a loss, the rest closed at a profit."""
    prices = (x["entry"], x["reduce1_at"], x["close24_at"])
    sizes = (x["qty"], 1, -x["qty"] - 1)
    orders = [{"size": size, "bar": bar - 1} for bar, size in enumerate(sizes)]
    result = play([flat(price) for price in prices], orders, account={"balance": x["wallet"], "mode": "cross"})
    return {"after_reduce_total": result["equity"][1], "final": result["equity"][2]}


def nearer_exit(x: Inputs) -> float:
    """Where a short from 1 ends that has a stop and a liquidation price, on the way to 4."""
    margin = x["liquidation_price"] - 1.0
    order = {"size": -1, "margin": margin, "stop": x["stop_loss"]}
    result = play([flat(1.0), (1.0, 4.0, 1.0, 4.0)], [order], leverage=1e6, account={"balance": margin})
    (gone,) = events(result, "stop", "liquidation")
    return gone["price"]


def all_in(x: Inputs, **rules: str) -> float:
    """torchtrade: all cash (or a fraction) in one isolated position, maintenance at entry, through one bar."""
    sign, bar = (-1 if x.get("side") == "short" else 1), x.get("bar", {})
    opened = given(x, "gap_open", "bar_open", "open", default=bar.get("open"))
    extreme = given(x, "adverse_extreme", default=bar.get("low", opened))
    low = min(opened, extreme, 88.0 if "low88" in x.get("case", "") else opened)  # two levels stand in a case's name
    order = {
        "size": sign * given(x, "qty", default=x.get("position_fraction", 1.0) * x["cash"]),
        "size_type": "quantity" if "qty" in x else "margin",
        "stop": x.get("stop"),
        "take_profit": 90.0 if "tp90" in x.get("case", "") else None,
    }
    result = play(
        [flat(x["entry"]), (opened, max(opened, extreme), low, opened)],
        [order],
        rate=x.get("mmr", 0.004),
        leverage=x["leverage"],
        instrument={"taker_fee": x.get("fee", 0.0)},
        venue={"mm_basis": "entry"} | rules,
        account={"balance": x["cash"]},
    )
    return result["equity"][-1]


def all_in_fee_from_margin(x: Inputs) -> float:
    """torchtrade where the opening fee comes out of the margin."""
    return all_in(x, opening_fee_from="pool")


def cross_liquidation_fee(x: Inputs) -> Inputs:
    """Two longs of 100 at 100, one falls: what the fee is, at most what is left of the equity."""
    falling = {"open": [100, 100], "high": [100, 100], "low": [100, x["btc_mark_low"]], "close": [100, 100]}
    still = dict.fromkeys(falling, (100, 100))
    result = play(
        [],
        [{"size": 100, "slot": 0}, {"size": 100, "slot": 1}],
        bars=[falling, {name: list(prices) for name, prices in still.items()}],
        rate=0.004,
        slots=[{"instrument": n, "leverage": x["lev"]} for n in (0, 1)],
        venue={"liquidation_fee": x["liq_fee_rate"]},
        account={"balance": x["cash"], "mode": "cross"},
    )
    return {
        "liquidation_fee": result["totals"]["liquidation_fees"],
        "positions_closed": len(events(result, "liquidation")),
        "terminal": "account_liquidation" if result["totals"]["bankrupt"] else "goes on",
    }


def addition_after_liquidation(x: Inputs) -> Inputs:
    """What an isolated liquidation leaves for a further position."""
    margin = x["weights"][0] * x["cash"]
    size = margin * x["lev"] / 100.0
    result = gap(size, 100.0, x["btc_mark_low"], margin, rate=0.004, account={"balance": x["cash"]}, leverage=x["lev"])
    return {"required": x["weights"][1] * x["cash"], "available": result["equity"][-1]}


def reduced_to_a_tier(x: Inputs) -> Inputs:
    """OKX: contracts closed by a liquidation that steps down to the tier below; the tiers' rates are assumed."""
    tiers = [[0, 0.01, 100], [x["tier1_max"], 0.02, 10]]
    result = play(
        [flat(100.0), flat(92.0)],
        [{"size": x["position"]}],
        leverage=10,
        account={"balance": x["position"] / 1000.0},
        instrument={"contract": "inverse", "tiers": tiers, "tier_key": "quantity"},
        venue={"reduction": "tier_step"},
    )
    (closed,) = events(result, "liquidation")
    return {"contracts_to_close": abs(closed["quantity"])}


def socialised(x: Inputs) -> Inputs:
    """What the winners are charged for a loss that nobody covers: nothing, the fund absorbs it."""
    charged = {}
    for name, profit in x["profits"].items():
        account = {"balance": profit, "mode": "cross"}
        won = play([flat(100.0), flat(200.0)], [{"size": profit / 100.0}], account=account)
        charged[name] = 2 * profit - won["equity"][-1]
    return charged
