"""A report as Markdown, with its charts as links to the pictures beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from backtester.comparing.printing import SYNTHETIC
from reports.document import Document, Section
from reports.ending import Ending
from reports.tables import Table

__all__ = ["markdown"]

_MEANS = re.compile(r"([\\`*_<>|~#]|\](?=[(\[:]))")  # what Markdown, or HTML inside it, takes for more than a letter


def markdown(of: Document, end: Ending, pictures: Mapping[str, tuple[str, str]]) -> str:
    """Return a report as Markdown; what comes from a user is escaped.

    Parameters
    ----------
    of : Document
    end : Ending
    pictures : mapping of str to (str, str)
        By the name of a chart its finding and its address.
    """
    parts = [f"# {_plain(of.title)}"]
    if of.synthetic:
        parts.append(f"**{SYNTHETIC}**")
    parts.append(_list(f"{word}: {line}" for word, line in of.facts))
    parts += [_plain(said) for said in of.verdict]
    for section in of.sections:
        parts += _section(section, pictures)
    parts += ["## Repeat it", _code(end.command), _list(f"{word} {number}" for word, number in end.versions)]
    parts += ["### Data", _code(end.data), "### Configuration", _code(end.configuration)]
    return "\n\n".join(parts) + "\n"


def _section(of: Section, pictures: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    yield f"## {_plain(of.heading)}"
    yield from map(_plain, of.said)
    for name in of.pictures:
        finding, address = pictures[name]
        yield f"![{_plain(finding)}]({address})"
    for caption, table in of.tables:
        if caption:
            yield f"*{_plain(caption)}*"
        yield _table(table)
    yield from map(_plain, of.after)
    if of.listed:
        yield _list(of.listed)


def _table(table: Table) -> str:
    lines = [_line("", *map(_plain, table.header)), _line("---", *["--:"] * len(table.header))]
    for row in table.rows:
        if row.group:
            lines.append(_line(f"**{_plain(row.group)}**", *[""] * len(table.header)))
        label = f"{row.label} [{row.unit}]" if row.unit else row.label
        lines.append(_line(_plain(label), *map(_plain, row.cells)))
    return "\n".join(lines)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"* {_plain(line)}" for line in lines)


def _code(content: str) -> str:
    """Return text as it is, in a fence longer than any inside."""
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{content}\n{fence}"


def _plain(words: str) -> str:
    """Return words that mean nothing but themselves, on one line."""
    return _MEANS.sub(r"\\\1", words.replace("\n", " "))
