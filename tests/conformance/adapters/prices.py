"""Liquidation and bankruptcy prices, each from an account and a calculator."""

from __future__ import annotations

import math
from dataclasses import replace

from backtester import calculators as calc
from backtester.calculators import Pool, Position, isolated
from backtester.venue import VenueRules
from tests.conformance.adapters.accounts import (
    ENTRY,
    Inputs,
    coin,
    flat,
    given,
    margin_of,
    play,
    position,
    posted,
    rules_of,
)


def liquidation_mark(x: Inputs) -> float:
    """Liquidation price, maintenance at the mark."""
    return buffered(x, isolated(position(x), rules_of(x), margin=margin_of(x)))


def liquidation_mark_close_fee(x: Inputs) -> float:
    """Liquidation price, maintenance at the mark and the closing fee in the trigger."""
    return buffered(x, posted(x, replace(rules_of(x), close_fee_buffer=x["taker"]), close_fee=True))


def liquidation_entry(x: Inputs) -> float:
    """Liquidation price, maintenance at the entry price, the initial margin posted and nothing more."""
    bare = {name: value for name, value in x.items() if name != "maint_amt"}
    return buffered(x, posted(bare, ENTRY, contract=x.get("contract", "linear")))


def liquidation_entry_inverse(x: Inputs) -> float:
    """Liquidation price of an inverse contract, maintenance at the entry price."""
    return calc.liquidation_price(posted(x, ENTRY, contract="inverse"))


def buffered(x: Inputs, pool: Pool) -> float:
    """Return the price, moved towards the entry by freqtrade's safety buffer where a case has one."""
    price, entry = calc.liquidation_price(pool), pool.positions[0].entry_price
    return price + x.get("liquidation_buffer", 0.0) * (entry - price)


def buffer_of_freqtrade(x: Inputs) -> float:
    """The same buffer on a price that a venue reported: a pool that is liquidated just there."""
    here = {"entry": x["entry"], "is_short": x["is_short"], "liquidation_buffer": x["liquidation_buffer"]}
    return buffered(here, isolated(position(here), margin=abs(x["entry"] - x["exchange_liq_price"])))


def close_fee_posted(x: Inputs) -> Inputs:
    """Phemex: the fee of closing at the bankruptcy price is posted with the margin, and the trigger has a fee too."""
    pool = posted(x, VenueRules(close_fee_buffer=x["taker"]), close_fee=True)
    pool = replace(pool, cash=pool.cash + closing_fee(pool, x["taker"]))
    return {"position_margin": pool.cash, "liq_price": calc.liquidation_price(pool)}


def closing_fee(pool: Pool, rate: float) -> float:
    """Return the fee of closing at the bankruptcy price."""
    return rate * calc.notional(calc.marked(pool, {pool.positions[0].symbol: calc.bankruptcy_price(pool)}))


def sheet_entry(x: Inputs) -> Inputs:
    """Margins, prices and the equity at some marks of an isolated position, maintenance at entry."""
    pool = posted(x, rules_of(x, ENTRY))
    sheet = {
        "initial_margin": calc.initial_margin(pool),
        "maint_margin": calc.maintenance_margin(pool),
        "liq_price": calc.liquidation_price(pool),
        "bankruptcy_price": calc.bankruptcy_price(pool),
    }
    for mark in x.get("marks", []):
        sheet[f"rm_{mark}"] = calc.equity(calc.marked(pool, {"COIN": mark}))
    return sheet


def sheet_entry_gap(x: Inputs) -> Inputs:
    """Margins and prices, maintenance at entry, and what the engine's insurance fund pays after a gap."""
    order = {"size": x["q"]}
    result = play(
        [flat(x["entry"]), flat(x["close_price"])],
        [order],
        rate=x["mmr"],
        leverage=x["leverage"],
        venue={"mm_basis": "entry", "leftover": "fund"},
        account={"balance": x["entry"]},
    )
    return sheet_entry(x) | {"insurance_fund_pays": result["totals"]["insurance_absorbed"]}


def sheet_entry_inverse(x: Inputs) -> Inputs:
    """Notional and initial margin of an inverse position."""
    pool = posted(x, ENTRY, contract="inverse")
    return {"position_value": calc.notional(pool), "initial_margin": calc.initial_margin(pool)}


def cross_with_others(x: Inputs) -> Inputs:
    """Liquidation price in a cross account: the others count with their pnl and requirement at their marks."""
    others = [position(other | {"pair": f"OTHER{n}"}) for n, other in enumerate(x["others"])]
    pool = Pool(x["wallet_balance"], (position(x["target"]), *others), rules_of(x))
    return {
        "liq_price": calc.liquidation_price(pool),
        "other_maint_margin": calc.maintenance_margin(Pool(0.0, tuple(others))),
    }


def cross_of_freqtrade(x: Inputs) -> float:
    """Liquidation price in a cross account, its positions as freqtrade's test gives them."""
    others = [{"q": row.pop("amount"), **row} for row in map(dict, x["other_positions"])]
    return cross_with_others({"wallet_balance": x["wallet"], "target": x, "others": others})["liq_price"]


def cross_from_totals(x: Inputs) -> float:
    """Liquidation price from an account's equity and the maintenance of all its positions."""
    own = Position(coin(x["mmr"]), x["qty"], x["mark"])
    rest = x["total_maintenance"] - x["mmr"] * abs(x["qty"]) * x["mark"]
    others = (Position(coin(0.5, symbol="OTHER"), 2.0 * rest, 1.0),) if rest > 1e-12 else ()
    return calc.liquidation_price(Pool(x["equity"], (own, *others)))


def cross_distance(x: Inputs) -> float:
    """How far the liquidation price in a cross account is from the mark, as a fraction."""
    return abs(cross_from_totals(x) / x["mark"] - 1.0)


def sustainable_loss(x: Inputs) -> Inputs:
    """What a cross position at entry can lose, maintenance at entry."""
    opened = Position(coin(x["mmr"]), x["q"], x["entry"], leverage=1.0 / x["im_rate"])
    margin = calc.initial_margin(Pool(0.0, (opened,)))
    pool = Pool(x["available_balance"] + margin, (opened,), rules_of(x, ENTRY))
    required = calc.maintenance_margin(pool)
    return {
        "initial_margin": margin,
        "maint_margin": required,
        "total_sustainable_loss": calc.equity(pool) - required,
    }


def kraken_inverse(x: Inputs) -> Inputs:
    """Kraken's equity protection process: maintenance at the mark, whatever the note beside the example says."""
    held = replace(position(x, contract="inverse"), leverage=1.0 / x["im_rate"])
    pool = Pool(x["margin_BTC"], (held,), rules_of(x))
    return {
        "initial_margin": calc.initial_margin(pool),
        "maint_margin": calc.maintenance_margin(pool),
        "liq_price": calc.liquidation_price(pool),
        "bankruptcy_price": calc.bankruptcy_price(pool),
    }


def dydx(x: Inputs) -> Inputs:
    """dYdX's page starts from the equity at a price; a position opened there has that cash."""
    pool = Pool(x["equity"], (position(x),))
    price = calc.liquidation_price(pool)
    return {"liq_price": price, "equity_at_liq": calc.equity(calc.marked(pool, {"COIN": price}))}


def inverse_cross_close_fee_reserved(x: Inputs) -> float:
    """Bybit until 2025: the fee of closing at the bankruptcy price is set aside, maintenance at entry."""
    held = position(x, contract="inverse")
    fee = x["taker"] * calc.notional(Pool(0.0, (replace(held, mark_price=x["bankruptcy_price"]),)))
    return calc.liquidation_price(Pool(x["balance_BTC"] - x["order_margin"] - fee, (held,), ENTRY))


def bankruptcy(x: Inputs) -> float:
    """Bankruptcy price of an isolated position."""
    return calc.bankruptcy_price(posted(x, contract=x.get("contract", "linear")))


def bankruptcy_inverse(x: Inputs) -> float:
    """Bankruptcy price of an isolated position in an inverse contract."""
    return calc.bankruptcy_price(posted(x, contract="inverse"))


def bankruptcy_inverse_close_fee(x: Inputs) -> float:
    """Where equity is just the fee of closing: a close-fee buffer and no maintenance."""
    held = position(x, contract="inverse")
    return calc.liquidation_price(Pool(x["balance_BTC"], (held,), VenueRules(close_fee_buffer=x["taker"])))


def distance_mark(x: Inputs) -> float:
    """How far the liquidation price is from the entry, as a fraction."""
    return abs(liquidation_mark(x) / x["entry"] - 1.0)


def loss_at_liquidation(x: Inputs) -> float:
    """What is lost at the liquidation price, maintenance at entry."""
    pool = posted({**x, "entry": 1.0, "q": x["notional"]}, ENTRY)
    return -calc.unrealized_pnl(calc.marked(pool, {"COIN": calc.liquidation_price(pool)}))


def spot(x: Inputs) -> float:
    """A holding that was paid for borrows nothing: a long at 1x without maintenance."""
    return calc.liquidation_price(isolated(Position(coin(), x["qty"], x["entry"])))


def whole_price(x: Inputs) -> float:
    """lfest: the lowest whole price at which a long is safe or a short is liquidated; maintenance at entry."""
    pool = posted({**x, "mmr": x["maintenance_fraction_of_IM"] / x["leverage"]}, ENTRY)
    line = math.floor(calc.liquidation_price(pool))
    long = x["side"] == "long"
    near = (line, line + 1, line + 2)
    return next(price for price in near if calc.is_liquidated(calc.marked(pool, {"COIN": price})) != long)


def margin_call(x: Inputs) -> float:
    """TradingView: a margin rate of the notional is the maintenance rate."""
    x = {"mmr": x["margin_pct"] / 100.0, **x}
    return calc.liquidation_price(Pool(given(x, "equity"), (position(x),)))
