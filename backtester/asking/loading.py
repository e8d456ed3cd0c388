"""Load an author's strategy from a file: ``path/file.py:Class``."""

from __future__ import annotations

import hashlib
import importlib.util
import linecache
import sys
from collections.abc import Iterable
from pathlib import Path
from threading import RLock
from types import ModuleType

from backtester.errors import ConfigurationError, StrategyError, nearest
from backtester.strategy import Strategy
from backtester.symbols import listed

__all__ = ["author_line", "is_file_spec", "load_class", "raises_itself"]

_LOADING = RLock()  # the path and the table of modules are everybody's
_HELPERS: dict[str, tuple[Path, Path, int]] = {}  # modules from the folder of a strategy: that, their file and its time


def is_file_spec(spec: str) -> bool:
    """Return whether a text names a file rather than a strategy of the gallery."""
    path, _ = _split(spec)
    return path.suffix == ".py" or len(path.parts) > 1


def load_class(spec: str) -> type[Strategy]:
    """Return the strategy class that ``path/file.py:Class`` names.

    ``:Class`` may be left out where the file has one strategy only.

    Parameters
    ----------
    spec : str
        Path of the file and name of the class.

    Raises
    ------
    ConfigurationError
        If there is no such file or class, or the class is no Strategy.
    StrategyError
        If the file cannot be imported, raised from the author's exception.
    """
    path, name = _split(spec)
    module = _import(path, spec)
    own = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == module.__name__
    }
    strategies = [key for key, value in own.items() if issubclass(value, Strategy)]
    if not name and len(strategies) == 1:
        return own[strategies[0]]
    found = getattr(module, name, None) if name else None
    if isinstance(found, type) and issubclass(found, Strategy):
        return found
    raise _refusal(spec, path, name, found, strategies)


def _split(spec: str) -> tuple[Path, str]:
    head, sign, name = spec.rpartition(":")
    if not sign or name.endswith(".py") or "/" in name or "\\" in name:  # a drive, such as C:
        head, name = spec, ""
    return Path(head).expanduser(), name.strip()


def _refusal(spec: str, path: Path, name: str, found: object, strategies: list[str]) -> ConfigurationError:
    allowed = [f"{path}:{key}" for key in strategies]
    if not strategies:
        cure = "write `class Name(Strategy):` with a method `targets`"
        return ConfigurationError("strategy", spec, f"{path} has no class that is a Strategy", cure=cure)
    if not name:
        return ConfigurationError("strategy", spec, "the file has several strategies", allowed=allowed)
    if found is None:
        problem = f"{path} has no class {name}"
    else:
        problem = f"{name} is no Strategy" if isinstance(found, type) else f"{name} is no class"
    return ConfigurationError("strategy", spec, problem, allowed=allowed)


def _import(path: Path, spec: str) -> ModuleType:
    """Run the author's file as a module; its folder may hold modules of its own."""
    if not path.is_file():
        raise ConfigurationError("strategy", spec, f"there is no file {path}", cure=_near(path))
    place = path.resolve()
    code = hashlib.sha256(str(place).encode()).hexdigest()[:8]
    name = f"strategy_file_{place.stem}_{code}"
    found = importlib.util.spec_from_file_location(name, place)
    if found is None or found.loader is None:
        raise ConfigurationError("strategy", spec, f"{path} is no Python file", cure="name it .py")
    module = importlib.util.module_from_spec(found)
    with _LOADING:
        _forget_helpers(place.parent)
        before = set(sys.modules)
        sys.modules[name] = module
        sys.path.append(str(place.parent))
        try:
            found.loader.exec_module(module)
        except StrategyError:
            del sys.modules[name]
            raise
        except (Exception, SystemExit) as error:
            del sys.modules[name]
            problem = f"the file cannot be imported: {type(error).__name__}: {error}"
            where = author_line(error, str(place))
            raise StrategyError(spec, problem, found=where, cure="mend the file") from error
        finally:
            sys.path.remove(str(place.parent))
            _note_helpers(place.parent, set(sys.modules) - before - {name})
    return module


def _note_helpers(folder: Path, names: Iterable[str]) -> None:
    """Remember which modules came from a folder, and the state of their files."""
    for name in names:
        beside = folder.joinpath(*name.split("."))
        for file in (beside.with_suffix(".py"), beside / "__init__.py"):
            if str(file) == getattr(sys.modules[name], "__file__", None):
                _HELPERS[name] = (folder, file, file.stat().st_mtime_ns)


def _forget_helpers(folder: Path) -> None:
    """Have modules of a folder imported again if one was edited, or if another folder has one of that name."""
    own = [each for each in _HELPERS.values() if each[0] == folder]
    edited = any(not file.is_file() or file.stat().st_mtime_ns != time for _, file, time in own)
    for name, (home, _, _) in list(_HELPERS.items()):
        top = folder / name.partition(".")[0]
        if edited if home == folder else top.with_suffix(".py").is_file() or top.is_dir():
            sys.modules.pop(name, None)
            del _HELPERS[name]


def _near(path: Path) -> str:
    """Return the cure for a missing file: the nearest one, or what the folder has."""
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} either: mend the path"
    files = sorted(file.name for file in path.parent.glob("*.py") if file.is_file())
    close = nearest(path.stem, [Path(file).stem for file in files], 1)
    if close:
        return f"did you mean {path.with_name(close[0])}.py?"
    return f"the folder {path.parent.resolve()} has {listed(files, 8) or 'no .py files'}"


def author_line(error: BaseException, file: str) -> str:
    """Return ``file, line n`` of the innermost frame of an exception in the author's file.

    Parameters
    ----------
    error : BaseException
        What the author's code raised.
    file : str
        The author's file; the innermost frame of all counts where it has none.
    """
    if isinstance(error, SyntaxError):
        return f"{error.filename or file}, line {error.lineno or 'unknown'}"
    place = f"{file}, line unknown"
    own = ""
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        place = f"{name}, line {trace.tb_lineno}"
        own = place if name == file else own
        trace = trace.tb_next
    return own or place


def raises_itself(error: BaseException | None, file: str) -> bool:
    """Return whether an exception comes from a `raise` in the author's file, and not from what that called."""
    trace = error.__traceback__ if error is not None else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or trace.tb_frame.f_code.co_filename != file:
        return False
    return linecache.getline(file, trace.tb_lineno).strip().startswith("raise ")
