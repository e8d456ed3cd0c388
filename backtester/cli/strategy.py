"""`backtester strategy`: check a strategy, begin a new one, list those that are there."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backtester._foreign import import_ours
from backtester.cli.group import Group
from backtester.cli.options import as_options, names
from backtester.cli.screen import progress
from backtester.wanted import SYNTHETIC, Wanted, market_of

if TYPE_CHECKING:
    from backtester.asking.description import Description, Parameter
    from backtester.checking.run import Finding
    from backtester.market import Market
    from backtester.strategy import Strategy

app = typer.Typer(cls=Group, help="Check a strategy, begin a new one, list the gallery.", rich_markup_mode=None)

WIDEST = 110  # columns of text that the eye can follow
END = "2024-04-01"  # of the synthetic market, unless an end is given: three months are enough for a check
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_MARKS = {True: "passed", False: "FAILED", None: "-"}


@app.command("check")
def check(
    strategy: Annotated[
        str,
        typer.Argument(metavar="STRATEGY", help="path/file.py:Class, or a name of the gallery.", show_default=False),
    ],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="name=value", help="Parameter of the strategy; may be repeated."),
    ] = None,
    market: Annotated[
        str, typer.Option(metavar="FOLDER|synthetic", help="Candles to check it on, as for compare.")
    ] = SYNTHETIC,
    symbols: Annotated[str, typer.Option(metavar="A,B|all", help="Instruments, in any notation.")] = "all",
    timeframe: Annotated[str, typer.Option(metavar="1h", help="Of the candles.")] = "1h",
    start: Annotated[str, typer.Option(metavar="TIME", help="First bar, UTC.")] = "",
    end: Annotated[str, typer.Option(metavar="TIME", help="Bars before this time.")] = "",
    as_json: Json = False,
) -> None:
    """Check that a strategy can be believed: no look-ahead, the same twice, at ease with missing bars.

    Exit code 0 if all checks passed, 1 if one failed.
    """
    from backtester.checking.run import check_strategy

    last = END if market == SYNTHETIC and not start and not end else end
    asked = Wanted(market, names(symbols), timeframe, start, last, "", "", [], None)
    with as_options(), progress() as tell, redirect_stdout(sys.stderr):  # what an author's code prints is no report
        tell("loading the strategy")
        chosen = import_ours("strategies").load_class(strategy).from_text(set_ or [])
        tell("reading candles")
        candles = market_of(asked)
        tell("checking")
        findings = check_strategy(chosen, candles)
    failed = [finding for finding in findings if not finding.passed]
    if as_json:
        print(json.dumps(_checked(chosen, candles, findings), indent=2, ensure_ascii=False))
    else:
        _show_findings(chosen, candles, findings)
    raise typer.Exit(1 if failed else 0)


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as my_idea or MyIdea.", show_default=False)],
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where to write it.")] = Path(),
    on_bar: Annotated[
        bool, typer.Option("--on-bar", help="One that is called at every bar and sees its account.")
    ] = False,
) -> None:
    """Write a strategy that works as it is, to be changed line by line. Nothing is overwritten."""
    from backtester.cli.new_strategy import write_strategy

    path, cls = write_strategy(name, folder, on_bar=on_bar)
    print(f"{path} holds the class {cls}. Check it, and compare the margin modes:\n")
    print(f"  backtester strategy check {path}:{cls}")
    print(f"  backtester compare {path}:{cls} --market synthetic")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the strategies of the gallery: the margin question that each asks, its parameters and their defaults."""
    from backtester.asking.description import describe

    gallery = {name: describe(cls) for name, cls in import_ours("strategies").gallery().items()}
    if as_json:
        rows = [{"name": name, "class": said.name} | _without_name(said) for name, said in gallery.items()]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for name, said in gallery.items():
        _show_strategy(name, said)
    _say("Run one with: backtester compare NAME --market synthetic --set parameter=value")


def _without_name(said: Description) -> dict[str, Any]:
    return {key: value for key, value in said.to_dict().items() if key != "name"}


def _checked(strategy: Strategy, market: Market, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the findings as JSON values."""
    return {
        "strategy": strategy.name,
        "market": market.source,
        "instruments": market.n_instruments,
        "bars": market.n_bars,
        "passed": all(finding.passed for finding in findings),
        "checks": [finding._asdict() for finding in findings],
    }


def _show_findings(strategy: Strategy, market: Market, findings: Sequence[Finding]) -> None:
    from backtester.text import counted

    _say(strategy.name)
    size = f"{counted(market.n_instruments, 'instrument')}, {counted(market.n_bars, 'bar')}"
    _say(f"checked on {market.source or 'the market'} ({size})")
    print()
    wide = max(len(finding.check) for finding in findings)
    for finding in findings:
        head = f"  {_MARKS[finding.passed]:6}  {finding.check:{wide}}  "
        _say(finding.said, head, " " * len(head))
        if finding.cure:
            _say(f"Cure: {finding.cure}.", " " * len(head))
    counts = [sum(finding.passed is outcome for finding in findings) for outcome in (True, False, None)]
    said = [f"{count} {word}" for count, word in zip(counts, ("passed", "failed", "not checked"), strict=True) if count]
    print(f"\n{', '.join(said)}")


def _show_strategy(name: str, said: Description) -> None:
    print(name)
    _say(said.summary, "  ")
    _say(f"Asks: {said.question}", "  ")
    settings = [f"{parameter.name}={_default(parameter)}" for parameter in said.parameters]
    wide = max(map(len, settings), default=0)
    for setting, parameter in zip(settings, said.parameters, strict=True):
        head = f"    {setting:{wide}}  "
        unit = f" [{parameter.unit}]" if parameter.unit else ""
        _say(f"{parameter.meaning or parameter.type}{unit}", head, " " * len(head))
    print()


def _default(parameter: Parameter) -> str:
    return str(parameter.default).lower() if parameter.type == "bool" else f"{parameter.default}"


def _say(words: str, first: str = "", indent: str | None = None) -> None:
    from backtester.text import wrapped

    width = min(shutil.get_terminal_size().columns, WIDEST)
    print(wrapped(words, first=first, indent=first if indent is None else indent, width=width))
