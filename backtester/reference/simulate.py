"""One run over all bars, and what comes out (sections 4 and 5 of the margin model)."""

from __future__ import annotations

import math

from .account import DUST, Account, Samples
from .arrival import let_orders_arrive
from .closed_form import liquidation_price
from .funding import charge_funding
from .liquidation import liquidate
from .orders import act_on_orders, read_order
from .start import build_account
from .triggers import liquidation_sequence, may_be_liquidated
from .walk import walk_bar
from .working import cancel_expired

PER_BAR = (
    "equity", "equity_low", "worst_margin_ratio", "cash", "pool_pnl", "pool_initial_margin", "pool_requirement",
    "quantity", "entry", "liquidation_price",
)


class Simulation:
    """A run that stops between bars, so that orders may come while it goes on.

    Parameters
    ----------
    scenario : dict
        Validated, with all defaults filled in.
    """

    def __init__(self, scenario: dict) -> None:
        self.account = build_account(scenario)
        self.n_bars = 0
        self.columns: dict[str, list] = {name: [] for name in PER_BAR}
        self.orders: dict[int, list] = {}
        for number, row in enumerate(scenario["orders"]):
            self.order(row, number)

    def order(self, row: dict, number: int) -> None:
        """Take an order, a row of the scenario format; it acts in the bar after the one it is decided at."""
        self.orders.setdefault(row["bar"] + 1, []).append(read_order(row, number))

    def instruct(self, row: dict) -> None:
        """Take a margin instruction, a row of the scenario format."""
        self.account.margin_actions.append(row)

    def step(self) -> None:
        """Go through the next bar."""
        account, t = self.account, self.n_bars
        account.bar = t
        for order in self.orders.get(t, []):
            slot = account.slots[order.slot]
            if order.works:
                slot.arriving.append(order)
            else:
                slot.waiting = order
        one_bar(account)
        record(account, self.columns)
        self.n_bars += 1


def run(scenario: dict) -> dict:
    """Return the result of a validated scenario with all defaults filled in.

    Parameters
    ----------
    scenario : dict
        As in the scenario format.

    Returns
    -------
    dict
        As in the scenario format; None for no liquidation price, no entry and an infinite ratio.
    """
    simulation = Simulation(scenario)
    while simulation.n_bars < len(scenario["open_time"]):
        simulation.step()
    return result(simulation.account, simulation.columns)


def one_bar(account: Account) -> None:
    """Go through one bar: the open, the path, the close (section 4)."""
    open_bar(account)
    charge_funding(account)
    check_margins(account)
    account.sample()
    cancel_expired(account)
    equity = 0.0 if account.bankrupt else account.equity()
    act_on_orders(account, equity)
    let_orders_arrive(account, equity)
    account.sample()
    walk_bar(account)
    close_bar(account)


def open_bar(account: Account) -> None:
    """Take prices and marks to the open; without data the last known mark stays (section 2)."""
    account.segment, account.s = "open", 0.0
    account.samples = Samples()
    for instrument in account.instruments:
        instrument.renew_tiers(account.open_time[account.bar])
        bar = instrument.bars[account.bar]
        if bar is not None:
            account.trades[instrument.index] = bar.trade.open
            account.marks[instrument.index] = bar.mark.open


def check_margins(account: Account) -> None:
    """Liquidate what the gap at the open left at or below its requirement (section 4 A.2)."""
    for pool in liquidation_sequence(account):
        if may_be_liquidated(account, pool) and pool.is_unhealthy(account.marks):
            liquidate(account, pool)


def close_bar(account: Account) -> None:
    """Test for bankruptcy: no pool has a position or cash above 1e-9 of the balance (section 5)."""
    account.segment = "close"
    alive = any(pool.has_position or pool.cash > DUST * account.balance for pool in account.pools)
    if account.bankrupt or alive:
        return
    account.bankrupt = True
    account.events.append({
        "bar": account.bar, "kind": "bankrupt", "slot": None, "pool": 0, "segment": "close", "s": 1.0, "price": None,
        "fill": None, "quantity": 0.0, "amount": 0.0, "reason": "", "order": None,
    })


def record(account: Account, columns: dict[str, list]) -> None:
    """Record the bar (section 4 C)."""
    marks, ratio = account.marks, account.samples.worst_margin_ratio
    row = {
        "equity": account.equity(),
        "equity_low": account.samples.equity_low,
        "worst_margin_ratio": ratio if math.isfinite(ratio) else None,
        "cash": [pool.cash for pool in account.pools],
        "pool_pnl": [pool.unrealized_pnl(marks) for pool in account.pools],
        "pool_initial_margin": [pool.initial_margin(marks) for pool in account.pools],
        "pool_requirement": [pool.requirement(marks) for pool in account.pools],
        "quantity": [slot.quantity for slot in account.slots],
        "entry": [slot.entry_price if slot.is_open else None for slot in account.slots],
        "liquidation_price": [liquidation_price(slot, marks) for slot in account.slots],
    }
    for name, value in row.items():
        columns[name].append(value)


def result(account: Account, columns: dict[str, list]) -> dict:
    """Return everything that comes out of a run."""
    kinds = [event["kind"] for event in account.events]
    booked = account.booked
    totals = {
        "equity": account.equity(),
        "realised": booked["realised"],
        "fees": -booked["fee"],
        "funding": -booked["funding"],
        "liquidation_fees": -booked["liquidation_fee"],
        "insurance_absorbed": booked["insurance_absorbed"],
        "insurance_taken": -booked["insurance_taken"],
        "liquidations": kinds.count("liquidation"),
        "rejected": kinds.count("rejected"),
        "cut": kinds.count("cut"),
        "bankrupt": account.bankrupt,
    }
    return {
        **columns,
        "events": [{name: value for name, value in event.items() if name != "order"} for event in account.events],
        "ledger": account.ledger,
        "totals": totals,
        "pool_of_slot": [slot.pool.index for slot in account.slots],
        "pool_kind": [pool.kind for pool in account.pools],
        "mark_is_trade": [instrument.mark_is_trade for instrument in account.instruments],
    }
