"""Servers on loopback that are closed after the test, and an environment that cannot reach further."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from data.store import Store
from tests.data.fetch.formats import VENUES
from tests.data.fetch.loopback import Answer, Server
from tests.data.fetch.world import NOW, Perpetual


@pytest.fixture(autouse=True)
def no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name a proxy that is not there: whoever heeds the environment fails."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy", "BINANCE_API_KEY", "BINANCE_API_SECRET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Return a function that starts a server for an answer."""
    servers: list[Server] = []

    def start(answer: Answer, now: int | None = NOW) -> Server:
        servers.append(Server(answer, now))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def play(serve: Callable[..., Server]) -> Callable[..., tuple[Server, Perpetual]]:
    """Return a function that starts a venue: the server and its first perpetual, changed as told."""

    def start(venue: str, *others: Perpetual, **changes: Any) -> tuple[Server, Perpetual]:
        make, one = VENUES[venue]
        one = replace(one, **changes)
        return serve(make([one, *others], NOW)), one

    return start


@pytest.fixture
def store(tmp_path: Any) -> Store:
    return Store(tmp_path / "store")
