"""Candles and funding of one symbol as frames, from the replies of a venue."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from backtester.errors import time_text
from data.fetch.client import check_rows
from data.fetch.failures import BadReply
from data.fetch.pager import Ask, Walk
from data.fetch.venues import DAY, HOUR, Exchange, Feed

if TYPE_CHECKING:
    import pandas as pd

LONGEST_INTERVAL = 8 * HOUR  # between two settlements of funding, at any of the venues
REACH = LONGEST_INTERVAL * 3 // 2  # from one settlement to the next: more is a hole
JITTER = 5_000  # [ms] that a settlement's time may be off its minute
MINUTE = 60_000
Call = Callable[[str, int, int, Callable[[], Any]], Any]
CANDLE = ("timestamp", "open", "high", "low", "close", "volume")


def candle_walk(
    client: Any, exchange: Exchange, symbol: str, kind: str, timeframe: str, call: Call
) -> Walk:
    """Return the walk through the trade or mark candles of a symbol.

    Parameters
    ----------
    client : ccxt client
    exchange : Exchange
    symbol : str
        As ccxt has it: ``BTC/USDT:USDT``.
    kind : str
        ``trade`` or ``mark``.
    timeframe : str
    call : callable
        ``call(what, first, last, ask)`` makes one request, and makes it again where that may help.
    """
    feed = exchange.feed(kind)
    if feed is None:
        raise ValueError(f"{exchange.name} serves no {kind} candles")  # callers look first

    def asker(step_name: str, step: int) -> Ask:
        def ask(first: int, last: int) -> pd.DataFrame:
            fetch = partial(candles, client, feed, symbol, kind, step_name, step, first, last)
            return call(f"{step_name} {kind} candles", first, last, fetch)

        return ask

    step = client.parse_timeframe(timeframe) * 1000
    skip = _next_day(Walk(asker("1d", DAY), feed.window(DAY), DAY, _none), client) if step < DAY else None
    return Walk(asker(timeframe, step), feed.window(step), step, _none, skip)


def candles(
    client: Any, feed: Feed, symbol: str, kind: str, timeframe: str, step: int, first: int, last: int
) -> pd.DataFrame:
    """Return the candles that one request gives, ``first <= timestamp < last`` [ms UTC]; mark candles have no volume.

    Raises
    ------
    BadReply
        If the reply has another form, a candle lacks a price, or begins between two bars.
    """
    import pandas as pd

    ask = client.fetch_mark_ohlcv if kind == "mark" else client.fetch_ohlcv
    parameters: dict[str, int] = {feed.until: last - 1} if feed.until else {}
    if feed.counted:
        parameters[feed.counted] = feed.limit
    limit = None if feed.counted else feed.limit
    rows = _parsed(client, feed, lambda: ask(symbol, timeframe, first, limit, parameters))
    columns = CANDLE if kind == "trade" else CANDLE[:-1]
    frame = pd.DataFrame([row[: len(columns)] for row in rows], columns=list(columns))
    frame = _within(frame, first, last)
    _check_numbers(frame)
    times = frame["timestamp"].to_numpy()
    if (times % step).any():
        k = int(np.argmax(times % step != 0))
        raise BadReply(f"a {timeframe} candle begins at {_moment(times[k])}, between two bars")
    return frame


def funding_walk(client: Any, exchange: Exchange, symbol: str, call: Call) -> Walk:
    """Return the walk through the funding of a symbol, whatever its intervals are."""
    feed = exchange.funding

    def ask(first: int, last: int) -> pd.DataFrame:
        return call("funding rates", first, last, partial(settlements, client, feed, symbol, first, last))

    return Walk(ask, feed.window(LONGEST_INTERVAL), 1, _sure, whole=feed.whole)


def settlements(client: Any, feed: Feed, symbol: str, first: int, last: int) -> pd.DataFrame:
    """Return the settlements that one request gives, ``first <= timestamp < last`` [ms UTC].

    Times that are off a whole minute by milliseconds are put on it.

    Raises
    ------
    BadReply
        If the reply has another form, or a settlement lacks its rate.
    """
    import pandas as pd

    parameters = {feed.until: last + JITTER} if feed.until else {}
    limit = None if feed.whole else feed.limit
    since = max(first - JITTER, 0)
    rows = _parsed(client, feed, lambda: client.fetch_funding_rate_history(symbol, since, limit, parameters))
    frame = pd.DataFrame(
        {
            "timestamp": [row["timestamp"] for row in rows],
            "funding_rate": [row["fundingRate"] for row in rows],
            "mark_price": [_mark_price(row) for row in rows],
        }
    )
    frame["timestamp"] = on_the_minute(_times(frame["timestamp"]))
    if frame["mark_price"].isna().all():
        frame = frame.drop(columns="mark_price")
    frame = _within(frame, first, last)
    _check_numbers(frame[["timestamp", "funding_rate"]])
    return frame


def _parsed(client: Any, feed: Feed, ask: Callable[[], list[Any]]) -> list[Any]:
    """Return the rows ccxt makes of a reply, after a look at the reply itself."""
    import ccxt

    client.replies.last = None
    try:
        rows = ask()
    except (ccxt.BaseError, BadReply):
        raise
    except Exception as error:  # whatever breaks in a parser: a bare KeyError for a wrong container
        if client.replies.last is None:
            raise
        check_rows(client, feed)
        raise BadReply(f"its rows have another form ({type(error).__name__}: {error})") from error
    check_rows(client, feed)
    return rows


def _within(frame: pd.DataFrame, first: int, last: int) -> pd.DataFrame:
    """Return the rows of a window, sorted, each time once."""
    frame = frame.assign(timestamp=_times(frame["timestamp"]))
    inside = frame[(frame["timestamp"] >= first) & (frame["timestamp"] < last)]
    return inside.drop_duplicates("timestamp", keep="last").sort_values("timestamp", ignore_index=True)


def _times(column: pd.Series) -> Any:
    if any(not isinstance(time, int) for time in column.tolist()):
        raise BadReply(f"a row has no time: {column.tolist()[:3]!r}")
    return column.to_numpy(dtype=np.int64)


def on_the_minute(times: Any) -> Any:
    """Return times of settlements [ms UTC], those that are off a minute by milliseconds put on it."""
    near = (times + MINUTE // 2) // MINUTE * MINUTE
    return np.where(abs(times - near) <= JITTER, near, times)


def _check_numbers(frame: pd.DataFrame) -> None:
    for name in frame.columns[1:]:
        try:
            bad = ~np.isfinite(frame[name].to_numpy(dtype=np.float64, na_value=np.nan))
        except (TypeError, ValueError):
            bad = np.ones(len(frame), bool)
        if bad.any():
            k = int(np.argmax(bad))
            raise BadReply(f"the row of {_moment(frame['timestamp'].iloc[k])} has no {name}: {frame[name].iloc[k]!r}")


def _mark_price(row: dict[str, Any]) -> float:
    given = row.get("info", {}).get("markPrice")
    return float(given) if given not in (None, "") else float("nan")


def _none(rows: pd.DataFrame) -> int:
    return 0


def _sure(rows: pd.DataFrame) -> int:
    """Return the time before the first settlement in which there is none [ms]: a moment less than an interval."""
    steps = np.diff(rows["timestamp"].to_numpy())
    return int(steps.min() if len(steps) else HOUR) - 1


def _next_day(days: Walk, client: Any) -> Callable[[int], int]:
    """Return the function that finds the day before the next one with candles: a listing, or the end of a halt."""

    def skip(time: int) -> int:
        now = client.milliseconds()
        for page in days.pages(time // DAY * DAY, now):
            if len(page.rows):
                return int(page.rows["timestamp"].iloc[0]) - DAY  # that day may have none, and yet an hour of it
        return int(now)

    return skip


def _moment(time: int) -> str:
    return time_text(int(time) * 1_000_000)
