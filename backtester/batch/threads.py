"""Tasks on threads: compiled runs let go of the interpreter's lock, and the data are shared."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from queue import Empty, Queue
from threading import Event, Lock, Thread
from typing import Any

from backtester._hurry import LOOK, hurry
from backtester.batch.tasks import Task
from backtester.batch.work import Row, Worker

__all__ = ["in_threads"]

WAITING = 1_000  # rows that may wait to be written
_END = object()


def in_threads(tasks: Iterator[Task], worker: Worker, workers: int) -> Generator[Row]:
    """Yield the rows of all tasks as they come.

    Closed early, or interrupted, it lets the runs in hand end and drops their rows.

    Parameters
    ----------
    tasks : iterator of Task
    worker : Worker
    workers : int
        Number of threads.
    """
    rows: Queue[Any] = Queue(WAITING)
    stop, turn = Event(), Lock()

    def work() -> None:
        try:
            while not stop.is_set():
                with turn:
                    task = next(tasks, None)
                if task is None:
                    break
                for row in worker.rows(task):
                    rows.put(row)
                    if stop.is_set():
                        break
        except BaseException as error:  # not of a run: the tasks themselves cannot be had
            rows.put(error)
        finally:
            rows.put(_END)

    threads = [Thread(target=work, name=f"batch-{k}", daemon=True) for k in range(workers)]
    for thread in threads:
        thread.start()
    left = workers
    try:
        while left:
            row = rows.get()
            if row is _END:
                left -= 1
            elif isinstance(row, BaseException):
                raise row
            else:
                yield row
    finally:
        stop.set()
        while left and not hurry.is_set():
            with suppress(Empty):
                left -= rows.get(timeout=LOOK) is _END
