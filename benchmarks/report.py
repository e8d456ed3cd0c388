"""The page of a large comparison: how long it takes to make, how large it is, how soon a browser shows it.

    python report.py [N_BARS] [N_INSTRUMENTS] [TIMEFRAME]

Prints one line of JSON. Targets: under 10 MB, and under 3 s from the address to drawn panels, the median of five.
Needs playwright and chromium for the browser's part.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from cases import SmaCross, account_of, market_of

from backtester.compare import compare
from reports.write import write_report

OPENINGS = 5
SIZES = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}


def main(n_bars: int = 500_000, n_instruments: int = 40, timeframe: str = "1m") -> None:
    start = time.perf_counter()
    market = market_of(n_bars, n_instruments, timeframe)
    comparison = compare(SmaCross(), market, account_of(n_instruments, "isolated"), check=False)
    ran = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        page = write_report(comparison, Path(folder) / "run")
        out = {
            "bars": n_bars,
            "instruments": n_instruments,
            "liquidations": {mode: run.totals["liquidations"] for mode, run in comparison.results.items()},
            "pairs": 0 if comparison.attribution is None else len(comparison.attribution.pairs),
            "compare_seconds": ran,
            "write_seconds": time.perf_counter() - start,
            "page_bytes": page.stat().st_size,
            "open_seconds": opened(page),
        }
    print(json.dumps(out))


def opened(page: Path) -> dict[str, list[float]]:
    """Return how long the browser took from the address to drawn panels, each time anew; nothing without a browser."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("no chromium: the time to open is not measured", file=sys.stderr)
        return {}
    from playwright.sync_api import sync_playwright

    out: dict[str, list[float]] = {}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium)
        for name, viewport in SIZES.items():
            times = []
            for _ in range(OPENINGS):
                context = browser.new_context(viewport=viewport)
                tab = context.new_page()
                start = time.perf_counter()
                tab.goto(page.as_uri())
                tab.wait_for_selector("#panels[data-ready=yes]")
                times.append(time.perf_counter() - start)
                context.close()
            out[name] = [min(times), statistics.median(times), max(times)]
        browser.close()
    return out


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:3]), *sys.argv[3:4])
