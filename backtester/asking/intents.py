"""From what strategies want to what the engine executes: slots, orders, margin instructions."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.account import Account, Slot
from backtester.allocation import Allocation, Strategies, allocations, titles, with_shares
from backtester.asking.author import Author, ask, writes
from backtester.asking.causality import check_causal, look_closely
from backtester.asking.changes import actions_of, first_bars, orders_of
from backtester.asking.copies import unasked
from backtester.asking.slots import account_slots, allotted, check_account, check_venue, specs_of
from backtester.asking.targets import Dense, dense
from backtester.errors import ConfigurationError
from backtester.market import Market
from backtester.orders import MarginActions, Orders, joined
from backtester.schema import EQUITY_FRACTION
from backtester.strategy import SlotSpec, Strategy

__all__ = ["Intents", "Look", "Plan", "check_causal", "decision_bars", "in_account", "intents_of", "plan"]

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


class Intents(NamedTuple):
    """What strategies want on a market, in whatever account: they are asked once for all accounts.

    Parameters
    ----------
    chosen : list of Allocation
    parts : list of Part
        Of each strategy.
    orders : Orders
        As in `Plan`.
    """

    chosen: list[Allocation]
    parts: list[Part]
    orders: Orders


class Part(NamedTuple):
    """What one strategy wants.

    Parameters
    ----------
    author : Author
    specs : list of SlotSpec
        Its slots as they are allotted.
    first : int64 array, (n_slots,)
        First bar with a price of each slot's instrument.
    wants : Dense or None
        None where it has no method `targets`.
    """

    author: Author
    specs: list[SlotSpec]
    first: Ints
    wants: Dense | None


Look = Callable[[Strategy, Author, Dense, Ints], None]  # of `look_closely`


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
    _check_given(market, account)
    chosen = allocations(strategies)
    with_shares(account, chosen, titles(chosen))  # nobody is asked for an account that cannot be
    return in_account(intents_of(chosen, market, look=look_closely if check else None), market, account)


def intents_of(strategies: Strategies, market: Market, *, look: Look | None = None) -> Intents:
    """Ask strategies what they want.

    Parameters
    ----------
    strategies : Strategy, Allocation or sequence of them
    market : Market
    look : callable, optional
        Also fails if one looks into the future: `look_closely`, or less.

    Raises
    ------
    StrategyError
        As for `plan`.
    """
    chosen = allocations(strategies)
    parts, orders, n_slots = [], [Orders.none()], 0
    for allocation in chosen:
        strategy = allocation.strategy
        fresh = unasked(strategy) if look else strategy
        author = Author(strategy.name, market, specs_of(strategy, market))
        columns = np.array([market.symbols.index(spec.symbol) for spec in author.slots], np.int64)
        part = Part(author, allotted(author.slots, allocation), first_bars(market, columns), None)
        if writes(strategy, "targets") or not writes(strategy, "on_bar"):
            wants = dense(ask(strategy, author), author)
            placed = _of_share(orders_of(author, wants, columns, part.first), allocation.share)
            orders.append(placed._replace(slot=placed.slot + n_slots) if n_slots else placed)
            part = part._replace(wants=wants)
            if look:
                look(fresh, author, wants, _each_once(placed.bar))
        parts.append(part)
        n_slots += len(part.specs)
    return Intents(chosen, parts, _placed(joined(orders), market))


def in_account(intents: Intents, market: Market, account: Account) -> Plan:
    """Return what strategies want in an account on the market they were asked about.

    Raises
    ------
    StrategyError
        If an instruction to set the leverage or to add margin is not one.
    ConfigurationError
        As for `plan`.
    """
    names = titles(intents.chosen)
    account = with_shares(account, intents.chosen, names)
    slots: list[Slot] = []
    asked = []
    actions = [MarginActions.none()]
    for part, title in zip(intents.parts, names, strict=True):
        own = account_slots(account, title, part.specs, market.symbols)
        if part.wants is not None:
            told = actions_of(part.author, part.wants, np.array([slot.leverage for slot in own]), part.first)
            actions.append(told._replace(slot=told.slot + len(slots)))
        asked += [(title, spec) for spec in part.specs]
        slots += own
    check_account(account, slots, asked)
    check_venue(account, slots, market.symbols)
    return Plan(
        tuple(slots),
        intents.orders,
        _told(joined(actions), market),
        tuple(account.shares.values()),
    )


def _each_once(bars: Ints) -> Ints:
    """Return the numbers in order, each once; `numpy.unique` takes longer over those that are in order already."""
    bars = np.sort(bars, kind="stable")
    return bars[np.diff(bars, prepend=-1) != 0]


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
    if bool(np.all(bar[1:] > bar[:-1])):  # the usual case of one slot
        return orders._replace(bar=bar)
    kept = np.ones(len(bar), np.bool_)  # rows come by slot, then bar
    kept[:-1] = (np.diff(bar) != 0) | (np.diff(orders.slot) != 0)
    rows = np.flatnonzero(kept)
    rows = rows[np.lexsort((orders.slot[rows], bar[rows]))]
    return Orders._make(column[rows] for column in orders._replace(bar=bar))


def _told(actions: MarginActions, market: Market) -> MarginActions:
    """Return margin instructions on the simulation's bars, in the order they are carried out."""
    if len(actions.bar) == 0:
        return actions
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
