"""One writer at a time: a lock on a folder, held by a process and gone with it.

The operating system holds the lock on an open file, not on the file's existence. A process that is killed leaves the
file behind and not the lock, so there are no stale locks to tell from live ones.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backtester.errors import MarketDataError

NAME = ".lock"
PATIENCE = 120.0  # [s] longer than any merge
PAUSE = 0.02  # [s]


@contextmanager
def locked(folder: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock of a folder, which is made if it is missing.

    Parameters
    ----------
    folder : Path
    patience : float [s]
        How long to wait for another writer.

    Raises
    ------
    MarketDataError
        If another writer holds it for longer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        until = time.monotonic() + patience
        while not _taken(handle):
            if time.monotonic() > until:
                since = f"has been writing to {folder} for {patience:g} s" if patience else f"is writing to {folder}"
                raise MarketDataError(
                    f"another process {since}",
                    cure="Wait until it is done, or end it; its lock goes with it",
                )
            time.sleep(PAUSE)
        yield
    finally:
        os.close(handle)  # and with it the lock


if sys.platform == "win32":
    import msvcrt

    def _taken(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _taken(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
