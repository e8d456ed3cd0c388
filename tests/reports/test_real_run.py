"""From a strategy to the page through the engine itself: no made-up results here."""

import json

import numpy as np
import pandas as pd
import pytest

from backtester.account import Account
from backtester.compare import compare
from backtester.market import Market
from backtester.strategy import Strategy, Targets
from reports.write import write_report


class Hold(Strategy):
    """Long both from the first bar on."""

    notional: float = 4_000.0

    def targets(self, market: Market) -> Targets:
        return Targets(notional=np.full(market.close.shape, self.notional))


@pytest.fixture(scope="module")
def comparison():
    """BTC stays at 100; SOL dips from 100 to 88 inside bar 5 and recovers: 12 % at 10x."""
    hours = pd.date_range("2025-10-10 16:00", periods=12, freq="h", tz="UTC")
    flat = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), 100.0), index=hours)
    dip = flat.copy()
    dip.loc[hours[5], "low"] = 88.0
    market = Market.from_frames({"BTCUSDT": flat, "SOLUSDT": dip}, synthetic=True)
    return compare(Hold(), market, Account(balance=10_000, leverage=10))


def test_where_and_why_they_part(comparison):
    parting = comparison.parting
    assert parting.bar == 5
    assert str(parting).startswith("2025-10-10 21:00: isolated was liquidated on SOLUSDT (loss ")
    assert parting.why.endswith("while cross kept the position.")


def test_metrics_agree_with_the_runs(comparison):
    table = comparison.metrics
    assert table.at["liquidations", "isolated"] == 1
    assert table.at["liquidations", "cross"] == 0
    assert table.at["final_equity", "cross"] == pytest.approx(10_000 - comparison.cross.totals["fees"])
    # cross went through the dip, 12 % of 4,000, and came back; isolated lost at most what was posted
    assert table.at["max_drawdown_in_bars", "cross"] == pytest.approx(480 / 10_000, rel=0.02)
    assert table.at["liquidation_loss", "isolated"] <= 400.0 + 1e-9
    assert table.at["closest_to_liquidation", "isolated"] == 0.0
    assert table.at["peak_margin", "cross"] == pytest.approx(800.0)
    assert "Cross ended higher" in comparison.verdict


def test_bands_are_runs_of_their_own(comparison):
    assert list(comparison.bands["cross"]) == ["adverse", "candle", "favourable"]
    assert comparison.bands["cross"]["candle"].scenario.path == "candle"
    assert "Cross ends higher whatever the path inside the bars" in comparison.band_verdict


def test_report(comparison, tmp_path):
    page = write_report(comparison, tmp_path / "run", configuration={"leverage": 10})
    assert "Synthetic market" in page.read_text()
    killed = pd.read_parquet(tmp_path / "run" / "liquidations.parquet")
    assert killed["symbol"].tolist() == ["SOLUSDT"]
    equity = pd.read_parquet(tmp_path / "run" / "equity.parquet")
    assert equity.groupby("mode", observed=True).size().to_dict() == {"isolated": 12, "cross": 12}
    scenario = json.loads((tmp_path / "run" / "scenario-cross.json").read_text())
    assert scenario["account"]["mode"] == "cross"
    assert max(len(line) for line in str(comparison).splitlines()) <= 100
