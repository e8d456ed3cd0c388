"""The shape of everything the engine keeps: read this page first.

Units. Prices are quote per base, quantities are signed (long > 0) in base units for linear contracts and in
quote-currency contracts for inverse ones, money is in the account's settlement currency, rates are fractions,
times are int64 UTC nanoseconds.

Levels. The kernels never see a contract type. A price ``p`` enters them as its *level* ``v``, the coordinate in
which pnl is linear and in which prices move in straight lines inside a bar:

    linear   v = p          inverse   v = -1/p

so that for both, with quantity ``q`` and entry level ``e``,

    pnl = q * (v - e)       notional = |q| * |v|

and a higher price is always a higher level. See docs/model.md, "Levels".
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


def _codes(words: tuple[str, ...]) -> Iterator[np.int64]:
    """Code of each word: its position. Not plain ints: numba would compile a kernel anew for every literal."""
    return map(np.int64, range(len(words)))


SMALLEST, LARGEST = 1e-60, 1e60  # prices and lots; sizes and money: products of several stay finite

MAIN = np.int64(0)  # the main pool
NOBODY = np.int64(-1)  # in place of a slot: a row of the pool or the account itself

# What an event says. The position in the tuple is the code in the log.
EVENT_KINDS = (
    "fill",
    "liquidation",
    "stop",
    "take_profit",
    "trailing_stop",
    "limit",
    "funding",
    "add_margin",
    "remove_margin",
    "set_leverage",
    "cut",
    "rejected",
    "cancelled",
    "bankrupt",
    "auto_top_up",
)
(
    FILL,
    LIQUIDATION,
    STOP,
    TAKE_PROFIT,
    TRAILING_STOP,
    LIMIT,
    FUNDING,
    ADD_MARGIN,
    REMOVE_MARGIN,
    SET_LEVERAGE,
    CUT,
    REJECTED,
    CANCELLED,
    BANKRUPT,
    AUTO_TOP_UP,
) = _codes(EVENT_KINDS)

REASONS = (
    "", "no_data", "minimum", "tier", "available", "would_liquidate", "refused", "liquidation", "replaced", "backstop",
    "no_position", "asked", "expired", "post_only", "unfilled", "one_cancels_other", "flat",
)  # fmt: skip
(
    NO_REASON, NO_DATA, MINIMUM, TIER, AVAILABLE, WOULD_LIQUIDATE, REFUSED, BY_LIQUIDATION, REPLACED, BACKSTOP,
    NO_POSITION, ASKED, EXPIRED, POST_ONLY, UNFILLED, ONE_CANCELS_OTHER, WENT_FLAT,
) = _codes(REASONS)  # fmt: skip

SEGMENTS = ("open", "0", "1", "2", "close")
AT_OPEN, FIRST_SEGMENT, _, _, AT_CLOSE = _codes(SEGMENTS)

LEDGER_KINDS = (
    "deposit",
    "transfer",
    "realised",
    "fee",
    "funding",
    "liquidation_fee",
    "insurance_absorbed",
    "insurance_taken",
    "auto_top_up",
)
(
    DEPOSITED,
    TRANSFERRED,
    REALISED,
    FEE_PAID,
    FUNDING_PAID,
    LIQUIDATION_FEE_PAID,
    ABSORBED,
    TAKEN,
    TOPPED_UP,
) = _codes(LEDGER_KINDS)
MOVED = (DEPOSITED, TRANSFERRED, TOPPED_UP)  # between pools or from outside: nothing was earned or paid

# What the inputs say, coded for the kernels; the words are those of the scenario format.
CONTRACTS = ("linear", "inverse")
TIER_KEYS = ("notional", "quantity")
TARGET_SIZES = ("quantity", "notional", "equity_fraction", "margin")
SIZE_TYPES = (*TARGET_SIZES, "position")
ORDER_TYPES = ("market", "limit", "take_profit", "stop", "trailing_stop")
TIMES_IN_FORCE = ("gtc", "ioc", "fok")
MODES = ("isolated", "cross", "mixed", "sub_accounts")
PATHS = ("adverse", "favourable", "candle", "close")
POOL_KINDS = ("standing", "on_demand")
ACTION_KINDS = ("add", "remove", "set_leverage", "cancel")
RULE_CHOICES: dict[str, tuple[str, ...]] = {
    "mm_basis": ("mark", "entry"),
    "reduction": ("full", "tier_step", "to_initial", "fraction_first"),
    "liquidation_order": ("all", "largest_requirement", "largest_loss"),
    "leftover": ("trader", "fund"),
    "funding_source": ("pool", "main_first"),
    "partial_close": ("pro_rata", "keep"),
    "opening_fee_from": ("main", "pool"),
    "remove_rule": ("standard", "profit_only"),
    "leverage_rule": ("topup", "rejected"),
    "on_insufficient": ("reduce", "reject"),
    "hedge_offset": ("none", "larger_side", "net"),
    "auto_top_up": ("none", "initial_margin", "all_free"),
}
RULE_RATES = (
    "close_fee_buffer",
    "liquidation_fee",
    "liquidation_slippage",
    "slippage",
    "initial_margin_buffer",
    "remove_floor",
    "backstop_rate",
    "first_fraction",
)
RULE_AMOUNTS = ("top_up_cap", "first_fraction_above", "liquidation_cooldown")
RULE_COUNTS = ("tier_steps",)  # from 1 on

QUANTITY, NOTIONAL, EQUITY_FRACTION, MARGIN, POSITION = _codes(SIZE_TYPES)
MARKET_TYPE, LIMIT_TYPE, TAKE_PROFIT_TYPE, STOP_TYPE, TRAILING_TYPE = _codes(ORDER_TYPES)
TYPE_EVENTS = np.array([FILL, LIMIT, TAKE_PROFIT, STOP, TRAILING_STOP])  # what the log calls a trade of each type
GOOD_TILL_CANCELLED, IMMEDIATE_OR_CANCEL, FILL_OR_KILL = _codes(TIMES_IN_FORCE)
ADVERSE, FAVOURABLE, CANDLE, CLOSE = _codes(PATHS)
ADD, REMOVE, LEVERAGE, CANCEL = _codes(ACTION_KINDS)
MARK_BASIS, ENTRY_BASIS = _codes(RULE_CHOICES["mm_basis"])
FULL, TIER_STEP, TO_INITIAL, FRACTION_FIRST = _codes(RULE_CHOICES["reduction"])
ALL_SLOTS, LARGEST_REQUIREMENT, LARGEST_LOSS = _codes(RULE_CHOICES["liquidation_order"])
NO_OFFSET, LARGER_SIDE, NET = _codes(RULE_CHOICES["hedge_offset"])
NO_TOP_UP, BY_INITIAL_MARGIN, ALL_FREE = _codes(RULE_CHOICES["auto_top_up"])

MAINTENANCE, BANKRUPTCY = _codes(("maintenance", "bankruptcy"))  # what a closed form is asked for

# Logs: append-only rows, so that a frame of them is free.
EVENT = np.dtype(
    [
        ("bar", "i4"),
        ("slot", "i4"),
        ("pool", "i4"),
        ("order", "i4"),  # whose it is, as an index into the scenario's orders; -1: none
        ("kind", "i4"),
        ("reason", "i2"),
        ("segment", "i2"),  # no byte of a row is left over: equal rows are equal bytes
        ("s", "f8"),
        ("price", "f8"),
        ("fill", "f8"),
        ("quantity", "f8"),
        ("amount", "f8"),
        ("bankruptcy_price", "f8"),
    ],
    align=True,
)
LEDGER_ROW = np.dtype([("bar", "i4"), ("pool", "i4"), ("slot", "i4"), ("kind", "i4"), ("amount", "f8")], align=True)
POSITION_ROW = np.dtype(
    [("bar", "i4"), ("slot", "i4"), ("quantity", "f8"), ("entry", "f8"), ("leverage", "f8")], align=True
)

# What the logs come to, by kind: how many events of the k-th kind there are and the sum of their amounts, and what the
# ledger's rows of the k-th kind paid.
SUM = np.dtype([("events", "i8"), ("amount", "f8"), ("paid", "f8")])
N_SUMS = max(len(EVENT_KINDS), len(LEDGER_KINDS))

# Where a working order stands.
ORDER_STATES = ("to come", "arriving", "resting", "done")
TO_COME, ARRIVING, RESTING, ORDER_DONE = _codes(ORDER_STATES)

# What is kept of a run, the most first: with curves and logs, with logs, with neither.
CURVES = "full", "lows", "equity"
RECORDS = *CURVES, "none", "measures"

# Outcome of a run of the kernel.
DONE, LOG_FULL = _codes(("done", "log_full"))

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = Any  # a record array; in compiled code a `Table` (kernels/_table.py)


LONGEST_WINDOW = 512  # bars that the quiet pass looks ahead, at most
SHORTEST_WINDOW = 8  # and after a bar that was not quiet
BLOCK = 32  # bars whose lowest and highest mark are known together
TALLY_BLOCK = 512  # bars that a tally takes in together
CURVE_PART = 8192  # bars whose curves are kept until they are in the tally; a processor's second cache holds them
NO_BAR = np.int64(-1)  # in place of a bar


class Bars(NamedTuple):
    """Levels of all bars, each ``(n_instruments, n_bars)`` and contiguous in time; nan in all eight = no data."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    mark_open: Floats
    mark_high: Floats
    mark_low: Floats
    mark_close: Floats
    open_price: Floats  # the trade bars as prices: orders are sized by them and trailing stops follow them, and a
    high_price: Floats  # price that came back from the reciprocal of an inverse contract may miss its last digit
    low_price: Floats
    close_price: Floats
    block_low: Floats  # (n_instruments, n_blocks) lowest and highest mark of each BLOCK bars; nan: some have no data
    block_high: Floats


class Run(NamedTuple):
    """The account and its logs, as record arrays; the rows are in `backtester/run_schema.py`.

    Few arrays on purpose: a kernel takes as long to compile as it has arrays to pass on.
    """

    slots: Rows  # SLOT, (n_slots,)
    pools: Rows  # POOL, (n_pools,), main first
    instruments: Rows  # INSTRUMENT, (n_instruments,)
    tiers: Rows  # TIER_ROW, all instruments' tiers in a row
    legs: Rows  # LEG, by pool, then instrument
    state: Rows  # STATE, (1,)
    orders: Rows  # ORDER, by bar (of execution), then slot
    working: Rows  # WORKING, by order
    sums: Rows  # SUM, of all events and ledger rows, also of those that a log was too short for
    events: Rows  # EVENT
    ledger: Rows  # LEDGER_ROW
    positions: Rows  # POSITION_ROW


class Logs(NamedTuple):
    """What a run appends rows to."""

    events: Rows  # EVENT
    ledger: Rows  # LEDGER_ROW
    positions: Rows  # POSITION_ROW


class Agenda(NamedTuple):
    """What else comes at a given open."""

    actions: Rows  # ACTION, by bar (of execution), in the order given
    funding: Rows  # FUNDING_EVENT, by bar, time, instrument
    tiers: Rows  # TIER_CHANGE, by bar, instrument, time


# Bars up to the next row's over which the lows of an account of one leg are ``start + net*v`` at the worst mark v. What
# the open of the first of them saw may be lower; the last row says where they end.
STRETCH = np.dtype([("bar", "i8"), ("instrument", "i8"), ("start", "f8"), ("net", "f8"), ("low", "f8")])
NO_STRETCHES = np.empty(0, STRETCH)


class Curves(NamedTuple):
    """What is written once per bar."""

    equity: Floats  # (n_bars,) total equity at the mark closes
    equity_low: Floats  # (n_bars,) lowest total equity inside the bar; (0,) when not asked for
    worst_ratio: Floats  # (n_bars,) worst margin ratio of any pool inside the bar; (0,) when not asked for
    pool_ratio: Floats  # (n_pools, n_bars) worst margin ratio inside the bar; (0, 0) when not asked for
    stretches: Rows  # STRETCH, what lows are told by in a run that keeps none; (0,) when they are written


class Records(NamedTuple):
    """States at the close of each bar."""

    cash: Floats  # (n_pools, n_bars)
    pnl: Floats
    initial_margin: Floats
    requirement: Floats
    quantity: Floats  # (n_slots, n_bars)
    entry_price: Floats  # nan: flat
    leverage: Floats
    liquidation_price: Floats  # nan: none


# What a curve comes to, bar by bar: see `metrics.CurveSummary`.
TALLY = np.dtype(
    [(name, "f8") for name in ("start", "ruin_line", "last", "peak", "deepest", "deepest_in_bars")]  # as fractions
    + [(name, "f8") for name in ("mean", "squares", "downside_squares")]  # of the returns
    + [(name, "i8") for name in ("n_bars", "n_returns", "ruin", "peak_bar", "longest_from", "longest_to")]
    + [("stretch", "i8"), ("untold", "i8")],  # a stretch, and the bar from which on lows are not in the tally yet
    align=True,
)


class Tallied(NamedTuple):
    """The tally of a curve and the room that it takes to make it."""

    tally: Rows  # TALLY, (1,)
    returns: Floats  # (TALLY_BLOCK,)
    pad: Floats  # (2 * TALLY_BLOCK,)


# Addresses of entries and of the bundles that they take, the code of the path, and which words of `Curves` say where
# its equity and its lows begin.
_TALLY_WORDS = ("advance", "tally", "run", "agenda", "bars", "curves", "pad", "tallied", "path", "equity", "equity_low")
TALLY_CALLS = np.dtype([(name, "i8") for name in _TALLY_WORDS])
CURVE_WORD = np.dtype([("address", "i8")])


class TallySheet(NamedTuple):
    """What it takes to run an account and to tally its curve without keeping it."""

    calls: Rows  # TALLY_CALLS, (1,)
    words: Rows  # CURVE_WORD: those of the `Curves`
    state: Rows  # STATE, (1,), of the run
    tally: Rows  # TALLY, (1,)
    stretches: Rows  # STRETCH: those of the `Curves`


# What a strategy sees of its account at a close. Prices in it are prices.
# What a strategy sees at a close; events from `seen_events` on are new to it.
ACCOUNT_VIEW = np.dtype(
    [(name, "f8") for name in ("equity", "free_margin", "available_margin")]
    + [("is_bankrupt", "?"), ("seen_events", "i8"), ("n_events", "i8")],
    align=True,
)
POOL_VIEW = np.dtype([(name, "f8") for name in ("equity", "requirement", "initial_margin", "free_margin")], align=True)
SLOT_VIEW = np.dtype(
    [("price", "f8")]  # trade close of the decision's bar; nan: no data
    + [(name, "f8") for name in ("mark", "quantity", "entry", "leverage", "pnl", "funding_paid")]
    + [("isolated_margin", "f8")]  # nan: a shared pool backs it
    + [(name, "f8") for name in POOL_VIEW.names or ()]  # of the pool that backs it
    + [(name, "f8") for name in ("margin_ratio", "liquidation_price")],
    align=True,
)


class View(NamedTuple):
    """An account at the close of a bar."""

    account: Rows  # ACCOUNT_VIEW, (1,)
    pools: Rows  # POOL_VIEW, (n_pools,)
    slots: Rows  # SLOT_VIEW, (n_slots,)
    closes: Floats  # (n_decisions, n_instruments) trade closes of the bars at which strategies decide


# Addresses of entries and of the bundles that they take, the code of the path, and the number of the last decision.
_BUNDLES = ("run", "agenda", "bars", "curves", "pad", "seen")  # seen: a View, a name that numba takes for a method
CALLS = np.dtype([(name, "i8") for name in ("advance", "look", "step", *_BUNDLES, "sheet", "path", "index")])


class Sheet(NamedTuple):
    """What it takes to run an account from decision to decision, by address."""

    calls: Rows  # CALLS, (1,)
    ends: Ints  # (n_decisions + 1,) bar at whose close each decision is taken, below 0: none; then the number of bars


class Pad(NamedTuple):
    """Scratch of the quiet pass: one value per bar of its window.

    A bar has four way points: the open, the path's first and second extreme, and the close.
    """

    okay: Floats  # (LONGEST_WINDOW,) 1: certainly quiet, 0: to be walked
    ratio: Floats  # worst margin ratio of any on-demand pool
    equity_open: Floats  # of the on-demand pools
    equity_first: Floats
    equity_second: Floats
    equity_close: Floats
    whole_okay: Floats  # of the whole account, over the bars that are about to be written
    whole_open: Floats
    whole_first: Floats
    whole_second: Floats
    pool_ratio: Floats  # worst margin ratio of the pool at hand
    first: Floats  # levels of the instrument at hand, where the candle decides which extreme comes first
    second: Floats
    slack: Floats  # (n_standing_pools, LONGEST_WINDOW) pnl - requirement, at least, anywhere in the bar
    pnl_open: Floats
    pnl_first: Floats
    pnl_second: Floats
    pnl_close: Floats
    need_open: Floats  # the requirement
    need_first: Floats
    need_second: Floats
    need_close: Floats
    initial_open: Floats  # initial margin and notionals, at the entries and now
    gross_open: Floats
