"""The key of a run: a hash of everything that its numbers depend on."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from backtester._foreign import import_ours
from backtester.batch.plan import Plan, Run
from backtester.batch.shared import Shared
from backtester.errors import BacktesterError
from backtester.market import PRICES, Market
from backtester.wanted import SYNTHETIC, Wanted

if TYPE_CHECKING:
    from backtester.strategy import Strategy

__all__ = ["Keys", "content_of", "engine_source"]

LETTERS = 32
_PACKAGES = ("", "kernels", "event_driven", "stress", "bootstrap")  # that a run may go through


class Keys:
    """Keys of the runs of a plan: data, source of the strategy, settings, rules of the venue, and engine.

    Parameters
    ----------
    plan : Plan
    shared : Shared
        Where the markets are.
    """

    def __init__(self, plan: Plan, shared: Shared) -> None:
        self._shared = shared
        self._about = [engine_source(), plan.metrics, plan.check, plan.store_facts, plan.strict]
        self._data: dict[str, str] = {}
        self._rules: dict[tuple[str, str], str] = {}

    def on(self, wanted: Wanted, strategy: str) -> Callable[[Run], str]:
        """Return the function from a run of a strategy on a market to its key."""
        about = [*self._about, self._data_of(wanted), _source_of(strategy)]
        shared = hashlib.sha256(repr(about).encode())
        rules: dict[str, str] = {}

        def key(run: Run) -> str:
            venue = run["venue"]
            if venue not in rules:
                rules[venue] = self._rules_of(venue, wanted)
            digest = shared.copy()
            digest.update(f"{rules[venue]} {run}".encode())
            return digest.hexdigest()[:LETTERS]

        return key

    def _data_of(self, wanted: Wanted) -> str:
        name = repr(wanted)
        if name not in self._data:
            self._data[name] = _recipe(wanted) if wanted.market == SYNTHETIC else self._content(wanted)
        return self._data[name]

    def _content(self, wanted: Wanted) -> str:
        try:
            return content_of(self._shared.market(wanted))
        except BacktesterError as error:  # its runs fail with this, and are tried again
            return str(error)

    def _rules_of(self, venue: str, wanted: Wanted) -> str:
        name = (venue, repr(wanted))
        if name not in self._rules:
            self._rules[name] = _hash(repr(self._shared.venue(venue, wanted)).encode())
        return self._rules[name]


def content_of(market: Market) -> str:
    """Return a hash of all prices, fundings and times of a market and of its detail."""
    digest = hashlib.sha256(repr((market.symbols, market.mark_is_trade.tolist())).encode())
    columns = (market.open_time, *(getattr(market, name) for name in PRICES), *market.funding)
    for array in {id(column): column for column in columns}.values():  # trade and mark may be the same
        digest.update(repr((array.shape, array.dtype)).encode())
        digest.update(np.ascontiguousarray(array.T).data)
    if market.detail is not None:
        digest.update(content_of(market.detail).encode())
    return digest.hexdigest()[:LETTERS]


def _recipe(wanted: Wanted) -> str:
    """Return a hash of what a synthetic market is made from: it need not be made to know its key."""
    modules = [sys.modules[f"data.{name}"] for name in ("synthetic", "processes")] if import_ours("data") else []
    return _hash(repr(wanted).encode() + b"".join(map(_bytes_of, modules)))


@cache
def _source_of(strategy: str) -> str:
    """Return a hash of the file of a strategy, and of those beside it that it uses."""
    cls: type[Strategy] = import_ours("strategies").load_class(strategy)
    home = sys.modules[cls.__module__]
    files = _beside(home, {})
    return _hash(cls.__qualname__.encode() + b"".join(files[name] for name in sorted(files)))


def _beside(module: ModuleType, found: dict[str, bytes]) -> dict[str, bytes]:
    """Return the content of a module's file and of those in its folder that it uses, by name."""
    place = Path(str(module.__file__))
    if place.name in found:
        return found
    found[place.name] = place.read_bytes()
    for value in vars(module).values():
        other = value if isinstance(value, ModuleType) else sys.modules.get(getattr(value, "__module__", None) or "")
        file = getattr(other, "__file__", None)
        if other is not None and file and Path(file).parent == place.parent and Path(file).name != "__init__.py":
            _beside(other, found)
    return found


@cache
def engine_source() -> str:
    """Return a hash of the modules that a run goes through; those of commands and batches are not among them."""
    home = Path(inspect.getfile(BacktesterError)).parent
    files = [file for name in _PACKAGES for file in sorted((home / name).glob("*.py"))]
    return _hash(b"".join(file.name.encode() + file.read_bytes() for file in files))


@cache
def _bytes_of(module: ModuleType) -> bytes:
    return Path(str(module.__file__)).read_bytes()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:LETTERS]
