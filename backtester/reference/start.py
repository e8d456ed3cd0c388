"""The account at the start of a run: slots, pools and deposits (section 1 of the margin model)."""

from __future__ import annotations

from typing import Any

from .account import Account
from .exits import Exits
from .instrument import Instrument, read_instruments
from .pool import Pool
from .slot import Slot, Venue


def build_account(scenario: dict) -> Account:
    """Return the account at its start: pools made, deposits booked."""
    venue = read_venue(scenario["venue"])
    instruments = read_instruments(scenario)
    slots = read_slots(scenario["slots"], instruments)
    pools = make_pools(scenario, venue, slots)
    account = Account(
        venue=venue,
        balance=float(scenario["account"]["balance"]),
        path=scenario["account"]["path"],
        instruments=instruments,
        slots=slots,
        pools=pools,
        open_time=list(scenario["open_time"]),
        funding=scenario["funding"],
        margin_actions=list(scenario["margin_actions"]),
    )
    deposit(account, scenario)
    return account


def read_venue(rules: dict) -> Venue:
    """Return the venue's rules, numbers as floats."""
    given = {name: rules[name] for name in Venue.__dataclass_fields__}
    values: dict[str, Any] = {name: rule if isinstance(rule, str) else float(rule) for name, rule in given.items()}
    return Venue(**values)


def read_slots(rows: list[dict], instruments: list[Instrument]) -> list[Slot]:
    """Return the slots, flat."""
    return [
        Slot(index=j, instrument=instruments[row["instrument"]], leverage=float(row["leverage"]), exits=Exits())
        for j, row in enumerate(rows)
    ]


def make_pools(scenario: dict, venue: Venue, slots: list[Slot]) -> list[Pool]:
    """Return the pools: main, then groups, then isolated pools in slot order (section 1)."""
    shares = scenario["sub_account_shares"] if scenario["account"]["mode"] == "sub_accounts" else []
    pools = [Pool(index, "standing", venue) for index in range(1 + len(shares))]
    for slot, row in zip(slots, scenario["slots"], strict=True):
        group = pool_group(scenario["account"]["mode"], row)
        if group is None:
            pools.append(Pool(len(pools), "on_demand", venue))
            group = pools[-1].index
        slot.pool = pools[group]
        slot.pool.slots.append(slot)
    return pools


def pool_group(mode: str, row: dict) -> int | None:
    """Return the standing pool that backs a slot, None for a pool of its own (sections 1 and 8)."""
    if mode == "sub_accounts" and row.get("group") is not None:
        return 1 + row["group"]
    if mode == "isolated" or (mode in ("mixed", "sub_accounts") and row.get("mode") == "isolated"):
        return None
    return 0


def deposit(account: Account, scenario: dict) -> None:
    """Deposit the balance: each group its share, main what the shares leave (section 1)."""
    standing = [pool for pool in account.pools if not pool.on_demand]
    amounts = [float(share) * account.balance for share in scenario["sub_account_shares"][: len(standing) - 1]]
    account.book(account.main, "deposit", account.balance - sum(amounts))
    for pool, amount in zip(standing[1:], amounts, strict=True):
        account.book(pool, "deposit", amount)
