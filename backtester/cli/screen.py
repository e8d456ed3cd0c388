"""What a person sees in a terminal: progress on stderr, and the report as tables on stdout."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from backtester.compare import Comparison
    from backtester.comparing.across import AccountComparison

__all__ = [
    "NARROW",
    "Tell",
    "compiles",
    "head",
    "listed",
    "opening",
    "progress",
    "say",
    "show",
    "steps",
    "table",
    "terminal",
]

WIDEST = 110  # columns of text that the eye can follow
GAP = 3  # columns of space that a table's column takes beside its text
NARROW = 80  # columns below which labels may break
SAMPLED = 104  # the same where differences have intervals

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
            display.update(task.id, description=what, completed=done, refresh=done == 0)  # what begins is seen
            task.finished_time = None  # the clock goes on

        yield tell


def compiles() -> bool:
    """Return whether the engine is to be compiled first, once on each machine."""
    from backtester.kernels._jit import is_kept

    return not is_kept("advance")


def steps(tell: Tell) -> Callable[[int, int, str], None]:
    """Return how runs tell their progress; the first step of the first run on a machine says that it compiles."""
    once = " (compiling the engine, once)" if compiles() else ""

    def step(done: int, total: int, what: str) -> None:
        tell(what + ("" if done else once), done, total)

    return step


def show(comparison: Comparison | AccountComparison) -> None:
    """Print the report: tables on a terminal, else the plain text that ``print(comparison)`` gives."""
    console = terminal()
    if console is None:
        print(comparison)
        return
    from backtester.compare import Comparison

    if isinstance(comparison, Comparison):
        _show(comparison, console)
    else:
        from backtester.cli.across_screen import show_venues

        show_venues(comparison, console)


def _show(comparison: Comparison, console: Console) -> None:
    from backtester.comparing import printing
    from backtester.comparing.verdict import name_of

    modes = " against ".join(name_of(mode) for mode in comparison.modes)
    head(console, f"{comparison.first.strategy}: {modes}", comparison)
    roomy = console.width >= NARROW
    sampled = comparison.sampling is not None
    wide = roomy and not (sampled and console.width < SAMPLED)
    console.print(table(*printing.metrics_rows(comparison), roomy=wide, width=console.width))
    if (apart := printing.interval_rows(comparison))[1]:
        console.print(table(*apart, roomy=roomy, dense=True))
    if comparison.sampling is not None:
        say(console, comparison.sampling.verdict)
    if printing.several_strategies(comparison):
        say(console, printing.BY_STRATEGY, "bold")
        console.print(table(*printing.strategy_rows(comparison, console.width), roomy=roomy, dense=True))
    for parting in comparison.partings.values():
        say(console, f"They part at {parting}" if parting.bar >= 0 else parting.said)
    if len(comparison.band) > len(comparison.modes):
        console.print()
        say(console, "What the bars hide: the same runs under each path inside the bars", "bold")
        console.print(table(*printing.band_rows(comparison), roomy=roomy, width=console.width))
        say(console, comparison.band_verdict)
    listed(console, "Notes", printing.all_notes(comparison))


def say(console: Console, words: str, style: str = "") -> None:
    """Print words as they are: brackets are no markup."""
    from rich.text import Text

    console.print(Text(words, style=style))


def head(console: Console, title: str, comparison: Comparison | AccountComparison) -> None:
    """Print title, warning, facts and verdict of a comparison."""
    from backtester.comparing.printing import facts

    opening(console, title, facts(comparison), comparison.verdict, synthetic=comparison.first.market.synthetic)


def opening(console: Console, title: str, facts: list[tuple[str, str]], verdict: str, *, synthetic: bool) -> None:
    """Print what every report begins with: title, warning, facts and verdict."""
    from rich.rule import Rule

    from backtester.comparing.printing import SYNTHETIC

    say(console, title, "bold")
    console.print(Rule(style="dim"))
    if synthetic:
        say(console, SYNTHETIC, "bold yellow")
    console.print(_facts(facts))
    console.print()
    say(console, verdict, "bold")


def terminal() -> Console | None:
    """Return the terminal that a report is printed on; None where the output goes elsewhere, as plain text."""
    if not sys.stdout.isatty():
        return None
    from rich.console import Console

    return Console(highlight=False, width=min(Console().width, WIDEST))


def listed(console: Console, heading: str, said: list[str]) -> None:
    """Print sentences as a list under a heading, if there are any."""
    if said:
        console.print()
        say(console, heading, "bold")
        console.print(_facts([("  *", each) for each in said], gap=1))


def _broken(name: str, width: int) -> str:
    """Return a heading in lines as narrow as its column and its words allow."""
    words = re.split(r"(?<=-)| ", name)
    return "\n".join(textwrap.wrap(name, max(width, *map(len, words))))


def _facts(pairs: list[tuple[str, str]], gap: int = 2) -> Any:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, gap))
    for word, line in pairs:
        grid.add_row(Text(word, style="dim"), Text(line))
    return grid


def table(
    header: list[str], rows: list[list[str]], *, roomy: bool, dense: bool = False, width: int | None = None
) -> Any:
    """Return a table as rich prints it; labels may break where it is not `roomy`, columns stand near if `dense`.

    Where it would not fit into `width` columns, headings break between their words and columns stand near, so that
    numbers stay whole.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    columns = [[len(cell) for cell in column] for column in zip(header, *rows, strict=True)]
    tight = width is not None and sum(max(column) + GAP for column in columns) > width
    if tight:
        header = [_broken(name, max(column[1:], default=0)) for name, column in zip(header, columns, strict=True)]
    out = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=dense or tight)
    for k, name in enumerate(header):
        out.add_column(Text(name), justify="right" if k else "left", overflow="fold", no_wrap=roomy and not k)
    for row in rows:
        out.add_row(*map(Text, row))
    return out
