"""What goes wrong at a venue: which failures pass, how long to wait, and what is said of the others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from time import time

from backtester.errors import BacktesterError, nearest
from backtester.symbols import listed, parse

LINE = 160  # characters shown of a reply
BUSY = (408, 418, 425, 429)  # HTTP statuses below 500 that pass
_SECRET = re.compile(r"(?i)((?:signature|api-?key|secret|token)['\"]?\s*[=:]\s*['\"]?)[^\s&'\",}]+")


class DownloadError(BacktesterError):
    """Data could not be had from a venue or an archive.

    Parameters
    ----------
    venue : str
    symbol : str
        Empty where it is about all of them.
    asked : str
        What was asked for.
    reply : str
        What came back.
    cure : str
        What to do.
    everywhere : bool
        Whether other symbols of the venue would fail alike.
    """

    def __init__(
        self, venue: str, symbol: str, asked: str, reply: str, cure: str, *, everywhere: bool = False
    ) -> None:
        self.venue = venue
        self.symbol = symbol
        self.asked = asked
        self.reply = one_line(reply)
        self.cure = cure
        self.everywhere = everywhere
        who = f"{venue} {symbol}".rstrip()
        super().__init__(f"{who}: asked for {asked}; {self.reply.rstrip('.')}. {cure.rstrip('.')}.")


class BadReply(Exception):
    """A reply arrived but is not what the venue documents; ``str(error)`` says what came."""


def one_line(text: str, width: int = LINE) -> str:
    """Return a text on one line, without keys and signatures, cut to `width` characters."""
    flat = _SECRET.sub(r"\1...", " ".join(text.split()))
    return flat if len(flat) <= width else flat[: width - 4].rstrip() + " ..."


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it came from."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status behind an error, None if none came."""
    for each in chain(error):
        response = getattr(each, "response", None)
        if response is not None:
            return int(response.status_code)
    return None


def told_to_wait(error: BaseException) -> float | None:
    """Return the seconds that a reply asks to wait (``Retry-After``), None if it does not."""
    for each in chain(error):
        headers = getattr(getattr(each, "response", None), "headers", None) or {}
        said = headers.get("Retry-After")
        if not said:
            continue
        if said.strip().replace(".", "", 1).isdigit():
            return float(said)
        try:
            return max(0.0, parsedate_to_datetime(said).timestamp() - time())
        except ValueError:
            return None
    return None


def passes(error: BaseException) -> bool:
    """Return whether the same question may be answered a little later."""
    import ccxt
    import requests

    if isinstance(error, BadReply):
        return True
    status = status_of(error)
    if status is not None:
        return status >= 500 or status in BUSY
    if isinstance(error, ccxt.InvalidNonce):
        return False
    if isinstance(error, ccxt.NetworkError):
        return True
    kinds = requests.exceptions
    broken = (kinds.ConnectionError, kinds.Timeout, kinds.ChunkedEncodingError, kinds.ContentDecodingError)
    links = [each for each in chain(error) if isinstance(each, requests.RequestException)]
    return bool(links) and isinstance(links[0], broken) and not isinstance(links[0], kinds.SSLError)


def explained(error: Exception, venue: str, symbol: str, asked: str) -> DownloadError:
    """Return what is said of a failure that did not pass."""
    status = status_of(error)
    if isinstance(error, BadReply):
        reply = f"the reply cannot be read: {error}"
    else:
        reply = f"it answered HTTP {status}: {_said(error)}" if status else f"it failed: {_said(error)}"
    cure, everywhere = _cure(error, status)
    return DownloadError(venue, symbol, asked, reply, cure, everywhere=everywhere)


def _cure(error: Exception, status: int | None) -> tuple[str, bool]:
    """Return what to do about a failure, and whether other symbols of the venue would fail alike."""
    import ccxt

    if isinstance(error, BadReply):
        return "The venue's format may have changed, or something on the way answers in its place: try again", False
    if isinstance(error, ccxt.BadSymbol):
        return "Look the symbol up at the venue; delisted ones may be left in its archive", False
    if isinstance(error, ccxt.InvalidNonce):
        return "Set this machine's clock: a signed request with the wrong time is refused", True
    if isinstance(error, ccxt.AuthenticationError):
        return "Check the API key and that it may read futures", True
    if status in (403, 451) or isinstance(error, ccxt.RestrictedLocation):
        return "The venue does not serve this place or address: go through a proxy that it serves (--proxy)", True
    if status in BUSY:
        return "Wait some minutes, ask for fewer series at a time (--parallel 1) or more slowly (--pause 1000)", True
    if "SOCKS" in _said(error):
        return "Install what SOCKS proxies need: pip install pysocks", True
    if passes(error):
        cure = "Check the network, the proxy and the venue's status page; the same command goes on from here"
        return cure, status is None
    return "Read what the venue says of it; report it if it makes no sense", False


def what_happened(error: BaseException) -> str:
    """Return a failure in a few words: ``HTTP 429``, ``no answer in time``."""
    import ccxt

    status = status_of(error)
    if status is not None:
        return f"HTTP {status}"
    if isinstance(error, BadReply):
        return f"the reply cannot be read: {error}"
    return "no answer in time" if isinstance(error, ccxt.RequestTimeout) else _said(error)


def unknown_symbol(venue: str, asked: str, names: list[str]) -> DownloadError:
    """Return what is said of a symbol that a venue does not have."""
    name = parse(asked)
    near = nearest(asked, names) or nearest(name.base + name.quote, names) or nearest(name.base, names)
    reply = f"it lists {len(names):,} perpetuals, and none fits"
    if not near:
        reply += f": {listed(names, 8)}"
    cure = f"Perhaps you mean {' or '.join(near)}" if near else "Choose one of those"
    return DownloadError(venue, asked, "its perpetual", reply, cure + "; delisted ones may be left in an archive")


def _said(error: BaseException) -> str:
    """Return what the deepest reply behind an error says."""
    for each in chain(error):
        body = getattr(getattr(each, "response", None), "text", "")
        if body and body.strip():
            return one_line(body)
    root = list(chain(error))[-1]
    return one_line(f"{type(root).__name__}: {root}" if str(root) else type(root).__name__)
