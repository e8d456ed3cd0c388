"""One run as data: everything the engine needs, nothing else, and its JSON form.

People attach a scenario file to a bug report, and other engines can be held against this one with
it. The form of the file is in docs/scenario-format.md.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from backtester.account import Slot
from backtester.errors import ConfigurationError
from backtester.market import Market
from backtester.orders import MarginActions, Orders, Terms
from backtester.scenario_parts import rows as parts
from backtester.scenario_parts.schema import validate
from backtester.schema import RULE_AMOUNTS, RULE_CHOICES, RULE_COUNTS, RULE_RATES
from backtester.venue import Instrument, VenueRules

__all__ = ["Scenario", "load_json", "read_scenario", "validate"]

_RULES = (*RULE_RATES, *RULE_CHOICES, *RULE_AMOUNTS, *RULE_COUNTS)
ADDED = {  # left out where unused: older readers refuse keys they do not know
    "auto_top_up": "none",
    "top_up_cap": 0.0,
    "initial_margin_buffer": 0.0,
    "remove_floor": 0.0,
    "backstop_rate": 0.0,
    "first_fraction": 0.0,
    "first_fraction_above": 0.0,
    "liquidation_cooldown": 0.0,
    "tier_steps": 1,
}
Content = TypeVar("Content", str, bytes)
NEAR = 40  # characters shown on either side of a fault in the JSON


@dataclass(frozen=True, eq=False)
class Scenario:
    """Everything that one run of the engine depends on.

    Parameters
    ----------
    market : Market
        Prices and funding on the grid that is simulated.
    instruments : tuple of Instrument
        One per column of the market.
    rules : VenueRules
    balance : float [quote]
    mode : str
        One of ``MODES``.
    path : str
        One of ``PATHS``.
    slots : tuple of Slot
    shares : tuple of float
        Shares of the balance of the standing sub-accounts; empty in other modes.
    orders : Orders
    actions : MarginActions
    terms : Terms
        Of the working orders among `orders`, in their order.
    """

    market: Market
    instruments: tuple[Instrument, ...]
    rules: VenueRules
    balance: float
    mode: str
    path: str
    slots: tuple[Slot, ...]
    shares: tuple[float, ...]
    orders: Orders
    actions: MarginActions
    terms: Terms = field(default_factory=Terms.none)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Scenario:
        """Build from the JSON form, checking all of it.

        Raises
        ------
        ConfigurationError
            Naming the key path, what was found there and what is allowed.
        """
        checked = validate(data)
        account = checked["account"]
        mode = account["mode"]
        return cls(
            market=parts.market_of(checked),
            instruments=tuple(parts.instrument_of(row) for row in checked["instruments"]),
            rules=VenueRules(**checked["venue"]),
            balance=account["balance"],
            mode=mode,
            path=account["path"],
            slots=parts.slots_of(checked, mode),
            shares=tuple(checked["sub_account_shares"]) if mode == "sub_accounts" else (),
            orders=parts.orders_of(checked["orders"]),
            actions=parts.actions_of(checked["margin_actions"]),
            terms=parts.terms_of(checked["orders"]),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; ``Scenario.from_dict`` of it is the same run."""
        return {
            "open_time": self.market.open_time.tolist(),
            "instruments": [parts.instrument_row(instrument) for instrument in self.instruments],
            "bars": [parts.bars_row(self.market, i) for i in range(len(self.instruments))],
            "funding": parts.funding_rows(self.market.funding),
            "venue": {name: rule for name in _RULES if (rule := getattr(self.rules, name)) != ADDED.get(name)},
            "account": {"balance": self.balance, "mode": self.mode, "path": self.path},
            "slots": [parts.slot_row(slot) for slot in self.slots],
            "sub_account_shares": list(self.shares),
            "orders": parts.order_rows(self.orders, self.terms),
            "margin_actions": parts.action_rows(self.actions),
        }


def read_scenario(path: str | Path) -> dict[str, Any]:
    """Read and check a scenario file.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict
        The JSON form with all defaults filled in.

    Raises
    ------
    ConfigurationError
        If the file cannot be read, is not JSON, or holds anything that is not allowed; it names the file.
    """
    try:
        return validate(load_json(path))
    except ConfigurationError as error:
        raise error.renamed(f"{path}: {error.key}") from None


def load_json(path: str | Path) -> Any:
    """Read a JSON file strictly: a key that occurs twice is an error.

    Raises
    ------
    ConfigurationError
        For broken JSON with the line and column, and what stands there.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        cure = "Give the path of a scenario file"
        raise ConfigurationError("the file", error.strerror or str(error), "cannot be read", cure=cure) from None
    try:
        return json.loads(content, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        place, near = f"line {error.lineno} column {error.colno}", _around(error.doc, error.pos)
        raise ConfigurationError(place, near, f"is not JSON ({error.msg})") from None
    except UnicodeDecodeError as error:
        place, part = f"byte {error.start}", _around(content, error.start)
        raise ConfigurationError(place, part, "is not text in UTF-8", allowed="a JSON file") from None
    except RecursionError:
        raise ConfigurationError("the file", content[:NEAR], "is nested too deeply", allowed="a scenario") from None
    except ValueError as error:  # Python reads no whole number of more than 4,300 digits
        raise ConfigurationError("the file", str(error), "holds a number with too many digits") from None


def _around(content: Content, place: int) -> Content:
    """Return what stands about a place in a text or in bytes."""
    return content[max(0, place - NEAR) : place + NEAR]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, n in Counter(name for name, _ in pairs).items() if n > 1)
        raise ConfigurationError(twice, list(found), "occurs twice in one object", cure="Keep one of the two")
    return found
