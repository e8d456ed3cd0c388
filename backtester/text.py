"""Numbers and tables as plain text: the one place that decides how a number is read."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from backtester.symbols import parse

UNDEFINED = "-"
WIDTH = 100  # columns of a printed report
_SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def currency(symbols: Iterable[str]) -> str:
    """Return the settlement currency that the symbols share, such as ``USDT``, or ``quote`` if they do not tell."""
    found = {_settled_in(symbol) for symbol in symbols}
    return found.pop() if len(found) == 1 else "quote"


def _settled_in(symbol: str) -> str:
    if ":" in symbol:
        return symbol.rsplit(":", 1)[1].split("-")[0]
    name = parse(symbol)
    return (name.base if name.inverse else name.quote) or "quote"


def money(value: float, *, signed: bool = False, beside: float = 0.0) -> str:
    """Return 1234.5 as ``1,234.50``; numbers below 1 keep four significant digits, at most ten decimals.

    Those that stand `beside` one of 1 or more have its decimals, so that a column can be read and added up.
    """
    if not math.isfinite(value):
        return number(value)
    size = abs(value)
    digits = 2 if max(size, abs(beside)) >= 1.0 or size < 1e-10 else min(10, 3 - math.floor(math.log10(size)))
    return _plain_zero(f"{value:{'+' if signed else ''},.{digits}f}")


def percent(value: float, *, signed: bool = False) -> str:
    """Return the fraction 0.2345 as ``23.45 %``."""
    if not math.isfinite(value):
        return number(value)
    return _plain_zero(f"{value * 100:{'+' if signed else ''},.2f} %")


def points(value: float) -> str:
    """Return a difference of fractions, 0.2345, as percentage points: ``+23.45 pp``."""
    return percent(value, signed=True).replace(" %", " pp")


def number(value: float, *, digits: int = 2, signed: bool = False) -> str:
    """Return a number with so many decimals; nan is ``-``, infinity ``inf``."""
    if math.isnan(value):
        return UNDEFINED
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return _plain_zero(f"{value:{'+' if signed else ''},.{digits}f}")


def _plain_zero(text: str) -> str:
    return text.lstrip("+-") if not any(digit in text for digit in "123456789") else text


def moment(time: float) -> str:
    """Return a time in ns as ``2025-10-10 21:00`` UTC, with seconds only when there are any."""
    if math.isnan(time):
        return UNDEFINED
    text = str(np.datetime64(int(time) // 1_000_000_000, "s")).replace("T", " ")
    return text[:-3] if text.endswith(":00") else text


def span(duration: float, *, signed: bool = False) -> str:
    """Return a duration in ns as its two largest units: ``3 d 4 h``, ``45 min``, ``0 s``."""
    if math.isnan(duration):
        return UNDEFINED
    left = round(abs(duration) / 1e9)
    parts = []
    for seconds, unit in _SPANS:
        if left >= seconds:
            parts.append(f"{left // seconds} {unit}")
            left %= seconds
    sign = "-" if duration < 0 else "+" if signed and parts else ""
    return sign + (" ".join(parts[:2]) or "0 s")


def timeframe(step: int) -> str:
    """Return a bar length in ns as ``1m``, ``4h`` or ``1d``."""
    seconds = step // 1_000_000_000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return ``1 liquidation``, ``5,000 liquidations``."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def joined(parts: Sequence[str]) -> str:
    """Return ``a``, ``a and b``, ``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def distinct(names: Sequence[str]) -> list[str]:
    """Return names without the first words that all share: ``Grid BTCUSDT`` beside ``Grid SOLUSDT`` is ``BTCUSDT``."""
    words = [name.split(" ") for name in names]
    shared = 0
    while len(words) > 1 and all(len(each) > shared + 1 and each[shared] == words[0][shared] for each in words):
        shared += 1
    return [" ".join(each[shared:]) for each in words]


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, indent: str = "  ") -> str:
    """Return rows under a header, the first column flush left and the others flush right.

    A cell of the header may have several lines.
    """
    split = [cell.split("\n") for cell in header]
    tall = max(map(len, split))
    heads = [[""] * (tall - len(lines)) + lines for lines in split]  # they stand on the rule
    above = [[lines[k] for lines in heads] for k in range(tall)]
    widths = [max(len(row[k]) for row in [*above, *rows]) for k in range(len(header))]
    lines = []
    for row in [*above, ["-" * width for width in widths], *rows]:
        cells = [
            cell.ljust(w) if k == 0 else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((indent + "  ".join(cells)).rstrip())
    return "\n".join(lines)


def wrapped(text: str, *, first: str = "", indent: str = "", width: int = WIDTH) -> str:
    """Return a paragraph broken at spaces, `first` before its first line and `indent` before the others."""
    import textwrap

    return textwrap.fill(text, width=width, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False)
