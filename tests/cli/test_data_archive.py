"""`backtester data archive` as a person types it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

from backtester import cli
from data.store import Series, Store
from tests.cli.conftest import Process
from tests.data.fetch.kit import candles
from tests.data.fetch.loopback import Server
from tests.data.fetch.world import DAY, START, Perpetual
from tests.data.fetch.zipped import Zips

BTC = Perpetual("BTCUSDT")
TRADE = Series("binance", "BTCUSDT", "trade", "1h")
LATE = START + 1_000 * DAY
RANGE = ("--since", "2024-01-01", "--until", "2024-03-01")

Run = Callable[..., Process]


@pytest.fixture(scope="module")
def zips() -> Zips:
    """Return two months of one symbol; mark candles lack the second one."""
    out = Zips()
    for series, days in ((TRADE, 60), (TRADE._replace(kind="mark"), 31), (Series("binance", "BTCUSDT", "funding"), 60)):
        out.put_all(BTC, series, START, START + days * DAY, by_days_from=LATE)
    return out


@pytest.fixture
def server(zips: Zips) -> Iterator[Server]:
    there = Server(zips)
    yield there
    there.close()


def test_from_an_address(server: Server, backtester: Run, tmp_path: Path) -> None:
    result = backtester("data", "archive", "binance", "BTCUSDT", *RANGE, "--base-url", server.url)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "candles/binance: 3 series, 2,364 new rows\n"
    assert set(result.stderr.splitlines()) == {
        "BTCUSDT 1h trade: 1,440 rows, 2024-01-01 00:00 to 2024-02-29 23:00 (1,440 new)",
        "note: BTCUSDT 1h mark: the archive lacks 2024-02",
        "BTCUSDT 1h mark: 744 rows, 2024-01-01 00:00 to 2024-01-31 23:00 (744 new)",
        "BTCUSDT funding: 180 rows, 2024-01-01 00:00 to 2024-02-29 16:00 (180 new)",
    }
    store = Store(tmp_path / "candles")
    assert_frame_equal(store.read(TRADE), candles(BTC, START, START + 60 * DAY))
    again = backtester("data", "archive", "binance", "BTCUSDT", *RANGE, "--base-url", server.url)
    assert again.stdout == "candles/binance: 3 series, 0 new rows\n"


def test_from_a_folder(zips: Zips, backtester: Run, tmp_path: Path) -> None:
    zips.write(tmp_path / "zips")
    result = backtester("data", "archive", "binance", "--from", "zips")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "candles/binance: 3 series, 2,364 new rows\n"
    assert_frame_equal(Store(tmp_path / "candles").read(TRADE), candles(BTC, START, START + 60 * DAY))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bybit", "BTCUSDT"], "VENUE: publishes no such archive; found 'bybit'"),
        (["binance"], "SYMBOL...: are missing; found []. Name some, as BTCUSDT ETHUSDT"),
        (["binance", "BTCUSDT", "--kinds", "tiers"], "--kinds: is no list of kinds that the archive has; found"),
        (["binance", "BTCUSDT", "--from", "nowhere"], "--from: is no folder; found 'nowhere'"),
        (["binance", "BTCUSDT", "--from", ".", "--proxy", "http://a:1"], "--from: stands beside an address"),
        (["binance", "BTCUSDT", "--since", "2024-02-01", "--until", "2024-01-01"], "--until: is not after --since"),
    ],
)
def test_bad_input(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["backtester", "data", "archive", *words])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_symbol_that_is_not_among_the_zips(zips: Zips, backtester: Run, tmp_path: Path) -> None:
    zips.write(tmp_path / "zips")
    result = backtester("data", "archive", "binance", "ETHUSDT", "--from", "zips")
    assert result.returncode == 2
    assert "SYMBOL...: is not among the zips of zips; found" in result.stderr


def test_a_symbol_that_the_archive_does_not_have(server: Server, backtester: Run) -> None:
    result = backtester("data", "archive", "binance", "NOPE", *RANGE, "--base-url", server.url, "--kinds", "trade")
    assert result.returncode == 2
    assert "error: binance NOPE: asked for 2024-01 to 2024-02 of 1h trade; http://127.0.0.1:" in result.stderr
    assert "has none of it. Check the symbol, as the archive writes it: BTCUSDT" in result.stderr
