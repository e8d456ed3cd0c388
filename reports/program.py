"""The program that draws the panels of a page, packed: plotly takes 4.8 MB of a page as it is, and 1.9 MB so.

Browsers take most of a page's opening to start plotly: it is compiled twice, and begins with its fifty kinds of charts,
of which the panels need the one that its core has. Both are spelt differently here, where the bundle has the form that
is known; in another form it is packed as it is, which is as good and slower.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
from base64 import b64encode
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

__all__ = ["packed_plotly", "quick"]

LEVEL = 6  # of 9: a third faster than the most, for 0.2 % more bytes
_OPENING, _CLOSING = ", () => {\n", "}));"  # of the function that holds the bundle
_REGISTER, LONGEST_NAME = ".register([", 20
_KINDS = re.compile(r"([\w$]+)\.register\(\[(?:[\w$]+\(\),?)+\]\);([\w$]+)\.exports=\1(?![\w$])")


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
    how = _digest(Path(__file__).read_text("utf-8"))[:8]  # another way to pack it makes another file
    return base / "backtester-pages" / f"plotly-{version('plotly')}-{how}.txt"


def _packed() -> str:
    from plotly.offline import get_plotlyjs  # a while to load

    return b64encode(gzip.compress(quick(get_plotlyjs()).encode(), LEVEL, mtime=0)).decode()


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


def quick(bundle: str) -> str:
    """Return plotly's bundle so that it starts soon: in brackets, and with the charts of its core alone.

    A function in brackets is compiled as it is read; without, it is skipped first and read again when it is called. The
    core draws lines and marks (`scatter`).
    """
    whole = bundle.rstrip()
    start = whole.find(_OPENING)
    if start >= 0 and whole.endswith(_CLOSING):
        inside = whole[start + len(_OPENING) : -len(_CLOSING)]
        bundle = f"{whole[:start]}, (() => {{\n{inside}}})));\n"
    last = max(bundle.rfind(_REGISTER) - LONGEST_NAME, 0)  # the expression takes half a second for all of it
    return bundle[:last] + _KINDS.sub(r"\2.exports=\1", bundle[last:], count=1)
