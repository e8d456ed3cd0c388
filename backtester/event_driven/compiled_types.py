"""A bar and its slots in compiled strategies: read where the kernels write, by address.

In compiled code a bar is the address of a record of BAR, a slot that and its number: nothing is copied at a bar.
"""

from __future__ import annotations

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import (
    intrinsic,
    make_attribute_wrapper,
    models,
    register_model,
    typeof_impl,
    unbox,
)
from numba.np.arrayobj import populate_array

from backtester.schema import ACCOUNT_VIEW, CALLS, EVENT

__all__ = [
    "BAR",
    "Address",
    "BarType",
    "OrderType",
    "SlotType",
    "SlotsType",
    "account_record",
    "bar_record",
    "calls_record",
    "event_record",
    "field_of",
    "floats_at",
    "load_field",
    "word_at",
]

# Where a compiled strategy stands, and the addresses of all that it may look at.
BAR = np.dtype(
    [(name, "i8") for name in ("first_slot", "n_slots", "n_instruments")]
    + [(name, "i8") for name in ("slots", "account", "calls", "columns", "prices", "open_time", "indicators", "events")]
    + [(name, "i8") for name in ("asks", "n_asks", "most_asks")]
)
WORD = ir.IntType(64)


class Address:
    """A bar on its way into compiled code: where its record is, and the indicators by name with their axes."""

    def __init__(self, address, indicators):
        self.address, self.indicators = address, indicators


class BarType(types.IterableType):
    """numba's type of a bar with these indicators."""

    def __init__(self, indicators):
        self.indicators = indicators
        super().__init__(name=f"Bar({', '.join(f'{name}: {axes}' for name, axes in indicators)})")

    @property
    def iterator_type(self):
        return SlotsType(self)


class SlotType(types.Type):
    """numba's type of a slot of a bar."""

    def __init__(self, bar):
        self.bar = bar
        super().__init__(name=f"Slot of {bar}")


class SlotsType(types.SimpleIteratorType):
    def __init__(self, bar):
        self.bar = bar
        super().__init__(f"Slots of {bar}", SlotType(bar))


class OrderType(types.Type):
    """numba's type of an order that has been asked for: its place among all that is asked for at the close."""

    def __init__(self):
        super().__init__(name="Order")


@register_model(OrderType)
class _OrderModel(models.PrimitiveModel):
    def __init__(self, manager, order):
        super().__init__(manager, order, WORD)


@register_model(BarType)
class _BarModel(models.PrimitiveModel):
    def __init__(self, manager, bar):
        super().__init__(manager, bar, WORD)


@register_model(SlotType)
class _SlotModel(models.StructModel):
    def __init__(self, manager, slot):
        super().__init__(manager, slot, [("bar", slot.bar), ("number", types.int64)])


@register_model(SlotsType)
class _SlotsModel(models.StructModel):
    def __init__(self, manager, slots):
        super().__init__(manager, slots, [("bar", slots.bar), ("next", types.EphemeralPointer(types.int64))])


make_attribute_wrapper(SlotType, "bar", "_bar")
make_attribute_wrapper(SlotType, "number", "_number")


@typeof_impl.register(Address)
def _typeof(bar, context):
    return BarType(bar.indicators)


@unbox(BarType)
def _unbox(bar, value, c):
    number = c.pyapi.object_getattr_string(value, "address")
    native = c.unbox(types.int64, number)
    c.pyapi.decref(number)
    return native


# Reading at an address.


def field_of(builder, bar, name):
    """Return the pointer to a field of a bar's record."""
    offset = ir.Constant(WORD, numba.from_dtype(BAR).offset(name))
    return builder.inttoptr(builder.add(bar, offset), WORD.as_pointer())


def load_field(builder, bar, name):
    """Read a field of a bar's record."""
    return builder.load(field_of(builder, bar, name))


def _record_at(dtype):
    record = numba.from_dtype(dtype)

    @intrinsic
    def at(typingctx, address):
        def generate(context, builder, signature, values):
            return builder.inttoptr(values[0], context.get_value_type(record))

        return record(address), generate

    return at


bar_record, account_record, calls_record, event_record = map(_record_at, (BAR, ACCOUNT_VIEW, CALLS, EVENT))


@intrinsic
def word_at(typingctx, address, k):
    """Return the k-th of the whole numbers that begin at an address."""

    def generate(context, builder, signature, values):
        first = builder.inttoptr(values[0], WORD.as_pointer())
        return builder.load(builder.gep(first, [values[1]]))

    return types.int64(types.int64, types.int64), generate


@intrinsic
def floats_at(typingctx, address, shape):
    """Return the array of this shape that begins at an address; it cannot be written to."""
    array = types.Array(types.float64, len(shape), "C", readonly=True)

    def generate(context, builder, signature, values):
        native, word = context.make_array(array)(context, builder), context.get_constant(types.intp, 8)
        lengths = cgutils.unpack_tuple(builder, values[1])
        strides = [builder.mul(word, lengths[-1]), word] if len(lengths) > 1 else [word]
        data = builder.inttoptr(values[0], native.data.type)
        populate_array(native, data, lengths, strides, word, None)
        return native._getvalue()

    return array(types.int64, types.UniTuple(types.int64, len(shape))), generate
