"""Orders and margin instructions as arrays: one row each, in the order given."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from backtester.schema import ACTION_KINDS, SIZE_TYPES

__all__ = ["ACTION_KINDS", "SIZE_TYPES", "MarginActions", "Orders", "Terms", "joined"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Orders(NamedTuple):
    """Orders, at most one per slot and bar.

    Parameters
    ----------
    bar : int64 array, (n,)
        Decision bar; the order acts at the open of the next bar, -1 acts at bar 0.
    slot : int64 array, (n,)
    size : float64 array, (n,)
        Signed change, or the signed position wanted where `target` is true.
    size_type : int64 array, (n,)
        Index into ``SIZE_TYPES``.
    target : bool array, (n,)
    margin : float64 array, (n,) [quote]
        Collateral to move into an on-demand pool, if more than the initial margin.
    limit, stop, take_profit : float64 array, (n,) [quote/base]
    trail : float64 array, (n,) [quote/base]
        Distance of the trailing stop from the best price.
    trail_fraction : float64 array, (n,)
        The same as a fraction of the best price.
    watch_mark : bool array, (n,)
        True: the stops of this order watch the mark price.

    Notes
    -----
    nan in a float column means none.
    """

    bar: Ints
    slot: Ints
    size: Floats
    size_type: Ints
    target: Flags
    margin: Floats
    limit: Floats
    stop: Floats
    take_profit: Floats
    trail: Floats
    trail_fraction: Floats
    watch_mark: Flags

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> Orders:
        """Build from mappings with the keys of this class; a missing or None price is nan."""
        given = list(rows)
        columns = (_column(given, name, kind) for name, kind in _ORDER_KINDS.items())
        return cls(*columns)

    @classmethod
    def from_tuples(cls, rows: Sequence[tuple[Any, ...]]) -> Orders:
        """Build from rows of values in the order of the fields."""
        return cls(*_columns(rows, _ORDER_KINDS))

    @classmethod
    def none(cls) -> Orders:
        """Return no orders, which nobody can write to."""
        return _none(cls)


class Terms(NamedTuple):
    """What working orders say beyond their row of `Orders`. docs/model.md, "Working orders".

    Parameters
    ----------
    order : int64 array, (n,)
        Index into the orders, rising.
    type : int64 array, (n,)
        Index into ``ORDER_TYPES``.
    trigger : float64 array, (n,) [quote/base]
        Of stops and take-profits.
    offset : float64 array, (n,) [quote/base]
        Distance of a trailing stop from the best price.
    offset_fraction : float64 array, (n,)
        The same as a fraction of the best price.
    reduce_only, post_only : bool array, (n,)
    time_in_force : int64 array, (n,)
        Index into ``TIMES_IN_FORCE``.
    expires : int64 array, (n,)
        Last bar in which the order may trade; -1: until cancelled.
    oco : int64 array, (n,)
        Number shared by orders of which one cancels the others; -1: none.

    Notes
    -----
    nan in a float column means none. An order without a row here is a plain one.
    """

    order: Ints
    type: Ints
    trigger: Floats
    offset: Floats
    offset_fraction: Floats
    reduce_only: Flags
    post_only: Flags
    time_in_force: Ints
    expires: Ints
    oco: Ints

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> Terms:
        """Build from mappings with the keys of this class; a missing or None price is nan."""
        given = list(rows)
        return cls(*(_column(given, name, kind) for name, kind in _TERM_KINDS.items()))

    @classmethod
    def from_tuples(cls, rows: Sequence[tuple[Any, ...]]) -> Terms:
        """Build from rows of values in the order of the fields."""
        return cls(*_columns(rows, _TERM_KINDS))

    @classmethod
    def none(cls) -> Terms:
        """Return no terms, which nobody can write to."""
        return _none(cls)


class MarginActions(NamedTuple):
    """Margin instructions, several per slot and bar allowed, carried out in the order given.

    Parameters
    ----------
    bar : int64 array, (n,)
        Decision bar, as for orders.
    slot : int64 array, (n,)
    kind : int64 array, (n,)
        Index into ``ACTION_KINDS``: 0 add, 1 remove, 2 set_leverage, 3 cancel.
    amount : float64 array, (n,) [quote], for ``set_leverage`` the leverage, for ``cancel`` the index of the order
    """

    bar: Ints
    slot: Ints
    kind: Ints
    amount: Floats

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[int, int, int, float]]) -> MarginActions:
        """Build from rows (bar, slot, kind, amount)."""
        return cls(*_columns(list(rows), _ACTION_KINDS))

    @classmethod
    def none(cls) -> MarginActions:
        """Return no instructions, which nobody can write to."""
        return _none(cls)


Rows = TypeVar("Rows", Orders, MarginActions)


_NONE: dict[Any, Any] = {}


def _none(kind: Any) -> Any:
    """Return no rows of a kind; many runs ask for them."""
    if kind not in _NONE:
        rows = kind.from_rows(())
        for column in rows:
            column.flags.writeable = False
        _NONE[kind] = rows
    return _NONE[kind]


def joined(parts: Sequence[Rows]) -> Rows:
    """Return rows one after another; those of one part that has all of them are not copied.

    Parameters
    ----------
    parts : sequence of Orders or of MarginActions, at least one
    """
    some = [part for part in parts if len(part.bar) > 0] or parts[:1]
    return some[0] if len(some) == 1 else type(some[0])(*map(np.concatenate, zip(*some, strict=True)))


_ORDER_KINDS: dict[str, type[np.generic]] = {
    "bar": np.int64,
    "slot": np.int64,
    "size": np.float64,
    "size_type": np.int64,
    "target": np.bool_,
    "margin": np.float64,
    "limit": np.float64,
    "stop": np.float64,
    "take_profit": np.float64,
    "trail": np.float64,
    "trail_fraction": np.float64,
    "watch_mark": np.bool_,
}
_TERM_KINDS: dict[str, type[np.generic]] = {
    "order": np.int64,
    "type": np.int64,
    "trigger": np.float64,
    "offset": np.float64,
    "offset_fraction": np.float64,
    "reduce_only": np.bool_,
    "post_only": np.bool_,
    "time_in_force": np.int64,
    "expires": np.int64,
    "oco": np.int64,
}
_ACTION_KINDS: dict[str, type[np.generic]] = {
    "bar": np.int64,
    "slot": np.int64,
    "kind": np.int64,
    "amount": np.float64,
}


def _columns(rows: Sequence[tuple[Any, ...]], kinds: Mapping[str, type[np.generic]]) -> list[NDArray[Any]]:
    """Return a column for each kind."""
    values = zip(*rows, strict=True) if rows else itertools.repeat((), len(kinds))
    return [np.array(column, kind) for column, kind in zip(values, kinds.values(), strict=True)]


def _column(rows: list[Mapping[str, Any]], name: str, kind: type[np.generic]) -> NDArray[Any]:
    return np.array([row.get(name) for row in rows] if kind is np.float64 else [row[name] for row in rows], kind)
