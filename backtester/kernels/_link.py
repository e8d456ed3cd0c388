"""How kernels become machine code: once, together with the entry that calls them.

numba optimises every function with all it calls and turns that into machine code, for each of a hundred kernels anew.
But only two of them are called from Python. So the others stop at their own code (`Part`), and an entry (`Whole`)
links them, where the compiler sees that nobody else calls them: it inlines what is called once and passes on only the
arguments that are used.
"""

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder

__all__ = ["Loop", "Part", "Whole"]


class _Codegen:
    """The code generator of a part: as numba's, but a part has no machine code whose environment could be set."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def set_env(self, name: str, environment: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)


class _PartLibrary(JITCodeLibrary):
    """Code of one kernel and of those that it calls, not yet optimised as a whole."""

    def finalize(self) -> None:
        for called in dict.fromkeys(self._linking_libraries):
            self._final_module.link_in(called._get_module_for_linking(), preserve=True)
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        return 0  # "not defined"

    @property
    def codegen(self) -> Any:
        return _Codegen(self._codegen)


class _WholeLibrary(JITCodeLibrary):
    """Code of an entry with everything it needs."""

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if function.linkage.name == "linkonce_odr" and not function.is_declaration:
                function.linkage = "internal"
        super()._optimize_final_module()


class _Compiler(CompilerBase):
    library: type[JITCodeLibrary]

    def define_pipelines(self) -> list[Any]:
        state = self.state
        state.library = self.library(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return [DefaultPassBuilder.define_nopython_pipeline(state)]


class Part(_Compiler):
    """Compiles a kernel that only kernels call; it cannot be kept on disk by itself."""

    library = _PartLibrary


class Loop(Part):
    """Compiles a part whose arrays do not overlap."""

    def define_pipelines(self) -> list[Any]:
        self.state.flags.noalias = True
        return super().define_pipelines()


class Whole(_Compiler):
    """Compiles a kernel that Python calls."""

    library = _WholeLibrary
