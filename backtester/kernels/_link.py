"""How kernels become machine code: once, together with the entry that calls them.

numba optimises every function with all it calls and turns that into machine code, for each of a hundred kernels anew.
But only two of them are called from Python. So the others stop at their own code (`Part`), and an entry (`Whole`)
links and optimises all of them at once, where the compiler sees that nobody else calls them: it inlines what is called
once and passes on only the arguments that are used.
"""

from typing import Any

import llvmlite.binding as llvm
from numba.core import cgutils  # what follows is not part of the public API: numba >= 0.62 has it
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase

from backtester.kernels._lower import no_repetition, pipeline

__all__ = ["Loop", "Part", "Seldom", "Whole"]


class _Codegen:
    """The code generator of a part: as numba's, but a part has no machine code whose environment could be set."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def set_env(self, name: str, environment: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)


class _PartLibrary(JITCodeLibrary):
    """Code of one kernel, neither optimised nor joined with what it calls."""

    attributes: tuple[str, ...] = ("inlinehint",)

    def add_ir_module(self, ir_module: Any) -> None:
        self.code = cgutils.normalize_ir_text(str(ir_module))

    def finalize(self) -> None:
        self._finalized = True

    def module(self) -> Any:
        """Return the code as a module that can be linked once."""
        module = llvm.parse_assembly(self.code)
        for function in module.functions:
            if not function.is_declaration:
                for attribute in self.attributes:
                    function.add_function_attribute(attribute)
        return module

    def get_pointer_to_function(self, name: str) -> int:
        return 0  # "not defined"

    @property
    def codegen(self) -> Any:
        return _Codegen(self._codegen)


class _OwnLibrary(_PartLibrary):
    """Code of a kernel that stays a function of its own."""

    attributes = ("noinline",)


class _ColdLibrary(_OwnLibrary):
    """Code of a kernel that most runs do without: callers are optimised for not calling it."""

    attributes = ("noinline", "cold")


class _WholeLibrary(JITCodeLibrary):
    """Code of an entry with everything it needs."""

    def finalize(self) -> None:
        self._own = {function.name for function in self._final_module.functions if not function.is_declaration}
        needed = dict.fromkeys(self._linking_libraries)
        for library in (found := list(needed)):  # grows while we look
            if isinstance(library, _PartLibrary):
                self._final_module.link_in(library.module())
                new = [called for called in library._linking_libraries if called not in needed]
                needed.update(dict.fromkeys(new))
                found += dict.fromkeys(new)
        self._linking_libraries = [library for library in found if not isinstance(library, _PartLibrary)]
        super().finalize()

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if function.name not in self._own and not function.is_declaration:
                function.linkage = "internal"
        manager, builder = self._codegen._module_pass_manager()
        manager.run(self._final_module, builder)  # once: nothing here counts references, whose pruning comes between


class _Compiler(CompilerBase):
    library: type[JITCodeLibrary]

    def define_pipelines(self) -> list[Any]:
        state = self.state
        state.library = self.library(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return [pipeline()]


class Part(_Compiler):
    """Compiles a kernel that only kernels call; it cannot be kept on disk by itself."""

    library = _PartLibrary


class Seldom(Part):
    """Compiles a part that is not copied into its callers, and out of their way."""

    library = _ColdLibrary


class Loop(Part):
    """Compiles a part whose arrays do not overlap; vectorised code is long, and many callers share it."""

    library = _OwnLibrary

    def define_pipelines(self) -> list[Any]:
        self.state.flags.noalias = True
        return super().define_pipelines()


class Whole(_Compiler):
    """Compiles a kernel that Python calls."""

    library = _WholeLibrary

    def compile_extra(self, func: Any) -> Any:
        with no_repetition():
            return super().compile_extra(func)
