"""What a comparison says in words, and whether the path inside the bars could turn it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from backtester import metrics, text
from backtester.comparing.summary import value
from backtester.schema import FIRST_SEGMENT, TRAILING_STOP

if TYPE_CHECKING:
    import pandas as pd

    from backtester.result import Result

__all__ = ["band_frame", "band_verdict", "finer_timeframe", "trailing_inside", "verdict"]

TIE = 1e-9  # of the balance
SAME_DEPTH = 5e-5  # drawdowns nearer to each other are printed alike
WIDE = 0.05  # of the balance, or of the highest close: a band that deserves a sentence
MINUTE = 60 * 1_000_000_000  # [ns]
_DEEPEST = ("which mode has the {} drawdown", "has the {} drawdown")
_FINER = (1440, 240, 60, 30, 15, 5, 1)  # usual bar lengths [min]


def name_of(mode: str) -> str:
    """Return a mode as a word: ``sub_accounts`` becomes ``sub-accounts``."""
    return mode.replace("_", "-")


def verdict(
    table: pd.DataFrame,
    modes: Iterable[str],
    *,
    balance: float,
    unit: str,
    traded: bool,
    trailing: Mapping[str, int],
) -> str:
    """Return the outcome in plain sentences made of the numbers.

    Parameters
    ----------
    table : DataFrame
        Metrics by mode, as `summarise` names them.
    modes : iterable of str
        Columns to speak of, in order.
    balance : float [settlement currency]
        Starting balance.
    unit : str
        Settlement currency.
    traded : bool
        Whether any mode traded at all.
    trailing : mapping of mode to int
        Trailing stops that were filled inside bars.
    """
    columns = list(modes)
    if not traded:
        return "No trade in either mode." if len(columns) == 2 else "No trade."
    said = [_money(table, columns, balance, unit), _drawdowns(table, columns)]
    said += [_liquidations(table, columns, unit), _top_ups(table, columns, unit)]
    said += [_nearest(table, columns), _ruin(table, columns), _trailing(trailing)]
    return " ".join(sentence for sentence in said if sentence)


def _most(modes: int) -> tuple[str, str]:
    """Return the words for the best equity and drawdown of so many modes."""
    return ("higher", "smaller") if modes == 2 else ("highest", "smallest")


def _alike(most: float, least: float, tie: float, said: Callable[[float], str]) -> bool:
    """Return whether two numbers are a tie, or would be read as one."""
    return most - least <= tie or said(most) == said(least)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _money(table: pd.DataFrame, modes: list[str], balance: float, unit: str) -> str:
    ends = {mode: value(table, "final_equity", mode) for mode in modes}
    best = max(modes, key=lambda mode: ends[mode])
    leaders = [mode for mode in modes if _alike(ends[best], ends[mode], TIE * balance, text.money)]
    rest = sorted((mode for mode in modes if mode not in leaders), key=lambda mode: -ends[mode])
    if len(modes) == 1:
        change = text.percent(value(table, "total_return", best), signed=True)
        return f"{_capital(name_of(best))} ended with {text.money(ends[best])} {unit} ({change})."
    if not rest:
        every = "Both modes" if len(modes) == 2 else "All modes"
        return f"{every} ended with {text.money(ends[best])} {unit}."
    others = text.joined([f"{text.money(ends[mode])} in {name_of(mode)}" for mode in rest])
    names = _capital(text.joined([name_of(mode) for mode in leaders]))
    return f"{names} ended {_most(len(modes))[0]}: {text.money(ends[best])} {unit}, against {others}."


def _drawdowns(table: pd.DataFrame, modes: list[str]) -> str:
    depth = {mode: value(table, "max_drawdown_in_bars", mode) for mode in modes}
    least = min(modes, key=lambda mode: depth[mode])
    leaders = [mode for mode in modes if _alike(depth[mode], depth[least], SAME_DEPTH, text.percent)]
    rest = sorted((mode for mode in modes if mode not in leaders), key=lambda mode: depth[mode])
    if len(modes) == 1:
        return f"Largest drawdown inside bars: {text.percent(depth[least])}."
    if not rest:
        return f"The largest drawdown inside bars was the same: {text.percent(depth[least])}."
    others = text.joined([f"{text.percent(depth[mode])} in {name_of(mode)}" for mode in rest])
    names = _capital(text.joined([name_of(mode) for mode in leaders]))
    head = f"{names} had the {_most(len(modes))[1]} drawdown inside bars"
    return f"{head}: {text.percent(depth[least])}, against {others}.{_on_closes(table, modes, least)}"


def _on_closes(table: pd.DataFrame, modes: list[str], least: str) -> str:
    """Say when closes tell another story: what was lost and won back inside bars does not show on them."""
    depth = {mode: value(table, "max_drawdown", mode) for mode in modes}
    smallest = min(modes, key=lambda mode: depth[mode])
    if depth[least] - depth[smallest] <= SAME_DEPTH:
        return ""
    others = text.joined([f"{text.percent(depth[mode])} in {name_of(mode)}" for mode in modes if mode != smallest])
    return f" On closes it was {name_of(smallest)}: {text.percent(depth[smallest])}, against {others}."


def _liquidations(table: pd.DataFrame, modes: list[str], unit: str) -> str:
    counts = {mode: int(value(table, "liquidations", mode)) for mode in modes}
    if not any(counts.values()):
        return "No position was liquidated." if len(modes) < 3 else "No position was liquidated in any mode."
    parts = []
    for mode in modes:
        lost, fund = (value(table, key, mode) for key in ("liquidation_loss", "insurance_absorbed"))
        absorbed = f", {text.money(fund)} absorbed by insurance" if fund > 0.0 else ""
        said = f" ({text.money(lost)} {unit} lost{absorbed})" if counts[mode] else ""
        parts.append(f"{name_of(mode)} {counts[mode]:,}{said}")
    return f"Liquidations: {text.joined(parts)}."


def _top_ups(table: pd.DataFrame, modes: list[str], unit: str) -> str:
    times = {mode: int(value(table, "auto_top_ups", mode)) for mode in modes}
    if not any(times.values()):
        return ""
    parts = []
    for mode, found in times.items():
        moved = f" ({text.money(value(table, 'auto_top_up_margin', mode))} {unit} moved)" if found else ""
        parts.append(f"{name_of(mode)} {found:,}{moved}")
    return f"Automatic top-ups: {text.joined(parts)}."


def _nearest(table: pd.DataFrame, modes: list[str]) -> str:
    """Say how far from liquidation the modes were that never met it, if everything moves against them at once."""
    near = {mode: value(table, "closest_together", mode) for mode in modes}
    near = {mode: distance for mode, distance in near.items() if distance > 0.0}
    if not near:
        return ""
    moves = [(text.percent(distance), name_of(mode)) for mode, distance in near.items()]
    (first, name), *more = moves
    said = [f"of {first} against all positions at once to liquidate {name}"]
    said += [f"of {distance} to liquidate {other}" for distance, other in more]
    return f"From the worst close, it would have taken a move {text.joined(said)}."


def _ruin(table: pd.DataFrame, modes: list[str]) -> str:
    times = {mode: value(table, "time_of_ruin", mode) for mode in modes}
    said = [f"{name_of(mode)} was ruined on {text.moment(t)}" for mode, t in times.items() if not math.isnan(t)]
    return f"{_capital(text.joined(said))}." if said else ""


def trailing_inside(result: Result) -> int:
    """Return how many trailing stops were filled inside bars, not at an open."""
    events = result.events
    return int(((events["kind"] == TRAILING_STOP) & (events["segment"] >= FIRST_SEGMENT)).sum())


def _trailing(filled: Mapping[str, int]) -> str:
    if not any(filled.values()):
        return ""
    counts = text.joined([f"{name_of(mode)} {count:,}" for mode, count in filled.items()])
    return (
        f"Trailing stops were filled inside bars ({counts}), where they follow a path that nobody knows: "
        "the paths adverse and favourable do not bound this outcome."
    )


def band_frame(bands: Mapping[str, Mapping[str, Result]]) -> pd.DataFrame:
    """Return final equity, drawdowns and liquidations of each mode under each path, indexed by mode and path.

    Parameters
    ----------
    bands : mapping of mode to mapping of path to Result
        At least equity, lows and totals of each run.
    """
    import pandas as pd

    rows = {}
    for mode, paths in bands.items():
        for path, run in paths.items():
            rows[mode, path] = {
                "final_equity": run.final_equity,
                "max_drawdown": metrics.max_drawdown(run.curve),
                "max_drawdown_in_bars": metrics.max_drawdown_in_bars(run.curve),
                "liquidations": float(run.totals["liquidations"]),
            }
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index = pd.MultiIndex.from_tuples(list(rows), names=["mode", "path"])
    return frame


def band_verdict(band: pd.DataFrame, *, balance: float, timeframe: int) -> str:
    """Say whether the path inside the bars could turn the verdict, and which finer timeframe would settle it.

    Parameters
    ----------
    band : DataFrame
        As `band_frame` returns it.
    balance : float [settlement currency]
        Starting balance.
    timeframe : int [ns]
        Length of the simulated bars.
    """
    final = band["final_equity"].unstack("path", sort=False)
    depth = band["max_drawdown_in_bars"].unstack("path", sort=False)
    if len(final) < 2 or len(final.columns) < 2:
        return ""
    most = _most(len(final))
    said = [
        _turns(final, TIE * balance, text.money, ("which mode ends {}", "ends {}"), most[0], sign=1.0),
        _turns(depth, SAME_DEPTH, text.percent, _DEEPEST, most[1], sign=-1.0),
    ]
    moved = [
        sentence
        for mode in final.index
        for sentence in (
            _moves(final.loc[mode], WIDE * balance, f"{name_of(str(mode))}'s final equity", text.money),
            _moves(depth.loc[mode], WIDE, f"{name_of(str(mode))}'s drawdown inside bars", text.percent),
        )
        if sentence
    ]
    open_frames = [frame for frame, (open_, _) in zip((final, depth), said, strict=True) if open_]
    sentences = [sentence for _, sentence in said]
    if moved:
        sentences.append(f"The path alone moves {text.joined(moved)}.")
    if open_frames:
        sentences.append(_settles(open_frames, timeframe))
    return " ".join(sentences)


def _turns(
    frame: pd.DataFrame, tie: float, said: Callable[[float], str], words: tuple[str, str], most: str, *, sign: float
) -> tuple[bool, str]:
    """Return whether the bars leave the question open, and the sentence that says so."""
    signed, (question, answer) = sign * frame, (each.format(most) for each in words)
    leaders: dict[tuple[str, ...], list[str]] = {}
    for path, column in signed.items():
        tied = [str(mode) for mode, number in column.items() if _alike(column.max(), number, tie, said)]
        leaders.setdefault(tuple(tied), []).append(str(path))
    names = {tied: text.joined([name_of(mode) for mode in tied]) for tied in leaders}
    if len(leaders) > 1:
        parts = [
            f"{names[tied] if len(tied) < len(frame) else 'no mode alone'} under {text.joined(paths)}"
            for tied, paths in leaders.items()
        ]
        return True, f"{_capital(question)} depends on the path inside the bars: {'; '.join(parts)}."
    (first,) = leaders
    if len(first) > 1:
        of = "" if len(first) == len(frame) else f" of {names[first]}"
        return False, f"{_capital(question)}: a tie{of} under every path."
    (leader,) = first
    rival = signed.drop(index=leader).to_numpy().max()
    if signed.loc[leader].min() > rival:
        return False, f"{_capital(name_of(leader))} {answer} whatever the path inside the bars: the bands do not meet."
    return True, f"{_capital(name_of(leader))} {answer} under each path, but the bands overlap."


def _moves(values: pd.Series, wide: float, what: str, said: Callable[[float], str]) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{what} from {said(low)} to {said(high)}" if high - low > wide else ""


def _settles(frames: list[pd.DataFrame], timeframe: int) -> str:
    if timeframe <= MINUTE:
        return "The bars are as fine as candles get: only single trades would settle it."
    finer, sure = finer_timeframe(frames, timeframe)
    if finer is None:
        return "Finer bars would settle it."
    doubt = "should settle it" if sure else "would narrow it most, and may still leave it open"
    return f"Simulating on {text.timeframe(finer)} bars {doubt} (the decisions stay as they are)."


def finer_timeframe(frames: list[pd.DataFrame], timeframe: int) -> tuple[int | None, bool]:
    """Return the longest usual bar that should part the bands, and whether any should.

    A bar's range grows with the square root of its length, so the bands are taken to shrink like that:
    ``width * sqrt(finer / timeframe) < gap``, the gap being the smallest between the middles of two bands.

    Parameters
    ----------
    frames : list of DataFrame
        Modes by path.
    timeframe : int [ns]
        Length of the simulated bars.
    """
    choices = [m * MINUTE for m in _FINER if m * MINUTE < timeframe and timeframe % (m * MINUTE) == 0]
    if not choices:
        return None, False
    needed = math.inf
    for frame in frames:
        low, high = frame.min(axis=1), frame.max(axis=1)
        middles = sorted((low + high) / 2.0)
        gap, width = min(b - a for a, b in itertools.pairwise(middles)), float((high - low).max())
        needed = min(needed, timeframe * (gap / width) ** 2 if width > 0.0 else math.inf)
    for choice in choices:
        if choice < needed:
            return choice, True
    return choices[-1], False
