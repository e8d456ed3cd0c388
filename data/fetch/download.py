"""From a venue into a store: only what is missing, several symbols at a time, safe to be stopped at any moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from backtester.errors import ConfigurationError
from backtester.times import step
from data.fetch import markets
from data.fetch.history import REACH
from data.fetch.pager import Page
from data.fetch.patience import Stopped
from data.fetch.ranges import Nothing, Range, held, joined, without
from data.fetch.runner import Listener, Outcome, complete, run
from data.fetch.session import Session, span
from data.fetch.venues import DAY
from data.store import Entry, Series, Store

KINDS = ("trade", "mark", "funding", "tiers")
UNSURE = 30 * DAY  # [ms] that a listing date may be late: Binance's of BTCUSDT is by 17 days


class Wish(NamedTuple):
    """What is to be had.

    Parameters
    ----------
    symbols : tuple of str
        In any notation; empty for every perpetual that is traded.
    timeframe : str
    first : int [ms UTC]
    last : int or None [ms UTC]
        Rows with ``first <= time < last``; None for all there are. Bars that are not closed are left out.
    kinds : tuple of str
    """

    symbols: tuple[str, ...]
    timeframe: str
    first: int
    last: int | None = None
    kinds: tuple[str, ...] = KINDS[:3]


def check_wish(wish: Wish) -> None:
    """Refuse what cannot be asked for at any venue."""
    unknown = [kind for kind in wish.kinds if kind not in KINDS]
    if unknown or not wish.kinds:
        raise ConfigurationError("kinds", ",".join(wish.kinds), "is no list of kinds of data", allowed=KINDS)
    if wish.last is not None and wish.last <= wish.first:
        cure = "Rows with since <= time < until come"
        raise ConfigurationError("until", wish.last, "is not after --since", cure=cure)
    step(wish.timeframe)


def download(store: Store, session: Session, wish: Wish, listener: Listener, *, parallel: int = 4) -> Outcome:
    """Bring what is missing of some symbols from a venue into a store.

    Parameters
    ----------
    store : Store
    session : Session
    wish : Wish
    listener : Listener
    parallel : int
        Series at a time; together they keep the venue's distance between requests.

    Raises
    ------
    DownloadError, ConfigurationError
        Before anything is fetched, for a symbol or timeframe that the venue does not have.
    KeyboardInterrupt
        After what has come was merged.
    """
    check_wish(wish)
    session.check_timeframe(wish.timeframe)
    found = [session.find(symbol) for symbol in wish.symbols]
    chosen = list(dict.fromkeys(found)) if wish.symbols else [one for one in session.listed if one.active]
    for one in chosen:
        if not one.active:
            listener.note(f"{one.folder} is not traded at {session.exchange.name} now: its history may end early")
    kinds = _served(session, wish, listener)
    markets.write(store.root / session.exchange.name, session.snapshot())
    jobs = [History(store, session, one, _series(session, one, kind, wish), wish) for one in chosen for kind in kinds]
    return run(jobs, listener, session.stop, parallel)


def _served(session: Session, wish: Wish, listener: Listener) -> list[str]:
    """Return the kinds that the venue has, and say which it has not."""
    there = session.exchange
    lacking = {
        "mark": f"{there.name} serves no mark candles: a run on this data takes the trade candles for it, and says so",
        "tiers": f"{there.name} serves no tiers",
    }
    for kind in wish.kinds:
        feed = None if kind == "tiers" else there.feed(kind)
        if not there.has(kind):
            listener.note(lacking[kind])
        elif feed is not None and feed.note:
            listener.note(feed.note)
    return [kind for kind in KINDS if kind in wish.kinds and there.has(kind)]


def _series(session: Session, market: markets.Listed, kind: str, wish: Wish) -> Series:
    timeframe = wish.timeframe if kind in ("trade", "mark") else ""
    return Series(session.exchange.name, market.folder, kind, timeframe)


class History(NamedTuple):
    """The job to complete one series from a venue."""

    store: Store
    session: Session
    market: markets.Listed
    series: Series
    wish: Wish

    def run(self, listener: Listener) -> tuple[int, Entry | None]:
        """Fetch what is missing, page by page, and return how many rows came and what the manifest says then."""
        pages = self._tiers() if self.series.kind == "tiers" else self._history(listener)
        return complete(self.store, self.series, pages)

    def _tiers(self) -> Iterator[int]:
        """Keep the tiers of now if they are not those that are held."""
        new = self.session.tiers(self.market)
        if self.store.span(self.series) is not None:
            there = self.store.read(self.series)
            last = there[there["timestamp"] == there["timestamp"].max()]
            same = set(last.columns) == set(new.columns)
            if same and np.array_equal(last[new.columns[1:]].to_numpy(), new.iloc[:, 1:].to_numpy()):
                return
        self.store.add_page(self.series, new, self.session.source)
        yield len(new)

    def _history(self, listener: Listener) -> Iterator[int]:
        first, last = span(self.series, self._earliest(), self.wish.last, self.session.now)
        nothing = Nothing(self.store.path(self.series))
        todo = without([(first, last)], [*self._held(), *(nothing.ranges if self._held() else [])])
        listener.begin(self.series, sum(end - begin for begin, end in todo))
        walk = self.session.walk(self.market, self.series.kind, self.series.timeframe)
        done = 0
        for begin, end in todo:
            for page in walk.pages(begin, end):
                self._keep(page, nothing)
                done += page.last - page.first
                listener.page(self.series, len(page.rows), done)
                yield len(page.rows)
                if self.session.stop.is_set():
                    raise Stopped
        nothing.keep(without(nothing.ranges, self._held()))

    def _earliest(self) -> int:
        """Return the first time worth asking for: candles are found by days, funding has no coarser form to look at."""
        since = self.market.since
        if self.series.kind != "funding" or not self.session.exchange.funding.from_listing or since is None:
            return self.wish.first
        return max(self.wish.first, since - UNSURE)

    def _keep(self, page: Page, nothing: Nothing) -> None:
        """Write a page, then what is not in it; the last day may yet come and is asked for again."""
        length, reach = self._lengths()
        if len(page.rows):
            self.store.add_page(self.series, page.rows, self.session.source)
        settled = self.session.now - max(DAY, 2 * length)
        empty = without([(page.first, min(page.last, settled))], held(page.rows["timestamp"].to_numpy(), length, reach))
        nothing.keep(joined([*nothing.ranges, *empty]))

    def _held(self) -> list[Range]:
        if self.store.span(self.series) is None:
            return []
        return held(self.store.read(self.series)["timestamp"].to_numpy(), *self._lengths())

    def _lengths(self) -> tuple[int, int]:
        """Return what a row covers and how far it is to the next [ms]."""
        size = step(self.series.timeframe) // 1_000_000 if self.series.timeframe else 0
        return (size, size) if size else (1, REACH)
