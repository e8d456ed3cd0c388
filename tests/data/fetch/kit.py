"""What the tests of downloads share: a session with a venue on loopback, and a listener that keeps what it hears."""

from __future__ import annotations

from typing import Any

import pandas as pd

from data.fetch.client import Connection
from data.fetch.credentials import Credentials
from data.fetch.download import Wish, download
from data.fetch.patience import Patience
from data.fetch.session import Session
from data.fetch.venues import exchange
from data.store import Store
from tests.data.fetch.loopback import Server
from tests.data.fetch.world import DAY, HOUR, NOW, Perpetual

QUICK = Patience(attempts=4, first=0.001)


class Heard:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.pauses: list[str] = []
        self.pages: list[int] = []
        self.totals: list[int] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def pause(self, asked: str, error: BaseException, seconds: float) -> None:
        self.pauses.append(asked)

    def page(self, series: Any, rows: int, done: int) -> None:
        self.pages.append(rows)

    def begin(self, series: Any, total: int) -> None:
        self.totals.append(total)

    def plan(self, series: Any) -> None:
        pass

    def end(self, series: Any, rows: int, entry: Any) -> None:
        pass

    def fail(self, series: Any, error: Any) -> None:
        pass


def connection(server: Server, **options: Any) -> Connection:
    """Return a connection to a server, without distance between requests and with short pauses."""
    return Connection(**{"base_url": server.url, "pause": 0, "patience": QUICK} | options)


def session(server: Server, venue: str, *, key: bool = False, kinds: tuple[str, ...] = (), **options: Any) -> Session:
    """Return a session with a venue that a server plays."""
    own = {"credentials": Credentials("the-key", "the-secret")} if key else {}
    return Session(exchange(venue), connection(server, **own, **options), kinds=kinds)


def candles(one: Perpetual, first: int, last: int, kind: str = "trade", step: int = HOUR) -> pd.DataFrame:
    """Return the closed candles of a perpetual with ``first <= time < last``, as a store has them."""
    rows = [row for row in one.candles(first, last - 1, step, kind, NOW) if row[0] + step <= NOW]
    frame = pd.DataFrame(rows, columns=["timestamp", "open", "high", "low", "close", "volume"])
    return frame.drop(columns="volume") if kind == "mark" else frame


def funding(one: Perpetual, first: int, last: int) -> pd.DataFrame:
    """Return the settlements of a perpetual, on the minute."""
    frame = pd.DataFrame(one.settlements(first - 5_000, last - 1, NOW), columns=["timestamp", "funding_rate"])
    frame["timestamp"] = (frame["timestamp"] + 30_000) // 60_000 * 60_000
    return frame[(frame["timestamp"] >= first) & (frame["timestamp"] < last)].reset_index(drop=True)


def fetched(server: Any, venue: str, one: Any, store: Store, kind: str = "trade", **options: Any) -> Heard:
    """Download one kind of one symbol, and raise what went wrong."""
    heard = Heard()
    wish = Wish((one.id,), "1h", NOW - 90 * DAY, None, (kind,))
    outcome = download(store, session(server, venue, **options), wish, heard)
    for error in outcome.failures.values():
        raise error
    return heard
