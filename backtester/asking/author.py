"""Call the author's code, and turn what goes wrong in it into an error that says where."""

from __future__ import annotations

import inspect
import re
from dataclasses import FrozenInstanceError
from pathlib import Path
from types import FunctionType
from typing import NamedTuple, NoReturn

from backtester.asking.loading import author_line
from backtester.errors import StrategyError
from backtester.market import Market
from backtester.strategy import SlotSpec, Strategy

_COPY = "the market is shared and read-only: work on a copy, `close = market.close.copy()`"


class Author(NamedTuple):
    """Whose targets these are: everything that an error message names."""

    name: str
    market: Market
    slots: tuple[SlotSpec, ...]
    note: str = ""  # on which piece of the market, if not on the whole

    def fail(
        self,
        problem: str,
        *,
        bar: int | None = None,
        slot: int | None = None,
        found: object = None,
        cure: str | None = None,
        cause: BaseException | None = None,
    ) -> NoReturn:
        """Raise a StrategyError that names the strategy, the bar, its time and the slot."""
        raise StrategyError(
            self.name,
            problem + self.note,
            bar=bar,
            time=None if bar is None else int(self.market.open_time[bar]),
            slot=None if slot is None else self.slots[slot].label,
            found=found,
            cure=cure,
        ) from cause


def ask_slots(strategy: Strategy, market: Market) -> object:
    """Return what the strategy's method `slots` returns, or fail like `ask`."""
    try:
        return strategy.slots(market)
    except (Exception, SystemExit) as error:
        explain(strategy, "slots", "", error)


def ask_indicators(strategy: Strategy, author: Author) -> object:
    """Return what the strategy's method `indicators` returns for the author's market, or fail like `ask`."""
    try:
        return strategy.indicators(author.market)
    except (Exception, SystemExit) as error:
        explain(strategy, "indicators", author.note, error)


def ask(strategy: Strategy, author: Author) -> object:
    """Return what the strategy's method `targets` returns for the author's market.

    Raises
    ------
    StrategyError
        From whatever the method raised, with the file and the line of the author.
    """
    try:
        return strategy.targets(author.market)
    except (Exception, SystemExit) as error:
        if isinstance(error, StrategyError) and error.strategy == strategy.name:
            raise  # the base class says that there is no such method
        explain(strategy, "targets", author.note, error)


def writes(strategy: Strategy, method: str) -> bool:
    """Return whether an author has written a method of his own."""
    return getattr(type(strategy), method) is not getattr(Strategy, method)


def explain(
    strategy: Strategy,
    method: str,
    note: str,
    error: BaseException,
    *,
    bar: int | None = None,
    time: int | None = None,
) -> NoReturn:
    """Raise a StrategyError for whatever an author's method has raised, with his file and line."""
    where = author_line(error, source_file(type(strategy)))
    if isinstance(error, FrozenInstanceError) or any(word in str(error) for word in ("read-only", "WRITEABLE")):
        problem = f"its method `{method}` writes into the market{note}, in {where}"
        raise StrategyError(strategy.name, problem, bar=bar, time=time, found=error, cure=_COPY) from error
    problem = f"its method `{method}` raised {type(error).__name__}{note} in {where}: {error}"
    raise StrategyError(strategy.name, problem, bar=bar, time=time) from error


def explain_at(strategy: Strategy, error: BaseException, bar: int, time: int) -> NoReturn:
    """Raise a StrategyError for whatever `on_bar` has raised at the close of a bar."""
    if isinstance(error, StrategyError) and error.bar == bar:
        raise error.but(line=own_line(strategy, error)) from error.__cause__
    explain(strategy, "on_bar", "", error, bar=bar, time=time)


def own_line(strategy: Strategy, error: BaseException) -> str | None:
    """Return the author's file and line that an error came through; None where it came through none."""
    for cls in type(strategy).__mro__:
        file = source_file(cls)
        line = author_line(error, file)
        if cls is not Strategy and line.startswith(f"{file}, line ") and not line.endswith("unknown"):
            return line
    return None


def explain_compiling(strategy: Strategy, error: Exception, function: FunctionType) -> NoReturn:
    """Raise a StrategyError for a method that numba cannot compile, with what it says of why and where."""
    file = function.__code__.co_filename
    lines = re.findall(rf'{re.escape(Path(file).name)}[" ],? ?(?:line |\()(\d+)', str(error))
    raised = re.findall(r"Error: (?!Failed in)(.*)", str(error))
    said = re.findall(r"^(?!Failed in|- Resolution|During|$)(.*)", str(error), re.MULTILINE)
    problem = f"its method `{function.__name__}` cannot be compiled, in {file}, line {(lines or ['unknown'])[-1]}"
    cure = "see docs/compiled.md for what can be; without @compiled it runs as Python"
    raise StrategyError(strategy.name, problem, found=[*raised, *said, error][0], cure=cure) from error


def source_file(cls: type) -> str:
    """Return the file that defines a class, or "" where there is none."""
    try:
        return inspect.getfile(cls)
    except (OSError, TypeError):
        return ""
