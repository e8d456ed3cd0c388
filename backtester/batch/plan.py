"""A plan: a TOML file in which any list is an axis, read with strict keys."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from backtester._fields import Check, Field, Unfit, choice, flag, items, mapping, record
from backtester._foreign import import_ours
from backtester.asking.parameters import convert
from backtester.batch.effects import check_effects
from backtester.batch.products import Products
from backtester.batch.settings import LARGEST_SEED, OF_MARKET, RULES, SETTINGS, checked, spread
from backtester.batch.teams import ALLOCATE, ALLOTTED, PARAMS, is_asked, members, named_in, parameter_of
from backtester.errors import ConfigurationError
from backtester.scenario_parts.schema import RULE_FIELDS
from backtester.wanted import SEED, SYNTHETIC, venue_of_market

__all__ = ["METRICS", "Axes", "Plan", "Run", "order", "plan_of", "read_plan", "toml_of"]

METRICS = ("full", "plain")

Axes = dict[str, tuple[Any, ...]]  # setting -> its values; `params.fast` and `rules.slippage` are settings
Run = dict[str, Any]  # setting -> its value

_OF_ACCOUNT = ("balance", "leverage", "isolated", "shares", "venue", RULES, "path", "mode")
_ORDER = (*OF_MARKET, "strategy", PARAMS, ALLOCATE, *_OF_ACCOUNT)
_AXES = {name: Field(lambda value: value, None) for name in SETTINGS} | {
    PARAMS: Field(mapping, {}),
    ALLOCATE: Field(mapping, {}),
    RULES: Field(mapping, {}),
}
_WHOLE = _AXES | {
    "metrics": Field(choice(METRICS), METRICS[0]),
    "check": Field(flag, True),
    "curves": Field(flag, False),
    "store_facts": Field(flag, True),
    "strict": Field(flag, False),
    "processes": Field(flag, False),
    "include": Field(items, []),
    "exclude": Field(items, []),
    "walk_forward": Field(mapping, {}),  # of `backtester walk-forward`, which checks it
}


class Plan(NamedTuple):
    """Which runs there are, and what is done with each.

    Parameters
    ----------
    axes : Axes
        Every setting with its values; the runs are their product, the last setting changing fastest.
    include : tuple of Axes
        Products beside it.
    exclude : tuple of Axes
        A run of the first product whose values are all in one of these is left out.
    metrics : str
        ``full``: every measure of `backtester.comparing.summary.summarise`, or ``plain``: those that need no positions
        by bar.
    check : bool
        Look for targets that use later bars, and prove that each run's ledger balances.
    curves : bool
        Keep the equity of each bar of each run.
    store_facts : bool
        Tiers, lots and contracts of a store of the venue go before those of this program.
    strict : bool
        Runs on data in which funding, mark prices or bars are missing fail.
    processes : bool
        Work in processes instead of threads.
    """

    axes: Axes
    include: tuple[Axes, ...] = ()
    exclude: tuple[Axes, ...] = ()
    metrics: str = METRICS[0]
    check: bool = True
    curves: bool = False
    store_facts: bool = True
    strict: bool = False
    processes: bool = False

    def runs(self) -> Iterator[Run]:
        """Yield the runs, those of one market together, and of those the ones of one strategy and its parameters."""
        return iter(self._products)

    @property
    def n_runs(self) -> int:
        """How many runs there are."""
        return self._products.count()

    @property
    def _products(self) -> Products:
        return Products((self.axes, *self.include), self.exclude)

    def names(self) -> list[str]:
        """Return every setting that some run has, in their order."""
        return sorted({name for axes in (self.axes, *self.include) for name in axes}, key=order)


def order(name: str) -> tuple[int, str]:
    """Return where a setting stands: market, strategy and its parameters, account."""
    head = name.partition(".")[0]
    return _ORDER.index(head), name


def read_plan(path: str | Path) -> Plan:
    """Return the plan in a TOML file.

    Raises
    ------
    ConfigurationError
        Naming file and key, what was found, what is allowed and the nearest of that.
    StrategyError
        If the file of a strategy cannot be imported.
    """
    data = toml_of(path)
    try:
        return plan_of(data)
    except ConfigurationError as error:
        raise error.renamed(f"{path}: {error.key}") from error


def toml_of(path: str | Path) -> dict[str, Any]:
    """Return what is in the TOML file of a plan.

    Raises
    ------
    ConfigurationError
        If it cannot be read or is no TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise ConfigurationError("plan", str(path), problem, cure="mend the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(str(path), str(error), "is not valid TOML") from error


def plan_of(data: Mapping[str, Any]) -> Plan:
    """Return the plan in a mapping with the keys of a plan's file.

    Raises
    ------
    ConfigurationError, StrategyError
        As in `read_plan`.
    """
    whole = record(dict(data), _WHOLE)
    axes = {name: setting.default for name, setting in SETTINGS.items() if setting.default} | _axes(whole, "")
    for name in ("market", "strategy"):
        if name not in axes:
            raise ConfigurationError("the plan", list(data), f"has no {name}", cure=f"Add {name}")
    include = [_beside(axes, own) for own in _tables(whole, "include")]
    exclude = _tables(whole, "exclude")
    products = [("", axes), *((f"include[{k}].", each) for k, each in enumerate(include))]
    for prefix, each in products:
        check_effects(each, prefix)
    every = [_with_parameters(_as_usual(each), prefix) for prefix, each in products]
    for k, left_out in enumerate(exclude):
        exclude[k] = _one_of_them(left_out, every[0], f"exclude[{k}].")
    choices = {name: whole[name] for name in Plan._fields if name in whole and name not in ("include", "exclude")}
    plan = Plan(every[0], tuple(every[1:]), tuple(exclude), **choices)
    if not plan.n_runs:
        raise ConfigurationError("exclude", whole["exclude"], "leaves no run", cure="Exclude less, or include some")
    return plan


def _tables(whole: Mapping[str, Any], name: str) -> list[Axes]:
    found = []
    for k, table in enumerate(whole[name]):
        given = record(table, _AXES, f"{name}[{k}]")
        found.append(_axes(given, f"{name}[{k}]."))
        if not found[-1]:
            raise ConfigurationError(f"{name}[{k}]", table, "names no setting", allowed=list(_AXES))
    return found


def _axes(given: Mapping[str, Any], prefix: str) -> Axes:
    """Return the settings that are given, each with its values checked."""
    checks: dict[str, Check] = {name: setting.check for name, setting in SETTINGS.items()}
    found = {name: spread(name, given[name]) for name in SETTINGS if given[name] is not None}
    for name, value in named_in(given[PARAMS]):
        found[f"{PARAMS}.{name}"] = value
        checks[f"{PARAMS}.{name}"] = _plain
    for name, value in named_in(given[ALLOCATE]):
        own = name.rpartition(".")[2]
        record({own: None}, dict.fromkeys(ALLOTTED, Field(_plain, None)), f"{prefix}{ALLOCATE}")
        found[f"{ALLOCATE}.{name}"] = value
        checks[f"{ALLOCATE}.{name}"] = ALLOTTED[own]
    for name, value in given[RULES].items():
        record({name: None}, dict.fromkeys(RULE_FIELDS, Field(_plain, None)), prefix + RULES)
        found[f"{RULES}.{name}"] = value
        checks[f"{RULES}.{name}"] = RULE_FIELDS[name].check
    return {name: checked(prefix + name, found[name], checks[name]) for name in sorted(found, key=order)}


def _plain(value: Any) -> Any:
    if not isinstance(value, bool | int | float | str):
        raise Unfit("is no value of a parameter", "a number, true, false or a text")
    if isinstance(value, int) and not -LARGEST_SEED <= value <= LARGEST_SEED:
        raise Unfit("is too large for a whole number", "whole numbers of 64 bits, or a float such as 1e20")
    return value


def _beside(axes: Axes, own: Axes) -> Axes:
    """Return the product of an include: what it does not name is the plan's, parameters only of the same strategies."""
    kept = {name: values for name, values in axes.items() if not ("strategy" in own and is_asked(name))}
    joined = kept | own
    return {name: joined[name] for name in sorted(joined, key=order)}


def _as_usual(axes: Axes) -> Axes:
    """Return axes with venue and seed as the market has them where they are left out: a run is named in one way."""
    markets = axes["market"]
    venues = {venue_of_market(market) for market in markets}
    said: Axes = {}
    if axes["venue"] == ("",) and len(venues) == 1:
        said["venue"] = tuple(venues)
    if axes["seed"] == (None,) and set(markets) == {SYNTHETIC}:
        said["seed"] = (SEED,)
    return axes | said


def _with_parameters(axes: Axes, prefix: str) -> Axes:
    """Return axes with the values of parameters as the strategies have them, all names and values checked.

    A number that is whole for one of the strategies stays whole: each takes it as it needs it.
    """
    out = {name: axes[name] for name in sorted(axes, key=order)}
    whole: Axes = {}
    for strategy in axes["strategy"]:
        for each in members(strategy):
            import_ours("strategies").load_class(each.place)
        for name, values in axes.items():
            if not is_asked(name):
                continue
            try:
                kind = parameter_of(strategy, name)
                if kind is not None:
                    out[name] = tuple(convert(prefix + name, kind, value) for value in values)
            except ConfigurationError as error:
                raise error.renamed(f"{prefix}{name}") from error
            if kind is int:
                whole[name] = values
    return out | whole


def _one_of_them(left_out: Axes, axes: Axes, prefix: str) -> Axes:
    """Return what an exclude names, if the plan has each of it: what never occurs is a slip."""
    for name, values in left_out.items():
        there = axes.get(name)
        if there is None:
            raise ConfigurationError(prefix + name, name, "is no axis of the plan", allowed=list(axes))
        for value in values:
            if value not in there:
                raise ConfigurationError(prefix + name, value, "is no value of the plan's", allowed=there)
    return left_out
