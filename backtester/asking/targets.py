"""From what an author returned to arrays of (n_bars, n_slots), or an error that says where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtester.asking.author import Author
from backtester.errors import nearest
from backtester.schema import TARGET_SIZES
from backtester.strategy import Targets

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FIELDS = (
    "leverage",
    "stop",
    "take_profit",
    "trailing",
    "stop_price",
    "take_profit_price",
    "add_margin",
)


class Dense(NamedTuple):
    """Targets as arrays of (n_bars, n_slots); optional ones are None where they are not given."""

    size_type: int
    size: Floats
    leverage: Floats | None
    stop: Floats | None
    take_profit: Floats | None
    trailing: Floats | None
    stop_price: Floats | None
    take_profit_price: Floats | None
    add_margin: Floats | None
    watch_mark: bool


def dense(targets: object, author: Author) -> Dense:
    """Return targets as arrays; scalars and rows become views that take no memory.

    Raises
    ------
    StrategyError
        If it is no Targets, or a field has the wrong shape, type, columns or times.
    """
    if not isinstance(targets, Targets):
        what = "nothing (is a `return` missing?)" if targets is None else type(targets).__name__
        problem = f"its method `targets` returned {what} instead of Targets"
        author.fail(problem, cure="end with `return Targets(notional=...)`")
    name = targets.size_type
    size = getattr(targets, name)
    if isinstance(size, float | np.floating) and np.isnan(size):
        author.fail(f"Targets.{name} is nan", cure="give a number, or an array with one per bar")
    fields = {field: getattr(targets, field) for field in FIELDS}
    return Dense(
        size_type=TARGET_SIZES.index(name),
        size=_spread(name, size, author),
        **{k: None if v is None else _spread(k, v, author) for k, v in fields.items()},
        watch_mark=targets.watch == "mark",
    )


def _spread(field: str, given: Any, author: Author) -> Floats:
    """Return a field as float64, broadcast to (n_bars, n_slots)."""
    if hasattr(given, "columns"):
        given = _frame(field, given, author)
    elif hasattr(given, "index") and hasattr(given, "to_numpy"):
        given = _series(field, given, author)
    values = _numbers(field, given, author)
    shape = (author.market.n_bars, len(author.slots))
    if values.ndim == 1 and len(values) == shape[0]:
        if shape[0] == shape[1] > 1:
            author.fail(
                f"Targets.{field} has {len(values)} values, and there are as many bars as slots",
                cure="say which: values[:, None] is one per bar, values[None, :] one per slot",
            )
        values = values[:, None]
    try:
        return np.broadcast_to(values, shape)
    except ValueError:
        author.fail(
            f"Targets.{field} has the wrong shape",
            found=values.shape,
            cure=f"return {shape} (n_bars, n_slots), ({shape[0]},) for one value per bar, "
            f"({shape[1]},) for one per slot ({_listed(author)}), or a single number",
        )


def _numbers(field: str, given: Any, author: Author) -> Floats:
    """Return an array-like as float64 if it holds real numbers."""
    try:
        values = np.asarray(given)
    except ValueError as error:
        cure = "give every bar as many values as there are slots"
        author.fail(f"Targets.{field} has rows of several lengths", cure=cure, cause=error)
    if values.dtype.kind not in "fiub":
        first = values.reshape(-1)[0] if values.size else None
        author.fail(
            f"Targets.{field} does not hold real numbers but {values.dtype} values",
            found=first,
            cure="return float64 arrays; nan, not None, means no instruction",
        )
    return values.astype(np.float64, copy=False)


def _frame(field: str, frame: Any, author: Author) -> Any:
    """Return a DataFrame's values with its columns in the order of the slots."""
    _check_times(field, frame.index, author)
    names = [" ".join(map(str, c)) if isinstance(c, tuple) else str(c) for c in frame.columns]
    places = _places(field, names, author)
    values = _values(frame)
    if values.dtype.kind not in "fiub":
        return values
    out = np.full((len(frame), len(author.slots)), np.nan, order="F")
    for slot, place in enumerate(places):
        if place >= 0:
            out[:, slot] = values[:, place]
    return out


def _series(field: str, series: Any, author: Author) -> Any:
    """Return a Series' values: over bars, or over slots if its index names them."""
    names = [str(label) for label in series.index]
    if len(names) != author.market.n_bars or _labels(author).issuperset(names):
        places = _places(field, names, author)
        values = _values(series)
        if values.dtype.kind not in "fiub":
            return values
        return np.array([[values[p] if p >= 0 else np.nan for p in places]])
    _check_times(field, series.index, author)
    return _values(series)


def _values(data: Any) -> NDArray[Any]:
    """Return pandas values as numpy ones; pandas' own number types count as float64."""
    kinds = list(data.dtypes) if hasattr(data, "columns") else [data.dtype]
    if all(not isinstance(k, np.dtype) and getattr(k, "kind", "O") in "fiub" for k in kinds):
        return data.to_numpy(dtype=np.float64, na_value=np.nan)
    return data.to_numpy()


def _labels(author: Author) -> set[str]:
    return {s.label for s in author.slots} | {s.symbol for s in author.slots}


def _places(field: str, names: Sequence[str], author: Author) -> list[int]:
    """Return the column of each slot, by its label or else its symbol; -1 where it has none."""
    known = _labels(author)
    for name in names:
        if name not in known:
            close = nearest(name, known)
            author.fail(
                f"Targets.{field} names a slot that does not exist",
                found=name,
                cure=f"did you mean {close[0]}?" if close else f"slots are {_listed(author)}",
            )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        author.fail(f"Targets.{field} names a slot twice", found=twice, cure="name each slot once")
    place = {name: i for i, name in enumerate(names)}
    return [place.get(s.label, place.get(s.symbol, -1)) for s in author.slots]


def _check_times(field: str, index: Any, author: Author) -> None:
    """Fail if a pandas index over bars is not the market's."""
    market = author.market
    cure = "keep every bar: frame.reindex(market.index)"
    if len(index) != market.n_bars:
        found = f"{len(index)} rows for {market.n_bars} bars"
        author.fail(f"Targets.{field} has the wrong number of rows", found=found, cure=cure)
    if not hasattr(index, "as_unit"):
        return
    times = index.as_unit("ns").asi8
    if not np.array_equal(times, market.open_time):
        bar = int(np.argmax(times != market.open_time))
        problem = f"Targets.{field} has other times than the market"
        author.fail(problem, bar=bar, found=index[bar], cure=cure)


def _listed(author: Author) -> str:
    names = [slot.label for slot in author.slots]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
