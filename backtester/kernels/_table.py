"""Record arrays for kernels, made cheap to compile: a table is a pointer and a length.

A kernel passes its nine tables on to nearly every kernel it calls. As numpy arrays each would be seven values and a
type name of kilobytes at every call, and compilation took most of a minute. A `Table` is an ordinary record array in
Python; compiled code sees its address, its length and the layout of its rows. Indices must not be negative.
"""

import hashlib
import operator
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import NativeValue, lower_builtin, models, register_model, typeof_impl, unbox


class Table(np.recarray[Any, Any]):
    """A one-dimensional, contiguous record array."""

    @property
    def address(self) -> int:
        """Address of the first row."""
        return int(self.ctypes.data)


class TableType(types.Type):
    """numba's type of a table with rows of one dtype."""

    def __init__(self, row: types.Record) -> None:
        self.row = row
        super().__init__(name=f"Table({hashlib.sha256(str(row).encode()).hexdigest()[:12]})")


@lru_cache(maxsize=None)
def _type_of(dtype: np.dtype[Any]) -> TableType:
    return TableType(numba.from_dtype(dtype))


@typeof_impl.register(Table)
def _typeof(table: Table, context: Any) -> TableType:
    return _type_of(table.dtype)


@register_model(TableType)
class _Model(models.StructModel):
    def __init__(self, manager: Any, table: TableType) -> None:
        super().__init__(manager, table, [("first", types.voidptr), ("length", types.intp)])


@unbox(TableType)
def _unbox(table: TableType, value: Any, c: Any) -> NativeValue:
    native = cgutils.create_struct_proxy(table)(c.context, c.builder)
    native.first = c.builder.inttoptr(_whole(value, "address", c), native.first.type)
    native.length = _whole(value, "size", c)
    return NativeValue(native._getvalue(), is_error=cgutils.is_not_null(c.builder, c.pyapi.err_occurred()))


def _whole(value: Any, name: str, c: Any) -> Any:
    """Read an attribute that is a whole number."""
    attribute = c.pyapi.object_getattr_string(value, name)
    number = c.pyapi.long_as_longlong(attribute)
    c.pyapi.decref(attribute)
    return number


@infer_global(len)
class _Length(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(types.intp, *args) if isinstance(args[0], TableType) else None


@lower_builtin(len, TableType)
def _length(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0]).length


@infer_global(operator.getitem)
class _Row(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        table, index = args
        if isinstance(table, TableType) and isinstance(index, types.Integer):
            return signature(table.row, table, types.intp)
        return None


@lower_builtin(operator.getitem, TableType, types.Integer)
def _row(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    table, index = sig.args[0], args[1]
    first = cgutils.create_struct_proxy(table)(context, builder, value=args[0]).first
    offset = builder.mul(index, ir.Constant(index.type, table.row.size))
    return builder.bitcast(builder.gep(first, [offset]), context.get_value_type(table.row))
