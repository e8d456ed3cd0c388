"""The files that a strategy is made of: its own, and what it imports that its author may edit."""

from __future__ import annotations

import ast
import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from backtester._foreign import import_ours
from backtester.errors import ConfigurationError
from backtester.strategy import Strategy

__all__ = ["Sources", "source_of"]

_ENGINE = Path(__file__).resolve().parents[1]
_INSTALLED = [_ENGINE, *(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib"))]
_GALLERY = "strategies"  # may be installed, and is edited all the same


class Sources:
    """Hashes of strategies, made anew when one of their files was edited: a batch may run for hours."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, dict[Path, int]]] = {}

    def of(self, strategy: str) -> str:
        """Return the hash of a strategy; see `source_of`."""
        code, times = self._known.get(strategy, ("", {}))
        if not code or any(_time(file) != time for file, time in times.items()):
            code, files = source_of(import_ours(_GALLERY).load_class(strategy))
            self._known[strategy] = code, {file: _time(file) for file in files}
        return code


def _time(file: Path) -> int:
    try:
        return os.stat(file).st_mtime_ns  # asked for each file of each task: quicker than by its methods
    except OSError:
        return 0


def source_of(cls: type[Strategy]) -> tuple[str, list[Path]]:
    """Return a hash of the file of a strategy and of all it imports that is not installed, and which files they are.

    Raises
    ------
    ConfigurationError
        If the class is in no file.
    """
    file = getattr(sys.modules[cls.__module__], "__file__", None)
    if file is None:
        cure = "Put it into a file of its own: my_strategy.py"
        raise ConfigurationError("strategy", cls.__qualname__, "its source is in no file", cure=cure)
    home = Path(file).resolve()
    found: dict[str, tuple[Path, bytes]] = {}
    _take("", home, home.parent, found)
    digest = hashlib.sha256(cls.__qualname__.encode())
    for name in sorted(found):
        digest.update(name.encode() + b"\0" + found[name][1] + b"\0")
    return digest.hexdigest(), [file for file, _ in found.values()]


def _take(name: str, file: Path, folder: Path, found: dict[str, tuple[Path, bytes]]) -> None:
    """Read a module's file and those that it imports, by name; `folder` is that of the strategy."""
    if name in found:
        return
    found[name] = file, file.read_bytes()
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for other in _imported(found[name][1], package):
        place = _file_of(other, folder)
        if place is not None:
            _take(other, place, folder, found)


def _imported(source: bytes, package: str) -> Iterator[str]:
    """Yield the names of all modules that a source may import, wherever in it the import stands."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # whoever runs it will say so
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            yield from _with_parents(origin)
            for alias in node.names:
                yield f"{origin}.{alias.name}"
                thing = getattr(sys.modules.get(origin), alias.name, None)
                yield from _with_parents(getattr(thing, "__module__", None) or "")


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    for k in range(1, len(parts) + 1):
        yield ".".join(parts[:k])


def _file_of(name: str, folder: Path) -> Path | None:
    """Return the file of a module if an author may edit it; one that is not imported yet is looked for in `folder`."""
    module: ModuleType | None = sys.modules.get(name)
    if module is None:
        beside = folder.joinpath(*name.split("."))
        return next((each for each in (beside.with_suffix(".py"), beside / "__init__.py") if each.is_file()), None)
    file = getattr(module, "__file__", None)
    if file is None or Path(file).suffix != ".py" or name == _GALLERY:  # the gallery's list of itself is no strategy
        return None
    place = Path(file).resolve()
    is_installed = any(place.is_relative_to(each) for each in _INSTALLED)
    return place if not is_installed or name.startswith(f"{_GALLERY}.") else None
