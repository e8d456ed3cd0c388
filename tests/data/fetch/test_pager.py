"""Does a walk find all rows, whatever part of a window each reply holds, and ask no more than it must?"""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.fetch.pager import Page, Walk

STEP = 10


class Source:
    """Rows at some times, of which a reply holds at most `cap`: the oldest or the newest of the window."""

    def __init__(self, times: list[int], cap: int, newest: bool) -> None:
        self.times = sorted(times)
        self.cap = cap
        self.newest = newest
        self.asked: list[tuple[int, int]] = []

    def __call__(self, first: int, last: int) -> pd.DataFrame:
        assert first < last
        self.asked.append((first, last))
        inside = [time for time in self.times if first <= time < last]
        part = inside[-self.cap :] if self.newest else inside[: self.cap]
        return pd.DataFrame({"timestamp": part})


def walk(source: Source, window: int = 5 * STEP) -> Walk:
    return Walk(source, window, STEP, lambda rows: 0)


def times(pages: list[Page]) -> list[int]:
    return [int(time) for page in pages for time in page.rows["timestamp"]]


@given(
    numbers=st.sets(st.integers(0, 60)),
    cap=st.integers(1, 8),
    newest=st.booleans(),
    first=st.integers(0, 40),
    length=st.integers(1, 30),
    window=st.integers(1, 12),
)
def test_all_rows_come_once_in_order_and_pages_tile_the_range(
    numbers: set[int], cap: int, newest: bool, first: int, length: int, window: int
) -> None:
    source = Source([number * STEP for number in numbers], cap, newest)
    begin, end = first * STEP, (first + length) * STEP
    pages = list(walk(source, window * STEP).pages(begin, end))
    assert times(pages) == [time for time in source.times if begin <= time < end]
    assert [page.first for page in pages] == [begin, *(page.last for page in pages[:-1])]
    assert pages[-1].last == end


def test_a_full_history_is_asked_for_once() -> None:
    source = Source([k * STEP for k in range(20)], 5, newest=True)
    assert len(times(list(walk(source).pages(0, 200)))) == 20
    assert source.asked == [(0, 50), (50, 100), (100, 150), (150, 200)]


def test_a_short_reply_ends_nothing() -> None:
    source = Source([0, 10, 20, 150, 160], 5, newest=False)
    pages = list(walk(source).pages(0, 200))
    assert times(pages) == [0, 10, 20, 150, 160]
    assert source.asked == [(0, 50), (30, 80), (80, 130), (130, 180), (130, 150), (170, 200)]


def test_after_an_empty_window_the_walk_may_jump() -> None:
    source = Source([1000], 5, newest=False)
    jumps: list[int] = []

    def skip(time: int) -> int:
        jumps.append(time)
        return 980

    pages = list(walk(source)._replace(skip=skip).pages(0, 1010))
    assert times(pages) == [1000]
    assert jumps == [50]
    assert pages[0][:2] == (0, 980)
    assert source.asked == [(0, 50), (980, 1010), (980, 1000)]


def test_a_jump_never_goes_back_nor_beyond_the_end() -> None:
    source = Source([], 5, newest=False)
    assert [page[:2] for page in walk(source)._replace(skip=lambda time: 0).pages(0, 100)] == [(0, 50), (50, 100)]
    assert [page[:2] for page in walk(source)._replace(skip=lambda time: 999).pages(0, 100)] == [(0, 100)]


@pytest.mark.parametrize(("slack", "asked"), [(9, [(0, 50), (0, 10)]), (10, [(0, 50)])])
def test_what_lies_before_the_first_row_is_asked_for_beyond_the_slack(slack: int, asked: list[tuple[int, int]]) -> None:
    source = Source([10, 20, 30, 40], 5, newest=True)
    list(walk(source)._replace(slack=lambda rows: slack).pages(0, 50))
    assert source.asked == asked


def test_a_reply_that_holds_all_is_asked_for_once() -> None:
    source = Source([10, 90], 5, newest=False)
    ((first, last, rows),) = walk(source)._replace(whole=True).pages(0, 200)
    assert (first, last, len(rows)) == (0, 200, 2)
    assert source.asked == [(0, 200)]
