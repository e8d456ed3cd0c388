"""The same draws in several accounts: how sure the difference of two venues, leverages or modes is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from backtester.bootstrap.running import bootstrap

if TYPE_CHECKING:
    from backtester.account import Account
    from backtester.allocation import Strategies
    from backtester.compare import Progress
    from backtester.comparing.across import AccountComparison
    from backtester.market import Market

__all__ = ["bootstrap_accounts"]


def bootstrap_accounts(
    result: AccountComparison,
    strategy: Strategies,
    market: Market,
    accounts: Mapping[str, Account],
    *,
    draws: int = 1_000,
    seed: int = 0,
    progress: Progress | None = None,
) -> AccountComparison:
    """Return a comparison of accounts with what they come to on markets drawn from the market, the same in each.

    Draw k of a market and a seed is the same in every account, so that the difference of two accounts is known draw by
    draw: `AccountComparison.intervals`.

    Parameters
    ----------
    result : AccountComparison
        Of the accounts on the market itself.
    strategy : Strategy, Allocation or sequence of them
    market : Market
    accounts : mapping of str to Account
        Of `across.venue_accounts` or `across.leverage_accounts`, by the names of the comparison.
    draws, seed, progress
        As for `bootstrap`.

    Raises
    ------
    ConfigurationError, StrategyError
        As for `bootstrap`.
    """
    drawn = {
        name: bootstrap(
            strategy, market, accounts[name], each.modes, draws=draws, seed=seed, observed=each,
            progress=progress and _named(progress, name),
        ).comparison
        for name, each in result.items()
    }  # fmt: skip
    return replace(result, comparisons=drawn)


def _named(progress: Progress, name: str) -> Progress:
    return lambda done, total, what: progress(done, total, f"{name}: {what}")
