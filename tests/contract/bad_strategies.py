"""Strategies put together from functions, and how they are refused."""

import pytest

from backtester.account import Account
from backtester.asking.intents import plan
from backtester.errors import StrategyError
from backtester.strategy import Strategy
from tests.strategy_market import random_market

N, SLOTS = 240, 2
PRICES = random_market(N, SLOTS)


def strategy(function, name="Bad", slots=None):
    """A strategy whose method is `function(market)`, in the file of that function: messages name it."""
    members = {"targets": lambda self, market: function(market), "__module__": function.__module__}
    if slots is not None:
        members["slots"] = lambda self, market: slots(market)
    return type(name, (Strategy,), members)()


def refuse(bad, said, prices=PRICES, check=False):
    with pytest.raises(StrategyError, match=said) as caught:
        plan(bad, prices, Account(), check=check)
    return caught.value


def called(function, name="Bad", **members):
    """A strategy whose method `on_bar` is `function(self, bar)`; further methods by name."""
    return type(name, (Strategy,), {"on_bar": function, "__module__": function.__module__, **members})()
