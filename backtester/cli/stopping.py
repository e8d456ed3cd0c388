"""Ctrl-C while runs are in hand: they end first, with a word about it, and a second Ctrl-C leaves at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import current_thread, main_thread
from types import FrameType
from typing import Any

from backtester._hurry import hurry

__all__ = ["INTERRUPTED", "leave_if_hurried", "runs_kept", "stoppable"]

INTERRUPTED = 130


@contextmanager
def stoppable(what: str, kept: Callable[[], str] | None = None, *, waits: bool = True) -> Iterator[None]:
    """Say at Ctrl-C what is waited for, then what is kept; at a second one the wait is over.

    Parameters
    ----------
    what : str
        Such as ``runs``.
    kept : callable, optional
        Returns, when the work has stopped, what there is and how to go on.
    waits : bool
        Whether those in hand end first.
    """
    if current_thread() is not main_thread():  # nobody but the main thread hears signals
        yield
        return

    pressed = 0

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed += 1
        if pressed == 2 and waits:  # whoever waits looks at this: an error on top of the first one might get lost
            hurry.set()
            return
        if pressed == 1 and waits:
            print(f"Stopping after the {what} in hand. Press Ctrl-C again to leave at once.", file=sys.stderr)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield
    except KeyboardInterrupt:
        before = _hurry_up  # the process ends now: a second Ctrl-C may not break off how
        signal.signal(signal.SIGINT, before)
        if kept is not None:
            print(kept(), file=sys.stderr)
        raise
    finally:
        signal.signal(signal.SIGINT, before)


def runs_kept(folder: Path, total: int = 0) -> str:
    """Return how many runs a folder has, of how many if that is known, and how to go on."""
    from backtester.batch.store import count_rows
    from backtester.text import counted

    n = count_rows(folder)
    if not n:
        return "No run was done."
    runs = f"{n:,} of {counted(total, 'run')}" if total else counted(n, "run")
    return f"{runs} {'are' if n > 1 or total > 1 else 'is'} in {folder}: the same command with --resume goes on."


def leave_if_hurried() -> None:
    """End the process now if Ctrl-C was pressed again, or as soon as it is: threads may have runs in hand."""
    if current_thread() is main_thread():
        signal.signal(signal.SIGINT, _leave)
    if hurry.is_set():
        _leave()


def _hurry_up(*_: Any) -> None:
    hurry.set()


def _leave(*_: Any) -> None:
    with suppress(OSError, RuntimeError):  # nobody reads any more, or it was flushing already
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(INTERRUPTED)
