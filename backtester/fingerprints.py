"""Hashes of what the numbers of a run depend on: prices and the source of the engine. See `sources` for strategies."""

from __future__ import annotations

import hashlib
import inspect
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy as np

from backtester.errors import BacktesterError
from backtester.market import PRICES, Market

__all__ = ["LETTERS", "bytes_of", "content_of", "engine_files", "engine_source", "hashed"]

LETTERS = 32
_PACKAGES = (  # that a run may go through
    "", "asking", "bootstrap", "comparing", "event_driven", "explaining", "kernels", "market_parts", "running",
    "scenario_parts", "stress", "venue_parts", "walk_forward",
)  # fmt: skip
_LIBRARIES = ("numba", "numpy", "pandas")  # whose versions may change the last digit of a number


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


@cache
def engine_source() -> str:
    """Return a hash of the modules that a run goes through, not those of commands and batches, and of libraries."""
    versions = " ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return hashed(versions.encode() + b"".join(file.name.encode() + file.read_bytes() for file in engine_files()))


def engine_files() -> list[Path]:
    """Return the modules that a run goes through."""
    home = Path(inspect.getfile(BacktesterError)).parent
    return [file for name in _PACKAGES for file in sorted((home / name).glob("*.py"))]


@cache
def bytes_of(module: ModuleType) -> bytes:
    """Return the content of a module's file."""
    return Path(str(module.__file__)).read_bytes()


def hashed(content: bytes) -> str:
    """Return the hash of some bytes."""
    return hashlib.sha256(content).hexdigest()[:LETTERS]
