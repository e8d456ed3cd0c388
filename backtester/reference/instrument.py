"""An instrument with its bars (section 2 of the margin model)."""

from __future__ import annotations

from dataclasses import dataclass, field

from .contract import CONTRACTS, Contract
from .tiers import TierTable, build_tiers

NAN = float("nan")


@dataclass
class Candle:
    """Four prices of one bar."""

    open: float
    high: float
    low: float
    close: float


@dataclass
class Bar:
    """Trade and mark prices of one bar; None as a bar is "no data"."""

    trade: Candle
    mark: Candle


@dataclass
class Instrument:
    """What is traded: contract, tiers, fees, sizes and the bars (None: no data)."""

    index: int
    symbol: str
    contract: Contract
    tiers: TierTable
    taker_fee: float
    maker_fee: float
    lot: float
    min_notional: float
    liquidation_fee: float
    bars: list[Bar | None]
    mark_is_trade: bool
    tier_changes: list[tuple[int, TierTable]] = field(default_factory=list)

    def renew_tiers(self, time: int) -> None:
        """Put the last table into force whose time has come."""
        for since, table in self.tier_changes:
            if since <= time:
                self.tiers = table

    def bar(self, t: int) -> Bar:
        """Return a bar that has data."""
        here = self.bars[t]
        if here is None:
            raise LookupError(f"{self.symbol} has no data in bar {t}")
        return here


def read_instruments(scenario: dict) -> list[Instrument]:
    """Return the instruments of a scenario, in their order."""
    instruments = []
    venue_fee = float(scenario["venue"]["liquidation_fee"])
    for index, (row, columns) in enumerate(zip(scenario["instruments"], scenario["bars"], strict=True)):
        bars, mark_is_trade = read_bars(columns)
        instruments.append(
            Instrument(
                index=index,
                symbol=row["symbol"],
                contract=CONTRACTS[row["contract"]],
                tiers=build_tiers(row["tiers"], row["tier_key"], row["unit_margin_rate"]),
                taker_fee=float(row["taker_fee"]),
                maker_fee=float(row["maker_fee"]),
                lot=float(row["lot"] or 0.0),
                min_notional=float(row["min_notional"] or 0.0),
                liquidation_fee=venue_fee if row["liquidation_fee"] is None else row["liquidation_fee"],
                bars=bars,
                mark_is_trade=mark_is_trade,
                tier_changes=[
                    (change["time"], build_tiers(change["tiers"], row["tier_key"], row["unit_margin_rate"]))
                    for change in row["tier_changes"]
                ],
            )
        )
    return instruments


def read_bars(columns: dict) -> tuple[list[Bar | None], bool]:
    """Return the bars and whether the mark is the trade price (no mark data).

    A bar with any missing price among trade and mark is no data.
    """
    names = ["open", "high", "low", "close"]
    mark_is_trade = any(columns.get("mark_" + name) is None for name in names)
    marks = [columns[name if mark_is_trade else "mark_" + name] for name in names]
    trades = [columns[name] for name in names]
    bars: list[Bar | None] = []
    for prices in zip(*trades, *marks, strict=True):
        if any(price is None or price != price for price in prices):
            bars.append(None)
        else:
            values = [float(price) for price in prices]
            bars.append(Bar(Candle(*values[:4]), Candle(*values[4:])))
    return bars, mark_is_trade
