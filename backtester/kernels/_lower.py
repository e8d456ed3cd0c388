"""How a kernel becomes LLVM code: by the steps of numba that kernels need, and no others.

Kernels hold no references, no closures and no generators. So nothing is looked after that would have to be released,
and most of numba's passes have nothing to do. Without them, and without what numba finds out anew for each kernel,
compiling takes two thirds of the work. And tables do not overlap: what was read of one need not be read again because
another was written.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir as llvm
from numba.core import cgutils, ir, types  # what follows is not part of the public API: numba >= 0.62 has it
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.lowering import Lower
from numba.core.postproc import PostProcessor, VariableLifetime
from numba.core.transforms import canonicalize_cfg
from numba.core.typed_passes import NativeLowering, NoPythonBackend, NopythonTypeInference, PreLowerStripPhis
from numba.core.untyped_passes import FixupArgs, GenericRewrites, IRProcessing, ReconstructSSA, TranslateByteCode


class _Lower(Lower):
    """Lowering of a kernel, in which no variable is released: numba loads each one for it, and sets it to zero."""

    def delvar(self, name: str) -> None:
        pass

    def storevar(self, value: Any, name: str, argidx: int | None = None) -> None:
        self._alloca_var(name, self.typeof(name))
        if name in self._singly_assigned_vars:
            self._blk_local_varmap[name] = value
        else:
            self.builder.store(value, self.getvar(name))

    def alloca_lltype(self, name: str, lltype: Any, datamodel: Any = None) -> Any:
        return cgutils.alloca_once(self.builder, lltype, name=name)

    def lower_inst(self, inst: Any) -> Any:
        lowered = super().lower_inst(inst)
        if isinstance(inst, ir.SetAttr):
            self._keep_apart(inst.target, inst.attr)
        return lowered

    def lower_expr(self, resty: Any, expr: Any) -> Any:
        value = super().lower_expr(resty, expr)
        if expr.op == "getattr":
            self._keep_apart(expr.value, expr.attr)
        return value

    def _keep_apart(self, record: Any, field: str) -> None:
        """Say of the last access which field of which table it is: to write one leaves what was read of the others."""
        table = self.typeof(record.name)
        if not isinstance(table, types.Record):
            return
        access = next(each for each in reversed(self.builder.block.instructions) if each.opname in ("load", "store"))
        module, offset = self.builder.module, llvm.Constant(llvm.IntType(64), 0)
        root = module.add_metadata(["tables"])
        node = module.add_metadata([f"{table.size} {field}", root, offset])
        access.set_metadata("tbaa", module.add_metadata([node, node, offset]))


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):
    _name = "kernel_lowering"

    @property
    def lowering_class(self) -> type[Lower]:
        return _Lower


_PASSES = (
    TranslateByteCode,
    FixupArgs,
    IRProcessing,
    GenericRewrites,
    ReconstructSSA,
    NopythonTypeInference,
    PreLowerStripPhis,
    _Lowering,
    NoPythonBackend,
)


def pipeline() -> PassManager:
    """Return the passes that make a kernel."""
    passes = PassManager("kernel")
    for each in _PASSES:
        passes.add_pass(each, each.__name__)
    passes.finalize()
    return passes


@contextmanager
def no_repetition() -> Iterator[None]:
    """Have numba find out things once for all kernels, or not at all, which it does anew for each of them."""
    resolve, process = types.BaseFunction.get_call_type, PostProcessor.run
    types.BaseFunction.get_call_type, PostProcessor.run = _remembered(resolve), _shortened(process)
    try:
        yield
    finally:
        types.BaseFunction.get_call_type, PostProcessor.run = resolve, process


def _remembered(resolve: Callable[..., Any]) -> Callable[..., Any]:
    """Remember what an operator or a function of numpy returns for which arguments, a fifth of numba's work."""
    known: dict[Any, Any] = {}

    def get_call_type(function: Any, context: Any, args: Any, kws: Any) -> Any:
        key = function, tuple(args), tuple(kws.items())
        if key not in known:
            known[key] = resolve(function, context, args, kws)
        return known[key]

    return get_call_type


def _shortened(process: Callable[..., None]) -> Callable[..., None]:
    """Leave out how long variables live: only what is released or kept by a generator has to know."""

    def run(self: Any, emit_dels: bool = False, **options: Any) -> None:
        code = self.func_ir
        if emit_dels or code.is_generator:
            process(self, emit_dels=emit_dels, **options)
            return
        code.blocks = canonicalize_cfg(code.blocks)
        code.variable_lifetime = VariableLifetime(code.blocks)
        code.generator_info = None

    return run
