"""Does every fault in a scenario name its key, value and cure?"""

from typing import Any

import pytest

from backtester.errors import ConfigurationError
from backtester.scenario import Scenario, validate
from tests.unit.scenario_file import START, drop, put, scenario

# What is refused: where the value goes, the value, and how the message starts


BAD_VALUES = [
    # the file
    (("order",), [], "order: is an unknown key; found 'order'; nearest: orders"),
    (("slots",), {}, "slots: is not a list; found {}"),
    (("venue",), [], "venue: is not an object; found []"),
    (("account",), None, "account: is not an object; found None"),
    # times
    (("open_time",), [], "open_time: has no bars; found []"),
    (("open_time", 2), START, "open_time[2]: does not come after"),
    (("open_time", 1), START, "open_time[1]: does not come after"),
    (("open_time", 1), 1.5, "open_time[1]: is not a whole number; found 1.5; allowed: nanoseconds UTC"),
    (("open_time", 1), True, "open_time[1]: is not a whole number; found True"),
    (("open_time", 3), 2**63, "open_time[3]: is out of range"),
    # instruments
    (("instruments",), [], "instruments: is empty"),
    (("instruments", 1, "symbol"), "A", "instruments[1].symbol: is already the symbol of instruments[0]; found 'A'"),
    (("instruments", 0, "symbol"), " ", "instruments[0].symbol: is not a name"),
    (("instruments", 0, "symbl"), "A", "instruments[0].symbl: is an unknown key; found 'symbl'; nearest: symbol"),
    (("instruments", 0, "contract"), "lineer", "instruments[0].contract: is not one of the allowed values; "),
    (("instruments", 0, "tier_key"), "size", "instruments[0].tier_key: is not one of the allowed values; found 'size'"),
    (("instruments", 0, "taker_fee"), 1, "instruments[0].taker_fee: is out of range; found 1"),
    (("instruments", 0, "lot"), -0.1, "instruments[0].lot: is out of range; found -0.1; allowed: a number of at least"),
    (("instruments", 0, "min_notional"), "5", "instruments[0].min_notional: is not a number; found '5'"),
    # tiers
    (("instruments", 0, "tiers"), [], "instruments[0].tiers: does not start at floor 0; found []"),
    (("instruments", 0, "tiers"), [[1, 0.1, 10]], "instruments[0].tiers: does not start at floor 0"),
    (("instruments", 0, "tiers"), [[0, 0.1, 10], [0, 0.2, 5]], "instruments[0].tiers: has floor 0 in row 1 after 0;"),
    (("instruments", 0, "tiers"), [[0, 0.2, 10], [9, 0.1, 5]], "instruments[0].tiers: has rate 0.1 in row 1 after 0.2"),
    (("instruments", 0, "tiers"), [[0, 0.1, 5], [9, 0.2, 6]], "instruments[0].tiers: has max_leverage 6 in row 1 aft"),
    (("instruments", 0, "tiers"), [[0, 0.1]], "instruments[0].tiers: has a row 0 that is not of three numbers"),
    (("instruments", 0, "tiers", 1), None, "instruments[0].tiers: has a row 1 that is not of three numbers"),
    (("instruments", 0, "tiers"), [[0, 1, 5]], "instruments[0].tiers: has a maintenance_rate in row 0 that is out of"),
    (("instruments", 0, "tiers"), [[0, 0.1, 0]], "instruments[0].tiers: has a max_leverage in row 0 that is out of"),
    # bars
    (("bars",), [], "bars: does not match the instruments; found '0 entries'; allowed: 2 entries"),
    (("bars", 0, "opn"), [], "bars[0].opn: is an unknown key; found 'opn'; nearest: open"),
    (("bars", 0, "open"), None, "bars[0].open: is not a list; found None"),
    (("bars", 0, "open"), [8.0, 9.0], "bars[0].open: does not match open_time; found '2 values'; allowed: 4 values"),
    (("bars", 0, "low", 2), -9.0, "bars[0].low[2]: is not a price; found -9.0; allowed: a price above 0"),
    (("bars", 0, "low", 2), 0, "bars[0].low[2]: is not a price; found 0.0"),
    (("bars", 0, "low", 2), 5e-324, "bars[0].low[2]: is not a price; found 5e-324"),
    (("bars", 0, "high", 2), 1e308, "bars[0].high[2]: is too large to reckon with; found 1e+308"),
    (("orders", 0, "size"), 1e308, "orders[0].size: is too large to reckon with; found 1e+308; allowed: a finite"),
    (("account", "balance"), 1e308, "account.balance: is too large to reckon with; found 1e+308"),
    (("instruments", 0, "lot"), 5e-324, "instruments[0].lot: is out of range; found 5e-324; allowed: a number"),
    (("bars", 0, "high", 1), 8.5, "bars[0].open[1]: is outside of the bar; found 9.0; allowed: low <= open <= high"),
    (("bars", 0, "close", 3), 14.0, "bars[0].close[3]: is outside of the bar; found 14.0"),
    (("bars", 1, "mark_close", 3), 14, "bars[1].mark_close[3]: is outside of the bar; found 14.0; allowed: mark_low <"),
    (("bars", 0, "open", 1), "9", "bars[0].open[1]: is not a number; found '9'; allowed: a price above 0, or null"),
    (("bars", 0, "open", 1), True, "bars[0].open[1]: is not a number; found True"),
    (("bars", 0, "open", 1), float("nan"), "bars[0].open[1]: is not a finite number; found nan"),
    (("bars", 0, "high", 1), float("inf"), "bars[0].high[1]: is not a finite number; found inf"),
    (("bars", 0, "high", 1), 10**400, "bars[0].high[1]: is not a finite number"),
    (("bars", 0, "mark_open"), [8, 9, 10, 11], "bars[0].mark_high: is missing beside mark_open"),
    (("bars", 1, "mark_low"), None, "bars[1].mark_low: is missing beside mark_open; found None; allowed: all four"),
    # funding
    (("funding", 0, "instrument"), 2, "funding[0].instrument: is out of range; found 2; allowed: 0 to 1"),
    (("funding", 0, "instrument"), -1, "funding[0].instrument: is out of range; found -1"),
    (("funding", 0, "rate"), None, "funding[0].rate: is not a number; found None"),
    (("funding", 0, "rate"), float("inf"), "funding[0].rate: is not a finite number"),
    (("funding", 0, "mark"), 0, "funding[0].mark: is out of range; found 0; allowed: a number above 0"),
    (("funding", 0, "time"), 1.0e18, "funding[0].time: is not a whole number"),
    # venue
    (("venue",), {"reductions": "full"}, "venue.reductions: is an unknown key; found 'reductions'; nearest: reduction"),
    (("venue",), {"reduction": "half"}, "venue.reduction: is not one of the allowed values; found 'half'"),
    (("venue",), {"hedge_offset": None}, "venue.hedge_offset: is not one of the allowed values; found None"),
    (("venue",), {"slippage": -0.1}, "venue.slippage: is out of range; found -0.1; allowed: a fraction of at least 0"),
    # account
    (("account", "balance"), 0, "account.balance: is out of range; found 0; allowed: a number above 0"),
    (("account", "mode"), "isolatd", "account.mode: is not one of the allowed values; found 'isolatd'; nearest: isol"),
    (("account", "path"), "worst", "account.path: is not one of the allowed values; found 'worst'; allowed: adverse"),
    (("account", "leverage"), 3, "account.leverage: is an unknown key"),
    # slots
    (("slots", 0, "instrument"), 2, "slots[0].instrument: is out of range; found 2"),
    (("slots", 0, "instrument"), 0.0, "slots[0].instrument: is not a whole number"),
    (("slots", 0, "leverage"), 0, "slots[0].leverage: is out of range; found 0; allowed: a number above 0"),
    (("slots", 0, "mode"), "mixed", "slots[0].mode: is not one of the allowed values; found 'mixed'"),
    (("slots", 0, "group"), -1, "slots[0].group: is out of range; found -1"),
    (("slots", 0), 3, "slots[0]: is not an object; found 3; allowed: an object with instrument, leverage"),
    (("sub_account_shares",), [0.5, 0.6], "sub_account_shares: sum to 1.1; found [0.5, 0.6]"),
    (("sub_account_shares",), [0.5, -0.1], "sub_account_shares[1]: is out of range; found -0.1"),
    # orders
    (("orders", 0, "slot"), 2, "orders[0].slot: is out of range; found 2; allowed: 0 to 1, an index into slots"),
    (("orders", 0, "bar"), 4, "orders[0].bar: is out of range; found 4; allowed: -1 to 3, the decision bar"),
    (("orders", 0, "bar"), -2, "orders[0].bar: is out of range; found -2"),
    (("orders", 1, "bar"), 0, "orders[1]: is for the same slot and bar as orders[0]; found {'bar': 0, 'slot': 0}"),
    (("orders", 0, "size"), float("nan"), "orders[0].size: is not a finite number; found nan"),
    (("orders", 0, "size"), None, "orders[0].size: is not a number; found None"),
    (("orders", 1, "size_type"), "qty", "orders[1].size_type: is not one of the allowed values; found 'qty'"),
    (("orders", 0, "target"), 1, "orders[0].target: is not true or false; found 1; allowed: true, false"),
    (("orders", 0, "margin"), -1, "orders[0].margin: is out of range; found -1"),
    (("orders", 0, "limit"), -1, "orders[0].limit: is out of range; found -1; allowed: a number above 0"),
    (("orders", 0, "stop"), -1, "orders[0].stop: is out of range; found -1"),
    (("orders", 0, "take_profit"), -1, "orders[0].take_profit: is out of range; found -1"),
    (("orders", 0, "trail"), 0, "orders[0].trail: is out of range; found 0; allowed: a number above 0"),
    (("orders", 0, "trail_fraction"), 0, "orders[0].trail_fraction: is out of range; found 0"),
    (("orders", 0, "trail_fraction"), 1, "orders[0].trail_fraction: is out of range; found 1; allowed: a fraction abo"),
    (("orders", 1, "trail_fraction"), 0.1, "orders[1].trail_fraction: is given together with trail; found 0.1"),
    (("orders", 0, "watch"), "index", "orders[0].watch: is not one of the allowed values; found 'index'"),
    (("orders", 0, "stopp"), 1, "orders[0].stopp: is an unknown key; found 'stopp'; nearest: stop"),
    # margin instructions
    (("margin_actions", 0, "add"), -1, "margin_actions[0].add: is out of range; found -1; allowed: a number of at lea"),
    (("margin_actions", 0, "remove"), 1, "margin_actions[0]: is not one instruction; found ['add', 'remove']"),
    (("margin_actions", 0, "add"), None, "margin_actions[0]: is not one instruction; found []; allowed: exactly one"),
    (("margin_actions", 1, "set_leverage"), 0, "margin_actions[1].set_leverage: is out of range; found 0"),
    (("margin_actions", 0, "slot"), 9, "margin_actions[0].slot: is out of range; found 9"),
    (("margin_actions", 0, "bar"), 9, "margin_actions[0].bar: is out of range; found 9"),
]


@pytest.mark.parametrize(("path", "value", "message"), BAD_VALUES, ids=[case[2].split(";")[0] for case in BAD_VALUES])
def test_bad_values(path: tuple[Any, ...], value: Any, message: str) -> None:
    data = scenario()
    put(data, path, value)
    with pytest.raises(ConfigurationError) as caught:
        Scenario.from_dict(data)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (("open_time",), "the file: has no open_time"),
        (("slots",), "the file: has no slots"),
        (("account", "balance"), "account: has no balance; found ['mode']. Add balance; needed are balance, mode."),
        (("instruments", 1, "tiers"), "instruments[1]: has no tiers"),
        (("bars", 0, "close"), "bars[0]: has no close"),
        (("orders", 1, "size"), "orders[1]: has no size"),
        (("funding", 0, "rate"), "funding[0]: has no rate"),
    ],
)
def test_missing_keys(path: tuple[Any, ...], message: str) -> None:
    data = scenario()
    drop(data, path)
    with pytest.raises(ConfigurationError) as caught:
        validate(data)
    assert str(caught.value).startswith(message)


def test_negative_remove() -> None:
    data = scenario()
    data["margin_actions"] = [{"bar": 0, "slot": 0, "remove": -1}]
    with pytest.raises(ConfigurationError, match=r"margin_actions\[0\].remove: is out of range; found -1"):
        validate(data)


@pytest.mark.parametrize("shares", [[], [0.5]])
def test_a_group_needs_its_share(shares: list[float]) -> None:
    data = scenario()
    data["account"]["mode"] = "sub_accounts"
    data["sub_account_shares"] = shares
    data["slots"][0]["group"] = 1
    with pytest.raises(ConfigurationError, match=r"slots\[0\].group: is out of range; found 1.*sub_account_shares"):
        validate(data)


def test_shares_may_sum_to_a_rounded_one() -> None:
    data = scenario()
    data["sub_account_shares"] = [0.1, 0.2, 0.7000000000000001]
    validate(data)


@pytest.mark.parametrize("data", [[], None, 3, "text"])
def test_not_an_object(data: Any) -> None:
    with pytest.raises(ConfigurationError, match="the file: is not an object"):
        validate(data)
