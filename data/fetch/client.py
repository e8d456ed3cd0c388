"""The ccxt client of a venue, made fit for unattended use.

Its own class is kept; five of its methods are overridden. A reply that is not JSON is an error and never an empty
history. The reply as it came is kept for whoever checks its form. The clock is the venue's. Requests of several
threads keep the venue's distance. And addresses can be those of another host.
"""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from backtester.errors import ConfigurationError
from data.fetch.credentials import Credentials
from data.fetch.failures import BadReply, one_line
from data.fetch.patience import Patience
from data.fetch.venues import Exchange, Feed

RESOLUTION = 2_000  # [ms] of the time in a reply's header, with the way it went
_HOST = re.compile(r"^https?://[^/]+")
_ADDRESS = re.compile(r"https?://[^/\s]+[^\s]*")
_PROXY = re.compile(r"(https?|socks5h?|socks4)://[^/\s]+/?")


@dataclass(frozen=True)
class Connection:
    """How to reach a venue.

    Parameters
    ----------
    base_url : str
        Host to ask instead of the venue's own: ``http://127.0.0.1:8000``. Paths stay.
    proxy : str
        ``http://host:port`` or ``socks5://host:port``. Proxies named in the environment are not used.
    pause : int or None [ms]
        Least time between two requests of weight one; None for the venue's own limit.
    timeout : int [ms]
        Longest wait for a reply.
    patience : Patience
    credentials : Credentials or None
    """

    base_url: str = ""
    proxy: str = ""
    pause: int | None = None
    timeout: int = 30_000
    patience: Patience = field(default_factory=Patience)
    credentials: Credentials | None = None

    def __post_init__(self) -> None:
        if self.base_url and not _ADDRESS.fullmatch(self.base_url):
            raise ConfigurationError("base_url", self.base_url, "is no address", cure="Write http://127.0.0.1:8000")
        if self.proxy and not _PROXY.fullmatch(self.proxy):
            cure = "Write http://host:port or socks5://host:port"
            raise ConfigurationError("proxy", self.proxy, "is no address of a proxy", cure=cure)
        if self.pause is not None and self.pause < 0:
            raise ConfigurationError("pause", self.pause, "is negative", allowed="0 or more milliseconds")


def make_client(exchange: Exchange, connection: Connection) -> Any:
    """Return the ccxt client of a venue; nothing is asked of the venue yet."""
    import ccxt

    settings: dict[str, Any] = {"timeout": connection.timeout, "enableRateLimit": True}
    if connection.credentials is not None:
        settings |= {"apiKey": connection.credentials.key, "secret": connection.credentials.secret}
    client = _careful(getattr(ccxt, exchange.client))(settings)
    client.has["fetchCurrencies"] = False  # nothing of it is needed, and some venues want a key for it
    client.options = client.deep_extend(client.options, exchange.options)
    client.session.trust_env = False
    if connection.proxy:
        client.proxies = {"http": connection.proxy, "https": connection.proxy}
    if connection.pause is not None:
        client.rateLimit = connection.pause
    if connection.base_url:
        client.urls["api"] = moved(client.urls["api"], connection.base_url.rstrip("/"))
    return client


def moved(addresses: Any, base: str) -> Any:
    """Return addresses, nested as they are, at another host."""
    if isinstance(addresses, dict):
        return {name: moved(address, base) for name, address in addresses.items()}
    return _HOST.sub(base, addresses) if isinstance(addresses, str) else addresses


def check_rows(client: Any, feed: Feed) -> None:
    """Look at the last reply to this thread: ccxt makes no rows, and no error, of what it does not find.

    Raises
    ------
    BadReply
        If there is no list of rows in its place, or a row has no time in its place.
    """
    found = reply = client.replies.last
    for key in feed.rows:
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, list):
        where = ".".join(feed.rows) or "the reply"
        raise BadReply(f"{where} should be a list of rows; {one_line(json.dumps(reply), 120)} came")
    for row in found:
        if not _has_time(row, feed.time):
            raise BadReply(f"a row has no time: {one_line(json.dumps(row), 120)}")


def _has_time(row: Any, key: str) -> bool:
    if key == ".":
        return isinstance(row, int | float)
    if key:
        return isinstance(row, dict) and isinstance(row.get(key), int | float | str)
    return isinstance(row, list) and len(row) > 0 and isinstance(row[0], int | float | str)


def _careful(base: Any) -> Any:
    """Return the class of a client with what is overridden."""

    class Careful(base):  # type: ignore[misc]
        def __init__(self, config: dict[str, Any]) -> None:
            self.replies = threading.local()
            self.skew: int | None = None  # [ms] the venue's clock less ours, None until it answered
            self._turn = threading.Lock()
            self._next = 0.0
            super().__init__(config)

        def fetch(self, *arguments: Any, **options: Any) -> Any:
            self.replies.last = super().fetch(*arguments, **options)
            return self.replies.last

        def on_rest_response(
            self, code: int, reason: str, url: str, method: str, headers: Any, body: str, *rest: Any
        ) -> str:
            if self.skew is None:
                self.skew = _skew(headers)
            if code < 300:
                _check_json(body)
            return str(super().on_rest_response(code, reason, url, method, headers, body, *rest))

        def throttle(self, cost: float | None = None) -> None:
            distance = self.rateLimit * (1 if cost is None else cost) / 1000  # [s]
            with self._turn:
                now = time.monotonic()
                mine = max(now, self._next)
                self._next = mine + distance
            time.sleep(max(0.0, mine - now))

        def milliseconds(self) -> int:
            return time.time_ns() // 1_000_000 + (self.skew or 0)

        def microseconds(self) -> int:
            return self.milliseconds() * 1_000

        def seconds(self) -> int:
            return self.milliseconds() // 1_000

    Careful.__name__ = base.__name__
    return Careful


def _check_json(body: str) -> None:
    try:
        value = json.loads(body)
    except ValueError as error:
        raise BadReply(f"it is no JSON ({one_line(str(error), 60)}): {one_line(body, 80) or 'nothing'}") from error
    if not isinstance(value, dict | list):
        raise BadReply(f"it is neither an object nor a list: {one_line(body, 80)}")


def _skew(headers: Any) -> int:
    """Return the clock of a reply less ours [ms], 0 if they agree as far as that tells."""
    try:
        told = parsedate_to_datetime(headers["Date"]).timestamp() + float(headers.get("Age", 0))
    except (KeyError, ValueError, TypeError):
        return 0
    skew = round((told - time.time()) * 1000)
    return skew if abs(skew) > RESOLUTION else 0
