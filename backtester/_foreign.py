"""Our neighbours `data`, `strategies` and `reports` have common names: make sure they are ours.

A folder of the same name that comes earlier on the path would be imported instead, and fail far
away with a puzzling message.
"""

from __future__ import annotations

from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from backtester.errors import BacktesterError, ConfigurationError

__all__ = ["check_ours", "import_ours"]

HOME = Path(__file__).resolve().parent.parent
NEIGHBOURS = ("data", "strategies", "reports")
_CHECKED: dict[str, ModuleSpec | None] = {}  # those that were ours


def import_ours(name: str) -> ModuleType:
    """Import a module of `data`, `strategies` or `reports`, such as ``reports.page``.

    Raises
    ------
    ConfigurationError
        If another folder of that name is in the way; it names both folders.
    """
    check_ours(name.partition(".")[0])
    return import_module(name)


def check_ours(package: str) -> None:
    """Raise if importing `package` would give, or gave, somebody else's.

    Raises
    ------
    ConfigurationError
        Naming both folders and the cure.
    """
    ours, spec = HOME / package, find_spec(package)
    if spec is not None and _CHECKED.get(package) is spec:
        return
    found = _folder(spec)
    if found != ours.resolve():
        raise ConfigurationError(
            package,
            str(found) if found else None,
            f"another package of this name is in the way of the backtester's own, {ours}"
            if found
            else f"the backtester's own package is missing; it belongs in {ours}",
            cure=f"Rename the folder {found}, or start from another folder" if found else "Install the project again",
        )
    _CHECKED[package] = spec


def _folder(spec: ModuleSpec | None) -> Path | None:
    """Return the folder (for a module: the file) that a package is imported from."""
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve()
    return Path(spec.origin).resolve() if spec.origin else None


def explain(error: ImportError) -> BacktesterError | None:
    """Return the clear error behind a failed import, None if it has nothing to do with our names."""
    package = (error.name or "").partition(".")[0]
    if package not in NEIGHBOURS:
        return None
    try:
        check_ours(package)
    except ConfigurationError as clear:
        return clear
    return None
