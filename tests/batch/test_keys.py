"""Does the key of a run change with everything that its numbers depend on, and with nothing else?"""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtester.asking.sources import Sources, source_of
from backtester.batch import plan_of
from backtester.batch.keys import Keys
from backtester.batch.shared import Shared
from backtester.batch.tasks import jobs_of
from backtester.fingerprints import bytes_of, content_of, engine_files
from backtester.market import PRICES
from data import synthetic
from strategies import load_class
from tests.batch.small import PERIOD, fragile
from tests.cli.candle_folder import candles, put, rates

ROOT = Path(__file__).resolve().parents[2]
PLAIN: dict[str, Any] = {"strategy": "trend", "market": "synthetic", "symbols": "FAKE1", "period": PERIOD}
MAIN = """
import numpy as np
from backtester import Strategy, Targets
from near_{n} import FACTOR
from own_{n}.sizes import SIZES
from strategies import Trend

class Mine(Strategy):
    def targets(self, market):
        from late_{n} import late

        return Targets(notional=late(FACTOR * SIZES[0]))

class Heir(Trend):
    pass
"""


def keys(**changes: Any) -> list[str]:
    plan = plan_of(PLAIN | changes)
    made = Keys(plan, Shared(plan, 1))
    return [job.key for _, jobs in jobs_of(plan, made.on) for job in jobs]


@pytest.mark.parametrize(
    "changes",
    [
        {"metrics": "plain"}, {"check": False}, {"store_facts": False}, {"strategy": "breakout"},
        {"params": {"band": 0.5}}, {"symbols": "FAKE2"}, {"seed": 8}, {"timeframe": "2h"}, {"leverage": 11},
        {"simulation_timeframe": "15m"}, {"period": {"start": "2024-01-01", "end": "2024-01-12"}}, {"balance": 9_000},
        {"venue": "binance"}, {"rules": {"slippage": 0.001}}, {"path": "close"}, {"mode": ["cross", "isolated"]},
    ],
    ids=str,
)  # fmt: skip
def test_every_setting_changes_the_keys(changes: dict[str, Any]) -> None:
    assert not set(zip(keys(), range(9), strict=False)) & set(zip(keys(**changes), range(9), strict=False))


def test_who_does_the_work_and_how_a_number_is_written_do_not() -> None:
    assert keys() == keys(processes=True) == keys(curves=True) == keys(leverage=10.0) == keys(venue="generic", seed=7)


@pytest.mark.parametrize("name", [*PRICES, "rate", "mark_price", "time", "detail"])
def test_every_number_of_a_market_counts(name: str) -> None:
    market = synthetic(48, 2, seed=1, detail="30m")
    assert content_of(market) == content_of(synthetic(48, 2, seed=1, detail="30m"))
    if name == "detail":
        other = replace(market, detail=synthetic(48, 2, seed=1, detail="15m").detail)
    elif name in PRICES:
        factor = 1.0 + 1e-9 if name.endswith("high") else 1.0 - 1e-9 if name.endswith("low") else 1.0
        values = getattr(market, name).copy()
        values[5, 1] = values[5, 1] * factor if factor != 1.0 else np.nextafter(values[5, 1], values[5, 0])
        other = replace(market, **{name: values})
    else:
        column = getattr(market.funding, name).copy()
        column[-1] += 1 if name == "time" else 1e-9
        other = replace(market, funding=market.funding._replace(**{name: column}))
    assert content_of(other) != content_of(market)


def test_candles_that_change_in_their_place_change_the_keys(tmp_path: Path) -> None:
    changes = {"market": str(put(tmp_path / "one", trade=candles(0))), "symbols": "all", "period": {}}
    before = keys(**changes)
    assert keys(**changes) == before
    put(tmp_path / "one", trade=candles(1))
    after = keys(**changes)
    assert not set(before) & set(after)
    put(tmp_path / "one", trade=candles(1), funding=rates())
    assert not set(before + after) & set(keys(**changes))
    (tmp_path / "one" / "BTCUSDT" / "1h-trade.parquet").write_text("spoilt")  # runs with what they fail with
    assert not set(before + after) & set(keys(**changes))


@pytest.mark.parametrize("name", ["synthetic", "processes"])
def test_how_a_synthetic_market_is_made_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = keys()
    copy = tmp_path / f"{name}.py"
    copy.write_bytes(Path(str(importlib.import_module(f"data.{name}").__file__)).read_bytes() + b"# edited")
    monkeypatch.setattr(importlib.import_module(f"data.{name}"), "__file__", str(copy))
    bytes_of.cache_clear()
    assert not set(before) & set(keys())
    monkeypatch.undo()
    bytes_of.cache_clear()
    assert keys() == before


def test_the_rules_of_a_venues_file_count(tmp_path: Path) -> None:
    from backtester.venue import FOLDER

    mine = tmp_path / "mine.toml"
    text = (FOLDER / "generic.toml").read_text()
    mine.write_text(text)
    before = keys(venue=str(mine))
    mine.write_text(text.replace("taker_fee_rate = 0.0005", "taker_fee_rate = 0.0006"))
    assert mine.read_text() != text
    assert not set(before) & set(keys(venue=str(mine)))


def test_the_engine_is_every_module_that_a_run_loads() -> None:
    """Of batches and commands, nothing is reckoned with: they say which runs there are."""
    code = (
        "import sys\nfrom backtester import Account, Strategy, compare\nfrom data import synthetic\n"
        "class Once(Strategy):\n    def on_bar(self, bar):\n        bar[0].buy(notional=1_000.0)\n"
        "compare(Once(), synthetic(30, 1), Account())\n"
        "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('backtester')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {Path(name).resolve() for name in done.stdout.split()}
    assert len(loaded) > 40
    assert loaded <= {file.resolve() for file in engine_files()}


def test_all_that_a_strategy_imports_from_its_author_counts(tmp_path: Path) -> None:
    n = tmp_path.name.replace("-", "_")
    files = {
        f"near_{n}.py": f"from far_{n} import *\nFACTOR = DOUBLE\n",
        f"far_{n}.py": "DOUBLE = 2\n",
        f"own_{n}/__init__.py": "",
        f"own_{n}/sizes.py": "from .deeper import SIZES\n",
        f"own_{n}/deeper.py": "SIZES = [500.0]\n",
        f"late_{n}.py": "def late(size):\n    return size\n",
        "mine.py": MAIN.format(n=n),
    }
    for name, source in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source)
    (tmp_path / "unused.py").write_text("1")
    mine = f"{tmp_path}/mine.py:Mine"
    seen = {source_of(load_class(mine))[0]}
    assert source_of(load_class(f"{tmp_path}/mine.py:Heir"))[0] not in seen
    (tmp_path / "unused.py").write_text("2")
    assert source_of(load_class(mine))[0] in seen
    for name in files:
        (tmp_path / name).write_text(files[name] + "# edited\n")
        assert source_of(load_class(mine))[0] not in seen, name
        seen.add(source_of(load_class(mine))[0])


def test_a_file_that_is_edited_while_a_batch_runs_is_noticed(tmp_path: Path) -> None:
    sources, name = Sources(), fragile(tmp_path)
    before = sources.of(name)
    assert sources.of(name) == before
    (tmp_path / "fragile.py").write_text((tmp_path / "fragile.py").read_text() + "# edited\n")
    assert sources.of(name) != before


def test_the_parent_of_a_strategy_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it is imported from: here the gallery."""
    trend = importlib.import_module("strategies.trend")
    copy = tmp_path / "copy" / "trend.py"
    copy.parent.mkdir()
    copy.write_text(Path(str(trend.__file__)).read_text())
    (tmp_path / "heir.py").write_text("from strategies import Trend\n\nclass Heir(Trend):\n    pass\n")
    before = source_of(load_class(f"{tmp_path}/heir.py:Heir"))[0]
    monkeypatch.setattr(trend, "__file__", str(copy))
    assert source_of(load_class(f"{tmp_path}/heir.py:Heir"))[0] == before
    copy.write_text(copy.read_text() + "# edited\n")
    assert source_of(load_class(f"{tmp_path}/heir.py:Heir"))[0] != before


def test_a_file_that_is_no_python_is_left_to_whoever_imports_it(tmp_path: Path) -> None:
    name = fragile(tmp_path)
    with (tmp_path / "fragile.py").open("a") as file:
        file.write("\ndef later():\n    import broken_one\n")
    (tmp_path / "broken_one.py").write_text("def (")
    before = source_of(load_class(name))[0]
    (tmp_path / "broken_one.py").write_text("def (:")
    assert source_of(load_class(name))[0] != before
