"""How fast the engine is, beside a peer, and how much memory it takes: all in one run, with ratios.

    python benchmarks/speed.py [--json FILE] [--write-readme]

Needs the project installed in the Python that runs it. The peer gets an environment of its own (see `peers.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from cases import FEE_RATE, MINUTES, MODES, NOTIONAL, CompiledRun, SmaCross, account_of, market_of, signals_of
from peers import VECTORBT, Peer
from readme import text_of, write_readme
from timing import Timer, in_turn, machine, ratio, spread, timed

from backtester import engine
from backtester.market import Market
from backtester.result import Result

HERE = Path(__file__).resolve().parent
LARGE = (35_000, 150, "1h")


def main() -> None:
    options = parse()
    figures = json.loads(options.figures.read_text()) if options.figures else measure(options)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    if options.write_readme:
        write_readme(HERE / "README.md", figures)
    print(text_of(figures))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    parser.add_argument("--write-readme", action="store_true", help="write benchmarks/README.md from the figures")
    parser.add_argument("--figures", type=Path, metavar="FILE", help="measure nothing, take figures from this file")
    parser.add_argument("--repeats", type=int, default=15, help="of each short measurement (default: %(default)s)")
    parser.add_argument("--no-peers", action="store_true", help="leave the other engines out")
    parser.add_argument("--only", choices=("minutes", "large", "demo"), help="one part of the benchmark")
    return parser.parse_args()


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return all figures, in seconds and bytes."""
    command = " ".join(["python benchmarks/speed.py", *(Path(each).name for each in sys.argv[1:])])  # no folder of ours
    figures: dict[str, Any] = {"command": command, "date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine()}
    figures["repeats"] = options.repeats
    if options.only in (None, "minutes"):
        for n_slots in (1, 10):
            say(f"{MINUTES:,} bars, {n_slots} slot{'s' if n_slots > 1 else ''}")
            figures[f"{n_slots}_slots"] = minutes(n_slots, options.repeats, with_peer=not options.no_peers)
    if options.only in (None, "large"):
        say(f"{LARGE[1]} instruments of {LARGE[0]:,} bars, and memory")
        figures["large"] = {mode: alone("memory.py", *LARGE, mode) for mode in MODES}
        for n in (1, 10):
            figures["large"] |= {f"{mode} {n}": alone("memory.py", MINUTES, n, "1m", mode) for mode in MODES}
    if options.only in (None, "demo"):
        say("the demo, from an empty cache and again")
        figures["demo"] = demo()
    return figures


def minutes(n_slots: int, repeats: int, *, with_peer: bool) -> dict[str, Any]:
    """Return the figures of a year of minutes with so many slots in one account."""
    market = market_of(MINUTES, n_slots, "1m")
    results = {mode: engine.run(SmaCross(), market, account_of(n_slots, mode), record="equity") for mode in MODES}
    kinds = {"compiled": "equity", "compiled_lows": "lows"}
    compiled = {
        mode: {name: CompiledRun(result, record) for name, record in kinds.items()} for mode, result in results.items()
    }
    with ExitStack() as stack:
        timers: dict[str, Timer] = {}
        peer = None
        if with_peer:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            peer = stack.enter_context(peer_of(market, results["cross"], folder))
        for mode, result in results.items():
            timers |= timers_of(mode, result, compiled[mode])
            if peer is not None:  # between ours, so that no engine has all the good moments
                timers |= {f"{mode} peer {what}": peer_timer(peer, what) for what in PEER_DOES}
        seconds = in_turn(timers, repeats)
    for runs in compiled.values():
        for run in runs.values():
            run.check()
    out: dict[str, Any] = {name: spread(values) for name, values in seconds.items()}
    out["bar_slots"] = MINUTES * n_slots
    out["orders"] = len(results["cross"].scenario.orders.bar)
    out["liquidations"] = {mode: result.totals["liquidations"] for mode, result in results.items()}
    if peer is not None:
        out["peer"] = peer.about | {"ours": without_margin(results["cross"])}
        out["ratios"] = {
            f"{mode} {what} / {done}": ratio(seconds[f"{mode} {what}"], seconds[f"{mode} peer {done}"])
            for mode in MODES
            for what in ("compiled", "simulate", "run")
            for done in PEER_DOES
        }
    return out


PEER_DOES = ("from_signals", "from_signals_and_value")


def timers_of(mode: str, result: Result, compiled: dict[str, CompiledRun]) -> dict[str, Timer]:
    """Return timers of our three layers: the compiled run, the engine around it, and strategy to result."""
    market, account = result.market, account_of(len(result.slot_names), mode)
    return {f"{mode} {name}": timed(run, run.rewind) for name, run in compiled.items()} | {
        f"{mode} simulate": timed(lambda: engine.simulate(result.scenario, record="equity")),
        f"{mode} run": timed(lambda: engine.run(SmaCross(), market, account, record="equity")),
    }


def peer_of(market: Market, result: Result, folder: Path) -> Peer:
    """Return a peer that was given the same prices and signals."""
    for name, values in {"open": market.open, "close": market.close, **signals_of(result)}.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(values))
    settings = {"fee_rate": FEE_RATE, "notional": NOTIONAL, "balance": result.scenario.balance}
    return Peer(VECTORBT, "peer_vectorbt.py", folder, settings | {"n_slots": len(result.slot_names)})


def peer_timer(peer: Peer, what: str) -> Timer:
    return lambda: peer.turn(what)


def without_margin(result: Result) -> dict[str, float]:
    """Return what a peer without margin, funding and mark prices must agree with: fees and value at the last close."""
    last = result.records(len(result.equity) - 1)
    held = last.quantity[:, 0] != 0
    close = result.market.close[-1][[slot.instrument for slot in result.scenario.slots]]
    open_pnl = (last.quantity[:, 0] * (close - last.entry_price[:, 0]))[held].sum()
    totals = result.totals
    final = result.scenario.balance + totals["realised"] - totals["fees"] + open_pnl
    return {"fees": totals["fees"], "final": float(final)}


def alone(script: str, *arguments: object) -> dict[str, Any]:
    """Return what a script prints that runs in a process of its own."""
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def demo() -> dict[str, Any]:
    """Return the seconds of the demo of a fresh checkout: from an empty cache, and again with what that left.

    The environment is the one that `run.py` makes: what else is installed in this one would be imported, and timed.
    """
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder, "checkout")
        shutil.copytree(HERE.parent, checkout, ignore=shutil.ignore_patterns(".git", ".venv*", "__pycache__", "out"))
        ours = {name: value for name, value in os.environ.items() if name not in ("NUMBA_CACHE_DIR", "PYTHONPATH")}
        run_py(checkout, "setup", ours)
        demos = [partial(run_py, checkout, "demo", ours | {"XDG_CACHE_HOME": f"{folder}/cache{n}"}) for n in range(3)]
        return {name: spread([timed(once)() for once in demos]) for name in ("cold", "warm")}


def run_py(checkout: Path, command: str, environment: Mapping[str, str]) -> None:
    subprocess.run(
        [sys.executable, "run.py", command], check=True, cwd=checkout, env=environment, stdout=subprocess.DEVNULL
    )


def say(what: str) -> None:
    print(f"{what} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
