"""Is a foreign `data`, `strategies` or `reports` in the way named together with ours?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backtester import _foreign
from backtester.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("package", _foreign.NEIGHBOURS)
def test_ours_is_found(package: str) -> None:
    _foreign.check_ours(package)
    assert Path(str(_foreign.import_ours(package).__file__)).parent == ROOT / package


@pytest.mark.parametrize("package", _foreign.NEIGHBOURS)
@pytest.mark.parametrize("kind", ["package", "module"])
def test_a_foreign_one_is_named_with_ours(tmp_path: Path, package: str, kind: str) -> None:
    foreign = tmp_path / package if kind == "package" else tmp_path / f"{package}.py"
    if kind == "package":
        foreign.mkdir()
    (foreign / "__init__.py" if kind == "package" else foreign).write_text("")
    code = f"from backtester._foreign import import_ours; import_ours('{package}.anything')"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert f"{package}: another package of this name is in the way" in last
    assert str(foreign) in last
    assert str(ROOT / package) in last
    assert f"Rename the folder {foreign}" in last


def test_a_folder_without_code_is_not_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()  # candles, say
    code = "from backtester._foreign import check_ours; check_ours('data')"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    assert subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path).returncode == 0


def test_explain_keeps_to_our_names() -> None:
    assert _foreign.explain(ImportError("no numpy", name="numpy")) is None
    assert _foreign.explain(ImportError("no name", name="data.loading")) is None  # ours: a plain fault
    assert _foreign.explain(ImportError("nameless")) is None


def test_a_missing_package_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_foreign, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"own package is missing.*Install the project again"):
        _foreign.check_ours("reports")
