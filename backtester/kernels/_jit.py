"""Compilation: the one place with compiler flags, and a disk cache that sees every edit.

numba keys its cache on the file of the function alone, so an edited helper in another file would leave a stale
caller. The cache folder therefore carries a hash of all kernel sources and of the numba version.
"""

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

# No memory is allocated inside a kernel (_nrt). Never fastmath: it breaks isnan and changes results.
_FLAGS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}


def _sources_hash() -> str:
    here = Path(__file__).parent
    digest = hashlib.sha256(f"{numba.__version__} {sys.version_info[:3]}".encode())
    for source in [here.parent / "schema.py", *sorted(here.glob("*.py"))]:
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


_FOLDER = str(cache_folder())


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` on first call and keep the result in our cache folder."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = _FOLDER  # read by numba when the function is decorated
    try:
        return numba.njit(**_FLAGS)(function)
    finally:
        numba.config.CACHE_DIR = before
