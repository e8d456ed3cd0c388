"""What a compiled strategy asks for: each call becomes a row, and the row the same call of `BarSlot`.

So a method has the same parameters both ways, and what is wrong with one is found by the same checks. A row is made of
floats: the number of the method, the slot, which parameters were given (a bit each), and their values.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, get_type_hints

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_getattr, signature
from numba.extending import lower_builtin

from backtester.errors import nearest
from backtester.event_driven.bar import Bar
from backtester.event_driven.building import WATCH
from backtester.event_driven.compiled_types import WORD, BarType, OrderType, SlotType, field_of, load_field
from backtester.event_driven.slot import BarSlot
from backtester.schema import TIMES_IN_FORCE

__all__ = ["METHODS", "WIDTH", "replay"]

ORDERS = ("buy", "sell", "target", "close", "stop_loss", "take_profit", "trailing_stop")
METHODS = (*ORDERS, "add_margin", "remove_margin", "set_leverage", "cancel_all")
JOIN = len(METHODS)  # of a row: `one_cancels_other`, with the rows of its orders
WORDS = (*WATCH, *TIMES_IN_FORCE)
HEAD = 3  # floats before the values


def _parameters(method: str) -> dict[str, type]:
    """Return the parameters of a method of `BarSlot` with the types of their values."""
    hints = get_type_hints(getattr(BarSlot, method))
    hints.pop("return", None)
    terms = hints.pop("terms", None)
    if terms is not None:
        (terms,) = terms.__args__
        hints |= get_type_hints(terms)
    return {name: _value_type(hint) for name, hint in hints.items()}


def _value_type(hint: Any) -> type:
    """Return the type of a value that may be None."""
    kinds = [kind for kind in getattr(hint, "__args__", (hint,)) if kind is not type(None)]
    return kinds[0]


PARAMETERS = {method: _parameters(method) for method in METHODS}
WIDTH = HEAD + max(map(len, PARAMETERS.values()))
_TAKES: dict[type, tuple[type, str]] = {
    float: (types.Number, "a number"),
    int: (types.Integer, "a whole number"),
    bool: (types.Boolean, "True or False"),
    str: (types.StringLiteral, f"one of {', '.join(WORDS)}, written out"),
}


def replay(rows: Iterable[Sequence[float]], bar: Bar) -> None:
    """Ask for the same as Python asks for it, on the bar's slots.

    Raises
    ------
    StrategyError
        Where that raises it: for what cannot be had.
    """
    asked: list[Any] = []
    for row in rows:
        code, number, given = map(int, row[:HEAD])
        if code == JOIN:
            bar.one_cancels_other(*(asked[int(order)] for order in row[HEAD : HEAD + given]))
            asked.append(None)
        else:
            terms = {name: convert(row[place]) for place, name, convert in _given(code, given)}
            asked.append(getattr(bar.slots[number], METHODS[code])(**terms))


@cache
def _given(code: int, given: int) -> list[tuple[int, str, Callable[[float], Any]]]:
    """Return where a row holds the parameters that were given, their names, and what makes their values of floats."""
    return [
        (HEAD + k, name, _word if kind is str else kind)
        for k, (name, kind) in enumerate(PARAMETERS[METHODS[code]].items())
        if given >> k & 1
    ]


def _word(number: float) -> str:
    return WORDS[int(number)]


class _Ask(AbstractTemplate):
    """Typing of a call: names to their places, and types that a parameter does not take refused."""

    prefer_literal = True
    method: str
    this: SlotType  # given by numba

    def generic(self, args: Any, kws: Any) -> Any:
        parameters = PARAMETERS[self.method]
        if len(args) > min(1, len(parameters)):
            raise numba.TypingError(f"{self.method} takes one parameter without its name, then name=value")
        given = dict(zip(parameters, args, strict=False)) | dict(kws)
        for name in given:
            if name not in parameters:
                close = nearest(name, parameters) or parameters
                raise numba.TypingError(f"{self.method} has no parameter {name}: it has {', '.join(close)}")
        kinds = [self._kind(name, kind, given.get(name, types.none)) for name, kind in parameters.items()]
        by_name = inspect.Parameter.POSITIONAL_OR_KEYWORD
        names = [inspect.Parameter(name, by_name, default=None) for name in parameters]
        answer = OrderType() if self.method in ORDERS else types.none
        return signature(answer, *kinds, recvr=self.this).replace(pysig=inspect.Signature(names))

    def _kind(self, name: str, kind: type, given: Any) -> Any:
        if isinstance(given, types.NoneType | types.Omitted):
            return types.none
        plain = given if isinstance(given, types.StringLiteral) else types.unliteral(given)
        if isinstance(plain, types.StringLiteral) and plain.literal_value not in WORDS:
            plain = None
        taken, said = _TAKES[kind]
        if not isinstance(plain, taken):
            raise numba.TypingError(f"{self.method}: {name} must be {said}, and is {given}")
        return types.float64 if kind is float else plain


@infer_getattr
class _Asks(AttributeTemplate):
    key = SlotType

    def generic_resolve(self, slot: SlotType, name: str) -> Any:  # type: ignore[override]
        return types.BoundFunction(_TEMPLATES[name], slot) if name in _TEMPLATES else None


def _template(method: str) -> type[_Ask]:
    template = type(f"_{method}", (_Ask,), {"key": f"slot.{method}", "method": method})
    lower_builtin(f"slot.{method}", SlotType, types.VarArg(types.Any))(_lowering(method))
    return template


def _lowering(method: str) -> Any:
    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        bar, number = cgutils.unpack_tuple(builder, values[0])
        row = _floats(context, builder, method, number, signature.args[1:], values[1:])
        n = _write(builder, bar, row)
        return n if method in ORDERS else context.get_dummy_value()

    return lower


def _write(builder: Any, bar: Any, row: list[Any]) -> Any:
    """Append a row to what is asked for, if there is room; return its number."""
    n = load_field(builder, bar, "n_asks")
    with builder.if_then(builder.icmp_signed("<", n, load_field(builder, bar, "most_asks"))):
        start = builder.add(load_field(builder, bar, "asks"), builder.mul(n, ir.Constant(WORD, 8 * WIDTH)))
        place = builder.inttoptr(start, ir.DoubleType().as_pointer())
        for k, value in enumerate(row):
            if value is not None:
                builder.store(value, builder.gep(place, [ir.Constant(WORD, k)]))
    builder.store(builder.add(n, ir.Constant(WORD, 1)), field_of(builder, bar, "n_asks"))
    return n


class _Join(AbstractTemplate):
    """Typing of `one_cancels_other`: orders of this call, as many as a row has room for."""

    key = "bar.one_cancels_other"
    this: BarType  # given by numba

    def generic(self, args: Any, kws: Any) -> Any:
        most = WIDTH - HEAD
        if kws or not 2 <= len(args) <= most or not all(isinstance(each, OrderType) for each in args):
            raise numba.TypingError(f"one_cancels_other takes 2 to {most} orders of this call")
        return signature(types.none, *args, recvr=self.this)


@infer_getattr
class _Joins(AttributeTemplate):
    key = BarType

    def generic_resolve(self, bar: BarType, name: str) -> Any:  # type: ignore[override]
        return types.BoundFunction(_Join, bar) if name == "one_cancels_other" else None


@lower_builtin("bar.one_cancels_other", BarType, types.VarArg(types.Any))
def _join(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    bar, *orders = values
    head = [ir.Constant(ir.DoubleType(), float(each)) for each in (JOIN, -1, len(orders))]
    _write(builder, bar, [*head, *(builder.sitofp(order, ir.DoubleType()) for order in orders)])
    return context.get_dummy_value()


def _floats(context: Any, builder: Any, method: str, number: Any, kinds: Any, values: Any) -> list[Any]:
    """Return the floats of a row; None: not given."""
    given = sum(1 << k for k, kind in enumerate(kinds) if kind != types.none)
    head = [METHODS.index(method), None, given]
    row = [None if each is None else ir.Constant(ir.DoubleType(), float(each)) for each in head]
    row[1] = builder.sitofp(number, ir.DoubleType())
    for kind, value in zip(kinds, values, strict=True):
        if isinstance(kind, types.StringLiteral):
            row.append(ir.Constant(ir.DoubleType(), float(WORDS.index(kind.literal_value))))
        else:
            row.append(None if kind == types.none else context.cast(builder, value, kind, types.float64))
    return row


_TEMPLATES = {method: _template(method) for method in METHODS}
