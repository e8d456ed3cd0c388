"""Arrays for kernels, made cheap to compile and to pass on.

A numpy array in compiled code is seven values, a type name of kilobytes where it holds records, and at every index a
question whether it counts from the end. A view is the address of the first element and the shape. Its last axis is
contiguous, its elements are floats or records, and its indices are not negative. In Python it is the array itself.
"""

import hashlib
import operator
from functools import cache
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import (
    NativeValue,
    lower_builtin,
    models,
    register_model,
    typeof_impl,
    unbox,
)

from backtester.schema import Floats


class Table(np.recarray[Any, Any]):
    """A one-dimensional, contiguous record array, of which columns and rows are had sooner than numpy has them."""

    def __array_finalize__(self, made_of: Any) -> None:
        if np.ndarray.dtype.__get__(self).type is np.void:  # else its rows are records already
            super().__array_finalize__(made_of)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, str):
            return np.ndarray.view(self, np.ndarray)[index]
        return np.ndarray.__getitem__(self, index)


class ViewType(types.Type):
    """numba's type of a view with this many axes."""

    def __init__(self, element: types.Type, n_axes: int) -> None:
        self.element = element
        self.n_axes = n_axes
        digest = hashlib.sha256(str(element).encode()).hexdigest()[:12]
        super().__init__(name=f"View({digest}, {n_axes})")

    @property
    def size(self) -> int:
        """Bytes of an element."""
        return self.element.size if isinstance(self.element, types.Record) else self.element.bitwidth // 8

    @property
    def index(self) -> types.Type:
        """Type of an index."""
        return types.intp if self.n_axes == 1 else types.UniTuple(types.intp, self.n_axes)


@cache
def _view_type(dtype: np.dtype[Any], n_axes: int) -> ViewType:
    return ViewType(numba.from_dtype(dtype), n_axes)


def view_type(array: np.ndarray[Any, Any]) -> ViewType:
    """Return the type of a contiguous array of floats or records."""
    if not array.flags.c_contiguous:
        raise ValueError(f"an array of shape {array.shape} is not contiguous: copy it first")
    return _view_type(array.dtype, array.ndim)


@typeof_impl.register(Table)
def _typeof(table: Table, context: Any) -> ViewType:
    return view_type(table)


@register_model(ViewType)
class _Model(models.StructModel):
    def __init__(self, manager: Any, view: ViewType) -> None:
        lengths = [(f"n{axis}", types.intp) for axis in range(view.n_axes)]
        super().__init__(manager, view, [("first", types.voidptr), *lengths])


@unbox(ViewType)
def _unbox(view: ViewType, array: Any, c: Any) -> NativeValue:
    native = cgutils.create_struct_proxy(view)(c.context, c.builder)
    address, *lengths = words_of(c, view, array)
    native.first = c.builder.inttoptr(address, native.first.type)
    for axis, length in enumerate(lengths):
        setattr(native, f"n{axis}", length)
    return NativeValue(native._getvalue(), is_error=cgutils.is_not_null(c.builder, c.pyapi.err_occurred()))


WORD = ir.IntType(64)


def words_of(c: Any, view: ViewType, array: Any) -> list[Any]:
    """Have the caller of compiled code ask numpy for the address and the shape of an array."""
    native = c.context.make_array(types.Array(view.element, view.n_axes, "C"))(c.context, c.builder)
    c.pyapi.numba_array_adaptor(array, c.builder.bitcast(native._getpointer(), cgutils.voidptr_t))
    return [c.builder.ptrtoint(native.data, WORD), *cgutils.unpack_tuple(c.builder, native.shape)]


@infer_global(operator.getitem)
class _Get(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        view, index = args
        return signature(view.element, view, view.index) if _is_index(view, index) else None


@infer_global(operator.setitem)
class _Set(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        view, index, _ = args
        return signature(types.none, view, view.index, view.element) if _is_index(view, index) else None


def _is_index(view: Any, index: Any) -> bool:
    whole = isinstance(index, (types.Integer, types.BaseTuple))
    return isinstance(view, ViewType) and whole and getattr(index, "count", 1) == view.n_axes


@lower_builtin(operator.getitem, ViewType, types.Any)
def _get(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    place = _place(context, builder, sig.args[0], args[0], _indices(builder, sig.args[0], args[1]))
    return place if isinstance(sig.args[0].element, types.Record) else builder.load(place)


@lower_builtin(operator.setitem, ViewType, types.Any, types.Any)
def _set(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    indices = _indices(builder, sig.args[0], args[1])
    builder.store(args[2], _place(context, builder, sig.args[0], args[0], indices))
    return context.get_dummy_value()


def _indices(builder: Any, view: ViewType, index: Any) -> Any:
    return [index] if view.n_axes == 1 else cgutils.unpack_tuple(builder, index)


def _place(context: Any, builder: Any, view: ViewType, value: Any, indices: Any) -> Any:
    """Pointer to the element at these indices."""
    first, *lengths = cgutils.unpack_tuple(builder, value)
    flat = ir.Constant(WORD, 0)
    for axis, (at, length) in enumerate(zip(indices, lengths, strict=True)):
        if numba.config.BOUNDSCHECK:
            with builder.if_then(builder.icmp_unsigned(">=", at, length), likely=False):
                context.call_conv.return_user_exc(builder, IndexError, ("outside the array",))
        flat = builder.add(builder.mul(flat, length), at) if axis else at
    offset = builder.mul(flat, ir.Constant(WORD, view.size))
    return builder.bitcast(builder.gep(first, [offset]), _pointer(context, view))


def _pointer(context: Any, view: ViewType) -> Any:
    element = context.get_value_type(view.element)
    return element if isinstance(view.element, types.Record) else element.as_pointer()


@infer_global(len)
class _Length(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(types.intp, *args) if isinstance(args[0], ViewType) else None


@lower_builtin(len, ViewType)
def _length(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.extract_value(args[0], 1)


def tail(array: Floats, *index: int) -> Floats:
    """Part of an array's last axis: from the element at `index` on."""
    return array[(*index[:-1], slice(index[-1], None))]


@infer_global(tail)
class _Tail(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        view, *index = args
        if isinstance(view, ViewType) and len(index) == view.n_axes:
            return signature(ViewType(view.element, 1), view, *[types.intp] * view.n_axes)
        return None


@lower_builtin(tail, ViewType, types.VarArg(types.Any))
def _tail(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    place = _place(context, builder, sig.args[0], args[0], args[1:])
    length = builder.extract_value(args[0], len(args) - 1)  # of the last axis
    return cgutils.pack_struct(builder, [builder.bitcast(place, cgutils.voidptr_t), builder.sub(length, args[-1])])


def prefetch(array: Floats, *index: int) -> None:
    """Tell the processor that the element at `index` will be read soon."""


@infer_global(prefetch)
class _Prefetch(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        view, *index = args
        return signature(types.none, view, *[types.intp] * len(index)) if isinstance(view, ViewType) else None


@lower_builtin(prefetch, ViewType, types.VarArg(types.Any))
def _prefetch(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    place = _place(context, builder, sig.args[0], args[0], args[1:])
    place = builder.bitcast(place, cgutils.voidptr_t)
    number = ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
    function = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
    builder.call(function, [place, *(ir.Constant(number, n) for n in (0, 3, 1))])  # to read, soon, data
    return context.get_dummy_value()
