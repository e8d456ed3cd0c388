"""A comparison under shocks as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backtester import text
from backtester.comparing.printing import SYNTHETIC, all_notes, facts
from backtester.comparing.summary import formatted, unit, value
from backtester.comparing.verdict import name_of
from backtester.stress.verdict import letters

if TYPE_CHECKING:
    from backtester.stress.compare import StressComparison

__all__ = ["bars", "labels", "legend", "notes", "printed", "rows", "title"]

MADE_UP = "What a shock does to prices, funding and bars is made up; the strategy sees it and decides anew."
_COLUMNS = {
    "final_equity": "final equity",
    "max_drawdown_in_bars": "drawdown\ninside bars",
    "liquidations": "liqui-\ndations",
    "liquidation_loss": "lost in\nthem",
    "time_of_ruin": "ruin",
}


def title(result: StressComparison) -> str:
    """Return strategy and modes in one line."""
    return f"{result.calm.first.strategy}: {' against '.join(map(name_of, result.modes))} under stress"


def printed(result: StressComparison) -> str:
    """Return the report as text of at most 100 columns."""
    head = text.wrapped(title(result)).split("\n")
    parts = ["\n".join([*head, "=" * max(len(line) for line in head)])]
    if result.calm.first.market.synthetic:
        parts.append(SYNTHETIC)
    lines = [*facts(result.calm), *legend(result)]
    parts.append("\n".join(text.wrapped(said, first=f"{key:<9}", indent=" " * 9) for key, said in lines))
    parts.append(text.wrapped(result.verdict))
    parts.append(text.table(*rows(result)))
    for heading, said in (("What the bars hide", bars(result)), ("Notes", notes(result))):
        if said:
            parts.append("\n".join([heading, *(text.wrapped(each, first="  * ", indent="    ") for each in said)]))
    return "\n\n".join(parts)


def legend(result: StressComparison) -> list[tuple[str, str]]:
    """Return the letter of each shock and what it is."""
    shocks = [shocks for shocks in result.shocks.values() if shocks]
    said = ["; then ".join(shock.words for shock in each) for each in shocks]
    return list(zip((f"shock {letter}" for letter in letters(len(said))), said, strict=True))


def rows(result: StressComparison) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of the chief numbers: one row for each shock and mode."""
    units = {key: unit(key, result.calm.currency) for key in _COLUMNS}
    header = ["", *(f"{label}\n[{units[key]}]" if units[key] else label for key, label in _COLUMNS.items())]
    return header, [
        [f"{name}, {name_of(mode)}", *(formatted(key, value(each.metrics, key, mode)) for key in _COLUMNS)]
        for name, each in zip(labels(result), result.values(), strict=True)
        for mode in each.modes
    ]


def labels(result: StressComparison) -> list[str]:
    """Return what each comparison is called beside its legend: no shock, and a letter for each."""
    return ["no shock", *letters(len(result) - 1)]


def bars(result: StressComparison) -> list[str]:
    """Return under which shocks the path inside the bars could turn the outcome, and how."""
    said: dict[str, list[str]] = {}
    for name, each in zip(labels(result), result.values(), strict=True):
        said.setdefault(each.band_verdict, []).append(name)
    return [f"{text.joined(names)}: {sentence}" for sentence, names in said.items() if sentence]


def notes(result: StressComparison) -> list[str]:
    """Return what is to be known of all runs."""
    return [MADE_UP, *all_notes(result.calm)]
