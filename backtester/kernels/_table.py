"""Record arrays for kernels, made cheap to compile and to pass on: an account is one pointer.

A kernel passes its nine tables on to nearly every kernel it calls. As numpy arrays each would be seven values and a
type name of kilobytes at every call; compilation took most of a minute, and calls more than what they did. A `Table`
is an ordinary record array in Python. Compiled code sees its address, its length and the layout of its rows, and all
tables of a `Run` through one pointer. Indices must not be negative.
"""

import hashlib
import operator
from functools import cache
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_getattr, infer_global, signature
from numba.extending import (
    NativeValue,
    lower_builtin,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
    unbox,
)

from backtester.schema import Run


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


@cache
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
    native = cgutils.create_struct_proxy(table)(context, builder, value=args[0])
    if numba.config.BOUNDSCHECK:
        with builder.if_then(builder.icmp_unsigned(">=", index, native.length), likely=False):
            context.call_conv.return_user_exc(builder, IndexError, ("a row outside its table",))
    offset = builder.mul(index, ir.Constant(index.type, table.row.size))
    return builder.bitcast(builder.gep(native.first, [offset]), context.get_value_type(table.row))


class RunType(types.Type):
    """numba's type of a `Run`: a pointer to the addresses and lengths of its tables."""

    def __init__(self, tables: tuple[TableType, ...]) -> None:
        self.tables = dict(zip(Run._fields, tables, strict=True))
        super().__init__(name=f"Run({', '.join(map(str, tables))})")


@typeof_impl.register(Run)
def _typeof_run(run: Run, context: Any) -> RunType:
    return RunType(tuple(_type_of(table.dtype) for table in run))


@register_model(RunType)
class _RunModel(models.PrimitiveModel):
    def __init__(self, manager: Any, run: RunType) -> None:
        super().__init__(manager, run, _WORD.as_pointer())


_WORD = ir.IntType(64)


@unbox(RunType)
def _unbox_run(run: RunType, value: Any, c: Any) -> NativeValue:
    words = cgutils.alloca_once(c.builder, _WORD, size=2 * len(run.tables))
    for n in range(len(run.tables)):
        table = c.pyapi.tuple_getitem(value, n)
        for k, name in enumerate(("address", "size")):
            place = c.builder.gep(words, [ir.Constant(_WORD, 2 * n + k)])
            c.builder.store(_whole(table, name, c), place)
    return NativeValue(words, is_error=cgutils.is_not_null(c.builder, c.pyapi.err_occurred()))


@infer_getattr
class _RunTables(AttributeTemplate):
    key = RunType

    def generic_resolve(self, run: RunType, name: str) -> Any:
        return run.tables.get(name)


@lower_getattr_generic(RunType)
def _table(context: Any, builder: Any, run: RunType, value: Any, name: str) -> Any:
    table = cgutils.create_struct_proxy(run.tables[name])(context, builder)
    n = 2 * list(run.tables).index(name)
    first, length = (_word(builder, value, n + k) for k in range(2))
    table.first = builder.inttoptr(first, table.first.type)
    table.length = length
    return table._getvalue()


def _word(builder: Any, words: Any, n: int) -> Any:
    """Load a word that does not change during a run, which the compiler may therefore keep in a register."""
    loaded = builder.load(builder.gep(words, [ir.Constant(_WORD, n)]))
    loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
    return loaded
