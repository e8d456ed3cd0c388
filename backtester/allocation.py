"""Several strategies in one account: what each of them is allotted, and what they are called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from backtester.account import Account, check_shares, one_of, positive
from backtester.errors import ConfigurationError
from backtester.scenario_parts.schema import SLOT_MODES
from backtester.strategy import Strategy
from backtester.symbols import same

__all__ = ["ACCOUNT", "Allocation", "Strategies", "allocations", "described", "named", "spelt", "titles", "with_shares"]

ACCOUNT = "account"  # in place of a strategy: what belongs to none
_NAME = re.compile(r"[\w-]+")


@dataclass(frozen=True)
class Allocation:
    """A strategy with its part of an account, to be given wherever a strategy is.

    Its `equity_fraction` targets count its share of the account's equity. An order of the target ``x`` is one of
    ``x * share`` of the equity of the whole account when the order is executed, in every margin mode, so that all modes
    get the same intents. Other sizes stay what they are.

    Parameters
    ----------
    strategy : Strategy
    share : float, optional [fraction of the account]
        Above 0, at most 1. In mode ``sub_accounts`` the strategy has a sub-account of its own, which starts with this
        part of the balance. Left out: sizes count the whole account, and it trades in the main account.
    leverage : float, optional
        Leverage of all its slots until its targets set another. Left out: what a slot asks for, or the account's.
    margin_mode : str, optional
        ``"isolated"`` or ``"cross"`` for all its slots, used in mode ``"mixed"`` and, without a sub-account,
        ``"sub_accounts"``. Left out: what a slot asks for, or cross. What `Account.isolated` names is isolated as well.
    name : str, optional
        What it is called in slots, frames and reports: letters, digits, ``_`` and ``-``. Its class where it is left
        out, with a number if there are several of that class.

    Raises
    ------
    ConfigurationError
        Naming the field, what was found and what is allowed.

    Examples
    --------
    ``[Allocation(Trend(), share=0.3, leverage=10), Allocation(FundingCarry(), share=0.5)]``
    """

    strategy: Strategy
    share: float | None = None
    leverage: float | None = None
    margin_mode: str | None = None
    name: str = ""

    def __post_init__(self) -> None:
        put = object.__setattr__  # the dataclass is frozen; this is its constructor
        _check_kind("allocation.strategy", self.strategy)
        if self.share is not None:
            put(self, "share", _part(self.share))
        if self.leverage is not None:
            put(self, "leverage", positive("allocation.leverage", self.leverage))
        if self.margin_mode is not None:
            one_of("allocation.margin_mode", self.margin_mode, SLOT_MODES)
        if self.name != "":
            _check_name(self.name)

    @property
    def described(self) -> str:
        """The strategy with its parameters and, in brackets, what it is allotted."""
        parts = [
            self.name,
            "" if self.share is None else f"share {self.share:g}",
            "" if self.leverage is None else f"{self.leverage:g}x",
            self.margin_mode or "",
        ]
        allotted = ", ".join(filter(None, parts))
        return f"{self.strategy.name} [{allotted}]" if allotted else self.strategy.name


Strategies: TypeAlias = Strategy | Allocation | Sequence[Strategy | Allocation]


def _part(value: object) -> float:
    share = positive("allocation.share", value)
    if share > 1:
        cure = "30 % of the account is 0.3"
        raise ConfigurationError(
            "allocation.share", value, "is more than the account", allowed="a fraction above 0, at most 1", cure=cure
        )
    return share


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        allowed = "letters, digits, _ and -, such as 'core'"
        raise ConfigurationError("allocation.name", name, "is not a name", allowed=allowed)


def _check_kind(key: str, found: object) -> None:
    if isinstance(found, type) and issubclass(found, Strategy):
        cure = f"Make one of it: {found.__name__}()"
        raise ConfigurationError(key, found, "is a class, not a strategy", cure=cure)
    if not isinstance(found, Strategy):
        cure = "Derive the class from backtester.Strategy"
        raise ConfigurationError(key, found, "is not a Strategy", cure=cure)


def allocations(strategies: Strategies) -> list[Allocation]:
    """Return strategies as allocations: a plain strategy has the whole account.

    Raises
    ------
    ConfigurationError
        If there is none, or one is neither a strategy nor an allocation.
    """
    chosen = list(strategies) if isinstance(strategies, Iterable) else [strategies]
    if not chosen:
        raise ConfigurationError("strategies", None, "there is none", cure="Give at least one")
    for found in chosen:
        if not isinstance(found, Allocation):
            _check_kind("strategies", found)
    return [found if isinstance(found, Allocation) else Allocation(found) for found in chosen]


def described(strategies: Strategies) -> str:
    """Return strategies with their parameters and allotments, in one line."""
    return " + ".join(each.described for each in allocations(strategies))


def titles(chosen: Sequence[Allocation]) -> list[str]:
    """Return what each strategy is called: its name, or else its class, numbered if it repeats.

    Raises
    ------
    ConfigurationError
        If two are called the same, or one like what belongs to no strategy.
    """
    classes = ["" if each.name else type(each.strategy).__name__ for each in chosen]
    out = [each.name or _numbered(classes, k) for k, each in enumerate(chosen)]
    for title in out:
        if out.count(title) > 1 or title == ACCOUNT:
            taken = "is what belongs to no strategy" if title == ACCOUNT else "is the name of two strategies"
            cure = "Give each a name of its own"
            raise ConfigurationError("allocation.name", title, taken, cure=cure)
    return out


def _numbered(classes: Sequence[str], k: int) -> str:
    name = classes[k]
    return name if classes.count(name) == 1 else f"{name}#{classes[: k + 1].count(name)}"


def spelt(name: str) -> str:
    """Return the name of a strategy as it is compared: case, ``_`` and ``-`` do not count."""
    return name.strip().lower().replace("_", "").replace("-", "")


def named(account: Account, chosen: Sequence[Allocation], symbols: Sequence[str]) -> Account:
    """Return an account that names strategies and symbols as they are, however they were spelt in it.

    Raises
    ------
    ConfigurationError
        If two sub-accounts are then called the same.
    """
    known = {spelt(title): title for title in titles(chosen)}

    def found(name: str) -> str:
        return known.get(spelt(name)) or next((symbol for symbol in symbols if same(name, symbol)), name)

    if not account.isolated and not account.shares:
        return account
    shares = {found(name): share for name, share in account.shares.items()}
    if len(shares) < len(account.shares):
        cure = "Name each strategy or symbol once"
        raise ConfigurationError("account.shares", list(account.shares), "name one sub-account twice", cure=cure)
    return replace(account, isolated=tuple(map(found, account.isolated)), shares=shares)


def with_shares(account: Account, chosen: Sequence[Allocation], names: Sequence[str]) -> Account:
    """Return the account with a sub-account for each strategy that has a share.

    Raises
    ------
    ConfigurationError
        If a share is given twice, or together they are more than the account.
    """
    shares = {name: each.share for name, each in zip(names, chosen, strict=True) if each.share is not None}
    for name in shares.keys() & account.shares.keys():
        cure = "Give it once: in Allocation(strategy, share=...) it also counts for sizes"
        raise ConfigurationError("allocation.share", name, "the account has a share of this name too", cure=cure)
    check_shares("allocation.share", {**account.shares, **shares})
    return replace(account, shares={**account.shares, **shares}) if shares else account
