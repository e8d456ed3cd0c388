"""Results put together by hand: the documented attributes of a Result, without an engine."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from backtester.account import Slot
from backtester.compare import Comparison
from backtester.market import Market
from backtester.orders import Orders
from backtester.running.curve import summary_of
from backtester.schema import EVENT, EVENT_KINDS, LEDGER_KINDS, LEDGER_ROW, LIQUIDATION, N_SUMS, POSITION_ROW, REASONS
from backtester.venue import Instrument, VenueRules

HOUR = 3_600_000_000_000
START = 1_759_276_800_000_000_000  # 2025-10-01 00:00 UTC


def fake_market(n_bars, symbols=("BTCUSDT", "SOLUSDT"), *, step=HOUR, price=100.0, **more):
    prices = np.full((n_bars, len(symbols)), price, order="F")
    return Market(
        symbols=tuple(symbols),
        open_time=START + step * np.arange(n_bars, dtype=np.int64),
        open=prices,
        high=prices,
        low=prices,
        close=prices,
        mark_open=prices,
        mark_high=prices,
        mark_low=prices,
        mark_close=prices,
        mark_is_trade=np.ones(len(symbols), dtype=bool),
        **more,
    )


def fake_events(rows):
    """Rows are (bar, slot, kind, quantity, fill, amount[, reason])."""
    events = np.zeros(len(rows), dtype=EVENT)
    events["order"] = -1
    for row, (bar, slot, kind, quantity, fill, amount, *reason) in zip(events, rows, strict=True):
        row["bar"], row["slot"], row["kind"] = bar, slot, EVENT_KINDS.index(kind)
        row["quantity"], row["fill"], row["price"], row["amount"] = quantity, fill, fill, amount
        row["reason"] = REASONS.index(reason[0]) if reason else 0
    return events


def fake_ledger(rows):
    """Rows are (bar, kind, amount)."""
    ledger = np.zeros(len(rows), dtype=LEDGER_ROW)
    for row, (bar, kind, amount) in zip(ledger, rows, strict=True):
        row["bar"], row["kind"], row["amount"] = bar, LEDGER_KINDS.index(kind), amount
    return ledger


class FakeResult(SimpleNamespace):
    """What follows from the attributes, which a test may change."""

    @property
    def curve(self):
        return summary_of(self.equity, self.scenario.balance, self.equity_low)

    @property
    def final_equity(self):
        return float(self.equity[-1])

    @property
    def event_kinds(self):
        return np.ascontiguousarray(self.events["kind"])

    @property
    def event_counts(self):
        return np.bincount(self.event_kinds, minlength=N_SUMS).tolist()

    @property
    def event_amounts(self):
        return np.bincount(self.event_kinds, self.events["amount"], minlength=N_SUMS).tolist()


def fake_result(
    market,
    equity,
    *,
    low=None,
    events=(),
    ledger=(),
    margin=0.0,
    ratio=0.0,
    balance=10_000.0,
    mode="isolated",
    path="adverse",
    slot_names=None,
    strategy="Fake(n=1)",
    **totals,
):
    n, names = market.n_bars, tuple(slot_names or market.symbols)
    equity = np.asarray(equity, dtype=float)
    log, book = fake_events(list(events)), fake_ledger(list(ledger))
    quantity = np.zeros((n, len(names)))
    for row in log:
        quantity[row["bar"] :, row["slot"]] += row["quantity"]
    killed = log[log["kind"] == LIQUIDATION]
    index = market.index
    sums = {
        "equity": float(equity[-1]),
        "realised": 0.0,
        "fees": 0.0,
        "funding": 0.0,
        "liquidation_fees": 0.0,
        "insurance_absorbed": 0.0,
        "insurance_taken": 0.0,
        "liquidations": len(killed),
        "rejected": 0,
        "cut": 0,
        "bankrupt": False,
    }
    return FakeResult(
        scenario=SimpleNamespace(
            balance=balance,
            mode=mode,
            path=path,
            slots=tuple(
                Slot(j % market.n_instruments, 10.0, mode == "isolated", -1, name) for j, name in enumerate(names)
            ),
            instruments=tuple(Instrument(symbol, tiers=((0.0, 1 / 64, 64.0),)) for symbol in market.symbols),
            rules=VenueRules(),
            market=market,
            orders=Orders.none(),
        ),
        strategy=strategy,
        slot_names=names,
        market=market,
        equity=equity,
        equity_low=equity if low is None else np.asarray(low, dtype=float),
        worst_margin_ratio=np.broadcast_to(np.asarray(ratio, dtype=float), n),
        events=log,
        ledger=book,
        position_changes=np.zeros(0, POSITION_ROW),
        pool_initial_margin=np.broadcast_to(np.asarray(margin, dtype=float).reshape(-1, 1), (n, 1)),
        quantity=quantity,
        pool_of_slot=np.zeros(len(names), dtype=np.int64),
        pool_kind=("standing",),
        cash=equity.reshape(-1, 1),
        pool_pnl=np.zeros((n, 1)),
        pool_requirement=np.zeros((n, 1)),
        liquidation_price=np.full((n, len(names)), np.nan),
        totals={**sums, **totals},
        equity_frame=pd.DataFrame({"equity": equity}, index=index),
        positions=pd.DataFrame(quantity, index=index, columns=list(names)),
        trades=pd.DataFrame({"slot": log["slot"], "quantity": log["quantity"]}),
        liquidations=pd.DataFrame(
            {
                "time": index[killed["bar"]],
                "bar": killed["bar"],
                "slot": killed["slot"],
                "symbol": [names[slot] for slot in killed["slot"]],
                "loss": -killed["amount"],
            }
        ),
        ledger_frame=pd.DataFrame({"amount": book["amount"]}, index=index[book["bar"]]),
        event_frame=pd.DataFrame({"quantity": log["quantity"]}, index=index[log["bar"]]),
        to_scenario=lambda: {"open_time": [int(t) for t in market.open_time]},
    )


def fake_comparison(results, *, bands=None, **more):
    return Comparison(results, bands or {mode: {run.scenario.path: run} for mode, run in results.items()}, **more)


def story(n_bars=480, n_liquidations=9, *, symbols=("BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT"), seed=3, **more):
    """A made-up fortnight in which isolated loses often and cross loses once and badly."""
    random = np.random.default_rng(seed)
    market = fake_market(n_bars, symbols, **more)
    crash = int(n_bars * 0.48)
    shared = np.cumsum(random.normal(2.0, 60.0, n_bars))

    def run(mode, path, shift):
        events = []
        equity = 10_000 + shared + np.cumsum(random.normal(0.0, 9.0, n_bars))
        if mode == "isolated":
            bars = np.sort(random.choice(np.arange(3, n_bars), n_liquidations, replace=n_liquidations > n_bars - 3))
            for bar in bars:
                slot, loss = int(random.integers(len(symbols))), float(random.gamma(2.0, 1_600.0 / n_liquidations))
                events.append((int(bar), slot, "liquidation", -1.0, 100.0, -loss))
                equity[bar:] -= loss * 0.4
        else:
            events += [
                (crash, slot, "liquidation", -1.0, 90.0, -1_300.0 - 200.0 * slot) for slot in range(len(symbols))
            ]
            equity[crash:] -= 6_300.0
        equity = np.maximum(equity + shift * np.linspace(0, 1, n_bars), 120.0)
        low = equity - np.abs(random.normal(0.0, 70.0, n_bars))
        ratio = np.clip(np.abs(np.cumsum(random.normal(0, 0.05, n_bars))) % 0.8 + 0.05, 0, 0.97)
        for bar, *_ in events:
            ratio[bar] = 1.0
        return fake_result(
            market,
            equity,
            low=np.maximum(low, 60.0),
            events=events,
            margin=np.abs(shared) + 900,
            ratio=ratio,
            mode=mode,
            path=path,
            strategy="EmaCross(fast=8, slow=48)",
            fees=312.4,
            funding=41.2 if mode == "cross" else 38.8,
        )

    shifts = {"adverse": -200.0, "candle": 120.0, "favourable": 420.0}
    bands = {mode: {path: run(mode, path, shift) for path, shift in shifts.items()} for mode in ("isolated", "cross")}
    results = {mode: paths["adverse"] for mode, paths in bands.items()}
    notes = (
        "mark = trade for SOLUSDT: no mark file.",
        "Tiers of binance as of 2025-10-01; those of the past are not known.",
    )
    return Comparison(results, bands, "binance", notes)
