"""Tiers, maintenance and initial margins, and the cost of an order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from backtester import calculators as calc
from backtester.calculators import Pool, Position
from backtester.venue import Instrument, VenueRules, load_venue
from tests.conformance.adapters.accounts import ANY_LEVERAGE, ENTRY, Inputs, account, coin, given, position, posted
from tests.conformance.adapters.prices import closing_fee

Row = tuple[float, float]


def tiered(rows: Sequence[Row], **kind: Any) -> Instrument:
    """Return an instrument with rows ``(floor, rate)``."""
    return Instrument("COIN", tiers=tuple((*row, ANY_LEVERAGE) for row in rows), **kind)


def brackets(x: Inputs) -> Instrument:
    """Return an instrument with the tiers of a case: floors, rows of freqtrade's file, or numbered brackets."""
    rows = given(x, "tiers", "brackets")
    if isinstance(rows[0], dict):
        tiers = [(row["minNotional"], row["maintenanceMarginRate"], row["maxLeverage"]) for row in rows]
        return Instrument("COIN", tiers=tuple(tiers))
    if rows[0][0] == 1:  # number, cap, rate, amount
        return capped([(cap, rate) for _, cap, rate, _ in rows])
    return tiered([(row[0], row[1]) for row in rows])


def capped(rows: Sequence[tuple[Any, float]], **kind: Any) -> Instrument:
    """Return an instrument whose rows ``(cap, rate)`` say where each tier ends."""
    floors = [0.0, *(float(cap) for cap, _ in rows[:-1])]
    return tiered([(floor, rate) for floor, (_, rate) in zip(floors, rows, strict=True)], **kind)


def amounts(x: Inputs) -> list[float]:
    """The amounts that make the marginal rates of all tiers continuous."""
    return list(brackets(x).maintenance_amounts)


def amount_above(x: Inputs) -> float:
    """The amount of one tier from that of the one before, whose rate starts where its amount makes it 0."""
    if "prev_rate" in x:
        known, rows = (x["prev_amount"], x["prev_rate"]), [(x["floor_BTC"], x["rate"])]
    else:
        known, rows = (x["amount_at_50"], x["tiers"][0][1]), [tuple(row) for row in x["tiers"][1:]]
    amount, rate = known
    return tiered([(0.0, 0.0), (amount / rate, rate), *rows], contract="inverse").maintenance_amounts[-1]


def tier_of_notional(x: Inputs) -> list[float]:
    """Maintenance rate and amount of a notional."""
    tier = calc.maintenance_tier(brackets(x), x["notional"], 1.0)
    return [tier.rate, tier.amount]


def rate_of_notional(x: Inputs) -> float:
    """Maintenance rate of a notional, tiers by their floors."""
    return tier_of_notional(x)[0]


def rate_of_capped_notional(x: Inputs) -> float:
    """Maintenance rate of a notional, tiers by their ends."""
    return calc.maintenance_tier(capped(x["tiers"]), x["notional"], 1.0).rate


def effective_rate(x: Inputs) -> float:
    """The marginal rates of a position as one."""
    held = Position(capped(x["tiers"]), x["position_value"], 1.0)
    return calc.maintenance_margin(Pool(0.0, (held,))) / x["position_value"]


def position_value(x: Inputs) -> float:
    """Notional of a position."""
    return calc.notional(Pool(0.0, (Position(capped(x["tiers"]), x["q"], x["entry"]),)))


def half_of_initial(x: Inputs) -> Inputs:
    """Hyperliquid: half of the initial margin at the largest leverage, whatever the user's leverage."""
    held = position({"q": x["notional"], "entry": 1.0, "max_leverage": x["max_leverage"]})
    pools = {leverage: Pool(0.0, (replace(held, leverage=leverage),)) for leverage in (10, 20)}
    return {
        "im_10x": calc.initial_margin(pools[10]),
        "im_20x": calc.initial_margin(pools[20]),
        "mm": calc.maintenance_margin(pools[20]),
    }


def rate_of_hyperliquid(x: Inputs) -> float:
    """The rate in our venue file of a tier with that largest leverage."""
    tiers = load_venue("hyperliquid").instrument("SOL").tiers
    return next(tier.maintenance_rate for tier in tiers if tier.max_leverage == x["max_leverage"])


def rates_of_size(x: Inputs) -> Inputs:
    """Deribit: rates that grow with the size, as tiers by quantity of one coin each, exact at whole coins."""
    sizes = range(1, 2 * x["position_BTC"])
    step = x["step_per_BTC"]
    tiers = [(size - 1.0, x["mm_base"] + step * size, 1.0 / (x["im_base"] + step * size)) for size in sizes]
    found = calc.maintenance_tier(Instrument("BTC", tiers=tuple(tiers), tier_key="quantity"), x["position_BTC"], 1.0)
    return {"im_rate": 1.0 / found.max_leverage, "mm_rate": found.rate}


def maintenance_entry(x: Inputs) -> float:
    """Maintenance margin at the entry price."""
    return calc.maintenance_margin(Pool(0.0, (position(x),), ENTRY))


def maintenance_of_brackets(x: Inputs) -> float:
    """Maintenance margin under a venue's numbered brackets."""
    return calc.maintenance_margin(Pool(0.0, (Position(brackets(x), x["qty"], x["mark"]),)))


def maintenance_as_initial(x: Inputs) -> float:
    """Lean takes the initial margin for the maintenance margin: a rate of ``1 / leverage``."""
    return calc.maintenance_margin(Pool(0.0, (position({**x, "mmr": 1.0 / x["leverage"]}),)))


def maintenance_levered(x: Inputs) -> float:
    """Nautilus divides the maintenance rate of an instrument, here 3 %, by the leverage; ours stays."""
    return calc.maintenance_margin(Pool(0.0, (position({**x, "mmr": 0.03}),)))


def maintenance_levered_inverse(x: Inputs) -> float:
    """The same of an inverse contract, 0.35 %."""
    return calc.maintenance_margin(Pool(0.0, (position({**x, "mmr": 0.0035}, contract="inverse"),)))


def margin_ratio(x: Inputs) -> float:
    """Margin ratio of an isolated position."""
    return calc.margin_ratio(posted(x))


def haircut_of(amount: float, rate: float = 0.0) -> Position:
    """Return a haircut of collateral as what it is to an account: margin that is tied up, and no gain or loss."""
    return Position(coin(rate, symbol="HAIRCUT"), 1.0, amount)


def account_with_haircut(x: Inputs) -> Inputs:
    """Crypto.com's whole account: one position at the product's leverage of 20, and the haircut as another at 1x."""
    notional = 20.0 * x["position_im"]
    held = Position(coin(0.025), 1.0, notional - x["session_unrealized_pnl"], notional, leverage=20.0)
    pool = Pool(x["collateral_value"], (held, haircut_of(x["haircut"], 0.5)))
    return {
        "margin_balance": calc.equity(pool),
        "initial_margin": calc.initial_margin(pool),
        "maint_margin": calc.maintenance_margin(pool),
        "available": calc.free_margin(pool),
    }


def order_cost_open_loss(x: Inputs) -> Inputs:
    """Binance: initial margin at the order's price, and what the order loses at once."""
    opened = Position(coin(), x["side"] * x["qty"], x["order_price"], leverage=x["leverage"])
    margin = calc.initial_margin(Pool(0.0, (opened,)))
    loss = max(0.0, -calc.unrealized_pnl(Pool(0.0, (replace(opened, mark_price=x["mark"]),))))
    return {"initial_margin": margin, "open_loss": loss, "cost": margin + loss}


def order_cost_fees(x: Inputs) -> Inputs:
    """Bybit: initial margin, the opening fee, and the fee of closing at the bankruptcy price."""
    pool = posted(x, contract="inverse" if "qty_usd" in x else "linear")
    cost = {
        "initial_margin": calc.initial_margin(pool),
        "open_fee": x["taker"] * calc.notional(pool),
        "close_fee": closing_fee(pool, x["taker"]),
    }
    return cost | {"order_cost": sum(cost.values())}


def initial_margin(x: Inputs) -> float:
    """``N / leverage``, for inverse contracts in coin."""
    inverse = x.get("inverse") or x.get("contract") == "inverse" or x.get("ticker", "").endswith("USD")
    held = position(x, contract="inverse" if inverse or "qty_usd" in x else "linear")
    return calc.initial_margin(Pool(0.0, (held,)))


def initial_margin_of_cash(x: Inputs) -> float:
    """A fraction of the cash as margin of a position."""
    held = position({"q": x["cash"] * x["fraction"] * x["leverage"], "entry": 1.0, "leverage": x["leverage"]})
    return calc.initial_margin(Pool(0.0, (held,)))


def initial_margin_of_rate(x: Inputs) -> float:
    """Nautilus: a rate of initial margin, with or without leverage; together they are one leverage."""
    leverage = given(x, "account_leverage", default=1.0)
    held = replace(position({**x, "entry": x["price"]}, contract=x["contract"]), leverage=leverage / x["margin_init"])
    return calc.initial_margin(Pool(0.0, (held,)))


def initial_margin_leveraged(x: Inputs) -> float:
    """Nautilus, leveraged account: 3 % divided by the leverage."""
    return initial_margin_of_rate({**x, "contract": "linear", "margin_init": 0.03, "account_leverage": x["leverage"]})


def initial_margin_standard(x: Inputs) -> float:
    """Nautilus, standard account: 3 %, whatever the leverage."""
    return initial_margin_of_rate({**x, "contract": "linear", "margin_init": 0.03})


def initial_margin_inverse_in_quote(x: Inputs) -> float:
    """Initial margin of an inverse contract in dollars: the coins of margin at their price."""
    return x["price"] * initial_margin_of_rate({**x, "contract": "inverse", "margin_init": 0.01})


def initial_margin_of_any_rate(x: Inputs) -> str:
    """Nautilus, initial margin as a multiple of a rate that the test leaves open."""
    one = initial_margin_of_rate({**x, "contract": "linear", "margin_init": 1.0, "account_leverage": x["leverage"]})
    return f"{one:g}*margin_init"


def initial_margins(x: Inputs) -> list[float]:
    """What one position, then two, tie up."""
    leverage = 1.0 / x["im"]
    pool = account(x["wallet"], 0.0, [(quantity, price, price) for quantity, price in x["positions"]])
    held = [replace(each, leverage=leverage) for each in pool.positions]
    return [calc.initial_margin(replace(pool, positions=tuple(held[:n]))) for n in (1, 2)]


def buying_power(x: Inputs) -> float:
    """What an account may still open with beside a position that ties up some margin."""
    held = Position(coin(), x["eth_mm"], 1.0)
    return calc.free_margin(Pool(x["bnfcr"] + x["algo_cash"], (held,)))


def collateral(x: Inputs) -> float:
    """Coins as collateral, at their full price: a pool settled in coin, in dollars."""
    return calc.equity(Pool(x["btc"])) * x["price"]


def collateral_with_haircut(x: Inputs) -> float:
    """Coins as collateral: what is free in an account that holds them, their haircut tied up at 1x."""
    value = x["btc"] * x["price"]
    return calc.free_margin(Pool(value, (haircut_of(x["haircut"] * value),)))


def leverage_of_stake(x: Inputs) -> float:
    """The largest leverage of a margin; a symbol without tiers of its own gets assumed ones."""
    instrument = brackets(x) if x["tiers"] else load_venue("binance").instrument(x["pair"])
    return calc.leverage_of_margin(instrument, x["stake"], 1.0) if x["stake"] else math.inf


def hold_at_most(x: Inputs) -> float:
    """bt: the position that equity carries after the interest on what was borrowed."""
    held = Position(coin(x["requirement"]), x["invested"], 1.0)
    borrowed = (x["invested"] - x["equity"]) / x["invested"]
    rate = x.get("interest", 0.0) * x.get("days", 0) / 365.0 * borrowed
    return calc.largest_size(calc.after_fundings(Pool(x["equity"], (held,), VenueRules()), 1, rate), {})
