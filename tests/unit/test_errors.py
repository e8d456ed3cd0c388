"""Do messages say what, where, found and cure, and do errors survive a trip to another process?"""

import pickle

import pytest

from backtester._fields import record
from backtester.errors import (
    BacktesterError,
    ConfigurationError,
    InvariantError,
    MarketDataError,
    StrategyError,
    nearest,
)
from backtester.scenario_parts.schema import RULE_FIELDS

ERRORS = [
    ConfigurationError("account.mode", "isolatd", "is unknown", allowed=("isolated", "cross"), cure="Correct it"),
    MarketDataError("negative price", instrument="BTCUSDT", bar=3, time=1760130000 * 10**9, found=-1.0, cure="Drop it"),
    StrategyError("Mine", "wrong shape", bar=2, time=0, slot="BTCUSDT long", found=(3, 4), cure="Return (10, 2)"),
    InvariantError("rows sum to cash", 1.5, 1.25, "pool 0, bar 7"),
]


def test_configuration_error_names_key_value_nearest_and_allowed() -> None:
    message = str(ERRORS[0])
    assert message == (
        "account.mode: is unknown; found 'isolatd'; nearest: isolated; allowed: isolated, cross. Correct it."
    )


def test_allowed_may_be_a_sentence() -> None:
    error = ConfigurationError("lot", -1, "is out of range", allowed="a number of at least 0")
    assert str(error) == "lot: is out of range; found -1; allowed: a number of at least 0"


@pytest.mark.parametrize(
    ("cure", "end"),
    [
        ("name a new folder", ". Name a new folder."),
        ("Name a new folder.", ". Name a new folder."),
        ("did you mean BTCUSDT?", ". Did you mean BTCUSDT?"),
        ("0 adds nothing", ". 0 adds nothing."),
        ("`close.copy()` makes one", ". `close.copy()` makes one."),
    ],
)
def test_the_cure_is_a_sentence(cure: str, end: str) -> None:
    assert str(MarketDataError("it is wrong", cure=cure)) == "it is wrong" + end


def test_a_problem_that_ends_in_a_full_stop_gets_no_second_one() -> None:
    assert str(MarketDataError("pyarrow says: bad footer.", cure="Mend it")) == "pyarrow says: bad footer. Mend it."


def test_every_rule_of_a_venue_is_among_the_allowed_ones() -> None:
    with pytest.raises(ConfigurationError) as caught:
        record({"foo": 1}, RULE_FIELDS, "venue")
    assert all(name in str(caught.value) for name in RULE_FIELDS)


@pytest.mark.parametrize("key", ["", "a\nb", "\ud800"])
def test_a_key_that_does_not_show_is_quoted(key: str) -> None:
    with pytest.raises(ConfigurationError, match="is an unknown key") as caught:
        record({key: 1}, RULE_FIELDS)
    assert str(caught.value).startswith(f"{key!r}: ")


def test_allowed_may_be_an_iterator() -> None:
    error = ConfigurationError("x", "b", "is unknown", allowed=iter(["a", "bb"]))
    assert error.allowed == ("a", "bb")
    assert "allowed: a, bb" in str(error)


def test_long_lists_and_values_are_shortened() -> None:
    error = ConfigurationError("symbol", "Q" * 500, "is unknown", allowed=[f"S{n}" for n in range(300)])
    assert "and 280 more" in str(error)
    assert len(str(error)) < 300


def test_market_data_error_names_instrument_bar_and_time() -> None:
    message = str(ERRORS[1])
    assert message == "BTCUSDT: negative price; bar 3 (2025-10-10 21:00:00 UTC); found -1.0. Drop it."


def test_market_data_error_with_time_only() -> None:
    assert str(MarketDataError("no rate", time=0)) == "no rate; 1970-01-01 00:00:00 UTC"
    assert str(MarketDataError("no rate", time=2**63 - 1)) == "no rate; 2262-04-11 23:47:16 UTC"


def test_strategy_error_names_strategy_slot_and_bar() -> None:
    message = str(ERRORS[2])
    assert message.startswith("strategy Mine: wrong shape; slot BTCUSDT long; bar 2 (1970-01-01")
    assert message.endswith("found (3, 4). Return (10, 2).")


def test_invariant_error_shows_both_sides() -> None:
    message = str(ERRORS[3])
    assert "left 1.5" in message
    assert "right 1.25" in message
    assert "difference 0.25" in message
    assert "pool 0, bar 7" in message


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_pickle_whole(error: BacktesterError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
    assert isinstance(copy, BacktesterError)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("isolatd", ["isolated"]),
        ("CROSS", ["cross"]),
        ("sub", ["sub_accounts"]),
        ("zzz", []),
        ("", []),
    ],
)
def test_nearest(value: str, expected: list[str]) -> None:
    assert nearest(value, ["isolated", "cross", "mixed", "sub_accounts"]) == expected


def test_nearest_finds_what_starts_alike_and_keeps_to_n() -> None:
    symbols = ["ETHUSDT", "BTCUSDT", "BTCUSDC", "BTCDOMUSDT", "SOLUSDT"]
    assert nearest("btc", symbols) == ["BTCUSDT", "BTCUSDC", "BTCDOMUSDT"]
    assert len(nearest("btc", symbols, n=1)) == 1
