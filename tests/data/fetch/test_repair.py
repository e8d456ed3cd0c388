"""Repair over a venue on loopback: the gap is filled from its own endpoint, and a hole of the venue is marked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pandas.testing import assert_frame_equal

from data.fetch import Fetcher
from data.repair import repair
from data.store import Series, Store
from tests.data.fetch.kit import candles, connection, funding
from tests.data.fetch.world import DAY, HOUR, NOW

SINCE = NOW // HOUR * HOUR - 20 * DAY


def test_gaps_of_candles_mark_and_funding(play: Callable[..., Any], store: Store) -> None:
    hole = (SINCE + 100 * HOUR, SINCE + 110 * HOUR)
    server, one = play("bybit", holes=[hole])
    whole = {
        Series("bybit", one.id, "trade", "1h"): candles(one, SINCE, NOW),
        Series("bybit", one.id, "mark", "1h"): candles(one, SINCE, NOW, "mark"),
        Series("bybit", one.id, "funding"): funding(one, SINCE, NOW),
    }
    for series, rows in whole.items():
        lost = (rows["timestamp"] > SINCE + 200 * HOUR) & (rows["timestamp"] < SINCE + 260 * HOUR)
        store.add_page(series, rows[~lost], "a test")
        store.merge(series)
    done = repair(store, list(whole), Fetcher(connection(server)), "the venue")
    assert [each.failure for each in done] == [None] * 3
    for series, rows in whole.items():
        assert_frame_equal(store.read(series), rows)
        gaps = store.entry(series).gaps  # type: ignore[union-attr]
        assert all(hole[0] - 9 * HOUR <= gap.after < hole[1] for gap in gaps)
        assert all("the venue was asked" in gap.note for gap in gaps)
        assert gaps
    asked = len(server.requests)
    repair(store, list(whole), Fetcher(connection(server)), "the venue")
    assert not server.requests[asked:]
