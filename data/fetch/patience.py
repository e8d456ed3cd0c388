"""Asking again: how often, and after how long."""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import Event
from typing import NamedTuple, TypeVar

from data.fetch.failures import BadReply, passes, told_to_wait

T = TypeVar("T")

UNREADABLE = 3  # times a reply that cannot be read is asked for


class Stopped(Exception):
    """Somebody asked to stop while we waited."""


class Patience(NamedTuple):
    """How often and how slowly to ask again.

    Parameters
    ----------
    attempts : int
        Times a question is asked before it is given up.
    first : float
        Longest pause after the first failure [s]; it doubles with each further one. The pause is half of that to all
        of it, at random, so that several clients do not come back together.
    longest : float
        Longest pause [s].
    obedient : float
        Longest time that a reply may tell us to wait [s]; beyond that the question is given up.
    """

    attempts: int = 8
    first: float = 1.0
    longest: float = 60.0
    obedient: float = 600.0

    def pause(self, error: BaseException, attempt: int) -> float | None:
        """Return how long to wait after a failure [s], None to give up."""
        most = min(self.attempts, UNREADABLE) if isinstance(error, BadReply) else self.attempts
        if attempt >= most or not passes(error):
            return None
        told = told_to_wait(error)
        if told is not None and told > self.obedient:
            return None
        own = min(self.longest, self.first * 2.0 ** (attempt - 1))
        return max(told or 0.0, own * random.uniform(0.5, 1.0))


def patiently(
    ask: Callable[[], T], patience: Patience, stop: Event, on_pause: Callable[[BaseException, float], None]
) -> T:
    """Return the answer to a question that is asked until it is answered.

    Parameters
    ----------
    ask : callable
    patience : Patience
    stop : Event
        Set by whoever wants no more.
    on_pause : callable
        Told the error and the pause [s] before each pause.

    Raises
    ------
    Stopped
        If `stop` was set.
    Exception
        The last failure, if it does not pass.
    """
    attempt = 0
    while not stop.is_set():
        attempt += 1
        try:
            return ask()
        except Exception as error:
            pause = patience.pause(error, attempt)
            if pause is None:
                raise
            on_pause(error, pause)
            stop.wait(pause)
    raise Stopped
