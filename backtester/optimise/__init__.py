"""A search for the best parameters under a margin mode, or for where the modes differ most.

>>> from backtester.optimise import optimise
>>> found = optimise("plan.toml", "out/search")
>>> print(found.best.settings)
"""

from backtester.optimise.outcome import Optimised, Trial
from backtester.optimise.running import optimise
from backtester.optimise.settings import OptimisePlan, read_optimise

__all__ = ["OptimisePlan", "Optimised", "Trial", "optimise", "read_optimise"]
