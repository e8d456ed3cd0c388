"""Checks of funding and tiers."""

from __future__ import annotations

import numpy as np

from backtester._fields import Unfit
from backtester.market_parts.frames import on_the_minute
from backtester.text import counted, span
from backtester.venue_parts.tiers import check_table
from data.checks.findings import DAY, ERROR, INFO, MILLISECOND, WARNING, Finding, Ints, Rows, moment, places
from data.gaps import Gap
from data.series import TIME, Series

HOUR = 3_600_000  # [ms]
INTERVALS = (1, 2, 4, 8)  # [h] of the venues
SHOWN = 4  # changes of the interval in a sentence


def check_funding(series: Series, rows: Rows, gaps: tuple[Gap, ...], trade: Rows | None) -> list[Finding]:
    """Return what is odd about sorted settlements; gaps are told by the entry."""
    time = on_the_minute(rows[TIME].to_numpy() * MILLISECOND) // MILLISECOND
    found = _intervals(series, time, {gap.after for gap in gaps}, rows[TIME].to_numpy())
    found += _coverage(series, time, trade)
    rate = np.abs(rows["funding_rate"].to_numpy())
    if (rate >= 1).any():
        bad = np.flatnonzero(rate >= 1)
        said = f"{counted(len(bad), 'rate is', 'rates are')} 100 % or more: {places(time, bad)}"
        found.append(Finding(series, ERROR, "rates", said, len(bad), int(time[bad[0]])))
    return found


def check_tiers(series: Series, rows: Rows) -> list[Finding]:
    """Return which tables of tiers cannot be used."""
    found = []
    for time, table in rows.groupby(TIME):
        try:
            check_table(table[["floor", "maintenance_rate", "max_leverage"]].to_numpy().tolist())
        except Unfit as error:
            said = f"the tiers of {moment(time)} cannot be used: the table {error}"
            found.append(Finding(series, ERROR, "tiers", said, len(table), int(time)))
    return found


def _intervals(series: Series, time: Ints, holes: set[int], raw: Ints) -> list[Finding]:
    """Say where the interval changes, and where it is none that a venue has."""
    steps = np.diff(time)
    whole = np.array([int(at) not in holes for at in raw[:-1]], dtype=bool)
    odd = np.flatnonzero(whole & ~np.isin(steps, [HOUR * hours for hours in INTERVALS]))
    found = []
    if len(odd):
        most = span(float(steps[odd[0]]) * MILLISECOND)
        said = f"{counted(len(odd), 'interval is', 'intervals are')} none of 1, 2, 4 or 8 h, the first {most} after "
        found.append(Finding(series, WARNING, "interval", said + places(time, odd[:1]), len(odd), int(time[odd[0]])))
    rows = np.flatnonzero(whole & np.isin(steps, [HOUR * hours for hours in INTERVALS]))
    changed = rows[1:][np.diff(steps[rows]) != 0]
    if len(changed):
        told = [f"{steps[k] // HOUR} h from {moment(int(time[k]))}" for k in changed[:SHOWN]]
        more = f" and {len(changed) - SHOWN:,} more" if len(changed) > SHOWN else ""
        said = f"the interval changes: {steps[rows[0]] // HOUR} h, {', '.join(told)}{more}"
        found.append(Finding(series, INFO, "interval", said, len(changed), int(time[changed[0]])))
    return found


def _coverage(series: Series, time: Ints, trade: Rows | None) -> list[Finding]:
    """Say how much of the time of the trade candles has funding."""
    if trade is None or len(trade) < 2:
        return []
    first, last = int(trade[TIME].iloc[0]), int(trade[TIME].iloc[-1])
    usual = int(np.median(np.diff(time))) if len(time) > 1 else 8 * HOUR
    found = []
    for lacks, where in (
        (int(time[0]) - first, f"begins at {moment(int(time[0]))}, the trade candles at {moment(first)}"),
        (last - int(time[-1]), f"ends at {moment(int(time[-1]))}, the trade candles at {moment(last)}"),
    ):
        if lacks > DAY:  # less is what a download leaves that ended at another time
            said = f"it {where}: {counted(lacks // usual, 'settlement')} missing"
            found.append(Finding(series, WARNING, "coverage", said, lacks // usual, int(time[0])))
    return found
