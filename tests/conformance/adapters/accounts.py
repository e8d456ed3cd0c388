"""From the inputs of a case to positions, pools and scenarios; the sources name the same thing in many ways."""

from __future__ import annotations

from typing import Any

from backtester.calculators import Pool, Position, isolated
from backtester.venue import Instrument, VenueRules, load_venue
from tests.laws.engines import events, flat, run, scenario

__all__ = [
    "ENTRY",
    "account",
    "coin",
    "events",
    "flat",
    "given",
    "margin_of",
    "play",
    "position",
    "posted",
    "rules_of",
    "size_of",
]

Inputs = dict[str, Any]
ANY_LEVERAGE = 1e6  # where a source says nothing of the largest leverage
ENTRY = VenueRules(mm_basis="entry")
WALLETS = ("isolated_wallet", "isolated_collateral", "margin", "wallet")


def given(x: Inputs, *names: str, default: Any = None) -> Any:
    """Return the first of several names that a case has."""
    return next((x[name] for name in names if x.get(name) is not None), default)


def coin(rate: float = 0.0, amount: float = 0.0, *, contract: str = "linear", symbol: str = "COIN") -> Instrument:
    """Return an instrument whose tier has a rate and an amount: below ``amount / rate`` nothing is required."""
    tiers = (
        [(0.0, rate, ANY_LEVERAGE)] if not amount else [(0.0, 0.0, ANY_LEVERAGE), (amount / rate, rate, ANY_LEVERAGE)]
    )
    return Instrument(symbol, contract=contract, tiers=tuple(tiers))


def side_of(x: Inputs) -> int:
    """Return 1 for a long position, -1 for a short one; a signed quantity says so itself."""
    if "is_short" in x:
        return -1 if x["is_short"] else 1
    side = given(x, "side", "direction", default=1)
    return {"long": 1, "short": -1}.get(side, side)


def size_of(x: Inputs) -> float:
    """Return the signed quantity; a case without any is about prices alone."""
    if "lots" in x:
        return side_of(x) * x["lots"] * x["multiplier"]
    return side_of(x) * given(x, "q", "qty", "qty_usd", "contracts_usd", "size", default=1.0)


def position(x: Inputs, *, contract: str = "linear", close_fee: bool = False) -> Position:
    """Return the position of a case: side, size, entry, mark, leverage, maintenance rate and amount.

    Hyperliquid's rate is half of the initial margin at the largest leverage. Where the closing fee is in the trigger
    (OKX, Gate) the tier's rate is of the whole position, without an amount.
    """
    half = 0.5 / x["max_leverage"] if "max_leverage" in x else 0.0
    amount = 0.0 if close_fee else given(x, "maint_amount", "maint_amt", "cum", "maintenance_amt", default=0.0)
    entry = given(x, "entry", "ep", "open_rate", "price")
    return Position(
        coin(given(x, "mmr", "mm_ratio", "mmf", default=half), amount, contract=contract, symbol=x.get("pair", "COIN")),
        size_of(x),
        entry,
        given(x, "mark", "mark_price", default=entry),
        given(x, "leverage", default=1.0),
    )


def margin_of(x: Inputs) -> float | None:
    """Return the margin that a case says was posted; None: the initial margin."""
    return given(x, *WALLETS)


def rules_of(x: Inputs, otherwise: VenueRules | None = None) -> VenueRules:
    """Return the rules of our file of the venue that a case is of; the model's, or others, for a case of none."""
    return load_venue(x["venue"]).rules if x.get("venue") else otherwise or VenueRules()


def posted(x: Inputs, rules: VenueRules | None = None, **kind: Any) -> Pool:
    """Return the isolated pool of a case whose initial margin was posted, whatever else is in the wallet."""
    return isolated(position(x, **kind), rules)


def account(cash: float, rate: float, legs: list[tuple[float, float, float]], rules: VenueRules | None = None) -> Pool:
    """Return a cross pool of ``(quantity, entry, mark)`` legs, each on an instrument of its own."""
    held = [Position(coin(rate, symbol=f"COIN{n}"), *leg) for n, leg in enumerate(legs)]
    return Pool(cash, tuple(held), rules or VenueRules())


def play(candles: list, orders: list[Inputs], **parts: Any) -> Inputs:
    """Run a scenario of bars and orders through the engine; what is left out does nothing (`reference_helpers`)."""
    leverage = parts.pop("leverage", 1.0)
    parts.setdefault("slots", [{"instrument": 0, "leverage": leverage}])
    instrument = {"tiers": [[0, parts.pop("rate", 0.0), ANY_LEVERAGE]]} | parts.pop("instrument", {})
    slots = parts.pop("slots")
    return run("kernel", scenario(candles, orders, slots, instrument=instrument, **parts))
