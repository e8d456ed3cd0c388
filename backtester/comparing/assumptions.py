"""What a comparison takes for granted: assumed tiers, substituted prices, rules changed by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from backtester import text
from backtester.account import Account, venue_of

if TYPE_CHECKING:
    from backtester.market import Market
    from backtester.scenario import Scenario
    from backtester.venue import Venue

__all__ = ["assumptions"]

NAMED = 5  # symbols named in a sentence; the others are counted


def assumptions(account: Account, market: Market, scenarios: Iterable[Scenario] = ()) -> tuple[str, ...]:
    """Return one sentence for each thing that was assumed or put in place of data, to be shown with every result.

    Parameters
    ----------
    account : Account
        Its venue's tiers and notes, and the rules it overrides.
    market : Market
        Its notes, and those of the finer market that is simulated.
    scenarios : iterable of Scenario
        What was run: whether the venue would keep its isolated positions apart.
    """
    venue = venue_of(account)
    found = (*market.notes, *(market.detail.notes if market.detail else ()))
    notes = [_sentence(note, market.symbols) for note in found]
    assumed = [symbol for symbol in market.symbols if venue.is_assumed(symbol)]
    if assumed:
        notes.append(f"Tiers, fees and lots are assumed, not the venue's own, for {_some(assumed)}.")
    notes += _tiers(venue, market)
    notes += venue.notes
    notes += _blocks(venue, scenarios)
    if account.rules:
        changed = ", ".join(f"{name} = {value}" for name, value in account.rules.items())
        notes.append(f"Rules of {venue.name} changed by hand: {changed}.")
    return tuple(dict.fromkeys(notes))


def _tiers(venue: Venue, market: Market) -> list[str]:
    """Return of what date the tiers are: dated tables by symbol, or the one snapshot that there is."""
    start, end = int(market.open_time[0]), int(market.open_time[-1])
    dated = [symbol for symbol in market.symbols if venue.tables(symbol)]
    notes = []
    if dated:
        changes = sum(len(venue.tier_changes(symbol, start, end)) for symbol in dated)
        said = "did not change in this time" if not changes else f"changed {text.counted(changes, 'time')} in this time"
        notes.append(f"Tiers of {venue.name} are those in force at each bar; they {said}.")
    early = [symbol for symbol in dated if venue.tiers_at(symbol, start).since is None]
    if early:
        first = min(venue.tables(symbol)[0].since or 0 for symbol in early)
        known = "the first known table is used before it"
        notes.append(f"No tiers of {venue.name} are known before {text.moment(first)} for {_some(early)}: {known}.")
    if venue.snapshot and len(dated) < len(market.symbols):
        others = "" if not dated else " of the other instruments"
        notes.append(f"Tiers of {venue.name}{others} as of {venue.snapshot}; those of the past are not known.")
    return notes


def _blocks(venue: Venue, scenarios: Iterable[Scenario]) -> list[str]:
    """Return where several slots of an instrument are isolated from each other and the venue would join them."""
    notes = []
    for scenario in scenarios:
        most = venue.most_isolated(scenario.rules.hedge_offset)
        counts = Counter(slot.instrument for slot in scenario.slots if slot.isolated)
        joined = [scenario.instruments[i].symbol for i, count in counts.items() if count > most]
        if joined:
            own = "one isolated position on an instrument" if most == 1 else "one isolated position on each side"
            notes.append(
                f"{venue.name} keeps {own}; the slots of {_some(joined)} are isolated from each other here, as they "
                "would be in sub-accounts."
            )
    return notes


def _sentence(note: str, symbols: Sequence[str]) -> str:
    """Return a note with a capital and a full stop; a symbol at its beginning is left as it is."""
    first = note.split(" ", 1)[0].rstrip(":,")
    return (note if first in symbols else note[:1].upper() + note[1:]).rstrip(".") + "."


def _some(symbols: list[str]) -> str:
    if len(symbols) <= NAMED:
        return text.joined(symbols)
    return f"{', '.join(symbols[:NAMED])} and {len(symbols) - NAMED:,} more"
