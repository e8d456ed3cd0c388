"""A second process draws the same charts as the first would, and is missed by nobody when it does not."""

import os
import signal
import tempfile
from dataclasses import replace

import pytest

from reports import helper as module
from reports.closeup import largest
from reports.helper import Helper, helper
from reports.pictures import FOLDER, charts_of_report, draw_picture
from reports.write import write_report


@pytest.fixture(scope="module")
def hand():
    """Return a process that got Ctrl-C before it had begun, which is not for it."""
    found = Helper()
    if os.name == "posix":
        os.kill(found._process.pid, signal.SIGINT)
    yield found
    found.end()


@pytest.fixture
def aside(tmp_path, monkeypatch):
    """Return the folder of temporary files, which only this test fills."""
    place = tmp_path / "aside"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def files(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_it_draws_what_we_would_draw(hand, grid, tmp_path, aside):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    hand.begin(grid, 1, theirs)
    drawn = hand.drawn()
    charts = charts_of_report(grid, largest(grid, 1))
    assert [drawn[place] for place in range(len(charts))] == [draw_picture(grid, ours, each)[0] for each in charts]
    assert files(ours) == files(theirs)
    assert not list(aside.iterdir())


def test_a_report_is_the_same_with_it(hand, grid, tmp_path):
    alone = write_report(grid, tmp_path / "alone", close_ups=1).parent
    helped = write_report(grid, tmp_path / "helped", close_ups=1, helper=hand).parent
    assert files(helped) == files(alone)


def test_one_that_is_gone_is_not_missed(grid, tmp_path, aside):
    gone = Helper()
    gone._process.kill()
    gone._process.join()
    try:
        page = write_report(grid, tmp_path / "run", close_ups=0, helper=gone)
    finally:
        gone.end()
    assert len(list((page.parent / FOLDER).glob("*.svg"))) == len(charts_of_report(grid, []))
    assert not list(aside.iterdir())


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system cannot stop a process")
def test_one_that_hangs_is_ended_and_not_missed(grid, tmp_path, aside, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    hangs = Helper()
    os.kill(hangs._process.pid, signal.SIGSTOP)
    try:
        page = write_report(grid, tmp_path / "run", close_ups=0, helper=hangs)
        assert hangs._process.exitcode == -signal.SIGKILL
        again = write_report(grid, tmp_path / "again", close_ups=0, helper=hangs)
    finally:
        hangs.end()
    assert len(list((page.parent / FOLDER).glob("*.svg"))) == len(charts_of_report(grid, []))
    assert files(again.parent) == files(page.parent)
    assert not list(aside.iterdir())


def test_charts_that_it_cannot_draw_are_left_to_us(hand, grid, tmp_path, aside):
    hand.begin(grid, 0, tmp_path / "absent")
    assert hand.drawn() == {}
    assert not list(aside.iterdir())


def test_what_cannot_be_handed_over_is_left_to_us(hand, grid, tmp_path, aside):
    hand.begin(replace(grid, notes=(lambda: "a note",)), 0, tmp_path)
    assert list(hand.left(3)) == [0, 1, 2]
    assert hand.drawn() == {}
    assert not list(aside.iterdir())


def test_a_large_comparison_is_not_handed_over(hand, grid, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CELLS", grid.first.market.n_bars * grid.first.market.n_instruments - 1)
    hand.begin(grid, 0, tmp_path)
    assert list(hand.left(3)) == [0, 1, 2]
    assert hand.drawn() == {}


@pytest.mark.parametrize(
    ("processors", "load", "there"), [(1, 0.0, False), (2, 1.2, True), (2, 1.6, False), (4, 2.9, True), (4, 5.0, False)]
)
def test_it_is_there_where_a_processor_is_free(monkeypatch, processors, load, there):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(processors)), raising=False)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0), raising=False)
    with helper() as found:
        assert (found is not None) == there
        process = found and found._process
    assert process is None or process.exitcode is not None


def test_where_no_load_is_known_processors_decide(monkeypatch):
    monkeypatch.delattr(os, "getloadavg", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    assert module._has_room()
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0}, raising=False)
    assert not module._has_room()


def test_a_system_that_starts_no_process_does_without(monkeypatch):
    def fail():
        raise OSError("no locks here")

    monkeypatch.setattr(module, "_has_room", lambda: True)
    monkeypatch.setattr(module, "Helper", fail)
    with helper() as found:
        assert found is None
