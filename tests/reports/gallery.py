"""docs/gallery.md and its pictures, from the synthetic market: ``python -m tests.reports.gallery`` makes them again."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from backtester import Account, Comparison, compare, compare_venues
from backtester.bootstrap import bootstrap
from backtester.stress import stress
from data import synthetic
from reports import charts, findings, ranges
from reports.across import finding, venue_equity_chart
from reports.canvas import WIDE, Size, png
from reports.symbol_chart import Candles, Rates, symbol_chart
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
        return self.chart(*self.of(), size=size) if isinstance(self.of(), tuple) else self.chart(self.of(), size)


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
        "venues", "Venues", "Does the venue matter more than the mode?",
        "the page of `compare --venue A,B`, `charts/equity`, notebooks", venue_equity_chart, _venues, finding,
    ),
    Shown(
        "stress", "Shocks", "What do gaps, crashes and outages do to each mode?",
        "notebooks: `stress(...)`", ranges.stress_chart, _stressed, ranges.stress_finding,
    ),
    Shown(
        "bootstrap", "Draws", "How sure is the outcome, or was it this market's luck?",
        "notebooks: `bootstrap(...)`", ranges.bootstrap_chart, _drawn, ranges.bootstrap_finding,
    ),
    Shown(
        "symbol", "Data of a symbol", "Can the candles, marks and fundings be trusted, and what is missing?",
        "`backtester data show`", partial(symbol_chart, unit="USDT"), _symbol, lambda of: of[0],
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
