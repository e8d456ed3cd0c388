"""A bootstrap as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backtester import text
from backtester.bootstrap.outcome import BANDED, SMALLER
from backtester.bootstrap.statistics import Band, Share
from backtester.bootstrap.verdict import percents
from backtester.comparing.printing import SYNTHETIC, all_notes, facts
from backtester.comparing.summary import MEASURE, formatted, unit, value
from backtester.comparing.verdict import name_of

if TYPE_CHECKING:
    from backtester.bootstrap.outcome import Bootstrap

__all__ = ["INSIDE", "band_rows", "draw_notes", "inside_rows", "notes", "printed", "share_rows", "title", "told"]

Rows = tuple[list[str], list[list[str]]]
INSIDE = "What the bars hide, beside what the sample leaves open"
SHORT = 100  # draws below which the ends of intervals are hardly known


def title(result: Bootstrap) -> str:
    """Return strategy and modes in one line."""
    modes = " against ".join(map(name_of, result.modes))
    return f"{result.observed.first.strategy}: {modes} on resampled markets"


def printed(result: Bootstrap) -> str:
    """Return the report as text of at most 100 columns."""
    head = text.wrapped(title(result)).split("\n")
    parts = ["\n".join([*head, "=" * max(len(line) for line in head)])]
    if result.observed.first.market.synthetic:
        parts.append(SYNTHETIC)
    parts.append("\n".join(text.wrapped(said, first=f"{key:<9}", indent=" " * 9) for key, said in told(result)))
    parts += [text.wrapped(result.verdict), text.table(*band_rows(result)), text.table(*share_rows(result))]
    parts.append(f"{INSIDE}\n\n{text.table(*inside_rows(result))}")
    parts.append("\n".join(["Notes", *(text.wrapped(note, first="  * ", indent="    ") for note in notes(result))]))
    return "\n\n".join(parts)


def told(result: Bootstrap) -> list[tuple[str, str]]:
    """Return what was run on what, and the draws."""
    how = "chosen from the data" if result.chosen else "given"
    said = f"{result.n_draws:,} of seed {result.seed}, blocks of {result.block:.4g} bars on average, {how}"
    return [*facts(result.observed), ("draws", said)]


def band_rows(result: Bootstrap) -> Rows:
    """Return the bands of the chief measures by mode, and of the differences with their p-values."""
    ends = [_place(1.0 - result.level), _place(1.0 + result.level)]
    header = ["", "median", *ends, "the market\nitself", "p"]
    rows = []
    for measure in BANDED:
        rows.append([_label(measure, result), *[""] * 5])
        for mode in result.modes:
            own = value(result.observed.metrics, measure, mode)
            rows.append([f"  {name_of(mode)}", *_band(measure, result.band(measure, mode), own, False), ""])
        for pair in result.pairs:
            band, own = result.difference_band(measure, pair), result.observed_difference(measure, pair)
            chance = text.number(result.p_value(measure, pair), digits=3)
            rows.append([f"  {_less(pair)}", *_band(measure, band, own, True), chance])
    return header, rows


def _place(twice: float) -> str:
    """Return the name of a percentile."""
    return f"{50 * twice:g} %"


def _label(measure: str, result: Bootstrap) -> str:
    symbol = unit(measure, result.observed.currency)
    return MEASURE[measure].label + (f" [{symbol}]" if symbol else "")


def _less(pair: tuple[str, str]) -> str:
    return f"{name_of(pair[0])} - {name_of(pair[1])}"


def _band(measure: str, band: Band, own: float, difference: bool) -> list[str]:
    return [formatted(measure, each, difference=difference) for each in (band.median, band.low, band.high, own)]


def share_rows(result: Bootstrap) -> Rows:
    """Return how often what happened, with the intervals of the probabilities."""
    rows = []
    for first, second in result.pairs:
        names = f"{name_of(first)} {{}} than {name_of(second)}"
        rows.append([names.format("ends higher"), *_share(result.ahead((first, second)))])
        rows.append([names.format("falls less"), *_share(result.ahead((first, second), SMALLER))])
    floor = f"falls to {100 * result.floor:g} % of the balance"
    for what, of, alone, others in (
        (floor, result.fallen, result.fallen_alone, "does not"),
        ("is ruined", result.ruin, result.ruined_alone, "is not"),
    ):
        for mode in result.modes:
            rows.append([f"{name_of(mode)} {what}", *_share(of(mode))])
            ends = (end for pair in result.pairs for end in (pair, pair[::-1]) if end[0] == mode)
            rows += [[f"  and {name_of(end[1])} {others}", *_share(alone(end))] for end in ends]
    return ["", "of the draws", "probability, from", "to"], rows


def _share(of: Share) -> list[str]:
    return [percents(of.share), percents(of.low), percents(of.high)]


def inside_rows(result: Bootstrap) -> Rows:
    """Return how wide the band of the sample is, and how far the path inside the bars moves the same number."""
    moved = "moved by the path\ninside bars, median"
    header = ["", "width of the\nsampling band", moved, _place(1.0 + result.level)]
    rows = []
    for measure in BANDED[:2]:
        rows.append([_label(measure, result), "", "", ""])
        for mode in result.modes:
            width = result.band(measure, mode).width
            rows.append([f"  {name_of(mode)}", *_wide(measure, width, result.inside_bars(measure, mode))])
        for pair in result.pairs:
            width = result.difference_band(measure, pair).width
            rows.append([f"  {_less(pair)}", *_wide(measure, width, result.inside_bars_difference(measure, pair))])
    return header, rows


def _wide(measure: str, width: float, inside: Band) -> list[str]:
    return [formatted(measure, each) for each in (width, inside.median, inside.high)]


def notes(result: Bootstrap) -> list[str]:
    """Return what is to be known of the draws and of all runs."""
    return [*draw_notes(result), *all_notes(result.observed)]


def draw_notes(result: Bootstrap) -> list[str]:
    """Return what is to be known of the draws."""
    said = [
        "A draw holds what happened in this market in another order: it knows no crash that the market does not.",
        "Funding stays at its times, with the rate in force at the bars that stand there.",
    ]
    if result.n_draws < SHORT:
        said.append(f"{result.n_draws} draws are few: the ends of the intervals are hardly known.")
    return said
