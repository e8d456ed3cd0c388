import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.downsample import columns_of, envelope, extremes, lowest, means


def test_few_points_are_all_kept():
    assert extremes([0, 1, 2, 3], [5, 1, 7, 2], 2).tolist() == [0, 1, 2, 3]


def test_each_column_keeps_its_least_and_greatest():
    y = [5, 9, 1, 5, 5, 4, 6, 2, 8, 3]
    # columns of x = 0..9 in two: 0-4 and 5-9
    assert extremes(range(10), y, 2).tolist() == [0, 1, 2, 7, 8, 9]


def test_of_equals_the_first():
    assert extremes(range(10), [3] * 10, 2).tolist() == [0, 5, 9]


def test_a_single_spike_in_many_survives():
    y = np.zeros(1_000_000)
    y[123_456], y[654_321] = -7.0, 9.0
    kept = extremes(np.arange(y.size), y, 500)
    assert {123_456, 654_321} <= set(kept.tolist())
    assert kept.size <= 3 * 500 + 2


def test_infinity_is_an_extreme_and_a_gap_stays_a_gap():
    y = np.ones(100)
    y[50], y[20:30] = np.inf, np.nan
    kept = extremes(np.arange(100), y, 10)
    assert 50 in kept
    assert np.isnan(y[kept]).sum() == 1  # one pixel column of the ten


def test_only_gaps():
    assert extremes(range(50), np.full(50, np.nan), 5).tolist() == [0, 49]


@given(st.lists(st.sampled_from([1.0, 2.0, np.nan]), min_size=1, max_size=200), st.integers(1, 30))
def test_no_line_is_drawn_over_a_gap(values, columns):
    """Two gaps in one column are two: a line that comes and goes is not drawn through."""
    y = np.array(values)
    kept = extremes(np.arange(y.size), y, columns)
    assert kept.size <= max(4 * columns + 3, 2 * columns)
    for one, other in itertools.pairwise(kept):
        if not np.isnan(y[[one, other]]).any():
            assert not np.isnan(y[one:other]).any()


def test_columns_are_of_x_and_not_of_the_count():
    x = np.concatenate([np.linspace(0, 1, 90), np.linspace(9, 10, 10)])
    assert np.bincount(columns_of(x, 2)).tolist() == [90, 10]
    assert columns_of([3.0, 3.0], 5).tolist() == [0, 0]
    assert columns_of([], 5).tolist() == []


@given(
    st.lists(st.floats(-1e9, 1e9, allow_nan=False), min_size=1, max_size=400),
    st.integers(1, 30),
)
def test_extremes_of_the_whole_and_the_ends_are_kept(values, columns):
    y = np.array(values)
    kept = extremes(np.arange(y.size), y, columns)
    assert y[kept].min() == y.min()
    assert y[kept].max() == y.max()
    assert (kept[0], kept[-1]) == (0, y.size - 1)
    assert (np.diff(kept) > 0).all()


@given(st.lists(st.floats(-1e9, 1e9, allow_nan=False), min_size=1, max_size=400), st.integers(1, 30))
def test_a_drawdown_is_never_lost(values, columns):
    """The deepest point of the underwater curve is in the picture, to the digit."""
    equity = np.array(values)
    depth = equity - np.maximum.accumulate(equity)
    assert depth[extremes(np.arange(equity.size), depth, columns)].min() == depth.min()


def test_envelope_and_means():
    low, high = np.arange(10.0), np.arange(10.0) + 5
    x, least, greatest = envelope(range(10), low, high, 2)
    assert x.tolist() == [0, 9]
    assert least.tolist() == [0, 5]
    assert greatest.tolist() == [9, 14]
    assert means(range(10), low, 2).tolist() == [2, 7]
    assert means(range(4), low[:4], 2).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_tiny(n):
    assert extremes(range(n), range(n), 1).tolist() in ([0], [0, 1], [0, 2])
    assert envelope(range(n), range(n), range(n), 1)[0].size <= 2


def test_lowest_keeps_one_bar_of_each_column():
    assert lowest(range(10), [5, 9, 1, 1, 5, 4, 6, np.nan, 8, 3], 2).tolist() == [2, 9]
    assert lowest(range(4), [5, 9, 1, 1], 4).tolist() == [0, 1, 2, 3]
