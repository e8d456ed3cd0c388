"""Bulk archives: months then days, from an address or a folder, with checksums, any header and any unit of time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

from backtester.errors import ConfigurationError
from data.fetch.archive import read_archive
from data.fetch.failures import BadReply, DownloadError
from data.fetch.layout import Part, months, part_of
from data.fetch.sources import Address, Folder
from data.fetch.zips import rows_of
from data.store import Series, Store
from tests.data.fetch import loopback as day
from tests.data.fetch.kit import Heard, candles, connection, funding
from tests.data.fetch.world import DAY, HOUR, START, Perpetual
from tests.data.fetch.zipped import Zips, rows_text, zipped

FIRST = START  # 2024-01-01
LAST = START + 100 * DAY + 12 * HOUR  # 2024-04-10 12:00: the archive has its days up to the day before
APRIL = START + 91 * DAY
END = START + 100 * DAY
BTC = Perpetual("BTCUSDT", jitter=12)
TRADE = Series("binance", "BTCUSDT", "trade", "1h")
MARK = TRADE._replace(kind="mark")
FUNDING = Series("binance", "BTCUSDT", "funding")


@pytest.fixture
def zips() -> Zips:
    """Return an archive of three months and nine days; funding has its months only."""
    out = Zips()
    for series in (TRADE, MARK):
        out.put_all(BTC, series, FIRST, LAST, by_days_from=APRIL)
    out.put_all(BTC, FUNDING, FIRST, APRIL, by_days_from=LAST)
    return out


@pytest.fixture
def read(store: Store, serve: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that reads an archive from a server into the store."""

    def go(zips: Any, series: list[Series], heard: Heard | None = None, **options: Any) -> Any:
        server = serve(zips, None) if isinstance(zips, Zips) else zips
        limits = {"first": FIRST, "last": None, "now": LAST} | options
        outcome = read_archive(store, Address(connection(server), Event()), series, heard or Heard(), **limits)
        for error in outcome.failures.values():
            raise error
        return server

    return go


def test_names_and_paths_are_those_of_the_archive() -> None:
    folder = "data/futures/um/monthly/klines/BTCUSDT/1h"
    assert Part(TRADE, "2024-01").path == f"{folder}/BTCUSDT-1h-2024-01.zip"
    coin = Series("binance_coinm", "BTCUSD_PERP", "mark", "5m")
    folder = "data/futures/cm/daily/markPriceKlines/BTCUSD_PERP/5m"
    assert Part(coin, "2024-02-29").path == f"{folder}/BTCUSD_PERP-5m-2024-02-29.zip"
    folder = "data/futures/um/monthly/fundingRate/BTCUSDT"
    assert Part(FUNDING, "2024-01").path == f"{folder}/BTCUSDT-fundingRate-2024-01.zip"
    for part in (Part(TRADE, "2024-01"), Part(coin, "2024-02-29"), Part(FUNDING, "2024-01")):
        assert part_of(tuple(part.path.split("/")), part.series.venue, "trade") == part
    assert part_of(("README.zip",), "binance", "trade") is None
    assert [part.period for part in months(TRADE, START - 1, START + 40 * DAY)] == ["2023-12", "2024-01", "2024-02"]
    assert Part(TRADE, "2024-02").range == (START + 31 * DAY, START + 60 * DAY)


def test_months_then_days_from_an_address(zips: Zips, read: Callable[..., Any], store: Store) -> None:
    heard = Heard()
    server = read(zips, [TRADE, MARK, FUNDING], heard)
    assert_frame_equal(store.read(TRADE), candles(BTC, FIRST, END))
    assert_frame_equal(store.read(MARK), candles(BTC, FIRST, END, "mark"))
    assert_frame_equal(store.read(FUNDING)[["timestamp", "funding_rate"]], funding(BTC, FIRST, APRIL))
    assert heard.notes == ["BTCUSDT funding: the archive lacks 2024-04"]
    assert len([r for r in server.asked("/monthly/klines/") if "2024-04" in r.path]) == 0  # the month is not over
    entry = store.entry(TRADE)
    assert entry is not None
    assert entry.source == server.url


def test_a_second_call_reads_only_what_is_new(zips: Zips, read: Callable[..., Any], store: Store) -> None:
    server = read(zips, [TRADE, FUNDING])
    before = store.path(TRADE).read_bytes()
    server.requests.clear()
    read(server, [TRADE, FUNDING])
    assert [request.path for request in server.requests if not request.path.endswith(".CHECKSUM")] == []
    assert len(server.requests) <= 1  # funding of the month that is not over
    assert store.path(TRADE).read_bytes() == before
    zips.put_all(BTC, TRADE, END, END + DAY, by_days_from=APRIL)
    zips.put(Part(TRADE, "2024-04-10"), rows_text(BTC, Part(TRADE, "2024-04-10")))
    server.requests.clear()
    read(server, [TRADE], now=END + DAY + HOUR)
    fetched = [request.path.rsplit("/", 1)[1] for request in server.requests if request.path.endswith(".zip")]
    assert fetched == ["BTCUSDT-1h-2024-04-10.zip"]
    assert_frame_equal(store.read(TRADE), candles(BTC, FIRST, END + DAY))


def test_a_corrected_zip_is_read_again(zips: Zips, read: Callable[..., Any], store: Store) -> None:
    """A month with a hole in it is looked at again, and fetched if its checksum is another one."""
    holed = Perpetual("BTCUSDT", holes=[(START + 5 * DAY, START + 6 * DAY)])
    january = Part(TRADE, "2024-01")
    zips.put(january, rows_text(holed, january))
    server = read(zips, [TRADE])
    assert len(store.read(TRADE)) == 99 * 24
    server.requests.clear()
    read(server, [TRADE])
    assert [request.path for request in server.requests] == [f"/{january.path}.CHECKSUM"]
    zips.put(january, rows_text(BTC, january))
    read(server, [TRADE])
    assert_frame_equal(store.read(TRADE), candles(BTC, FIRST, END))


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000])
def test_any_header_and_unit(header: bool, unit: int, read: Callable[..., Any], store: Store) -> None:
    zips = Zips()
    zips.put(Part(TRADE, "2024-01"), rows_text(BTC, Part(TRADE, "2024-01"), header=header, unit=unit))
    zips.put(Part(TRADE, "2024-02"), rows_text(BTC, Part(TRADE, "2024-02")))
    zips.put(Part(FUNDING, "2024-01"), rows_text(BTC, Part(FUNDING, "2024-01"), header=header, unit=unit))
    read(zips, [TRADE, FUNDING], last=START + 60 * DAY)
    assert_frame_equal(store.read(TRADE), candles(BTC, FIRST, START + 60 * DAY))
    assert_frame_equal(store.read(FUNDING)[["timestamp", "funding_rate"]], funding(BTC, FIRST, START + 31 * DAY))


def test_a_unit_that_changes_within_a_file() -> None:
    january = Part(TRADE, "2024-01")
    lines = rows_text(BTC, january, header=False).splitlines()
    late = rows_text(BTC, january, header=False, unit=1_000).splitlines()
    frame = rows_of(zipped("a.csv", "\n".join(lines[:100] + late[100:])), TRADE)
    assert_frame_equal(frame, candles(BTC, FIRST, START + 31 * DAY))


def test_volumes_of_coin_margined_contracts_are_in_coin(read: Callable[..., Any], store: Store) -> None:
    series = Series("binance_coinm", "BTCUSD_PERP", "trade", "1h")
    zips = Zips()
    zips.put_all(BTC, series, FIRST, START + 31 * DAY, by_days_from=APRIL)
    read(zips, [series], last=START + 31 * DAY)
    assert_frame_equal(store.read(series), candles(BTC, FIRST, START + 31 * DAY))


@pytest.mark.parametrize("flat", [False, True])
def test_a_folder_of_zips(flat: bool, zips: Zips, store: Store, tmp_path: Path) -> None:
    if flat:
        zips.files = {path: content for path, content in zips.files.items() if "markPrice" not in path}
    zips.write(tmp_path / "zips", flat=flat)
    source = Folder(tmp_path / "zips", "binance", "trade")
    series = sorted({part.series for part in source.files})
    assert series == [FUNDING, TRADE] if flat else [FUNDING, MARK, TRADE]
    outcome = read_archive(store, source, series, Heard(), now=LAST)
    assert not outcome.failures
    assert_frame_equal(store.read(TRADE), candles(BTC, FIRST, END))
    entry = store.entry(TRADE)
    assert entry is not None
    assert entry.source == "zips in zips"


def test_mark_candles_in_a_flat_folder_do_not_pass_for_trade_candles(store: Store, tmp_path: Path) -> None:
    """Their zips have the same names."""
    zips = Zips()
    zips.put(Part(MARK, "2024-01"), rows_text(BTC, Part(MARK, "2024-01")))
    zips.write(tmp_path / "zips", flat=True)
    outcome = read_archive(store, Folder(tmp_path / "zips", "binance", "trade"), [TRADE], Heard(), now=LAST)
    assert "no candle has a volume, so these are mark candles: say --kinds mark" in str(outcome.failures[TRADE])
    assert store.series() == []
    outcome = read_archive(store, Folder(tmp_path / "zips", "binance", "mark"), [MARK], Heard(), now=LAST)
    assert not outcome.failures
    assert_frame_equal(store.read(MARK), candles(BTC, FIRST, START + 31 * DAY, "mark"))


def test_a_damaged_zip_is_fetched_again(zips: Zips, read: Callable[..., Any], store: Store, serve: Any) -> None:
    server = serve(zips, None)
    server.fail("1h-2024-01.zip.CHECKSUM", day.damaged, day.status(500), day.half_a_body)
    server.fail("1h-2024-02.zip", day.half_a_body, day.damaged, day.status(503), day.dropped)
    read(server, [TRADE])
    assert_frame_equal(store.read(TRADE), candles(BTC, FIRST, END))


def test_a_wrong_checksum_is_refused_and_the_rest_kept(zips: Zips, read: Callable[..., Any], store: Store) -> None:
    zips.put(Part(TRADE, "2024-02"), rows_text(BTC, Part(TRADE, "2024-02")), checksum="0" * 64)
    with pytest.raises(DownloadError) as raised:
        read(zips, [TRADE])
    said = "binance BTCUSDT: asked for BTCUSDT-1h-2024-02.zip; it cannot be used: its sha256 is "
    assert str(raised.value).startswith(said)
    assert "its checksum file says 000000000000 ...: it is damaged. Try again later" in str(raised.value)
    assert_frame_equal(store.read(TRADE), candles(BTC, FIRST, START + 31 * DAY))


def test_a_zip_without_a_checksum_is_said(read: Callable[..., Any], store: Store) -> None:
    zips, heard = Zips(), Heard()
    zips.put(Part(TRADE, "2024-01"), rows_text(BTC, Part(TRADE, "2024-01")), checksum=None)
    read(zips, [TRADE], heard, last=START + 31 * DAY)
    assert heard.notes == ["BTCUSDT-1h-2024-01.zip has no checksum file: it was not verified"]


def test_missing_months_and_days_are_said_and_what_precedes_the_listing_is_not(
    read: Callable[..., Any], store: Store
) -> None:
    zips, heard = Zips(), Heard()
    zips.put_all(BTC, TRADE, START + 31 * DAY, LAST, by_days_from=APRIL)
    for path in [p for p in zips.files if "2024-03" in p or "2024-04-05" in p or "2024-04-07" in p]:
        del zips.files[path]
    read(zips, [TRADE], heard, first=START - 100 * DAY)
    assert heard.notes == ["BTCUSDT 1h trade: the archive lacks 2024-03, 2024-04-05, 2024-04-07"]
    assert store.read(TRADE)["timestamp"].iloc[0] == START + 31 * DAY


def test_a_month_that_is_only_there_by_days(zips: Zips, read: Callable[..., Any], store: Store) -> None:
    for path in [p for p in zips.files if "klines" in p and "2024-02" in p]:
        del zips.files[path]
    for one in Part(TRADE, "2024-02").days():
        zips.put(one, rows_text(BTC, one))
    heard = Heard()
    read(zips, [TRADE], heard)
    assert heard.notes == []
    assert_frame_equal(store.read(TRADE), candles(BTC, FIRST, END))


def test_nothing_of_a_symbol_is_an_error_with_the_cure(zips: Zips, read: Callable[..., Any], store: Store) -> None:
    with pytest.raises(DownloadError) as raised:
        read(zips, [TRADE._replace(symbol="BTC-USDT")])
    said = "binance BTC-USDT: asked for 2024-01 to 2024-04 of 1h trade; http://127.0.0.1:"
    assert str(raised.value).startswith(said)
    assert "has none of it. Check the symbol, as the archive writes it: BTCUSDT" in str(raised.value)
    assert store.series() == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no zip", "it is no zip of a text"),
        (zipped("a.csv", ""), "the file in it is empty"),
        (zipped("a.csv", "open_time,open,high,low\n1,2,3,4"), "there is no column close in its header"),
        (zipped("a.csv", "1704067200000,1,2,0.5"), "its rows have 4 cells, not 6 or more"),
        (zipped("a.csv", "1704067200000,1,2,0.5,x,5"), "a cell is no number"),
    ],
)
def test_what_is_in_a_zip(content: bytes, said: str) -> None:
    with pytest.raises(BadReply, match=said):
        rows_of(content, TRADE)


def test_a_zip_of_two_files() -> None:
    import io
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.csv", "1")
        archive.writestr("b.csv", "2")
    with pytest.raises(BadReply, match=r"the zip holds 2 files, not one: a\.csv, b\.csv"):
        rows_of(out.getvalue(), TRADE)


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no folder"):
        Folder(tmp_path / "nowhere", "binance", "trade")
    (tmp_path / "holiday.zip").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="holds no zips of an archive"):
        Folder(tmp_path, "binance", "trade")
