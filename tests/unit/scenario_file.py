"""A small scenario file, and how to change one value in it."""

import copy
from typing import Any

HOUR = 3_600_000_000_000
START = 1_760_130_000_000_000_000


def scenario() -> dict[str, Any]:
    """Return four bars of two instruments, the second with a mark, and one of each instruction."""
    tiers = [[0, 0.004, 125], [50000, 0.005, 100]]
    prices = {"open": [8, 9, 10, 11], "high": [10, 11, 12, 13], "low": [7, 8, 9, 10], "close": [9, 10, 11, 12]}
    return {
        "open_time": [START + t * HOUR for t in range(4)],
        "instruments": [{"symbol": "A", "tiers": tiers}, {"symbol": "B", "contract": "linear", "tiers": tiers}],
        "bars": [
            copy.deepcopy(prices),
            copy.deepcopy(prices) | {"mark_" + name: list(column) for name, column in prices.items()},
        ],
        "funding": [{"time": START + HOUR, "instrument": 0, "rate": 0.0001}],
        "account": {"balance": 10000, "mode": "mixed"},
        "slots": [{"instrument": 0, "leverage": 10, "mode": "isolated"}, {"instrument": 1, "leverage": 2}],
        "orders": [{"bar": 0, "slot": 0, "size": 1}, {"bar": 1, "slot": 0, "size": 0, "target": True, "trail": 2}],
        "margin_actions": [{"bar": 0, "slot": 0, "add": 100}, {"bar": 0, "slot": 0, "set_leverage": 5}],
    }


def put(data: Any, path: tuple[Any, ...], value: Any) -> None:
    """Set one value deep inside; the last step of the path may be a new key."""
    for step in path[:-1]:
        data = data[step]
    data[path[-1]] = value


def drop(data: Any, path: tuple[Any, ...]) -> None:
    for step in path[:-1]:
        data = data[step]
    del data[path[-1]]
