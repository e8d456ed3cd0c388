"""A bulk archive made up in the layout, the headers and the units of the real one."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

from data.fetch.layout import Part, months
from data.store import Series
from tests.data.fetch.loopback import Reply, Request
from tests.data.fetch.world import HOUR, Perpetual

KLINE = (
    "open_time,open,high,low,close,volume,"
    "close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
RATE = "calc_time,funding_interval_hours,last_funding_rate"


class Zips:
    """The files of an archive by their paths, and the answer of a server that holds them."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def put(self, part: Part, text: str, *, checksum: str | None = "") -> None:
        """Add a zip of a text; `checksum` replaces the right one, None leaves it out."""
        content = zipped(part.name.replace(".zip", ".csv"), text)
        self.files[part.path] = content
        if checksum is not None:
            digest = checksum or hashlib.sha256(content).hexdigest()
            self.files[f"{part.path}.CHECKSUM"] = f"{digest}  {part.name}\n".encode()

    def put_all(self, one: Perpetual, series: Series, first: int, last: int, *, by_days_from: int, **form: Any) -> None:
        """Add what the archive has of a series: months, and days of months that begin at `by_days_from` or later."""
        for month in months(series, first, last):
            daily = month.range[0] >= by_days_from
            for part in month.days() if daily else [month]:
                if part.range[1] <= last:
                    self.put(part, rows_text(one, part, **form))

    def write(self, folder: Path, *, flat: bool = False) -> None:
        for path, content in self.files.items():
            place = folder / (Path(path).name if flat else path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)

    def __call__(self, request: Request) -> Any:
        content = self.files.get(request.path.removeprefix("/"))
        return Reply(b"<Error><Code>NoSuchKey</Code></Error>", 404) if content is None else Reply(content)


def zipped(name: str, text: str) -> bytes:
    """Return a zip of one file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), text)
    return out.getvalue()


def rows_text(one: Perpetual, part: Part, *, header: bool = True, unit: int = 1) -> str:
    """Return the rows of a part as CSV; `unit` is how many units a millisecond has."""
    first, last = part.range
    rows: list[tuple[Any, ...]]
    if part.series.kind == "funding":
        head = RATE
        rows = [(time * unit, 8, f"{rate:.8f}") for time, rate in one.settlements(first - 1_000, last - 1_000, last)]
    else:
        head = KLINE
        candles = one.candles(first, last - 1, HOUR, part.series.kind, last)
        coin = part.series.venue == "binance_coinm"
        rows = [
            (time * unit, *prices, volume * (9 if coin else 1), (time + HOUR) * unit - 1, volume, 5, 0, 0, 0)
            for time, *prices, volume in candles
        ]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows(([head.split(",")] if header else []) + [list(row) for row in rows])
    return out.getvalue()
