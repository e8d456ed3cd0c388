"""What a run leaves: curves, logs, and the frames and records made of them when somebody asks."""

from __future__ import annotations

from functools import cached_property, lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backtester.errors import ConfigurationError, InvariantError
from backtester.kernels.replay import replay
from backtester.notebook import ShownInNotebooks
from backtester.running import engine_input
from backtester.running.common_input import Common, common_of
from backtester.running.result_json import result_row
from backtester.running.start import pools_of
from backtester.scenario import Scenario
from backtester.schema import (
    CUT,
    LEDGER_KINDS,
    LIQUIDATION,
    RECORDS,
    REJECTED,
    Curves,
    Floats,
    Logs,
    Records,
    Rows,
)

if TYPE_CHECKING:
    import pandas as pd

    from backtester.running.curve import CurveSummary

__all__ = ["Result"]

LEDGER_TOLERANCE = 1e-9  # of the balance


def _frames() -> ModuleType:
    """Return the module that makes frames: pandas takes longer to load than a small run takes."""
    from backtester.running import frames_out

    return frames_out


@lru_cache(1)
def _unknown(n_bars: int) -> Floats:
    """Return nan for every bar, which takes no memory."""
    return np.broadcast_to(np.nan, n_bars)


class Result(ShownInNotebooks):
    """One run of the engine.

    Attributes
    ----------
    scenario : Scenario
        Everything the run depended on.
    strategy : str
        Name with parameters; empty for a scenario from a file.
    equity, equity_low, worst_margin_ratio : float64 array, (n_bars,)
        Total equity at the mark closes and its lowest inside each bar [settlement currency]; the worst margin ratio
        of any pool inside each bar (0: no position, inf: no equity). nan where the run was not asked to record them.
    pool_margin_ratio : float64 array, (n_bars, n_pools)
        The same per pool; without columns where it is not recorded.
    """

    def __init__(
        self,
        scenario: Scenario,
        logs: Logs | None,
        sums: Rows,
        curves: Curves,
        *,
        bankrupt: bool,
        strategy: str = "",
        curve: CurveSummary | None = None,
        common: Common | None = None,
    ) -> None:
        self.scenario = scenario
        self.strategy = strategy
        self.market = scenario.market
        self.slot_names = tuple(slot.name for slot in scenario.slots)
        self._logs, self._sums = logs, sums
        unknown = _unknown(scenario.market.n_bars)
        self.equity, self.equity_low, self.worst_margin_ratio = (
            kept if len(kept) > 0 else unknown for kept in (curves.equity, curves.equity_low, curves.worst_ratio)
        )
        self._has_lows = len(curves.equity_low) > 0
        self._curve, self._common = curve, common
        self.pool_margin_ratio = curves.pool_ratio.T
        self._bankrupt = bankrupt

    def __repr__(self) -> str:
        name = self.strategy or "scenario"
        return f"<Result of {name}, {self.scenario.mode}: final equity {self.final_equity:,.2f}>"

    @property
    def final_equity(self) -> float:
        """Equity at the last close [settlement currency]."""
        return float(self.equity[-1]) if self._curve is None else self._curve.final

    @cached_property
    def _pools(self) -> tuple[NDArray[np.int64], list[str]]:
        return pools_of(self.scenario)

    @property
    def pool_of_slot(self) -> NDArray[np.int64]:
        """Pool of each slot."""
        return self._pools[0]

    @property
    def pool_kind(self) -> tuple[str, ...]:
        """Kind of each pool, ``standing`` or ``on_demand``."""
        return tuple(self._pools[1])

    @cached_property
    def curve(self) -> CurveSummary:
        """What the equity curve comes to."""
        if self._curve is not None:
            return self._curve
        from backtester.running.curve import summary_of

        return summary_of(self.equity, self.scenario.balance, self.equity_low if self._has_lows else None)

    @property
    def events(self) -> Rows:
        """What happened, EVENT rows."""
        return self._kept_logs.events

    @property
    def ledger(self) -> Rows:
        """Every change of cash, LEDGER_ROW rows."""
        return self._kept_logs.ledger

    @property
    def position_changes(self) -> Rows:
        """What a slot holds from a bar on, POSITION_ROW rows."""
        return self._kept_logs.positions

    @property
    def _kept_logs(self) -> Logs:
        if self._logs is None:
            cure = f"Run it with record={RECORDS[-2]!r}, or with more"
            raise ConfigurationError("record", RECORDS[-1], "keeps no logs", cure=cure)
        return self._logs

    @cached_property
    def event_kinds(self) -> NDArray[np.int64]:
        """Kinds of the events, in memory of their own: to be looked through often."""
        return np.ascontiguousarray(self.events["kind"])

    @cached_property
    def event_counts(self) -> list[int]:
        """How many events there are of each kind."""
        counts: list[int] = self._sums["events"].tolist()
        return counts

    @cached_property
    def event_amounts(self) -> list[float]:
        """What the amounts of the events of each kind sum to [settlement currency]."""
        amounts: list[float] = self._sums["amount"].tolist()
        return amounts

    @cached_property
    def totals(self) -> dict[str, Any]:
        """Sums of the ledger and counts of the events, as in the scenario format."""
        by = dict(zip(LEDGER_KINDS, self._sums["paid"].tolist(), strict=False))
        seen = self.event_counts
        return {
            "equity": self.final_equity,
            "realised": by["realised"],
            "fees": 0.0 - by["fee"],
            "funding": 0.0 - by["funding"],
            "liquidation_fees": 0.0 - by["liquidation_fee"],
            "insurance_absorbed": by["insurance_absorbed"],
            "insurance_taken": 0.0 - by["insurance_taken"],
            "liquidations": seen[LIQUIDATION],
            "rejected": seen[REJECTED],
            "cut": seen[CUT],
            "bankrupt": self._bankrupt,
        }

    def records(self, start: int = 0, stop: int | None = None) -> Records:
        """States of pools and slots at the closes of the bars from `start` to `stop`, ``(n, n_bars)`` each."""
        n_bars = len(self.equity) if stop is None else stop
        common = self._common or common_of(self.scenario)
        state = engine_input.run_of(self.scenario, 0, 0, 0, common=common)
        state = state._replace(ledger=self.ledger, positions=self.position_changes)
        pools, slots = ((len(table), n_bars - start) for table in (state.pools, state.slots))
        records = Records(*(np.empty(shape) for shape in (pools,) * 4 + (slots,) * 4))
        replay(state, common.tier_changes, common.bars.mark_close, records, start)
        return records

    @cached_property
    def _records(self) -> Records:
        return self.records()

    @property
    def cash(self) -> Floats:
        """Cash of each pool at the closes, ``(n_bars, n_pools)`` [settlement currency]."""
        return self._records.cash.T

    @property
    def pool_pnl(self) -> Floats:
        """Unrealised pnl of each pool at the mark closes, ``(n_bars, n_pools)``."""
        return self._records.pnl.T

    @property
    def pool_initial_margin(self) -> Floats:
        """Initial margin of each pool at the mark closes, ``(n_bars, n_pools)``."""
        return self._records.initial_margin.T

    @property
    def pool_requirement(self) -> Floats:
        """Maintenance requirement of each pool at the mark closes, ``(n_bars, n_pools)``."""
        return self._records.requirement.T

    @property
    def quantity(self) -> Floats:
        """Signed quantity of each slot at the closes, ``(n_bars, n_slots)``."""
        return self._records.quantity.T

    @property
    def entry_price(self) -> Floats:
        """Average entry price of each slot, ``(n_bars, n_slots)``; nan when flat."""
        return self._records.entry_price.T

    @property
    def leverage(self) -> Floats:
        """Leverage setting of each slot, ``(n_bars, n_slots)``."""
        return self._records.leverage.T

    @property
    def liquidation_price(self) -> Floats:
        """Price that liquidates each slot's pool if its instrument moves alone, ``(n_bars, n_slots)``; nan: none."""
        return self._records.liquidation_price.T

    @cached_property
    def equity_frame(self) -> pd.DataFrame:
        """Equity, its lowest inside the bar and the worst margin ratio, by bar."""
        return _frames().equity_frame(self)

    @cached_property
    def positions(self) -> pd.DataFrame:
        """Signed quantity of every slot by bar."""
        return _frames().positions_frame(self)

    @cached_property
    def trades(self) -> pd.DataFrame:
        """One row per closing, whole or partial, with its entry and its pnl before fees."""
        return _frames().trades_frame(self)

    @cached_property
    def liquidations(self) -> pd.DataFrame:
        """One row per slot that was liquidated."""
        return _frames().liquidations_frame(self)

    @cached_property
    def ledger_frame(self) -> pd.DataFrame:
        """Every movement of cash."""
        return _frames().ledger_frame(self)

    @cached_property
    def event_frame(self) -> pd.DataFrame:
        """Every event."""
        return _frames().event_frame(self)

    @cached_property
    def by_strategy(self) -> pd.DataFrame:
        """Pnl and its parts, trades, liquidations, refused orders, margin and drawdown of each strategy."""
        from backtester.running.by_strategy import by_strategy

        return by_strategy(self)

    def check_ledger(self) -> None:
        """Prove that the equity at the end is what the ledger says plus the unrealised pnl.

        ``equity = deposits + realised + unrealised - fees - funding - liquidation fees + absorbed - taken``

        Raises
        ------
        InvariantError
            With both sides of the equation.
        """
        last = self.records(len(self.equity) - 1)
        left = self.final_equity
        right = float(self.ledger["amount"].sum() + last.pnl.sum())
        if not abs(left - right) <= LEDGER_TOLERANCE * self.scenario.balance:
            raise InvariantError("the ledger balances", left, right, f"{self.scenario.mode}, last bar")

    def to_scenario(self) -> dict[str, Any]:
        """Return the run as a scenario file's content."""
        return self.scenario.to_dict()

    def to_dict(self) -> dict[str, Any]:
        """Return the result object of the scenario format."""
        return result_row(self)
