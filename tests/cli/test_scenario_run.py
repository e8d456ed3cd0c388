"""Does `backtester scenario run` do what the format page says, in a real process?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from typer.testing import CliRunner

from backtester.cli import app
from backtester.cli import scenario as command
from tests.laws.engines import PER_BAR

Backtester = Callable[..., CompletedProcess[str]]
HOUR = 3_600_000_000_000

KEYS = {*PER_BAR, "events", "ledger", "totals", "pool_of_slot", "pool_kind", "mark_is_trade"}


def scenario(size: float = 1.0) -> dict[str, Any]:
    """Return a long of 8 at 64, 8x, that falls through its liquidation in the third bar."""
    return {
        "open_time": [t * HOUR for t in range(4)],
        "instruments": [{"symbol": "A", "tiers": [[0, 0.0078125, 100]]}],
        "bars": [
            {"open": [64, 64, 64, 48], "high": [64, 64, 64, 48], "low": [64, 64, 48, 48], "close": [64, 64, 48, 48]}
        ],
        "account": {"balance": 1024, "mode": "isolated"},
        "slots": [{"instrument": 0, "leverage": 8}],
        "orders": [{"bar": 0, "slot": 0, "size": size}],
    }


def write(file: Path, data: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(data if isinstance(data, str) else json.dumps(data))
    return file


@pytest.fixture(params=["kernel", "reference"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_run_needs_no_frames(backtester: Backtester, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(scenario()))
    done = backtester("scenario", "run", "one.json", python=("-X", "importtime"))
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "numba" in imported
    assert not imported & {"pandas", "pyarrow", "matplotlib"}  # they take longer to load than many small runs


def test_one_file_prints_its_result(backtester: Backtester, tmp_path: Path, engine: str) -> None:
    done = backtester("scenario", "run", write(tmp_path / "a.json", scenario()), "--engine", engine)
    assert done.stderr == ""
    assert done.returncode == 0
    result = json.loads(done.stdout)
    assert result.keys() >= KEYS
    assert [event["kind"] for event in result["events"]] == ["fill", "liquidation"]
    assert result["events"][1]["bar"] == 2
    assert result["totals"]["liquidations"] == 1


def test_the_kernel_is_the_default(backtester: Backtester, tmp_path: Path) -> None:
    file = write(tmp_path / "a.json", scenario())
    plain = backtester("scenario", "run", file)
    assert plain.stdout == backtester("scenario", "run", file, "--engine", "kernel").stdout
    assert plain.returncode == 0


def test_several_files_print_one_line_each_in_order(backtester: Backtester, tmp_path: Path, engine: str) -> None:
    files = [write(tmp_path / f"{size}.json", scenario(size)) for size in (3, 1, 2)]
    done = backtester("scenario", "run", *files, "--engine", engine)
    assert done.returncode == 0
    sizes = [json.loads(line)["quantity"][1][0] for line in done.stdout.splitlines()]
    assert sizes == [3, 1, 2]


def test_infinity_is_null(backtester: Backtester, tmp_path: Path, engine: str) -> None:
    data = scenario() | {"account": {"balance": 8, "mode": "cross"}}
    data["bars"] = [{name: [64, 64, 64, 4] for name in ("open", "high", "low", "close")}]
    done = backtester("scenario", "run", write(tmp_path / "a.json", data), "--engine", engine)
    assert done.returncode == 0
    assert "Infinity" not in done.stdout
    assert "NaN" not in done.stdout
    assert json.loads(done.stdout)["worst_margin_ratio"][3] is None


# Where it is written


def test_out_file(backtester: Backtester, tmp_path: Path, engine: str) -> None:
    file = write(tmp_path / "a.json", scenario())
    done = backtester("scenario", "run", file, "--engine", engine, "--out", tmp_path / "new" / "result.json")
    assert (done.returncode, done.stdout) == (0, "")
    assert json.loads((tmp_path / "new" / "result.json").read_text()).keys() >= KEYS
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["result.json"]


@pytest.mark.parametrize("exists", [True, False])
def test_out_folder(backtester: Backtester, tmp_path: Path, exists: bool) -> None:
    files = [write(tmp_path / f"{name}.json", scenario()) for name in "ab"]
    out = tmp_path / "out"
    if exists:
        out.mkdir()
    done = backtester("scenario", "run", *files, "--engine", "reference", "--out", out)
    assert (done.returncode, done.stdout) == (0, "")
    assert sorted(p.name for p in out.iterdir()) == ["a.json", "b.json"]


def test_an_input_is_never_overwritten(backtester: Backtester, tmp_path: Path) -> None:
    file = write(tmp_path / "a.json", scenario())
    before = file.read_bytes()
    for out in (tmp_path, file, tmp_path / "x" / ".." / "a.json"):
        done = backtester("scenario", "run", file, "--engine", "reference", "--out", out)
        assert done.returncode == 2
        assert "is one of the scenario files" in done.stderr
        assert file.read_bytes() == before


def test_only_a_result_is_overwritten(backtester: Backtester, tmp_path: Path) -> None:
    file = write(tmp_path / "in" / "a.json", scenario())
    for name, content in (("notes.txt", "mine"), ("a.json", json.dumps(scenario()))):
        other = write(tmp_path / "out" / name, content)
        done = backtester("scenario", "run", file, "--engine", "reference", "--out", other)
        assert done.returncode == 2
        assert "holds something other than a result" in done.stderr
        assert other.read_text() == content
    result = write(tmp_path / "out" / "empty.json", "")
    for engine in ("reference", "kernel"):
        assert backtester("scenario", "run", file, "--engine", engine, "--out", result).returncode == 0
        assert json.loads(result.read_text()).keys() >= KEYS


def test_a_folder_that_became_read_only_is_said_for_each_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise OSError(30, "Read-only file system")

    files = [write(tmp_path / f"{name}.json", scenario()) for name in "ab"]
    for method in ("write_text", "unlink"):
        monkeypatch.setattr(Path, method, fail)
    run = ["scenario", "run", *map(str, files), "--engine", "reference", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, run)
    assert done.exit_code == 2
    assert done.stderr.count("--out: cannot be written: Read-only file system") == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_behind_stdout(backtester: Backtester, tmp_path: Path) -> None:
    run = ["scenario", "run", write(tmp_path / "a.json", scenario()), "--engine", "reference"]
    for arguments in (["--help"], run):
        with Path("/dev/full").open("w") as full:
            done = backtester(*arguments, stdout=full)
        assert done.returncode == 2
        assert done.stderr.startswith("error: [Errno 28] No space left on device")
        assert "Traceback" not in done.stderr
        assert "please report" not in done.stderr


def test_two_files_of_one_name_are_refused_before_anything_runs(backtester: Backtester, tmp_path: Path) -> None:
    files = [write(tmp_path / folder / "a.json", scenario()) for folder in ("one", "two")]
    done = backtester("scenario", "run", *files, "--engine", "reference", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert str(files[0]) in done.stderr
    assert str(files[1]) in done.stderr
    assert not (tmp_path / "out").exists()


def test_several_files_need_a_folder(backtester: Backtester, tmp_path: Path) -> None:
    files = [write(tmp_path / f"{name}.json", scenario()) for name in "ab"]
    done = backtester("scenario", "run", *files, "--engine", "reference", "--out", tmp_path / "all.json")
    assert done.returncode == 2
    assert "--out: is one file for 2 results" in done.stderr
    assert "a folder" in done.stderr


def test_a_folder_that_cannot_be_made(backtester: Backtester, tmp_path: Path) -> None:
    file = write(tmp_path / "a.json", scenario())
    done = backtester("scenario", "run", file, "--engine", "reference", "--out", file / "under" / "result.json")
    assert done.returncode == 2
    assert "error: --out: cannot be made a folder" in done.stderr
    assert "Traceback" not in done.stderr


# Bad files


@pytest.mark.parametrize("out", [False, True])
def test_a_bad_file_is_named_and_the_others_run(backtester: Backtester, tmp_path: Path, engine: str, out: bool) -> None:
    bad = scenario()
    bad["orders"][0]["size_type"] = "quantty"
    files = [
        write(tmp_path / "good.json", scenario()),
        write(tmp_path / "bad.json", bad),
        write(tmp_path / "broken.json", "{"),
        tmp_path / "missing.json",
        write(tmp_path / "last.json", scenario(2)),
    ]
    more = ("--out", tmp_path / "out") if out else ()
    done = backtester("scenario", "run", *files, "--engine", engine, *more)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[0] == (
        f"error: {files[1]}: orders[0].size_type: is not one of the allowed values; found 'quantty'; "
        "nearest: quantity; allowed: quantity, notional, equity_fraction, margin, position"
    )
    assert lines[1].startswith(f"error: {files[2]}: line 1 column 2: is not JSON")
    assert lines[2].startswith(f"error: {files[3]}: ")
    assert len(lines) == 3
    if out:
        assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["good.json", "last.json"]
    else:
        assert len(done.stdout.splitlines()) == 2


def test_an_unknown_engine(backtester: Backtester, tmp_path: Path) -> None:
    done = backtester("scenario", "run", write(tmp_path / "a.json", scenario()), "--engine", "fast")
    assert done.returncode == 2
    assert "kernel" in done.stderr
    assert "reference" in done.stderr


def test_no_files(backtester: Backtester) -> None:
    assert backtester("scenario", "run").returncode == 2


def test_a_fault_of_the_engine_does_not_lose_the_other_results(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = [write(tmp_path / f"{name}.json", scenario()) for name in "abc"]

    def simulate(engine: object, file: Path) -> dict[str, object]:
        return {"equity": [1 / int(file.stem == "b")]}

    monkeypatch.setattr(command, "_simulate", simulate)
    done = CliRunner().invoke(app, ["scenario", "run", *map(str, files)])
    assert done.exit_code == 1
    assert done.stdout == '{"equity": [1.0]}\n'
    assert f"error: {files[0]}: fault of this program (ZeroDivisionError(" in done.stderr
    assert f"error: {files[2]}: fault of this program (ZeroDivisionError(" in done.stderr
    assert done.stderr.count("Traceback") == 1


def test_a_device_is_written_to_and_stays_a_device(backtester: Backtester, tmp_path: Path) -> None:
    file = write(tmp_path / "a.json", scenario())
    assert backtester("scenario", "run", file, "--engine", "reference", "--out", "/dev/null").returncode == 0
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("n_slots", [0, 1])
@pytest.mark.parametrize("n_bars", [1, 4])
def test_corners(backtester: Backtester, tmp_path: Path, engine: str, n_slots: int, n_bars: int) -> None:
    data = scenario()
    data["open_time"] = data["open_time"][:n_bars]
    data["bars"] = [{name: column[:n_bars] for name, column in data["bars"][0].items()}]
    data["slots"] = data["slots"][:n_slots]
    data["orders"] = [{"bar": n_bars - 1, "slot": 0, "size": 1}] if n_slots else []  # one bar too late to act
    done = backtester("scenario", "run", write(tmp_path / "a.json", data), "--engine", engine)
    assert done.stderr == ""
    result = json.loads(done.stdout)
    assert result["equity"] == [1024] * n_bars
    assert result["events"] == []
    assert result["pool_of_slot"] == [1] * n_slots
