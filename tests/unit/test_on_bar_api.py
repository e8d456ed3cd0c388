"""What an author sees of a bar, its slots, the account and an order: this, and nothing else."""

import pytest

from tests.on_bar import account, candles, play

PRICES = {"open", "high", "low", "close", "mark"}
LOOKS = {"history", "indicator"}
ORDERS = {"buy", "sell", "target", "close", "stop_loss", "take_profit", "trailing_stop", "cancel_all"}
POOL = {"equity", "requirement", "initial_margin", "free_margin", "margin_ratio"}
SEEN = {
    "bar": PRICES | LOOKS | {"index", "time", "open_time", "symbols", "account", "slots", "share"}
    | {"events", "fills", "liquidations", "one_cancels_other"},
    "slot": ORDERS | LOOKS | POOL | {"add_margin", "remove_margin", "set_leverage"}
    | {"symbol", "label", "price", "mark", "quantity", "entry", "leverage", "pnl", "funding_paid", "isolated_margin"}
    | {"liquidation_price", "distance", "is_open", "is_isolated"},
    "account": {"equity", "free_margin", "available_margin", "is_bankrupt", "n_events"},
    "order": {"id", "type", "is_working", "cancel"},
}  # fmt: skip


@pytest.mark.parametrize("what", SEEN)
def test_what_an_author_sees(what):
    def look(bar):
        things = {"bar": bar, "slot": bar[0], "account": bar.account, "order": bar[0].buy(1.0)}
        return {name for name in dir(things[what]) if not name.startswith("_")}

    _, looked = play(candles(64, 64), {}, look, account())
    assert looked == [SEEN[what]] * 2


@pytest.mark.parametrize(("what", "name"), [("slot", "equity"), ("account", "free_margin"), ("account", "is_bankrupt")])
def test_what_is_seen_cannot_be_written(what, name):
    def look(bar):
        with pytest.raises(AttributeError, match=f"{name} can only be read"):
            setattr({"slot": bar[0], "account": bar.account}[what], name, 1.0)
        return True

    assert play(candles(64, 64), {}, look, account())[1] == [True, True]
