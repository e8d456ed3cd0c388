"""Whether a strategy can be believed: what is behind `backtester strategy check`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from backtester.asking.author import Author, ask, writes
from backtester.asking.copies import unasked
from backtester.asking.slots import specs_of
from backtester.asking.targets import dense
from backtester.checking.checks import IN_TURN, Subject, content_of
from backtester.checking.on_bar import asked_for
from backtester.errors import StrategyError
from backtester.market import Market
from backtester.strategy import Strategy

__all__ = ["CHECKS", "Finding", "check_strategy"]

CHECKS = tuple(IN_TURN)
_WRITES = "writes into the market"


class Finding(NamedTuple):
    """What one check came to.

    Parameters
    ----------
    check : str
        Name of the check, of `CHECKS`.
    passed : bool or None
        None: not checked, as the strategy does not run at all.
    said : str
        What was seen, in one sentence.
    cure : str
        How to mend it; empty where it passed.
    """

    check: str
    passed: bool | None
    said: str
    cure: str = ""


def check_strategy(strategy: Strategy, market: Market) -> tuple[Finding, ...]:
    """Put a strategy through all checks on one market.

    Parameters
    ----------
    strategy : Strategy
    market : Market
        Several hundred bars of a few instruments, with funding if the strategy looks at it.

    Returns
    -------
    tuple of Finding
        One for each of `CHECKS`, in their order.
    """
    fresh, prices = unasked(strategy), content_of(market)
    try:
        author = Author(strategy.name, market, specs_of(strategy, market))
        wants = dense(ask(strategy, author), author) if _has_targets(strategy) else None
        asked = asked_for(strategy, market) if writes(strategy, "on_bar") else None
    except StrategyError as error:
        return _does_not_run(error)
    subject = Subject(strategy, fresh, market, author, wants, asked, prices)
    return tuple(_finding(name, check, subject) for name, check in IN_TURN.items())


def _has_targets(strategy: Strategy) -> bool:
    return writes(strategy, "targets") or not writes(strategy, "on_bar")


def _finding(name: str, check: Callable[[Subject], str], subject: Subject) -> Finding:
    try:
        return Finding(name, True, check(subject))
    except StrategyError as error:
        return Finding(name, False, _said(error), error.cure or "")


def _does_not_run(error: StrategyError) -> tuple[Finding, ...]:
    """Return the findings on a strategy that cannot be asked: the first check that this fails, and no others."""
    failed = "market untouched" if _WRITES in error.problem else "runs"
    cure = error.cure or "mend the line it names, then check again"
    return tuple(
        Finding(name, False, _said(error), cure) if name == failed else Finding(name, None, "not checked")
        for name in CHECKS
    )


def _said(error: StrategyError) -> str:
    """Return the message without the strategy, which the reader knows, and without the cure."""
    return str(error.but(strategy="", cure=None)).removeprefix("strategy : ")
