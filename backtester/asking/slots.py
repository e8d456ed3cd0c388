"""The slots of an account: what each strategy asked for, in the account's margin mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Real

from backtester.account import Account, Slot, venue_of
from backtester.allocation import Allocation
from backtester.asking.author import ask_slots
from backtester.errors import ConfigurationError, StrategyError, nearest
from backtester.market import Market
from backtester.strategy import SlotSpec, Strategy

_CURE = "return [SlotSpec(symbol) for symbol in market.symbols]"


def specs_of(strategy: Strategy, market: Market) -> tuple[SlotSpec, ...]:
    """Return the slots a strategy asks for, checked.

    Raises
    ------
    StrategyError
        If there are none, one is no SlotSpec, its symbol is not in the market, its leverage is
        not positive, or two are the same.
    """
    given = ask_slots(strategy, market)
    if not isinstance(given, list | tuple):
        problem = "its method `slots` must return a list"
        raise StrategyError(strategy.name, problem, found=given, cure=_CURE)
    specs = tuple(given)
    if not specs:
        cure = "return at least one SlotSpec"
        raise StrategyError(strategy.name, "its method `slots` returned no slots", cure=cure)
    for spec in specs:
        _check(strategy, market, spec)
    labels = [spec.label for spec in specs]
    for label in labels:
        if labels.count(label) > 1:
            problem = "two slots have the same symbol and leg"
            cure = "give each a leg, such as SlotSpec(symbol, leg='long')"
            raise StrategyError(strategy.name, problem, slot=label, cure=cure)
    return specs


def _check(strategy: Strategy, market: Market, spec: object) -> None:
    if not isinstance(spec, SlotSpec):
        problem = "its method `slots` must return SlotSpec objects"
        raise StrategyError(strategy.name, problem, found=spec, cure=_CURE)
    if spec.symbol not in market.symbols:
        near = nearest(str(spec.symbol), market.symbols)
        has = f"the market has {', '.join(market.symbols[:8])}"
        raise StrategyError(
            strategy.name,
            f"the market has no instrument {spec.symbol}",
            slot=spec.label,
            cure=f"did you mean {' or '.join(near)}?" if near else has,
        )
    if spec.leverage is not None and not _is_positive(spec.leverage):
        raise StrategyError(
            strategy.name,
            "the leverage of a slot must be a number above 0",
            slot=spec.label,
            found=spec.leverage,
            cure="leave it out to use the account's",
        )


def _is_positive(value: object) -> bool:
    """Return whether a value is a finite number above 0."""
    return isinstance(value, Real) and not isinstance(value, bool) and 0.0 < float(value) < float("inf")


def allotted(specs: Sequence[SlotSpec], allocation: Allocation) -> list[SlotSpec]:
    """Return slots with the leverage and the margin mode that their strategy is allotted, if it is, for their own."""
    return [
        replace(
            spec,
            leverage=spec.leverage if allocation.leverage is None else allocation.leverage,
            margin_mode=allocation.margin_mode or spec.margin_mode,
        )
        for spec in specs
    ]


def account_slots(account: Account, title: str, specs: Sequence[SlotSpec], symbols: Sequence[str]) -> list[Slot]:
    """Return a strategy's slots in an account.

    Parameters
    ----------
    account : Account
    title : str
        What the strategy is called in the names of its slots.
    specs : sequence of SlotSpec
    symbols : sequence of str
        Columns of the market the simulation runs on.

    Raises
    ------
    ConfigurationError
        If a slot names a sub-account that the account does not have.
    """
    return [
        Slot(
            instrument=symbols.index(spec.symbol),
            leverage=float(account.leverage if spec.leverage is None else spec.leverage),
            isolated=_isolated(account, title, spec),
            group=_group(account, title, spec),
            name=f"{title} {spec.label}",
            strategy=title,
        )
        for spec in specs
    ]


def _names(title: str, spec: SlotSpec) -> tuple[str, str, str]:
    """Return the names an account may know a slot by, the most exact one first."""
    return f"{title} {spec.label}", title, spec.symbol


def _isolated(account: Account, title: str, spec: SlotSpec) -> bool:
    if account.mode in ("isolated", "cross"):
        return account.mode == "isolated"
    listed = any(name in account.isolated for name in _names(title, spec))
    return listed or spec.margin_mode == "isolated"


def _group(account: Account, title: str, spec: SlotSpec) -> int:
    if account.mode != "sub_accounts":
        return -1
    shares = list(account.shares)
    if spec.sub_account is not None:
        if spec.sub_account not in shares:
            key = f"slot {title} {spec.label}: sub_account"
            problem = "the account has no such share"
            raise ConfigurationError(key, spec.sub_account, problem, allowed=shares)
        return shares.index(spec.sub_account)
    known = [name for name in _names(title, spec) if name in shares]
    return shares.index(known[0]) if known else -1


def check_account(account: Account, slots: Sequence[Slot], asked: Sequence[tuple[str, SlotSpec]]) -> None:
    """Fail if the account names slots or sub-accounts that nothing belongs to.

    Parameters
    ----------
    account : Account
    slots : sequence of Slot
        All slots of the account.
    asked : sequence of (str, SlotSpec)
        For each, its strategy's title and what it asked for.

    Raises
    ------
    ConfigurationError
    """
    known = dict.fromkeys(name for title, spec in asked for name in _names(title, spec))
    if account.mode in ("mixed", "sub_accounts"):
        for name in account.isolated:
            if name not in known:
                problem = "names no slot, strategy or symbol"
                raise ConfigurationError("account.isolated", name, problem, allowed=known)
    if account.mode == "sub_accounts":
        used = {slot.group for slot in slots}
        for group, name in enumerate(account.shares):
            if group not in used:
                raise ConfigurationError(
                    "account.shares",
                    name,
                    "no slot belongs to this sub-account, so its money would lie idle",
                    allowed=known,
                    cure="name it like a slot, strategy or symbol, or in SlotSpec.sub_account",
                )


def check_venue(account: Account, slots: Sequence[Slot], symbols: Sequence[str]) -> None:
    """Fail if the account's venue has no account with these slots.

    Parameters
    ----------
    account : Account
        Its mode counts.
    slots : sequence of Slot
        All slots of the account.
    symbols : sequence of str
        What `Slot.instrument` points into.

    Raises
    ------
    ConfigurationError
        With the reason and the way out.
    """
    venue = venue_of(account)
    main = [slot for slot in slots if account.mode != "sub_accounts" or slot.group < 0]
    cross = [slot for slot in main if not _has_own_pool(account.mode, slot)]
    if venue.coexistence != "per_instrument" and 0 < len(cross) < len(main):
        one_mode = venue.coexistence == "per_account"
        why = "has one margin mode for the whole account" if one_mode else "has no isolated margin"
        raise ConfigurationError(
            "account.mode",
            account.mode,
            f"{venue.name} {why}: cross and isolated positions cannot stand side by side in one",
            allowed=["isolated", "cross", "sub_accounts"],
            cure="Use sub-accounts: name each cross position in the shares of mode='sub_accounts', "
            f"such as shares={{{cross[0].name!r}: 0.5}}; those that are isolated stay in the main account",
        )
    for slot in slots:
        if venue.must_be_isolated(symbols[slot.instrument]) and (slot in cross or slot not in main):
            symbol = symbols[slot.instrument]
            raise ConfigurationError(
                "account.mode",
                account.mode,
                f"{venue.name} margins {symbol} in isolation only, so {slot.name} cannot be cross",
                allowed=["isolated", "mixed"],
                cure=f"Use mode='isolated', or mode='mixed' with isolated=({symbol!r},)",
            )


def _has_own_pool(mode: str, slot: Slot) -> bool:
    return mode == "isolated" or (mode != "cross" and slot.isolated)
