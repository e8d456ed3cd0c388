"""What a strategy that is called at every bar costs beyond its author's own code, as Python and compiled.

    python benchmarks/on_bar.py [--json FILE] [--write-readme]

The cost is that of the run, less that of the same account run again without the strategy (`engine.simulate` of its
scenario), less that of the author's code alone: the same method, called as often with plain objects in the place of the
bar. All three take turns. Of a compiled strategy the author's code is not taken off.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from cases import MODES, account_of, market_of
from readme import ON_BAR as TITLE
from readme import met, put_section, table
from timing import in_turn, machine, spread, timed

from backtester import Strategy, Targets, compiled, engine
from backtester.market import Market

HERE = Path(__file__).resolve().parent
BARS = {1: 20_000, 6: 20_000, 50: 4_000}  # by number of slots
NOTIONAL = 1_000.0  # of each position [quote]
TARGET = 5.0  # microseconds per bar and account
READ = ("price", "quantity", "equity", "margin_ratio", "liquidation_price")


class Holding(Strategy):
    """Holds a position in each slot from the first bar on."""

    def targets(self, market: Market) -> Targets:
        return Targets(notional=np.full((market.n_bars, 1), NOTIONAL))


class Empty(Holding):
    def on_bar(self, bar: Any) -> None:
        pass


class Reading(Holding):
    def on_bar(self, bar: Any) -> None:
        for slot in bar.slots:
            slot.price, slot.quantity, slot.equity, slot.margin_ratio, slot.liquidation_price  # noqa: B018


class Placing(Strategy):
    """Turns its positions every 20 bars."""

    def on_bar(self, bar: Any) -> None:
        if bar.index % 20 == 0:
            size = NOTIONAL if bar.index % 40 == 0 else -NOTIONAL
            for slot in bar.slots:
                slot.target(notional=size)


class ReadingCompiled(Holding):
    """Adds up what it reads: compiled code leaves out what nobody uses."""

    memory: ClassVar[int] = 1

    @compiled
    def on_bar(self, bar: Any) -> None:
        for slot in bar.slots:
            seen = slot.price + slot.quantity + slot.equity + slot.margin_ratio + slot.liquidation_price
            self.memory[0] += seen


class EmptyCompiled(Holding):
    on_bar = compiled(Empty.on_bar)


class PlacingCompiled(Strategy):
    on_bar = compiled(Placing.on_bar)


KINDS: dict[str, type[Strategy]] = {
    "empty": Empty,
    "reads all slots": Reading,
    "turns every 20 bars": Placing,
    "empty, compiled": EmptyCompiled,
    "reads all slots, compiled": ReadingCompiled,
    "turns every 20 bars, compiled": PlacingCompiled,
}


class PlainSlot:
    """A slot of plain attributes, to time an author's own code with."""

    __slots__ = READ

    def __init__(self) -> None:
        for name in READ:
            setattr(self, name, 1.0)

    def target(self, **terms: float) -> None:
        pass


def own_code(kind: type[Strategy], n_slots: int, n_bars: int) -> Callable[[], None]:
    """Return the calls of a strategy's method alone."""
    bar = SimpleNamespace(slots=tuple(PlainSlot() for _ in range(n_slots)), index=0)
    on_bar = kind().on_bar

    def calls() -> None:
        for index in range(n_bars):
            bar.index = index
            on_bar(bar)

    return calls


def measure(repeats: int) -> dict[str, Any]:
    """Return all figures, in seconds."""
    command = f"python benchmarks/on_bar.py --repeats {repeats} --write-readme"
    figures: dict[str, Any] = {"command": command, "date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine()}
    figures["compiling"] = compiling()
    figures["costs"] = []
    for n_slots, n_bars in BARS.items():
        market = market_of(n_bars, n_slots, "1m")
        for mode in MODES:
            print(f"{n_slots} slots, {mode} ...", file=sys.stderr, flush=True)
            turns = repeats if n_slots < 50 else max(3, repeats // 5)
            figures["costs"] += [costs(name, market, mode, turns) for name in KINDS]
    return figures


def compiling() -> dict[str, float]:
    """Return how long the first run of each compiled strategy takes longer than the next, on one bar."""
    market = market_of(2, 1, "1m")
    account = account_of(1, "cross")
    engine.run(Reading(), market, account)  # the kernels
    out = {}
    for name, kind in KINDS.items():
        if name.endswith("compiled"):
            seconds = [timed(lambda kind=kind: engine.run(kind(), market, account))() for _ in range(2)]
            out[name.partition(",")[0]] = seconds[0] - seconds[1]
    return out


def costs(name: str, market: Market, mode: str, repeats: int) -> dict[str, Any]:
    """Return the microseconds per bar of one strategy, and what of them are not the author's."""
    kind, n_slots = KINDS[name], market.n_instruments
    account = account_of(n_slots, mode)
    ready = engine.prepare(kind(), market, account)
    result = engine.run(kind(), market, account, prepared=ready, record="equity")
    timers = {
        "whole": timed(lambda: engine.run(kind(), market, account, prepared=ready, record="equity")),
        "again": timed(lambda: engine.simulate(result.scenario, record="equity")),
    }
    if not name.endswith("compiled"):
        timers["own"] = timed(own_code(kind, n_slots, market.n_bars))
    seconds = {"own": [0.0] * repeats} | in_turn(timers, repeats)
    per_bar = {part: [1e6 * value / market.n_bars for value in values] for part, values in seconds.items()}
    turns = zip(per_bar["whole"], per_bar["again"], per_bar["own"], strict=True)
    found = {"what": name, "slots": n_slots, "mode": mode, "orders": len(result.scenario.orders.bar)}
    found |= {part: spread(values) for part, values in per_bar.items()}
    return found | {"beyond": spread([whole - again - own for whole, again, own in turns])}


def section_of(figures: dict[str, Any]) -> str:
    """Return the section of benchmarks/README.md."""
    rows = [
        (
            str(each["slots"]),
            each["mode"],
            each["what"],
            f"{each['orders']:,}",
            *(f"{each[part]['median']:.2f}" for part in ("whole", "again", "own")),
            *(f"{each['beyond'][which]:.2f}" for which in ("min", "median")),
        )
        for each in figures["costs"]
    ]
    tested = [each for each in figures["costs"] if each["slots"] < 50 and each["what"] in ("empty", "reads all slots")]
    worst = {which: max(each["beyond"][which] for each in tested) for which in ("min", "median")}
    said = (f"{value:.1f} by the {name}: {met(value <= TARGET)}" for name, value in worst.items())
    compiling = ", ".join(f"{seconds:.1f} s ({name})" for name, seconds in figures["compiling"].items())
    head = ("slots", "mode", "`on_bar`", "orders", "run", "again", "own", "beyond, min", "beyond, median")
    return "\n\n".join(
        [
            TITLE,
            (
                f"Made by `{figures['command']}` on {figures['date']} on the machine named above, with one core of "
                "it. Microseconds per bar and account: of the run, of the same account run again without the "
                "strategy, and of the author's own code with plain objects in the place of the bar, by the median; "
                "what is *beyond* is the first less the two others, turn by turn. Compiled, the author's code is "
                "not taken off. Each slot holds a position; the one that reads takes the price, quantity, equity, "
                "margin ratio and liquidation price of each slot. Where the machine is shared, the minimum is "
                "nearer to the cost than the median."
            ),
            table(head, rows),
            (
                f"Target: at most {TARGET:.0f} microseconds for the empty and the reading one with 1 and 6 slots: "
                f"{'; '.join(said)}."
            ),
            f"An order takes {_orders(figures)} microseconds by the median: what turning costs beyond the empty one.",
            f"To compile takes, once in each process, {compiling}.",
        ]
    )


def _orders(figures: dict[str, Any]) -> str:
    """Return the least and the most that an order takes, over all numbers of slots and modes, not compiled."""
    costs = {(each["what"], each["slots"], each["mode"]): each for each in figures["costs"]}
    found = []
    for (what, slots, mode), each in costs.items():
        if what == "turns every 20 bars":
            more = each["beyond"]["median"] - costs["empty", slots, mode]["beyond"]["median"]
            found.append(more * BARS[slots] / each["orders"])
    return f"{min(found):.0f} to {max(found):.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    parser.add_argument("--write-readme", action="store_true", help="write the section of benchmarks/README.md")
    parser.add_argument("--repeats", type=int, default=9, help="turns of each measurement (default: %(default)s)")
    options = parser.parse_args()
    figures = measure(options.repeats)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    if options.write_readme:
        put_section(HERE / "README.md", section_of(figures))
    print(section_of(figures))


if __name__ == "__main__":
    main()
