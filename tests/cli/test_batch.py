"""Do `backtester batch`, in a real process, and `backtester results` say, show and write what they should?"""

from __future__ import annotations

import csv
import json
import re
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pandas as pd
import pytest

from backtester.batch import run_plan
from backtester.cli import main
from tests.cli.candle_folder import put
from tests.cli.picture_files import is_picture
from tests.cli.test_compare import in_terminal

Backtester = Callable[..., CompletedProcess[str]]
Results = Callable[..., tuple[int, str, str]]
SYNTHETIC = "SYNTHETIC MARKET: made-up prices, not a record of any venue.\n\n"
PLAN = """
strategy = "grid_reversion"
params.exposure = [2, 6]
market = "synthetic"
symbols = "FAKE1,FAKE2"
period = { start = 2024-01-01, end = 2024-01-11 }
seed = [1, 2, 3]
leverage = [5, 20, 50]

[[exclude]]
mode = "cross"
leverage = 50
"""


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Results:
    """Return a function that runs `backtester results` in this process: exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["backtester", "results", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        return (int(left.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def plan(tmp_path: Path) -> str:
    (tmp_path / "plan.toml").write_text(PLAN)
    return "plan.toml"


def test_a_plan_is_run_and_read(backtester: Backtester, results: Results, plan: str, tmp_path: Path) -> None:
    dry = backtester("batch", plan, "--dry-run", "--workers", 2)
    assert (dry.returncode, dry.stderr) == (0, "")
    assert dry.stdout.splitlines()[:6] == [
        "plan.toml: 30 runs",
        "  market           synthetic",
        "  seed             1, 2, 3",
        "  strategy         grid_reversion",
        "  params.exposure  2, 6",
        "  leverage         5, 20, 50",
    ]
    assert "without: leverage 50; mode cross" in dry.stdout
    assert re.search(r"About .* GiB with 2 threads, if all runs are like the first \(tried in .*\)\.", dry.stdout)
    assert not (tmp_path / "out").exists()

    done = backtester("batch", plan, "--workers", 1)
    assert (done.returncode, done.stderr) == (0, "")
    assert "30 runs done: out/plan\nRead them: backtester results out/plan\n" in done.stdout
    refused = backtester("batch", plan)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("error: --out: has runs of a batch; found 'out/plan'. Go on there with --resume")
    again = backtester("batch", plan, "--resume")
    assert "0 runs done, 30 finished before: out/plan" in again.stdout

    code, shown, errors = results("out/plan", "--top", 2)
    assert (code, errors) == (0, "")
    assert shown.startswith(f"{SYNTHETIC}30 runs\n\nisolated, best by final equity\n")
    assert shown.count("best by") == shown.count("worst by") == 2
    _, along, _ = results("out/plan", "--along", "leverage")
    assert "Higher median final equity, along leverage: " in along
    _, grouped, _ = results("out/plan", "--group", "mode", "--where", "leverage=50")
    assert [line.split()[:2] for line in grouped.splitlines()[5:]] == [["isolated", "6"]]
    rows = json.loads(results("out/plan", "--json", "--sort", "fees", "--ascending")[1])
    assert [row["fees"] for row in rows] == sorted(row["fees"] for row in rows)
    falling = [row["fees"] for row in json.loads(results("out/plan", "--json", "--sort", "fees")[1])]
    assert falling == [row["fees"] for row in rows][::-1]
    assert (len(rows), rows[0]["time_of_ruin"]) == (30, None)

    for name in ("rows.csv", "rows.json", "rows.parquet"):
        assert results("out/plan", "--where", "mode=cross", "--export", name) == (0, f"12 rows: {name}\n", "")
    assert len(list(csv.DictReader((tmp_path / "rows.csv").read_text().splitlines()))) == 12
    assert len(json.loads((tmp_path / "rows.json").read_text())) == 12
    assert (pd.read_parquet(tmp_path / "rows.parquet")["mode"] == "cross").all()


def test_large_numbers_are_told_in_full(backtester: Backtester, results: Results, tmp_path: Path) -> None:
    plan = PLAN.replace("seed = [1, 2, 3]", "balance = [1000000, 1234567.5]").replace("leverage = [5, 20, 50]", "")
    (tmp_path / "plan.toml").write_text(plan[: plan.index("[[")])
    assert "  balance          1000000, 1234567.5\n" in backtester("batch", "plan.toml").stdout
    shown = results("out/plan")[1]
    assert "  1,000,000  " in shown
    assert "  1,234,567.5  " in shown
    assert "from 1,000,000 to 1,234,567.5" in results("out/plan", "--along", "balance")[1]


def test_failures_are_counted_shown_and_the_exit_code(
    backtester: Backtester, results: Results, tmp_path: Path
) -> None:
    plan = PLAN.replace('"FAKE1,FAKE2"', '["BTCUSDT", "FAKE1,FAKE2"]')
    (tmp_path / "plan.toml").write_text(plan)
    done = backtester("batch", "plan.toml", "--out", "out")
    assert done.returncode == 1
    assert "The first run fails, so time and memory cannot be told:\n  symbols: the synthetic market has" in done.stdout
    assert "60 runs done, 30 failed: out\nRead them: backtester results out --failed\n" in done.stdout
    _, failed, _ = results("out", "--failed")
    assert failed.startswith(f"{SYNTHETIC}30 failed runs\n\n30 runs: symbols: the synthetic market has no such symbol")
    assert "the first: strategy=grid_reversion, market=synthetic, symbols=BTCUSDT" in " ".join(failed.split())
    assert results("out")[1].startswith(f"{SYNTHETIC}60 runs, 30 failed (--failed shows why)\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("batch", "none.toml"), "error: PLAN: cannot be read: No such file or directory; found 'none.toml'"),
        (("batch", "plan.toml", "--workers", 0), "error: --workers: cannot be used; found 0"),
        (("batch", "wrong.toml"), "error: wrong.toml: leverge: is an unknown key; found 'leverge'; nearest: leverage"),
        (("results", "none"), "error: DIR: is no folder; found 'none'"),
    ],
)
def test_what_is_refused(
    backtester: Backtester, plan: str, tmp_path: Path, arguments: tuple[object, ...], words: str
) -> None:
    (tmp_path / "wrong.toml").write_text(PLAN.replace("leverage = [5", "leverge = [5"))
    said = backtester(*arguments)
    assert (said.returncode, said.stdout) == (2, "")
    assert words in said.stderr
    assert not (tmp_path / "out").exists()


def test_maps_and_frontiers_are_shown_written_and_drawn(results: Results, plan: str, tmp_path: Path) -> None:
    run_plan(plan, "out", workers=1)
    code, shown, errors = results("out", "--heat", "leverage,params.exposure", "--picture", "map.svg")
    assert (code, errors) == (0, "")
    assert shown.startswith(f"{SYNTHETIC}final equity, isolated: leverage across, params.exposure down\n")
    assert re.search(r"Higher final equity: isolated in \d and cross in \d of 4 cells.\nmap.svg\n$", shown)
    rows = json.loads(results("out", "--heat", "leverage,params.exposure", "--json")[1])
    assert len(rows) == 12
    (gone,) = {(row["leverage"], row["mode"]) for row in rows if row["final_equity"] is None}
    assert gone == (50, "cross")  # excluded
    assert results("out", "--heat", "leverage,seed", "--export", "map.csv")[1] == "18 rows: map.csv\n"
    code, shown, errors = results("out", "--along", "leverage", "--json", "--picture", "along.png")
    assert (code, errors, len(json.loads(shown))) == (0, "along.png\n", 5)
    assert results("out", "--along", "leverage", "--picture", "along.pdf")[1].endswith("along.pdf\n")
    assert all(map(is_picture, (tmp_path / name for name in ("map.svg", "along.png", "along.pdf"))))
    drawing = (tmp_path / "map.svg").read_text()
    assert re.search(r"<dc:title>Higher final equity: isolated in \d and cross in \d of 4 cells</dc:title>", drawing)


@pytest.mark.parametrize(("symbol", "synthetic"), [("FAKE1USDT", True), ("BTCUSDT", False)])
def test_a_made_up_market_is_called_so_also_where_it_lies_in_a_folder(
    results: Results, tmp_path: Path, symbol: str, synthetic: bool
) -> None:
    put(tmp_path / "candles", symbol)
    market = str(tmp_path / "candles")
    run_plan({"strategy": "grid_reversion", "market": market, "leverage": [5, 10]}, "out", workers=1)
    code, shown, _ = results("out", "--html", "page.html", "--along", "leverage", "--picture", "along.svg")
    assert code == 0
    assert shown.startswith(SYNTHETIC) == synthetic
    assert ("Synthetic market" in (tmp_path / "page.html").read_text()) == synthetic
    assert ("made-up prices" in (tmp_path / "along.svg").read_text()) == synthetic
    assert {row["synthetic"] for row in json.loads(results("out", "--json")[1])} == {synthetic}


def test_a_page_of_a_batch_tells_its_plan_and_how_to_repeat_it(
    backtester: Backtester, results: Results, plan: str, tmp_path: Path
) -> None:
    assert backtester("batch", plan, "--out", "out", "--workers", 1).returncode == 0
    assert (tmp_path / "out" / "plan.toml").read_bytes() == (tmp_path / "plan.toml").read_bytes()
    code, shown, errors = results("out", "--html", "page.html", "--where", "leverage<50")
    assert (code, errors, shown.splitlines()[-1]) == (0, "", "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "backtester batch out/plan.toml --out out --resume" in page
    assert "params.exposure = [2, 6]" in page
    assert "leverage&lt;50" in page
    assert page.count("<img") == 2 + 3
    again = backtester("batch", "out/plan.toml", "--out", "out", "--resume")
    assert "0 runs done, 30 finished before: out" in again.stdout
    (tmp_path / "out" / "plan.toml").unlink()
    assert results("out", "--html", "page.html", "--heat", "seed,leverage", "--json")[2] == "page.html\n"
    page = (tmp_path / "page.html").read_text()
    assert "backtester batch PLAN.toml --out out --resume  # the plan is not in the folder" in page
    assert "seed across, leverage up" in re.sub(r"\s+", " ", drawn(page))


def drawn(page: str) -> str:
    """Return the charts of a page, one after another."""
    return "".join(b64decode(each).decode() for each in re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page))


def test_results_refuse_columns_and_endings_that_are_not_there(results: Results, plan: str) -> None:
    run_plan(plan, "out", workers=1)
    for options, words in (
        (("--sort", "final_equty"), "error: --sort: is no column of these runs; found 'final_equty'; nearest: final"),
        (("--columns", "fee"), "error: --columns: is no column of these runs; found 'fee'; nearest: fees"),
        (("--group", "levrage"), "error: --group: is no column of these runs"),
        (("--along", "symbols"), "error: --along: holds no numbers"),
        (("--where", "leverage"), "error: --where: is no condition"),
        (("--export", "rows.xlsx"), "error: --export: has no known ending; found 'rows.xlsx'"),
        (("--heat", "leverage"), "error: --heat: names not two settings; found 'leverage'"),
        (("--heat", "leverage,seeds"), "error: --heat: is no column of these runs; found 'seeds'; nearest: seed"),
        (("--heat", "leverage,seed", "--measure", "fee"), "error: --measure: is no measure; found 'fee'"),
        (("--heat", "leverage,seed", "--picture", "map.jpg"), "error: --picture: is no picture's name; found 'map"),
        (("--html", "page.htm"), "error: --html: is no page's name; found 'page.htm'. Let it end in .html"),
        (("--picture", "map.png"), "error: --picture: has nothing to show; found 'map.png'. Say what is drawn"),
    ):
        code, said, errors = results("out", *options)
        assert (code, said) == (2, "")
        assert words in errors


def test_a_terminal_gets_progress_and_tables_that_fit(plan: str, tmp_path: Path) -> None:
    shown = in_terminal(tmp_path, "batch", plan, "--out", "out", "--workers", "1")
    assert re.search(r"30/30 .*[\d.]+ runs/s", shown)
    assert "30 runs done: out" in shown
    table = in_terminal(tmp_path, "results", "out")
    assert "isolated, best by final equity" in table
