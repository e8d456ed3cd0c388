"""Tables on a terminal: where there is little room, headings break and numbers do not."""

import io

import pytest
from rich.console import Console

from backtester.cli.screen import table

HEADER = ["", "isolated", "cross", "mixed", "sub-accounts"]
ROWS = [["longest drawdown [time]", *["15 d 21 h"] * 4], ["return on margin, all of it [%]", *["-1,104.18 %"] * 4]]


def shown(width: int) -> list[str]:
    """Return the lines of the table on a console of this width."""
    console = Console(file=io.StringIO(), width=width)
    console.print(table(HEADER, ROWS, roomy=True, width=width))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [86, 92, 110])
def test_numbers_are_never_broken(width):
    lines = shown(width)
    assert max(map(len, lines)) <= width
    assert any(line.count("15 d 21 h") == 4 for line in lines)
    assert any(line.count("-1,104.18 %") == 4 for line in lines)


def test_headings_break_between_their_words_and_only_for_want_of_room():
    assert [line.split()[-1] for line in shown(86)[:3] if line.strip()][:2] == ["sub-", "accounts"]
    assert any(line.endswith("mixed   sub-accounts") for line in shown(110))
