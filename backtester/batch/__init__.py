"""Many runs from one plan: read it, run it, read what came out.

>>> from backtester.batch import read_runs, run_plan
>>> outcome = run_plan("strategies/plans/leverage_frontier.toml", "out/frontier", workers=2)
>>> frame = read_runs(outcome.folder)
"""

from backtester.batch.plan import Plan, plan_of, read_plan
from backtester.batch.runner import Outcome, run_plan
from backtester.batch.store import read_runs

__all__ = ["Outcome", "Plan", "plan_of", "read_plan", "read_runs", "run_plan"]
