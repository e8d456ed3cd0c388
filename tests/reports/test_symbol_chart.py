"""The chart of a symbol's data: what is drawn, and that what is missing is shaded."""

import numpy as np
import pytest

from reports.canvas import png, svg
from reports.palette import dark_of_venues
from reports.symbol_chart import Candles, Rates, symbol_chart

HOUR = 3_600_000_000_000
START = 1_760_054_400_000_000_000
DAY = 86_400e9


def candles(hours, price=100.0, holes=()):
    time = START + HOUR * np.asarray(hours)
    close = price + np.sin(np.asarray(hours, dtype=float))
    return Candles(time, close + 1, close - 1, close, holes)


def at(hour):
    return (START + HOUR * hour) / DAY


def gids(figure, gid):
    return figure.findobj(lambda each: each.get_gid() == gid)


def bands(figure, kind):
    return [(each.get_x(), each.get_x() + each.get_width()) for each in gids(figure, f"hole-{kind}")]


def words(figure):
    return " ".join(each.get_text() for each in figure.findobj(lambda a: hasattr(a, "get_text")))


def test_price_mark_and_funding_are_drawn_as_they_are():
    trade, mark = candles(range(48)), candles(range(48), price=99.0)
    funding = Rates(START + HOUR * np.arange(0, 48, 8), np.linspace(-0.001, 0.001, 6))
    figure = symbol_chart("a title", trade, mark, funding)
    (price,) = gids(figure, "price")
    assert price.get_ydata().tolist() == trade.close.tolist()
    (dashed,) = gids(figure, "mark")
    assert dashed.get_ydata().tolist() == mark.close.tolist()
    (premium,) = gids(figure, "premium")
    assert premium.get_ydata() == pytest.approx(100 * (trade.close / mark.close - 1))
    (rates,) = gids(figure, "funding")
    ends = [sorted(segment[:, 1]) for segment in rates.get_segments()]
    assert ends == [pytest.approx(sorted((0.0, 100 * rate))) for rate in funding.rate]
    assert not gids(figure, "hole-trade")
    assert "a title" in words(figure)


def test_a_line_breaks_at_a_hole_and_the_hole_is_shaded():
    hours = [*range(20), *range(30, 48)]
    hole = (START + 19 * HOUR, START + 30 * HOUR)
    figure = symbol_chart("t", candles(hours, holes=[hole]), candles(range(48)))
    first, second = gids(figure, "price")
    assert (len(first.get_xdata()), len(second.get_xdata())) == (20, 18)
    assert bands(figure, "trade") == [pytest.approx((at(19), at(30)))]


def test_what_does_not_reach_the_ends_is_shaded_there_and_what_is_not_there_everywhere():
    figure = symbol_chart("t", candles(range(48)), candles(range(10, 48)))
    assert bands(figure, "mark") == [pytest.approx((at(0), at(10)))]
    assert bands(figure, "funding") == [pytest.approx((at(0), at(47)))]
    assert "There is no funding" in words(figure)
    alone = symbol_chart("t", candles(range(48)))
    assert bands(alone, "mark") == [pytest.approx((at(0), at(47)))]
    assert "there is no mark" in words(alone)


def test_the_furthest_from_the_mark_is_said():
    trade = candles(range(48))
    trade.low[30] *= 0.5
    said = words(symbol_chart("t", trade, candles(range(48))))
    assert "at 2025-10-11 06:00" in said
    assert "the furthest -50" in said


def test_a_long_history_keeps_its_extremes_and_a_small_file():
    trade = candles(range(50_000))
    trade.low[31_234] = 3.0
    figure = symbol_chart("t", trade, candles(range(50_000)))
    (band,) = gids(figure, "range")
    assert band.get_paths()[0].vertices[:, 1].min() == 3.0
    assert figure.axes[0].get_yscale() == "log"
    drawing = svg(figure, "t", dark_of_venues())
    assert len(drawing) < 400_000
    assert svg(symbol_chart("t", trade, candles(range(50_000))), "t", dark_of_venues()) == drawing
    assert png(figure)[:4] == b"\x89PNG"


def test_one_bar_can_be_drawn():
    assert png(symbol_chart("t", candles([0]), candles([0]), Rates(np.array([START]), np.array([1e-4]))))
