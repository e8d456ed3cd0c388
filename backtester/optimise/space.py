"""What an optimiser may choose: ranges of numbers, and lists of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from backtester._fields import Field, any_number, flag, mapping, positive, record
from backtester.batch.plan import Plan
from backtester.batch.settings import PARAMS
from backtester.errors import ConfigurationError

__all__ = ["Choice", "Range", "read_space", "with_ends"]

SPACE = "optimise.space"
DIGITS = 6  # of a number that is tried, as many as are shown: who types them in gets the same run
WHOLE = 1e-9  # of a step: what rounding may leave of a whole number of them
_RANGE = {
    "from": Field(any_number),
    "to": Field(any_number),
    "by": Field(positive, None),
    "log": Field(flag, False),
}


class Range(NamedTuple):
    """Numbers from `low` to `high`, both among them.

    Parameters
    ----------
    low, high : float or int
    step : float, optional
        Between neighbours; None: any number, of whole numbers each.
    log : bool
        Each factor counts alike, instead of each difference.
    """

    low: float
    high: float
    step: float | None
    log: bool

    def ask(self, trial: Any, name: str) -> float:
        """Return what a trial of optuna takes of it."""
        if isinstance(self.low, int):
            whole = trial.suggest_int(name, self.low, int(self.high), step=int(self.step or 1), log=self.log)
            return int(whole)
        return float(f"{trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log):.{DIGITS}g}")


class Choice(NamedTuple):
    """Some values.

    Parameters
    ----------
    values : tuple
    """

    values: tuple[Any, ...]

    def ask(self, trial: Any, name: str) -> Any:
        """Return what a trial of optuna takes of it."""
        return trial.suggest_categorical(name, self.values)


def with_ends(content: Mapping[str, Any], space: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a plan with both ends of each range as a list, so that the plan checks names and types.

    Raises
    ------
    ConfigurationError
        If a range is none, or stands for what the plan names too.
    """
    out = dict(content)
    for name, value in space.items():
        if name == PARAMS:
            own = dict(out.get(PARAMS, {}))
            for parameter, given in _checked(value, mapping, f"{SPACE}.{PARAMS}").items():
                own[parameter] = _ends(f"{PARAMS}.{parameter}", given, parameter in own)
            out[PARAMS] = own
        elif name == "leverage":
            out[name] = _ends(name, value, name in out)
        else:
            raise ConfigurationError(f"{SPACE}.{name}", name, "cannot be chosen", allowed=[PARAMS, "leverage"])
    return out


def _ends(name: str, given: Any, also_in_plan: bool) -> list[float]:
    key = f"{SPACE}.{name}"
    if also_in_plan:
        raise ConfigurationError(key, name, "is in the plan too", cure="Give it there, or a range here")
    ends = record(given, _RANGE, key)
    if ends["from"] >= ends["to"]:
        raise ConfigurationError(key, given, "is empty: it ends where it begins, or before", cure="Give from < to")
    return [given["from"], given["to"]]


def _checked(value: Any, check: Any, key: str) -> Any:
    return record({key: value}, {key: Field(check)})[key]


def read_space(plan: Plan, space: Mapping[str, Any]) -> dict[str, Range | Choice]:
    """Return what may be chosen in a plan that has both ends of each range: its ranges, and its lists.

    Raises
    ------
    ConfigurationError
        If nothing may be chosen, or a range has steps that do not lead to its end.
    """
    given = {name: value for name, value in space.items() if name != PARAMS}
    given |= {f"{PARAMS}.{name}": value for name, value in space.get(PARAMS, {}).items()}
    out: dict[str, Range | Choice] = {}
    for name, values in plan.axes.items():
        if name in given:
            out[name] = _range(f"{SPACE}.{name}", values, given[name])
        elif len(values) > 1 and name != "mode":
            out[name] = Choice(values)
    if not out:
        cure = "Give ranges in [optimise.space], or lists in the plan"
        raise ConfigurationError(SPACE, dict(space), "leaves nothing to choose", cure=cure)
    return out


def _range(key: str, ends: tuple[Any, ...], given: Mapping[str, Any]) -> Range:
    low, high = ends
    step, log = given.get("by"), bool(given.get("log"))
    if isinstance(low, bool | str):
        cure = "Give the plan a list of values instead"
        raise ConfigurationError(key, list(ends), "is a range of what is no number", cure=cure)
    if log and (low <= 0 or step is not None):
        problem = "has steps and is logarithmic" if step is not None else "is logarithmic and begins at or below 0"
        raise ConfigurationError(key, dict(given), problem, cure="Leave out log, or begin above 0 and leave out by")
    if step is not None and abs((high - low) / step - round((high - low) / step)) > WHOLE:
        raise ConfigurationError(key, dict(given), "has steps that do not lead to its end", cure="Mend by, or to")
    if step is not None and isinstance(low, int) and step != int(step):
        raise ConfigurationError(f"{key}.by", step, "is no whole number, and the parameter is one", cure="Mend by")
    return Range(low, high, step, log)
