"""Strategies of one function that is called at every bar, and accounts without fees whose figures are round."""

import pandas as pd

from backtester.account import Account
from backtester.engine import run
from backtester.market import Market
from backtester.strategy import Strategy
from backtester.venue import Instrument, Tier, Venue, VenueRules

__all__ = ["DOWN", "UP", "OnBar", "account", "asks", "candles", "holding", "on_bar", "play", "said", "story"]

DOWN = (64, 64, 48, 64)  # a bar that dips
UP = (64, 80, 64, 64)


class OnBar(Strategy):
    """Its name in messages."""


def on_bar(function, *, slots=None, indicators=None, targets=None, name="OnBar"):
    """A strategy whose method `on_bar` is `function(bar)`, in the file of that function: messages name it."""
    members = {"on_bar": lambda self, bar: function(bar), "__module__": function.__module__}
    for method, given in (("slots", slots), ("indicators", indicators), ("targets", targets)):
        if given is not None:
            members[method] = lambda self, market, given=given: given(market)
    return type(name, (OnBar,), members)()


# Accounts whose figures can be reckoned in the head: no fees, and a maintenance rate of 1/64.


def account(mode="isolated", *, balance=1024.0, leverage=4.0, instrument=(), rules=(), **more):
    """An account at a venue without fees, whose maintenance rate is 1/64."""
    default = Instrument("*", tiers=(Tier(0.0, 1 / 64, 64.0),), **dict(instrument))
    venue = Venue("dyadic", VenueRules(**dict(rules)), {}, default)
    return Account(balance=balance, leverage=leverage, venue=venue, mode=mode, **more)


def candles(*rows, symbol="AUSDT", freq="1h", **kwargs):
    """A market of one symbol: rows of open, high, low, close, or one number for a bar that does not move."""
    whole = [row if isinstance(row, tuple) else (row,) * 4 for row in rows]
    index = pd.date_range("2025-01-01", periods=len(whole), freq=freq, tz="UTC")
    frame = pd.DataFrame(whole, index, columns=["open", "high", "low", "close"], dtype=float)
    return Market.from_frames({symbol: frame}, **kwargs)


def play(prices, script, look=None, of=None, **more):
    """Run what a script asks for, ``{bar: function(bar)}``; returns the result and what `look(bar)` saw at each bar."""
    looked = []

    def step(bar):
        if look is not None:
            looked.append(look(bar))
        if bar.index in script:
            script[bar.index](bar)

    return run(on_bar(step, **more), prices, of or account()), looked


def said(events):
    """What events say, in short: kind, quantity, price and reason."""
    return [(event.kind, event.quantity, event.price, event.reason) for event in events]


def story(prices, script, of=None, **more):
    """Return what happened: bar, kind, quantity, price, reason."""
    _, looked = play(prices, script, lambda bar: said(bar.events), of or account("cross"), **more)
    return [(bar, *event) for bar, events in enumerate(looked) for event in events]


def asks(*asked):
    """A script that asks at the close of bar 0."""
    return {0: lambda bar: [ask(bar["AUSDT"]) for ask in asked]}


def holding(quantity, *asked):
    """A script that opens at bar 0 and asks at the close of bar 1."""
    side = "buy" if quantity > 0 else "sell"
    return {
        0: lambda bar: getattr(bar["AUSDT"], side)(quantity=abs(quantity)),
        1: lambda bar: [ask(bar["AUSDT"]) for ask in asked],
    }
