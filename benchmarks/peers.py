"""Other engines, each in an environment of its own so that its requirements do not meet ours.

The environment is made on first use in the user's cache folder and kept there. A peer is a process that waits for a
turn, does it, and says how long it took by its own clock.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HERE = Path(__file__).resolve().parent
VECTORBT = "vectorbt==1.2.0"  # the newest that installs beside Python 3.11


class PeerError(RuntimeError):
    """The peer cannot be installed or does not answer."""


def environment(requirement: str) -> Path:
    """Return the Python of the environment that holds a requirement, made if it is not there.

    Raises
    ------
    PeerError
        If it cannot be made; what pip says is on stderr.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "backtester-benchmarks"
    name = f"{requirement.replace('==', '-')}-python{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache / name
    scripts, suffix = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
    python = folder / scripts / f"python{suffix}"
    finished = folder / "finished"
    if finished.exists():
        return python
    print(f"making an environment with {requirement} (once) ...", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", requirement],
    ):
        if subprocess.call(command, stdout=sys.stderr) != 0:
            raise PeerError(f"{requirement} could not be installed; run again with --no-peers to leave it out")
    finished.touch()
    return python


class Peer:
    """A running peer; use it in a `with` statement.

    Parameters
    ----------
    requirement : str
        What to install.
    script : str
        File beside this one that plays the peer.
    folder : Path
        Where its arrays are, one ``.npy`` each.
    settings : dict
        Numbers it needs.
    """

    def __init__(self, requirement: str, script: str, folder: Path, settings: dict[str, Any]) -> None:
        python = environment(requirement)
        (folder / "settings.json").write_text(json.dumps(settings))
        clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "NUMBA_CACHE_DIR")}
        self._process = subprocess.Popen(
            [str(python), str(HERE / script), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean,
        )
        self.about = self._read()

    def turn(self, what: str) -> float:
        """Let the peer do something once; returns the seconds it took."""
        assert self._process.stdin is not None
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        return float(self._read())

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise PeerError("the peer ended; what it says is above. Run again with --no-peers to leave it out")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()  # the peer's loop over its input ends
        self._process.wait()
