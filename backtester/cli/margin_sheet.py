"""The answers of `backtester margin`, as a table to read and as JSON."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from typing import Any

from backtester import calculators as calc
from backtester.calculators import Pool
from backtester.cli.holdings import Holdings
from backtester.text import UNDEFINED, WIDTH, counted, currency, money, number, percent, table, wrapped

__all__ = ["plain", "printed", "sheet"]

ABREAST = 3  # positions that stand side by side
Row = tuple[str, list[str]]


def sheet(held: Holdings, prices: Mapping[str, float], n: int, rate: float) -> dict[str, Any]:
    """Return every answer by name, nan and inf as the calculators give them.

    Parameters
    ----------
    held : Holdings
    prices : mapping of str to float
        Marks to survive; each pool takes those of its symbols.
    n, rate : int, float
        Fundings to look ahead.
    """
    return {
        "venue": held.venue.name,
        "snapshot": held.venue.snapshot,
        "currency": currency(position.symbol for pool in held.pools for position in pool.positions),
        "fundings": n,
        "funding_rate": rate,
        "pools": [_pool(pool, prices, n, rate, held.free or 0.0) for pool in held.pools],
        "notes": _notes(held),
    }


def plain(value: Any) -> Any:
    """Return the answers for JSON: what is not finite is null."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def printed(answers: Mapping[str, Any]) -> str:
    """Return the answers as tables."""
    tiers = f", tiers of {answers['snapshot']}" if answers["snapshot"] else ""
    unit = "quote currency" if answers["currency"] == "quote" else answers["currency"]
    parts = [f"Margin under the rules of {answers['venue']}{tiers}; money in {unit}"]
    for pool in answers["pools"]:
        parts += _pool_text(pool, answers)
    if answers["notes"]:
        width = min(WIDTH, shutil.get_terminal_size().columns)
        notes = [wrapped(note, first="  * ", indent="    ", width=width) for note in answers["notes"]]
        parts.append("\n".join(["Notes", *notes]))
    return "\n\n".join(parts)


def _pool(pool: Pool, prices: Mapping[str, float], n: int, rate: float, free: float) -> dict[str, Any]:
    to_survive = {symbol: price for symbol, price in prices.items() if symbol in pool.marks}
    later = calc.after_fundings(pool, n, rate)
    return {
        "mode": "isolated" if pool.isolated else "cross",
        "cash": pool.cash,
        "unrealized_pnl": calc.unrealized_pnl(pool),
        "equity": calc.equity(pool),
        "initial_margin": calc.initial_margin(pool),
        "maintenance_margin": calc.maintenance_margin(pool),
        "margin_ratio": calc.margin_ratio(pool),
        "is_liquidated": calc.is_liquidated(pool),
        "margin_to_add": calc.margin_to_add(pool, to_survive),
        "funding_paid": pool.cash - later.cash,
        "positions": [
            _position(pool, later, to_survive, j) | {"top_up": _top_up(pool, free)} for j in range(len(pool.positions))
        ],
    }


def _top_up(pool: Pool, free: float) -> dict[str, float] | None:
    """Return what an isolated position is given at its line, and where the next one is; None: nothing."""
    found = calc.next_top_up(pool, free) if pool.isolated else None
    if found is None:
        return None
    return {"price": found.price, "amount": found.amount, "liquidation_price": calc.liquidation_price(found.pool)}


def _position(pool: Pool, later: Pool, prices: Mapping[str, float], j: int) -> dict[str, Any]:
    held = pool.positions[j]
    alone = Pool(0.0, (held,), pool.rules)
    tier = calc.maintenance_tier(held.instrument, held.quantity, held.mark_price)
    low, high = calc.safe_range(pool, j)
    return {
        "symbol": held.symbol,
        "side": "long" if held.quantity > 0 else "short",
        "size": abs(held.quantity),
        "entry_price": held.entry_price,
        "mark_price": held.mark_price,
        "leverage": held.leverage,
        "notional": calc.notional(alone),
        "unrealized_pnl": calc.unrealized_pnl(alone),
        "maintenance_rate": tier.rate,
        "maintenance_amount": tier.amount,
        "liquidation_price": calc.liquidation_price(pool, j),
        "safe_from": low,
        "safe_to": high,
        "bankruptcy_price": calc.bankruptcy_price(pool, j),
        "price_to_survive": prices.get(held.symbol, held.mark_price),
        "largest_size": calc.largest_size(pool, prices, j),
        "largest_leverage": calc.largest_leverage(pool, prices, j),
        "allowed_size": calc.allowed_size(held.instrument, held.leverage, held.mark_price),
        "allowed_leverage": tier.max_leverage,
        "liquidation_price_after_fundings": calc.liquidation_price(later, j),
    }


def _notes(held: Holdings) -> list[str]:
    notes = list(held.venue.notes)
    if any(pool.isolated and pool.rules.funding_source == "main_first" for pool in held.pools):
        notes.append("funding of an isolated position is taken from the free balance first; here its margin pays")
    if any(pool.isolated and pool.rules.auto_top_up != "none" for pool in held.pools):
        unsaid = "automatic top-ups are on, but it is not said what they can move: give the balance beside the margin"
        said = f"automatic top-ups have {money(held.free or 0.0)} to move, each position as if it were the first one"
        notes.append(unsaid if held.free is None else said)
    assumed = sorted({one.symbol for pool in held.pools for one in pool.positions if held.venue.is_assumed(one.symbol)})
    return [*notes, *(f"tiers and fees of {symbol} are assumed" for symbol in assumed)]


def _pool_text(pool: Mapping[str, Any], answers: Mapping[str, Any]) -> list[str]:
    positions = pool["positions"]
    groups = [positions[first : first + ABREAST] for first in range(0, len(positions), ABREAST)]
    whole = [
        ["wallet balance" if pool["mode"] == "cross" else "margin posted", money(pool["cash"])],
        ["equity", money(pool["equity"])],
        ["initial margin", money(pool["initial_margin"])],
        ["maintenance margin", money(pool["maintenance_margin"])],
        ["margin ratio (liquidated at 100 %)", percent(pool["margin_ratio"])],
        ["margin to add to survive", money(_up(pool["margin_to_add"]))],
    ]
    becomes = "topped up" if positions[0]["top_up"] else "liquidated"
    said = [f"It is {becomes} at these marks."] if pool["is_liquidated"] else []
    return [*(_positions_text(group, answers) for group in groups), table([pool["mode"], ""], whole), *said]


def _positions_text(positions: list[dict[str, Any]], answers: Mapping[str, Any]) -> str:
    ahead = f"after {counted(answers['fundings'], 'funding')} of {_rate(answers['funding_rate'])}"
    rows: list[Row] = [
        ("size", [_digits(one["size"]) for one in positions]),
        ("leverage", [f"{one['leverage']:g}x" for one in positions]),
        ("entry price", [_price(one["entry_price"]) for one in positions]),
        ("mark price", [_price(one["mark_price"]) for one in positions]),
        ("notional", [money(one["notional"]) for one in positions]),
        ("unrealised pnl", [money(one["unrealized_pnl"]) for one in positions]),
        ("maintenance rate", [percent(one["maintenance_rate"]) for one in positions]),
        ("", ["" for _ in positions]),
        ("liquidation price", [_price(one["liquidation_price"]) for one in positions]),
        ("  from the mark", [_distance(one) for one in positions]),
        (f"  {ahead}", [_price(one["liquidation_price_after_fundings"]) for one in positions]),
        *_other_end(positions),
        *_topped_up(positions),
        ("bankruptcy price", [_price(one["bankruptcy_price"]) for one in positions]),
        ("", ["" for _ in positions]),
        ("price to survive", [_price(one["price_to_survive"]) for one in positions]),
        ("  largest size", [_limited(one, "size") for one in positions]),
        ("  largest leverage", [_limited(one, "leverage") for one in positions]),
    ]
    header = ["", *(f"{one['symbol']} {one['side']}" for one in positions)]
    return table(header, [[label, *cells] for label, cells in rows])


def _other_end(positions: list[dict[str, Any]]) -> list[Row]:
    """Return a row for the other price at which a hedge is liquidated, if any has one."""
    ends = []
    for one in positions:
        both = [end for end in (one["safe_from"], one["safe_to"]) if 0.0 < end < math.inf]
        ends.append(next((end for end in both if not math.isclose(end, one["liquidation_price"])), math.nan))
    return [("  and on the other side", [_price(end) for end in ends])] if any(map(math.isfinite, ends)) else []


def _topped_up(positions: list[dict[str, Any]]) -> list[Row]:
    """Return rows for what an isolated position is given at its liquidation price, and where that goes then."""
    top_up = positions[0]["top_up"]
    if top_up is None:
        return []
    there = f"  topped up at {_price(top_up['price'])} with"
    return [(there, [money(top_up["amount"])]), ("  liquidation price then", [_price(top_up["liquidation_price"])])]


def _limited(one: Mapping[str, Any], what: str) -> str:
    """Return the largest size or leverage that survives, as far as the tiers allow it."""
    largest, allowed = one[f"largest_{what}"], one[f"allowed_{what}"]
    if math.isnan(largest) or largest == 0.0:
        return "none"
    least = min(largest, allowed)
    shown = _digits(least, 2 if what == "leverage" else 6) if math.isfinite(least) else "any"
    shown += "x" if what == "leverage" else ""
    return f"{shown} (tier)" if allowed <= largest and math.isfinite(allowed) else shown


def _distance(one: Mapping[str, Any]) -> str:
    return percent(one["liquidation_price"] / one["mark_price"] - 1.0, signed=True)


def _rate(rate: float) -> str:
    return f"{100.0 * rate:.6g} %"


def _price(price: float) -> str:
    """Return a price with six digits that count, and at least two decimals; none is a dash."""
    if not math.isfinite(price):
        return UNDEFINED
    return number(price, digits=max(2, 5 - math.floor(math.log10(price))))


def _digits(value: float, most: int = 10) -> str:
    """Return a size with six digits that count, not rounded up, and no zeros behind them."""
    decimals = min(most, max(0, 5 - math.floor(math.log10(value))))
    text = f"{math.floor(value * 10**decimals * (1 + 1e-12)) / 10**decimals:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _up(value: float) -> float:
    """Return an amount rounded up to what `money` shows of it."""
    decimals = 2 if value >= 1.0 else 4
    return math.ceil(value * 10**decimals * (1 - 1e-12)) / 10**decimals
