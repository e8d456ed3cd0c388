"""The tables of docs/strategies.md, made by running the gallery: ``python -m tests.contract.strategies_page``.

The rows on real candles are made where those are; elsewhere they stay as they stand.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import strategies
from backtester import Account, Market, compare
from backtester.compare import Comparison
from backtester.text import money, percent
from data import load, synthetic
from tests.real_candles import BINANCE

__all__ = ["CASES", "PAGE", "REAL", "SYNTHETIC", "Case", "account_of", "market_of", "rows_of", "shown_rows", "written"]

PAGE = Path(__file__).parents[2] / "docs" / "strategies.md"
HEAD = [
    "| market | mode | final equity | other paths | drawdown inside bars | on closes | liquidations | lost in them |",
    "|---|---|---:|---:|---:|---:|---:|---:|",
]
SYNTHETIC, REAL = "synthetic", "Binance"
BLOCK = re.compile(r"<!-- figures: (\w+) -->\n(.*?)<!-- end of figures -->\n", re.S)


class Case(NamedTuple):
    """How a strategy is run: settings on each market, and the parameter of the symbol that ``mixed`` isolates."""

    synthetic: tuple[str, ...] = ()
    real: tuple[str, ...] = ()
    isolates: str = ""


CASES = {name: Case() for name in strategies.gallery()} | {
    "core_and_small_cap": Case(real=("core=BTCUSDT", "small=DOTUSDT"), isolates="small"),
    "fixed_loss": Case(real=("max_loss=50",)),
    "funding_carry": Case(real=("hedge=BTCUSDT",)),
    "hedged_pair": Case(real=("first=ETHUSDT", "second=BTCUSDT")),
}


@cache
def market_of(name: str) -> Market:
    """Return the market of a row."""
    if name == SYNTHETIC:
        return synthetic(24 * 90, 6, seed=39)
    return load(BINANCE, "all", "1h", start="2025-10-01", end="2025-10-20", require=("mark", "funding"))


@cache
def compared(strategy: str, market: str) -> Comparison:
    """Return a strategy's comparison on one of the two markets."""
    case, prices = CASES[strategy], market_of(market)
    settings = case.synthetic if market == SYNTHETIC else case.real
    chosen = strategies.load_class(strategy).from_text(settings)
    modes, isolated = ["isolated", "cross"], ()
    if case.isolates:
        modes.append("mixed")
        isolated = (chosen.parameters()[case.isolates] or prices.symbols[-1],)
    return compare(chosen, prices, account_of(market, isolated), modes)


def account_of(market: str, isolated: tuple[str, ...] = ()) -> Account:
    """Return the account that trades on one of the two markets."""
    venue = "generic" if market == SYNTHETIC else "binance"
    return Account(balance=10_000, leverage=10, venue=venue, isolated=isolated)


def rows_of(strategy: str, market: str) -> list[str]:
    """Return the rows of a strategy on one market."""
    comparison = compared(strategy, market)
    return [_row(comparison, mode, market) for mode in comparison.modes]


def _row(comparison: Comparison, mode: str, market: str) -> str:
    found = comparison.metrics[mode]
    others = comparison.band.loc[mode]["final_equity"].drop(comparison.first.scenario.path)
    paths = dict.fromkeys(money(value) for value in (others.min(), others.max()))
    cells = [
        market,
        mode,
        money(found["final_equity"]),
        "the same" if list(paths) == [money(found["final_equity"])] else " to ".join(paths),
        percent(found["max_drawdown_in_bars"]),
        percent(found["max_drawdown"]),
        f"{found['liquidations']:,.0f}",
        money(found["liquidation_loss"]) if found["liquidations"] else "",
    ]
    return f"| {' | '.join(cells)} |"


def shown_rows(page: str) -> dict[str, list[str]]:
    """Return the rows that stand in a page, by strategy."""
    return {
        name: [line for line in block.splitlines() if line.startswith(("| synthetic |", "| Binance |"))]
        for name, block in BLOCK.findall(page)
    }


def summary(rows: list[str]) -> list[str]:
    """Return, for each market, in how many strategies each mode ended higher and fell less; from the rows as shown."""
    lines = [
        "| market | isolated ended higher | cross did | isolated fell less inside bars | cross did |",
        "|---|---:|---:|---:|---:|",
    ]
    for market in (SYNTHETIC, REAL):
        cells = [[cell.strip() for cell in row.split("|")] for row in rows if row.startswith(f"| {market} ")]
        equity, fall = ([_number(row[k]) for row in cells if row[2] in ("isolated", "cross")] for k in (3, 5))
        wins = [
            sum(one > other for one, other in zip(values[first::2], values[1 - first :: 2], strict=True))
            for values, first in ((equity, 0), (equity, 1), (fall, 1), (fall, 0))
        ]
        lines.append(f"| {market} | {' | '.join(map(str, wins))} |")
    return lines


def _number(cell: str) -> float:
    return float(cell.replace(",", "").replace("%", ""))


def written(page: str) -> str:
    """Return a page with its tables made anew."""
    old, new = shown_rows(page), {}
    for name in CASES:
        kept = [row for row in old.get(name, []) if row.startswith(f"| {REAL} ")]
        new[name] = rows_of(name, SYNTHETIC) + (rows_of(name, REAL) if BINANCE.is_dir() else kept)
    tables = {name: [*HEAD, *rows] for name, rows in new.items()}
    tables["summary"] = summary([row for rows in new.values() for row in rows])
    return BLOCK.sub(lambda found: _block(found[1], tables[found[1]]), page)


def _block(name: str, lines: list[str]) -> str:
    return "\n".join([f"<!-- figures: {name} -->", "", *lines, "", "<!-- end of figures -->", ""])


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
