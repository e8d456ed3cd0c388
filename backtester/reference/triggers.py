"""Where on a segment something happens: pools, stops, take-profits, limits (section 4 B of the margin model)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .account import Account
from .contract import crossing
from .holding import Line
from .orders import Order
from .path import Segment
from .pool import Pool
from .slot import Slot
from .working import STOPS, Working

LIQUIDATION, STOP, TAKE_PROFIT, LIMIT = range(4)
SAME_MOMENT = 1e-12  # of a segment


@dataclass(frozen=True)
class Trigger:
    """What happens at ``s``; ``level`` is None where the price of the moment counts."""

    s: float
    rank: tuple[int, ...]
    kind: str
    pool: Pool
    slot: Slot | None = None
    watch: str = "trade"
    level: float | None = None
    working: Working | None = None


def next_trigger(account: Account, segment: Segment) -> Trigger | None:
    """Return the trigger with the smallest ``s`` from here on.

    At equal ``s``: pool liquidations (on demand by index, standing, main last), stops, take-profits, limits; by slot.
    Pools whose ``s`` are equal but for the last digits meet their requirements together (docs/model.md).
    """
    found = pool_triggers(account, segment)
    for slot in account.slots:
        if account.has_data(slot.instrument):
            found += slot_triggers(account, segment, slot)
    first = min(found, key=lambda trigger: (trigger.s, trigger.rank), default=None)
    if first is None or first.slot is not None:
        return first
    alike = [trigger for trigger in found if trigger.slot is None and trigger.s <= first.s + SAME_MOMENT]
    return replace(min(alike, key=lambda trigger: trigger.rank), s=first.s)


def liquidation_sequence(account: Account) -> list[Pool]:
    """Return the pools in the order of their margin checks: on demand by index, then standing, main last."""
    on_demand = [pool for pool in account.pools if pool.on_demand]
    standing = [pool for pool in account.pools[1:] if not pool.on_demand]
    return [*on_demand, *standing, account.main]


def pool_triggers(account: Account, segment: Segment) -> list[Trigger]:
    """Return the liquidations that lie ahead on this segment."""
    found = []
    for order, pool in enumerate(liquidation_sequence(account)):
        s = pool_crossing(account, segment, pool)
        if s is not None:
            found.append(Trigger(s, (LIQUIDATION, order, 0), "liquidation", pool))
    return found


def may_be_liquidated(account: Account, pool: Pool) -> bool:
    """Return whether at least one of the pool's positions has data now (section 3)."""
    return any(account.has_data(slot.instrument) for slot in pool.open_slots)


def pool_crossing(account: Account, segment: Segment, pool: Pool) -> float | None:
    """Return the ``s`` from here on at which ``equity_p <= requirement_p``, None if there is none.

    ``f(s) = equity - requirement`` is concave and made of straight pieces, one per combination of tiers. Newton's
    method from the right end steps from the tangent of one piece to the next and ends on the piece of the crossing.
    """
    if not may_be_liquidated(account, pool):
        return None
    if pool.is_unhealthy(account.marks):
        return account.s
    end = marks_at(account, segment, 1.0)
    if not pool.is_unhealthy(end):
        return None
    pieces = lines(pool, end)
    s = root(account, segment, pool, pieces)
    while True:
        at_root = lines(pool, marks_at(account, segment, s))
        if at_root == pieces:
            break
        nearer = root(account, segment, pool, at_root)
        if nearer >= s:
            break
        pieces, s = at_root, nearer
    return min(max(s, account.s), 1.0)


def marks_at(account: Account, segment: Segment, s: float) -> list[float]:
    """Return the mark prices of all instruments at ``s``."""
    return [segment.mark(instrument, s) for instrument in account.instruments]


def lines(pool: Pool, marks: list[float]) -> list[Line]:
    """Return the requirement of each holding as the line of its tier at these marks."""
    return [holding.line(marks[holding.instrument.index]) for holding in pool.holdings()]


def root(account: Account, segment: Segment, pool: Pool, pieces: list[Line]) -> float:
    """Return ``g(0) / (g(0) - g(1))``, the root of ``f`` with its pieces held over the whole segment."""
    start = surplus(pool, marks_at(account, segment, 0.0), pieces)
    end = surplus(pool, marks_at(account, segment, 1.0), pieces)
    return start / (start - end) if start > end else account.s


def surplus(pool: Pool, marks: list[float], pieces: list[Line]) -> float:
    """Return ``equity_p - requirement_p`` with the requirement on given lines."""
    required = 0.0
    for holding, line in zip(pool.holdings(), pieces, strict=True):
        required += line.at(holding.instrument.contract.unit(marks[holding.instrument.index]))
    return pool.equity(marks) - required


def slot_triggers(account: Account, segment: Segment, slot: Slot) -> list[Trigger]:
    """Return the exits, the limit and the working orders of a slot that lie ahead on this segment."""
    found = [working_trigger(account, segment, working) for working in slot.working]
    exits, side, j = slot.exits, slot.side, slot.index
    if slot.is_open and exits.stop is not None:
        found.append(reach(account, segment, slot, "stop", (STOP, j, 0), exits.stop, -side, exits.watch))
    if slot.is_open and exits.trails:
        level = exits.trailing_level(side)
        found.append(reach(account, segment, slot, "trailing_stop", (STOP, j, 1), level, -side))
    if slot.is_open and exits.take_profit is not None:
        found.append(reach(account, segment, slot, "take_profit", (TAKE_PROFIT, j, 0), exits.take_profit, side))
    if slot.limit is not None:
        direction = -1.0 if slot.limit.change > 0.0 else 1.0
        place = as_given(LIMIT, slot.limit.order)
        found.append(reach(account, segment, slot, "limit", place, slot.limit.price, direction))
    return [trigger for trigger in found if trigger is not None]


def working_trigger(account: Account, segment: Segment, working: Working) -> Trigger | None:
    """Return the trigger of a working order, None where it does not act or is not reached."""
    level, slot = working.level(), working.slot
    if level is None or not working.acts:
        return None
    rank = STOP if working.type in STOPS else TAKE_PROFIT if working.type == "take_profit" else LIMIT
    place = as_given(rank, working.order)
    found = reach(account, segment, slot, working.type, place, level, working.direction, working.watch)
    return found and replace(found, working=working)


def as_given(rank: int, order: Order) -> tuple[int, ...]:
    """Return the place of an order among triggers at equal ``s``: after its slot's exits, as given."""
    return (rank, order.slot, 2, *order.given)


def reach(account: Account, segment: Segment, slot: Slot, kind: str, rank: tuple[int, ...], level: float,
          direction: float, watch: str = "trade") -> Trigger | None:
    """Return the trigger of a price that is at or beyond a level, upwards (+1) or downwards (-1), or None.

    One that holds already counts at the price of the moment, otherwise at its own price.
    """
    i = slot.instrument.index
    if watch == "mark":
        now, start, end = account.marks[i], segment.mark_start[i], segment.mark_end[i]
    else:
        now, start, end = account.trades[i], segment.trade_start[i], segment.trade_end[i]
    if (now - level) * direction >= 0.0:
        return Trigger(account.s, rank, kind, slot.pool, slot, watch)
    if (end - level) * direction < 0.0:
        return None
    s = min(max(crossing(slot.instrument.contract, start, end, level), account.s), 1.0)
    return Trigger(s, rank, kind, slot.pool, slot, watch, level)
