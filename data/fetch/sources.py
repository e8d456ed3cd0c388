"""Where the zips of an archive come from: an address or a folder."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Protocol

from backtester.errors import ConfigurationError
from data.fetch.client import Connection
from data.fetch.failures import explained
from data.fetch.layout import ADDRESS, KINDS, Part, part_of
from data.fetch.patience import Stopped, patiently
from data.fetch.runner import Listener


class Source(Protocol):
    """Where zips come from."""

    @property
    def name(self) -> str:
        """Return the source as a manifest says it."""

    def get(self, part: Part, ending: str, listener: Listener) -> bytes | None:
        """Return a file, None if there is none."""

    def is_sure(self, part: Part) -> bool:
        """Return whether its place tells trade from mark candles."""


class Address:
    """An archive at an address.

    Parameters
    ----------
    connection : Connection
        Its `base_url` is the address instead of the venue's own.
    stop : Event
    """

    def __init__(self, connection: Connection, stop: Event) -> None:
        import requests

        self.base = (connection.base_url or ADDRESS).rstrip("/")
        self.connection = connection
        self.stop = stop
        self.http = requests.Session()
        self.http.trust_env = False
        if connection.proxy:
            self.http.proxies = {"http": connection.proxy, "https": connection.proxy}

    @property
    def name(self) -> str:
        """The address."""
        return self.base

    def get(self, part: Part, ending: str, listener: Listener) -> bytes | None:
        """Return a file, None if there is none; asked for again where that may help."""
        address = f"{self.base}/{part.path}{ending}"

        def ask() -> bytes | None:
            response = self.http.get(address, timeout=self.connection.timeout / 1000)
            if response.status_code == 404:
                return None
            response.raise_for_status()
            return response.content

        asked = f"{part.name}{ending}"
        try:
            return patiently(ask, self.connection.patience, self.stop, lambda *told: listener.pause(asked, *told))
        except Stopped:
            raise
        except Exception as error:
            raise explained(error, part.series.venue, part.series.symbol, address) from error


    def is_sure(self, part: Part) -> bool:
        """Return True: it was asked for by its whole path."""
        return True


class Folder:
    """A folder of zips, in the archive's folders or all in one.

    Parameters
    ----------
    root : path
    venue : str
    candles : str
        Kind of candles that no folder tells: ``trade`` or ``mark``.
    """

    def __init__(self, root: Path, venue: str, candles: str) -> None:
        self.root = root.expanduser()
        if not self.root.is_dir():
            raise ConfigurationError("from", str(root), "is no folder", cure="Give the folder that the zips lie in")
        found = {path: part_of(path.parts, venue, candles) for path in sorted(self.root.rglob("*.zip"))}
        self.files = {part: path for path, part in found.items() if part is not None}
        if not self.files:
            cure = "Zips are looked for by names such as BTCUSDT-1h-2024-01.zip"
            raise ConfigurationError("from", str(root), "holds no zips of an archive", cure=cure)

    @property
    def name(self) -> str:
        """The folder's name, without the way to it."""
        return f"zips in {self.root.resolve().name}"

    def get(self, part: Part, ending: str, listener: Listener) -> bytes | None:
        """Return a file, None if there is none."""
        path = self.files.get(part)
        if path is None or not path.with_name(path.name + ending).is_file():
            return None
        return path.with_name(path.name + ending).read_bytes()

    def is_sure(self, part: Part) -> bool:
        """Return whether it lies in a folder named after its kind."""
        return bool(set(KINDS.values()).intersection(self.files[part].parts))
