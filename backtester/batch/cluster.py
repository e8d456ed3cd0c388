"""Tasks on a cluster of `dask.distributed`: a scheduler, here or somewhere, and workers that come and go."""

from __future__ import annotations

import logging
import pickle
import signal
from collections.abc import Generator, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any
from uuid import uuid4

from backtester.batch.keys import Keys
from backtester.batch.plan import Plan
from backtester.batch.shared import Shared
from backtester.batch.tasks import Task
from backtester.batch.work import Row, Worker, failed
from backtester.errors import ConfigurationError
from backtester.fingerprints import engine_source

__all__ = ["on_cluster"]

AHEAD = 4  # tasks for each thread of the cluster: what is handed out stays small
PATIENCE = 20  # [s] for the scheduler to answer


def on_cluster(
    tasks: Iterator[Task], plan: Plan, curves: Path, address: str, workers: int, kind: type[Worker] = Worker
) -> Generator[Row]:
    """Yield the rows of all tasks as they come.

    A task whose worker dies is done again by another one; after several such deaths its runs have failed. Closed early,
    or interrupted, what is not done is taken back.

    Parameters
    ----------
    tasks : iterator of Task
    plan : Plan
    curves : Path
        As for `Worker`; on a disk that all workers see.
    address : str
        Of the scheduler, such as ``tcp://10.0.0.1:8786``; empty: one is started on this machine, and ended.
    workers : int
        Worker processes of a scheduler that is started here.
    kind : type
        What does the tasks on each.

    Raises
    ------
    ConfigurationError
        If `distributed` is not installed, nobody answers or does any more, or a worker has another version of this
        program, other data, strategies or rules.
    """
    try:
        from distributed import as_completed
    except ImportError as error:
        cure = "Install the extra `cluster`, here and where the workers are"
        raise ConfigurationError("engine", "dask", "needs dask.distributed", cure=cure) from error
    about = pickle.dumps((plan, curves, kind, engine_source(), uuid4()))  # of this call: files may differ at the next
    with _client(address) if address else _own_client(workers) as client:
        handed: dict[str, Task] = {}
        coming = as_completed(loop=client.loop)

        def hand_out() -> None:
            with _answering(address):
                threads = sum(client.nthreads().values()) or 1
            while len(handed) < AHEAD * threads and (task := next(tasks, None)) is not None:
                future = client.submit(_rows, about, task, pure=False)
                handed[future.key] = task
                coming.add(future)

        hand_out()
        for future in coming:
            task = handed.pop(future.key)
            with _answering(address):
                rows = _received(future, task)
            yield from rows
            hand_out()


@contextmanager
def _own_client(workers: int) -> Iterator[Any]:
    """Start a scheduler with worker processes of one thread each, and end them."""
    from distributed import Client, LocalCluster

    with _deaf():
        anywhere = "127.0.0.1:0"  # without an address it takes the usual port, and complains if it is not free
        silent = logging.CRITICAL  # a worker that is ended reports a heartbeat nobody answered as an error
        cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=anywhere, silence_logs=silent)
    with cluster, Client(cluster, set_as_default=False) as client:
        yield client


@contextmanager
def _deaf() -> Iterator[None]:
    """Let the processes that are started meanwhile not hear Ctrl-C, which is for the one who waits for them."""
    if current_thread() is not main_thread():  # nobody but the main thread may say so
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _client(address: str) -> Any:
    from distributed import Client

    try:
        return Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        cure = "Start one with `dask scheduler`, or mend the address"
        raise ConfigurationError("scheduler", address, f"does not answer: {error}", cure=cure) from error


@contextmanager
def _answering(address: str) -> Iterator[None]:
    """Say it in words if a scheduler that answered does not any more."""
    try:
        yield
    except (OSError, CancelledError) as error:
        cure = "Start it again, and go on with --resume (from Python resume=True)"
        raise ConfigurationError("scheduler", address, f"does not answer any more: {error}", cure=cure) from error


def _received(future: Any, task: Task) -> list[Row]:
    error = future.exception()
    if isinstance(error, ConfigurationError | CancelledError):  # the worker is not as it should be: not of a run
        raise error
    if error is not None:
        return [failed(job, f"{type(error).__name__}: {error}") for job in task.jobs]
    rows: list[Row] = future.result()
    return rows


def _rows(about: bytes, task: Task) -> list[Row]:
    """Do a task on a worker."""
    worker, keys = _worker(about)
    keys.check(task)
    return list(worker.rows(task))


@lru_cache(1)
def _worker(about: bytes) -> tuple[Worker, Keys]:
    plan, curves, kind, source, _ = pickle.loads(about)
    if source != engine_source():
        cure = "Install the same version wherever a worker runs, and start them again"
        raise ConfigurationError("scheduler", source, "a worker has another version of this program", cure=cure)
    shared = Shared(plan, 1)
    return kind(plan, shared, curves), Keys(plan, shared)
