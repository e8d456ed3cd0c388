"""A market from a folder of Parquet files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from backtester.errors import ConfigurationError, MarketDataError
from backtester.market import Market
from backtester.market_parts.checks import check_symbols
from backtester.symbols import listed, made_up
from backtester.text import moment
from backtester.times import instant, step
from data import folder as folders
from data import quality
from data.files import read, span
from data.hashes import hashes

if TYPE_CHECKING:
    import pandas as pd

CANDLES = ("timestamp", "open", "high", "low", "close")
FUNDING = ("timestamp", "funding_rate", "mark_price")
REQUIRED = ("mark", "funding")


def load(
    folder: str | Path,
    symbols: str | Sequence[str] | None = None,
    timeframe: str = "1h",
    *,
    start: object = None,
    end: object = None,
    simulation_timeframe: str | None = None,
    venue: str | None = None,
    require: Collection[str] = (),
) -> Market:
    """Return the market of a folder of Parquet files.

    The files are ``<SYMBOL>/<timeframe>-trade.parquet``, ``<timeframe>-mark.parquet`` (columns
    ``timestamp, open, high, low, close``) and ``funding.parquet`` (``timestamp, funding_rate``),
    with times in UTC milliseconds.

    Parameters
    ----------
    folder : path
        Folder of a venue, or with `venue` the folder above it.
    symbols : str or sequence of str, optional
        In any notation: ``BTCUSDT`` or ``BTC/USDT:USDT``. ``"all"`` or None takes all that have
        the timeframe and bars in the range; the notes say which were left out.
    timeframe : str
        Of the candles decisions are made on.
    start, end : str, datetime or int [ns UTC], optional
        Bars with ``start <= open_time < end``; without a zone UTC is meant.
    simulation_timeframe : str, optional
        Finer candles to simulate on, as the market's `detail`.
    venue : str, optional
        Name of the venue's folder within `folder`.
    require : collection of str
        ``"mark"`` and ``"funding"``: instruments without it are refused, or left out of "all".

    Raises
    ------
    MarketDataError
        Naming the folder, symbol or timeframe that is missing and what is there instead, or the
        file, bar and time of a defect.
    """
    timeframes = _timeframes(timeframe, simulation_timeframe)
    _check_require(require)
    root = folders.venue_folder(folder, venue)
    listings = folders.available(root)
    every = symbols is None or symbols == "all"
    wish = Wish(instant(start, "start"), instant(end, "end"), tuple(require), strict=not every)
    _check_range(wish)
    notes: list[str] = []
    if every:
        places = {name: root / name for name in _complete(listings, timeframes, require, notes)}
        if not places:
            raise _nothing(root, listings, notes)
    else:
        asked = [symbols] if isinstance(symbols, str) else list(symbols or ())
        check_symbols(asked)
        places = {symbol: root / folders.find(symbol, listings, root) for symbol in asked}
        _check_asked(places, listings, timeframes, require)
    if simulation_timeframe is None:
        return _market(places, timeframe, wish, notes)
    detail = _market(places, simulation_timeframe, wish._replace(require=()), [])
    market = _market({symbol: places[symbol] for symbol in detail.symbols}, timeframe, wish, notes)
    return market.with_detail(detail.select(market.symbols))


class Wish(NamedTuple):
    """What is asked for; `strict` when symbols were named: what one lacks is then an error."""

    first: int | None
    last: int | None
    require: tuple[str, ...]
    strict: bool


def _market(places: dict[str, Path], timeframe: str, wish: Wish, notes: Sequence[str]) -> Market:
    """Read one timeframe of some symbols."""
    said = list(notes)
    trade = _read(places, f"{timeframe}-trade.parquet", CANDLES, wish)
    empty = [symbol for symbol, frame in trade.items() if len(frame) == 0]
    if empty and (wish.strict or len(empty) == len(trade)):
        raise _no_bars(empty, places, timeframe, wish)
    if empty:
        said.append(f"left out, no {timeframe} bars in this range: {listed(empty)}")
    there = {symbol: place for symbol, place in places.items() if symbol not in empty}
    mark = _read(there, f"{timeframe}-mark.parquet", CANDLES, wish)
    funding = _read(there, "funding.parquet", FUNDING, wish)
    for kind, frames in (("mark", mark), ("funding", funding)):
        lacking = [symbol for symbol in there if kind in wish.require and len(frames.get(symbol, ())) == 0]
        if lacking and (wish.strict or len(lacking) == len(there)):
            raise MarketDataError(
                f"there is no {kind} data in this range", instrument=lacking[0], cure="Choose a range that has it"
            )
        if lacking:
            said.append(f"left out, no {kind} data in this range: {listed(lacking)}")
        there = {symbol: place for symbol, place in there.items() if symbol not in lacking}
    candles, marks, rates = ({s: f for s, f in kind.items() if s in there} for kind in (trade, mark, funding))
    with _told_where(there, timeframe):
        fake = any(map(made_up, candles))
        market = Market.from_frames(candles, marks, rates, start=wish.first, end=wish.last, synthetic=fake)
        quality.check_grid(market, timeframe)
    venue = next(iter(places.values())).parent.name
    days = " to ".join(moment(time)[:10] for time in (market.open_time[0], market.close_time[-1]))
    files, changed = hashes(there, (f"{timeframe}-trade.parquet", f"{timeframe}-mark.parquet", "funding.parquet"))
    said += [*market.notes, *quality.frozen_notes(market), *changed]
    return replace(market, source=f"{venue} {timeframe}, {days}", notes=tuple(said), files=files)


@contextmanager
def _told_where(places: dict[str, Path], timeframe: str) -> Iterator[None]:
    """Add to an error about an instrument which files it is about."""
    try:
        yield
    except MarketDataError as error:
        if error.instrument not in places:
            raise
        raise MarketDataError(
            f"{error.problem} (in {places[error.instrument]}, {timeframe})",
            instrument=error.instrument,
            bar=error.bar,
            time=error.time,
            found=error.found,
            cure=error.cure,
        ) from error


def _read(places: dict[str, Path], file: str, columns: Sequence[str], wish: Wish) -> dict[str, pd.DataFrame]:
    """Read the files of one kind that exist."""
    files = {symbol: place / file for symbol, place in places.items()}
    return {symbol: read(path, columns, wish.first, wish.last) for symbol, path in files.items() if path.is_file()}


def _lacks(listing: folders.Listing, timeframes: Sequence[str], require: Collection[str]) -> list[str]:
    """Return what an instrument lacks, in words."""
    lacks = [f"{timeframe} trade candles" for timeframe in timeframes if timeframe not in listing.trade]
    if "mark" in require and timeframes[0] not in listing.mark:
        lacks.append(f"{timeframes[0]} mark candles")
    if "funding" in require and not listing.funding:
        lacks.append("funding")
    return lacks


def _complete(
    listings: dict[str, folders.Listing], timeframes: Sequence[str], require: Collection[str], notes: list[str]
) -> list[str]:
    """Return the symbols that lack nothing, and note the others."""
    without: dict[str, list[str]] = {}
    for symbol, listing in listings.items():
        for what in _lacks(listing, timeframes, require)[:1]:
            without.setdefault(what, []).append(symbol)
    notes += [f"left out, no {what}: {listed(names)}" for what, names in without.items()]
    return [symbol for symbol, listing in listings.items() if not _lacks(listing, timeframes, require)]


def _timeframes(timeframe: str, simulation_timeframe: str | None) -> list[str]:
    """Return the timeframes to read; the simulation's must be the finer one and divide the other."""
    size = step(timeframe)
    if simulation_timeframe is None:
        return [timeframe]
    if step(simulation_timeframe) >= size or size % step(simulation_timeframe):
        raise MarketDataError(
            f"a simulation on {simulation_timeframe} does not fit decisions on {timeframe}",
            cure=f"Choose a finer one that fits into {timeframe}, or leave it out",
        )
    return [timeframe, simulation_timeframe]


def _check_require(require: Collection[str]) -> None:
    """Refuse words that name nothing that can be required."""
    for word in [require] if isinstance(require, str) else require:
        if word not in REQUIRED or isinstance(require, str):
            raise ConfigurationError("require", require, "is not a list of what can be required", allowed=REQUIRED)


def _check_range(wish: Wish) -> None:
    """Refuse a range that ends before it starts."""
    first, last = wish.first, wish.last
    if first is not None and last is not None and first >= last:
        raise MarketDataError(
            f"the range is empty: start {moment(first)} is not before end {moment(last)}",
            cure="Bars with start <= open time < end are read; choose start before end",
        )


def _check_asked(
    places: dict[str, Path],
    listings: dict[str, folders.Listing],
    timeframes: Sequence[str],
    require: Collection[str],
) -> None:
    """Refuse a symbol without a timeframe, mark or funding that was asked for."""
    if not places:
        raise MarketDataError("no symbols were asked for", cure='Name some, or take "all"')
    if len(set(places.values())) < len(places):
        raise MarketDataError(f"one symbol is asked for twice: {listed(places)}", cure="Name it once")
    for symbol, place in places.items():
        listing = listings[place.name]
        for what in _lacks(listing, timeframes, require):
            raise MarketDataError(
                f"there are no {what} in {place}; there are trade {listed(listing.trade)}, "
                f"mark {listed(listing.mark) or 'none'}, "
                f"{'funding' if listing.funding else 'no funding'}",
                instrument=symbol,
                cure="Choose a timeframe that is there, or download the one you need",
            )


def _nothing(root: Path, listings: dict[str, folders.Listing], notes: Sequence[str]) -> MarketDataError:
    """Return the error for a folder in which no symbol has all that is asked for."""
    there = sorted({timeframe for listing in listings.values() for timeframe in listing.trade}, key=step)
    return MarketDataError(
        f"no symbol of {root} has all that is asked for: {'; '.join(notes)}",
        cure=f"Timeframes that are there: {listed(there)}",
    )


def _no_bars(empty: Sequence[str], places: dict[str, Path], timeframe: str, wish: Wish) -> MarketDataError:
    """Return the error for symbols without a bar in the range, with the range they have."""
    file = places[empty[0]] / f"{timeframe}-trade.parquet"
    there = span(file)
    have = f"they are from {moment(there[0])} to {moment(there[1])}" if there else f"{file} has no rows"
    start = "the beginning" if wish.first is None else moment(wish.first)
    end = "the end" if wish.last is None else moment(wish.last)
    others = f" (nor of {listed(empty[1:])})" if len(empty) > 1 else ""
    return MarketDataError(
        f"no {timeframe} bars from {start} to {end}{others}; {have}",
        instrument=empty[0],
        cure="Choose a range within that, or leave the symbol out",
    )
