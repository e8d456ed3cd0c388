"""Hashes of what the numbers of a run depend on: prices, the source of a strategy, the source of the engine."""

from __future__ import annotations

import hashlib
import inspect
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from backtester.errors import BacktesterError, ConfigurationError
from backtester.market import PRICES, Market

if TYPE_CHECKING:
    from backtester.strategy import Strategy

__all__ = ["LETTERS", "bytes_of", "content_of", "engine_source", "hashed", "source_of"]

LETTERS = 32
_PACKAGES = ("", "kernels", "event_driven", "stress", "bootstrap")  # that a run may go through


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


def source_of(cls: type[Strategy]) -> str:
    """Return a hash of the file of a strategy, and of those beside it that it uses.

    Raises
    ------
    ConfigurationError
        If the class is in no file.
    """
    home = sys.modules[cls.__module__]
    if getattr(home, "__file__", None) is None:
        cure = "Put it into a file of its own: my_strategy.py"
        raise ConfigurationError("strategy", cls.__qualname__, "its source is in no file", cure=cure)
    files = _beside(home, {})
    return hashed(cls.__qualname__.encode() + b"".join(files[name] for name in sorted(files)))


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
    return hashed(b"".join(file.name.encode() + file.read_bytes() for file in files))


@cache
def bytes_of(module: ModuleType) -> bytes:
    """Return the content of a module's file."""
    return Path(str(module.__file__)).read_bytes()


def hashed(content: bytes) -> str:
    """Return the hash of some bytes."""
    return hashlib.sha256(content).hexdigest()[:LETTERS]
