"""What accounts are at some marks: pnl, equity, liquidated or not; all by calculators."""

from __future__ import annotations

from dataclasses import replace

from backtester import calculators as calc
from backtester.calculators import Pool, Position, isolated
from backtester.venue import VenueRules
from tests.conformance.adapters.accounts import ENTRY, Inputs, account, coin, given
from tests.conformance.adapters.margins import brackets, tiered


def state(pool: Pool) -> Inputs:
    """Everything that a case may ask of a pool at its marks."""
    liquidated = calc.is_liquidated(pool)
    equity, required = calc.equity(pool), calc.maintenance_margin(pool)
    return {
        "equity": equity,
        "margin_balance": equity,
        "margin_balance_position": equity,
        "notional": calc.notional(pool),
        "mm": required,
        "maintenance_margin": required,
        "liquidated": liquidated,
        "targets": list(range(len(pool.positions))) if liquidated else [],
    }


def pnl(x: Inputs) -> float:
    """Unrealised pnl of a position."""
    return calc.unrealized_pnl(Pool(0.0, (Position(coin(), x["qty"], x["entry"], x["mark"]),)))


def pnl_of_all(x: Inputs) -> float:
    """Unrealised pnl of several positions."""
    return calc.unrealized_pnl(account(0.0, 0.0, [tuple(row) for row in x["positions"]]))


def pnl_percent(x: Inputs) -> float:
    """The pnl of a move in percent of the margin."""
    pool = isolated(Position(coin(), 1.0, 100.0, leverage=x["leverage"]))
    return 100.0 * calc.unrealized_pnl(calc.moved(pool, x["move"])) / pool.cash


def cross_state(x: Inputs) -> Inputs:
    """A cross account: positions of one rate at their marks, or under a venue's brackets at their lows."""
    if "brackets" in x:
        instruments = [replace(brackets(x), symbol=f"COIN{n}") for n in range(len(x["positions"]))]
        legs = zip(instruments, x["positions"], strict=True)
        held = [Position(instrument, leg["qty"], leg["entry"], leg["mark_low"]) for instrument, leg in legs]
        return state(Pool(x["wallet"], tuple(held)))
    legs = [(leg["qty"], leg["entry"], leg["mark"]) for leg in x["positions"]]
    return state(account(given(x, "equity", "wallet"), x.get("mmr", 0.0), legs))


def isolated_state(x: Inputs) -> Inputs:
    """An isolated position with some margin, under tiers or a venue's brackets."""
    if "positions" in x:
        (leg,) = x["positions"]
        held = Position(brackets(x), leg["qty"], leg["entry"], leg["mark_low"])
        return state(isolated(held, margin=leg["isolated_margin"]))
    return state(isolated(Position(tiered(x["tiers"]), x["qty"], x["entry"], x["mark"]), margin=x["equity"]))


def closed_at(x: Inputs) -> Inputs:
    """vibe-trading's simple test: initial margin posted, 0.4 % required, looked at on the close."""
    quantity = x["direction"] * x["qty"]
    return state(isolated(Position(coin(0.004), quantity, x["entry"], x["close"], leverage=x["leverage"])))


def entry_maintenance(x: Inputs) -> Inputs:
    """Nautilus: an inverse position in an account in coin, maintenance at entry."""
    rate = x["maint_at_entry"] / (x["qty"] / x["entry"])
    held = Position(coin(rate, contract="inverse"), x["qty"], x["entry"], x["mark"])
    return state(Pool(x["balance_btc"], (held,), ENTRY))


def cross_beside_isolated(x: Inputs) -> Inputs:
    """Whether a cross account and an isolated position beside it are liquidated."""
    cross = account(x["cross"]["equity"], x["mmr"], [tuple(row) for row in x["cross"]["positions"]])
    one = x["isolated"]
    alone = isolated(Position(coin(x["mmr"]), one["qty"], one["entry"], one["mark"]), margin=one["isolated_equity"])
    return {"cross_liquidated": calc.is_liquidated(cross), "isolated_liquidated": calc.is_liquidated(alone)}


def isolated_each(x: Inputs) -> Inputs:
    """Which of several isolated positions are liquidated."""
    gone = []
    for leg in x["positions"]:
        held = Position(coin(x["mmr"]), leg["qty"], leg["entry"], x["marks"][leg["sym"]])
        if calc.is_liquidated(isolated(held, margin=leg["isolated_equity"])):
            gone.append(leg["sym"])
    return {"liquidated": gone}


def fund_of_any_depth(x: Inputs) -> Inputs:
    """What is left of a fund that absorbs a deficit whatever it is: here none runs dry."""
    lost = min(0.0, calc.equity(account(x["equity"], 0.0, [(x["qty"], x["entry"], x["mark"])])))
    return {"insurance_after": x["insurance"] + lost}


def winner_keeps(x: Inputs) -> Inputs:
    """The equity of the other side of a bankrupt trade: accounts know nothing of each other, nobody is deleveraged."""
    winner = x["winner"]
    return {"winner_equity": calc.equity(account(winner["equity"], 0.0, [(winner["qty"], winner["entry"], x["mark"])]))}


def no_floor(x: Inputs) -> Inputs:
    """An account near its end: no threshold of the start ends it, nothing clamps it upwards; BTC at 20,000."""
    pool = account(x["wallet"], 0.0, [(1.0, 1_000.0, 1_000.0 + x["equity"] - x["wallet"])])
    left = calc.equity(pool)
    return {"liquidated": calc.is_liquidated(pool), "final_equity": left, "final_equity_btc": left / 20_000.0}


def margin_call_size(x: Inputs) -> float:
    """How much is closed so that the margin rate is met again: what is beyond the largest size.

    Half of the rate stands in the tier and half in the buffer, since no tier has a rate of 1.
    """
    sign, half = (-1 if x["side"] == "short" else 1), x["margin_pct"] / 200.0
    equity = x["equity"] + sign * x["qty"] * (x["adverse"] - x["entry"])
    held = Position(coin(half), sign * x["qty"], x["adverse"])
    return x["qty"] - calc.largest_size(Pool(equity, (held,), VenueRules(close_fee_buffer=half)), {})
