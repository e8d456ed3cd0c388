"""`backtester data download` as a person types it: what it prints, and what is left when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backtester import cli
from data.store import Store
from tests.cli.conftest import ROOT, Process
from tests.data.fetch import loopback as day
from tests.data.fetch.formats import VENUES
from tests.data.fetch.loopback import Server
from tests.data.fetch.world import DAY, NOW, Perpetual

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

CODE = "from backtester.cli import main; main()"
QUICK = ("--pause", "0", "--retry-delay", "0.01", "--retries", "3")
RANGE = ("--since", "2024-05-01", "--until", "2024-09-01")

Run = Callable[..., Process]


def bybit() -> Server:
    """Return Bybit with two symbols, one of which was halted for some weeks."""
    make, one = VENUES["bybit"]
    other = Perpetual("ETHUSDT", "ETH", holes=[(NOW - 90 * DAY, NOW - 60 * DAY)], interval=[(0, 4)], jitter=30)
    return Server(make([one, other], NOW), NOW)


@pytest.fixture
def server() -> Iterator[Server]:
    there = bybit()
    yield there
    there.close()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return what a download that nothing disturbed leaves."""
    there = bybit()
    folder = tmp_path_factory.mktemp("undisturbed") / "candles"
    whole(there, folder)
    there.close()
    return contents(folder)


def environment() -> dict[str, str]:
    """Return an environment whose proxy is not there: whoever heeds it fails."""
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    return os.environ | proxies | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "100"}


def start(server: Server, folder: Path, *options: str) -> subprocess.Popen[str]:
    """Start a download of both symbols."""
    words = ["data", "download", "bybit", "BTCUSDT", "ETHUSDT", *RANGE, "--base-url", server.url, *QUICK, *options]
    command = [sys.executable, "-c", CODE, *words, "--store", str(folder)]
    return subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder.parent
    )


def whole(server: Server, folder: Path) -> tuple[str, str]:
    """Download to the end and return what was printed."""
    process = start(server, folder)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out, err


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files of a store but the manifests, which tell when rows were fetched, and the locks."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in ("manifest.json", ".lock"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def wait_for(server: Server, requests: int) -> None:
    until = time.monotonic() + 60
    while len(server.requests) < requests:
        assert time.monotonic() < until
        time.sleep(0.005)


def test_what_a_download_says(server: Server, tmp_path: Path) -> None:
    out, err = whole(server, tmp_path / "candles")
    assert out == f"{tmp_path}/candles/bybit: 6 series, 11,295 new rows\n"
    lines = err.splitlines()
    assert lines[0].startswith("note: this machine's clock is ")
    assert lines[0].endswith(" bybit's; the venue's is used")
    assert set(lines[1:]) == {
        "BTCUSDT 1h trade: 2,952 rows, 2024-05-01 00:00 to 2024-08-31 23:00 (2,952 new)",
        "BTCUSDT 1h mark: 2,952 rows, 2024-05-01 00:00 to 2024-08-31 23:00 (2,952 new)",
        "BTCUSDT funding: 369 rows, 2024-05-01 00:00 to 2024-08-31 16:00 (369 new)",
        "ETHUSDT 1h trade: 2,232 rows, 2024-05-01 00:00 to 2024-08-31 23:00, 1 gap (2,232 new)",
        "ETHUSDT 1h mark: 2,232 rows, 2024-05-01 00:00 to 2024-08-31 23:00, 1 gap (2,232 new)",
        "ETHUSDT funding: 558 rows, 2024-05-01 00:00 to 2024-08-31 20:00, 1 gap (558 new)",
    }
    again, err = whole(server, tmp_path / "candles")
    assert again == f"{tmp_path}/candles/bybit: 6 series, 0 new rows\n"
    assert err.count("(nothing new)") == 6


@pytest.mark.parametrize("requests", [9, 16])
def test_killed_in_the_middle_and_called_again_gives_the_same_bytes(
    requests: int, server: Server, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    server.delay = 0.03
    answer, served = server.answer, []

    def counted(request: day.Request) -> Any:
        reply = answer(request)
        if "instruments" not in request.path and request.parameters.get("interval") != "D":
            served.append(len(reply["result"]["list"]))
        return reply

    server.answer = counted
    process = start(server, tmp_path / "killed", "--parallel", "2")
    wait_for(server, requests)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    store = Store(tmp_path / "killed")
    there = sum(len(store.read(series)) for series in store.series())
    assert contents(tmp_path / "killed") != undisturbed
    assert 0 < sum(served) - 2 * 1_000 <= there  # each of the two threads lost at most a page
    server.delay = 0.0
    whole(server, tmp_path / "killed")
    assert contents(tmp_path / "killed") == undisturbed


def test_interrupted_says_what_is_kept_and_goes_on(
    server: Server, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    server.delay = 0.03
    process = start(server, tmp_path / "stopped", "--parallel", "1")
    wait_for(server, 9)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    kept, last = err.splitlines()[-2:]
    folder = tmp_path / "stopped"
    assert kept.startswith("stopped: ")
    kept_in = f" of 6 series complete; what came is kept in {folder}, and the same command goes on from there"
    assert kept.endswith(kept_in)
    assert last == "interrupted"
    assert "Traceback" not in err
    assert list(folder.rglob("*.pages")) == []  # what came was merged
    server.delay = 0.0
    whole(server, folder)
    assert contents(folder) == undisturbed


def test_interrupted_while_it_waits(server: Server, tmp_path: Path) -> None:
    server.fail("market/kline", *[day.status(429, ("Retry-After", "300"))] * 9)
    process = start(server, tmp_path / "stopped")
    while not server.asked("market/kline"):
        time.sleep(0.01)
    time.sleep(0.2)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - begun < 10
    said = "BTCUSDT 1h trade candles from 2024-05-01 00:00 to 2024-06-11 16:00 UTC: HTTP 429; asking again in 300.0 s"
    assert said in err


def test_a_symbol_that_cannot_be_read_is_said_at_the_end(server: Server, tmp_path: Path) -> None:
    answer = server.answer
    broken = {"retCode": 0, "result": {"list": {}}}
    server.answer = lambda request: broken if request.parameters.get("symbol") == "BTCUSDT" else answer(request)
    process = start(server, tmp_path / "candles", "--kinds", "trade")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert out == f"{tmp_path}/candles/bybit: 1 series, 2,232 new rows\n"
    assert "BTCUSDT 1h trade: given up\n" in err
    error, last = err.splitlines()[-2:]
    assert error.startswith(
        "error: bybit BTCUSDT: asked for 1h trade candles from 2024-05-01 00:00 to 2024-06-11 16:00 UTC; "
        "the reply cannot be read: result.list should be a list of rows; "
    )
    assert last == "given up: BTCUSDT 1h trade; the same command goes on from there"


def test_a_download_beside_a_download(server: Server, tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    server.delay = 0.01
    two = [start(server, tmp_path / "candles") for _ in range(2)]
    for process in two:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert contents(tmp_path / "candles") == undisturbed


def test_through_a_proxy(server: Server, tmp_path: Path) -> None:
    """Whoever is asked for http://elsewhere.invalid is the proxy, and not the environment's."""
    process = start(server, tmp_path / "candles", "--kinds", "funding", "--base-url", "http://elsewhere.invalid")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Check the network, the proxy" in err
    words = ["--kinds", "funding", "--base-url", "http://elsewhere.invalid", "--proxy", server.url]
    process = start(server, tmp_path / "candles", *words)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "2 series, 927 new rows" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bybitt", "BTCUSDT"], "VENUE: is no venue that can be downloaded from; found 'bybitt'; nearest: bybit"),
        (["bybit"], "SYMBOL...: are missing; found []. Name some, as BTCUSDT ETHUSDT, or give --all-perpetuals"),
        (["bybit", "BTCUSDT", "--all-perpetuals"], "--all-perpetuals: stands beside symbols"),
        (["bybit", "BTCUSDT", "--kinds", "trade,marks"], "--kinds: is no list of kinds of data; found 'trade,marks'"),
        (["bybit", "BTCUSDT", "--since", "2024-13-01"], "--since is not a time; found '2024-13-01'"),
        (["bybit", "BTCUSDT", "--since", "2024-02-01", "--until", "2024-01-01"], "--until: is not after --since"),
        (["bybit", "BTCUSDT", "--timeframe", "1x"], "the timeframe cannot be read; found '1x'"),
        (["bybit", "BTCUSDT", "--base-url", "localhost"], "--base-url: is no address; found 'localhost'"),
        (["bybit", "BTCUSDT", "--proxy", "localhost:1"], "--proxy: is no address of a proxy; found 'localhost:1'"),
        (["binance", "BTCUSDT", "--kinds", "tiers"], "--kinds: binance shows its tiers only to a key; found 'tiers'"),
        (["binance", "BTCUSDT", "--credentials", "no.toml"], "--credentials: is no file; found 'no.toml'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_asked(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["backtester", "data", "download", *words])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_bad_symbol_is_refused_before_anything_is_fetched(server: Server, backtester: Run, tmp_path: Path) -> None:
    result = backtester("data", "download", "bybit", "ETHUSDT", "BTCUSDX", "--base-url", server.url)
    assert result.returncode == 2
    assert "error: bybit BTCUSDX: asked for its perpetual; it lists 2 perpetuals, and none fits. " in result.stderr
    assert "Perhaps you mean BTCUSDT" in result.stderr
    assert not (tmp_path / "candles").exists()


def test_tiers_with_a_key_that_is_never_shown(tmp_path: Path, backtester: Run, monkeypatch: Any) -> None:
    make, one = VENUES["binance"]
    server = Server(make([one], NOW), NOW)
    monkeypatch.setenv("BINANCE_API_KEY", "the-key")
    monkeypatch.setenv("BINANCE_API_SECRET", "the-well-kept-secret")
    words = ["data", "download", "binance", "BTCUSDT", "--kinds", "tiers", "--base-url", server.url, *QUICK]
    good = backtester(*words)
    assert good.returncode == 0, good.stderr
    monkeypatch.setenv("BINANCE_API_KEY", "another-key")
    bad = backtester(*words, "--store", "other")
    server.close()
    assert bad.returncode == 2
    assert "binance BTCUSDT: asked for tiers; it answered HTTP 401: " in bad.stderr
    assert "Check the API key and that it may read futures" in bad.stderr
    said = good.stdout + good.stderr + bad.stdout + bad.stderr
    kept = b"".join(contents(tmp_path).values()) + b"".join(p.read_bytes() for p in tmp_path.rglob("manifest.json"))
    for secret in ("the-key", "another-key", "the-well-kept-secret", "signature="):
        assert secret not in said
        assert secret.encode() not in kept
