"""The state of a run, set by hand, for tests of single kernels."""

from __future__ import annotations

from backtester.running import engine_input
from backtester.scenario import Scenario, validate
from backtester.schema import Run
from tests.laws.engines import columns, flat, scenario


def level(price: float, contract: str = "linear") -> float:
    """Return the level of a price: p, or -1/p."""
    return -1 / price if contract == "inverse" else price


def account(positions: list, cash: float = 1000.0, marks: list | None = None, **parts) -> Run:
    """Return an account with positions ``(instrument, quantity, entry price, leverage)``, one slot each.

    Every instrument stands at its mark (128 if not given) on both ends of the segment, trade and mark. In cross mode
    (the default) `cash` is main's; in isolated mode each pool has it, and main too.
    """
    marks = marks or [128.0]
    mode = parts.pop("mode", "cross")
    slots = [{"instrument": i, "leverage": leverage} for i, _, _, leverage in positions]
    bars = [columns([flat(mark)]) for mark in marks]
    scene = scenario([], [], slots, bars=bars, account={"mode": mode, "balance": 1000.0}, **parts)
    contract = scene["instruments"][0]["contract"]
    run = engine_input.run_of(Scenario.from_dict(validate(scene)), 64, 64, 64)
    for i, mark in enumerate(marks):
        stand(run, i, level(mark, contract), level(mark, contract), mark)
    for j, (_, quantity, entry, _) in enumerate(positions):
        if quantity != 0.0:
            run.slots[j].quantity = quantity
            run.slots[j].entry = level(entry, contract)
            run.pools[run.slots[j].pool].n_open += 1
    for p in range(len(run.pools)):
        run.pools[p].cash = cash
    return run


def stand(run: Run, i: int, start: float, end: float, open_price: float) -> None:
    """Put an instrument on a segment between two levels, trade and mark alike."""
    instrument = run.instruments[i]
    instrument.live = 1
    instrument.mark_from = instrument.trade_from = start
    instrument.mark_to = instrument.trade_to = end
    instrument.open_price = open_price
