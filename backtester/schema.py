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

# State and inputs of a run, one row per slot, pool, instrument ... Prices in them are levels.
_EXITS = [("stop", "f8"), ("take_profit", "f8"), ("trail", "f8"), ("trail_fraction", "f8"), ("watch_mark", "i8")]
SLOT = np.dtype(
    [("instrument", "i8"), ("pool", "i8"), ("leverage", "f8"), ("quantity", "f8"), ("entry", "f8")]
    + _EXITS  # nan: none
    + [("best", "f8")]  # best trade price since the trailing stop became active
    + [("working", "i8")]  # row of the first of its working orders (-1: none), which are in the order they were given
    + [("waiting_order", "i8"), ("opening", "f8")]  # row of the order of this open (-1: none), its opening part
    + [("has_exit", "i8"), ("position_row", "i8"), ("bankruptcy_price", "f8"), ("leg", "i8")]
    + [("topped_up", "f8"), ("funding", "f8")]  # what auto_top_up has moved to this position, and the funding it paid
    + [("tier_limit", "f8")]  # tier key beyond which its leverage is not allowed (-1: to be looked up)
    # Not of this slot but of the k-th in a row: the k-th slot by pool, instrument and index, which a pool's `first`
    # and `last` point into; and scratch of a liquidation, the k-th slot to close and what that order goes by.
    + [("member", "i8"), ("queued", "i8"), ("key", "f8")],
    align=True,
)
POOL = np.dtype(
    [("cash", "f8"), ("ratio", "f8"), ("on_demand", "i8"), ("first", "i8"), ("last", "i8"), ("n_open", "i8")]
    + [("first_leg", "i8"), ("last_leg", "i8")]
    # Of a standing pool at this open: sums over the legs that the window has already (see kernels/quiet.py).
    + [("seen_pnl", "f8"), ("seen_need", "f8"), ("seen_initial", "f8"), ("seen_gross", "f8")],
    align=True,
)
LEG = np.dtype(
    [  # an instrument in a pool: its members ``first ... last - 1``, and sums over them that a trade makes stale
        ("pool", "i8"),
        ("instrument", "i8"),
        ("first", "i8"),
        ("last", "i8"),
        ("stale", "i8"),
        ("long_quantity", "f8"),
        ("short_quantity", "f8"),
        ("long_notional", "f8"),  # at the entries
        ("short_notional", "f8"),
        ("net", "f8"),
        ("gross", "f8"),
        ("initial", "f8"),  # initial margin at a level of 1: sum of |q|/leverage, joined over the sides
        ("anchor", "f8"),  # sum of q*e: the pnl is net*v - anchor
        ("above", "f8"),  # for levels strictly between these the requirement is max(r1*v - c1, r2*v - c2)
        ("below", "f8"),
        ("r1", "f8"),
        ("c1", "f8"),
        ("r2", "f8"),
        ("c2", "f8"),
        ("safe_cash", "f8"),  # cash with which a pool of this leg alone is safe between two levels (nan: unknown)
        ("safe_above", "f8"),
        ("safe_below", "f8"),
        ("valued_to", "i8"),  # the bar up to which the quiet pass has taken it into its window
    ],
    align=True,
)
INSTRUMENT = np.dtype(
    [  # its rules
        ("inverse", "i8"),
        ("by_quantity", "i8"),
        ("first_tier", "i8"),
        ("last_tier", "i8"),
        ("taker_fee_rate", "f8"),
        ("maker_fee_rate", "f8"),
        ("lot", "f8"),
        ("min_notional", "f8"),
        ("unit_margin_rate", "f8"),  # 0: the margin rate does not grow with the position
        ("liquidation_fee", "f8"),
        # where it stands: the ends of the present segment in mark and trade levels, and the bar's trade open as a price
        ("live", "i8"),
        ("mark_from", "f8"),
        ("mark_to", "f8"),
        ("trade_from", "f8"),
        ("trade_to", "f8"),
        ("open_price", "f8"),
        ("price_from", "f8"),  # the ends of the segment as trade prices
        ("price_to", "f8"),
        ("last", "f8"),  # mark level last known before this bar, and the bar it is of
        ("last_bar", "i8"),
        ("first_low", "i8"),
        ("net", "f8"),  # net and gross quantity of all its slots
        ("gross", "f8"),
        ("next_order", "i8"),  # bar of the next order in one of its slots
    ],
    align=True,
)
TIER_ROW = np.dtype(
    [("floor", "f8"), ("maintenance_rate", "f8"), ("maintenance_amount", "f8"), ("max_leverage", "f8")], align=True
)
STATE = np.dtype(
    [(name, "i8") for name in (*RULE_CHOICES, *RULE_COUNTS)]
    + [(name, "f8") for name in (*RULE_RATES, *RULE_AMOUNTS)]
    + [("balance", "f8"), ("bar", "i8"), ("segment", "i8"), ("s", "f8")]  # the clock
    + [("equity_low", "f8"), ("worst_ratio", "f8")]  # of this bar so far
    + [("n_events", "i8"), ("n_ledger", "i8"), ("n_positions", "i8"), ("bankrupt", "i8")]
    + [("reach", "i8"), ("window_start", "i8"), ("window_end", "i8")]  # bars that the quiet pass looks ahead
    + [("keeps_inside", "i8")]  # whether more than the equity at the closes is asked for
    + [("looked_ahead", "i8")]  # whether what its window holds is good at this open
    + [("n_segments", "i8"), ("cooldown", "f8"), ("cool_from", "f8")]  # [bars] of `fraction_first`: see liquidation.py
    + [("order", "i8")]  # the order at work, for the log (-1: none)
    + [("whole", "i8")]  # whether what opens must not be cut
    + [("next_expiry", "i8")]  # bar at whose open the next working order has expired
    # How far a run has come: the next bar, and the next rows of orders, instructions, funding and changes of tiers.
    + [(f"next_{name}", "i8") for name in ("bar", "order", "action", "funding", "change")],
    align=True,
)
# `amount` is what the order calls its size, a name that numpy records have given away.
ORDER = np.dtype(
    [("bar", "i8"), ("slot", "i8"), ("amount", "f8"), ("size_type", "i8"), ("target", "i8"), ("margin", "f8")]
    + [("limit", "f8")]
    + _EXITS
    + [("next", "i8")]  # bar of the next order on the same instrument
    + [("working", "i8"), ("id", "i8")],  # row among the working orders (-1: none), index into the scenario's orders
    align=True,
)
# An order that may rest: one with a type, or a plain limit. docs/model.md, "Working orders".
WORKING = np.dtype(
    [("order", "i8"), ("slot", "i8"), ("next", "i8")]  # its row of ORDER, and the next one in its slot (-1: none)
    + [("state", "i8"), ("kind", "i8"), ("change", "f8")]  # kind of event; signed size (0: of a position)
    + [("trigger", "f8"), ("offset", "f8"), ("offset_fraction", "f8"), ("best", "f8"), ("acting", "i8")]
    + [("plain", "i8"), ("reduce_only", "i8"), ("post_only", "i8"), ("time_in_force", "i8")]
    + [("expires", "i8"), ("oco", "i8")],  # -1: none
    align=True,
)
ORDER_STATES = ("to come", "arriving", "resting", "done")
TO_COME, ARRIVING, RESTING, ORDER_DONE = _codes(ORDER_STATES)
ACTION = np.dtype([("bar", "i8"), ("slot", "i8"), ("kind", "i8"), ("amount", "f8")], align=True)
TIER_CHANGE = np.dtype([("bar", "i8"), ("instrument", "i8"), ("first_tier", "i8"), ("last_tier", "i8")], align=True)
FUNDING_EVENT = np.dtype([("bar", "i8"), ("instrument", "i8"), ("rate", "f8"), ("mark", "f8")], align=True)

# Outcome of a run of the kernel.
DONE, LOG_FULL = _codes(("done", "log_full"))

Floats = NDArray[np.float64]
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
    """The account and its logs, as record arrays.

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
    events: Rows  # EVENT
    ledger: Rows  # LEDGER_ROW
    positions: Rows  # POSITION_ROW


class Agenda(NamedTuple):
    """What else comes at a given open."""

    actions: Rows  # ACTION, by bar (of execution), in the order given
    funding: Rows  # FUNDING_EVENT, by bar, time, instrument
    tiers: Rows  # TIER_CHANGE, by bar, instrument, time


class Curves(NamedTuple):
    """What is written once per bar."""

    equity: Floats  # (n_bars,) total equity at the mark closes
    equity_low: Floats  # (n_bars,) lowest total equity inside the bar; (0,) when not asked for
    worst_ratio: Floats  # (n_bars,) worst margin ratio of any pool inside the bar; (0,) when not asked for
    pool_ratio: Floats  # (n_pools, n_bars) worst margin ratio inside the bar; (0, 0) when not asked for


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
    + [(name, "i8") for name in ("n_bars", "n_returns", "ruin", "peak_bar", "longest_from", "longest_to")],
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


# What a strategy sees of its account at a close. Prices in it are prices.
ACCOUNT_VIEW = np.dtype([("equity", "f8"), ("free_margin", "f8"), ("n_events", "i8")], align=True)
POOL_VIEW = np.dtype([("equity", "f8"), ("requirement", "f8"), ("initial_margin", "f8")], align=True)
SLOT_VIEW = np.dtype(
    [("price", "f8")]  # trade close of the decision's bar; nan: no data
    + [(name, "f8") for name in ("mark", "quantity", "entry", "leverage", "pnl", "funding_paid")]
    + [("isolated_margin", "f8")]  # nan: a shared pool backs it
    + [(name, "f8") for name in ("equity", "requirement", "margin_ratio")]  # of the pool that backs it
    + [("liquidation_price", "f8")],  # inf: not looked for yet
    align=True,
)


class View(NamedTuple):
    """An account at the close of a bar."""

    account: Rows  # ACCOUNT_VIEW, (1,)
    pools: Rows  # POOL_VIEW, (n_pools,)
    slots: Rows  # SLOT_VIEW, (n_slots,)
    closes: Floats  # (n_decisions, n_instruments) trade closes of the bars at which strategies decide


# Addresses of entries and of the bundles that they take, and the code of the path.
_BUNDLES = ("run", "agenda", "bars", "curves", "pad", "seen")  # seen: a View, a name that numba takes for a method
CALLS = np.dtype([(name, "i8") for name in ("advance", "look", "look_closer", "step", *_BUNDLES, "sheet", "path")])


class Sheet(NamedTuple):
    """What it takes to run and to look at an account by address."""

    calls: Rows  # CALLS, (1,)


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
