"""A run in which strategies are called at every bar."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence, Set
from typing import TYPE_CHECKING, NamedTuple

from backtester.asking.author import explain_at
from backtester.asking.copies import own_copy
from backtester.errors import StrategyError
from backtester.event_driven.asked import MARKET, Asked, Order, Row
from backtester.event_driven.bar import Bar
from backtester.event_driven.compiled import Compiled
from backtester.event_driven.desk import Desk
from backtester.event_driven.followers import Follower
from backtester.event_driven.kernel_session import KernelSession
from backtester.event_driven.session import Session
from backtester.market import Market
from backtester.orders import MarginActions, Orders
from backtester.strategy import Strategy

if TYPE_CHECKING:
    from backtester.event_driven.compiled_run import CompiledRun

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
        _send(session, -1, [(None, row) for row in orders.get(-1, [])], actions.get(-1, []))
    ends, groups = [*grid, n_bars], itertools.count()
    session.decide_at(ends)
    members = [_join(each, Desk(each, market, session, ends, groups)) for each in followers]
    alone = members[0].compiled if len(members) == 1 else None
    stops = {index for index, at in enumerate(grid) if at in orders or at in actions}
    for index in _call_all(session, members, stops) if alone is None else alone.run(stops):
        _send_all(session, ends[index], members, orders.get(ends[index], []), actions.get(ends[index], []))
    session.finish()


class _Member(NamedTuple):
    """A strategy in a run: a copy of its own, what it sees, and what stands behind that."""

    strategy: Strategy
    on_bar: Callable[[Bar], object]
    bar: Bar
    asked: Asked
    compiled: CompiledRun | None  # where it is compiled and runs from bar to bar without Python


def _join(follower: Follower, desk: Desk) -> _Member:
    strategy, bar = follower.strategy, Bar(desk)
    if isinstance(type(strategy).on_bar, Compiled) and isinstance(desk.session, KernelSession):
        from backtester.event_driven.compiled_run import CompiledRun  # of numba's types, which others need not wait for

        run = CompiledRun(strategy, bar, desk, desk.session)
        return _Member(strategy, run, bar, desk.asked, run)
    own = own_copy(strategy)
    return _Member(own, own.on_bar, bar, desk.asked, None)


def _call_all(session: Session, members: Sequence[_Member], stops: Set[int]) -> Iterator[int]:
    """Run from decision to decision, calling all strategies; yield those at which something is to be sent.

    Most strategies ask for nothing at most bars: what is here is done at every one.
    """
    while (index := session.step()) >= 0:
        ask = index in stops
        for strategy, on_bar, bar, asked, _ in members:
            bar.index = index
            try:
                answer = on_bar(bar)
            except (Exception, SystemExit) as error:
                explain_at(strategy, error, index, bar.open_time)
            if answer is not None:
                problem, cure = "its method `on_bar` returned something", "place orders on the slots: bar[0].buy(1.0)"
                raise StrategyError(strategy.name, problem, bar=index, time=bar.open_time, found=answer, cure=cure)
            if asked.orders or asked.actions:
                ask = True
        if ask:
            yield index


def _send_all(
    session: Session, bar: int, members: Sequence[_Member], rows: list[Row], actions: list[tuple[int, int, float]]
) -> None:
    """Send what was planned and what was asked for at a close; a market order replaces a planned one."""
    asked = [pair for member in members for pair in member.asked.orders.items()]
    if rows:
        replaced = {row.slot for _, row in asked if row.type == MARKET}
        rows = [row for row in rows if row.slot not in replaced]
    told = [action for member in members for action in member.asked.actions]
    _send(session, bar, [*((None, row) for row in rows), *asked], [*actions, *told])
    for member in members:
        member.asked.clear()


def _send(
    session: Session, bar: int, asked: list[tuple[Order | None, Row]], actions: list[tuple[int, int, float]]
) -> None:
    asked.sort(key=_slot_of)
    first = session.send(bar, [row for _, row in asked], actions)
    for number, (order, _) in enumerate(asked, first):
        if order is not None:
            order.id = number


def _slot_of(asked: tuple[Order | None, Row]) -> int:
    return asked[1].slot


def _rows_by_bar(orders: Orders) -> dict[int, list[Row]]:
    out: dict[int, list[Row]] = defaultdict(list)
    for bar, *columns in zip(*(column.tolist() for column in orders), strict=True):
        out[bar].append(Row(*columns))
    return dict(out)


def _actions_by_bar(actions: MarginActions) -> dict[int, list[tuple[int, int, float]]]:
    out: dict[int, list[tuple[int, int, float]]] = defaultdict(list)
    for bar, slot, kind, amount in zip(*(column.tolist() for column in actions), strict=True):
        out[bar].append((slot, kind, amount))
    return dict(out)
