"""The tree of errors: every message says what is wrong, where, what was found, and the cure.

Liquidation, bankruptcy and rejected orders are results of a run and never exceptions.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any

__all__ = [
    "BacktesterError",
    "ConfigurationError",
    "InvariantError",
    "MarketDataError",
    "StrategyError",
    "nearest",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE = 30  # allowed values that are all shown
_SHOWN = 20  # of more: a venue may have hundreds of symbols


class BacktesterError(Exception):
    """The root of all errors raised on purpose; ``str(error)`` is the whole message."""

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by message and attributes, so that errors cross process borders whole."""
        return _rebuild, (type(self), self.args, dict(self.__dict__))


class ConfigurationError(BacktesterError):
    """A setting, key or argument cannot be used.

    Parameters
    ----------
    key : str
        Path of the setting, such as ``orders[3].size_type``.
    value : object
        What was found there.
    problem : str
        What is wrong with it.
    allowed : iterable or str, optional
        The allowed values, or a sentence that describes them. The nearest of a list of values is
        proposed.
    cure : str, optional
        What to do about it.
    """

    def __init__(
        self,
        key: str,
        value: object,
        problem: str,
        *,
        allowed: Iterable[object] | str | None = None,
        cure: str | None = None,
    ) -> None:
        self.key = key
        self.value = value
        self.problem = problem
        self.allowed = allowed if allowed is None or isinstance(allowed, str) else tuple(allowed)
        self.cure = cure
        super().__init__(_sentence(f"{key}: {problem}", self._details(), cure))

    def renamed(self, key: str) -> ConfigurationError:
        """Return the same error with another path of the setting, such as the option it was given by."""
        return ConfigurationError(key, self.value, self.problem, allowed=self.allowed, cure=self.cure)

    def _details(self) -> list[str]:
        details = [f"found {shown(self.value)}"]
        if isinstance(self.allowed, str):
            details.append(f"allowed: {self.allowed}")
        elif self.allowed is not None:
            names = [str(item) for item in self.allowed]
            close = nearest(self.value, names) if isinstance(self.value, str) else []
            if close:
                details.append("nearest: " + ", ".join(close))
            most = len(names) if len(names) <= _WHOLE else _SHOWN
            more = f" and {len(names) - most} more" if len(names) > most else ""
            details.append("allowed: " + (", ".join(names[:most]) or "nothing") + more)
        return details


class MarketDataError(BacktesterError):
    """Candles, marks or funding cannot be used.

    Parameters
    ----------
    problem : str
        What is wrong.
    instrument : str, optional
        Symbol of the instrument.
    bar : int, optional
        Index of the first bad bar.
    time : int, optional
        Its time [ns UTC].
    found : object, optional
        What was found there.
    cure : str, optional
        What to do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        instrument: str | None = None,
        bar: int | None = None,
        time: int | None = None,
        found: object = None,
        cure: str | None = None,
    ) -> None:
        self.problem = problem
        self.instrument = instrument
        self.bar = bar
        self.time = time
        self.found = found
        self.cure = cure
        head = problem if instrument is None else f"{instrument}: {problem}"
        super().__init__(_sentence(head, _place(bar, time, found), cure))


class StrategyError(BacktesterError):
    """A strategy failed or asked for something impossible.

    Raise it ``from`` the author's exception where there is one.

    Parameters
    ----------
    strategy : str
        Name of the strategy.
    problem : str
        What is wrong.
    bar : int, optional
        Index of the first bar concerned.
    time : int, optional
        Its time [ns UTC].
    slot : str, optional
        Name of the slot.
    found : object, optional
        What was found there.
    cure : str, optional
        What to do about it.
    line : str, optional
        File and line of the author's at which it happened.
    """

    def __init__(
        self,
        strategy: str,
        problem: str,
        *,
        bar: int | None = None,
        time: int | None = None,
        slot: str | None = None,
        found: object = None,
        cure: str | None = None,
        line: str | None = None,
    ) -> None:
        self.strategy = strategy
        self.problem = problem
        self.bar = bar
        self.time = time
        self.slot = slot
        self.found = found
        self.cure = cure
        self.line = line
        place = _place(bar, time, found)
        if slot is not None:
            place.insert(0, f"slot {slot}")
        where = f"in {line}: " if line else ""
        super().__init__(_sentence(f"strategy {strategy}: {where}{problem}", place, cure))

    def but(self, **changed: Any) -> StrategyError:
        """Return the same error with other values for some of the parameters."""
        names = ("strategy", "problem", "bar", "time", "slot", "found", "cure", "line")
        return StrategyError(**{name: getattr(self, name) for name in names} | changed)


class InvariantError(BacktesterError):
    """A law of the model broke; both sides of the equation are in the message.

    Parameters
    ----------
    law : str
        The law in words.
    left, right : float
        The two sides that should be equal.
    where : str
        Bar, pool or slot where they first differ.
    """

    def __init__(self, law: str, left: float, right: float, where: str) -> None:
        self.law = law
        self.left = left
        self.right = right
        self.where = where
        details = [where, f"left {left!r}", f"right {right!r}", f"difference {left - right:.6g}"]
        cure = "This is a fault of the engine: please report it with the scenario file of the run"
        super().__init__(_sentence(f"a law of the model broke: {law}", details, cure))


def nearest(value: str, candidates: Iterable[str], n: int = 3) -> list[str]:
    """Return up to `n` candidates that look like `value`, the best first.

    Case is ignored, and a candidate that starts with `value` counts as near (``BTC`` finds
    ``BTCUSDT``).

    Parameters
    ----------
    value : str
        What was asked for.
    candidates : iterable of str
        What there is.
    n : int
        Most names to return.

    Returns
    -------
    list of str
    """
    names = {name.lower(): name for name in reversed(list(candidates))}
    asked = value.strip().lower()
    found = get_close_matches(asked, names, n=n, cutoff=0.6)
    found += [name for name in sorted(names) if asked and name.startswith(asked)]
    return [names[name] for name in dict.fromkeys(found)][:n]


def shown(value: object, width: int = 160) -> str:
    """Return ``repr(value)``, shortened in the middle to `width` characters."""
    text = repr(value)
    if len(text) <= width:
        return text
    half = (width - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


def time_text(time: int) -> str:
    """Return a time [ns UTC] as people read it."""
    try:
        moment = _EPOCH + timedelta(microseconds=int(time) // 1000)
    except OverflowError:
        return f"{time} ns"
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _place(bar: int | None, time: int | None, found: object) -> list[str]:
    details = []
    if bar is not None:
        details.append(f"bar {bar}" + (f" ({time_text(time)})" if time is not None else ""))
    elif time is not None:
        details.append(time_text(time))
    if found is not None:
        details.append(f"found {shown(found)}")
    return details


def _sentence(head: str, details: list[str], cure: str | None) -> str:
    text = "; ".join([head, *details])
    if not cure:
        return text
    end = "" if cure.endswith(("?", "!")) else "."
    return f"{text.rstrip('.')}. {cure[0].upper()}{cure[1:].rstrip('.')}{end}"


def _rebuild(
    kind: type[BacktesterError], args: tuple[object, ...], state: dict[str, object]
) -> BacktesterError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error
