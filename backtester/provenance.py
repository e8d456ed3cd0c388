"""What the data of a run are: which files, what was put in place of what, and how much is missing."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from backtester.errors import MarketDataError
from backtester.market_parts.coverage import FULL, LONGEST, missing_settlements
from backtester.text import counted, timeframe

if TYPE_CHECKING:
    from backtester.market import Market

__all__ = ["Coverage", "check_complete", "coverage_of", "data_line", "missing_funding", "provenance", "warnings"]

LETTERS = 12  # of a fingerprint
NAMED = 5  # instruments in a sentence


class Coverage(NamedTuple):
    """How much of an instrument's data is there, from its first bar to its last.

    Parameters
    ----------
    bars : int
    missing_bars : int
    trade_as_mark : int
        Bars in which the trade price stands in for the mark.
    settlements : int
    missing_settlements : int
        Fundings that were due, by the times of the others.
    """

    bars: int
    missing_bars: int
    trade_as_mark: int
    settlements: int
    missing_settlements: int

    @property
    def funding(self) -> float:
        """Share of the fundings that are there; 1 where none was due."""
        due = self.settlements + self.missing_settlements
        return self.settlements / due if due else 1.0


def coverage_of(market: Market) -> dict[str, Coverage]:
    """Return the coverage of each instrument of a market."""
    return {symbol: _coverage(market, i) for i, symbol in enumerate(market.symbols)}


def _coverage(market: Market, i: int) -> Coverage:
    known = np.flatnonzero(~np.isnan(market.open[:, i]))
    if len(known) == 0:
        return Coverage(0, 0, 0, 0, 0)
    first, last = int(market.open_time[known[0]]), int(market.open_time[known[-1]])
    due = (last - first) // market.timeframe + 1 if market.timeframe else 1
    lacks = np.asarray(market.without_mark.get(market.symbols[i], ()), dtype=np.int64)
    alike = len(known) if market.mark_is_trade[i] else int(np.count_nonzero((lacks >= first) & (lacks <= last)))
    time = market.funding.time[market.funding.instrument == i]
    lost = missing_settlements(time, first, last)[0] if len(time) else (last - first) // LONGEST
    return Coverage(len(known), max(int(due) - len(known), 0), alike, len(time), lost)


def missing_funding(market: Market) -> list[str]:
    """Return one sentence for each instrument of whose funding more than a hundredth is missing.

    Funding that was just made up is whole, whatever its first time.
    """
    return [
        f"funding of {symbol} covers {_share(each.funding)} % of the settlements"
        if each.settlements
        else f"there is no funding for {symbol}"
        for symbol, each in coverage_of(market).items()
        if each.funding < FULL and (market.files or not market.synthetic)
    ]


def warnings(market: Market) -> list[str]:
    """Return what is to be said before a run: that funding is missing, and counts as none."""
    lacks = missing_funding(market)
    return [f"funding that is missing counts as none: {_some(lacks)}"] if lacks else []


def check_complete(market: Market) -> None:
    """Raise unless funding, mark and bars are there for all instruments, those of a finer market too.

    Raises
    ------
    MarketDataError
        Saying of which instruments what is missing.
    """
    lacks = missing_funding(market)
    for simulated in (market, *([market.detail] if market.detail else [])):
        length = timeframe(simulated.timeframe)
        for symbol, each in coverage_of(simulated).items():
            if each.trade_as_mark:
                lacks.append(f"mark = trade for {symbol} in {counted(each.trade_as_mark, f'{length} bar')}")
            if each.missing_bars:
                lacks.append(f"{counted(each.missing_bars, f'{length} bar')} of {symbol} missing")
    if lacks:
        raise MarketDataError(
            f"the data are not complete: {_some(lacks)}",
            cure="Fetch what is missing (backtester data repair), choose another range, or leave the instruments out",
        )


def provenance(market: Market) -> dict[str, Any]:
    """Return as JSON values which files a market came from, its substitutions, and the coverage of each instrument."""
    notes = (*market.notes, *(market.detail.notes if market.detail else ()))
    return {
        "fingerprint": fingerprint(market) or None,
        "files": _files(market),
        "substitutions": [note for note in dict.fromkeys(notes) if "mark = trade" in note],
        "instruments": _instruments(market),
        "detail": _instruments(market.detail) if market.detail else None,
    }


def _instruments(market: Market) -> dict[str, dict[str, float]]:
    return {
        symbol: {**each._asdict(), "funding_coverage_pct": 100 * each.funding}
        for symbol, each in coverage_of(market).items()
    }


def fingerprint(market: Market) -> str:
    """Return one short hash of all the files of a market, empty for a market without files."""
    files = _files(market)
    every = ((symbol, name, digest) for symbol, names in files.items() for name, digest in names.items())
    lines = [f"{symbol}/{name} {digest}\n" for symbol, name, digest in sorted(every)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:LETTERS] if lines else ""


def data_line(market: Market) -> str:
    """Return the files and the coverage of a market as one line of a report, empty for a market without files."""
    files = sum(map(len, _files(market).values()))
    if not files:
        return ""
    every = coverage_of(market).values()
    low, high = (_share(end(each.funding for each in every)) for end in (min, max))
    shares = f"{low} %" if low == high else f"{low} to {high} %"
    said = [f"{counted(files, 'file')}, fingerprint {fingerprint(market)}", f"funding covers {shares}"]
    missing = sum(each.missing_bars for each in every)
    if missing:
        said.append(f"{counted(missing, 'bar')} missing")
    return "; ".join(said)


def _files(market: Market) -> dict[str, dict[str, str]]:
    """Return the sha256 of each file by symbol and name, those of the finer market among them."""
    finer = market.detail.files if market.detail else {}
    return {
        symbol: {**market.files.get(symbol, {}), **finer.get(symbol, {})}
        for symbol in market.symbols
        if symbol in market.files or symbol in finer
    }


def _some(said: list[str]) -> str:
    more = f" and {len(said) - NAMED:,} more" if len(said) > NAMED else ""
    return "; ".join(said[:NAMED]) + more


def _share(share: float) -> str:
    """Return a fraction in per cent; 100 is all."""
    return "100" if share == 1.0 else f"{min(100 * share, 99.9):.3g}"
