"""Named tuples of arrays as one pointer.

Kernels pass an account's tables, the market and the curves on to nearly every kernel they call: as numpy arrays that
is more work than most of them do. Compiled code sees a named tuple as a pointer to the addresses and shapes of its
arrays. Importing this module tells numba so.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, lower_getattr_generic, models, register_model, typeof_impl, unbox

from backtester.kernels._views import WORD, ViewType, view_type, words_of
from backtester.schema import Agenda, Bars, Curves, Pad, Records, Run, Sheet, Tallied, TallySheet, View


class BundleType(types.Type):
    """numba's type of a named tuple of arrays."""

    def __init__(self, name: str, views: dict[str, ViewType]) -> None:
        self.views = views
        super().__init__(name=f"{name}({', '.join(map(str, views.values()))})")

    def n_words(self, before: str | None = None) -> int:
        """Return how many words all views take, or those in front of one."""
        names = list(self.views)
        counted = names if before is None else names[: names.index(before)]
        return sum(1 + self.views[name].n_axes for name in counted)


@typeof_impl.register(Agenda)
@typeof_impl.register(Bars)
@typeof_impl.register(Curves)
@typeof_impl.register(Pad)
@typeof_impl.register(Records)
@typeof_impl.register(Run)
@typeof_impl.register(Sheet)
@typeof_impl.register(Tallied)
@typeof_impl.register(TallySheet)
@typeof_impl.register(View)
def _typeof(bundle: Any, context: Any) -> BundleType:
    return BundleType(type(bundle).__name__, {name: view_type(getattr(bundle, name)) for name in bundle._fields})


@register_model(BundleType)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, bundle: BundleType) -> None:
        super().__init__(manager, bundle, WORD.as_pointer())


@unbox(BundleType)
def _unbox(bundle: BundleType, value: Any, c: Any) -> NativeValue:
    words = cgutils.alloca_once(c.builder, WORD, size=bundle.n_words())
    place = words
    for k, view in enumerate(bundle.views.values()):
        for word in words_of(c, view, c.pyapi.tuple_getitem(value, k)):
            c.builder.store(word, place)
            place = c.builder.gep(place, [ir.Constant(WORD, 1)])
    return NativeValue(words, is_error=cgutils.is_not_null(c.builder, c.pyapi.err_occurred()))


@infer_getattr
class _Views(AttributeTemplate):
    key = BundleType

    def generic_resolve(self, bundle: BundleType, name: str) -> Any:
        return bundle.views.get(name)


@lower_getattr_generic(BundleType)
def _view(context: Any, builder: Any, bundle: BundleType, words: Any, name: str) -> Any:
    view, before = bundle.views[name], bundle.n_words(before=name)
    first, *lengths = (_word(builder, words, before + k) for k in range(1 + view.n_axes))
    return cgutils.pack_struct(builder, [builder.inttoptr(first, cgutils.voidptr_t), *lengths])


def _word(builder: Any, words: Any, n: int) -> Any:
    """Load a word that does not change during a run, which the compiler may therefore keep in a register."""
    loaded = builder.load(builder.gep(words, [ir.Constant(WORD, n)]))
    loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
    return loaded
