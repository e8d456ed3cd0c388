"""Is every law and every trap guarded by a test that a planted fault breaks?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults import planted, planted_steps, planted_top_up, planted_working
from tests.faults.planted import Fault

FAULTS = [*planted.FAULTS, *planted_top_up.FAULTS, *planted_steps.FAULTS, *planted_working.FAULTS]
TESTED = sorted({(fault.engine, fault.test.partition(":")[0]) for fault in FAULTS})
ROOT = Path(__file__).resolve().parents[2]
GUARDED = [*(f"law {n}" for n in range(1, 10)), *(f"trap {n}" for n in range(1, 14))]


def probe(folder: Path, faults: list[Fault], *, plant: bool) -> list[str]:
    """Return how the tests of some faults end on a copy of the package, with the (one) fault planted or not."""
    shutil.copytree(ROOT / "backtester", folder / "backtester", ignore=shutil.ignore_patterns("__pycache__"))
    for fault in faults if plant else []:
        source = folder / "backtester" / fault.file
        text = source.read_text(encoding="utf-8")
        assert fault.old in text, f"{fault.file} has changed: plant the fault again"
        source.write_text(text.replace(fault.old, fault.new), encoding="utf-8")
    checks = [{"test": fault.test, "engine": fault.engine, "only": fault.only} for fault in faults]
    settings = {"NUMBA_DISABLE_JIT": "1", "NUMBA_CACHE_DIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("probe.py")), str(folder)],
        input=json.dumps(checks), env=os.environ | settings, capture_output=True, text=True, timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{fault.breaks}: {fault.what}" for fault in FAULTS])
def test_a_planted_fault_is_seen(fault, tmp_path):
    (outcome,) = probe(tmp_path, [fault], plant=True)
    assert outcome.startswith("failed: "), outcome


@pytest.mark.parametrize(("engine", "module"), TESTED)
def test_without_faults_all_of_these_tests_pass(engine, module, tmp_path):
    mine = [fault for fault in FAULTS if fault.engine == engine and fault.test.startswith(f"{module}:")]
    checked = list({(fault.test, repr(fault.only)): fault for fault in mine}.values())
    outcomes = probe(tmp_path, checked, plant=False)
    assert {fault.test: outcome for fault, outcome in zip(checked, outcomes, strict=True) if outcome != "passed"} == {}


@pytest.mark.parametrize("guarded", GUARDED)
def test_every_law_and_trap_has_a_fault_in_the_kernels(guarded):
    assert any(fault.breaks == guarded and fault.engine == "kernel" for fault in FAULTS)


def test_a_fault_is_planted_once():
    planted = [(fault.file, fault.old, fault.new, fault.test) for fault in FAULTS]
    assert len(set(planted)) == len(planted)
