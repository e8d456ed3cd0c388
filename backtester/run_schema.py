"""The rows of a run's tables, in the coordinates of the kernels: see the head of `backtester/schema.py`.

State and inputs of a run, one row per slot, pool, instrument ... Prices in them are levels.
"""

import numpy as np

from backtester.schema import RULE_AMOUNTS, RULE_CHOICES, RULE_COUNTS, RULE_RATES

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
    + [("n_stretches", "i8")]
    + [("reach", "i8"), ("window_start", "i8"), ("window_end", "i8")]  # bars that the quiet pass looks ahead
    + [("keeps_ratios", "i8")]  # whether margin ratios are asked for
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
ACTION = np.dtype([("bar", "i8"), ("slot", "i8"), ("kind", "i8"), ("amount", "f8")], align=True)
TIER_CHANGE = np.dtype([("bar", "i8"), ("instrument", "i8"), ("first_tier", "i8"), ("last_tier", "i8")], align=True)
FUNDING_EVENT = np.dtype([("bar", "i8"), ("instrument", "i8"), ("rate", "f8"), ("mark", "f8")], align=True)
