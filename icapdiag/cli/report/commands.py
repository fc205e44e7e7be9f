"""``icapdiag report``: what can be done with a saved report, without a network but for ``attach``.

A command of the group is a module beside this one and a line at its end.
"""

from __future__ import annotations

import typer

from icapdiag.cli.report.attach import attach
from icapdiag.cli.report.bundle import bundle
from icapdiag.cli.report.diff import diff
from icapdiag.cli.report.merge import merge
from icapdiag.cli.report.redact import redact
from icapdiag.cli.report.render import render
from icapdiag.cli.report.schema import schema

app = typer.Typer(
    help="Work on saved reports (-o json=FILE), and attach them to tickets.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
app.command("render")(render)
app.command("redact")(redact)
app.command("schema")(schema)
app.command("diff")(diff)
app.command("merge")(merge)
app.command("attach")(attach)
app.command("bundle")(bundle)
