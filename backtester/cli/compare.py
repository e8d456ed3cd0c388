"""`backtester compare`: one strategy under several margin modes, on a screen and as a folder."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtester._foreign import import_ours
from backtester.cli.allocations import check_used, chosen_strategies, described, isolated_names
from backtester.cli.options import as_options, names, rules
from backtester.cli.screen import Tell, compiles, progress, show
from backtester.wanted import SEED, SYNTHETIC, Wanted, market_of, venue_name, venue_of_store

if TYPE_CHECKING:
    from backtester.account import Account
    from backtester.across import VenueComparison
    from backtester.allocation import Allocation
    from backtester.compare import Comparison
    from backtester.market import Market

__all__ = ["compare", "configuration_of", "run", "write"]

MARKET = "Candles and account"
MODEL = "Strategy and model"
OUTPUT = "Output"


def compare(
    strategies: Annotated[
        list[str],
        typer.Argument(
            metavar="STRATEGY",
            help="A name that 'backtester strategy list' shows, or your own: path/file.py:Class. "
            "Several share the account; NAME=STRATEGY gives one a name.",
            show_default=False,
        ),
    ],
    market: Annotated[
        str,
        typer.Option(
            metavar="FOLDER|synthetic",
            help="Folder of candles, FOLDER/SYMBOL/1h-trade.parquet and so on, or 'synthetic' for made-up prices.",
            show_default=False,
        ),
    ],
    symbols: Annotated[str, typer.Option(metavar="A,B|all", help="Instruments, in any notation.")] = "all",
    timeframe: Annotated[str, typer.Option(metavar="1h", help="Of the candles that decisions are made on.")] = "1h",
    start: Annotated[str, typer.Option(metavar="TIME", help="First bar, UTC: 2025-10-01 or '2025-10-01 12:00'.")] = "",
    end: Annotated[str, typer.Option(metavar="TIME", help="Bars before this time.")] = "",
    balance: Annotated[float, typer.Option(help="Money at the start.")] = 10_000.0,
    leverage: Annotated[float, typer.Option(help="Of every position that does not ask for its own.")] = 10.0,
    venue: Annotated[
        str,
        typer.Option(
            metavar="A,B|FILE.toml",
            help="Whose margin rules, tiers and fees; several are compared in one table. "
            "Left out: the folder's name if that is a venue, else generic.",
        ),
    ] = "",
    modes: Annotated[
        str, typer.Option(metavar="A,B", help="Of isolated, cross, mixed, sub_accounts.")
    ] = "isolated,cross",
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="name=value",
            help="Parameter of the strategy, of several NAME.name=value; may be repeated.",
        ),
    ] = None,
    allocate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:share=0.3,...",
            help="What a strategy is allotted: share, the part of the equity that its sizes count, and its own in "
            "sub_accounts; leverage; margin_mode, used in mixed. May be repeated.",
        ),
    ] = None,
    isolated: Annotated[
        str, typer.Option(metavar="A,B", help="Strategies, symbols or positions that are isolated in mode mixed.")
    ] = "",
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule",
            metavar="name=value",
            help="Rule of the venue to change, such as hedge_offset=net for its one-way mode; may be repeated.",
        ),
    ] = None,
    path: Annotated[
        str, typer.Option(metavar="NAME", help="What bars hide: adverse, favourable, candle or close.")
    ] = "adverse",
    simulation_timeframe: Annotated[
        str, typer.Option(metavar="1m", help="Finer candles to simulate on; decisions stay as they are.")
    ] = "",
    require: Annotated[
        str, typer.Option(metavar="mark,funding", help="Leave out instruments without mark candles or funding.")
    ] = "",
    store_facts: Annotated[
        bool,
        typer.Option(
            "--store-facts/--no-store-facts",
            help="Tiers, lots and contracts of a store of that venue go before those of this program, or not.",
        ),
    ] = True,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse data in which funding, mark prices or bars are missing.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help=f"Of the synthetic market; {SEED} if left out.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="New folder for page, charts, tables and data. Nothing is overwritten."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the report.")] = False,
) -> None:
    """Run a strategy, or several in one account, under several margin modes and compare them.

    Each mode also runs under the other paths that the bars may hide, so that the report can say how sure it is.
    """
    venues = [venue] if Path(venue).is_file() else names(venue) or [venue]
    one = venue if len(venues) == 1 else ""  # of several, none says which candles are meant
    asked = Wanted(market, names(symbols), timeframe, start, end, simulation_timeframe, one, names(require), seed)
    with as_options(), progress() as tell, redirect_stdout(sys.stderr):  # what an author's code prints is no report
        if out is not None:
            import_ours("reports.write").check_folder(out)
        chosen_modes = names(modes)
        account = _account(balance, leverage, path, chosen_modes, rule or [])
        accounts = _at_venues(account, venues if len(venues) > 1 else [venue_name(asked)])
        tell("loading the strategy")
        chosen = chosen_strategies(strategies, set_ or [], allocate or [])
        check_used(names(isolated), chosen, chosen_modes)
        tell("reading candles")
        candles = market_of(asked)
        _check_data(candles, strict=strict)
        if store_facts:
            accounts = [_with_facts(each, asked, candles) for each in accounts]
        apart = isolated_names(names(isolated), chosen, candles.symbols)
        accounts = [replace(each, isolated=apart) for each in accounts]
        comparison = run(chosen, candles, accounts, chosen_modes, tell)
        configuration = configuration_of("compare", strategies, chosen, comparison, accounts, asked)
        page = None if out is None else write(comparison, out, configuration, tell)
    if as_json:
        print(_json(comparison, configuration, page))
        return
    show(comparison)
    if page is not None:
        print(f"\nThe report is in\n{page}")


def run(
    strategies: Sequence[Allocation], market: Market, accounts: list[Account], modes: list[str], tell: Tell
) -> Comparison | VenueComparison:
    """Compare with progress, at the venue of each account; the first run on a machine says that it compiles."""
    tell("starting the engine")
    from backtester.across import compare_venues
    from backtester.compare import compare as compare_modes

    once = " (compiling the engine, once)" if compiles() else ""

    def step(done: int, total: int, what: str) -> None:
        tell(what + ("" if done else once), done, total)

    if len(accounts) == 1:
        return compare_modes(strategies, market, accounts[0], modes, progress=step)
    venues = [account.venue for account in accounts]
    return compare_venues(strategies, market, accounts[0], venues, modes, progress=step)


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


def write(comparison: Comparison | VenueComparison, out: Path, configuration: dict[str, Any], tell: Tell) -> Path:
    """Write the folder of a report and return its page, as the user named it."""
    tell("writing the report")
    page = import_ours("reports.write").write_report(
        comparison, out, configuration=configuration, progress=lambda what: tell(f"writing {what}")
    )
    return out / page.name


def _account(balance: float, leverage: float, path: str, modes: list[str], changed: list[str]) -> Account:
    """Return the account, and check the modes, before candles are read."""
    from backtester.account import Account
    from backtester.errors import ConfigurationError
    from backtester.schema import MODES

    if not modes:
        raise ConfigurationError("--modes", "", "names no margin mode", allowed=MODES)
    return [Account(balance, leverage, mode=mode, path=path, rules=rules(changed)) for mode in modes][-1]


def _at_venues(account: Account, venues: list[str]) -> list[Account]:
    """Return the account at each venue; an unknown one is said now."""
    from backtester.account import venue_of

    accounts = [replace(account, venue=venue) for venue in venues]
    for each in accounts:
        venue_of(each)
    return accounts


def configuration_of(
    command: str,
    places: Sequence[str],
    chosen: Sequence[Allocation],
    comparison: Comparison | VenueComparison,
    accounts: list[Account],
    wanted: Wanted,
) -> dict[str, Any]:
    """Return everything that the runs depended on, with all defaults filled in, as JSON values."""
    from backtester.text import moment

    account, market = accounts[0], comparison.first.market
    at = [_rules(each) for each in accounts]
    team = [described(place, allocation) for place, allocation in zip(places, chosen, strict=True)]
    return {
        "command": shlex.join(["backtester", *sys.argv[1:]]),
        "made_by": f"backtester {command}",
        **({"strategy": team[0]} if len(team) == 1 else {"strategies": team}),
        "market": {
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
        },
        "account": {
            "balance": account.balance,
            "leverage": account.leverage,
            "modes": list(comparison.modes),
            "path": account.path,
            **({"isolated": list(account.isolated)} if account.isolated else {}),
            **(at[0] if len(at) == 1 else {"venues": at}),
        },
    }


def _rules(account: Account) -> dict[str, Any]:
    """Return what the account's venue stands for."""
    from dataclasses import asdict

    from backtester.account import rules_of, venue_of

    venue = venue_of(account)
    return {"venue": venue.name, "tiers_of": venue.snapshot or None, "rules": asdict(rules_of(account))}


def _json(comparison: Comparison | VenueComparison, configuration: dict[str, Any], page: Path | None) -> str:
    whole = {"configuration": configuration, **comparison.to_dict(), "report": None if page is None else str(page)}
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False)
