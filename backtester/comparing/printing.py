"""A comparison as plain text: the report that ``print`` shows."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING

from backtester import text
from backtester.allocation import ACCOUNT
from backtester.comparing.summary import MEASURE, formatted, shown, unit, value
from backtester.comparing.verdict import name_of
from backtester.explaining.refusals import refusals
from backtester.metrics import mean_margin_in_use, peak_margin_in_use
from backtester.provenance import data_line
from backtester.running.by_strategy import largest_fall

if TYPE_CHECKING:
    from backtester.compare import Comparison
    from backtester.comparing.across import AccountComparison
    from backtester.result import Result

__all__ = [
    "BY_STRATEGY",
    "GAP",
    "SYNTHETIC",
    "all_notes",
    "band_rows",
    "facts",
    "interval",
    "interval_head",
    "interval_rows",
    "intervals",
    "metrics_rows",
    "printed",
    "several_strategies",
    "strategy_blocks",
    "strategy_rows",
]

_STRATEGY = {  # label, and whether it is money
    "pnl": ("pnl", True),
    "largest_drawdown": ("drawdown", True),
    "trades": ("trades", False),
    "liquidations": ("liqui-\ndations", False),
    "peak_margin": ("peak\nmargin", True),
    "mean_margin": ("mean\nmargin", True),
    "rejected": ("orders\nrejected", False),
    "cut": ("orders\ncut", False),
}
_OWNERS = {ACCOUNT: "insurance of all"}
SYNTHETIC = "SYNTHETIC MARKET: made-up prices, not a record of any venue."
BY_STRATEGY = "What each strategy made of it"
GAP = 2  # columns between those of a table
WHOLE = 100.0  # money from which on an interval has no decimals
SHORT_RUN = 0.5  # [years] below it annualised numbers are said to extrapolate
_BAND = {
    "final_equity": "final equity",
    "max_drawdown": "drawdown, closes",
    "max_drawdown_in_bars": "drawdown, in bars",
    "liquidations": "liquidations",
}


def printed(comparison: Comparison) -> str:
    """Return the report as text of at most 100 columns."""
    parts = [_title(comparison)]
    if comparison.first.market.synthetic:
        parts.append(SYNTHETIC)
    parts.append("\n".join(text.wrapped(value, first=f"{key:<9}", indent=" " * 9) for key, value in facts(comparison)))
    parts.append(text.wrapped(comparison.verdict))
    parts.append(metrics_table(comparison))
    apart = interval_rows(comparison)
    if apart[1]:
        parts.append(text.table(*apart))
    if comparison.sampling is not None:
        parts.append(text.wrapped(comparison.sampling.verdict))
    if several_strategies(comparison):
        parts.append(f"{BY_STRATEGY}\n\n{text.table(*strategy_rows(comparison))}")
    parts += [text.wrapped(f"They part at {p}" if p.bar >= 0 else p.said) for p in comparison.partings.values()]
    if len(comparison.band) > len(comparison.modes):
        parts.append("What the bars hide: the same runs under each path inside the bars\n\n" + band_table(comparison))
        if comparison.band_verdict:
            parts.append(text.wrapped(comparison.band_verdict))
    notes = all_notes(comparison)
    if notes:
        parts.append("Notes\n" + "\n".join(text.wrapped(note, first="  * ", indent="    ") for note in notes))
    return "\n\n".join(parts)


def _title(comparison: Comparison) -> str:
    title = f"{comparison.first.strategy or 'Scenario'}: {' against '.join(name_of(mode) for mode in comparison.modes)}"
    lines = text.wrapped(title).split("\n")
    return "\n".join([*lines, "=" * max(len(line) for line in lines)])


def facts(comparison: Comparison | AccountComparison) -> list[tuple[str, str]]:
    """Return what was run on what: pairs of a word and a line."""
    run, market = comparison.first, comparison.first.market
    names = ", ".join(market.symbols[:6]) + (
        f" and {market.n_instruments - 6} more" if market.n_instruments > 6 else ""
    )
    length = f" of {text.timeframe(market.timeframe)}" if market.timeframe else ""
    since, until = text.moment(int(market.open_time[0])), text.moment(int(market.close_time[-1]))
    data = data_line(market)
    out = [
        ("market", f"{market.source}, {names}" if market.source else names),
        ("bars", f"{text.counted(market.n_bars, 'bar')}{length}, {since} to {until} UTC"),
        *([("data", data)] if data else []),
        (
            "account",
            f"{text.money(run.scenario.balance)} {comparison.currency}, {_leverage(comparison)}{_venue(comparison)}",
        ),
    ]
    return [*out, ("path", f"{run.scenario.path} inside the bars")]


def _leverage(comparison: Comparison | AccountComparison) -> str:
    runs = (comparison[name].first for name in comparison) if isinstance(comparison, Mapping) else [comparison.first]
    levels = sorted({slot.leverage for run in runs for slot in run.scenario.slots})
    return f"leverage {levels[0]:g}x" + (f" to {levels[-1]:g}x" if len(levels) > 1 else "") if levels else "no slots"


def _venue(comparison: Comparison | AccountComparison) -> str:
    return f", rules of {comparison.venue}" if comparison.venue else ""


def metrics_table(comparison: Comparison) -> str:
    """Return the metrics as aligned text."""
    return text.table(*metrics_rows(comparison))


def metrics_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of the metrics: a label with its unit, then a cell per column."""
    table = comparison.metrics
    modes = [name_of(mode) for mode in comparison.modes]
    header = ["", *modes] + ([f"{modes[0]} - {modes[1]}"] if "difference" in table else [])
    sampled = intervals(comparison)
    header += [interval_head(comparison)] if sampled else []
    rows = []
    for measure in shown(table):
        symbol = unit(measure.key, comparison.currency)
        cells = [formatted(measure.key, value(table, measure.key, mode)) for mode in comparison.modes]
        if "difference" in table:
            cells.append(formatted(measure.key, value(table, measure.key, "difference"), difference=True))
        cells += [sampled.get(measure.key, "")] if sampled else []
        rows.append([f"{measure.label} [{symbol}]" if symbol else measure.label, *cells])
    return header, rows


def interval_head(comparison: Comparison) -> str:
    """Return the heading of the column of intervals."""
    found = comparison.sampling
    return "" if found is None else f"inner {100 * found.level:g} % of\n{text.counted(found.n_draws, 'draw')}"


def intervals(comparison: Comparison) -> dict[str, str]:
    """Return the interval of each difference that a bootstrap knows, by measure; empty without one."""
    found = comparison.sampling if len(comparison.modes) == 2 else None
    return {} if found is None else {key: interval(key, each.low, each.high) for key, each in found.intervals.items()}


def interval_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return the first mode's difference to each of several other ones with its interval, by measure.

    Without rows where there is no bootstrap, and for two modes, whose table of metrics has that column.
    """
    found, rows = comparison.sampling, list[list[str]]()
    if found is None or len(found.pairs) < 2:
        return ["", "", ""], rows
    for pair in found.pairs:
        rows.append([" - ".join(map(name_of, pair)), "", ""])
        bands = found.intervals_of(pair)
        for key, band in ((key, bands[key]) for key in MEASURE if key in bands):
            symbol = unit(key, comparison.currency)
            apart = formatted(key, found.observed_difference(key, pair), difference=True)
            label = MEASURE[key].label + (f" [{symbol}]" if symbol else "")
            rows.append([f"  {label}", apart, interval(key, band.low, band.high)])
    return ["", "difference", interval_head(comparison)], rows


def interval(key: str, low: float, high: float) -> str:
    """Return both ends, as short as they can be read."""
    kind = MEASURE[key].kind
    if kind == "fraction":
        return f"{100 * low:+.1f} to {100 * high:+.1f} pp"
    digits = 0 if kind == "count" or max(abs(low), abs(high)) >= WHOLE else 2
    return " to ".join(_ended(end, digits) for end in (low, high))


def _ended(end: float, digits: int) -> str:
    words = f"{end:+,.{digits}f}"
    return words if words.strip("+-0.,") else "0"


def several_strategies(comparison: Comparison) -> bool:
    """Return whether more than one strategy traded in the account."""
    return len({slot.strategy for slot in comparison.first.scenario.slots}) > 1


def strategy_rows(comparison: Comparison, width: int = text.WIDTH) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of what each strategy earned and used, under a row for each mode.

    Columns that `width` characters have no room for are left out, the last ones first.
    """
    header, blocks = strategy_blocks(comparison)
    rows = []
    for mode, block in blocks.items():
        rows += [[mode, *[""] * len(_STRATEGY)], *([f"  {name}", *cells] for name, *cells in block)]
    columns = zip(header, *rows, strict=True)
    ends = accumulate(GAP + max(len(line) for cell in column for line in cell.split("\n")) for column in columns)
    room = max(2, sum(end <= width for end in ends))
    return header[:room], [row[:room] for row in rows]


def strategy_blocks(comparison: Comparison) -> tuple[list[str], dict[str, list[list[str]]]]:
    """Return the header, and by mode a row for each strategy, for what belongs to none if there is any, and for all."""
    header = ["", *(f"{label}\n[{comparison.currency}]" if money else label for label, money in _STRATEGY.values())]
    blocks = {}
    for mode, run in comparison.results.items():
        told = run.by_strategy
        rows = told if told.loc[ACCOUNT].any() else told.drop(index=ACCOUNT)
        named = {_OWNERS.get(str(name), str(name)): row for name, row in rows.to_dict("index").items()}
        blocks[name_of(mode)] = [[name, *_cells(row)] for name, row in {**named, "together": _together(run)}.items()]
    return header, blocks


def _together(run: Result) -> dict[Hashable, float]:
    """Return the account's row: sums, and margin and drawdown of all strategies at once."""
    used = run.pool_initial_margin.sum(axis=1)
    return {
        **run.by_strategy.sum().to_dict(),
        "peak_margin": peak_margin_in_use(used),
        "mean_margin": mean_margin_in_use(used),
        "largest_drawdown": largest_fall(run.equity - run.scenario.balance),
    }


def _cells(row: Mapping[Hashable, float]) -> list[str]:
    return [text.money(row[key]) if money else text.number(row[key], digits=0) for key, (_, money) in _STRATEGY.items()]


def band_table(comparison: Comparison) -> str:
    """Return the band of each mode as aligned text."""
    return text.table(*band_rows(comparison))


def band_rows(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of the band: a label, then what each path gave."""
    units = {key: unit(key, comparison.currency) for key in _BAND}
    header = ["", *(f"{label} [{units[key]}]" if units[key] else label for key, label in _BAND.items())]
    rows = [
        [f"{name_of(mode)}, {path}", *(formatted(key, number) for key, number in zip(_BAND, row, strict=True))]
        for (mode, path), row in zip(
            comparison.band.index.tolist(), comparison.band[list(_BAND)].to_numpy().tolist(), strict=True
        )
    ]
    return header, rows


def all_notes(comparison: Comparison) -> list[str]:
    """Return the comparison's notes, and those that its own numbers call for."""
    notes = list(comparison.notes)
    notes += [said for mode, run in comparison.results.items() for said in refusals(run, name_of(mode))]
    market = comparison.first.market
    years = market.n_bars * market.timeframe / (365.25 * 86_400e9)
    annual = [value(comparison.metrics, key, mode) for key in ("volatility", "calmar") for mode in comparison.modes]
    if 0.0 < years < SHORT_RUN and not all(math.isnan(number) for number in annual):
        notes.append(f"The run covers {years * 365.25:.3g} days: numbers per year, and Calmar, extrapolate it.")
    return notes
