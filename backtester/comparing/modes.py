"""The margin modes and paths of a comparison: which ones, and whether the venue has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from backtester.account import rules_of
from backtester.asking.slots import check_venue
from backtester.errors import ConfigurationError
from backtester.schema import MODES

if TYPE_CHECKING:
    from backtester.account import Account
    from backtester.engine import Prepared
    from backtester.market import Market

BAND_PATHS = ("adverse", "candle", "favourable")


def checked_modes(modes: Iterable[str]) -> tuple[str, ...]:
    """Return the modes if there is at least one, each is known and none is named twice."""
    chosen = (modes,) if isinstance(modes, str) else tuple(modes or ())
    if not chosen:
        raise ConfigurationError("modes", modes, "no margin mode to run", allowed=MODES, cure="Name at least one")
    for mode in chosen:
        if mode not in MODES:
            raise ConfigurationError("modes", mode, "unknown margin mode", allowed=MODES)
    if len(set(chosen)) < len(chosen):
        raise ConfigurationError("modes", list(chosen), "a margin mode is named twice", cure="name each mode once")
    return chosen


def telling(modes: Sequence[str]) -> str:
    """Return the mode to plan in: the one in which slots say most, their sub-account and their own margin mode."""
    return next((mode for mode in ("sub_accounts", "mixed") if mode in modes), modes[0])


def check_modes(account: Account, modes: Sequence[str], prepared: Prepared, market: Market) -> None:
    """Fail if the account's venue has no account with its rules, or with the prepared slots in one of the modes."""
    rules_of(account)
    for mode in modes:
        asked = account if mode == account.mode else replace(account, mode=mode)
        check_venue(asked, prepared.plan.slots, market.symbols)


def paths_of(account: Account) -> tuple[str, ...]:
    """Return the paths to run each mode on, the account's own first."""
    return tuple(dict.fromkeys((account.path, *BAND_PATHS)))
