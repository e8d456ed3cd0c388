"""docs/gallery.md and its pictures, from the synthetic market: ``python -m tests.reports.gallery`` makes them again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from backtester import Account, Comparison, compare, compare_venues
from backtester.batch import read_runs, run_plan
from backtester.batch.along import along, said
from backtester.batch.heat import heat
from backtester.bootstrap import bootstrap
from backtester.stress import stress
from backtester.walk_forward import walk_forward
from data import synthetic
from reports import charts, findings, ranges
from reports.across import finding, venue_equity_chart
from reports.canvas import WIDE, Size, png
from reports.capital import capital_chart, capital_finding
from reports.closeup import close_up_chart, close_up_finding, largest
from reports.frontier import frontier_chart
from reports.heat import heat_chart
from reports.mode_map import map_chart, map_finding
from reports.sampling import drawdown_chart, drawdown_finding, ruin_chart, ruin_finding
from reports.symbol_chart import Candles, Rates, symbol_chart
from reports.walk_forward import finding as walked
from reports.walk_forward import walk_forward_chart
from reports.waterfall import waterfall_chart
from strategies import load_class

DOCS = Path(__file__).resolve().parents[2] / "docs"
PICTURES = "images/gallery"
DOTS = 90  # per inch
SEED = 39  # the demo's
HEAD = """# Gallery

One picture for each chart, and the question that it answers. The market is synthetic; `python -m tests.reports.gallery`
makes pictures and page again. A mode has the same colour, mark and line style everywhere: people with any of the common
forms of colour blindness tell them apart, and so does a copy in grey (`tests/reports/test_palette.py`).
"""
TAIL = """## The page

**Everything at once, and what happened when?** Panels over time that zoom, on the page of every comparison:
[report.md](report.md).

![The first screen of the page: verdict, table of numbers, equity and drawdown of both modes](images/report.png)
"""


class Shown(NamedTuple):
    """A chart in the gallery.

    Parameters
    ----------
    name : str
        Of its picture.
    title, question : str
    where : str
        Where a user meets it.
    chart : callable
        The function of `reports` that draws it.
    of : callable
        Returns what it is drawn of.
    finding : callable
        Returns what it says, of the same.
    """

    name: str
    title: str
    question: str
    where: str
    chart: Callable[..., Figure]
    of: Callable[[], Any]
    finding: Callable[[Any], str]

    def draw(self, size: Size = WIDE) -> Figure:
        """Return the chart."""
        of = self.of()
        return self.chart(*of, size=size) if type(of) is tuple else self.chart(of, size)


def _strategy(exposure: float) -> Any:
    return load_class("grid_reversion").from_text((f"exposure={exposure:g}",))


@cache
def demo() -> Comparison:
    """Return the comparison of the demo."""
    return compare(_strategy(8.0), synthetic(n_bars=2160, n_instruments=6, seed=SEED), Account(leverage=20))


@cache
def _venues() -> Any:
    market = synthetic(n_bars=1440, n_instruments=3, seed=SEED)
    return compare_venues(_strategy(8.0), market, Account(leverage=20), ["okx", "kraken", "binance"])


@cache
def _stressed() -> Any:
    shocks = ["gap:-0.2@50%", "flash_crash:0.3@60%", "outage:24@40%"]
    return stress(_strategy(8.0), synthetic(n_bars=960, n_instruments=3, seed=7), Account(leverage=20), shocks)


@cache
def _drawn() -> Any:
    market = synthetic(n_bars=960, n_instruments=3, seed=7)
    return bootstrap(_strategy(8.0), market, Account(leverage=20), draws=100, threads=1)


@cache
def _rows() -> Any:
    """Return the rows of a batch: two parameters, five leverages, both modes."""
    plan = {
        "strategy": "grid_reversion", "params": {"exposure": [2, 4, 8], "rungs": [2, 3, 4]}, "market": "synthetic",
        "symbols": "FAKE1,FAKE2", "period": {"start": "2024-01-01", "end": "2024-02-15"}, "seed": [0, 1],
        "leverage": [2, 5, 10, 20, 50], "mode": ["isolated", "cross"],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        run_plan(plan, Path(folder) / "runs", workers=1)
        return read_runs(Path(folder) / "runs")


def _frontier() -> tuple[Any, str]:
    return along(_rows(), "leverage"), "leverage"


def _heat() -> Any:
    return heat(_rows(), ("params.exposure", "leverage"), "final_equity")


@cache
def _walked() -> Any:
    plan = {"strategy": "trend", "market": "synthetic", "symbols": "FAKE1,FAKE2"}
    period = {"period": {"start": "2024-01-01", "end": "2024-03-01"}, "walk_forward": {"train": "240h", "test": "120h"}}
    return walk_forward({**plan, **period}, workers=1)


@cache
def _worst() -> tuple[Comparison, str, int]:
    """Return the liquidation with the largest loss."""
    ((mode, number),) = largest(demo(), 1)[:1]
    return demo(), mode, number


@cache
def _symbol() -> tuple[str, Candles, Candles, Rates]:
    """Return title, trade, mark and funding of an instrument, without two days of the mark."""
    market = synthetic(n_bars=1440, n_instruments=1, seed=SEED)
    time, (lost, back) = market.open_time, (600, 648)
    bars = [market.high[:, 0], market.low[:, 0], market.close[:, 0]]
    marks = [market.mark_high[:, 0], market.mark_low[:, 0], market.mark_close[:, 0]]
    kept = [*range(lost), *range(back, len(time))]
    hole = ((int(time[lost]), int(time[back])),)
    mark = Candles(time[kept], *(each[kept] for each in marks), hole)
    funding = market.funding
    title = f"{market.symbols[0]}: {market.n_bars:,} bars of 1h, mark prices of {back - lost} missing; made up"
    return title, Candles(time, *bars), mark, Rates(funding.time, funding.rate)


GALLERY = (
    Shown(
        "equity", "Equity", "Which mode earned more, and when did each lose what?",
        "the page, `charts/equity`, notebooks", charts.equity_chart, demo, findings.equity,
    ),
    Shown(
        "underwater", "Drawdown", "How deep did each mode fall, on closes and inside the bars?",
        "the page, `charts/underwater`", charts.underwater_chart, demo, findings.drawdown,
    ),
    Shown(
        "attribution", "Why they differ", "Which kinds of trades make the difference in final equity?",
        "the page, `charts/attribution`", waterfall_chart, demo, findings.attribution,
    ),
    Shown(
        "liquidations", "Liquidations", "When was what liquidated, in which mode, and what did it cost?",
        "the page, `charts/liquidations`", charts.liquidation_chart, demo, findings.liquidations,
    ),
    Shown(
        "margin-ratio", "Margin ratio", "How close to liquidation was each mode, and how often?",
        "the page, `charts/margin-ratio`", charts.margin_ratio_chart, demo, findings.margin,
    ),
    Shown(
        "capital", "Capital", "How much money was at work, and how much lay idle?",
        "the page, `charts/capital`", capital_chart, demo, capital_finding,
    ),
    Shown(
        "close-up", "A liquidation close up",
        "What happened in the hours around it, and what would each position have been worth?",
        "the page, `charts/close-up-...`; `compare --close-ups N`", close_up_chart, _worst,
        lambda of: close_up_finding(*of),
    ),
    Shown(
        "mode-map", "Map of accounts", "Which of many accounts earned much for how deep a fall?",
        "the page of more than two modes, of several venues and of several leverages", map_chart, _venues, map_finding,
    ),
    Shown(
        "ruin", "Ruin", "How probable is it to fall to a part of the balance?",
        "the page of `compare --draws N`, `charts/ruin`", ruin_chart, lambda: _drawn().comparison, ruin_finding,
    ),
    Shown(
        "drawdowns", "Drawdowns of the draws", "How deep can it get, and is the difference of the modes luck?",
        "the page of `compare --draws N`, `charts/drawdowns`", drawdown_chart, lambda: _drawn().comparison,
        drawdown_finding,
    ),
    Shown(
        "venues", "Venues", "Does the venue matter more than the mode?",
        "the page of `compare --venue A,B`, `charts/equity`, notebooks", venue_equity_chart, _venues, finding,
    ),
    Shown(
        "stress", "Shocks", "What do gaps, crashes and outages do to each mode?",
        "`backtester stress --picture FILE`, notebooks: `stress(...)`",
        ranges.stress_chart, _stressed, ranges.stress_finding,
    ),
    Shown(
        "bootstrap", "Draws", "How sure is the outcome, or was it this market's luck?",
        "`backtester bootstrap --picture FILE`, notebooks: `bootstrap(...)`",
        ranges.bootstrap_chart, _drawn, ranges.bootstrap_finding,
    ),
    Shown(
        "frontier", "Frontier", "What does each mode come to along a setting, and where do they cross over?",
        "`backtester results FOLDER --along leverage --picture FILE`, its page",
        partial(frontier_chart, synthetic=True), _frontier, lambda of: said(*of)[0].rstrip("."),
    ),
    Shown(
        "heat", "Map of a batch", "Which settings suit which mode?",
        "`backtester results FOLDER --heat X,Y --picture FILE`, its page", heat_chart, _heat, lambda of: of.said,
    ),
    Shown(
        "walk-forward", "Walk-forward", "Does it hold on bars that its parameters were not chosen on?",
        "`backtester walk-forward --picture FILE`", walk_forward_chart, _walked, walked,
    ),
    Shown(
        "symbol", "Data of a symbol", "Can the candles, marks and fundings be trusted, and what is missing?",
        "`backtester data show --picture FILE`", partial(symbol_chart, unit="USDT"), _symbol, lambda of: of[0],
    ),
)  # fmt: skip


def page() -> str:
    """Return docs/gallery.md."""
    parts = []
    for each in GALLERY:
        picture = f"![{each.finding(each.of())}]({PICTURES}/{each.name}.png)"
        parts.append(f"## {each.title}\n\n**{each.question}** ({each.where})\n\n{picture}\n")
    return "\n".join([HEAD, *parts, TAIL])


def main() -> None:
    """Write the page and its pictures."""
    (DOCS / PICTURES).mkdir(parents=True, exist_ok=True)
    for each in GALLERY:
        (DOCS / PICTURES / f"{each.name}.png").write_bytes(png(each.draw(), DOTS))
    (DOCS / "gallery.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
