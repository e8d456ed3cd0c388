"""What a bootstrap says, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backtester import text
from backtester.bootstrap.outcome import SMALLER
from backtester.bootstrap.statistics import Share
from backtester.comparing.verdict import name_of

if TYPE_CHECKING:
    from backtester.bootstrap.outcome import Bootstrap

__all__ = ["bootstrap_verdict", "percents", "shares"]

USUAL = 0.05  # p-values above it are called what chance does


def percents(fraction: float) -> str:
    """Return a fraction in per cent, with one decimal."""
    return f"{100 * fraction:.1f} %"


def shares(of: Share) -> str:
    """Return a share with its interval, such as ``12.0 % (8.9 % to 16.0 %)``."""
    return f"{percents(of.share)} ({percents(of.low)} to {percents(of.high)})"


def bootstrap_verdict(result: Bootstrap) -> str:
    """Return who ends higher how often, what chance explains, who falls and is ruined, and what the bars hide."""
    said = [sentence for pair in result.pairs for sentence in _pair(result, pair)]
    return " ".join([*(said or _alone(result)), _fallen(result)])


def _pair(result: Bootstrap, pair: tuple[str, str]) -> list[str]:
    first, second = name_of(pair[0]).capitalize(), name_of(pair[1])
    alike = result.alike(pair).share
    if alike == 1.0:
        return [f"{first} and {second} ended alike on all of {result.n_draws:,} draws."]
    also = f", and alike on {percents(alike)}" if alike else ""
    higher, falls = shares(result.ahead(pair)), shares(result.ahead(pair, SMALLER))
    ahead = f"{first} ended higher than {second} on {higher} of {result.n_draws:,} draws{also}: {_ends(result, pair)}."
    bars = f"turns which of them ends higher on {percents(result.turned(pair).share)} of the draws"
    return [
        ahead,
        f"It had the smaller drawdown inside bars on {falls}.",
        _chance(result, pair),
        f"The path inside the bars {bars}.",
    ]


def _chance(result: Bootstrap, pair: tuple[str, str]) -> str:
    """Return whether chance alone explains the difference on the market itself."""
    chance, own = result.p_value("final_equity", pair), result.observed_difference("final_equity", pair)
    if own == 0.0:
        return "On the market itself they end alike."
    difference = f"a difference like the {text.money(own, signed=True)} of the market itself (p = {chance:.2g})"
    if (result.n_draws + 1) * USUAL < 1.0:  # none of them as far would still be more than that
        return f"{result.n_draws} draws are too few to say how often chance alone makes {difference}."
    return f"Chance alone {'often' if chance > USUAL else 'seldom'} makes {difference}."


def _ends(result: Bootstrap, pair: tuple[str, str]) -> str:
    """Return the difference of the ends in the median, and between which values most lie."""
    money = result.difference_band("final_equity", pair)
    median, low, high = (text.money(each, signed=True) for each in money)
    return f"{median} {result.observed.currency} in the median, {low} to {high} on the inner {100 * result.level:g} %"


def _alone(result: Bootstrap) -> list[str]:
    (mode,) = result.modes
    median, low, high = map(text.money, result.band("final_equity", mode))
    middle = f"{median} {result.observed.currency} in the median of {result.n_draws:,} draws"
    inner = f"{low} to {high} on the inner {100 * result.level:g} %"
    return [f"{name_of(mode).capitalize()} ended with {middle}, {inner}."]


def _fallen(result: Bootstrap) -> str:
    fallen, ruined = (
        text.joined([f"{name_of(mode)} {shares(of(mode))}" for mode in result.modes])
        for of in (result.fallen, result.ruin)
    )
    return f"Probability of falling to {result.floor * 100:g} % of the balance: {fallen}; of ruin: {ruined}."
