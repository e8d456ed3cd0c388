"""Inputs of the last runs, for those that have some of them in common."""

from __future__ import annotations

from backtester.running.common_input import Common, common_of, instrument_of_slots
from backtester.running.start import Start, start_of
from backtester.scenario import Scenario

__all__ = ["Kept"]

MOST = 2  # scenarios of one worker


class Kept:
    """What the scenarios that came last were given.

    Parameters
    ----------
    workers : int
        Who may ask beside each other.
    """

    def __init__(self, workers: int = 1) -> None:
        self._most = MOST * workers
        self._found: tuple[tuple[Scenario, Common], ...] = ()
        self._starts: tuple[tuple[Scenario, Start], ...] = ()

    def of(self, scenario: Scenario) -> Common:
        """Return the common inputs of a scenario, made as far as none of the last scenarios was like it."""
        near = [each for each in self._found if _are_near(scenario, each[0])]
        like = (each for each in near if _are_alike(scenario, each[0]))
        found = next(like, None) or (scenario, common_of(scenario, near[0][1] if near else None))
        self._found = (found, *(each for each in self._found if each is not found))[: self._most]
        return found[1]

    def start(self, scenario: Scenario, common: Common) -> Start:
        """Return the start of a scenario with these common inputs, made if none of the last began alike."""
        like = (each for each in self._starts if _begin_alike(scenario, each[0]))
        found = next(like, None) or (scenario, start_of(scenario, common.first_tiers))
        self._starts = (found, *(each for each in self._starts if each is not found))[: self._most]
        return found[1]


def _begin_alike(one: Scenario, other: Scenario) -> bool:
    """Return whether scenarios differ in nothing but their orders and instructions."""
    same = _are_near(one, other) and one.slots == other.slots and one.rules == other.rules
    return same and _terms_of(one) == _terms_of(other)


def _terms_of(scenario: Scenario) -> tuple[object, ...]:
    return scenario.balance, scenario.mode, scenario.path, scenario.shares


def _are_near(one: Scenario, other: Scenario) -> bool:
    """Return whether scenarios have what is `OF_MARKET` in common."""
    return one.market is other.market and one.instruments == other.instruments


def _are_alike(one: Scenario, other: Scenario) -> bool:
    """Return whether scenarios that are near have the same orders as well."""
    none = len(one.terms.order) == len(other.terms.order) == 0
    same = one.orders is other.orders and (none or one.terms is other.terms)
    return same and instrument_of_slots(one) == instrument_of_slots(other)
