"""Compilation: the one place with compiler flags, and a disk cache that sees every edit.

numba keys its cache on the file of the function alone, so an edited helper in another file would leave a stale
caller. The cache folder therefore carries a hash of all kernel sources and of the numba version.
"""

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core.registry import CPUDispatcher

from backtester.kernels import _bundles  # noqa: F401  (what named tuples are in compiled code)
from backtester.kernels._link import Loop, Part, Seldom, Whole

# No memory is allocated inside a kernel (_nrt). Never fastmath: it breaks isnan and changes results.
_FLAGS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}
_INNER: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def _sources_hash() -> str:
    here = Path(__file__).parent
    digest = hashlib.sha256(f"{numba.__version__} {sys.version_info[:3]}".encode())
    for source in [here.parent / "schema.py", here.parent / "run_schema.py", *sorted(here.glob("*.py"))]:
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()[:16]


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def cache_folder() -> Path:
    """Folder of the compiled kernels: the user's cache, or a temporary folder where that cannot be written."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    base = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = f"backtester-kernels-{_sources_hash()}"
    for folder in (base / name, Path(tempfile.gettempdir()) / name):
        if _writable(folder):
            return folder
    return Path(tempfile.mkdtemp(prefix=name))


def is_kept(name: str) -> bool:
    """Return whether an entry was compiled on this machine before."""
    return next(cache_folder().rglob(f"*.{name}-*.nbi"), None) is not None


_FOLDER = str(cache_folder())


class _Kernel(CPUDispatcher):
    """A kernel that other kernels call; a call from Python (a test, an explorer) goes through a compiled caller."""

    def __call__(self, *arguments: Any) -> Any:
        return _caller(self)(*arguments)

    def compile(self, sig: Any) -> Any:
        """Compile for these types of arguments; numba's own way would time it, and ask for it in a cache."""
        if (types := tuple(sig)) not in self.overloads:
            self.add_overload(self._compiler.compile(types, None))
        return self.overloads[types].entry_point


@cache
def _caller(called: Any) -> Any:
    return numba.njit(lambda *arguments: called(*arguments), _nrt=False, pipeline_class=Whole)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` when an entry that calls it is compiled."""
    return _inner(function, Part)


def seldom(function: Callable[..., Any]) -> Any:
    """Compile a kernel that most bars do without as a function of its own: less to optimise wherever it is called."""
    return _inner(function, Seldom)


def loop(function: Callable[..., Any]) -> Any:
    """Compile a kernel whose arrays do not overlap, as a loop over bars has to promise to be fast."""
    return _inner(function, Loop)


def _inner(function: Callable[..., Any], pipeline: type) -> Any:
    compiled = numba.njit(**_FLAGS, **_INNER, pipeline_class=pipeline)(function)
    if isinstance(compiled, CPUDispatcher):  # not where compilation is switched off
        compiled.__class__ = _Kernel
    return compiled


def entry(function: Callable[..., Any]) -> Any:
    """Compile a kernel that Python calls, on its first call, and keep the result in our cache folder."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = _FOLDER  # read by numba when the function is decorated
    try:
        return numba.njit(**_FLAGS, cache=True, pipeline_class=Whole)(function)
    finally:
        numba.config.CACHE_DIR = before
