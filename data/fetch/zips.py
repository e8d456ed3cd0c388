"""The rows of one zip of an archive: its checksum, its header and the unit of its times, whichever they are."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import TYPE_CHECKING

import numpy as np

from data.fetch.failures import BadReply, one_line
from data.fetch.history import on_the_minute

if TYPE_CHECKING:
    import pandas as pd

    from data.store import Series

CANDLES = ("open_time", "open", "high", "low", "close", "volume")
COIN = 7  # column of the volume in coin, where contracts are counted in column 5: coin-margined ones
FUNDING = ("calc_time", "funding_interval_hours", "last_funding_rate")
UNITS = ((10**11, 0.001), (10**14, 1), (10**17, 1_000), (10**20, 1_000_000))  # times below, units in a millisecond


def check(content: bytes, checksum: str, name: str) -> str:
    """Return the sha256 of a zip; an empty checksum is not compared.

    Raises
    ------
    BadReply
        If it is not the one that its checksum file names, or that file is of another zip.
    """
    digest = hashlib.sha256(content).hexdigest()
    if not checksum.strip():
        return digest
    told, _, of = checksum.strip().partition(" ")
    if of.strip(" *") not in ("", name):
        raise BadReply(f"the checksum file is that of {of.strip(' *')}")
    if told.lower() != digest:
        raise BadReply(f"its sha256 is {digest[:12]}..., its checksum file says {one_line(told, 16)}: it is damaged")
    return digest


def rows_of(content: bytes, series: Series, *, sure: bool = True) -> pd.DataFrame:
    """Return the rows of a zip as a store takes them.

    Parameters
    ----------
    content : bytes
    series : Series
        What it should hold; the volume of coin-margined contracts is that in coin, as the venue's own client has it.
    sure : bool
        Whether it is known that candles are not mark candles: their names are alike, only the volume differs.

    Raises
    ------
    BadReply
        If it is no zip, or not of one CSV file in the archive's format.
    """
    import pandas as pd

    kind = series.kind
    coin = series.venue == "binance_coinm" and kind == "trade"
    frame = _table(_text(content), FUNDING if kind == "funding" else CANDLES, COIN if coin else None)
    try:
        frame = frame.apply(pd.to_numeric)
    except (ValueError, TypeError) as error:
        raise BadReply(f"a cell is no number: {one_line(str(error), 80)}") from error
    if kind == "funding":
        times = on_the_minute(_milliseconds(frame["calc_time"].to_numpy()))
        return pd.DataFrame({"timestamp": times, "funding_rate": frame["last_funding_rate"].astype(float)})
    out = frame.rename(columns={"open_time": "timestamp"}).astype(dict.fromkeys(CANDLES[1:], float))
    out["timestamp"] = _milliseconds(frame["open_time"].to_numpy())
    if kind == "mark":
        return out.drop(columns="volume")
    if not sure and (out["volume"] == 0).all():
        raise BadReply("no candle has a volume, so these are mark candles: say --kinds mark, or name the folder klines")
    return out


def _text(content: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            if len(names) != 1:
                raise BadReply(f"the zip holds {len(names)} files, not one: {one_line(', '.join(names), 60)}")
            return archive.read(names[0]).decode()
    except (zipfile.BadZipFile, zipfile.zlib.error, UnicodeDecodeError, EOFError) as error:  # type: ignore[attr-defined]
        raise BadReply(f"it is no zip of a text: {one_line(str(error), 60)}") from error


def _table(text: str, columns: tuple[str, ...], last: int | None) -> pd.DataFrame:
    """Return the columns wanted as texts, by their names where there is a header, else by their places.

    The last of them is that in the place `last` if one is given.
    """
    import pandas as pd

    first = text.split("\n", 1)[0].strip()
    if not first:
        raise BadReply("the file in it is empty")
    headed = not first[0].isdigit()
    try:
        frame = pd.read_csv(io.StringIO(text), header=0 if headed else None, dtype=str)
    except (ValueError, pd.errors.ParserError) as error:
        raise BadReply(f"the file in it is no CSV: {one_line(str(error), 80)}") from error
    if headed:
        lacking = [name for name in columns if name not in frame.columns]
        if lacking:
            raise BadReply(f"there is no column {lacking[0]} in its header: {one_line(first, 80)}")
        places = [list(frame.columns).index(name) for name in columns]
    else:
        places = list(range(len(columns)))
    if last is not None:
        places[-1] = last
    if frame.shape[1] <= max(places):
        raise BadReply(f"its rows have {frame.shape[1]} cells, not {max(places) + 1} or more: {one_line(first, 80)}")
    return frame.iloc[:, places].set_axis(list(columns), axis=1)


def _milliseconds(times: np.ndarray) -> np.ndarray:
    """Return times in milliseconds, whatever their unit: it shows in their size, and may change within a file."""
    out = np.zeros(len(times), np.int64)
    below = 0
    for limit, per_millisecond in UNITS:
        here = (times >= below) & (times < limit)
        out[here] = times[here] / per_millisecond if per_millisecond < 1 else times[here] // int(per_millisecond)
        below = limit
    return out
