"""What a value of a venue rests on: a page that says so, arithmetic from one, or nothing but judgement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backtester._fields import Field, Unfit, record, text
from backtester.errors import ConfigurationError, nearest

KINDS = ("sourced", "derived", "assumed")
EXAMPLE = '{ sourced = "what the page says", page = "a key of [pages]" }, or assumed = "why"'


@dataclass(frozen=True)
class Evidence:
    """What one value rests on.

    Parameters
    ----------
    kind : str
        ``sourced``: a page of the venue says so; ``derived``: by the arithmetic in `text`;
        ``assumed``: nothing is published, or it was not found.
    text : str
        What the page says, the arithmetic, or the reason.
    address : str
        Of the page; empty where there is none.
    date : str
        Of the page, or when it was looked up where it bears none.
    """

    kind: str
    text: str
    address: str = ""
    date: str = ""

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.address, self.date) if part)
        return f"{self.kind}: {self.text}" + (f" ({place})" if place else "")


NOT_STATED = Evidence("assumed", "the file does not state it; the default of the margin model")


def read_evidence(pages: Mapping[str, Any], sources: Mapping[str, Any], path: str) -> dict[str, Evidence]:
    """Return the evidence of a venue file by what it is for.

    Parameters
    ----------
    pages : mapping
        The table ``[pages]``: key to ``{ address, date }``; each must be cited.
    sources : mapping
        The table ``[sources]``: key to ``{ sourced | derived | assumed, page }``.
    path : str
        Of the file, for the messages.

    Raises
    ------
    ConfigurationError
        Naming the key, what was found and what is allowed.
    """
    known = {name: record(row, _PAGE, f"{path}: pages.{name}") for name, row in pages.items()}
    out = {name: _one(row, known, f"{path}: sources.{name}") for name, row in sources.items()}
    cited = {row["page"] for row in sources.values() if "page" in row}
    for name in known:
        if name not in cited:
            cure = "Cite it by page = ... in [sources], or delete it"
            raise ConfigurationError(f"{path}: pages.{name}", known[name]["address"], "is cited nowhere", cure=cure)
    return out


def check_covered(stated: Mapping[str, tuple[str, ...]], sources: Mapping[str, Evidence], path: str) -> None:
    """Refuse a value without evidence, and evidence without a value.

    Parameters
    ----------
    stated : mapping of str to tuple of str
        Each value that the file states, and the keys of ``[sources]`` that may cover it.
    sources : mapping of str to Evidence
    path : str
        Of the file, for the messages.

    Raises
    ------
    ConfigurationError
    """
    for value, keys in stated.items():
        if not any(key in sources for key in keys):
            cure = f"Add to [sources]: {keys[0]} = {EXAMPLE}"
            raise ConfigurationError(f"{path}: {value}", list(sources), "does not say what it rests on", cure=cure)
    allowed = list(dict.fromkeys(key for keys in stated.values() for key in keys))
    for name in sources:
        if name not in allowed:
            close = nearest(name, allowed)
            cure = f"Did you mean {' or '.join(close)}?" if close else "State the value, or delete the evidence"
            raise ConfigurationError(f"{path}: sources.{name}", name, "is evidence for no value of the file", cure=cure)


def _one(row: Any, pages: Mapping[str, Mapping[str, str]], key: str) -> Evidence:
    fields = {kind: Field(text, None) for kind in KINDS} | {"page": Field(text, None)}
    checked = record(row, fields, key)
    kinds = [kind for kind in KINDS if checked[kind] is not None]
    if len(kinds) != 1:
        raise ConfigurationError(key, row, "does not say what it rests on", allowed=EXAMPLE)
    (kind,), name = kinds, checked["page"]
    if name is None:
        if kind == "sourced":
            raise ConfigurationError(
                f"{key}.page", row, "names no page", cure="Name the page, or say derived or assumed"
            )
        return Evidence(kind, checked[kind])
    if name not in pages:
        raise ConfigurationError(f"{key}.page", name, "is no key of [pages]", allowed=list(pages))
    return Evidence(kind, checked[kind], **pages[name])


def _address(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith(("https://", "http://")):
        raise Unfit("is not an address", 'a text such as "https://..."')
    return value


def date(value: Any) -> str:
    """Check for a date given as a text."""
    if not isinstance(value, str):
        raise Unfit("is not a date", 'a text such as "2026-05-07"')
    return value


_PAGE = {"address": Field(_address), "date": Field(date)}
