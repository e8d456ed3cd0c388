"""Do the options for several strategies say what Python says, and is every slip refused in words?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pandas as pd
import pytest

from backtester import Account, Allocation, ConfigurationError, compare
from backtester.allocation import named
from backtester.cli import main
from backtester.cli.allocations import chosen_strategies
from data import synthetic
from strategies import FundingCarry, Trend

Backtester = Callable[..., CompletedProcess[str]]
TEAM = ("trend", "carry=funding_carry", "--market", "synthetic", "--end", "2024-02-01")


def test_the_options_are_what_python_says(backtester: Backtester) -> None:
    options = ("--modes", "mixed,sub_accounts", "--isolated", "carry", "--set", "trend.exposure=1", "--leverage", "5")
    allotted = ("--allocate", "trend:share=0.25,leverage=8", "--allocate", "Carry: share=0.5")
    done = backtester("compare", *TEAM, *options, *allotted, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)

    team = [Allocation(Trend(exposure=1.0), 0.25, leverage=8), Allocation(FundingCarry(), 0.5, name="carry")]
    market = synthetic(31 * 24, 6, seed=7)
    expected = compare(team, market, Account(leverage=5, isolated=("carry",)), ["mixed", "sub_accounts"])
    assert said["strategy"] == expected.first.strategy
    assert said["metrics"] == json.loads(json.dumps(expected.to_dict()["metrics"]))
    assert said["by_strategy"] == json.loads(json.dumps(expected.to_dict()["by_strategy"]))
    assert said["configuration"]["account"]["isolated"] == ["carry"]
    first, second = said["configuration"]["strategies"]
    assert (first["name"], first["class"], first["allocation"]) == ("trend", "Trend", {"share": 0.25, "leverage": 8.0})
    assert (second["name"], second["allocation"]) == ("funding_carry", {"name": "carry", "share": 0.5})


def test_the_report_shows_each_strategy(backtester: Backtester, tmp_path: Path) -> None:
    done = backtester("compare", *TEAM, "--allocate", "trend:share=0.3", "--out", "team")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "What each strategy made of it" in lines
    assert max(map(len, lines)) <= 100
    named = [line.split()[0] for line in lines[lines.index("What each strategy made of it") :] if line[:4] == "    "]
    assert [name for name in named if name in ("Trend", "carry", "together")] == ["Trend", "carry", "together"] * 2
    page = (tmp_path / "team" / "report.html").read_text()
    assert "What each strategy made of it" in page
    assert page.count('<th scope="row">carry</th>') == 2
    told = pd.read_parquet(tmp_path / "team" / "by_strategy.parquet")
    metrics = json.loads((tmp_path / "team" / "report.json").read_text())
    assert told.groupby("mode", observed=True)["pnl"].sum().to_dict() == pytest.approx(
        {mode: equity - 10_000.0 for mode, equity in metrics["metrics"]["final_equity"].items() if mode != "difference"}
    )


def test_one_strategy_has_no_such_table(backtester: Backtester) -> None:
    done = backtester("compare", "trend", "--market", "synthetic", "--end", "2024-01-20")
    assert "What each strategy" not in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--allocate", "trend"], "--allocate: is not of the form strategy:name=value; found 'trend'. Write --al"),
        (["--allocate", "trend:share"], "--allocate trend: is not of the form name=value; found 'share'. Write"),
        (["--allocate", "tred:share=1"], "--allocate: names no strategy of this run; found 'tred'; nearest: Trend"),
        (["--allocate", "trend:shar=1"], "--allocate trend: is nothing that is allotted; found 'shar'; nearest: share"),
        (["--allocate", "trend:share=30"], "--allocate Trend:share: is more than the account; found 30.0"),
        (["--allocate", "trend:leverage=x"], "--allocate Trend:leverage: is not a number; found 'x'"),
        (["--allocate", "trend:margin_mode=x"], "--allocate Trend:margin_mode: is an unknown margin_mode; found 'x'"),
        (["--allocate", "trend:share=0.9", "--allocate", "carry:share=0.3"], "--allocate share: sum to more than 1"),
        (["--allocate", "trend:margin_mode=isolated"], "--allocate: has no effect in isolated and cross, where all"),
        (["--set", "exposure=1"], "--set: does not say whose parameter it is; found 'exposure=1'; nearest: Trend.exp"),
        (["--set", "tred.exposure=1"], "--set: names no strategy of this run; found 'tred'; nearest: Trend"),
        (["--set", "carry.window=1"], "parameters of FundingCarry: no such parameter; found 'window'"),
        (["--isolated", "trend"], "--isolated: has no effect in isolated and cross, where all positions"),
        (["--isolated", "tred", "--modes", "mixed"], "--isolated: names no slot, strategy or symbol; found 'tred'"),
    ],
)
def test_slips_are_refused(
    options: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["backtester", "compare", *TEAM, *options])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr()
    assert (end.value.code, said.out) == (2, "")
    assert said.err.startswith(f"error: {message}")


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"--set: names several strategies.*Name them apart: a=trend b=Trend"):
        chosen_strategies(["trend", "Trend"], ["trend.fast=8"], [])
    apart = chosen_strategies(["a=trend", "b=Trend"], ["a.fast=8", "B.fast=12"], [])
    assert [(each.name, each.strategy.parameters()["fast"]) for each in apart] == [("a", 8), ("b", 12)]


def test_one_strategy_needs_no_name_before_its_parameters() -> None:
    plain, named = (chosen_strategies(["trend"], [text], [])[0] for text in ("band=0.25", "trend.band=0.25"))
    assert plain.strategy.parameters() == named.strategy.parameters()
    assert plain.strategy.parameters()["band"] == 0.25


def test_isolated_names_are_found_in_any_spelling() -> None:
    chosen = chosen_strategies(["trend", "core=core_and_small_cap"], [], [])
    symbols = ["BTC/USDT:USDT", "SOL/USDT:USDT"]
    given = ["TREND", "Core", "SOLUSDT", "core SOL/USDT:USDT", "nothing"]
    found = named(Account(isolated=tuple(given), shares={"trend": 0.5, "SOL": 0.25}), chosen, symbols)
    assert found.isolated == ("Trend", "core", "SOL/USDT:USDT", "core SOL/USDT:USDT", "nothing")
    assert found.shares == {"Trend": 0.5, "SOL/USDT:USDT": 0.25}
    with pytest.raises(ConfigurationError, match=r"account\.shares: name one sub-account twice.*'SOLUSDT'"):
        named(Account(shares={"SOLUSDT": 0.25, "SOL": 0.25}), chosen, symbols)
