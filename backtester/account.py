"""The account of a run: balance, leverage, margin mode and venue. Never part of a strategy.

A margin mode is a partition of positions into collateral pools; it is data, so one strategy runs
unchanged under all of them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from backtester._fields import record
from backtester.errors import ConfigurationError
from backtester.scenario_parts.schema import RULE_FIELDS, SHARES_TOLERANCE
from backtester.schema import LARGEST, MODES, PATHS
from backtester.venue import Venue, VenueRules, load_venue

__all__ = [
    "MODES",
    "PATHS",
    "Account",
    "Slot",
    "changed_rules",
    "check_shares",
    "one_of",
    "position_modes",
    "positive",
    "rules_of",
    "venue_of",
]


class Slot(NamedTuple):
    """A place for at most one position.

    Parameters
    ----------
    instrument : int
        Column of the market.
    leverage : float
    isolated : bool
        True: it has its own pool, funded when the position opens.
    group : int
        Index of its standing sub-account, -1 for none.
    name : str
        Shown in frames and reports.
    strategy : str
        What the strategy that it belongs to is called; empty in a scenario from a file.
    """

    instrument: int
    leverage: float
    isolated: bool
    group: int
    name: str
    strategy: str = ""


@dataclass(frozen=True)
class Account:
    """What a strategy trades with.

    Parameters
    ----------
    balance : float [quote]
        Money at the start, above 0.
    leverage : float
        Leverage of every slot that does not ask for its own, above 0.
    venue : str or Venue
        Name of a venue file, or a venue.
    mode : str
        ``isolated``, ``cross``, ``mixed`` or ``sub_accounts``.
    path : str
        What is assumed about the inside of a bar: ``adverse``, ``favourable``, ``candle`` or
        ``close``.
    isolated : tuple of str
        Slots, strategies or symbols that are isolated in ``mixed``.
    shares : mapping of str to float
        Name of each sub-account, that of a slot, a strategy or a symbol or one of your own for `SlotSpec.sub_account`,
        and its share of the balance; main keeps the rest. `Allocation` gives a strategy a sub-account and its size.
    rules : mapping
        Rules of the venue to override, such as ``{"slippage": 0.0002}``.

    Raises
    ------
    ConfigurationError
        Naming the setting, what was found and what is allowed.
    """

    balance: float = 10_000.0
    leverage: float = 1.0
    venue: str | Venue = "generic"
    mode: str = "isolated"
    path: str = "adverse"
    isolated: tuple[str, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    rules: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        put = object.__setattr__  # the dataclass is frozen; this is its constructor
        put(self, "balance", positive("account.balance", self.balance))
        put(self, "leverage", positive("account.leverage", self.leverage))
        one_of("account.mode", self.mode, MODES)
        one_of("account.path", self.path, PATHS)
        put(self, "isolated", _names("account.isolated", self.isolated))
        put(self, "shares", _shares(self.shares))
        put(self, "rules", _rules(self.rules))


def venue_of(account: Account) -> Venue:
    """Return the venue of an account, loaded if it was given by name."""
    return account.venue if isinstance(account.venue, Venue) else load_venue(account.venue)


def rules_of(account: Account) -> VenueRules:
    """Return the rules of the account's venue with the account's overrides.

    Raises
    ------
    ConfigurationError
        See `changed_rules`.
    """
    return changed_rules(venue_of(account), account.rules)


def changed_rules(venue: Venue, changes: Mapping[str, object]) -> VenueRules:
    """Return the rules of a venue with some of them changed by hand.

    Raises
    ------
    ConfigurationError
        If a rule cannot be that, or `hedge_offset` is of a position mode that the venue does not have.
    """
    wanted = changes.get("hedge_offset")
    if wanted is not None and venue.position_modes and wanted not in venue.position_modes.values():
        raise ConfigurationError(
            "account.rules.hedge_offset",
            wanted,
            f"belongs to a position mode that {venue.name} does not have",
            allowed=[f"{offset} ({modes})" for offset, modes in position_modes(venue).items()],
            cure="Take what it has, another venue, or a venue file of your own",
        )
    changed: dict[str, Any] = dict(changes)
    return replace(venue.rules, **changed) if changed else venue.rules


def position_modes(venue: Venue) -> dict[str, str]:
    """Return the position modes of a venue in words by their `hedge_offset`, the one of its rules first."""
    words: dict[str, list[str]] = {venue.rules.hedge_offset: []} if venue.position_modes else {}
    for mode, offset in venue.position_modes.items():
        words.setdefault(offset, []).append(mode.replace("_", "-"))
    return {offset: " or ".join(modes) for offset, modes in words.items()}


def positive(key: str, value: object) -> float:
    """Return a finite number above 0 as a float, or fail."""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise ConfigurationError(key, value, "is not a number", allowed="a number above 0")
    real = float(value)
    if not 0 < real < math.inf:
        raise ConfigurationError(key, value, "must be above 0", allowed="a finite number above 0")
    if real > LARGEST:
        raise ConfigurationError(key, value, "is too large to reckon with", allowed=f"numbers up to {LARGEST:g}")
    return real


def one_of(key: str, value: object, names: Collection[str]) -> None:
    """Fail if a value is not one of the names."""
    if not isinstance(value, str) or value not in names:
        raise ConfigurationError(key, value, f"is an unknown {key.rpartition('.')[2]}", allowed=names)


def _names(key: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Collection) or not all(isinstance(v, str) for v in value):
        raise ConfigurationError(key, value, "is not a list of slot names", allowed='names, such as ("BTCUSDT",)')
    return tuple(value)


def _shares(value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise ConfigurationError("account.shares", value, "is not a mapping", allowed="name to share of the balance")
    out: dict[str, float] = {}
    for name, given in value.items():
        if isinstance(given, bool) or not hasattr(given, "__float__") or not 0 <= float(given) <= 1:
            key = f"account.shares.{name}"
            raise ConfigurationError(key, given, "is not a share", allowed="a fraction from 0 to 1")
        out[str(name)] = float(given)
    check_shares("account.shares", out)
    return out


def check_shares(key: str, shares: Mapping[str, float]) -> None:
    """Fail if shares of one balance sum to more than 1."""
    if sum(shares.values()) > 1 + SHARES_TOLERANCE:
        raise ConfigurationError(key, shares, "sum to more than 1", allowed="shares that sum to at most 1")


def _rules(value: Any) -> dict[str, object]:
    """Check the overrides only: rules that are not named stay those of the venue."""
    if not isinstance(value, Mapping):
        raise ConfigurationError("account.rules", value, "is not a mapping", allowed="rule name to value")
    checked = record(dict(value), RULE_FIELDS, "account.rules")
    return {name: checked[name] for name in value}
