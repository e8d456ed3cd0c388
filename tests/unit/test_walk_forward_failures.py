"""Is a combination that fails never chosen, said with its error, and does it leave the others alone?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from backtester.errors import ConfigurationError
from backtester.walk_forward import WalkForward
from tests.strategy_market import market
from tests.unit.test_walk_forward import UP_AND_DOWN, WINDOWS, walked

FRAIL = '''
"""Always in the market; one of three cannot be asked, another one ends at the price of 99."""

from backtester import Strategy, Targets


class Frail(Strategy):
    side: float = 1.0
    trouble: str = ""

    def targets(self, market):
        if self.trouble == "asked":
            raise ValueError("no such luck")
        return Targets(quantity=8.0 * self.side)

    def on_bar(self, bar):
        if self.trouble == "bar" and bar[0].price <= 99.0:
            raise ValueError("too low")
'''


def frail(folder: Path, **changes: Any) -> dict[str, Any]:
    (folder / "frail.py").write_text(FRAIL)
    plan = {"strategy": f"{folder / 'frail.py'}:Frail", "leverage": 2, "walk_forward": WINDOWS, "check": False}
    return plan | changes


def chosen(result: WalkForward, name: str, mode: str = "cross") -> list[Any]:
    table = result.table
    return table.loc[table["mode"] == mode, name].tolist()


def test_one_that_fails_is_never_chosen_and_the_others_are_as_without_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    on = market(UP_AND_DOWN)
    sound = walked(monkeypatch, on, frail(tmp_path, params={"side": [-1.0, 1.0]}))
    plan = frail(tmp_path, params={"side": [-1.0, 1.0], "trouble": ["asked", ""]})
    result = walked(monkeypatch, on, plan, workers=2)
    assert chosen(result, "params.trouble") == ["", "", ""]
    assert chosen(result, "params.side") == chosen(sound, "params.side") == [1.0, 1.0, -1.0]
    names = ["window", "mode", "in_sample", "out_of_sample", "final_equity"]
    pd.testing.assert_frame_equal(result.table[names], sound.table[names], check_exact=True)
    assert result.table["error"].isna().all()
    failed = result.choices["error"].notna()
    assert failed.equals(result.choices["params.trouble"] == "asked") and failed.sum() == 12 == len(failed) / 2
    assert result.choices["in_sample"].isna().equals(failed)
    assert result.choices.loc[failed, "error"].str.contains("no such luck").all()
    said = " ".join(str(result).split())
    assert "12 of 24 runs in sample failed and could not be chosen. The first: side=-1, trouble='asked' in " in said


def test_where_all_have_failed_the_window_is_flat_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The third choice is made on bars below 99; before that both are there."""
    falling = [100.0] * 9 + [98.0] * 3 + [100.0] * 4
    result = walked(monkeypatch, market(falling), frail(tmp_path, params={"trouble": "bar", "side": [1.0, -1.0]}))
    assert result.table["params.side"].isna().tolist() == [False, False, False, False, True, True]
    last = result.table.iloc[-1]
    assert last["error"].startswith("nothing could be chosen: all 2 combinations failed. The first: ")
    assert "too low" in last["error"]
    assert last["final_equity"] == result.table.iloc[-3]["final_equity"]
    notes = [" ".join(note.split()) for note in str(result).split("  * ")]
    assert any(note.startswith("Window 3 of cross stayed out of the market: nothing could be") for note in notes)


def test_one_that_fails_in_the_test_leaves_the_market_for_that_window(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The second test falls below 99; what was chosen for it ran through in sample."""
    falling = [100.0] * 9 + [98.0] * 3 + [100.0] * 4
    plan = frail(tmp_path, params={"trouble": ["bar", ""], "side": 1.0})
    result = walked(monkeypatch, market(falling), plan)
    table = result.table[result.table["mode"] == "isolated"].set_index("window")
    assert table["params.trouble"].tolist() == ["bar", "bar", ""]  # the first of equal ones, while it can be
    assert table["error"].notna().tolist() == [False, True, False]
    assert table.at[2, "error"].startswith("the test failed: ") and "too low" in table.at[2, "error"]
    assert table.at[2, "final_equity"] == table.at[1, "final_equity"]
    assert "bar (failed)" in str(result)


def test_what_is_chosen_for_all_modes_has_to_have_run_in_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A leverage that isolated margin may have and cross may not would leave cross without a run."""
    from backtester.walk_forward import choosing

    real = choosing.Chooser._on

    def but_not_in_isolated(self: Any, wishes: Any, account: Any, run: Any) -> Any:
        if account.mode == "isolated" and account.leverage == 5:
            raise ConfigurationError("account", 5, "is refused here")
        return real(self, wishes, account, run)

    monkeypatch.setattr(choosing.Chooser, "_on", but_not_in_isolated)
    plan = frail(tmp_path, params={"side": 1.0}, leverage=[5, 2])
    own = walked(monkeypatch, market(UP_AND_DOWN), plan)
    assert (chosen(own, "leverage", "isolated"), chosen(own, "leverage")) == ([2, 2, 2], [5, 5, 5])
    of_cross = walked(monkeypatch, market(UP_AND_DOWN), plan | {"walk_forward": WINDOWS | {"of": "cross"}})
    assert chosen(of_cross, "leverage", "isolated") == chosen(of_cross, "leverage") == [2, 2, 2]


def test_if_every_run_fails_there_is_an_error_and_no_report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plan = frail(tmp_path, params={"trouble": "asked"}, leverage=[2, 5])
    with pytest.raises(ConfigurationError, match=r"all 12 runs in sample failed: nothing can be chosen. The f.*luck"):
        walked(monkeypatch, market(UP_AND_DOWN), plan)
