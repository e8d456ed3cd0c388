"""Tables of tiers: their rows, the amounts that follow from them, and dated tables from a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from backtester._fields import Unfit, items
from backtester.errors import ConfigurationError
from backtester.scenario_parts.schema import check_tiers
from backtester.schema import LARGEST

COLUMNS = ("since", "symbol", "floor", "maintenance_rate", "max_leverage", "maintenance_amount")
JUMP = 1e-6  # of the requirement at a floor: what published amounts are rounded to


class Tier(NamedTuple):
    """One row of a tier table.

    Parameters
    ----------
    floor : float
        The tier holds ``floor < key <= next floor``; the key is a notional or a quantity.
    maintenance_rate : float
        Fraction of the notional.
    max_leverage : float
    """

    floor: float
    maintenance_rate: float
    max_leverage: float


class DatedTiers(NamedTuple):
    """A tier table and since when it is known to be in force.

    Parameters
    ----------
    since : int or None [ns UTC]
        When it was first seen; None where nothing says that it was in force at the time asked for.
    tiers : tuple of Tier
    """

    since: int | None
    tiers: tuple[Tier, ...]


Schedule = dict[str, tuple[DatedTiers, ...]]
_Table = tuple[tuple[int, ...], str, str, list[list[float]]]  # line numbers, date, symbol, rows


def maintenance_amounts(tiers: Sequence[Tier], tier_key: str = "notional") -> tuple[float, ...]:
    """Return the cumulative amount of each tier, so that the requirement ``rate*N - amount`` does not jump.

    ``amount_k = amount_{k-1} + floor_k*(rate_k - rate_{k-1})``; 0 for tiers keyed by quantity, whose
    rate is that of the whole position (docs/model.md, Margin).

    Parameters
    ----------
    tiers : sequence of Tier
    tier_key : str
        ``notional`` or ``quantity``.
    """
    amounts = [0.0]
    for below, tier in pairwise(tiers):
        step = tier.floor * (tier.maintenance_rate - below.maintenance_rate)
        amounts.append(amounts[-1] + step if tier_key == "notional" else 0.0)
    return tuple(amounts)


def check_table(value: Any) -> list[list[float]]:
    """Check a table of rows ``[floor, maintenance_rate, max_leverage]``, with or without the amounts that go with them.

    A fourth number is the cumulative maintenance amount that the venue publishes; it follows from the
    others, so it is checked and not kept.

    Raises
    ------
    Unfit
        Naming the row and what is allowed; for an amount, the one expected.
    """
    rows = items(value)
    whole = [isinstance(row, list | tuple) and len(row) == len(Tier._fields) + 1 for row in rows]
    if not any(whole):
        return check_tiers(rows)
    if not all(whole):
        allowed = "the maintenance amount in all rows or in none"
        raise Unfit(f"has a row {whole.index(False)} without the fourth number that others have", allowed)
    tiers = check_tiers([row[:-1] for row in rows])
    _check_amounts([Tier(*row) for row in tiers], [row[-1] for row in rows])
    return tiers


def _check_amounts(tiers: list[Tier], given: list[Any]) -> None:
    expected = 0.0
    for n, (tier, amount) in enumerate(zip(tiers, given, strict=True)):
        sum_of = "0 in the first row"
        if n:
            step = tier.maintenance_rate - tiers[n - 1].maintenance_rate
            sum_of = f"{expected:,.10g} + {tier.floor:,.10g} x {step:.10g}"
            expected += tier.floor * step
            sum_of = f"{expected:,.10g} = {sum_of}"
        is_number = isinstance(amount, int | float) and not isinstance(amount, bool)
        if not is_number or abs(amount - expected) > JUMP * tier.floor * tier.maintenance_rate:
            found = f"{amount:,.10g}" if is_number else repr(amount)
            raise Unfit(f"has the maintenance amount {found} in row {n}: the requirement jumps there", sum_of)


def read_schedule(path: Path) -> Schedule:
    """Return the dated tier tables of a CSV file by symbol, the oldest first.

    One row for each tier: ``since,symbol,floor,maintenance_rate,max_leverage,maintenance_amount``, a
    table's rows together, a symbol's tables by date. Lines that start with ``#`` are comments.

    Raises
    ------
    ConfigurationError
        Naming the file, the lines, what was found and what is expected.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        cure = "It must stand beside the file that names it"
        raise ConfigurationError(str(path), str(error), "cannot be read", cure=cure) from error
    numbered = [(n, line) for n, line in enumerate(lines, start=1) if line.strip() and not line.startswith("#")]
    rows = list(zip((n for n, _ in numbered), csv.reader(line for _, line in numbered), strict=True))
    if not rows or tuple(rows[0][1]) != COLUMNS:
        raise ConfigurationError(str(path), rows[0][1] if rows else "", "has no header", allowed=",".join(COLUMNS))
    for n, row in rows:
        if len(row) != len(COLUMNS):
            problem = f"has {len(row)} columns"
            raise ConfigurationError(f"{path}: line {n}", ",".join(row), problem, allowed=",".join(COLUMNS))
    out: dict[str, list[DatedTiers]] = {}
    for numbers, since, symbol, table in _tables(rows[1:], path):
        where = f"{path}: {symbol} since {since}, lines {numbers[0]} to {numbers[-1]}"
        dated = DatedTiers(_instant(since, where), _tiers(table, where))
        before = out.setdefault(symbol, [])
        if before and (before[-1].since or 0) >= (dated.since or 0):
            raise ConfigurationError(
                where, since, "does not come after the table before it", allowed="dates that ascend"
            )
        before.append(dated)
    return {symbol: tuple(tables) for symbol, tables in out.items()}


def _tables(rows: Iterable[tuple[int, list[str]]], path: Path) -> Iterable[_Table]:
    """Yield line numbers, date, symbol and numbers of each run of rows with one date and symbol."""
    number = cache(float)  # the same few thousand again and again
    for (since, symbol), run in groupby(rows, lambda row: tuple(row[1][:2])):
        lines, cells = zip(*run, strict=True)
        try:
            yield lines, since, symbol, [[*map(number, row[2:])] for row in cells]
        except ValueError:
            n, row = next((n, row) for n, row in zip(lines, cells, strict=True) if not all(map(_is_number, row[2:])))
            problem = "has a cell that is no number"
            raise ConfigurationError(f"{path}: line {n}", ",".join(row), problem, allowed=COLUMNS[2:]) from None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _tiers(table: list[list[float]], where: str) -> tuple[Tier, ...]:
    if not _is_sound(table):
        try:
            table = [[*row] for row in check_table(table)]
        except Unfit as error:
            raise ConfigurationError(where, table, str(error), allowed=error.allowed) from None
    return tuple(Tier(floor, rate, most) for floor, rate, most, *_ in table)


def _is_sound(table: list[list[float]]) -> bool:
    """Return whether a table is right beyond doubt; `check_table` knows what is wrong with another, and is slow."""
    last_floor, last_rate, last_most, expected = -1.0, 0.0, LARGEST, 0.0
    for floor, rate, most, amount in table:
        expected += floor * (rate - last_rate)
        if not (last_floor < floor <= LARGEST and last_rate <= rate < 1.0 and 0.0 < most <= last_most):
            return False
        if not abs(amount - expected) <= JUMP * floor * rate:
            return False
        last_floor, last_rate, last_most = floor, rate, most
    return table[0][0] == 0.0


def _instant(since: str, where: str) -> int:
    """Return ``2022-02-13 05:02`` UTC as ns."""
    try:
        time = datetime.fromisoformat(since).replace(tzinfo=UTC)
    except ValueError:
        raise ConfigurationError(where, since, "is not a time", allowed='UTC, such as "2022-02-13 05:02"') from None
    return int(time.timestamp()) * 1_000_000_000
