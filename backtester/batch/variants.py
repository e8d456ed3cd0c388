"""What a plan makes of a market before a strategy sees it: a draw of its bars, and shocks laid on that."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from backtester._fields import Field, record
from backtester.batch.once import Once
from backtester.batch.plan import Run
from backtester.bootstrap.blocks import block_within, market_block_length
from backtester.bootstrap.resampling import Resampler
from backtester.stress.reading import read_shocks
from backtester.stress.shock import shocked
from backtester.wanted import Wanted

if TYPE_CHECKING:
    from backtester.market import Market

__all__ = ["AS_IT_IS", "Variant", "Variants", "variant_of"]


class Variant(NamedTuple):
    """What a run's market is beside the candles it is made of.

    Parameters
    ----------
    draw : int, optional
        Number of the draw that `Resampler` makes; the market itself if it is left out.
    draw_seed : int
    block : float, optional [bars]
        Mean length of a block; chosen from the market if it is left out.
    shock : str
        What `read_shocks` reads, laid on the draw; empty for none.
    """

    draw: int | None = None
    draw_seed: int = 0
    block: float | None = None
    shock: str = ""


AS_IT_IS = Variant()


def variant_of(run: Run) -> Variant:
    """Return the variant of a run."""
    return Variant(*(run[name] for name in Variant._fields))


class Variants:
    """Markets by what they are made of: each is read, drawn and shocked once while somebody may need it again.

    Parameters
    ----------
    read : callable
        Returns the market of some candles.
    workers : int
        How many may be at different markets at once.
    """

    def __init__(self, read: Callable[[Wanted], Market], workers: int) -> None:
        self._read = read
        self._resamplers = Once(workers)
        self._made = Once(2 * workers)  # a draw, and the shocked one that somebody is at

    def of(self, wanted: Wanted, variant: Variant) -> Market:
        """Return a variant of a market.

        Raises
        ------
        ConfigurationError
            If a shock has no place in it, or a block is longer than it.
        MarketDataError
            If the market cannot be read, or a shock makes prices that no market has.
        """
        if variant == AS_IT_IS:
            return self._read(wanted)
        found: Market = self._made.get((repr(wanted), variant), lambda: self._make(wanted, variant))
        return found

    def _make(self, wanted: Wanted, variant: Variant) -> Market:
        if variant.shock:
            return shocked(self.of(wanted, variant._replace(shock="")), read_shocks(variant.shock))
        resampler, chosen = self._resamplers.get(repr(wanted), lambda: self._resampler(wanted))
        market: Market = resampler.draw(_block(variant, chosen, resampler), variant.draw_seed, variant.draw)
        return market

    def _resampler(self, wanted: Wanted) -> tuple[Resampler, float]:
        market = self._read(wanted)
        return Resampler(market), market_block_length(market)


def _block(variant: Variant, chosen: float, resampler: Resampler) -> float:
    if variant.block is None:
        return chosen
    checked = record({"block": variant.block}, {"block": Field(block_within(resampler.market.n_bars))})
    return float(checked["block"])
