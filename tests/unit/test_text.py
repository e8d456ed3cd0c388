import math

import pytest

from backtester import text

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1234.5, "1,234.50"),
        (-0.004, "-0.004000"),
        (0.123456, "0.1235"),
        (0.0, "0.00"),
        (-1e-14, "0.00"),
        (math.nan, "-"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
    ],
)
def test_money(value, said):
    assert text.money(value) == said


def test_money_beside_more_has_its_decimals():
    assert text.money(0.01086, signed=True, beside=-323.52) == "+0.01"
    assert text.money(0.01086, beside=0.5) == "0.01086"


def test_signs():
    assert text.money(2.0, signed=True) == "+2.00"
    assert text.money(0.0, signed=True) == "0.00"
    assert text.percent(-0.25, signed=True) == "-25.00 %"
    assert text.points(0.25) == "+25.00 pp"
    assert text.points(math.nan) == "-"
    assert text.number(-0.001) == "0.00"  # no minus zero


def test_times():
    assert text.moment(1_760_130_000 * SECOND) == "2025-10-10 21:00"
    assert text.moment(1_760_130_007 * SECOND) == "2025-10-10 21:00:07"
    assert text.moment(math.nan) == "-"
    assert text.span(100 * 3600 * SECOND) == "4 d 4 h"
    assert text.span(45 * 60 * SECOND) == "45 min"
    assert text.span(-90 * SECOND, signed=True) == "-1 min 30 s"
    assert text.span(0.0, signed=True) == "0 s"
    assert text.span(math.nan) == "-"
    assert [text.timeframe(s * SECOND) for s in (7, 60, 3600, 14400, 86400)] == ["7s", "1m", "1h", "4h", "1d"]


@pytest.mark.parametrize(
    ("symbols", "currency"),
    [
        (("BTCUSDT", "SOLUSDT"), "USDT"),
        (("BTC/USDT:USDT", "SOLUSDT"), "USDT"),
        (("BTC/USD:BTC",), "BTC"),
        (("BTCUSDT", "BTCUSDC"), "quote"),
        (("A",), "quote"),
        ((), "quote"),
    ],
)
def test_currency(symbols, currency):
    assert text.currency(symbols) == currency


def test_lists_and_counts():
    assert text.joined([]) == ""
    assert text.joined(["a"]) == "a"
    assert text.joined(["a", "b", "c"]) == "a, b and c"
    assert text.counted(1, "bar") == "1 bar"
    assert text.counted(5000, "bar") == "5,000 bars"


def test_table_is_aligned():
    assert text.table(["", "isolated"], [["fees", "1.00"], ["equity", "10.00"]]).split("\n") == [
        "          isolated",
        "  ------  --------",
        "  fees        1.00",
        "  equity     10.00",
    ]


def test_distinct_names():
    assert text.distinct(["Grid BTCUSDT long 1", "Grid SOLUSDT long 1"]) == ["BTCUSDT long 1", "SOLUSDT long 1"]
    assert text.distinct(["A BTCUSDT", "B BTCUSDT"]) == ["A BTCUSDT", "B BTCUSDT"]
    assert text.distinct(["Grid long", "Grid"]) == ["Grid long", "Grid"]
    assert text.distinct(["Grid BTCUSDT"]) == ["Grid BTCUSDT"]
    assert text.distinct([]) == []
