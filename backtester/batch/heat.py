"""A measure over two settings, one map for each margin mode and one for their difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtester.batch.reading import check_columns, is_synthetic
from backtester.batch.store import in_order, settings_of
from backtester.comparing.summary import MEASURE
from backtester.errors import ConfigurationError
from backtester.text import joined

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Heat", "heat"]

Floats = NDArray[np.float64]
ALIKE = 1e-9  # of the larger: modes that did the same


class Heat(NamedTuple):
    """The median of a measure at each pair of values of two settings.

    Parameters
    ----------
    x, y, measure : str
        The two settings, and what is shown.
    x_values, y_values : tuple
        In order.
    maps : mapping of mode to float64 array, (n_y, n_x)
        nan where there are no runs, or none whose measure is defined.
    runs : tuple of int
        Fewest and most runs of a cell with runs.
    synthetic : bool
        Whether any of the runs was on a made-up market.
    """

    x: str
    y: str
    measure: str
    x_values: tuple[Any, ...]
    y_values: tuple[Any, ...]
    maps: Mapping[str, Floats]
    runs: tuple[int, int]
    synthetic: bool = False

    @property
    def modes(self) -> tuple[str, ...]:
        """The margin modes."""
        return tuple(self.maps)

    @property
    def difference(self) -> Floats | None:
        """The first of two modes less the second, (n_y, n_x); None if there are other than two."""
        if len(self.maps) != 2:
            return None
        first, second = self.maps.values()
        with np.errstate(invalid="ignore"):  # inf - inf is undefined
            return first - second

    @property
    def higher(self) -> tuple[int, int, int]:
        """In how many cells the first of two modes is higher, the second is, and how many can be compared."""
        first, second = self.maps.values()
        known = ~np.isnan(first) & ~np.isnan(second)
        with np.errstate(invalid="ignore"):
            apart = known & ~(np.abs(first - second) <= ALIKE * np.maximum(np.abs(first), np.abs(second)))
        return int((apart & (first > second)).sum()), int((apart & (first < second)).sum()), int(known.sum())

    @property
    def said(self) -> str:
        """Which mode is higher in how many cells; empty for other than two modes."""
        if len(self.maps) != 2:
            return ""
        counts = self.higher
        parts = [f"{mode} in {count}" for mode, count in zip(self.modes, counts, strict=False)]
        measure = MEASURE[self.measure]
        more = "More" if measure.kind == "count" else "Higher"
        return f"{more} {measure.label}: {joined(parts)} of {counts[2]} cells."

    @property
    def table(self) -> pd.DataFrame:
        """One row for each cell and mode."""
        rows = [
            {self.y: y, self.x: x, "mode": mode, self.measure: float(cells[j, i])}
            for j, y in enumerate(self.y_values)
            for i, x in enumerate(self.x_values)
            for mode, cells in self.maps.items()
        ]
        return pd.DataFrame(rows)


def heat(frame: pd.DataFrame, axes: Sequence[str], measure: str) -> Heat:
    """Return the map of a measure over two settings, the median over whatever else differs between the runs.

    Parameters
    ----------
    frame : DataFrame
        Of `backtester.batch.read_runs`.
    axes : sequence of str
        Two settings: that along the map, and that up the map.
    measure : str

    Raises
    ------
    ConfigurationError
        If they are not two settings of the runs, or the measure is none.
    """
    if len(axes) != 2 or axes[0] == axes[1]:
        cure = "Name two, such as --heat params.fast,params.slow"
        raise ConfigurationError("heat", ",".join(axes), "names not two settings", cure=cure)
    check_columns(frame, axes, "heat")
    known = [name for name in settings_of(frame) if name != "mode"]
    for name in axes:
        if name not in known:
            raise ConfigurationError("heat", name, "is no setting of these runs", allowed=known)
    if measure not in MEASURE:
        raise ConfigurationError("measure", measure, "is no measure", allowed=list(MEASURE))
    done = in_order(frame[frame["error"].isna()], ["mode"])
    x, y = axes
    groups = done.groupby([y, x, "mode"], dropna=False)[measure]
    medians, counts = groups.median(), groups.size()
    x_values, y_values = (tuple(sorted(done[name].dropna().unique().tolist())) for name in (x, y))
    maps = {
        str(mode): np.array([[_at(medians, (j, i, mode)) for i in x_values] for j in y_values]).reshape(
            len(y_values), len(x_values)
        )
        for mode in done["mode"].unique()
    }
    if not maps:
        raise ConfigurationError("heat", ",".join(axes), "has no run that was done", cure="See --failed")
    return Heat(x, y, measure, x_values, y_values, maps, (int(counts.min()), int(counts.max())), is_synthetic(done))


def _at(medians: pd.Series[Any], place: tuple[Any, ...]) -> float:
    found: Any = medians.get(place, np.nan)
    return float(found)
