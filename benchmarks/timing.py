"""Timing several things in turn, and the machine they ran on."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

TURN = 0.2  # seconds
Timer = Callable[[], float]  # runs once, returns the seconds it took


def timed(function: Callable[[], object], before: Callable[[], object] | None = None) -> Timer:
    """Return a timer of `function`; `before` is done first and not timed."""

    def once() -> float:
        if before is not None:
            before()
        start = time.perf_counter()
        function()
        return time.perf_counter() - start

    return once


def in_turn(timers: Mapping[str, Timer], repeats: int) -> dict[str, list[float]]:
    """Return the seconds of each timer: all in turn, `repeats` times, each in its turn as `steady` has it.

    A machine that is slow for a while is slow for all of them.
    """
    seconds: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(repeats):
        for name, timer in timers.items():
            seconds[name].append(steady(timer))
    return seconds


def steady(timer: Timer) -> float:
    """Return the median of the calls that fill `TURN` seconds, after one that does not count.

    Nobody pays for what another left in the caches, nor for a processor that has to wake up first.
    """
    timer()
    values = [timer()]
    while sum(values) < TURN:
        values.append(timer())
    return median(values)


def spread(values: list[float]) -> dict[str, float]:
    """Return minimum, median and maximum."""
    return {"min": min(values), "median": median(values), "max": max(values)}


def ratio(ours: list[float], theirs: list[float]) -> dict[str, float]:
    """Return how many times as long theirs took, turn by turn."""
    return spread([b / a for a, b in zip(ours, theirs, strict=True)])


def machine() -> dict[str, Any]:
    """Return what the figures depend on: processor, memory, versions; no names of hosts or folders."""
    packages = ("numba", "llvmlite", "numpy", "pandas")
    return {
        "processor": _line("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(int((_line("/proc/meminfo", "MemTotal") or "0").split()[0]) / 2**20),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
    }


def _line(file: str, key: str) -> str | None:
    """Return the value of the first line ``key : value`` of a system file."""
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), None)
