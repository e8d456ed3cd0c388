"""A result in a notebook: verdict, chart and table, in the project's style whatever the notebook's own is."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from matplotlib.figure import Figure

from backtester.bootstrap import Bootstrap
from backtester.compare import Comparison
from backtester.comparing.across import AccountComparison
from backtester.result import Result
from backtester.stress import StressComparison
from reports import findings, ranges
from reports.across import finding, venue_equity_chart
from reports.canvas import Size
from reports.charts import equity_chart
from reports.document import document
from reports.page import template
from reports.pictures import content, inline

__all__ = ["html_of"]

CELL = Size("notebook", 8.6, 3.4, 320, 76, 1.3)


def html_of(of: Any) -> str:
    """Return a result as HTML; everything that comes from a user is escaped, and nothing outside of it is asked for.

    It has no scripts. Where the reader prefers dark paper, it is dark.

    Parameters
    ----------
    of : Comparison, AccountComparison, StressComparison, Bootstrap or Result
    """
    said, figure = _chart(of)
    drawing = inline(content(figure, "svg", said))
    return template("notebook.html").render(of=document(of), finding=said, drawing=drawing)


@singledispatch
def _chart(of: Any) -> tuple[str, Figure]:
    """Return what the chart of a result says, and the chart."""
    raise TypeError(f"there is no chart of a {type(of).__name__}")


@_chart.register
def _(of: Comparison) -> tuple[str, Figure]:
    return findings.equity(of), equity_chart(of, CELL)


@_chart.register
def _(of: Result) -> tuple[str, Figure]:
    return _chart(Comparison({of.scenario.mode: of}))


@_chart.register
def _(of: AccountComparison) -> tuple[str, Figure]:
    return finding(of), venue_equity_chart(of, CELL)


@_chart.register
def _(of: StressComparison) -> tuple[str, Figure]:
    return ranges.stress_finding(of), ranges.stress_chart(of, CELL)


@_chart.register
def _(of: Bootstrap) -> tuple[str, Figure]:
    return ranges.bootstrap_finding(of), ranges.bootstrap_chart(of, CELL)
