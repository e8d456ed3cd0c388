"""`backtester venues`: whose rules there are, what they say, and how sure that is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtester.cli.group import Group

if TYPE_CHECKING:
    from backtester.venue import Venue

app = typer.Typer(cls=Group, help="Rules, tiers and fees of the venues.", rich_markup_mode=None)

WIDEST = 110  # columns of text that the eye can follow
INDENT = 24  # columns of the names of values
_TOGETHER = {"per_instrument": "yes", "per_account": "one mode", "never": "cross only"}
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback(invoke_without_command=True)
def venues(context: typer.Context, as_json: Json = False) -> None:
    """List the venues, or show what one of them says: `backtester venues show NAME [SYMBOL]`."""
    if context.invoked_subcommand is not None:
        return
    from backtester.cli.venue_facts import summary_facts
    from backtester.venue import load_venue, venue_names

    rows = [summary_facts(load_venue(name)) for name in venue_names()]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    from backtester.text import table

    header = ["venue", "known", "tiers of", "together", "positions", "funding", "evidence"]
    print(table(header, [_row(row) for row in rows], indent=""))
    print()
    _say("known: instruments in the file; any other symbol is given assumed values.")
    _say("together: whether cross and isolated positions may stand side by side in one account.")
    _say("positions: what the trader may choose with --rule hedge_offset=...; the one of the rules first.")
    _say("evidence: how many values are sourced/derived/assumed.")
    _say("What each value is and what it rests on: backtester venues show NAME [SYMBOL]")


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A venue, or a .toml file.", show_default=False)],
    symbol: Annotated[
        str, typer.Argument(metavar="SYMBOL", help="An instrument, in any notation.", show_default=False)
    ] = "",
    at: Annotated[str, typer.Option(metavar="TIME", help="Tiers in force then, UTC: 2022-05-10.")] = "",
    as_json: Json = False,
) -> None:
    """Show a venue's rules, or the tiers, fees and lot of one of its instruments, and what each rests on."""
    from backtester.cli.venue_facts import instrument_facts, venue_facts
    from backtester.errors import ConfigurationError
    from backtester.venue import load_venue

    if at and not symbol:
        raise ConfigurationError("--at", at, "needs a SYMBOL", cure=f"Write venues show {name} SYMBOL --at {at}")
    try:
        venue = load_venue(name)
        facts = instrument_facts(venue, symbol, at) if symbol else venue_facts(venue)
    except ConfigurationError as error:
        arguments = {"venue": "NAME", "symbol": "SYMBOL"}
        raise error.renamed(arguments.get(error.key, error.key)) from error
    if as_json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    elif symbol:
        _show_instrument(facts)
    else:
        _show_venue(venue, facts)


def _row(facts: Mapping[str, Any]) -> list[str]:
    used = facts["hedge_offset"]
    modes = sorted(facts["position_modes"].items(), key=lambda mode: mode[1] != used)
    return [
        facts["name"],
        str(facts["instruments"]),
        facts["tiers_of"] or "-",
        _TOGETHER[facts["coexistence"]],
        ", ".join(mode.replace("_", "-") for mode, _ in modes),
        f"{facts['funding_hours']:g} h",
        "/".join(map(str, facts["evidence"].values())),
    ]


def _show_venue(venue: Venue, facts: Mapping[str, Any]) -> None:
    dated = f", tiers of {venue.snapshot}" if venue.snapshot else ""
    print(f"{venue.name}: rules{dated}\n")
    print("Account")
    _values(facts["account"])
    if chosen := _other_modes(venue):
        _say(chosen, " " * INDENT)
    print("\nRules")
    _values(facts["rules"])
    print()
    print("Instruments, unless one has its own")
    _values(facts["default"])
    print()
    print("Tiers of symbols that are not known here")
    _tiers(facts["default"])
    print()
    names = facts["instruments"]
    print(f"Known instruments: {len(names)}")
    if names:
        _say(", ".join(names), "  ")
        print(f"  Their tiers: backtester venues show {venue.name} {names[0]}")
    if venue.notes:
        print("\nLeft out")
        for note in venue.notes:
            _say(note.removeprefix(f"{venue.name}: "), "  * ", "    ")


def _other_modes(venue: Venue) -> str:
    """Return how the trader chooses another position mode; empty where none margins otherwise."""
    from backtester.account import position_modes

    used, *others = position_modes(venue).items() or [("", "")]
    said = [f"{modes} with --rule hedge_offset={offset}" for offset, modes in others]
    return f"used: {used[1]}; {', '.join(said)}" if said else ""


def _show_instrument(facts: Mapping[str, Any]) -> None:
    print(f"{facts['symbol']} on {facts['venue']}\n")
    _say(_in_force(facts))
    _tiers(facts)
    print()
    _values(facts)
    if facts["isolated_only"]:
        print("\nIn isolation only: the venue has no cross margin for it.")


def _in_force(facts: Mapping[str, Any]) -> str:
    since, at, tables = facts["in_force_since"], facts["at"], facts["dated_tables"]
    if not tables:
        dated = f"Tiers of {facts['tiers_of']}" if facts["tiers_of"] else "Tiers, of no date"
        return f"{dated}: nothing says that they were in force at {at}." if at else f"{dated}."
    several = f"{len(tables)} tables are known, from {tables[0]} on" if len(tables) > 1 else "no other table is known"
    if since is None:
        return f"Tiers at {at} are not known; these are the first ones, seen {tables[0]} UTC. Here {several}."
    if at:
        return f"Tiers in force at {at}, first seen {since} UTC. Here {several}."
    return f"The latest tiers, first seen {since} UTC. Here {several}."


def _tiers(facts: Mapping[str, Any]) -> None:
    from backtester.text import percent, table

    by = facts["tier_key"]["value"]
    rows = [
        [
            f"{tier['floor']:,.10g}",
            "-" if tier["cap"] is None else f"{tier['cap']:,.10g}",
            percent(tier["maintenance_rate"]),
            f"{tier['maintenance_amount']:,.10g}",
            f"{tier['max_leverage']:g}x",
        ]
        for tier in facts["tiers"]
    ]
    print()
    print(table([f"{by} above", "up to", "rate", "amount", "max leverage"], rows))
    print()
    _say(
        "maintenance margin = rate x notional - amount" if by == "notional" else "maintenance margin = rate x notional",
        "  ",
    )
    if growth := facts.get("unit_margin_rate"):
        least = f"{growth['value']:g} x quantity"
        _say(f"The margin rate, 1 / max leverage, is at least {least}, at most 1; the rate grows in proportion.", "  ")
    _evidence(facts["tiers_evidence"], "  ")


def _values(facts: Mapping[str, Any]) -> None:
    for name, row in facts.items():
        if isinstance(row, Mapping) and "value" in row:
            _say(f"{_shown(name, row['value'])}: {row['meaning']}", f"  {name}".ljust(INDENT), " " * INDENT)
            _evidence(row["evidence"], " " * INDENT)


def _evidence(evidence: Mapping[str, str], indent: str) -> None:
    _say(f"{evidence['kind']}: {evidence['text']}", indent)
    if evidence["address"]:
        print(f"{indent}{evidence['address']} ({evidence['date']})")


def _shown(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{mode.replace('_', '-')} ({offset})" for mode, offset in value.items()) or "not stated"
    if isinstance(value, list):
        return ", ".join(value)
    if not isinstance(value, float):
        return str(value)
    from backtester.schema import RULE_RATES

    is_rate = name in RULE_RATES or name.endswith("_fee_rate")
    return f"{value:g} ({value * 100:g} %)" if value and is_rate else f"{value:g}"


def _say(words: str, first: str = "", indent: str | None = None) -> None:
    from backtester.text import wrapped

    width = min(shutil.get_terminal_size().columns, WIDEST)
    print(wrapped(words, first=first, indent=first if indent is None else indent, width=width))
