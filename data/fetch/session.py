"""A venue in use: its client, its perpetuals, and requests that are made again where that may help."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from backtester.errors import BacktesterError, ConfigurationError
from backtester.text import moment
from backtester.times import step
from data.fetch import markets
from data.fetch.client import Connection, make_client
from data.fetch.failures import explained
from data.fetch.history import candle_walk, funding_walk
from data.fetch.pager import Walk
from data.fetch.patience import Stopped, patiently
from data.fetch.tiers import check_key, tier_table
from data.fetch.venues import DAY, Exchange

if TYPE_CHECKING:
    import pandas as pd

    from data.store import Series

T = TypeVar("T")
OnPause = Callable[[str, BaseException, float], None]


def _silent(asked: str, error: BaseException, pause: float) -> None:
    pass


class Session:
    """A venue that was reached.

    Parameters
    ----------
    exchange : Exchange
    connection : Connection
    stop : Event, optional
        Set by whoever wants no more; waiting then ends at once.
    on_pause : callable, optional
        Told what was asked for, the error and the pause [s] before a request is made again.
    kinds : collection of str
        Kinds that will be asked for: what needs a key is refused at once without one.

    Raises
    ------
    DownloadError, ConfigurationError
        If the venue does not answer, or a key is missing.
    """

    def __init__(
        self,
        exchange: Exchange,
        connection: Connection,
        *,
        stop: Event | None = None,
        on_pause: OnPause = _silent,
        kinds: tuple[str, ...] = (),
    ) -> None:
        self.exchange = exchange
        self.connection = connection
        self.stop = stop or Event()
        self.on_pause = on_pause
        self.client = make_client(exchange, connection)
        if "tiers" in kinds:
            check_key(exchange, self.client)
        self.call("", "its list of markets", self._load)
        self.listed = markets.perpetuals(self.client, exchange)

    @property
    def now(self) -> int:
        """The venue's time [ms UTC]."""
        return int(self.client.milliseconds())

    @property
    def skew(self) -> int:
        """The venue's clock less ours [ms]; 0 if they agree."""
        return int(self.client.skew or 0)

    def call(self, symbol: str, asked: str, ask: Callable[[], T]) -> T:
        """Return the answer to a request that is made again where that may help.

        Raises
        ------
        DownloadError
            Saying venue, symbol, what was asked for, what came back and what to do.
        Stopped
            If somebody asked to stop.
        """
        try:
            on_pause = partial(self.on_pause, f"{symbol} {asked}".strip())
            return patiently(ask, self.connection.patience, self.stop, on_pause)
        except (BacktesterError, Stopped):
            raise
        except Exception as error:
            raise explained(error, self.exchange.name, symbol, asked) from error

    def find(self, symbol: str) -> markets.Listed:
        """Return the perpetual that a symbol in any notation names."""
        return markets.find(symbol, self.listed, self.exchange)

    def check_timeframe(self, timeframe: str) -> None:
        """Refuse a timeframe that the venue does not serve or whose bars do not begin with the day."""
        served = [each for each in self.client.timeframes or {} if each[-1] in "smhd" and step(each) <= DAY * 1_000_000]
        if timeframe not in served:
            problem = f"is no timeframe up to a day that {self.exchange.name} serves"
            raise ConfigurationError("timeframe", timeframe, problem, allowed=served)

    def walk(self, market: markets.Listed, kind: str, timeframe: str) -> Walk:
        """Return the walk through a history."""

        def call(what: str, first: int, last: int, ask: Callable[[], T]) -> T:
            return self.call(market.folder, f"{what} from {told(first)} to {told(last)} UTC", ask)

        if kind == "funding":
            return funding_walk(self.client, self.exchange, market.symbol, call)
        return candle_walk(self.client, self.exchange, market.symbol, kind, timeframe, call)

    def tiers(self, market: markets.Listed) -> pd.DataFrame:
        """Return the tiers of now."""
        return self.call(market.folder, "tiers", lambda: tier_table(self.client, self.exchange, market))

    def snapshot(self) -> dict[str, Any]:
        """Return what the venue says of its markets."""
        return markets.snapshot(self.client, self.exchange, self.now)

    @property
    def source(self) -> str:
        """Where rows come from, as a manifest says it."""
        at = f" at {self.connection.base_url}" if self.connection.base_url else ""
        return f"ccxt {self.exchange.client}{at}"

    def _load(self) -> None:
        import ccxt

        from data.fetch.failures import BadReply

        try:
            self.client.load_markets()
        except (ccxt.BaseError, BadReply):
            raise
        except Exception as error:  # whatever breaks in a parser
            raise BadReply(f"the markets have another form ({type(error).__name__}: {error})") from error
        if not any(market.get("swap") for market in self.client.markets.values()):
            self.client.markets = None
            raise BadReply("there is no perpetual among its markets")


def span(series: Series, first: int, last: int | None, now: int) -> tuple[int, int]:
    """Return the range that can be asked for [ms UTC]: whole bars of the timeframe that are closed by now."""
    size = step(series.timeframe) // 1_000_000 if series.timeframe else 1
    closed = now // size * size
    return -(-first // size) * size, closed if last is None else min(last, closed)


def told(time: int) -> str:
    """Return a time [ms UTC] as people read it."""
    return moment(time * 1_000_000)
