"""Ranges of time: what is held, what is left to ask for, and what is remembered of nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data.fetch.ranges import Nothing, Range, held, joined, without

RANGES = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)))


def points(ranges: list[Range]) -> set[int]:
    return {time for first, last in ranges for time in range(first, last)}


def test_ranges_that_touch_are_one() -> None:
    assert joined([(5, 8), (0, 2), (2, 4), (3, 3), (9, 7)]) == [(0, 4), (5, 8)]


@given(RANGES, RANGES)
def test_what_is_left_is_the_difference(wanted: list[Range], known: list[Range]) -> None:
    assert points(without(wanted, known)) == points(wanted) - points(known)
    assert without(wanted, known) == joined(without(wanted, known))


def test_candles_hold_their_bars() -> None:
    assert held(np.array([0, 10, 20, 50, 60]), 10, 10) == [(0, 30), (50, 70)]
    assert held(np.array([], np.int64), 10, 10) == []


def test_settlements_hold_what_lies_between_them() -> None:
    assert held(np.array([0, 8, 16, 40]), 1, 12) == [(0, 17), (40, 41)]


def test_nothing_is_remembered_beside_the_data(tmp_path: Path) -> None:
    file = tmp_path / "BTCUSDT" / "1h-trade.parquet"
    Nothing(file).keep([(5, 9), (0, 2), (9, 12)])
    assert Nothing(file).ranges == [(0, 2), (5, 12)]
    assert (tmp_path / "BTCUSDT" / "1h-trade.nothing.json").read_text() == "[[0, 2], [5, 12]]\n"
    Nothing(file).path.write_text("{broken")
    assert Nothing(file).ranges == []
