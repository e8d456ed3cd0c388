"""Products of axes: which runs they have, each once, and how many, without making them one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from math import prod
from typing import Any

from backtester.batch.effects import NEEDS, Axes, Run, acts, matches, runs_of

__all__ = ["Products"]

Sets = dict[str, frozenset[Any]]


class Products:
    """Several products, in order: a run of two of them is of the first.

    Parameters
    ----------
    axes : sequence of Axes
    exclude : sequence of Axes
        A run of the first product whose values are all in one of these is left out.
    """

    def __init__(self, axes: Sequence[Axes], exclude: Sequence[Axes]) -> None:
        self._axes = axes
        self._sets = [_sets(each) for each in axes]
        self._exclude = [_sets(each) for each in exclude]

    def __iter__(self) -> Iterator[Run]:
        """Yield the runs, those of each product together, its last axis changing fastest."""
        for k, axes in enumerate(self._axes):
            for run in runs_of(axes):
                if self._is_of(run, k):
                    yield run

    def count(self) -> int:
        """Return how many runs there are.

        Values of an axis between which nothing tells here, no exclude and no other product, are counted as one value
        times their number. What is left to look at is as many runs as there are kinds of them.
        """
        return sum(self._count(k, axes) for k, axes in enumerate(self._axes))

    def _count(self, k: int, axes: Axes) -> int:
        told = [*self._exclude, *self._sets[:k]]
        kinds = {
            name: _kinds(name, values, [each[name] for each in told if name in each]) for name, values in axes.items()
        }
        few = {name: tuple(kind) for name, kind in kinds.items()}
        return sum(_times(run, kinds) for run in runs_of(few) if self._is_of(run, k))

    def _is_of(self, run: Run, k: int) -> bool:
        """Return whether a run of the k-th product counts there."""
        return (k > 0 or not self._is_excluded(run)) and not any(self._has(run, n) for n in range(k))

    def _has(self, run: Run, n: int) -> bool:
        """Return whether the n-th product has a run."""
        sets = self._sets[n]
        return run.keys() == sets.keys() and matches(run, sets) and (n > 0 or not self._is_excluded(run))

    def _is_excluded(self, run: Run) -> bool:
        return any(all(run[name] in values for name, values in sets.items()) for sets in self._exclude)


def _sets(axes: Axes) -> Sets:
    return {name: frozenset(values) for name, values in axes.items()}


def _kinds(name: str, values: Sequence[Any], lists: Sequence[Collection[Any]]) -> dict[Any, int]:
    """Return one value of each kind with the number of that kind.

    Two values are of one kind if each of the lists has both or none, and the same other settings act beside them. The
    first value of a setting that may be without effect is one by itself: it stands for all where there is none.
    """
    acting = [need.fits for need in NEEDS.values() if need.other == name]
    alone = values[:1] if name in NEEDS else ()
    firsts: dict[tuple[bool, ...], Any] = {}
    found: dict[Any, int] = {}
    for value in values:
        kind = (value in alone, *(value in each for each in lists), *(fits(value) for fits in acting))
        first = firsts.setdefault(kind, value)
        found[first] = found.get(first, 0) + 1
    return found


def _times(run: Run, kinds: Mapping[str, Mapping[Any, int]]) -> int:
    """Return how many runs are like this one; a setting without effect has one value."""
    return prod(kind[run[name]] for name, kind in kinds.items() if name not in NEEDS or acts(name, run))
