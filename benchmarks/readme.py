"""The page of the benchmark, made from its figures: nobody types a number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ENGINE_TARGETS = {1: 100e6, 10: 60e6}  # bar-slots per second of the compiled run
PEER_TARGET = 15.0  # times as fast as the peer, one slot
BYTES_TARGET, LARGE_SECONDS, LARGE_GIB = 200, 60, 4
COLD_SECONDS, WARM_SECONDS = 20, 5
LAYERS = {
    "compiled": "compiled run",
    "compiled_lows": "compiled run, also the low inside each bar",
    "simulate": "`engine.simulate`",
    "run": "`run`, strategy to result",
    "peer from_signals": "vectorbt `from_signals`",
    "peer from_signals_and_value": "vectorbt `from_signals` and `value()`",
}
ON_BAR = "## Strategies that are called at every bar"
PEER_LAYERS = ("from_signals", "from_signals_and_value")


def write_readme(path: Path, figures: dict[str, Any]) -> None:
    """Write the page, and leave in it the section that another script makes."""
    kept = section(path.read_text(encoding="utf-8"), ON_BAR) if path.exists() else ""
    path.write_text(text_of(figures) + (f"\n{kept}\n" if kept else ""), encoding="utf-8")


def put_section(path: Path, text: str) -> None:
    """Put a section in the place of the one of its title, or at the end of the page."""
    page = path.read_text(encoding="utf-8").rstrip()
    old = section(page, text.partition("\n")[0])
    page = page.replace(old, text) if old else f"{page}\n\n{text}"
    path.write_text(f"{page}\n", encoding="utf-8")


def section(page: str, title: str) -> str:
    """Return the section of a title, up to the next one; "" where there is none."""
    _, found, rest = page.partition(title)
    return f"{found}{rest.partition(chr(10) + '## ')[0]}".rstrip()


def text_of(figures: dict[str, Any]) -> str:
    """Return the page as Markdown."""
    parts = [_head(figures)]
    parts += [_minutes(n, figures[f"{n}_slots"]) for n in ENGINE_TARGETS if f"{n}_slots" in figures]
    if "large" in figures:
        parts.append(_large(figures["large"]))
    if "demo" in figures:
        parts.append(_demo(figures["demo"]))
    return "\n\n".join(parts) + "\n"


def _head(figures: dict[str, Any]) -> str:
    machine = figures["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    return f"""# Benchmarks

Made by `{figures["command"]}` on {figures["date"]}: {machine["processor"]}, {machine["cores"]} cores,
{machine["memory_gib"]} GiB, {machine["system"]}, Python {machine["python"]}, {packages}.

Each engine runs on one core. The engines take turns, so that a slow moment of the machine is one of all of them, and
ratios are taken turn by turn. In its turn each runs once for nothing and then for a fifth of a second, of which the
median call counts: none pays for what another left in the caches, or for a processor that has to wake up. Where
a machine is shared, the minimum is nearest to what an engine does undisturbed: with a neighbour on the other thread of
its physical core, the same instructions of a compiled run take up to twice the cycles. Targets are the project's own
and go by the median; a figure that misses one says so. To repeat:

```
python3 run.py setup
.venv/bin/python benchmarks/speed.py --json figures.json --write-readme
```

The strategy is always in the market: long {_code("sma(close, 20) > sma(close, 80)")}, else short, and reverses where
they cross. Leverage 10, taker fee 0.05 %, funding every 8 hours, mark prices of their own, synthetic market.

A compiled run starts from prepared arrays: orders, levels of prices, and the least and the highest mark of each 32
bars. Making them counts in {_code("engine.simulate")}, except for the marks: a market keeps those of its first run."""


def _minutes(n_slots: int, figures: dict[str, Any]) -> str:
    bar_slots = figures["bar_slots"]
    bars = bar_slots // n_slots
    title = "One slot" if n_slots == 1 else f"{n_slots} slots in one account"
    lines = [
        f"## {title}: {bars:,} one-minute bars",
        (
            f"{figures['orders']:,} orders, and the equity of every bar is recorded. "
            "Milliseconds; the rate is of the median."
        ),
        table(
            ("mode", "what", "min", "median", "max", "million bar-slots / s"),
            (
                (
                    mode if not layer.startswith("peer") else "none",
                    said,
                    *_milliseconds(figures[key]),
                    _rate(figures[key], bar_slots),
                )
                for mode in ("isolated", "cross")
                for layer, said in LAYERS.items()
                if (key := f"{mode} {layer}") in figures
            ),
        ),
        _engine_verdict(n_slots, figures),
    ]
    if "peer" in figures:
        lines += _peer(n_slots, figures)
    return "\n\n".join(lines)


def _engine_verdict(n_slots: int, figures: dict[str, Any]) -> str:
    target = ENGINE_TARGETS[n_slots]
    rates = {mode: figures["bar_slots"] / figures[f"{mode} compiled"]["median"] for mode in ("isolated", "cross")}
    said = " and ".join(f"{rate / 1e6:.0f} million ({mode})" for mode, rate in rates.items())
    reached = met(min(rates.values()) >= target)
    return f"Target: {target / 1e6:.0f} million bar-slots a second in the compiled run; {said}: {reached}."


def _peer(n_slots: int, figures: dict[str, Any]) -> Iterable[str]:
    peer, ratios = figures["peer"], figures["ratios"]
    versions = ", ".join(f"{name} {number}" for name, number in peer["versions"].items())
    yield (
        f"vectorbt's `Portfolio.from_signals` ({versions}, compiled by numba) gets the same opens, closes and signals. "
        "It has no margin, no mark prices and no funding, and its equity per bar is a second call. "
        f"Without those, both agree: fees {peer['ours']['fees']:,.6f} and {peer['fees']:,.6f}, "
        f"final value {peer['ours']['final']:,.6f} and {peer['final']:,.6f}."
    )
    yield table(
        ("how many times as fast", "min", "median", "max"),
        (
            (f"{mode}: {LAYERS[what]} against {LAYERS[f'peer {done}']}", *_times(ratios[f"{mode} {what} / {done}"]))
            for mode in ("isolated", "cross")
            for what in ("compiled", "simulate", "run")
            for done in PEER_LAYERS
        ),
    )
    if n_slots == 1:
        least = {
            done: min(ratios[f"{mode} compiled / {done}"]["median"] for mode in ("isolated", "cross"))
            for done in PEER_LAYERS
        }
        said = f"{least[PEER_LAYERS[0]]:.1f} times, {least[PEER_LAYERS[1]]:.1f} with its equity per bar"
        yield f"Target: {PEER_TARGET:.0f} times `from_signals`; {said}: {met(least[PEER_LAYERS[0]] >= PEER_TARGET)}."


def _large(figures: dict[str, Any]) -> str:
    def row(name: str, one: dict[str, Any]) -> tuple[str, ...]:
        return (
            name,
            f"{one['orders']:,}",
            f"{one['run_seconds']:.1f}",
            f"{one['seconds']:.1f}",
            f"{one['peak_bytes'] / 2**30:.2f}",
            f"{one['bytes_per_bar_and_slot']:.0f}",
        )

    named = {
        "isolated": "150 instruments x 35,000 hours, isolated",
        "cross": "150 instruments x 35,000 hours, cross",
        "isolated 1": "1 x 525,600 minutes, isolated",
        "cross 1": "1 x 525,600 minutes, cross",
        "isolated 10": "10 x 525,600 minutes, isolated",
        "cross 10": "10 x 525,600 minutes, cross",
    }
    rows = {said: figures[name] for name, said in named.items() if name in figures}
    large = [figures[mode] for mode in ("isolated", "cross")]
    quick = max(one["seconds"] for one in large) < LARGE_SECONDS
    small = max(one["peak_bytes"] for one in large) < LARGE_GIB * 2**30
    lean = max(one["bytes_per_bar_and_slot"] for one in rows.values()) <= BYTES_TARGET
    return "\n\n".join(
        [
            "## Many instruments in one account, and memory",
            (
                "From strategy to result with the look-ahead check, everything recorded, in a process of its own. "
                "*With records* adds cash, pnl, margins, positions and liquidation prices of every bar, pool and slot, "
                "and the proof that the ledger balances. The peak is that of the whole process, market and "
                "compiled code included; the last column is what it rises by above the market, per bar and slot."
            ),
            table(
                ("account", "orders", "`run` [s]", "with records [s]", "peak [GiB]", "bytes per bar and slot"),
                (row(name, one) for name, one in rows.items()),
            ),
            (
                f"Targets: under {LARGE_SECONDS} s: {met(quick)}; under {LARGE_GIB} GiB: {met(small)}; "
                f"at most {BYTES_TARGET} bytes per bar and slot above the market: {met(lean)}."
            ),
        ]
    )


def _demo(figures: dict[str, Any]) -> str:
    cold, warm = figures["cold"]["median"], figures["warm"]["median"]
    return (
        "## The demo\n\n"
        f"`run.py demo` in a fresh checkout after `run.py setup`, the median of three: {cold:.1f} s from an empty "
        f"cache, {warm:.1f} s from then on. Targets: {COLD_SECONDS} s: {met(cold <= COLD_SECONDS)}; "
        f"{WARM_SECONDS} s: {met(warm <= WARM_SECONDS)}."
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = ["---"] + ["--:" if name[0] != "w" else "---" for name in head[1:]]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])


def _milliseconds(seconds: dict[str, float]) -> tuple[str, str, str]:
    return tuple(f"{1e3 * seconds[name]:.2f}" for name in ("min", "median", "max"))  # type: ignore[return-value]


def _times(ratio: dict[str, float]) -> tuple[str, str, str]:
    return tuple(f"{ratio[name]:.2f}" for name in ("min", "median", "max"))  # type: ignore[return-value]


def _rate(seconds: dict[str, float], bar_slots: int) -> str:
    return f"{bar_slots / seconds['median'] / 1e6:.1f}"


def _code(text: str) -> str:
    return f"`{text}`"


def met(yes: bool) -> str:
    return "met" if yes else "**missed**"
