"""The market that the options of a command or a plan ask for: a folder of candles, or a synthetic one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from backtester._foreign import import_ours
from backtester.errors import ConfigurationError, MarketDataError

if TYPE_CHECKING:
    from backtester.market import Market
    from backtester.venue import Venue

__all__ = ["SEED", "SYNTHETIC", "Wanted", "market_of", "venue_name", "venue_of_market", "venue_of_store"]

SYNTHETIC = "synthetic"
SEED = 7
FIRST_DAY = "2024-01-01"  # of a synthetic market, unless a start is given
DAYS = 365
USUAL, MOST = 6, 60  # instruments of a synthetic market
DAY = 86_400_000_000_000  # [ns]


class Wanted(NamedTuple):
    """What is said about the market; None and "" where nothing is.

    Parameters
    ----------
    market : str
        A folder, or ``synthetic``.
    symbols : list of str
        Empty: all.
    timeframe, start, end, simulation_timeframe : str
        As people write them.
    venue : str
        Whose rules; also the folder to look in, where `market` holds several.
    require : list of str
        Of ``mark`` and ``funding``.
    seed : int
        Of a synthetic market.
    """

    market: str
    symbols: list[str]
    timeframe: str
    start: str
    end: str
    simulation_timeframe: str
    venue: str
    require: list[str]
    seed: int | None


def venue_name(wanted: Wanted) -> str:
    """Return the venue whose rules count: the one asked for, else that of the market."""
    return wanted.venue or venue_of_market(wanted.market)


def venue_of_market(market: str) -> str:
    """Return the venue that a folder of candles is named after, else ``generic``."""
    from backtester.venue import venue_names

    if market == SYNTHETIC:
        return "generic"
    folder = Path(market).resolve().name
    return folder if folder in venue_names() else "generic"


def market_of(wanted: Wanted) -> Market:
    """Return the market that is asked for.

    Raises
    ------
    ConfigurationError, MarketDataError
        Saying what is missing or wrong, what is there, and the cure.
    """
    return _made_up(wanted) if wanted.market == SYNTHETIC else _from_folder(wanted)


def venue_of_store(wanted: Wanted, venue: Venue, market: Market) -> Venue:
    """Return a venue with what the store of the candles knows of it; itself if they are not of that venue."""
    if wanted.market == SYNTHETIC:
        return venue
    folders = import_ours("data.folder")
    root = folders.venue_folder(wanted.market, wanted.venue if _is_inside(wanted) else None)
    if root.resolve().name != venue.name:
        return venue
    names = [path.name for path in root.iterdir() if path.is_dir()]
    with_facts = import_ours("data.facts").with_facts
    known: Venue = with_facts(venue, root, [folders.find(symbol, names, root) for symbol in market.symbols])
    return known


def _is_inside(wanted: Wanted) -> bool:
    """Return whether the market is a folder of venues, with the one whose rules are asked for."""
    return bool(wanted.venue) and (Path(wanted.market).expanduser() / wanted.venue).is_dir()


def _from_folder(wanted: Wanted) -> Market:
    if wanted.seed is not None:
        raise ConfigurationError(
            "seed", wanted.seed, "real candles have no seed", cure=f"Leave it out, or take the market {SYNTHETIC}"
        )
    folder = Path(wanted.market).expanduser()
    every = not wanted.symbols or wanted.symbols == ["all"]
    load = import_ours("data").load
    try:
        return load(
            folder,
            None if every else wanted.symbols,
            wanted.timeframe,
            start=wanted.start or None,
            end=wanted.end or None,
            simulation_timeframe=wanted.simulation_timeframe or None,
            venue=wanted.venue if _is_inside(wanted) else None,
            require=tuple(wanted.require),
        )
    except MarketDataError as error:
        venue = re.search(r'venue="(.+)"', error.cure or "")
        if venue is None:
            raise
        raise MarketDataError(error.problem, cure=f"Name one of them: {folder / venue[1]}") from error


def _made_up(wanted: Wanted) -> Market:
    """Return the synthetic market; a symbol is the same whichever others are asked for."""
    from backtester.times import instant, step

    size = step(wanted.timeframe)
    first = instant(wanted.start or FIRST_DAY, "start") or 0
    last = instant(wanted.end or None, "end") or first + DAYS * DAY
    if last - first < size:
        raise MarketDataError(
            f"the range is empty: there is no bar of {wanted.timeframe} between start and end",
            cure="Bars with start <= open time < end are made; choose start before end",
        )
    chosen = [_number(symbol) for symbol in wanted.symbols if symbol != "all"]
    market = import_ours("data").synthetic(
        (last - first) // size,
        max([USUAL, *chosen]),
        wanted.timeframe,
        seed=SEED if wanted.seed is None else wanted.seed,
        detail=wanted.simulation_timeframe or None,
        start=first,
    )
    return market.select([market.symbols[number - 1] for number in chosen]) if chosen else market


def _number(symbol: str) -> int:
    """Return 3 for ``FAKE3``, ``FAKE3USDT`` or ``FAKE3/USDT:USDT``."""
    match = re.fullmatch(r"FAKE([1-9]\d?)(/?USDT(:USDT)?)?", symbol, re.IGNORECASE)
    if match is None or int(match[1]) > MOST:
        raise ConfigurationError(
            "symbols", symbol, "the synthetic market has no such symbol", allowed=f"FAKE1 to FAKE{MOST}"
        )
    return int(match[1])
