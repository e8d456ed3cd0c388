"""`backtester data`: market data into a store, and what is in it."""

from __future__ import annotations

import typer

from backtester.cli.data import archive, download, exports, imports, listing, quality, repairing, showing
from backtester.cli.group import Group

__all__ = ["app"]

app = typer.Typer(
    cls=Group,
    help="Market data: download, import, look at, check, repair, export.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("download")(download.download)
app.command("archive")(archive.archive)
app.command("import")(imports.import_)
app.command("list")(listing.list_)
app.command("check")(quality.check)
app.command("repair")(repairing.repair)
app.command("show")(showing.show)
app.command("export")(exports.export)
