"""Draws on the disk: a bootstrap that was stopped or killed goes on with those that it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backtester._foreign import import_ours
from backtester._parts import Pace, check_out, check_resume, next_part, parts_in, write_part
from backtester.account import rules_of, venue_of
from backtester.asking.sources import source_of
from backtester.bootstrap.outcome import MEASURED
from backtester.fingerprints import content_of, engine_source, hashed

if TYPE_CHECKING:
    from backtester.account import Account
    from backtester.allocation import Allocation
    from backtester.market import Market

__all__ = ["DRAWS", "Kept", "kept_in", "key_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
DRAWS, EARLIER = "draws", "earlier"


def key_of(team: Sequence[Allocation], market: Market, account: Account, draws: Sequence[object]) -> str:
    """Return a hash of all that the numbers of a draw depend on beside its own.

    Parameters
    ----------
    team : sequence of Allocation
    market : Market
    account : Account
    draws : sequence
        Modes, paths, mean length of a block and seed.

    Raises
    ------
    ConfigurationError
        If the class of a strategy is in no file.
    """
    asked = [(source_of(type(each.strategy))[0], each.strategy.parameters(), _allotted(each)) for each in team]
    of_account = (account.balance, account.leverage, account.path, account.isolated, account.shares)
    rules = (venue_of(account), rules_of(account))
    return hashed(repr((engine_source(), content_of(market), asked, of_account, rules, draws)).encode())


def _allotted(each: Allocation) -> tuple[object, ...]:
    return each.share, each.leverage, each.margin_mode, each.name


class Kept:
    """The draws that are done, in a folder or in no place at all.

    Parameters
    ----------
    folder : Path, optional
        Without one nothing is kept.
    key : str
        Draws with another one are moved to ``earlier``.
    names : (modes, paths)
        What a draw is run under.
    """

    def __init__(self, folder: Path | None, key: str, names: tuple[Sequence[str], Sequence[str]]) -> None:
        self._folder, self._key, self._names = folder, key, names
        self._waiting: dict[int, Floats] = {}
        self._pace = Pace()

    def parts(self) -> Iterator[tuple[Ints, Floats]]:
        """Yield the draws that are there, a part at a time: numbers, and (n_draws, n_modes, n_paths, n_measures)."""
        if self._folder is not None:
            yield from self._read(self._folder)

    def add(self, number: int, row: Floats) -> None:
        """Take what a draw came to, (n_modes, n_paths, n_measures), and write a part when it is time."""
        if self._folder is not None:
            self._waiting[number] = row
            if self._pace.due():
                self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._folder is not None and self._waiting:
            write_part(next_part(self._folder / DRAWS), self._table().replace_schema_metadata({"key": self._key}))
        self._waiting = {}
        self._pace.written()

    def _table(self) -> Any:
        import pyarrow as pa

        modes, paths = self._names
        numbers, values = list(self._waiting), np.stack(list(self._waiting.values()))
        columns: dict[str, Any] = {
            "draw": np.repeat(numbers, len(modes) * len(paths)),
            "mode": [mode for _ in numbers for mode in modes for _ in paths],
            "path": [path for _ in numbers for _ in modes for path in paths],
        }
        return pa.table(columns | dict(zip(MEASURED, values.reshape(-1, len(MEASURED)).T, strict=True)))

    def _read(self, folder: Path) -> Iterator[tuple[Ints, Floats]]:
        import pyarrow.parquet as pq

        shape = (-1, *map(len, self._names), len(MEASURED))
        for part in parts_in(folder / DRAWS):
            table = pq.ParquetFile(part).read()
            if (table.schema.metadata or {}).get(b"key") != self._key.encode():
                aside = next_part(folder / EARLIER)
                aside.parent.mkdir(exist_ok=True)
                part.rename(aside)
                continue
            values = np.stack([table[name].to_numpy() for name in MEASURED], axis=-1).reshape(shape)
            yield table["draw"].to_numpy()[:: shape[1] * shape[2]], values


@contextmanager
def kept_in(
    out: str | Path | None, key: str, names: tuple[Sequence[str], Sequence[str]], *, resume: bool
) -> Iterator[Kept]:
    """Hold a folder for the draws, and write what waits whatever happens.

    Raises
    ------
    ConfigurationError
        If the folder has draws and `resume` is False, or there is no folder and `resume` is True.
    """
    check_resume(out, resume=resume)
    if out is None:
        yield Kept(None, key, names)
        return
    folder = Path(out).expanduser()
    check_out(folder, parts_in(folder / DRAWS), "draws of a bootstrap", resume=resume)
    with import_ours("data.locks").locked(folder, patience=0.0):
        kept = Kept(folder, key, names)
        try:
            yield kept
        finally:
            kept.flush()
