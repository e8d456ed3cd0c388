"""A run of which nothing is kept for each bar: its curves are tallied part by part, in memory that stays in a cache.

The entries are called by their addresses, as in `step`.
"""

from backtester.kernels._jit import entry
from backtester.kernels.step import call
from backtester.schema import CURVE_PART, DONE

FLOAT = 8  # bytes


@entry
def tally_run(sheet, n_bars):
    """Run an account to its end and tally its curves.

    Parameters
    ----------
    sheet : TallySheet
        Its `Curves` have room for `CURVE_PART` bars and what the quiet pass writes beyond, but say that they begin
        and end where those of all bars would.
    n_bars : int

    Returns
    -------
    int
        As `advance`.
    """
    at, state = sheet.calls[0], sheet.state[0]
    t, outcome = 0 * n_bars, DONE
    while t < n_bars:
        n = min(CURVE_PART, n_bars - t)
        state.n_stretches, sheet.tally[0].stretch = 0, 0
        outcome = call(at.advance, (at.run, at.agenda, at.bars, at.curves, at.pad, at.path, t + n))
        if len(sheet.stretches) > 0:
            sheet.stretches[state.n_stretches].bar = t + n
        call(at.tally, (at.curves, at.bars, at.tallied, t, n))
        sheet.words[at.equity].address -= FLOAT * n
        sheet.words[at.equity_low].address -= FLOAT * n
        t += n
    return outcome
