"""What a comparison takes for granted: assumed tiers, substituted prices, rules changed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backtester import text
from backtester.account import Account, venue_of

if TYPE_CHECKING:
    from backtester.market import Market

__all__ = ["assumptions"]

NAMED = 5  # symbols named in a sentence; the others are counted


def assumptions(account: Account, market: Market) -> tuple[str, ...]:
    """Return one sentence for each thing that was assumed or put in place of data, to be shown with every result.

    Parameters
    ----------
    account : Account
        Its venue's tiers and notes, and the rules it overrides.
    market : Market
        Its notes, and those of the finer market that is simulated.
    """
    venue = venue_of(account)
    found = (*market.notes, *(market.detail.notes if market.detail else ()))
    notes = [_sentence(note, market.symbols) for note in found]
    assumed = [symbol for symbol in market.symbols if venue.is_assumed(symbol)]
    if assumed:
        notes.append(f"Tiers, fees and lots are assumed, not the venue's own, for {_some(assumed)}.")
    if venue.snapshot:
        notes.append(f"Tiers of {venue.name} as of {venue.snapshot}; no venue publishes those of the past.")
    notes += venue.notes
    if account.rules:
        changed = ", ".join(f"{name} = {value}" for name, value in account.rules.items())
        notes.append(f"Rules of {venue.name} changed by hand: {changed}.")
    return tuple(dict.fromkeys(notes))


def _sentence(note: str, symbols: Sequence[str]) -> str:
    """Return a note with a capital and a full stop; a symbol at its beginning is left as it is."""
    first = note.split(" ", 1)[0].rstrip(":,")
    return (note if first in symbols else note[:1].upper() + note[1:]).rstrip(".") + "."


def _some(symbols: list[str]) -> str:
    if len(symbols) <= NAMED:
        return text.joined(symbols)
    return f"{', '.join(symbols[:NAMED])} and {len(symbols) - NAMED:,} more"
