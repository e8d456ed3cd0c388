"""The program that draws the panels of a page, packed: plotly takes 4.8 MB of a page as it is, and 1.9 MB so."""

from __future__ import annotations

import gzip
from base64 import b64encode
from functools import lru_cache

__all__ = ["packed_plotly"]


@lru_cache(maxsize=1)
def packed_plotly() -> str:
    """Return plotly as gzip in letters; equal versions give equal letters. `templates/unpack.js` unpacks it."""
    from plotly.offline import get_plotlyjs  # a second to load

    return b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()
