"""What compiled strategies read of a bar and of its slots: the names of `Bar` and `BarSlot`."""

from __future__ import annotations

import operator
from typing import NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import RefType, iternext_impl
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import (
    intrinsic,
    lower_builtin,
    lower_getattr_generic,
    lower_setattr_generic,
    overload,
    overload_attribute,
    overload_method,
)

from backtester.event_driven.compiled_types import (
    WORD,
    BarType,
    SlotsType,
    SlotType,
    account_record,
    bar_record,
    calls_record,
    floats_at,
    load_field,
    word_at,
)
from backtester.market import PRICES
from backtester.schema import SLOT_VIEW

ROW = SLOT_VIEW.itemsize  # bytes

# A bar.


@intrinsic
def _slot(typingctx, bar, number):
    slot = SlotType(bar)

    def generate(context, builder, signature, values):
        return slot_value(context, builder, slot, values[0], values[1])

    return slot(bar, types.int64), generate


def slot_value(context, builder, slot, bar, number):
    native = cgutils.create_struct_proxy(slot)(context, builder)
    native.bar, native.number = bar, number
    return native._getvalue()


@overload(len)
def _length(bar):
    if isinstance(bar, BarType):
        return lambda bar: bar_record(bar).n_slots
    return None


@overload(operator.getitem)
def _get(bar, number):
    if not isinstance(bar, BarType):
        return None
    if not isinstance(number, types.Integer):
        raise numba.TypingError("in compiled code, slots have numbers and no names: bar[0], or `for slot in bar`")

    def get(bar, number):
        n = len(bar)
        if number < -n or number >= n:
            raise IndexError("there is no slot of this number")
        return _slot(bar, number + n if number < 0 else number)

    return get


@lower_builtin("getiter", BarType)
def _iterate(context, builder, signature, values):
    slots = context.make_helper(builder, signature.return_type)
    slots.bar, slots.next = values[0], cgutils.alloca_once_value(builder, ir.Constant(WORD, 0))
    return slots._getvalue()


@lower_builtin("iternext", SlotsType)
@iternext_impl(RefType.UNTRACKED)
def _next(context, builder, signature, values, result):
    (kind,) = signature.args
    slots = context.make_helper(builder, kind, value=values[0])
    number = builder.load(slots.next)
    more = builder.icmp_signed("<", number, load_field(builder, slots.bar, "n_slots"))
    result.set_valid(more)
    with builder.if_then(more):
        result.yield_(slot_value(context, builder, kind.yield_type, slots.bar, number))
        builder.store(builder.add(number, ir.Constant(WORD, 1)), slots.next)


overload_attribute(BarType, "index")(lambda bar: lambda bar: calls_record(bar_record(bar).calls).index)
overload_attribute(BarType, "slots")(lambda bar: lambda bar: bar)
overload_attribute(BarType, "account")(lambda bar: lambda bar: _account(account_record(bar_record(bar).account)))
overload_attribute(BarType, "open_time")(
    lambda bar: lambda bar: word_at(bar_record(bar).open_time, bar.index)
)


class Account(NamedTuple):
    """The account as it is seen: a copy, for the record is everybody's."""

    equity: float
    free_margin: float
    available_margin: float
    is_bankrupt: bool
    n_events: int


@numba.njit
def _account(record):
    return Account(record.equity, record.free_margin, record.available_margin, record.is_bankrupt, record.n_events)


def _row(name, field):
    k = PRICES.index(field)

    @overload_attribute(BarType, name)
    def attribute(bar):
        return lambda bar: _row_at(bar, word_at(bar_record(bar).prices, k))


for _name, _field in (*((name, name) for name in PRICES[:4]), ("mark", "mark_close")):
    _row(_name, _field)


@numba.njit
def _row_at(bar, address):
    record = bar_record(bar)
    return floats_at(address + 8 * bar.index * record.n_instruments, (record.n_instruments,))


@overload_method(BarType, "history", prefer_literal=True)
def _history(bar, field="close", n=None):
    name = field if isinstance(field, str) else getattr(field, "literal_value", getattr(field, "value", None))
    if name not in PRICES:
        raise numba.TypingError(f"history takes one of {', '.join(PRICES)}, written out")
    k, whole = PRICES.index(name), n is None or isinstance(n, types.NoneType | types.Omitted)

    def history(bar, field="close", n=None):
        record = bar_record(bar)
        address, width, last = word_at(record.prices, k), record.n_instruments, bar.index + 1
        if whole:
            return floats_at(address, (last, width))
        if n < 1:
            raise ValueError("n must be a number of bars")
        first = max(0, last - n)
        return floats_at(address + 8 * first * width, (last - first, width))

    return history


@overload_method(BarType, "indicator", prefer_literal=True)
def _indicator(bar, name):
    names = [known for known, _ in bar.indicators]
    given = getattr(name, "literal_value", None)
    if given not in names:
        there_are = f"there are {', '.join(names)}" if names else "it returns none"
        raise numba.TypingError(f"indicator takes a name that `indicators` returns, written out: {there_are}")
    k = names.index(given)
    if bar.indicators[k][1] == 1:
        return lambda bar, name: floats_at(word_at(bar_record(bar).indicators, k), (bar.index + 1,))[bar.index]
    return lambda bar, name: _row_at(bar, word_at(bar_record(bar).indicators, k))


# A slot.


@infer_getattr
class _Values(AttributeTemplate):
    key = SlotType

    def generic_resolve(self, slot, name):
        return types.float64 if name in SLOT_VIEW.names else None


@lower_getattr_generic(SlotType)
def _value(context, builder, slot, value, name):
    bar, number = cgutils.unpack_tuple(builder, value)
    row = builder.mul(number, ir.Constant(WORD, ROW))
    place = builder.add(row, ir.Constant(WORD, numba.from_dtype(SLOT_VIEW).offset(name)))
    place = builder.add(load_field(builder, bar, "slots"), place)
    return builder.load(builder.inttoptr(place, ir.DoubleType().as_pointer()))


@lower_setattr_generic(SlotType)
def _cannot_set(context, builder, signature, args, name):
    cure = "slot.target(quantity=0) or slot.set_leverage(5) ask for a change"
    raise numba.TypingError(f"{name} can only be read: {cure}")


overload_attribute(SlotType, "is_open")(lambda slot: lambda slot: slot.quantity != 0.0)
overload_attribute(SlotType, "is_isolated")(lambda slot: lambda slot: not np.isnan(slot.isolated_margin))
overload_attribute(SlotType, "distance")(lambda slot: lambda slot: abs(slot.liquidation_price / slot.mark - 1.0))


@numba.njit
def _column(slot):
    return word_at(bar_record(slot._bar).columns, slot._number)


@overload_method(SlotType, "indicator", prefer_literal=True)
def _own_indicator(slot, name):
    given = getattr(name, "literal_value", None)
    if (given, 1) in slot.bar.indicators:
        return lambda slot, name: slot._bar.indicator(given)
    return lambda slot, name: slot._bar.indicator(given)[_column(slot)]


@overload_method(SlotType, "history", prefer_literal=True)
def _own_history(slot, field="close", n=None):
    name = field if isinstance(field, str) else getattr(field, "literal_value", getattr(field, "value", None))
    return lambda slot, field="close", n=None: slot._bar.history(name, n)[:, _column(slot)]
