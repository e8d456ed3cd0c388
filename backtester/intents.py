"""From what strategies want to what the engine executes: slots, orders, margin instructions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester import _slots
from backtester._author import Author, ask, writes
from backtester._causality import check_causal, compare_prefixes, unasked
from backtester._changes import actions_of, first_bars, orders_of
from backtester._targets import dense
from backtester.account import Account, Slot
from backtester.allocation import Strategies, allocations, titles, with_shares
from backtester.errors import ConfigurationError
from backtester.market import Market
from backtester.orders import MarginActions, Orders
from backtester.schema import EQUITY_FRACTION

__all__ = ["Plan", "check_causal", "decision_bars", "plan"]

Ints = NDArray[np.int64]


class Plan(NamedTuple):
    """What the strategies of one account ask of the engine.

    Parameters
    ----------
    slots : tuple of Slot
        Those of the first strategy, then of the second, and so on.
    orders : Orders
        By decision bar on the simulation's bars, then slot.
    actions : MarginActions
        By decision bar, then slot; a change of leverage before added margin.
    shares : tuple of float
        Part of the balance of each sub-account that `Slot.group` counts.
    """

    slots: tuple[Slot, ...]
    orders: Orders
    actions: MarginActions
    shares: tuple[float, ...]


def plan(
    strategies: Strategies,
    market: Market,
    account: Account,
    *,
    check: bool = False,
) -> Plan:
    """Ask strategies what they want and return it as slots, orders and margin instructions.

    Orders arise where a target changes. Their decision bars are bars of the market that the
    simulation runs on, ``market.detail`` where there is one.

    Parameters
    ----------
    strategies : Strategy, Allocation or sequence of them
        Their slots share the account.
    market : Market
        What the strategies see.
    account : Account
    check : bool
        Also fail if a strategy looks into the future (see `check_causal`).

    Raises
    ------
    StrategyError
        If a strategy raises, returns something unusable, or looks into the future.
    ConfigurationError
        If the account names slots or sub-accounts that do not exist, or its venue has no such account.
    """
    chosen = allocations(strategies)
    _check_given(market, account)
    names = titles(chosen)
    account = with_shares(account, chosen, names)
    slots: list[Slot] = []
    asked = []
    orders, actions = [Orders.none()], [MarginActions.none()]
    for allocation, title in zip(chosen, names, strict=True):
        strategy = allocation.strategy
        fresh = unasked(strategy) if check else strategy
        author = Author(strategy.name, market, _slots.specs_of(strategy, market))
        specs = _slots.allotted(author.slots, allocation)
        own = _slots.account_slots(account, title, specs, market.symbols)
        columns = np.array([slot.instrument for slot in own], np.int64)
        first = first_bars(market, columns)
        leverage = np.array([slot.leverage for slot in own])
        if writes(strategy, "targets") or not writes(strategy, "on_bar"):
            wants = dense(ask(strategy, author), author)
            placed = _of_share(orders_of(author, wants, columns, first), allocation.share)
            told = actions_of(author, wants, leverage, first)
            if check:
                compare_prefixes(fresh, author, wants)
            orders.append(placed._replace(slot=placed.slot + len(slots)))
            actions.append(told._replace(slot=told.slot + len(slots)))
        asked += [(title, spec) for spec in specs]
        slots += own
    _slots.check_account(account, slots, asked)
    _slots.check_venue(account, slots, market.symbols)
    return Plan(
        tuple(slots),
        _placed(Orders._make(map(np.concatenate, zip(*orders, strict=True))), market),
        _told(MarginActions._make(map(np.concatenate, zip(*actions, strict=True))), market),
        tuple(account.shares.values()),
    )


def _of_share(orders: Orders, share: float | None) -> Orders:
    """Return orders whose equity fractions count a share of the account."""
    if share is None:
        return orders
    return orders._replace(size=np.where(orders.size_type == EQUITY_FRACTION, share * orders.size, orders.size))


def decision_bars(market: Market, bars: Ints | None = None) -> Ints:
    """Return, for bars of the market (all of them), the bar of the simulation at whose close each decides.

    Without a finer market that is the bar itself. Otherwise it is the one before the first fine
    bar that opens at or after the close: -1 if there is none before.
    """
    if market.detail is None:
        return np.arange(market.n_bars) if bars is None else bars
    close = market.close_time if bars is None else market.close_time[bars]
    return np.searchsorted(market.detail.open_time, close) - 1


def _placed(orders: Orders, market: Market) -> Orders:
    """Return orders on the simulation's bars, the last one for each slot and bar."""
    bar = decision_bars(market, orders.bar)
    kept = np.ones(len(bar), np.bool_)  # rows come by slot, then bar
    kept[:-1] = (np.diff(bar) != 0) | (np.diff(orders.slot) != 0)
    rows = np.flatnonzero(kept)
    rows = rows[np.lexsort((orders.slot[rows], bar[rows]))]
    return Orders._make(column[rows] for column in orders._replace(bar=bar))


def _told(actions: MarginActions, market: Market) -> MarginActions:
    """Return margin instructions on the simulation's bars, in the order they are carried out."""
    bar = decision_bars(market, actions.bar)
    rows = np.lexsort((-actions.kind, actions.slot, bar))  # set_leverage has the highest code
    return MarginActions._make(column[rows] for column in actions._replace(bar=bar))


def _check_given(market: object, account: object) -> None:
    if not isinstance(market, Market):
        cure = "Make one with data.load, data.synthetic or Market.from_frames"
        raise ConfigurationError("market", market, "is not a Market", cure=cure)
    if not isinstance(account, Account):
        cure = "Make one with Account(balance=..., leverage=...)"
        raise ConfigurationError("account", account, "is not an Account", cure=cure)
