"""A market made of blocks of another one's bars: all instruments, trade and mark prices and funding together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtester.bootstrap.blocks import draw_rows
from backtester.errors import ConfigurationError
from backtester.market import PRICES, Funding, Market
from backtester.text import moment, timeframe

__all__ = ["Resampler"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Resampler:
    """Makes markets of the bars of one.

    A block is a piece of the market as it is, each instrument times a number: that by which the first open is as far
    from the close before it as it was. So the shape of a bar, the mark beside the trade price and what instruments do
    together are those of the market. The times are those of the market, too.

    Settlements of funding stay at their times: a venue's clock does not jump. Their rate is the one in force at the bar
    that stands there now, that of its own settlement or of the last one before it.

    Finer bars go with the bar that they are inside of, times the same number.

    Parameters
    ----------
    market : Market

    Raises
    ------
    ConfigurationError
        If the market has fewer than two bars, or not as many finer bars inside of each.
    """

    def __init__(self, market: Market) -> None:
        if market.n_bars < 2:
            raise ConfigurationError("market", market.n_bars, "too few bars to resample", allowed="at least 2 bars")
        self.market = market
        self._inside = 0 if market.detail is None else _bars_inside(market, market.detail)
        self._finer = None if market.detail is None else Resampler(market.detail)
        self._same = market.mark_open is market.open
        names = PRICES[:4] if self._same else PRICES
        self._prices = np.stack([getattr(market, name).T for name in names])  # (4 or 8, n_instruments, n_bars)
        self._before, self._after = _closes(market)
        self._set_funding()

    def draw(self, block: float, seed: int, number: int) -> Market:
        """Return a draw: the market of the rows that `draw_rows` gives."""
        said = f"draw {number} of seed {seed}, blocks of {block:.6g} bars on average"
        return self.of(draw_rows(self.market.n_bars, block, seed, number), said)

    def of(self, rows: Ints, said: str = "") -> Market:
        """Return the market of some bars, as many as it has, in this order; ``0 ... n - 1`` is the market itself.

        What is `said` of it goes into its notes and its source: such prices are no record of any venue.
        """
        return self._made(rows, self._scale(rows), said)

    def _made(self, rows: Ints, scale: Floats, said: str = "") -> Market:
        prices = self._prices[:, :, rows] * scale
        prices.flags.writeable = False
        fields: dict[str, Any] = {name: row.T for name, row in zip(PRICES, prices, strict=not self._same)}
        if self._same:
            fields |= {f"mark_{name}": fields[name] for name in PRICES[:4]}
        if self._finer is not None:
            finer = (rows[:, None] * self._inside + np.arange(self._inside)).ravel()
            fields["detail"] = self._finer._made(finer, np.repeat(scale, self._inside, axis=1))
        if said:
            fields["notes"] = (*self.market.notes, f"made up: {said}")
            fields["source"] = f"{self.market.source or 'market'}, {said}"
        return replace(self.market, **fields, funding=self._funding(rows, fields["mark_open"]))

    def _scale(self, rows: Ints) -> Floats:
        """Return what each bar's prices are multiplied by, (n_instruments, n_bars)."""
        starts = np.flatnonzero(np.diff(rows, prepend=-2) != 1)
        ends = np.append(starts[1:], len(rows)) - 1
        before, after = self._before[:, rows[starts]], self._after[:, rows[ends]]
        level = np.cumprod(after / before, axis=1) * self._before[:, :1]  # closes at the ends of blocks
        level = np.concatenate((self._before[:, :1], level[:, :-1]), axis=1)
        return np.repeat(level / before, ends - starts + 1, axis=1)

    def _set_funding(self) -> None:
        """Note of each settlement its bar, and where it stands among those of its instrument."""
        time, instrument, rate, price = self.market.funding
        bar = np.searchsorted(self.market.open_time, time)
        acts = bar < self.market.n_bars
        self._settled = Funding(time[acts], instrument[acts], rate[acts], price[acts])
        self._bar = bar[acts]
        order = np.lexsort((self._bar, self._settled.instrument))
        self._order = order
        self._key = self._keys(self._settled.instrument, self._bar)[order]
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        self._from_last = np.searchsorted(self._key, self._key, side="right")[place] - 1 - place  # in the same bar
        self._first = np.searchsorted(self._key, self._keys(self._settled.instrument, 0))
        mark = self.market.mark_open[self._bar, self._settled.instrument]
        self._premium = self._settled.mark_price / mark  # of the settlement's price over the open of its bar

    def _keys(self, instrument: Ints, bar: Ints | int) -> Ints:
        return instrument * self.market.n_bars + bar

    def _funding(self, rows: Ints, mark_open: Floats) -> Funding:
        """Return the settlements with the rates in force at the bars that stand at their times."""
        instrument = self._settled.instrument
        last = np.searchsorted(self._key, self._keys(instrument, rows[self._bar]), side="right") - 1
        taken = self._order[np.maximum(last - self._from_last, self._first)]
        price = self._premium[taken] * mark_open[self._bar, instrument]
        return self._settled._replace(rate=self._settled.rate[taken], mark_price=price)


def _bars_inside(market: Market, detail: Market) -> int:
    """Return how many finer bars stand inside of each bar."""
    edges = np.searchsorted(detail.open_time, np.append(market.open_time, market.close_time[-1]))
    usual = market.timeframe // detail.timeframe
    first = detail.open_time[np.minimum(edges[:-1], detail.n_bars - 1)]
    short = np.flatnonzero((np.diff(edges) != usual) | (first != market.open_time))
    if len(short):
        raise ConfigurationError(
            "simulation_timeframe",
            timeframe(detail.timeframe),
            f"cannot be resampled: the bar of {moment(market.open_time[short[0]])} has not {usual} finer ones",
            allowed=f"{usual} finer bars inside of each",
            cure="Fill the gap (backtester data repair), choose another range, or leave the simulation timeframe out",
        )
    return int(usual)


def _closes(market: Market) -> tuple[Floats, Floats]:
    """Return the last known close before each bar and with it, (n_instruments, n_bars).

    Before an instrument's first bar, its first open.
    """
    close = market.close.T
    known = ~np.isnan(close)
    first = known.argmax(axis=1)
    rows = np.maximum.accumulate(np.where(known, np.arange(market.n_bars), -1), axis=1)
    start = market.open[first, np.arange(market.n_instruments)][:, None]
    after = np.where(rows >= 0, np.take_along_axis(close, np.maximum(rows, 0), axis=1), start)
    return np.concatenate((start, after[:, :-1]), axis=1), after
