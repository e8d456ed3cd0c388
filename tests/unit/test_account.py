"""Is an account checked when it is made, with messages that name the setting?"""

import dataclasses
import pickle

import pytest

from backtester.account import MODES, PATHS, Account, rules_of, venue_of
from backtester.errors import ConfigurationError
from backtester.venue import load_venue


def test_defaults() -> None:
    account = Account()
    assert (account.balance, account.leverage, account.venue) == (10_000.0, 1.0, "generic")
    assert (account.mode, account.path) == ("isolated", "adverse")
    assert (account.isolated, dict(account.shares), dict(account.rules)) == ((), {}, {})


def test_numbers_become_floats() -> None:
    account = Account(balance=500, leverage=3, shares={"a": 1})
    assert isinstance(account.balance, float)
    assert isinstance(account.leverage, float)
    assert isinstance(account.shares["a"], float)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("path", PATHS)
def test_every_mode_and_path_is_accepted(mode: str, path: str) -> None:
    assert Account(mode=mode, path=path).mode == mode


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"leverage": 0}, "account.leverage: must be above 0; found 0"),
        ({"leverage": -3}, "account.leverage: must be above 0; found -3"),
        ({"leverage": float("nan")}, "account.leverage: must be above 0"),
        ({"leverage": "10"}, "account.leverage: is not a number; found '10'"),
        ({"balance": 0}, "account.balance: must be above 0; found 0"),
        ({"balance": float("inf")}, "account.balance: must be above 0; found inf; allowed: a finite number"),
        ({"balance": 1e300}, "account.balance: is too large to reckon with; found 1e+300; allowed: numbers"),
        ({"balance": True}, "account.balance: is not a number; found True"),
        ({"balance": None}, "account.balance: is not a number; found None"),
        ({"mode": "isolatd"}, "account.mode: is an unknown mode; found 'isolatd'; nearest: isolated; allowed: "),
        ({"mode": None}, "account.mode: is an unknown mode; found None; allowed: isolated, cross"),
        ({"path": "adversed"}, "account.path: is an unknown path; found 'adversed'; nearest: adverse"),
        ({"isolated": "BTCUSDT"}, "account.isolated: is not a list of slot names"),
        ({"isolated": (1,)}, "account.isolated: is not a list of slot names"),
        ({"shares": [0.5]}, "account.shares: is not a mapping"),
        ({"shares": {"a": -0.1}}, "account.shares.a: is not a share; found -0.1"),
        ({"shares": {"a": float("nan")}}, "account.shares.a: is not a share; found nan"),
        ({"shares": {"a": 0.6, "b": 0.5}}, "account.shares: sum to more than 1"),
        ({"rules": {"slipage": 0.1}}, "account.rules.slipage: is an unknown key; found 'slipage'; nearest: slippage"),
        ({"rules": {"slippage": -0.1}}, "account.rules.slippage: is out of range; found -0.1"),
        ({"rules": {"reduction": "ful"}}, "account.rules.reduction: is not one of the allowed values; found 'ful'"),
        ({"rules": 3}, "account.rules: is not a mapping"),
    ],
)
def test_bad_settings(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Account(**settings)  # type: ignore[arg-type]
    assert str(caught.value).startswith(message)


def test_shares_may_sum_to_a_rounded_one() -> None:
    assert sum(Account(shares={"a": 0.7, "b": 0.2, "c": 0.1}).shares.values()) == pytest.approx(1)


def test_rules_are_the_venues_with_overrides() -> None:
    plain = load_venue("generic").rules
    account = Account(rules={"slippage": 0.25, "liquidation_order": "largest_loss"})
    rules = rules_of(account)
    assert (rules.slippage, rules.liquidation_order) == (0.25, "largest_loss")
    assert dataclasses.replace(rules, slippage=plain.slippage, liquidation_order=plain.liquidation_order) == plain
    assert rules_of(Account()) == plain


def test_overrides_name_only_what_they_change() -> None:
    assert dict(Account(rules={"slippage": 0.25}).rules) == {"slippage": 0.25}


def test_a_venue_may_be_given_by_name_or_as_itself() -> None:
    venue = load_venue("generic")
    assert venue_of(Account()) is venue
    assert venue_of(Account(venue=venue)) is venue


def test_unknown_venue_names_what_there_is() -> None:
    with pytest.raises(ConfigurationError, match="generic"):
        rules_of(Account(venue="generik"))


def test_accounts_are_frozen_replaceable_and_pickle() -> None:
    account = Account(shares={"a": 0.5}, rules={"slippage": 0.25}, isolated=["BTCUSDT"])  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        account.balance = 1  # type: ignore[misc]
    assert dataclasses.replace(account, mode="cross").rules == {"slippage": 0.25}
    assert pickle.loads(pickle.dumps(account)) == account
    assert dataclasses.asdict(account)["isolated"] == ("BTCUSDT",)


def test_an_account_does_not_share_the_mappings_it_was_given() -> None:
    rules: dict[str, object] = {"slippage": 0.25}
    shares = {"a": 0.5}
    account = Account(rules=rules, shares=shares)
    rules["slippage"] = 0.5
    shares["a"] = 1.0
    assert (account.rules["slippage"], account.shares["a"]) == (0.25, 0.5)
