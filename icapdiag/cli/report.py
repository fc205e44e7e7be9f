"""``icapdiag report``: what can be done with a saved report, without a network but for ``attach``.

A command of the group is a module of its own, ``report_NAME``, and one line at the end of this one.
"""

from __future__ import annotations

import typer

from icapdiag.cli.report_attach import attach
from icapdiag.cli.report_bundle import bundle
from icapdiag.cli.report_diff import diff
from icapdiag.cli.report_merge import merge
from icapdiag.cli.report_redact import redact
from icapdiag.cli.report_render import render
from icapdiag.cli.report_schema import schema

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
