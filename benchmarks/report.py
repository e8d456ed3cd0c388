"""The page of a large comparison: how long it takes to make, how large it is, how soon a browser shows it.

    python report.py [N_BARS] [N_INSTRUMENTS] [TIMEFRAME]

Prints one line of JSON. Targets: under 10 MB, and open in under 3 s, the median of five. A page is open when

* the first screen is painted, its largest part last (``read``): verdict, table of numbers and equity are there;
* the panels are drawn, too (``panels``), which a browser does when the page has come to rest.

Both are counted from the address, on the clock; ``processor`` is what the page took of one core up to the drawn panels.
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
from typing import Any

from cases import SmaCross, account_of, market_of

from backtester.compare import compare
from reports.write import write_report

OPENINGS = 5
SIZES = {"wide": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
PAINTED = """new Promise((done) => new PerformanceObserver((seen) => done(seen.getEntries().at(-1).startTime / 1000))
    .observe({ type: "largest-contentful-paint", buffered: true }))"""


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


def opened(page: Path) -> dict[str, dict[str, list[float]]]:
    """Return least, median and most seconds until a page was open, each time anew; nothing without a browser."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("no chromium: the time to open is not measured", file=sys.stderr)
        return {}
    from playwright.sync_api import sync_playwright

    out: dict[str, dict[str, list[float]]] = {}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium)
        for name, viewport in SIZES.items():
            times = [opening(browser, page, viewport) for _ in range(OPENINGS)]
            out[name] = {
                key: [min(each), statistics.median(each), max(each)]
                for key, each in ((key, [one[key] for one in times]) for key in times[0])
            }
        browser.close()
    return out


def opening(browser: Any, page: Path, viewport: dict[str, int]) -> dict[str, float]:
    """Open a page once and return the seconds until it could be read, until its panels were drawn, and of processor."""
    context = browser.new_context(viewport=viewport)
    tab = context.new_page()
    meter = context.new_cdp_session(tab)
    meter.send("Performance.enable", {"timeDomain": "threadTicks"})
    start = time.perf_counter()
    tab.goto(page.as_uri())
    tab.wait_for_selector("#panels[data-ready=yes]")
    drawn = time.perf_counter() - start
    processor = {each["name"]: each["value"] for each in meter.send("Performance.getMetrics")["metrics"]}
    painted = tab.evaluate(PAINTED)
    context.close()
    return {"read": painted, "panels": drawn, "processor": processor["TaskDuration"]}


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:3]), *sys.argv[3:4])
