"""What a person sees in a terminal: progress on stderr, and the report as tables on stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from backtester.compare import Comparison

__all__ = ["Tell", "compiles", "progress", "show"]

WIDEST = 110  # columns of text that the eye can follow
NARROW = 80  # columns below which labels may break

Tell = Callable[..., None]


@contextmanager
def progress() -> Iterator[Tell]:
    """Show what is going on, on stderr and only if that is a terminal.

    Yields
    ------
    callable
        ``tell(what)``, or ``tell(what, done, total)`` where the number of steps is known.
    """
    if not sys.stderr.isatty():
        yield lambda what, done=0, total=None: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), BarColumn(bar_width=24), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        display.add_task("starting", total=None)
        (task,) = display.tasks

        def tell(what: str, done: int = 0, total: int | None = None) -> None:
            task.total = total  # update() cannot take a total away again
            display.update(task.id, description=what, completed=done)
            task.finished_time = None  # the clock goes on

        yield tell


def compiles() -> bool:
    """Return whether the engine is to be compiled first, once on each machine."""
    from backtester.kernels._jit import cache_folder

    return next(Path(cache_folder()).rglob("*.nbi"), None) is None


def show(comparison: Comparison) -> None:
    """Print the report: tables on a terminal, else the plain text that ``print(comparison)`` gives."""
    if not sys.stdout.isatty():
        print(comparison)
        return
    from rich.console import Console

    width = min(Console().width, WIDEST)
    _show(comparison, Console(highlight=False, width=width))


def _show(comparison: Comparison, console: Console) -> None:
    from rich.rule import Rule
    from rich.text import Text

    from backtester import printing
    from backtester.verdict import name_of

    def say(words: str, style: str = "") -> None:
        console.print(Text(words, style=style))

    modes = " against ".join(name_of(mode) for mode in comparison.modes)
    say(f"{comparison.first.strategy}: {modes}", "bold")
    console.print(Rule(style="dim"))
    if comparison.first.market.synthetic:
        say(printing.SYNTHETIC, "bold yellow")
    console.print(_facts(printing.facts(comparison)))
    console.print()
    say(comparison.verdict, "bold")
    roomy = console.width >= NARROW
    console.print(_table(*printing.metrics_rows(comparison), roomy=roomy))
    for parting in comparison.partings.values():
        say(f"They part at {parting}" if parting.bar >= 0 else parting.why)
    if len(comparison.band) > len(comparison.modes):
        console.print()
        say("What the bars hide: the same runs under each path inside the bars", "bold")
        console.print(_table(*printing.band_rows(comparison), roomy=roomy))
        say(comparison.band_verdict)
    notes = printing.all_notes(comparison)
    if notes:
        console.print()
        say("Notes", "bold")
        console.print(_facts([("  *", note) for note in notes], gap=1))


def _facts(pairs: list[tuple[str, str]], gap: int = 2) -> Any:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, gap))
    for word, line in pairs:
        grid.add_row(Text(word, style="dim"), Text(line))
    return grid


def _table(header: list[str], rows: list[list[str]], *, roomy: bool) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for k, name in enumerate(header):
        table.add_column(Text(name), justify="right" if k else "left", overflow="fold", no_wrap=roomy and not k)
    for row in rows:
        table.add_row(*map(Text, row))
    return table
