"""The program that draws the panels of a page, packed: plotly takes 4.8 MB of a page as it is, and 1.9 MB so."""

from __future__ import annotations

import gzip
import hashlib
import os
from base64 import b64encode
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

__all__ = ["packed_plotly"]

LEVEL = 6  # of 9: two thirds of the time, for three thousandths more bytes


@lru_cache(maxsize=1)
def packed_plotly() -> str:
    """Return plotly as gzip in letters; equal versions give equal letters. `templates/unpack.js` unpacks it.

    Packing takes as long as drawing two charts, so the user's cache keeps it for the pages that follow.
    """
    place = _place()
    kept = _kept(place)
    if kept:
        return kept
    packed = _packed()
    with suppress(OSError):  # a cache that cannot be written costs the next page its time, nothing else
        _keep(place, packed)
    return packed


def _place() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "backtester-pages" / f"plotly-{version('plotly')}.txt"


def _packed() -> str:
    from plotly.offline import get_plotlyjs  # a while to load

    return b64encode(gzip.compress(get_plotlyjs().encode(), LEVEL, mtime=0)).decode()


def _kept(place: Path) -> str:
    """Return what the cache has, nothing if that is not what was put there."""
    try:
        digest, _, packed = place.read_text("ascii").partition("\n")
    except (OSError, ValueError):
        return ""
    return packed if digest == _digest(packed) else ""


def _keep(place: Path, packed: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        draft.write_text(f"{_digest(packed)}\n{packed}", "ascii")
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)


def _digest(packed: str) -> str:
    return hashlib.sha256(packed.encode()).hexdigest()
