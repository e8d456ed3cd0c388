"""`backtester demo`: the comparison on a synthetic market, with its report in a folder of its own."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from backtester._foreign import import_ours
from backtester.cli.allocations import chosen_strategies
from backtester.cli.compare import run, write
from backtester.cli.options import as_options
from backtester.cli.screen import progress, show
from backtester.cli.setting_up import Setup, configuration_of
from backtester.errors import ConfigurationError
from backtester.wanted import SYNTHETIC, Wanted, market_of

__all__ = ["demo"]

STRATEGY = "grid_reversion"
SETTINGS = ("exposure=8",)
LEVERAGE = 20.0
SEED = 39
START, END = "2024-01-01", "2024-03-31"
CLOSE_UPS = 1  # of each mode: it should be there soon
MADE_BY = "backtester demo"
CONTENT = "demo-files.json"  # the files of a demo, by which a later one knows that it may replace them


def demo(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the report; an earlier demo there is replaced.")
    ] = Path("out/demo"),
    seed: Annotated[int, typer.Option(help="Of the synthetic market.")] = SEED,
) -> None:
    """Compare a grid strategy under isolated and cross margin on a synthetic market with a crash.

    The last line printed is the path of the report's page.
    """
    wanted = Wanted(SYNTHETIC, [], "1h", START, END, "", "", [], seed)
    with as_options(), progress() as tell:
        earlier = _is_earlier_demo(out)
        if not earlier:
            import_ours("reports.write").check_folder(out)
        with import_ours("reports.helper").helper() as helper:
            tell("making up a market")
            from backtester.account import Account

            chosen = chosen_strategies([STRATEGY], SETTINGS, [])
            setup = Setup(chosen, market_of(wanted), [Account(leverage=LEVERAGE)], ["isolated", "cross"], wanted)
            comparison = run(setup, tell)
            configuration = configuration_of("demo", [STRATEGY], setup)
            with _moved_away(out, earlier):
                page = write(comparison, out, configuration, tell, CLOSE_UPS, helper=helper)
                _sign(out)
    show(comparison)
    print("\nSynthetic prices: this shows what the modes do, not what a venue's market did.")
    print("The report, with charts:")
    print(page)


def _is_earlier_demo(out: Path) -> bool:
    """Return whether a folder holds what an earlier demo wrote, and nothing else."""
    try:
        signed = json.loads((out / CONTENT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(signed, list) and set(_files(out)) <= {*signed, CONTENT}


def _files(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir())


def _sign(out: Path) -> None:
    (out / CONTENT).write_text(json.dumps(_files(out), indent=2) + "\n", encoding="utf-8")


@contextmanager
def _moved_away(out: Path, earlier: bool) -> Iterator[None]:
    """Put the earlier demo aside, and back if the new one fails."""
    if not earlier:
        yield
        return
    place = out.resolve()
    try:
        aside = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent)) / place.name
        place.rename(aside)
    except OSError as error:
        raise ConfigurationError(
            "--out", str(out), f"the earlier demo cannot be replaced: {error.strerror}", cure="name a new folder"
        ) from error
    try:
        yield
    except BaseException:
        if not place.exists():
            aside.rename(place)
        raise
    finally:
        shutil.rmtree(aside.parent, ignore_errors=True)
