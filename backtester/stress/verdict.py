"""What shocks do to each margin mode, in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from backtester import text
from backtester.comparing.verdict import TIE, name_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["letters", "stress_verdict"]


def letters(n: int) -> list[str]:
    """Return ``A``, ``B``, ... ``Z``, ``AA``, by which tables and sentences call so many shocks."""
    return [chr(65 + k) if k < 26 else f"{chr(64 + k // 26)}{chr(65 + k % 26)}" for k in range(n)]


def stress_verdict(metrics: pd.DataFrame, modes: Sequence[str], *, balance: float, currency: str) -> str:
    """Return one sentence on the market as it is, and two on each shock.

    Parameters
    ----------
    metrics : DataFrame
        Metrics by shock and mode; the first shock is none.
    modes : sequence of str
    balance : float [settlement currency]
        Starting balance.
    currency : str
        Settlement currency.
    """
    final = metrics["final_equity"].unstack("mode", sort=False)[list(modes)]
    calm, *shocks = final.index
    first = _best(final.loc[calm], balance)
    ends = text.joined([f"{name_of(mode)} with {text.money(final.loc[calm][mode])}" for mode in modes])
    said = [f"Without a shock {_leads(first, modes)}{ends} {currency}."]
    for letter, shock in zip(letters(len(shocks)), shocks, strict=True):
        lost = final.loc[calm] - final.loc[shock]
        said.append(f"{letter} {_costs(lost, modes, TIE * balance)}{_turns(first, final.loc[shock], modes, balance)}.")
        said += _ruined(metrics.loc[shock, "time_of_ruin"], metrics.loc[calm, "time_of_ruin"], modes)
    return " ".join(said)


def _best(final: pd.Series[float], balance: float) -> str:
    """Return the mode that ends highest, empty for a tie."""
    ordered = final.sort_values(ascending=False, kind="stable")
    tied = len(ordered) > 1 and ordered.iloc[0] - ordered.iloc[1] <= TIE * balance
    return "" if tied else str(ordered.index[0])


def _leads(best: str, modes: Sequence[str]) -> str:
    if len(modes) < 2:
        return "it ends: "
    return f"{name_of(best)} ends {_most(modes)}: " if best else f"{_alike(modes)}: "


def _alike(modes: Sequence[str]) -> str:
    return "the modes end alike" if len(modes) == 2 else "no mode ends highest alone"


def _most(modes: Sequence[str]) -> str:
    return "higher" if len(modes) == 2 else "highest"


def _costs(lost: pd.Series[float], modes: Sequence[str], tie: float) -> str:
    """Return what a shock costs each mode, or gives it."""
    costs = [f"{name_of(mode)} {text.money(lost[mode])}" for mode in modes if lost[mode] > tie]
    gains = [f"{name_of(mode)} {text.money(-lost[mode])}" for mode in modes if lost[mode] < -tie]
    parts = [*([f"costs {text.joined(costs)}"] if costs else []), *([f"gives {text.joined(gains)}"] if gains else [])]
    return " and ".join(parts) or "changes no mode's end"


def _turns(before: str, final: pd.Series[float], modes: Sequence[str], balance: float) -> str:
    best = _best(final, balance)
    if len(modes) < 2:
        return ""
    if best == before:
        return f": still {name_of(best)} ends {_most(modes)}" if best else f": still {_alike(modes)}"
    return f": now {name_of(best)} ends {_most(modes)}" if best else f": now {_alike(modes)}"


def _ruined(times: pd.Series[float], before: pd.Series[float], modes: Sequence[str]) -> list[str]:
    found = [mode for mode in modes if not math.isnan(times[mode]) and math.isnan(before[mode])]
    return [f"It ruins {text.joined([name_of(mode) for mode in found])}."] if found else []
