"""Colours and marks: the same for the same mode in every chart and on the page.

The mode colours are those of Okabe and Ito, which people with any of the common forms of colour blindness tell
apart; each mode has its own mark and line style as well, so that nothing hangs on colour alone.
"""

from typing import NamedTuple

__all__ = [
    "GRID",
    "INK",
    "MUTED",
    "PAPER",
    "SEQUENTIAL",
    "WARNING",
    "Look",
    "dark",
    "dark_of_venues",
    "look",
    "look_of_venue",
]

INK = "#1c2126"  # text and axes
MUTED = "#5b6570"  # second-rank text
GRID = "#dfe3e8"
PAPER = "#ffffff"
WARNING = "#a3123f"  # synthetic data, the liquidation line
SEQUENTIAL = "cividis"  # matplotlib's name of a scale of one sign, which looks alike to all kinds of colour vision

_DARK = {INK: "#e8eaed", MUTED: "#a2abb5", GRID: "#343b43", PAPER: "#15191d", WARNING: "#ff7d9c"}


class Look(NamedTuple):
    """How a mode is drawn.

    Parameters
    ----------
    colour : str
        On light paper.
    dark : str
        The same hue on dark paper.
    marker : str
        matplotlib's letter for its mark.
    sign : str
        The mark as a character, for text beside a chart.
    line : str or (float, (float, ...))
        matplotlib's style of its line: solid, or an offset and dashes.
    """

    colour: str
    dark: str
    marker: str
    sign: str
    line: str | tuple[float, tuple[float, ...]]


_MODES = {
    "isolated": Look("#0072b2", "#4db1ec", "v", "\u25bc", "-"),
    "cross": Look("#c4500a", "#ff9350", "o", "\u25cf", (0.0, (3.6, 1.0))),
    "mixed": Look("#00815d", "#2fc79b", "s", "\u25a0", (0.0, (1.2, 0.9))),
    "sub_accounts": Look("#a8487c", "#e08fbb", "D", "\u25c6", (0.0, (5.0, 1.0, 1.2, 1.0))),
}
_OTHER = Look("#6b5b00", "#d8c54a", "^", "\u25b2", (0.0, (8.0, 1.5)))

_VENUES = (  # hues that no mode has; from the seventh venue on they come again with another line
    ("#4b3fa7", "#a79fff"),
    ("#8a6a00", "#dcb84a"),
    ("#0f7f86", "#46c4cc"),
    ("#9b3fa0", "#df8be3"),
    ("#44546a", "#9db2cc"),
    ("#117733", "#5cc47e"),
)
_LINES: tuple[str | tuple[float, tuple[float, ...]], ...] = ("-", (0.0, (3.6, 1.0)), (0.0, (1.2, 0.9)))


def look(mode: str) -> Look:
    """Return how a mode is drawn; an unknown one has a look of its own."""
    return _MODES.get(mode, _OTHER)


def dark() -> dict[str, str]:
    """Return the colour on dark paper of each colour on light paper."""
    return _DARK | {each.colour: each.dark for each in (*_MODES.values(), _OTHER)}


def look_of_venue(place: int) -> Look:
    """Return how the venue at a place of a comparison is drawn."""
    turn, hue = divmod(place, len(_VENUES))
    return Look(*_VENUES[hue], "o", "\u25cf", _LINES[(hue + turn) % len(_LINES)])


def dark_of_venues() -> dict[str, str]:
    """Return `dark` with the colours of venues."""
    return dark() | dict(_VENUES)
