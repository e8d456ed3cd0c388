"""What a folder of market data holds: ``<SYMBOL>/<timeframe>-trade.parquet``, ``-mark`` and ``funding``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from backtester.errors import MarketDataError, nearest
from backtester.symbols import listed, parse, same
from backtester.times import step

_CANDLES = re.compile(r"(\d+[smhdw])-(trade|mark)\.parquet")


class Listing(NamedTuple):
    """What there is of one symbol: timeframes of trade and mark candles, and whether funding."""

    trade: tuple[str, ...]
    mark: tuple[str, ...]
    funding: bool


def available(folder: str | Path, *, venue: str | None = None) -> dict[str, Listing]:
    """Return what a venue's folder holds, by symbol.

    Parameters
    ----------
    folder : path
        Folder of a venue, or with `venue` the folder above it.
    venue : str, optional
        Name of the venue's folder.

    Raises
    ------
    MarketDataError
        If the folder is missing or holds no candles; the message says what is there.
    """
    root = venue_folder(folder, venue)
    listings = {place.name: _listing(place) for place in sorted(root.iterdir()) if place.is_dir()}
    return {symbol: listing for symbol, listing in listings.items() if listing.trade}


def venue_folder(folder: str | Path, venue: str | None = None) -> Path:
    """Return the folder whose sub-folders are symbols."""
    root = Path(folder).expanduser()
    if root.is_file():
        raise MarketDataError(f"{root} is a file", cure="Give the folder above the symbols, and symbol and timeframe")
    if not root.is_dir():
        raise _missing(root, "the folder of the market data does not exist", root.parent)
    if venue is not None and root.name != venue:
        if not (root / venue).is_dir():
            raise _missing(root / venue, f"there is no folder for the venue {venue}", root)
        root = root / venue
    places = [place for place in sorted(root.iterdir()) if place.is_dir()]
    if any(_listing(place).trade for place in places):
        return root
    if _listing(root).trade:
        raise MarketDataError(f"the folder {root} is that of one symbol", cure=f"Give the one above: {root.parent}")
    venues = [place.name for place in places if any(_listing(p).trade for p in place.iterdir() if p.is_dir())]
    raise MarketDataError(
        f"the folder {root} holds {'venues, not symbols' if venues else 'no candles'}: "
        + (listed(venues) or listed(place.name for place in root.iterdir()) or "it is empty"),
        cure=f'Name one of them, e.g. venue="{venues[0]}"'
        if venues
        else "Candles are looked for as <SYMBOL>/<timeframe>-trade.parquet; give the folder above the symbols",
    )


def find(symbol: str, listings: Iterable[str], root: Path) -> str:
    """Return the folder name of a symbol given in any notation.

    Raises
    ------
    MarketDataError
        If there is none, or more than one fits; with the nearest names and what is there.
    """
    names = list(listings)
    if symbol in names:
        return symbol
    fits = [name for name in names if same(symbol, name)]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise MarketDataError(
            f"more than one folder fits this symbol: {listed(fits)}", instrument=symbol, cure="Name one of them"
        )
    name = parse(symbol)
    near = nearest(symbol, names) or nearest(name.base + name.quote, names) or nearest(name.base, names)
    raise MarketDataError(
        f"there is no such symbol in {root}; there are {listed(names)}",
        instrument=symbol,
        cure=f"Perhaps you mean {' or '.join(near)}" if near else "Choose one of those, or download its candles",
    )


def _listing(place: Path) -> Listing:
    """Return what the folder of one symbol holds."""
    found: dict[str, list[str]] = {"trade": [], "mark": []}
    for file in place.iterdir():
        match = _CANDLES.fullmatch(file.name)
        if match and file.is_file():
            found[match[2]].append(match[1])
    trade, mark = (tuple(sorted(found[kind], key=step)) for kind in ("trade", "mark"))
    return Listing(trade, mark, (place / "funding.parquet").is_file())


def _missing(path: Path, problem: str, parent: Path) -> MarketDataError:
    """Return the error for a folder that is not there, with the names beside it."""
    names = sorted(place.name for place in parent.iterdir() if place.is_dir()) if parent.is_dir() else []
    near = nearest(path.name, names)
    return MarketDataError(
        f"{problem}: {path}; the folder {parent.resolve()} holds {listed(names) or 'no folders'}",
        cure=f"Perhaps you mean {near[0]}" if near else "Give the folder above the symbols",
    )
