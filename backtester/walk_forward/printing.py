"""A walk-forward as plain text."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from backtester import text
from backtester.account import venue_of
from backtester.asking.parameters import said
from backtester.batch.settings import PARAMS
from backtester.comparing.printing import SYNTHETIC
from backtester.comparing.summary import MEASURE, formatted, value
from backtester.comparing.verdict import name_of

if TYPE_CHECKING:
    from backtester.walk_forward.outcome import Step, WalkForward

__all__ = ["notes", "printed", "summary_rows", "title", "told", "window_rows"]

Rows = tuple[list[str], list[list[str]]]
HEADING = 6  # columns of a line of a heading
_SUMMARY = {
    "final_equity": ("final equity [{}]", text.money),
    "total_return": ("return", text.percent),
    "max_drawdown": ("max drawdown on closes", text.percent),
    "max_drawdown_in_bars": ("max drawdown inside bars", text.percent),
    "liquidations": ("liquidations", lambda value: f"{value:,.0f}"),
    "windows_with_gain": ("windows with a gain", lambda value: f"{value:,.0f}"),
    "in_sample_return_a_year": ("return a year of the choices, in sample", text.percent),
    "out_of_sample_return_a_year": ("return a year, out of sample", text.percent),
    "efficiency": ("walk-forward efficiency", text.percent),
    "time_of_fall": ("fell to the floor [UTC]", text.moment),
}
SEAMS = (
    "Each window begins flat and takes up at its first open what the strategy wants then; a position that is open at "
    "its end counts at the mark, without a fee for closing it."
)


def title(result: WalkForward) -> str:
    """Return strategies and modes in one line."""
    modes = " against ".join(map(name_of, result.modes))
    return f"{', '.join(result.strategies)}: {modes}, walked forward"


def printed(result: WalkForward) -> str:
    """Return the report as text of at most 100 columns, if what was chosen is not longer."""
    head = text.wrapped(title(result)).split("\n")
    parts = ["\n".join([*head, "=" * max(len(line) for line in head)])]
    if result.market.synthetic:
        parts.append(SYNTHETIC)
    parts.append("\n".join(text.wrapped(said, first=f"{key:<9}", indent=" " * 9) for key, said in told(result)))
    parts += [text.wrapped(result.verdict), text.table(*summary_rows(result)), text.table(*window_rows(result))]
    parts.append("\n".join(["Notes", *(text.wrapped(note, first="  * ", indent="    ") for note in notes(result))]))
    return "\n\n".join(parts)


def told(result: WalkForward) -> list[tuple[str, str]]:
    """Return what was run on what, in which windows, and by what was chosen."""
    market, account, asked = result.market, result.account, result.asked
    names = ", ".join(market.symbols[:6]) + (f" and {len(market.symbols) - 6} more" if len(market.symbols) > 6 else "")
    since, until = text.moment(int(market.open_time[0])), text.moment(int(market.close_time[-1]))
    bars = f"{text.counted(market.n_bars, 'bar')} of {text.timeframe(market.timeframe)}, {since} to {until} UTC"
    kind = "all before" if asked.anchored else text.span(asked.train)
    gap = f", {text.span(asked.gap)} left out between" if asked.gap else ""
    windows = f"{len(result.windows)}: {kind} to choose on, {text.span(asked.test)} to test{gap}"
    (first, *_) = asked.objectives.values()
    by = "each mode for itself" if asked.each else f"of {first.whose}, the same for all modes"
    among = f"among {text.counted(result.n_candidates, 'combination')}"
    return [
        ("market", f"{market.source}, {names}" if market.source else names),
        ("bars", bars),
        ("account", f"{text.money(account.balance)} {result.currency}, rules of {venue_of(account).name}"),
        ("path", f"{account.path} inside the bars"),
        ("windows", windows),
        ("chosen", f"{among}: {first.goal}, {by}"),
    ]


def summary_rows(result: WalkForward) -> Rows:
    """Return the header and the rows of what all tests together came to, a column for each mode."""
    table = result.summary
    fallen = table["time_of_fall"].notna().any()
    rows = [
        [label.format(result.currency), *(form(value(table, mode, key)) for mode in result.modes)]
        for key, (label, form) in _SUMMARY.items()
        if key != "time_of_fall" or fallen
    ]
    return ["all tests together", *map(name_of, result.modes)], rows


def window_rows(result: WalkForward) -> Rows:
    """Return the header and the rows of the windows: one for each window and mode."""
    label = textwrap.wrap(MEASURE[result.asked.measure].label, HEADING)
    inside = "\n".join([*label, "in", "sample"])
    names = ",\n".join(name.removeprefix(f"{PARAMS}.") for name in result.names) or "chosen"
    header = ["tested\nfrom", "mode", names, inside, "out of\nsample", "return", "drawdown\nin bars"]
    rows = []
    for k, window in enumerate(result.windows):
        since = text.moment(int(result.market.open_time[window.test_first])).removesuffix(" 00:00")
        for mode, steps in result.steps.items():
            step = steps[k]
            cells = [formatted(result.asked.measure, value) for value in (step.in_sample, step.out_of_sample)]
            fall = text.percent(step.max_drawdown_in_bars)
            rows.append([since, name_of(mode), _chosen(step), *cells, text.percent(step.total_return), fall])
            rows[-1].append(f"{step.liquidations:,}")
            since = ""
    return [*header, "liqui-\ndations"], rows


def _chosen(step: Step) -> str:
    """Return the values of what was chosen, in the order of the heading."""
    values = [value for value in step.settings.values() if value is not None]
    found = ", ".join(value if isinstance(value, str) else said(value) for value in values) or step.chosen or "nothing"
    return f"{found} (failed)" if step.error else found


def notes(result: WalkForward) -> list[str]:
    """Return what is to be known of all windows."""
    short = int(result.market.close_time[-1] - result.market.close_time[result.tested[1] - 1])
    known = [SEAMS]
    if short:
        known.append(f"The last {text.span(short)} of the market are too short for a window and in none.")
    return [*known, *_failures(result), *result.notes]


def _failures(result: WalkForward) -> list[str]:
    """Return what failed: runs that were to be chosen from, and windows in which nothing could be traded for that."""
    out = []
    if result.tried.failures:
        n, first = len(result.tried.failures), result.tried.ordered[0]
        words = result.candidates[first.candidate].words(result.names)
        which = f"{n:,} of {text.counted(result.tried.value.size, 'run')} in sample failed and could not be chosen"
        out.append(f"{which}. The first: {words} in {name_of(first.mode)}, window {first.window + 1}: {first.error}")
    for mode, steps in result.steps.items():
        for k, step in enumerate(steps):
            if step.error:
                out.append(f"Window {k + 1} of {name_of(mode)} stayed out of the market: {step.error}")
    return out
