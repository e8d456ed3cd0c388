"""Shocks as text, for the command line and for plans: ``gap:-0.2@2025-10-10T21:00``."""

from __future__ import annotations

import re
from typing import Any

from backtester._fields import record
from backtester.errors import ConfigurationError
from backtester.stress.shock import Shock
from backtester.stress.shocks import Dislocation, Drop, FlashCrash, FundingSpike, Gap, Outage

__all__ = ["SHOCKS", "read_shock", "read_shocks"]

SHOCKS: dict[str, type[Shock]] = {
    each.kind: each for each in (Gap, FlashCrash, Drop, FundingSpike, Dislocation, Outage)
}
_FORM = re.compile(r"(?P<kind>[^:@]*):(?P<values>[^@]*)@(?P<at>.*)")
_NEXT = re.compile(r"\s\+\s")  # a + inside of a shock has no spaces around it
_WRITE = "Write kind:value,name=value@time, such as gap:-0.2@2025-10-10T21:00 or flash_crash:0.3,down=2,up=6@50%"


def read_shocks(text: str) -> tuple[Shock, ...]:
    """Return the shocks of a text, several joined by `` + ``, in the order they are laid.

    Raises
    ------
    ConfigurationError
        Saying which part cannot be read, what is allowed, and the nearest name.
    """
    return tuple(read_shock(part) for part in _NEXT.split(text))


def read_shock(text: str) -> Shock:
    """Return the shock of a text ``kind:value,name=value@time``; see `read_shocks`."""
    form = _FORM.fullmatch(text.strip())
    if form is None:
        raise ConfigurationError("shock", text, "is not of the form kind:value@time", allowed=list(SHOCKS), cure=_WRITE)
    kind = form["kind"].strip()
    if kind not in SHOCKS:
        raise ConfigurationError("shock", kind, "there is no such shock", allowed=list(SHOCKS))
    known = SHOCKS[kind].allowed()
    value, *named = form["values"].split(",")
    data: dict[str, Any] = {"at": form["at"].strip(), next(iter(known)): _number(value)}
    for part in named:
        name, sign, value = (each.strip() for each in part.partition("="))
        if not sign or name in data:
            problem = "is named twice" if sign else "is not of the form name=value"
            raise ConfigurationError(f"shock {kind}", part.strip(), problem, allowed=list(known), cure=_WRITE)
        data[name] = _list(name, value)
    return SHOCKS[kind](**record(data, known, f"shock {kind}"))


def _list(name: str, value: str) -> Any:
    """Return a value: symbols and betas are several, joined by ``+``."""
    if name == "symbols":
        return tuple(each.strip() for each in value.split("+"))
    if name == "betas":
        pairs = (each.rpartition("*") for each in value.split("+"))
        return tuple((symbol.strip(), _number(beta)) for symbol, _, beta in pairs)
    return _number(value)


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip()
