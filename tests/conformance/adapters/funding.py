"""Fundings: one payment from a calculator, and whole spans through the engine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from backtester import calculators as calc
from backtester.calculators import Position
from tests.conformance.adapters.accounts import Inputs, coin, events, flat, given, play, size_of

HOUR = 3_600_000_000_000
SECOND = 1_000_000_000
RICH = 1e9  # a balance that nothing here uses up


def received(x: Inputs) -> float:
    """What a position receives in one funding, negative if it pays: of the quantity held and a share of the rate."""
    inverse = x.get("contract") == "inverse"
    held = Position(coin(contract="inverse" if inverse else "linear"), size_of(x), x["mark"])
    return -calc.funding_payment(held, x["rate"] * x.get("time_in_ratio", 1.0))


def received_by_sides(x: Inputs) -> list[float]:
    """What the long and the short side of a position receive in one funding."""
    return [received(x), received(x | {"side": -1})]


def received_by_all(x: Inputs) -> float:
    """What an account of several positions receives in one funding."""
    return sum(received({"qty": qty, "mark": mark, "rate": x["rate"]}) for qty, mark in x["positions"])


def held_through(times: list[int], prices: list[float], funding: list[Inputs], quantity: float, **parts: Any) -> Inputs:
    """Return a run that holds a position from the first time to the last; one more bar stands before and after."""
    bars = [prices[0], *prices, prices[-1]]
    orders = [{"size": quantity, "bar": 0}, {"size": -quantity, "bar": len(times) - 1}]
    parts.setdefault("account", {"balance": RICH, "mode": "cross"})
    return play(
        list(map(flat, bars)), orders, open_time=[times[0] - HOUR, *times, times[-1] + HOUR], funding=funding, **parts
    )


def funding_of(result: Inputs) -> float:
    """Return what was received in a run."""
    return sum(row["amount"] for row in result["ledger"] if row["kind"] == "funding")


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def held_between(x: Inputs) -> float:
    """freqtrade: what is received at the settlements between opening and closing, at the mark of their hour."""
    begin, end = moment(x["open"]), moment(x["close"])
    marks = {int(ms) * 1_000_000: mark for ms, mark in x["mark_open"].items()}
    times = sorted({begin, end, *(time for time in marks if begin < time < end)})
    prices = [marks.get(time, 2.75) for time in times]  # between the hours any price does: fundings bring their mark
    fundings = [
        {"time": ms * 1_000_000, "instrument": 0, "rate": rate, "mark": marks[ms * 1_000_000]}
        for ms, rate in x["funding"]
    ]
    return funding_of(held_through(times, prices, fundings, size_of(x)))


def received_without_mark(x: Inputs) -> float:
    """A funding without its own mark is charged at the mark of the open: 2, as in the cases beside this one."""
    result = held_through([0, HOUR], [2.0, 2.0], [{"time": HOUR, "instrument": 0, "rate": x["rate"]}], size_of(x))
    return funding_of(result)


def received_if_published(x: Inputs) -> float:
    """What is received at the settlements that there are rates for; a missing one is not charged."""
    fundings = [{"time": 8 * HOUR, "instrument": 0, "rate": x["bar_rate"]}] if given(x, "bar_rate") is not None else []
    return funding_of(held_through([0, x["hour"] * HOUR], [x["mark"]] * 2, fundings, size_of(x)))


def settlements(x: Inputs) -> int:
    """How many settlements one bar holds."""
    every = range(0, 100, x["interval_h"])
    fundings = [{"time": hour * HOUR, "instrument": 0, "rate": 0.01} for hour in every]
    result = held_through([x["last_tick_h"] * HOUR, x["tick_h"] * HOUR], [100.0, 100.0], fundings, 1.0)
    return len([row for row in result["ledger"] if row["kind"] == "funding"])


def loan_interest(x: Inputs) -> float:
    """What a position of the size of a loan pays at its rate, every hour (Binance) or every four (Kraken)."""
    step, share = (1, 1 / 24) if x["exchange"] == "binance" else (4, 1.0)
    fundings = [{"time": hour * HOUR, "instrument": 0, "rate": x["rate"] * share} for hour in range(0, 48, step)]
    end = round(x["hours"] * HOUR)
    return -funding_of(held_through([0, end], [1.0, 1.0], fundings, float(x["borrowed"])))


def funding_and_fees(x: Inputs) -> Inputs:
    """The settlement at which a position is closed is still charged, before the order."""
    result = held_through(
        [0, HOUR],
        [x["price"]] * 2,
        [{"time": HOUR, "instrument": 0, "rate": x["rate"]}],
        x["weight"] * x["cash"] * x["lev"] / x["price"],
        instrument={"taker_fee": x["taker"]},
        leverage=x["lev"],
        account={"balance": x["cash"], "mode": "cross"},
    )
    return {"funding_pnl": funding_of(result), "trading_fee": result["totals"]["fees"]}


def funding_after_opening(x: Inputs) -> float:
    """Settlements at the opening and at the close: only what was carried pays."""
    fundings = [{"time": hour * HOUR, "instrument": 0, "rate": x["rate"]} for hour in (0, 1)]
    result = held_through(
        [0, HOUR],
        [x["price"]] * 2,
        fundings,
        x["cash"] * x["lev"] / x["price"],
        leverage=x["lev"],
        account={"balance": x["cash"], "mode": "cross"},
    )
    assert len(events(result, "fill")) == 2
    return result["equity"][-1]


def rate_of_cap(x: Inputs) -> float:
    """The largest rate of eight hours: rates are data here and never capped, so twice the venue's cap is paid."""
    twice = 2 * 6.0 * (x["imf"] - x["mmf"])
    result = held_through([0, HOUR], [1.0, 1.0], [{"time": HOUR, "instrument": 0, "rate": twice}], 1.0)
    return -funding_of(result)
