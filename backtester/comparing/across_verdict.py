"""What a comparison across venues says in words: which ended highest, and what the venue and the mode move."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from backtester import text
from backtester.comparing.verdict import SAME_DEPTH, TIE, name_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AT", "across_verdict"]

AT = {"venue": "on", "leverage": "at"}  # what may be compared beside the modes, and the word before its names


def across_verdict(
    metrics: pd.DataFrame, band: pd.DataFrame, *, balance: float, unit: str, trailing: bool, axis: str = "venue"
) -> str:
    """Return the outcome in plain sentences made of the numbers.

    What the mode moves is the range over the modes, at each venue; what the venue moves is the range over the venues,
    in each mode. The venue matters more than the mode in a mode in which it moves a number by more than the mode does
    at any venue, and less where it moves it by less than the mode does at every venue.

    Parameters
    ----------
    metrics : DataFrame
        Measures by venue and mode, columns (venue, mode), of two venues or more.
    band : DataFrame
        Final equity by venue, mode and path inside the bars.
    balance : float [settlement currency]
        Starting balance.
    unit : str
        Settlement currency.
    trailing : bool
        Whether trailing stops were filled inside bars, so that the paths do not bound the outcome.
    axis : str
        What is compared beside the modes, of `AT`; what is said above of venues holds for leverages too.
    """
    ends = metrics.T["final_equity"]
    final = ends.unstack("mode", sort=False)
    depth = metrics.T["max_drawdown_in_bars"].unstack("mode", sort=False)
    most, least = ("higher", "smaller") if final.shape[1] == 2 else ("highest", "smallest")
    tie = TIE * balance
    said = [
        _ends(ends, tie, unit, _sure(ends, band, trailing=trailing), AT[axis]),
        _leaders(final, tie, f"ends {most}", axis),
        _weights(final, SAME_DEPTH * balance, "final equity", text.money, unit, axis),
        _leaders(-depth, SAME_DEPTH, f"has the {least} drawdown inside bars", axis),
        _weights(depth, SAME_DEPTH, "drawdown inside bars", lambda gap: text.number(100.0 * gap), "pp", axis),
    ]
    return " ".join(sentence for sentence in said if sentence)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _ends(ends: pd.Series, tie: float, unit: str, sure: str, at: str) -> str:
    """Name the highest and the lowest final equity; `sure` says whether the path could change a single highest."""
    high, low = float(ends.max()), float(ends.min())
    if high - low <= tie or text.money(high) == text.money(low):
        return f"All ended with {text.money(high)} {unit}."
    best, worst = (list(ends.index[chosen]) for chosen in (ends >= high - tie, ends <= low + tie))
    top = f"{_capital(_places(best, at))} ended highest, at {text.money(high)} {unit}{sure if len(best) == 1 else ''}"
    return f"{top}; {_places(worst, at)} lowest, at {text.money(low)}."


def _places(places: Iterable[tuple[str, str]], at: str) -> str:
    """Return ``isolated and cross on binance and okx, cross on kraken``."""
    venues: dict[str, list[str]] = {}
    for venue, mode in places:
        venues.setdefault(name_of(mode), []).append(venue)
    modes: dict[str, list[str]] = {}
    for mode, names in venues.items():
        modes.setdefault(text.joined(names), []).append(mode)
    return ", ".join(f"{text.joined(names)} {at} {where}" for where, names in modes.items())


def _sure(ends: pd.Series, band: pd.DataFrame, *, trailing: bool) -> str:
    """Say whether the best of all stays the best whatever the path inside the bars."""
    paths = band["final_equity"].unstack("path", sort=False)
    if len(paths.columns) < 2:
        return ""
    top = ends.idxmax()
    best = np.array([place == top for place in paths.index])
    if not trailing and paths[best].to_numpy().min() > paths[~best].to_numpy().max():
        return " whatever the path inside the bars"
    return ", which another path inside the bars could change"


def _leaders(values: pd.DataFrame, tie: float, answer: str, axis: str) -> str:
    """Say which mode leads, and whether that hangs on the venue, or the leverage."""
    if values.shape[1] < 2:
        return ""
    nobody = "neither" if values.shape[1] == 2 else "no mode alone"
    found: dict[str, list[str]] = {}
    for venue, row in values.iterrows():
        order = row.sort_values(ascending=False, kind="stable")
        tied = order.iloc[0] - order.iloc[1] <= tie
        found.setdefault(nobody if tied else name_of(str(order.index[0])), []).append(str(venue))
    if len(found) > 1:
        parts = [f"{mode} {AT[axis]} {text.joined(venues)}" for mode, venues in found.items()]
        return f"Which mode {answer} depends on the {axis}: {'; '.join(parts)}."
    (leader,) = found
    where = f"{AT[axis]} {f'both {axis}s' if len(values) == 2 else f'every {axis}'}"
    return "" if leader == nobody else f"{_capital(leader)} {answer} {where}."


def _weights(values: pd.DataFrame, tie: float, what: str, said: Callable[[float], str], unit: str, axis: str) -> str:
    """Say what the mode moves and what the venue moves, and where one matters more than the other."""
    if min(values.shape) < 2:
        return ""
    by_mode = values.max(axis=1) - values.min(axis=1)  # at each venue
    by_venue = values.max(axis=0) - values.min(axis=0)  # in each mode
    low, high = float(by_mode.min()), float(by_mode.max())
    if max(high, float(by_venue.max())) <= tie:
        return f"In {what} neither mode nor {axis} matters."
    mode, venue = _range(by_mode, said), _range(by_venue, said)
    ranks = {str(mode): (gap > high + tie) - (gap < low - tie) for mode, gap in by_venue.items()}
    found = set(ranks.values())
    if found == {1}:
        return f"In {what} the {axis} matters more than the mode: it moves {venue} {unit}, the mode {mode}."
    if found == {-1}:
        return f"In {what} the mode matters more than the {axis}: it moves {mode} {unit}, the {axis} {venue}."
    words = {1: "more than the mode", -1: "less than the mode", 0: "about as much"}
    parts = [f"{said(float(by_venue[name]))} in {name_of(name)} ({words[rank]})" for name, rank in ranks.items()]
    return f"In {what} the mode moves {mode} {unit}, the {axis} {text.joined(parts)}."


def _range(gaps: pd.Series, said: Callable[[float], str]) -> str:
    low, high = said(float(gaps.min())), said(float(gaps.max()))
    return high if low == high else f"{low} to {high}"
