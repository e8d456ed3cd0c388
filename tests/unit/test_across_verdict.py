"""What a comparison across venues says, on numbers written by hand."""

import pandas as pd
import pytest

from backtester.comparing.across_verdict import across_verdict

MODES = ("isolated", "cross")


def said(final, depth=None, *, spread=0.0, trailing=False, modes=MODES):
    """Return the verdict on final equities and drawdowns by venue, a value per mode."""
    depth = depth or {venue: [0.25] * len(modes) for venue in final}
    columns = pd.MultiIndex.from_product([final, modes], names=["venue", "mode"])
    values = {"final_equity": final, "max_drawdown_in_bars": depth}
    rows = [[number for venue in final for number in of[venue]] for of in values.values()]
    metrics = pd.DataFrame(rows, index=list(values), columns=columns)
    band = pd.concat(
        {path: metrics.loc["final_equity"] + shift for path, shift in (("adverse", 0.0), ("favourable", spread))},
        names=["path"],
    ).to_frame("final_equity")
    band = band.reorder_levels(["venue", "mode", "path"]).sort_index()
    return across_verdict(metrics, band, balance=10_000, unit="USDT", trailing=trailing)


def test_the_mode_matters_more():
    words = said({"okx": [9_000, 5_000], "kraken": [9_500, 5_250]}, {"okx": [0.25, 0.5], "kraken": [0.125, 0.5]})
    assert words == (
        "Isolated on kraken ended highest, at 9,500.00 USDT whatever the path inside the bars; cross on okx lowest, "
        "at 5,000.00. Isolated ends higher on both venues. In final equity the mode matters more than the venue: "
        "it moves 4,000.00 to 4,250.00 USDT, the venue 250.00 to 500.00. Isolated has the smaller drawdown inside "
        "bars on both venues. In drawdown inside bars the mode matters more than the venue: it moves 25.00 to 37.50 "
        "pp, the venue 0.00 to 12.50."
    )


def test_the_venue_matters_more_and_turns_the_mode():
    words = said({"okx": [9_000, 9_250], "kraken": [5_500, 5_000]})
    assert "Which mode ends higher depends on the venue: cross on okx; isolated on kraken." in words
    assert "venue matters more than the mode: it moves 3,500.00 to 4,250.00 USDT, the mode 250.00 to 500.00." in words
    assert words.endswith("In drawdown inside bars neither mode nor venue matters.")


def test_more_in_one_mode_and_less_in_another():
    words = said({"okx": [9_000, 9_250], "kraken": [9_100, 5_000], "bybit": [9_050, 9_100]})
    assert "the mode moves 50.00 to 4,100.00 USDT, the venue 100.00 in isolated (about as much) and" in words
    assert "4,250.00 in cross (more than the mode)." in words


@pytest.mark.parametrize(("spread", "trailing"), [(300.0, False), (0.0, True)])
def test_what_the_path_could_change(spread, trailing):
    words = said({"okx": [9_000, 8_900], "kraken": [5_500, 5_000]}, spread=spread, trailing=trailing)
    assert words.startswith("Isolated on okx ended highest, at 9,000.00 USDT, which another path inside the bars could")


def test_ties():
    assert said({"okx": [9_000, 9_000], "kraken": [9_000, 9_000]}).startswith("All ended with 9,000.00 USDT. In final")
    words = said({"okx": [9_000, 9_000], "kraken": [8_000, 9_000], "bybit": [7_000, 8_000]})
    assert words.startswith("Isolated on okx, cross on okx and kraken ended highest, at 9,000.00 USDT; isolated")
    assert "depends on the venue: neither on okx; cross on kraken and bybit." in words
    assert said({"okx": [9_000, 9_000], "kraken": [8_000, 8_000]}).startswith("Isolated and cross on okx ended highest")


def test_three_venues_agree():
    words = said({"okx": [9_000, 5_000], "kraken": [9_500, 5_250], "bybit": [9_500, 5_250]})
    assert "Isolated ends higher on every venue." in words


def test_of_three_modes_two_can_be_alike():
    words = said({"okx": [9_000, 9_000, 1], "kraken": [1, 2, 3]}, modes=("isolated", "cross", "mixed"))
    assert "Which mode ends highest depends on the venue: no mode alone on okx; mixed on kraken." in words


def test_what_no_table_shows_matters_to_nobody():
    words = said({"okx": [9_000, 9_000], "kraken": [9_000.001, 9_000.002]})
    assert words.startswith("All ended with 9,000.00 USDT. Which mode")
    assert "In final equity neither mode nor venue matters." in words


def test_one_mode_is_only_ranked():
    assert said({"okx": [9_000], "kraken": [8_000]}, modes=("cross",)) == (
        "Cross on okx ended highest, at 9,000.00 USDT whatever the path inside the bars; cross on kraken lowest, "
        "at 8,000.00."
    )


def test_names_are_kept_and_modes_are_words():
    words = said({"crypto_com": [9_000, 8_000], "okx": [1_000, 2_000]}, modes=("sub_accounts", "mixed"))
    assert words.startswith("Sub-accounts on crypto_com ended highest")
