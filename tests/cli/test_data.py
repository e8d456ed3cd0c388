"""`backtester data`: files into a store, what is in it, and files out of it."""

import json

import pandas as pd
import pytest

from tests.cli.picture_files import is_picture
from tests.data.rows import HOUR, START, candles, rates


@pytest.fixture
def data(backtester):
    def run(*arguments, code=0):
        process = backtester("data", *arguments)
        assert process.returncode == code, process.stdout + process.stderr
        assert "Traceback" not in process.stderr
        return process.stdout if code == 0 else process.stdout + process.stderr

    return run


@pytest.fixture
def folder(tmp_path):
    """Return a folder of files as another program may leave them."""
    for symbol in ("BTCUSDT", "ETHUSDT"):
        place = tmp_path / "in" / "binance" / symbol
        place.mkdir(parents=True)
        candles(240).to_parquet(place / "1h-trade.parquet")
        candles(240, price=99.9).to_parquet(place / "1h-mark.parquet")
        rates(range(0, 240, 8)).to_parquet(place / "funding.parquet")
    return tmp_path / "in"


# --- import ---


def test_a_folder_in_one_command_and_a_comparison_from_it(data, backtester, folder, tmp_path):
    said = data("import", folder)
    assert "binance ETHUSDT funding: 30 rows, times: ms since 1970" in said
    assert "  now 240 rows, 2025-10-10 00:00 to 2025-10-19 23:00 UTC, no gaps" in said
    assert "The store is candles. Look at it: backtester data list --store candles" in said
    arguments = ("--market", "candles/binance", "--require", "mark,funding", "--json")
    compared = backtester("compare", "breakout", *arguments)
    assert compared.returncode == 0, compared.stderr
    assert json.loads(compared.stdout)["configuration"]["market"]["symbols"] == ["BTCUSDT", "ETHUSDT"]


def test_a_csv_with_columns_of_its_own(data, tmp_path):
    candles().rename(columns={"open": "a", "close": "b"}).to_csv(tmp_path / "my.csv", index=False)
    arguments = ("import", "my.csv", "--store", "kept", "--venue", "binance", "--symbol", "BTC/USDT:USDT")
    said = data(*arguments, "--columns", "open=a, close=b", "--kind", "mark")
    assert "binance BTCUSDT 1h mark: 48 rows" in said
    assert pd.read_parquet(tmp_path / "kept" / "binance" / "BTCUSDT" / "1h-mark.parquet")["close"].sum() > 0
    again = candles().assign(open=101.0, high=105.0, low=90.0)
    again.to_csv(tmp_path / "again.csv", index=False)
    said = data("import", "again.csv", *arguments[2:], "--kind", "mark")
    assert "48 rows that were there had other numbers, and were replaced" in said


def test_many_files_are_told_by_venue_and_what_was_left_out_gives_exit_code_1(data, folder):
    for k in range(12):
        place = folder / "okx" / f"X{k}-USDT-SWAP"
        place.mkdir(parents=True)
        candles(50, first=k).to_parquet(place / "1h-trade.parquet")
    (folder / "okx" / "strange.csv").write_text("a,b\n1,2\n")
    said = data("import", folder, code=1)
    assert "Imported 18 files" in said
    assert ["okx", "trade", "12", "12", "600", "0"] in [line.split() for line in said.splitlines()]
    assert "Left out: 1 file" in said
    assert "strange.csv: its name does not say what it holds" in " ".join(said.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("import", "nowhere"), "error: there is no file or folder nowhere. Mend the path."),
        (("import", "my.csv"), "error: --venue: is needed for import of my.csv"),
        (("import", "my.csv", "--columns", "open"), "error: --columns: is not of the form ours=theirs; found 'open'"),
        (("import", "my.csv", "--venue", "v", "--symbol", "S", "--kind", "marks"), "error: --kind: is an unknown kind"),
        (("export", "out"), "error: there is no store in candles. Give its folder with --store"),
    ],
)
def test_bad_input_names_the_option(data, tmp_path, arguments, said):
    candles().to_csv(tmp_path / "my.csv", index=False)
    assert said in data(*arguments, code=2)


# --- list ---


def test_a_list_of_what_there_is(data, folder, tmp_path):
    path = folder / "binance" / "ETHUSDT" / "1h-trade.parquet"
    pd.concat([candles(100), candles(100, first=104)]).to_parquet(path)
    data("import", folder)
    lines = data("list").splitlines()
    assert lines[0].split() == ["binance", "what", "first", "last", "rows", "gaps", "held"]
    assert lines[7].split() == ["ETHUSDT", "1h", "trade", "2025-10-10", "2025-10-18", "200", "1", "98.03", "%"]
    assert lines[-1] == "2 symbols, 6 files, 980 rows; 1 file has gaps"
    assert max(map(len, lines)) < 80
    assert data("list", "--store", folder).splitlines() == lines  # a folder that no command wrote, too
    (facts,) = json.loads(data("list", "--symbols", "ETH", "--kinds", "trade", "--json"))
    assert (facts["rows"], facts["gaps"], facts["missing"]) == (200, 1, 4)
    assert facts["held_pct"] == pytest.approx(100 * 200 / 204)
    assert facts["source"] == "import of binance/ETHUSDT/1h-trade.parquet"
    assert "Perhaps you mean mark" in data("list", "--kinds", "marks", code=2)


# --- check ---


def test_a_report_on_quality_and_its_exit_codes(data, folder, tmp_path):
    data("import", folder)
    said = data("check")
    assert said == "6 files: 0 errors, 0 warnings\n"
    pd.concat([candles(100), candles(100, first=104)]).to_parquet(folder / "binance" / "ETHUSDT" / "1h-trade.parquet")
    data("import", folder, "--symbol", "ETHUSDT", "--store", "other")
    said = data("check", "--store", "other")
    assert "binance ETHUSDT\n  warning  1h trade   4 bars are missing between 2025-10-14 03:00 and 2025-10-14" in said
    assert data("check", "--store", "other", "--strict", code=1) == said
    candles(240, price=50.0).to_parquet(tmp_path / "candles" / "binance" / "BTCUSDT" / "1h-mark.parquet")
    found = json.loads(data("check", "--symbols", "BTCUSDT", "--spike", "10", "--json", code=1))
    assert (found[0]["severity"], found[0]["rule"], found[0]["kind"]) == ("error", "sha256", "mark")
    assert {each["rule"] for each in found} == {"sha256", "spikes"}
    assert "error: --spike: is no limit" in data("check", "--spike", "0", code=2)


# --- show ---


def test_a_chart_of_a_symbol(data, folder, tmp_path):
    data("import", folder)
    said = data("show", "BTC/USDT:USDT")
    assert said == (
        "BTCUSDT on binance: 240 bars of 1h, 2025-10-10 to 2025-10-19, none missing\nbinance-BTCUSDT-1h.png\n"
    )
    assert (tmp_path / "binance-BTCUSDT-1h.png").read_bytes()[:4] == b"\x89PNG"
    data("show", "ETH", "--start", "2025-10-12", "--end", "2025-10-14", "--picture", "charts/eth.svg")
    assert "48 bars of 1h" in (tmp_path / "charts" / "eth.svg").read_text()
    data("show", "ETH", "--picture", "eth.pdf")
    assert is_picture(tmp_path / "eth.pdf")
    said = data("show", "ETH", "--picture", "x.jpg", code=2)
    assert "--picture: is no picture's name; found 'x.jpg'; nearest: .png; allowed: .png, .svg, .pdf" in said
    assert "--timeframe: there are no such trade candles of ETH" in data("show", "ETH", "--timeframe", "5m", code=2)
    said = data("show", "ETH", "--start", "2026-01-01", code=2)
    assert "no bars of binance ETHUSDT 1h trade in this time; they are from 2025-10-10 00:00 to 2025-10-19" in said
    data("import", folder / "binance", "--venue", "mine")
    assert "--venue: ETH is there of several venues; found ''; allowed: binance, mine" in data("show", "ETH", code=2)


# --- repair ---


def test_repair_says_what_came_what_is_left_and_what_failed(data, folder, tmp_path):
    path = folder / "binance" / "ETHUSDT" / "1h-trade.parquet"
    pd.concat([candles(100), candles(100, first=104)]).to_parquet(path)
    data("import", folder, "--symbol", "ETHUSDT")
    data("import", folder / "binance" / "ETHUSDT", "--venue", "closed", "--kind", "trade")
    said = data("repair", "--offline")
    assert "binance ETHUSDT 1h trade: 0 rows came; 4 missing in 1 gap" in said
    assert said.endswith("4 files: 0 rows came; 2 have gaps\n")
    unreachable = ("--base-url", "http://127.0.0.1:9", "--retries", "1")
    said = data("repair", *unreachable, code=2)
    assert "error: binance: asked for its list of markets" in said
    assert "closed ETHUSDT 1h trade: 0 rows came; 4 missing in 1 gap\n  cannot be fetched again: " in said
    assert "4 missing in 1 gap\n  cannot be fetched again" in data("repair", "--venue", "closed")
    candles(20).to_parquet(tmp_path / "candles" / "binance" / "ETHUSDT" / "1h-mark.parquet")
    assert "1h-mark.parquet is not the file that was written" in data("repair", "--offline", code=2)
    assert "binance ETHUSDT 1h mark: taken as it is" in data("repair", "--offline", "--accept")
    assert "0 errors" in data("check")


# --- a run on what is not complete ---


def test_missing_funding_warns_and_strict_refuses(data, backtester, folder):
    rates([*range(0, 80, 8), *range(160, 240, 8)]).to_parquet(folder / "binance" / "ETHUSDT" / "funding.parquet")
    data("import", folder)
    arguments = ("compare", "breakout", "--market", "candles/binance")
    done = backtester(*arguments)
    assert done.returncode == 0
    assert done.stderr == (
        "warning: funding that is missing counts as none: funding of ETHUSDT covers 66.7 % of the settlements\n"
    )
    assert "data     6 files, fingerprint " in done.stdout
    done = backtester(*arguments, "--strict")
    assert (done.returncode, done.stdout) == (2, "")
    assert "error: the data are not complete: funding of ETHUSDT covers 66.7 %" in done.stderr
    assert backtester(*arguments, "--symbols", "BTCUSDT", "--strict").returncode == 0


def test_what_the_store_knows_of_the_venue_is_used_unless_it_is_not_wanted(data, backtester, folder, tmp_path):
    tiers = pd.DataFrame({"timestamp": START, "floor": [0.0], "maintenance_rate": [0.1], "max_leverage": [4.0]})
    tiers.to_parquet(folder / "binance" / "ETHUSDT" / "tiers.parquet")
    data("import", folder)
    markets = {"ETHUSDT": {"contract": "linear", "contract_size": 1.0, "lot": 1.0}}
    about = {"taken": "2025-10-20 00:00:00 UTC", "source": "ccxt", "tiers_in": "quote", "markets": markets}
    (tmp_path / "candles" / "binance" / "markets.json").write_text(json.dumps(about))
    arguments = ("compare", "breakout", "--market", "candles/binance", "--leverage", "4", "--json")
    notes = json.loads(backtester(*arguments).stdout)["notes"]
    assert any("tiers as they were captured into the store for ETHUSDT" in note for note in notes)
    assert any("as the venue gave them (ccxt, 2025-10-20) for ETHUSDT" in note for note in notes)
    plain = json.loads(backtester(*arguments, "--no-store-facts").stdout)["notes"]
    assert not any("the store" in note for note in plain)


# --- export ---


def test_an_export_and_the_names_that_are_not_there(data, folder, tmp_path):
    data("import", folder)
    said = data("export", "out", "--symbols", "BTC/USDT:USDT", "--kinds", "trade", "--start", "2025-10-11")
    assert said == "Wrote 1 file to out\n"
    table = pd.read_csv(tmp_path / "out" / "binance" / "BTCUSDT" / "1h-trade.csv")
    assert table["timestamp"][0] == START + 24 * HOUR
    assert "there is no symbol BTCUSD in the store; there are BTCUSDT, ETHUSDT" in data(
        "export", "more", "--symbols", "BTCUSD", code=2
    )
    assert "--format: is an unknown format; found 'feather'" in data("export", "more", "--format", "feather", code=2)
