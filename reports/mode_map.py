"""The map of more than two accounts: where each ended, against how deep it fell inside bars."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from backtester import text
from backtester.compare import Comparison
from backtester.comparing.across import AccountComparison
from backtester.comparing.verdict import SAME_DEPTH, TIE, name_of
from reports.canvas import WIDE, Size, canvas, money_axis, unit_of
from reports.palette import INK, MUTED, PAPER, Look, look, look_of_venue

__all__ = ["Place", "map_chart", "map_finding", "places"]

LETTER = 0.075  # [inch] of width for a letter of a label
LINE = 0.17  # [inch] of height for a label
ABOVE = 0.09  # [inch] from a mark to its name, which so stands on its band and not in it


class Place(NamedTuple):
    """An account on the map.

    Parameters
    ----------
    name : str
        For people.
    key : str
        Of its artists.
    look : Look
        Its colour and mark.
    depth : float
        Maximal drawdown inside bars [fraction].
    end : float
        Final equity [settlement currency].
    depths, ends : tuple of (float, float)
        The least and the most of both, over the paths inside the bars.
    """

    name: str
    key: str
    look: Look
    depth: float
    end: float
    depths: tuple[float, float]
    ends: tuple[float, float]


def places(result: Comparison | AccountComparison) -> list[Place]:
    """Return the accounts of a comparison: its modes, or each mode at each venue."""
    if isinstance(result, Comparison):
        return [_place(result, mode, name_of(mode), mode, look(mode)) for mode in result.modes]
    out = []
    for k, (venue, each) in enumerate(result.items()):
        for mode in each.modes:
            style = look_of_venue(k)._replace(marker=look(mode).marker, sign=look(mode).sign)
            out.append(_place(each, mode, f"{venue}, {name_of(mode)}", f"{venue}-{mode}", style))
    return out


def _place(comparison: Comparison, mode: str, name: str, key: str, style: Look) -> Place:
    table, band = comparison.metrics[mode], comparison.band.xs(mode, level="mode")
    ends, depths = band["final_equity"], band["max_drawdown_in_bars"]
    return Place(
        name, key, style, float(table["max_drawdown_in_bars"]), float(table["final_equity"]),
        (float(depths.min()), float(depths.max())), (float(ends.min()), float(ends.max())),
    )  # fmt: skip


def map_finding(result: Comparison | AccountComparison) -> str:
    """Say which account ended highest and which fell least."""
    all_of, unit = places(result), result.currency
    best, least = max(all_of, key=lambda place: place.end), min(all_of, key=lambda place: place.depth)
    tie = TIE * result.first.scenario.balance
    if max(place.end for place in all_of) - min(place.end for place in all_of) <= tie:
        return f"All ended alike, with {text.money(best.end)} {unit}"
    end, depth = f"{text.money(best.end)} {unit}", text.percent(least.depth).replace(" ", "\u00a0")
    alike = sum(best.end - place.end <= tie for place in all_of) - 1
    name = best.name[:1].upper() + best.name[1:] + (f" (and {alike} alike)" if alike else "")
    if best.depth - least.depth <= SAME_DEPTH:
        return f"{name} ended highest, with {end}, and no other fell less: {depth} at worst"
    deep = text.percent(best.depth).replace(" ", "\u00a0")
    return f"{name} ended highest, with {end}, after {deep} at worst; {least.name} fell least, {depth}"


def map_chart(result: Comparison | AccountComparison, size: Size = WIDE) -> Figure:
    """Draw final equity against the drawdown inside bars of every account, with what the path inside the bars moves.

    Marks carry the gid ``place-<key>``, the cross of the paths ``band-<key>``: the key is the mode, or venue and mode.
    """
    found = places(result)
    figure, (axes,) = canvas(
        size._replace(right=0.3),
        map_finding(result),
        f"Final equity [{result.currency}] against the maximal drawdown inside bars [%]; better is up and left; "
        "lines: what the path inside the bars moves",
        synthetic=result.first.market.synthetic,
        height=max(size.height, 1.6 + 2 * LINE * len(found)),
    )
    axes.axhline(result.first.scenario.balance, color=MUTED, linewidth=0.8, linestyle=(0, (1, 3)), gid="start")
    for place in found:
        x, y = 100.0 * place.depth, place.end
        colour = place.look.colour
        for across, along in ((place.depths, (y, y)), ((place.depth,) * 2, place.ends)):
            depths = [100.0 * each for each in across]
            axes.plot(depths, along, color=colour, linewidth=1.0, alpha=0.6, gid=f"band-{place.key}")
        axes.plot(
            [x], [y], linestyle="none", marker=place.look.marker, markersize=9, color=colour, clip_on=False,
            markeredgecolor=PAPER, zorder=4, gid=f"place-{place.key}",
        )  # fmt: skip
    _view(axes, found, result.first.scenario.balance)
    axes.set_xlabel("maximal drawdown inside bars [%]", fontsize=9, color=MUTED)
    unit_of(axes, result.currency)
    axes.grid(axis="both", color=axes.yaxis.get_gridlines()[0].get_color(), linewidth=0.8)
    _name(axes, found)
    return figure


def _view(axes: Axes, found: list[Place], balance: float) -> None:
    ends = [balance, *(end for place in found for end in place.ends)]
    room = 0.08 * (max(ends) - min(ends)) or 0.01 * abs(balance)
    axes.set_ylim(min(ends) - room, max(ends) + room)
    deepest = max(place.depths[1] for place in found)
    axes.set_xlim(0.0, max(110.0 * deepest, 1.0))
    money_axis(axes)


def _name(axes: Axes, found: list[Place]) -> None:
    """Write each name beside its mark, left of those far right, and apart from the names before."""
    dots = axes.figure.dpi
    at = axes.transData.transform([(100.0 * place.depth, place.end) for place in found]) / dots  # [inch]
    edge = axes.get_window_extent().x1 / dots
    taken: list[tuple[float, float, float]] = []  # left, right, height of names
    for k in np.argsort(at[:, 1], kind="stable"):
        words, (x, y) = found[k].name, at[k]
        wide = LETTER * len(words)
        right, height = x + 0.12 + wide <= edge, float(y) + ABOVE
        left = x + 0.12 if right else x - 0.12 - wide
        while any(left < end and start < left + wide and abs(height - high) < LINE for start, end, high in taken):
            height += LINE / 4
        taken.append((left, left + wide, height))
        leader = {"arrowstyle": "-", "color": INK, "linewidth": 0.4, "relpos": (0.0 if right else 1.0, 0.5)}
        axes.annotate(
            words, (100.0 * found[k].depth, found[k].end), textcoords="offset points",
            xytext=(8.6 if right else -8.6, (height - y) * 72.0), ha="left" if right else "right", va="center",
            color=found[k].look.colour, fontsize=9, fontweight="bold", annotation_clip=False, parse_math=False,
            arrowprops=leader if height - y > LINE + ABOVE else None,
        )  # fmt: skip
