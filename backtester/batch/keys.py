"""The key of a run: a hash of everything that its numbers depend on."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable

from backtester._foreign import import_ours
from backtester.asking.sources import Sources
from backtester.batch.plan import Plan, Run
from backtester.batch.shared import Shared
from backtester.batch.tasks import Task
from backtester.batch.teams import members
from backtester.errors import BacktesterError, ConfigurationError
from backtester.fingerprints import LETTERS, bytes_of, content_of, engine_source, hashed
from backtester.wanted import SYNTHETIC, Wanted

__all__ = ["Keys"]


class Keys:
    """Keys of the runs of a plan: data, source of the strategy, settings, rules of the venue, and engine.

    Parameters
    ----------
    plan : Plan
    shared : Shared
        Where the markets are.
    """

    def __init__(self, plan: Plan, shared: Shared) -> None:
        self._shared = shared
        self._about = [engine_source(), plan.metrics, plan.check, plan.store_facts, plan.strict]
        self._data: dict[str, str] = {}
        self._sources = Sources()
        self._rules: dict[tuple[str, str], str] = {}

    def on(self, wanted: Wanted, strategy: str) -> Callable[[Run], str]:
        """Return the function from a run of a strategy on a market to its key."""
        about = [*self._about, self._data_of(wanted), *(self._sources.of(each.place) for each in members(strategy))]
        shared = hashlib.sha256(repr(about).encode())
        rules: dict[str, str] = {}

        def key(run: Run) -> str:
            venue = run["venue"]
            if venue not in rules:
                rules[venue] = self._rules_of(venue, wanted)
            digest = shared.copy()
            digest.update(f"{rules[venue]} {run}".encode())
            return digest.hexdigest()[:LETTERS]

        return key

    def check(self, task: Task) -> None:
        """Fail if runs would be done here with other data, strategy or rules than where their keys were made.

        What cannot be read here at all is said by the runs.
        """
        try:
            self._shared.market(task.wanted)
            mine = self.on(task.wanted, task.strategy)(task.jobs[0].run)
        except BacktesterError:
            return
        if mine != task.jobs[0].key:
            cure = "Have the same files wherever a worker runs, and start the workers again"
            what = f"{task.wanted.market}, {task.strategy}"
            raise ConfigurationError("scheduler", what, "a worker has other data, strategies or rules", cure=cure)

    def _data_of(self, wanted: Wanted) -> str:
        name = repr(wanted)
        if name not in self._data:
            self._data[name] = _recipe(wanted) if wanted.market == SYNTHETIC else self._content(wanted)
        return self._data[name]

    def _content(self, wanted: Wanted) -> str:
        try:
            return content_of(self._shared.market(wanted))
        except BacktesterError as error:  # its runs fail with this, and are tried again
            return str(error)

    def _rules_of(self, venue: str, wanted: Wanted) -> str:
        name = (venue, repr(wanted))
        if name not in self._rules:
            self._rules[name] = hashed(repr(self._shared.venue(venue, wanted)).encode())
        return self._rules[name]


def _recipe(wanted: Wanted) -> str:
    """Return a hash of what a synthetic market is made from: it need not be made to know its key."""
    modules = [sys.modules[f"data.{name}"] for name in ("synthetic", "processes")] if import_ours("data") else []
    return hashed(repr(wanted).encode() + b"".join(map(bytes_of, modules)))
