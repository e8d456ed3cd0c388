"""From the options of a run to what they ask for: strategies, candles, accounts and margin modes, all checked."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from backtester.cli.allocations import check_used, chosen_strategies, described
from backtester.cli.options import names, rules
from backtester.cli.screen import Tell
from backtester.errors import ConfigurationError
from backtester.wanted import SEED, SYNTHETIC, Wanted, market_of, venue_name, venue_of_store

if TYPE_CHECKING:
    from backtester.account import Account
    from backtester.allocation import Allocation
    from backtester.cli.run_options import RunOptions
    from backtester.market import Market

__all__ = ["Setup", "configuration_of", "one_account", "set_up"]

ELSEWHERE = ("--out", "--export")  # options that say where output goes


OF_PLANS = {  # what commands of one venue are about
    "stress": "its shocks",
    "bootstrap": "its draws",
    "compare --leverages": "its leverages",
}


class Setup(NamedTuple):
    """What a command runs.

    Parameters
    ----------
    chosen : list of Allocation
    market : Market
    accounts : list of Account
        One for each venue.
    modes : list of str
    wanted : Wanted
        By which the market was found.
    """

    chosen: list[Allocation]
    market: Market
    accounts: list[Account]
    modes: list[str]
    wanted: Wanted


def set_up(asked: RunOptions, tell: Tell) -> Setup:
    """Return what the options ask for; what is cheap to check is checked before candles are read.

    Raises
    ------
    ConfigurationError, MarketDataError, StrategyError
        Naming the option, what was found, what is allowed and the cure.
    """
    from backtester.allocation import named

    modes, wanted = names(asked.modes), asked.wanted
    account = _account(asked, modes)
    accounts = _at_venues(account, asked.venues if len(asked.venues) > 1 else [venue_name(wanted)])
    tell("loading the strategy")
    chosen = chosen_strategies(asked.strategies, asked.set_ or [], asked.allocate or [])
    check_used(names(asked.isolated), chosen, modes)
    tell("reading candles")
    market = market_of(wanted)
    _check_data(market, strict=asked.strict)
    if asked.store_facts:
        accounts = [_with_facts(each, wanted, market) for each in accounts]
    apart = tuple(names(asked.isolated))
    accounts = [named(replace(each, isolated=apart), chosen, market.symbols) for each in accounts]
    return Setup(chosen, market, accounts, modes, wanted)


def one_account(accounts: Sequence[Account], command: str) -> Account:
    """Return the account of a command that runs at one venue.

    Raises
    ------
    ConfigurationError
        If several venues were named.
    """
    if len(accounts) > 1:
        problem = f"names several venues, and {command} runs at one"
        cure = f"Name one, or put several into a plan beside {OF_PLANS[command]}: see backtester batch"
        raise ConfigurationError("--venue", ",".join(str(_venue_of(each)) for each in accounts), problem, cure=cure)
    return accounts[0]


def _venue_of(account: Account) -> str:
    from backtester.account import venue_of

    return venue_of(account).name


def _account(asked: RunOptions, modes: list[str]) -> Account:
    """Return the account, and check the modes."""
    from backtester.account import Account
    from backtester.schema import MODES

    if not modes:
        raise ConfigurationError("--modes", "", "names no margin mode", allowed=MODES)
    changed = rules(asked.rule or [])
    return [Account(asked.balance, asked.leverage, mode=mode, path=asked.path, rules=changed) for mode in modes][-1]


def _at_venues(account: Account, venues: list[str]) -> list[Account]:
    """Return the account at each venue; an unknown one is said now."""
    accounts = [replace(account, venue=venue) for venue in venues]
    for each in accounts:
        _venue_of(each)
    return accounts


def _with_facts(account: Account, wanted: Wanted, market: Market) -> Account:
    """Return an account at its venue with what the store of the candles knows of that venue."""
    from backtester.account import venue_of

    venue = venue_of(account)
    known = venue_of_store(wanted, venue, market)
    return account if known is venue else replace(account, venue=known)


def _check_data(market: Market, *, strict: bool) -> None:
    """Warn of funding that is missing, or with `strict` refuse data that are not complete."""
    from backtester import provenance

    if strict:
        provenance.check_complete(market)
    for said in provenance.warnings(market):
        typer.echo(f"warning: {said}", err=True)


def configuration_of(command: str, places: Sequence[str], setup: Setup) -> dict[str, Any]:
    """Return everything that the runs depended on, with all defaults filled in, as JSON values."""
    at = [_rules(each) for each in setup.accounts]
    team = [described(place, allocation) for place, allocation in zip(places, setup.chosen, strict=True)]
    return {
        "command": shlex.join(["backtester", *_repeating(sys.argv[1:])]),
        "made_by": f"backtester {command}",
        **({"strategy": team[0]} if len(team) == 1 else {"strategies": team}),
        "market": _market(setup.market, setup.wanted),
        "account": {
            **{name: getattr(setup.accounts[0], name) for name in ("balance", "leverage")},
            "modes": setup.modes,
            "path": setup.accounts[0].path,
            **({"isolated": list(setup.accounts[0].isolated)} if setup.accounts[0].isolated else {}),
            **(at[0] if len(at) == 1 else {"venues": at}),
        },
    }


def _repeating(arguments: Sequence[str]) -> list[str]:
    """Return what was typed without where the output went: a folder that is there already would be refused."""
    kept, skip = list[str](), False
    for each in arguments:
        if not (skip or each == "--json" or each.partition("=")[0] in ELSEWHERE):
            kept.append(each)
        skip = each in ELSEWHERE
    return kept


def _market(market: Market, wanted: Wanted) -> dict[str, Any]:
    from backtester.text import moment

    return {
        "market": wanted.market,
        "source": market.source,
        "synthetic": market.synthetic,
        "seed": (SEED if wanted.seed is None else wanted.seed) if wanted.market == SYNTHETIC else None,
        "symbols": list(market.symbols),
        "timeframe": wanted.timeframe,
        "simulation_timeframe": wanted.simulation_timeframe or wanted.timeframe,
        "start": moment(market.open_time[0]),
        "end": moment(market.close_time[-1]),
        "bars": market.n_bars,
        "trade_price_as_mark": [s for s, same in zip(market.symbols, market.mark_is_trade, strict=True) if same],
    }


def _rules(account: Account) -> dict[str, Any]:
    """Return what the account's venue stands for."""
    from dataclasses import asdict

    from backtester.account import rules_of, venue_of

    venue = venue_of(account)
    return {"venue": venue.name, "tiers_of": venue.snapshot or None, "rules": asdict(rules_of(account))}
