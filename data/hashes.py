"""The hashes of the files that a market is read from, and whether they are those of the store's manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from backtester.errors import MarketDataError
from data.manifest import read_manifest
from data.writing import sha256_of


def hashes(places: Mapping[str, Path], names: Iterable[str]) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return the sha256 of the files that exist by symbol and name, and one sentence for each that does not fit.

    Parameters
    ----------
    places : mapping of str to Path
        Folder of each symbol.
    names : iterable of str
        Files looked for.
    """
    every = list(names)
    found, notes = {}, []
    for symbol, place in places.items():
        digests = {name: sha256_of(place / name) for name in every if (place / name).is_file()}
        found[symbol] = digests
        try:
            entries = read_manifest(place)
        except MarketDataError as error:
            notes.append(str(error))
            continue
        changed = [name for name, digest in digests.items() if name in entries and not entries[name].fits(digest)]
        notes += [f"{name} of {symbol} is not the file that the store's manifest knows" for name in changed]
    return found, notes
