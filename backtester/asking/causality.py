"""The look-ahead check: a decision may not change when later bars are taken away."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from backtester.asking.author import Author, ask
from backtester.asking.changes import changes, first_bars
from backtester.asking.copies import unasked
from backtester.asking.slots import specs_of
from backtester.asking.targets import FIELDS, Dense, dense
from backtester.errors import StrategyError
from backtester.market import Market
from backtester.schema import TARGET_SIZES
from backtester.strategy import SlotSpec, Strategy, Targets

Ints = NDArray[np.int64]

CURE = (
    "use only bars up to the one decided on: shift(1) and not shift(-1), no centred windows, no "
    "backfill, no mean, maximum or ranking over the whole series"
)
_RANDOM = "seed its random numbers, and keep nothing on self between calls"
EARLY = 6  # changes of a brief look
TOLERANCE = 1e-9  # relative; sums may round differently on a shorter array


def check_causal(
    strategy: Strategy,
    market: Market,
    targets: Targets | None = None,
    *,
    cuts: Iterable[int] | None = None,
) -> None:
    """Fail if a strategy looks into the future.

    The strategy is run on the first bars of the market, for several lengths. What it wants at
    those bars must be what it wanted with the whole market in sight.

    Parameters
    ----------
    strategy : Strategy
    market : Market
    targets : Targets, optional
        What the strategy returned for `market`; it is asked if this is left out.
    cuts : iterable of int, optional
        Numbers of bars to run on. By default the middle, all but the last, and up to six that
        end where a target changes: there a look of one bar ahead shows.

    Raises
    ------
    StrategyError
        Naming the first bar and slot that differ, both values, and how to mend it.
    """
    fresh = unasked(strategy)
    author = Author(strategy.name, market, specs_of(strategy, market))
    full = dense(ask(strategy, author) if targets is None else targets, author)
    compare_prefixes(fresh, author, full, default_cuts(author, changed_bars(author, full)) if cuts is None else cuts)


def compare_prefixes(strategy: Strategy, author: Author, full: Dense, cuts: Iterable[int]) -> None:
    """Compare targets with those on the first bars only, for each number of them; see `check_causal`."""
    for cut in _usable(author.market, cuts):
        _compare(strategy, author, full, _on_first(strategy, author, cut), cut)


def look_closely(strategy: Strategy, author: Author, full: Dense, changed: Ints) -> None:
    """Fail if targets, which change at these bars, are others on fewer bars; the strategy was not asked yet."""
    compare_prefixes(strategy, author, full, default_cuts(author, changed))


def look_briefly(strategy: Strategy, author: Author, full: Dense, changed: Ints) -> None:
    """Do as `look_closely`, but only if `brief_cuts` find anything: for one of many sets of parameters."""
    if not all(_is_same(strategy, author, full, cut) for cut in _usable(author.market, brief_cuts(author, changed))):
        look_closely(strategy, author, full, changed)


def _is_same(strategy: Strategy, author: Author, full: Dense, cut: int) -> bool:
    try:
        part = _on_first(strategy, author, cut)
    except StrategyError:  # so few bars may be too few for an author's code
        return False
    return _are_alike(full, part) and first_difference(full, part, cut) is None


def _on_first(strategy: Strategy, author: Author, cut: int) -> Dense:
    """Return what a strategy wants on the first bars."""
    prefix = author.market.slice(0, cut)
    note = f" (on the first {cut:,} of {author.market.n_bars:,} bars)" + author.note
    _compare_slots(author, specs_of(strategy, prefix), note)
    part_author = Author(author.name, prefix, author.slots, note)
    return dense(ask(strategy, part_author), part_author)


def default_cuts(author: Author, changed: Ints) -> list[int]:
    """Return the numbers of bars to run on: fixed ones, and some that end at a change."""
    n = author.market.n_bars
    cuts = {n // 2, n - 1}
    if len(changed):  # in pairs, as one of two neighbours may agree with a wrong value by chance
        places = np.array([len(changed) * k // 5 + pair for k in (1, 2, 3) for pair in (0, 1)])
        cuts |= {int(bar) + 1 for bar in changed[np.minimum(places, len(changed) - 1)]}
    return _apart(author, cuts - set(range(n // 10)))  # too few bars for some authors' code


def brief_cuts(author: Author, changed: Ints) -> list[int]:
    """Return the numbers of bars for a brief look: at the first changes, which are cheap, and at one anywhere.

    That one goes by the name of the strategy, which has its parameters: other sets of them look at other places.
    """
    if not len(changed):
        return _apart(author, {author.market.n_bars // 2})
    anywhere = crc32(author.name.encode()) % len(changed)
    return _apart(author, {int(bar) + 1 for bar in (*changed[:EARLY], changed[anywhere])})


def changed_bars(author: Author, full: Dense) -> Ints:
    """Return the bars at which the target of some slot changes."""
    columns = np.array([author.market.column(spec.symbol) for spec in author.slots])
    return np.unique(changes(full.size, np.zeros(len(columns)), first_bars(author.market, columns)).bar)


def _apart(author: Author, cuts: set[int]) -> list[int]:
    """Return cuts in order, without as many bars as slots: a row and a column could not be told apart."""
    return sorted(cuts - ({len(author.slots)} if len(author.slots) > 1 else set()))


def _usable(market: Market, cuts: Iterable[int]) -> list[int]:
    """Return the cuts that leave at least one bar, also of the finer market."""
    detail = market.detail
    return [
        cut
        for cut in cuts
        if 0 < cut < market.n_bars and (detail is None or detail.open_time[0] < market.close_time[cut - 1])
    ]


def _compare_slots(author: Author, found: tuple[SlotSpec, ...], note: str) -> None:
    if found != author.slots:
        author.fail(
            f"its method `slots` looks into the future: it returns others when later bars are taken away{note}",
            found=", ".join(spec.label for spec in found),
            cure="choose slots by the symbols alone, and write nan where one is not wanted",
        )


def _compare(strategy: Strategy, author: Author, full: Dense, part: Dense, cut: int) -> None:
    """Fail at the first difference between the targets on all bars and on the first ones."""
    if not _are_alike(full, part):
        found = f"{TARGET_SIZES[full.size_type]}, then {TARGET_SIZES[part.size_type]}"
        author.fail("its targets change their kind with the length of the market", found=found)
    place = first_difference(full, part, cut)
    if place is None:
        return
    bar, slot, field = place
    name = field if field in FIELDS else "size"
    whole, first = (_value(getattr(wants, name), bar, slot) for wants in (full, part))
    if _is_random(strategy, author, full):
        problem = f"it is not deterministic: {field} differs between two calls on the same market"
        author.fail(problem, bar=bar, slot=slot, cure=_RANDOM)
    author.fail(
        f"it looks into the future: {field} changes when later bars are taken away; "
        f"{whole} with all {author.market.n_bars:,} bars, {first} with the first {cut:,}",
        bar=bar,
        slot=slot,
        cure=CURE,
    )


def _are_alike(full: Dense, part: Dense) -> bool:
    return full.size_type == part.size_type and full.watch_mark == part.watch_mark


def first_difference(full: Dense, part: Dense, cut: int) -> tuple[int, int, str] | None:
    """Return bar, slot and field of the first difference over the first `cut` bars, or None."""
    worst: tuple[int, int, str] | None = None
    for name in ("size", *FIELDS):
        place = _difference(getattr(full, name), getattr(part, name), cut)
        if place is not None and (worst is None or place < worst[:2]):
            worst = (*place, TARGET_SIZES[full.size_type] if name == "size" else name)
    return worst


def _value(values: NDArray[np.float64] | None, bar: int, slot: int) -> object:
    return None if values is None else float(values[bar, slot])


def _difference(full: NDArray[np.float64] | None, part: NDArray[np.float64] | None, cut: int) -> tuple[int, int] | None:
    """Return bar and slot of the first difference, or None."""
    if full is None or part is None:
        return None if full is part else (0, 0)
    head = full[:cut]
    if np.array_equal(head.view(np.int64), part.view(np.int64)):  # to the bit, nan as well
        return None
    same = np.isclose(head, part, rtol=TOLERANCE, atol=0.0, equal_nan=True)
    if same.all():
        return None
    bar = int(np.argmin(same.all(axis=1)))
    return bar, int(np.argmin(same[bar]))


def _is_random(strategy: Strategy, author: Author, full: Dense) -> bool:
    """Return whether a second call on the same market wants something else."""
    again = dense(ask(strategy, author), author)
    return first_difference(full, again, author.market.n_bars) is not None
