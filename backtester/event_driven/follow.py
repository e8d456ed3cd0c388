"""A run in which strategies are called at every bar."""

from __future__ import annotations

import copy
import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from backtester._author import explain
from backtester.errors import StrategyError
from backtester.event_driven.asked import MARKET, Asked, Order, Row
from backtester.event_driven.bar import Bar
from backtester.event_driven.followers import Follower
from backtester.event_driven.session import Session
from backtester.market import Market
from backtester.orders import MarginActions, Orders
from backtester.strategy import Strategy

__all__ = ["Planned", "follow"]


class Planned(NamedTuple):
    """Orders and instructions that targets ask for, by decision bar of the simulation."""

    orders: Orders
    actions: MarginActions


def follow(
    session: Session, market: Market, followers: Sequence[Follower], planned: Planned, grid: Sequence[int], n_bars: int
) -> None:
    """Run an account to its end, calling strategies at the close of every decision bar.

    Each works on a copy of its own, so that nothing it keeps is left to the next run.

    Parameters
    ----------
    session : Session
        At its start.
    market : Market
        What the strategies see.
    followers : sequence of Follower
    planned : Planned
        An order of `on_bar` takes the place of one that was planned for the same slot and bar.
    grid : sequence of int
        The simulation's bar at whose close each bar of the market decides, as of `decision_bars`.
    n_bars : int
        Of the simulation.

    Raises
    ------
    StrategyError
        From whatever `on_bar` raised, with the bar and the author's line, or for what it cannot have.
    """
    orders, actions = _rows_by_bar(planned.orders), _actions_by_bar(planned.actions)
    if -1 in orders or -1 in actions:
        _send(session, -1, orders.get(-1, []), actions.get(-1, []))
    groups = itertools.count()
    members = [_join(follower, Bar(follower, market, session, grid, groups)) for follower in followers]
    for index, (bar, after) in enumerate(zip(grid, [*grid[1:], n_bars], strict=True)):
        if bar < 0 or bar == after:  # the simulation has no bar here: the next decision stands in for this one
            continue
        session.advance(bar + 1)
        for member in members:
            _call(member, index)
        if bar in orders or bar in actions or any(asked.orders or asked.actions for *_, asked in members):
            _send_all(session, bar, members, orders.get(bar, []), actions.get(bar, []))
    session.advance(n_bars)


class _Member(NamedTuple):
    """A strategy in a run: a copy of its own, what it sees, and what it asks for."""

    strategy: Strategy
    bar: Bar
    asked: Asked


def _join(follower: Follower, bar: Bar) -> _Member:
    strategy = follower.strategy
    try:
        own = copy.deepcopy(strategy)
    except Exception as error:  # of an attribute of the author's
        cure = "keep what cannot be copied in a module, or make it in `on_bar`"
        problem = "it keeps something on self that cannot be copied, and each run works on a copy"
        raise StrategyError(strategy.name, problem, found=error, cure=cure) from error
    return _Member(own, bar, bar.asked)


def _call(member: _Member, index: int) -> None:
    strategy, bar, _ = member
    bar.move(index)
    try:
        answer: object = strategy.on_bar(bar)  # type: ignore[func-returns-value]
    except (Exception, SystemExit) as error:
        if isinstance(error, StrategyError) and error.strategy == strategy.name:
            raise
        explain(strategy, "on_bar", "", error, bar=index, time=bar.open_time)
    if answer is not None:
        cure = "place orders on the slots: bar[symbol].buy(notional=...)"
        bar.place(None).fail("its method `on_bar` returned something", answer, cure)


def _send_all(
    session: Session, bar: int, members: Sequence[_Member], orders: list[Order], actions: list[tuple[int, int, float]]
) -> None:
    """Send what was planned and what was asked for at a close; a market order replaces a planned one."""
    asked = [order for member in members for order in member.asked.orders]
    replaced = {order.row.slot for order in asked if order.row.type == MARKET}
    kept = [order for order in orders if order.row.slot not in replaced]
    told = [action for member in members for action in member.asked.actions]
    _send(session, bar, [*kept, *asked], [*actions, *told])
    for member in members:
        member.asked.clear()


def _send(session: Session, bar: int, orders: list[Order], actions: list[tuple[int, int, float]]) -> None:
    session.send(bar, sorted(orders, key=lambda order: order.row.slot), actions)


def _rows_by_bar(orders: Orders) -> dict[int, list[Order]]:
    out: dict[int, list[Order]] = defaultdict(list)
    for bar, *columns in zip(*(column.tolist() for column in orders), strict=True):
        out[bar].append(Order(Row(*columns)))
    return dict(out)


def _actions_by_bar(actions: MarginActions) -> dict[int, list[tuple[int, int, float]]]:
    out: dict[int, list[tuple[int, int, float]]] = defaultdict(list)
    for bar, slot, kind, amount in zip(*(column.tolist() for column in actions), strict=True):
        out[bar].append((slot, kind, amount))
    return dict(out)
