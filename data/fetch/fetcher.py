"""Ranges of series fetched anew, for whoever mends a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from backtester.errors import ConfigurationError
from data.fetch.client import Connection
from data.fetch.session import Session, span
from data.fetch.venues import exchange
from data.series import TIME

if TYPE_CHECKING:
    import pandas as pd

    from data.store import Series


class Fetcher:
    """Fetches ranges of series anew, whatever is held: what a repair asks for.

    >>> fetch = Fetcher()
    >>> frame = fetch(Series("bybit", "BTCUSDT", "trade", "1h"), first_ms, last_ms)

    Parameters
    ----------
    connection : Connection, optional
    """

    def __init__(self, connection: Connection | None = None) -> None:
        self.connection = connection or Connection()
        self._sessions: dict[str, Session] = {}

    def __call__(self, series: Series, first: int, last: int) -> pd.DataFrame:
        """Return the rows with ``first <= timestamp < last`` [ms UTC]; none if the venue has none.

        Raises
        ------
        DownloadError, ConfigurationError
            If the venue is not one of those that can be downloaded from, does not answer, or lacks this kind.
        """
        import pandas as pd

        there = exchange(series.venue)
        if series.kind == "tiers" or not there.has(series.kind):
            problem = f"{there.name} serves no {series.kind} history"
            raise ConfigurationError("kind", series.kind, problem, cure="Leave it out")
        if there.name not in self._sessions:
            self._sessions[there.name] = Session(there, self.connection)
        session = self._sessions[there.name]
        walk = session.walk(session.find(series.symbol), series.kind, series.timeframe)
        begin, end = span(series, first, last, session.now)
        frames = [page.rows for page in walk.pages(begin, end) if len(page.rows)]
        if not frames:
            return pd.DataFrame({name: np.empty(0, np.float64) for name in series.columns}).astype({TIME: np.int64})
        return pd.concat(frames, ignore_index=True)

    def source(self, series: Series) -> str:
        """Return where rows of a series come from, as a manifest says it."""
        there = exchange(series.venue)
        return self._sessions[there.name].source if there.name in self._sessions else f"ccxt {there.client}"
