"""The tables of docs/conformance.md, made from the cases: ``python -m tests.conformance.page`` writes them anew."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.conformance.cases import Case, adapter, agrees, cases, differences, ours_of

__all__ = ["PAGE", "generated", "written"]

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
BEGIN = "<!-- generated: python -m tests.conformance.page -->\n"
END = "<!-- end of what is generated -->\n"
KINDS = {
    "liq_price_isolated": "liquidation price, isolated",
    "liq_price_cross": "liquidation price, cross",
    "bankruptcy": "bankruptcy price",
    "maintenance": "maintenance margin",
    "initial_margin": "initial margin",
    "funding": "funding",
    "backtest_outcome": "outcome of a run",
}


def passes(case: Case) -> bool:
    """Return whether our value meets the expected one at its own tolerance."""
    return agrees(ours_of(case), case.expected, case.tolerance)


def generated() -> str:
    """Return the counts, the differences and the formulas as Markdown."""
    return f"{_counts()}\n## Where we differ\n\n{_differences()}\n## What each formula does\n\n{_formulas()}"


def written(page: str) -> str:
    """Return a page with what is generated put in place of what stood there."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{generated()}\n{END}{rest.split(END)[1]}"


def _counts() -> str:
    order = list(KINDS)
    counts = Counter((case.of, case.who, order.index(case.kind), passes(case)) for case in cases().values())
    lines = ["| of | source | kind | passed | differs |", "|---|---|---|---:|---:|"]
    for of, who, kind in sorted(
        {key[:3] for key in counts}, key=lambda row: (row[0] != "venue", row[1].lower(), row[2])
    ):
        passed, differs = (counts[of, who, kind, outcome] for outcome in (True, False))
        lines.append(f"| {of} | {who} | {KINDS[order[kind]]} | {passed or ''} | {differs or ''} |")
    good = sum(count for key, count in counts.items() if key[-1])
    lines.append(f"| **all** | | | **{good}** | **{counts.total() - good}** |")
    return "\n".join(lines) + "\n"


def _differences() -> str:
    titles: dict[str, list[str]] = {}
    for name, difference in differences().items():
        titles.setdefault(f"### {difference.title}\n\n{difference.why.strip()}", []).append(name)
    return "\n".join(
        f"{head}\n\n| case | expected | ours |\n|---|---|---|\n" + "".join(map(_row, names))
        for head, names in titles.items()
    )


def _formulas() -> str:
    uses = Counter(case.formula for case in cases().values())
    rows = [f"| `{name}` | {uses[name]} | {_sentence(name)} |\n" for name in sorted(uses)]
    return "| formula | cases | |\n|---|---:|---|\n" + "".join(rows)


def _sentence(name: str) -> str:
    """Return the first line of an adapter's docstring."""
    return (adapter(name).__doc__ or "").strip().splitlines()[0].replace("``", "`")


def _row(name: str) -> str:
    return f"| `{name}` | {_shown(cases()[name].expected)} | {_shown(differences()[name].ours)} |\n"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | int):
        return "none" if value != value else f"{value:,.8g}"
    return "none" if value == "NaN" else str(value)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
