"""What notebooks show of a result: its verdict, its table and a chart."""

from __future__ import annotations

from backtester._foreign import import_ours

__all__ = ["ShownInNotebooks"]


class ShownInNotebooks:
    """Something that `reports.document` makes a report of.

    A notebook asks an object for its HTML and leaves us no say in what is imported before; so the package of reports,
    which stands above, is looked up when it does.
    """

    def _repr_html_(self) -> str:
        return str(import_ours("reports.notebook").html_of(self))
