"""Does run.py say what is wrong, and know when its environment is finished? Nothing is installed here."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run_py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return run.py as a module whose project is an empty folder, and which installs nothing."""
    spec = importlib.util.spec_from_file_location("run_py", ROOT / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("setup.cfg", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    venv = tmp_path / ".venv"
    places = {
        "ROOT": tmp_path,
        "VENV": venv,
        "STATE": venv / "run-state",
        "LOCK": tmp_path / ".venv.lock",
        "BIN": venv / "bin",
        "PYTHON": venv / "bin" / "python",
    }
    for name, place in places.items():
        monkeypatch.setattr(module, name, str(place))

    def create() -> None:
        (venv / "bin").mkdir(parents=True, exist_ok=True)
        (venv / "bin" / "python").touch()

    monkeypatch.setattr(module, "create", create)
    monkeypatch.setattr(module, "install", lambda: None)
    monkeypatch.setattr(module, "works", lambda: (venv / "bin" / "python").exists())
    return module


def called(module: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str) -> list[tuple[object, ...]]:
    """Return a list that grows with every call of one of the module's functions."""
    calls: list[tuple[object, ...]] = []
    real = getattr(module, name)

    def spy(*arguments: object) -> object:
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(module, name, spy)
    return calls


# What people see


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 15), (3, 10, 13)])
def test_a_python_too_old_gets_one_sentence(
    run_py: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], version: tuple[int, ...]
) -> None:
    monkeypatch.setattr(run_py.sys, "version_info", version)
    assert run_py.main(["demo"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert f"needs Python 3.11 or newer, and {sys.executable} is Python {version[0]}.{version[1]}" in err
    assert not Path(run_py.VENV).exists()


def test_an_old_python_can_read_it() -> None:
    source = (ROOT / "run.py").read_text(encoding="ascii")
    tree = ast.parse(source, feature_version=(3, 4))
    assert not any(isinstance(node, ast.JoinedStr | ast.AnnAssign | ast.NamedExpr) for node in ast.walk(tree))


def test_it_uses_the_standard_library_only() -> None:
    tree = ast.parse((ROOT / "run.py").read_text(encoding="ascii"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_an_unknown_command_gets_one_sentence_with_the_commands() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "run.py"), "tset"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "run.py: unknown command 'tset': use demo, test or setup.\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_help_installs_nothing(run_py: ModuleType, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run_py.main(arguments) == 0
    assert "demo" in capsys.readouterr().out
    assert not Path(run_py.VENV).exists()


# The state of the environment


def test_the_second_call_re_uses_the_first(run_py: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    built = called(run_py, monkeypatch, "build")
    assert run_py.main(["setup"]) == 0
    assert run_py.main(["setup"]) == 0
    assert len(built) == 1


def test_nothing_slow_is_imported_when_all_is_there() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import run; run.is_ready = lambda wanted: True; "
        "code = run.main(['setup']); print(code, sorted({'subprocess', 'venv', 'pip', 'ensurepip'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(ROOT)], capture_output=True, text=True)
    assert done.stdout == "0 []\n"


@pytest.mark.parametrize("name", ["setup.cfg", "pyproject.toml"])
def test_changed_settings_install_again_in_place(
    run_py: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    run_py.main(["setup"])
    created, installed = called(run_py, monkeypatch, "create"), called(run_py, monkeypatch, "install")
    (tmp_path / name).write_text("changed")
    run_py.main(["setup"])
    run_py.main(["setup"])
    assert (len(created), len(installed)) == (0, 1)


def test_another_python_or_place_starts_afresh(run_py: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    run_py.main(["setup"])
    created = called(run_py, monkeypatch, "create")
    monkeypatch.setattr(run_py.sys, "base_prefix", "/elsewhere")
    run_py.main(["setup"])
    assert len(created) == 1


def test_a_lost_python_is_repaired(run_py: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    run_py.main(["setup"])
    os.remove(run_py.PYTHON)
    created = called(run_py, monkeypatch, "create")
    assert run_py.main(["setup"]) == 0
    assert len(created) == 1


@pytest.mark.parametrize("ending", [KeyboardInterrupt, "trouble"])
def test_an_interrupted_install_starts_afresh(
    run_py: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ending: object
) -> None:
    with monkeypatch.context() as patch:

        def fail() -> None:
            raise KeyboardInterrupt if ending is KeyboardInterrupt else run_py.Trouble("no network.")

        patch.setattr(run_py, "install", fail)
        assert run_py.main(["setup"]) == (130 if ending is KeyboardInterrupt else 2)
    assert "Traceback" not in capsys.readouterr().err
    assert not run_py.is_ready(run_py.wanted_state())
    created = called(run_py, monkeypatch, "create")
    assert run_py.main(["setup"]) == 0
    assert len(created) == 1
    assert run_py.is_ready(run_py.wanted_state())


def test_what_pip_leaves_uncompiled_is_compiled(
    run_py: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for folder in ("backtester", "data", "reports", "strategies"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("")  # else an installed package would be found before it
        (tmp_path / folder / "module.py").write_text("")
    (tmp_path / "backtester" / "warmup.py").write_text("open('warm', 'w').close()")
    monkeypatch.setattr(run_py, "PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    run_py.compile_sources()
    compiled = {file.parents[1].name for file in tmp_path.rglob("module*.pyc")}
    assert compiled == {"backtester", "data", "reports", "strategies"}
    assert (tmp_path / "warm").exists()


def test_an_environment_made_by_hand_is_kept(run_py: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    run_py.create()
    created = called(run_py, monkeypatch, "create")
    assert run_py.main(["setup"]) == 0
    assert created == []


def test_a_second_call_waits_for_the_first(
    run_py: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    built = called(run_py, monkeypatch, "build")
    second = threading.Thread(target=run_py.main, args=(["setup"],))
    with run_py.locked(run_py.LOCK):
        second.start()
        time.sleep(0.5)
        assert second.is_alive()
        run_py.build(run_py.wanted_state())
    second.join(timeout=10)
    assert not second.is_alive()
    assert len(built) == 1
    assert "waiting" in capsys.readouterr().err


# What is run


def test_commands_run_inside_the_environment(run_py: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(run_py, "replace_process", lambda command: started.append(command) or 7)
    monkeypatch.setattr(run_py.os, "environ", dict(os.environ))
    monkeypatch.setattr(run_py.os, "chdir", lambda folder: None)
    assert run_py.main(["demo", "--seed", "3"]) == 7
    assert run_py.main(["test", "-k", "law"]) == 7
    assert started == [
        [os.path.join(run_py.BIN, "backtester"), "demo", "--seed", "3"],
        [run_py.PYTHON, "-m", "pytest", "-n", "auto", "--dist", "worksteal", "-k", "law"],
    ]
    assert run_py.os.environ["VIRTUAL_ENV"] == run_py.VENV
    assert run_py.os.environ["PATH"].startswith(run_py.BIN)


@pytest.mark.parametrize("arguments", [["-n", "2"], ["-n0"], ["--numprocesses=1"], ["--pdb"], ["-p", "no:xdist"]])
def test_the_caller_may_decide_the_processes(run_py: ModuleType, arguments: list[str]) -> None:
    assert run_py.parallel(arguments) == []


def test_pip_is_kept_inside_the_environment(run_py: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_TARGET", "/somewhere")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("PIP_USER", "1")
    environment = run_py.clean_environment()
    assert "PIP_TARGET" not in environment
    assert "PYTHONPATH" not in environment
    assert environment["PIP_USER"] == "0"
