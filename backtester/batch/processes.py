"""Tasks in processes, for strategies that hold the interpreter's lock; one that is killed costs one run."""

from __future__ import annotations

import signal
import sys
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from backtester.batch.plan import Plan
from backtester.batch.tasks import Task
from backtester.batch.work import Row, Worker, failed

__all__ = ["in_processes"]

_FRESH = get_context("spawn")  # a fork would copy locks that threads hold


def in_processes(
    tasks: Iterator[Task], plan: Plan, curves: Path, workers: int, kind: type[Worker] = Worker
) -> Generator[Row]:
    """Yield the rows of all tasks as they come.

    Closed early, or interrupted, it ends the processes at once.

    Parameters
    ----------
    tasks : iterator of Task
    plan : Plan
    curves : Path
        As for `Worker`.
    workers : int
        Number of processes.
    kind : type
        What does the tasks in each.
    """
    left: deque[Task] = deque()  # of workers that are gone
    hands: list[_Hand] = []

    def supply() -> Task | None:
        return left.popleft() if left else next(tasks, None)

    try:
        while True:
            while len(hands) < workers and (task := supply()) is not None:
                hands.append(_Hand((plan, curves, kind), task))
            if not hands:
                return
            for ready in wait([hand.connection for hand in hands]):
                hand = next(each for each in hands if each.connection is ready)
                try:
                    row = hand.connection.recv()
                except (EOFError, OSError):
                    hands.remove(hand)
                    rows, rest = hand.lost()
                    left.extend(rest)
                    yield from rows
                    continue
                if row is not None:
                    hand.done += 1
                    yield row
                elif (task := supply()) is not None:
                    hand.give(task)
                else:
                    hands.remove(hand)
                    hand.end()
    finally:
        for hand in hands:
            hand.end()


class _Hand:
    """A process and the task that it has."""

    def __init__(self, about: tuple[Plan, Path, type[Worker]], task: Task) -> None:
        self.connection, theirs = _FRESH.Pipe()
        self._process = _FRESH.Process(target=_work, args=(theirs, *about), daemon=True)
        self._process.start()
        theirs.close()  # ours of theirs: when the process is gone, the connection ends
        self.give(task)

    def give(self, task: Task) -> None:
        self.task, self.done = task, 0
        with suppress(OSError):  # it is gone already: reading will say so
            self.connection.send(task)

    def lost(self) -> tuple[list[Row], list[Task]]:
        """Return the row of the run that was in hand, none if all were done, and the task of those after it."""
        self._process.join()
        code = self._process.exitcode or 0
        ended = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        said = f"the worker process was gone ({ended}) before this run was done: a second call tries it again"
        rows = [failed(job, said) for job in self.task.jobs[self.done : self.done + 1]]
        rest = self.task.jobs[self.done + 1 :]
        return rows, [self.task._replace(jobs=rest)] if rest else []

    def end(self) -> None:
        self.connection.close()
        self._process.terminate()
        self._process.join()


def _work(connection: Connection, plan: Plan, curves: Path, kind: type[Worker]) -> None:
    """Do tasks until there is nobody to give one."""
    from backtester.batch.shared import Shared

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who waits for us
    sys.stdout = sys.stderr  # what an author's code prints is no result
    worker = kind(plan, Shared(plan, 1), curves)
    with suppress(EOFError, OSError):
        while True:
            task: Any = connection.recv()
            for row in worker.rows(task):
                connection.send(row)
            connection.send(None)
