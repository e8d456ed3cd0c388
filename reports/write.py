"""A report as a folder: written beside its place and moved there whole, never over another run."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from backtester.compare import Comparison
from backtester.comparing.across import AccountComparison
from backtester.comparing.printing import facts, several_strategies
from backtester.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from reports.ending import Ending
    from reports.helper import Helper
    from reports.page import Picture

__all__ = ["PAGE", "check_folder", "write_report"]

PAGE = "report.html"
ON_PAPER = "report.pdf"
FORMS = {
    ON_PAPER: "this report on paper",
    "report.md": "the same as Markdown",
    "report.json": "its numbers for programs",
}
SCENARIO_BARS = 5_000
SCENARIO_CELLS = 100_000  # bars times instruments; more would be tens of megabytes of JSON
_FRAMES = {
    "equity": "equity, lowest equity and worst margin ratio of each bar, by mode",
    "positions": "positions of each bar, by mode",
    "trades": "round trips and partial closes, by mode",
    "liquidations": "every liquidation, by mode",
    "ledger": "every movement of cash, by mode",
    "events": "everything that happened, by mode",
}


class _Asked(NamedTuple):
    """How a report is written, as `write_report` has it."""

    configuration: Mapping[str, object]
    tell: Callable[[str], None]
    close_ups: int
    paper: bool
    helper: Helper | None

    def forms(self) -> dict[str, str]:
        """Return the files that hold the same report, and what each is."""
        return {name: content for name, content in FORMS.items() if self.paper or name != ON_PAPER}


def check_folder(folder: str | Path) -> Path:
    """Return the folder's full path if a report can be written there; nothing is left behind.

    It tries: rights on paper are not enough, say on a full disk, and for root they are no obstacle.

    Raises
    ------
    ConfigurationError
        If it already holds something, is a file, or cannot be written.
    """
    place = Path(folder).expanduser().absolute()
    try:
        held = place.exists() and (not place.is_dir() or any(place.iterdir()))
    except OSError as error:
        raise _unwritable(place, error) from error
    if held and not place.is_dir():
        raise ConfigurationError("out", str(folder), "is a file", cure="name a folder that does not exist yet")
    if held:
        what = "already holds another run" if (place / "report.json").exists() else "already holds other files"
        raise ConfigurationError(
            "out", str(folder), f"{what}; nothing is overwritten", cure="name a new folder, or delete this one first"
        )
    near = place
    try:
        while not near.exists() and near != near.parent:
            near = near.parent
        tempfile.TemporaryDirectory(dir=near).cleanup()
    except OSError as error:
        raise _unwritable(place, error) from error
    return place


def write_report(
    comparison: Comparison | AccountComparison,
    folder: str | Path,
    *,
    configuration: Mapping[str, object] | None = None,
    progress: Callable[[str], None] | None = None,
    close_ups: int = 3,
    paper: bool = False,
    helper: Helper | None = None,
) -> Path:
    """Write page, charts, tables and data of a comparison, and return the page's path.

    The folder appears whole or not at all: it is written under a temporary name beside its place and renamed. That of
    several venues has a page of all, and a folder for each venue with what its own comparison would have.

    Parameters
    ----------
    comparison : Comparison or AccountComparison
        What to write.
    folder : str or Path
        A folder that does not exist or is empty.
    configuration : mapping, optional
        The resolved configuration, JSON values; left out, what the runs themselves know of it.
    progress : callable, optional
        Called with what is being written.
    close_ups : int
        How many liquidations of each mode get a chart of their own: those with the largest losses.
    paper : bool
        Also write the report and each chart as PDF, some 40 % of the writing.
    helper : Helper, optional
        A process that draws some of the charts, unless they go on paper; see `reports.helper`.

    Raises
    ------
    ConfigurationError
        If the folder already holds something or cannot be written, and for fewer close-ups than none.
    """
    if close_ups < 0:
        raise ConfigurationError("close_ups", close_ups, "is below 0", cure="Name how many charts, 0 for none")
    place = check_folder(folder)
    tell = progress or (lambda what: None)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    except OSError as error:
        raise _unwritable(place, error) from error
    try:
        known = _known(comparison) if configuration is None else configuration
        _write_all(comparison, draft, _Asked(known, tell, close_ups, paper, None if paper else helper))
        draft.chmod(0o777 & ~_umask())  # mkdtemp's folders are for their owner alone
        if place.exists():
            place.rmdir()  # empty, as checked; fails if that has changed
        draft.rename(place)
    except OSError as error:
        raise _unwritable(place, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return place / PAGE


def _known(comparison: Comparison | AccountComparison) -> dict[str, object]:
    """Return the configuration as far as the runs know it."""
    run, each = comparison.first, comparison if isinstance(comparison, AccountComparison) else {}
    return {
        "strategy": run.strategy,
        "market": {"source": run.market.source, "symbols": list(run.market.symbols)},
        **dict(facts(comparison)[1:]),
        "modes": list(comparison.modes),
        "rules": {venue: asdict(of.first.scenario.rules) for venue, of in each.items()} or asdict(run.scenario.rules),
    }


def _unwritable(place: Path, error: OSError) -> ConfigurationError:
    reason = error.strerror or str(error)
    return ConfigurationError(
        "out", str(place), f"cannot be written: {reason}", cure="name a folder that you may write to"
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _write_all(comparison: Comparison | AccountComparison, folder: Path, asked: _Asked) -> None:
    if isinstance(comparison, AccountComparison):
        _write_venues(comparison, folder, asked)
    else:
        _write_one(comparison, folder, asked)


def _write_venues(result: AccountComparison, folder: Path, asked: _Asked) -> None:
    from reports.across import CHARTS, folders, venue_page
    from reports.ending import ending
    from reports.pictures import draw_pictures

    inside = folders(result.names)
    for venue, each in result.items():
        (folder / inside[venue]).mkdir()
        asked.tell(f"the pages of {venue}")
        _write_one(each, folder / inside[venue], asked)
    _json(folder / "configuration.json", asked.configuration)
    pictures, figures = draw_pictures(result, folder, CHARTS, asked.tell, paper=asked.paper)
    asked.tell(PAGE)
    html = venue_page(result, pictures, inside, configuration=asked.configuration, forms=asked.forms())
    (folder / PAGE).write_text(html, encoding="utf-8")
    _other_forms(result, folder, pictures, figures, ending(result, asked.configuration), asked)


def _write_one(comparison: Comparison, folder: Path, asked: _Asked) -> None:
    if asked.helper is not None:  # first: it draws while the rest is loaded and written
        asked.helper.begin(comparison, asked.close_ups, folder)
    from reports.closeup import largest
    from reports.ending import ending
    from reports.page import page
    from reports.pictures import charts_of_report, draw_pictures

    configuration, tell = asked.configuration, asked.tell
    files = [*asked.forms().items(), ("configuration.json", "what was run")]
    _json(folder / "configuration.json", configuration)
    for name, content in _FRAMES.items():
        tell(f"{name}.parquet")
        _parquet(getattr(comparison, name), folder / f"{name}.parquet")
        files.append((f"{name}.parquet", content))
    if several_strategies(comparison):
        _parquet(comparison.by_strategy, folder / "by_strategy.parquet")
        files.append(("by_strategy.parquet", "what each strategy earned, paid and used, by mode"))
    files += _reasons(comparison, folder, tell)
    files += _scenarios(comparison, folder, tell)
    near = largest(comparison, asked.close_ups)
    charts = charts_of_report(comparison, near)
    pictures, figures = draw_pictures(comparison, folder, charts, tell, paper=asked.paper, helper=asked.helper)
    tell(PAGE)
    html = page(comparison, pictures, configuration=configuration, files=files, close_ups=near)
    (folder / PAGE).write_text(html, encoding="utf-8")
    end = ending(comparison, configuration, (name for name, _ in files))
    _other_forms(comparison, folder, pictures, figures, end, asked)


def _other_forms(
    comparison: Comparison | AccountComparison,
    folder: Path,
    pictures: list[Picture],
    figures: dict[str, Figure],
    end: Ending,
    asked: _Asked,
) -> None:
    """Write the report as JSON, as Markdown and on paper."""
    from reports.document import document
    from reports.markdown import markdown

    of = document(comparison, [each.name for each in pictures])
    _json(folder / "report.json", {**comparison.to_dict(), "repeat": end.command, "versions": dict(end.versions)})
    links = {each.name: (each.finding, each.png) for each in pictures}
    (folder / "report.md").write_text(markdown(of, end, links), encoding="utf-8")
    if not asked.paper:
        return
    from reports.paper import pdf_of_report  # a while to load, for what few ask for

    asked.tell(ON_PAPER)
    (folder / ON_PAPER).write_bytes(pdf_of_report(of, end, figures))


def _reasons(comparison: Comparison, folder: Path, tell: Callable[[str], None]) -> list[tuple[str, str]]:
    """Write why the modes differ, as far as there is anything to say."""
    import pandas as pd

    from reports.why import attribution_name

    closings = {mode: each.closings for mode, each in comparison.contagion.items()}
    blocks = {mode: each.blocks for mode, each in comparison.isolation.items()}
    first = comparison.modes[0]
    tables = (
        *(
            (attribution_name(comparison, other), found.pairs, f"every pair of stretches of {first} and {other}")
            for other, found in comparison.attributions.items()
        ),
        ("contagion", pd.concat(closings, names=["mode"]) if closings else None, "culprits and victims, by mode"),
        ("blocks", pd.concat(blocks, names=["mode"]) if blocks else None, "isolated blocks that were liquidated"),
    )
    written = []
    for name, frame, content in tables:
        if frame is not None and len(frame):
            tell(f"{name}.parquet")
            _parquet(frame, folder / f"{name}.parquet")
            written.append((f"{name}.parquet", content))
    return written


def _json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2, default=str, ensure_ascii=False) + "\n", encoding="utf-8")


def _parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame with its index as columns, so that any reader understands it."""
    kept = [name for name in frame.index.names if name]  # a mere row number says nothing
    free = frame.rename(columns={name: f"{name}_" for name in kept})
    flat = (free.reset_index(level=kept) if kept else free).reset_index(drop=True)
    flat.columns = [str(column) for column in flat.columns]
    if "mode" in flat:
        flat["mode"] = flat["mode"].astype("category")
    flat.to_parquet(path, index=False)


def _scenarios(comparison: Comparison, folder: Path, tell: Callable[[str], None]) -> list[tuple[str, str]]:
    market = comparison.first.market
    if market.n_bars > SCENARIO_BARS or market.n_bars * market.n_instruments > SCENARIO_CELLS:
        return []
    written, known = [], dict[str, tuple[object, str]]()  # nearly all of a scenario is alike in every mode
    for mode, run in comparison.results.items():
        name = f"scenario-{mode}.json"
        tell(name)
        for key, part in run.to_scenario().items():
            if key not in known or part != known[key][0]:
                known[key] = part, _compact(part)
        content = ",\n".join(f'"{key}":{text}' for key, (_, text) in known.items())
        (folder / name).write_text(f"{{{content}}}\n", encoding="utf-8")
        written.append((name, "everything the engine needs to repeat this run"))
    return written


def _compact(part: object) -> str:
    return json.dumps(part, ensure_ascii=False, separators=(",", ":"))
