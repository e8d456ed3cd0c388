"""The venues that can be downloaded from, and how each of them serves its history."""

from __future__ import annotations

from typing import Any, NamedTuple

from backtester.errors import ConfigurationError

HOUR = 3_600_000  # [ms]
DAY = 24 * HOUR

Path = tuple[str, ...]


class Feed(NamedTuple):
    """How a venue serves one kind of history.

    Parameters
    ----------
    limit : int
        Most rows in a reply.
    rows : tuple of str
        Where in the reply the list of rows is: ``("result", "list")``.
    time : str
        Key of the time in a row that is an object; empty where rows are lists that begin with it, ``.`` where they are
        the times themselves.
    until : str
        Parameter that takes the last time wanted; empty where the client reckons it from the limit.
    counted : str
        Parameter that takes the limit, where the client's own would end the window too early.
    spare : int
        Rows by which a window is shorter than a reply, where the venue is vague about the ends of a window.
    longest : int
        Longest window the venue answers [ms]; 0 for any.
    whole : bool
        Whether one reply holds the whole history.
    from_listing : bool
        Whether the listing date that the venue tells bounds the history, so that nothing before it is asked for.
    note : str
        What a person should know of this history.
    """

    limit: int
    rows: Path = ()
    time: str = ""
    until: str = "until"
    counted: str = ""
    spare: int = 0
    longest: int = 0
    whole: bool = False
    from_listing: bool = False
    note: str = ""

    def window(self, step: int) -> int:
        """Return the longest time a reply can cover [ms] with a row each `step` [ms]."""
        span = (self.limit - self.spare) * step
        return min(span, self.longest) if self.longest else span


class Exchange(NamedTuple):
    """A venue that can be downloaded from.

    Parameters
    ----------
    name : str
        The venue as `backtester venues` names it, and the name of its folder in a store.
    client : str
        Name of its client in ccxt.
    aliases : tuple of str
        Other names people know it by.
    trade, funding : Feed
    mark : Feed or None
        None where the venue serves no mark candles.
    tiers : str
        How tiers are asked for: ``each`` symbol, ``all`` at once, ``risk`` parameters, ``meta``; empty if not served.
    tiers_in : str
        What the floors of the tiers count: ``quote``, ``base`` or ``contracts``.
    private_tiers : bool
        Whether tiers need an API key.
    options : dict
        Of the ccxt client: only perpetuals are loaded.
    """

    name: str
    client: str
    aliases: tuple[str, ...]
    trade: Feed
    mark: Feed | None
    funding: Feed
    tiers: str = ""
    tiers_in: str = "quote"
    private_tiers: bool = False
    options: dict[str, Any] = {}  # noqa: RUF012 - never written to

    @property
    def account(self) -> str:
        """Name under which its API key is looked up: one account has both kinds of Binance's contracts."""
        return "binance" if self.name.startswith("binance") else self.name

    def feed(self, kind: str) -> Feed | None:
        """Return how ``trade``, ``mark`` or ``funding`` is served."""
        feeds: dict[str, Feed | None] = {"trade": self.trade, "mark": self.mark, "funding": self.funding}
        return feeds[kind]

    def has(self, kind: str) -> bool:
        """Return whether the venue serves a kind at all."""
        return bool(self.tiers) if kind == "tiers" else self.feed(kind) is not None


_BYBIT = ("result", "list")
_CRYPTO_COM = ("result", "data")
_OKX_FUNDING = "okx keeps some three months of funding"

EXCHANGES = (
    Exchange(
        name="binance",
        client="binanceusdm",
        aliases=("binance_usdm", "binance_futures"),
        trade=Feed(1000),
        mark=Feed(1000),
        funding=Feed(1000, time="fundingTime", from_listing=True),
        tiers="all",
        private_tiers=True,
    ),
    Exchange(
        name="binance_coinm",
        client="binancecoinm",
        aliases=("binance_coin",),
        trade=Feed(1000, longest=199 * DAY),
        mark=Feed(1000, longest=199 * DAY),
        funding=Feed(1000, time="fundingTime", from_listing=True),
        tiers="all",
        tiers_in="base",
        private_tiers=True,
    ),
    Exchange(
        name="bybit",
        client="bybit",
        aliases=(),
        trade=Feed(1000, _BYBIT),
        mark=Feed(1000, _BYBIT),
        funding=Feed(200, _BYBIT, "fundingRateTimestamp", from_listing=True),
        tiers="each",
        options={"fetchMarkets": {"types": ["linear", "inverse"]}},
    ),
    Exchange(
        name="okx",
        client="okx",
        aliases=("okex",),
        trade=Feed(300, ("data",), until=""),
        mark=Feed(100, ("data",), until=""),
        funding=Feed(100, ("data",), "fundingTime", until="after", from_listing=True, note=_OKX_FUNDING),
        tiers="each",
        tiers_in="contracts",
        options={"fetchMarkets": {"types": ["swap"]}},
    ),
    Exchange(
        name="kraken",
        client="krakenfutures",
        aliases=("kraken_futures",),
        trade=Feed(2000, ("candles",), "time", until=""),
        mark=Feed(2000, ("candles",), "time", until=""),
        funding=Feed(1, ("rates",), "timestamp", until="", whole=True),
        tiers="all",
        tiers_in="contracts",
    ),
    Exchange(
        name="crypto_com",
        client="cryptocom",
        aliases=("crypto.com",),
        trade=Feed(300, _CRYPTO_COM, "t", counted="count", spare=2),
        mark=None,
        funding=Feed(100, _CRYPTO_COM, "t"),
        tiers="risk",
        tiers_in="base",
    ),
    Exchange(
        name="coinbase",
        client="coinbaseinternational",
        aliases=("coinbase_international", "coinbase_intx"),
        trade=Feed(1000, ("result", "ticks"), ".", until=""),
        mark=None,
        funding=Feed(700, ("result",), "timestamp"),
    ),
    Exchange(
        name="hyperliquid",
        client="hyperliquid",
        aliases=(),
        trade=Feed(5000, time="t", note="hyperliquid keeps the last 5,000 candles of each timeframe"),
        mark=None,
        funding=Feed(500, time="time"),
        tiers="meta",
        options={"fetchMarkets": {"types": ["swap"]}},
    ),
)


def exchange(name: str) -> Exchange:
    """Return a venue by any of its names: ``kraken``, ``krakenfutures``, ``Crypto.com``.

    Raises
    ------
    ConfigurationError
        With the nearest names, if it is none of them.
    """
    asked = name.strip().lower().replace("-", "_").replace(" ", "_")
    for each in EXCHANGES:
        if asked in (each.name, each.client, *each.aliases):
            return each
    names = sorted({known for each in EXCHANGES for known in (each.name, each.client)})
    raise ConfigurationError("exchange", name, "is no venue that can be downloaded from", allowed=names)
