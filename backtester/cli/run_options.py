"""The options of every command that runs strategies: market, account, strategies and model, said once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from backtester.cli.options import names
from backtester.wanted import SEED, Wanted

__all__ = ["RunOptions", "with_run_options"]


@dataclass(frozen=True)
class RunOptions:
    """What was asked for, as it was typed; see `backtester.cli.setup` for what becomes of it."""

    strategies: Annotated[
        list[str],
        typer.Argument(
            metavar="STRATEGY",
            help="A name that 'backtester strategy list' shows, or your own: path/file.py:Class. "
            "Several share the account; NAME=STRATEGY gives one a name.",
            show_default=False,
        ),
    ]
    market: Annotated[
        str,
        typer.Option(
            metavar="FOLDER|synthetic",
            help="Folder of candles, FOLDER/SYMBOL/1h-trade.parquet and so on, or 'synthetic' for made-up prices.",
            show_default=False,
        ),
    ]
    symbols: Annotated[str, typer.Option(metavar="A,B|all", help="Instruments, in any notation.")] = "all"
    timeframe: Annotated[str, typer.Option(metavar="1h", help="Of the candles that decisions are made on.")] = "1h"
    start: Annotated[str, typer.Option(metavar="TIME", help="First bar, UTC: 2025-10-01 or '2025-10-01 12:00'.")] = ""
    end: Annotated[str, typer.Option(metavar="TIME", help="Bars before this time.")] = ""
    balance: Annotated[float, typer.Option(help="Money at the start.")] = 10_000.0
    leverage: Annotated[float, typer.Option(help="Of every position that does not ask for its own.")] = 10.0
    venue: Annotated[
        str,
        typer.Option(
            metavar="A,B|FILE.toml",
            help="Whose margin rules, tiers and fees; `compare` puts several into one table. "
            "Left out: the folder's name if that is a venue, else generic.",
        ),
    ] = ""
    modes: Annotated[
        str, typer.Option(metavar="A,B", help="Of isolated, cross, mixed, sub_accounts.")
    ] = "isolated,cross"
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="name=value",
            help="Parameter of the strategy, of several NAME.name=value; may be repeated.",
        ),
    ] = None
    allocate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:share=0.3,...",
            help="What a strategy is allotted: share, the part of the equity that its sizes count, and its own in "
            "sub_accounts; leverage; margin_mode, used in mixed. May be repeated.",
        ),
    ] = None
    isolated: Annotated[
        str, typer.Option(metavar="A,B", help="Strategies, symbols or positions that are isolated in mode mixed.")
    ] = ""
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule",
            metavar="name=value",
            help="Rule of the venue to change, such as hedge_offset=net for its one-way mode; may be repeated.",
        ),
    ] = None
    path: Annotated[
        str, typer.Option(metavar="NAME", help="What bars hide: adverse, favourable, candle or close.")
    ] = "adverse"
    simulation_timeframe: Annotated[
        str, typer.Option(metavar="1m", help="Finer candles to simulate on; decisions stay as they are.")
    ] = ""
    require: Annotated[
        str, typer.Option(metavar="mark,funding", help="Leave out instruments without mark candles or funding.")
    ] = ""
    store_facts: Annotated[
        bool,
        typer.Option(
            "--store-facts/--no-store-facts",
            help="Tiers, lots and contracts of a store of that venue go before those of this program, or not.",
        ),
    ] = True
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse data in which funding, mark prices or bars are missing.")
    ] = False
    seed: Annotated[int | None, typer.Option(help=f"Of the synthetic market; {SEED} if left out.")] = None

    @property
    def venues(self) -> list[str]:
        """The venues named, or the one file; a single empty name where none is."""
        return [self.venue] if Path(self.venue).is_file() else names(self.venue) or [self.venue]

    @property
    def wanted(self) -> Wanted:
        """The market that is asked for."""
        one = self.venue if len(self.venues) == 1 else ""  # of several, none says which candles are meant
        return Wanted(
            self.market,
            names(self.symbols),
            self.timeframe,
            self.start,
            self.end,
            self.simulation_timeframe,
            one,
            names(self.require),
            self.seed,
        )


def with_run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that has the options of `RunOptions` before its own, and gets them as its first argument."""
    hints = get_type_hints(command, include_extras=True)
    own = list(inspect.signature(command).parameters.values())[1:]
    defaults = {field.name: field.default for field in fields(RunOptions)}
    shared = get_type_hints(RunOptions, include_extras=True)

    def with_all(**given: Any) -> None:
        asked = RunOptions(**{name: given.pop(name) for name in shared})
        command(asked, **given)

    keyword, missing = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.empty
    told = {name: missing if defaults[name] is MISSING else defaults[name] for name in shared}
    told |= {each.name: each.default for each in own}
    kinds = shared | {each.name: hints[each.name] for each in own}
    parameters = [inspect.Parameter(name, keyword, default=told[name], annotation=kinds[name]) for name in told]
    with_all.__name__, with_all.__doc__ = command.__name__, command.__doc__
    with_all.__annotations__ = kinds
    with_all.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return with_all
