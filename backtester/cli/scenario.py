"""`backtester scenario run`: scenario files in, result objects out."""

from __future__ import annotations

import contextlib
import json
import sys
import traceback
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from backtester.cli.group import Group
from backtester.errors import BacktesterError, ConfigurationError

app = typer.Typer(cls=Group, help="Runs written down as JSON files.", no_args_is_help=True, rich_markup_mode=None)

BAD_INPUT = 2
FAULT = 1
RESULT = b'{"equity": '  # how a result object begins
CURE = "Name a file or a folder that you may write to"


class Engine(StrEnum):
    """The two programs that follow the margin model."""

    kernel = "kernel"
    reference = "reference"


@app.callback()
def _scenario() -> None:
    """Keep `run` a command of its own while it is the only one."""


@app.command("run")
def run(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Scenario files.", show_default=False)],
    engine: Annotated[Engine, typer.Option(help="Compiled kernels, or the rules in plain Python.")] = Engine.kernel,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE|FOLDER", help="Write there instead of printing; in a folder as NAME.json."),
    ] = None,
) -> None:
    """Run scenario files and print (or write) one result object per file, one per line.

    A bad file is named on stderr with the key and what is allowed; the others still run. Exit code
    0: all ran, 2: a file was bad, 1: a fault of this program.
    """
    targets = _targets(files, out)
    code = 0
    for file, target in zip(files, targets, strict=True):
        try:
            _put(_json(_simulate(engine, file)), target)
        except OSError:  # of stdout: its reader went away, or the disk is full
            raise
        except BacktesterError as error:
            print(f"error: {file}: {error}", file=sys.stderr)
            code = code or BAD_INPUT
        except Exception as error:  # one faulty run must not lose the other results
            if code != FAULT:  # the first traceback says enough
                traceback.print_exc()
            print(f"error: {file}: fault of this program ({error!r}), please report it with the file", file=sys.stderr)
            code = FAULT
    if code:
        raise typer.Exit(code)


def _simulate(engine: Engine, file: Path) -> dict[str, Any]:
    from backtester.scenario import Scenario, load_json, validate

    if engine is Engine.reference:
        from backtester import reference

        return reference.run(validate(load_json(file)))
    from backtester.engine import simulate

    return simulate(Scenario.from_dict(load_json(file))).to_dict()


def _targets(files: list[Path], out: Path | None) -> list[Path | None]:
    """Return where each result goes, None for stdout, before anything runs."""
    if out is None:
        return [None] * len(files)
    if out.is_dir() or (out.suffix == "" and not out.exists()):
        targets = [out / f"{file.stem}.json" for file in files]
    elif len(files) > 1:
        problem, cure = f"is one file for {len(files)} results", "A new folder is one whose name has no dot"
        raise ConfigurationError("--out", str(out), problem, allowed="a folder", cure=cure)
    else:
        targets = [out]
    _refuse_same(files, targets)
    _refuse_inputs(files, targets)
    _refuse_others(targets)
    _make_folder(targets[0].parent)
    return list(targets)


def _refuse_same(files: list[Path], targets: list[Path]) -> None:
    first: dict[Path, Path] = {}
    for file, target in zip(files, targets, strict=True):
        if target in first:
            raise ConfigurationError(
                "--out",
                target.name,
                f"would hold the result of both {first[target]} and {file}",
                cure="Rename one of the two files, or write their results to different folders",
            )
        first[target] = file


def _refuse_inputs(files: list[Path], targets: list[Path]) -> None:
    inputs = {file.resolve() for file in files}
    for target in targets:
        if target.resolve() in inputs:
            raise ConfigurationError(
                "--out", str(target), "is one of the scenario files", cure="Write to another file or folder"
            )


def _refuse_others(targets: list[Path]) -> None:
    """Refuse to write over a file that is no earlier result."""
    for target in targets:
        if target.is_file() and _beginning(target) not in (RESULT, b""):
            problem = "holds something other than a result; it is not overwritten"
            raise ConfigurationError("--out", str(target), problem, cure="Name a new file or folder")


def _beginning(file: Path) -> bytes:
    with file.open("rb") as content:
        return content.read(len(RESULT))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"cannot be made a folder: {error.strerror}"
        raise ConfigurationError("--out", str(folder), problem, cure=CURE) from None


def _put(text: str, target: Path | None) -> None:
    """Print a result, or write it whole or not at all."""
    if target is None:
        print(text, flush=True)
        return
    partial = target.with_name(target.name + ".partial")
    try:
        if target.exists() and not target.is_file():  # a device or a pipe is written to, never replaced
            target.write_text(text + "\n", encoding="utf-8")
            return
        partial.write_text(text + "\n", encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):  # there is none, or its folder became read-only
            partial.unlink()
        raise ConfigurationError("--out", str(target), f"cannot be written: {error.strerror}", cure=CURE) from None


def _json(result: dict[str, Any]) -> str:
    """Return a result as one line of JSON; a number that is not finite becomes null."""
    try:
        return json.dumps(result, allow_nan=False, default=_plain)
    except ValueError:
        return json.dumps(_finite(result), allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    """Return a numpy scalar or array as plain Python."""
    to_list: Callable[[], Any] = value.tolist
    return to_list()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return _finite(value.tolist()) if hasattr(value, "tolist") else value
