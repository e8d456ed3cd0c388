"""Walk-forward: parameters are chosen on the past of each window and tested on what came next, under each margin mode.

>>> from backtester.walk_forward import walk_forward
>>> result = walk_forward("strategies/plans/walk_forward.toml")
>>> print(result.verdict)
"""

from backtester.walk_forward.outcome import WalkForward
from backtester.walk_forward.running import walk_forward
from backtester.walk_forward.settings import WalkPlan, read_walk
from backtester.walk_forward.windows import Window, windows_of

__all__ = ["WalkForward", "WalkPlan", "Window", "read_walk", "walk_forward", "windows_of"]
