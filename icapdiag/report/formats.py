"""The formats: each is a function in a module of one of the packages here, and a line in `FORMATS`.

``-o``, ``--for`` and their help use `FORMATS`, so a new format needs no other change. A renderer is imported when its
format is used.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from icapdiag.model import Report


class Style(NamedTuple):
    """What the output can show. The default is for a file."""

    width: int = 100  # columns
    color: bool = False
    plain: bool = False  # ASCII only
    detail: int = 0  # of a table: -1 the first line only, 1 with evidence, 2 everything


class Format(NamedTuple):
    """One format. Its ``function`` is ``render(report: Report) -> str``, whose text ends in a newline.

    That of a ``terminal`` format is ``render(report, width=100, *, color=False, plain=False, detail=0)``, encoded
    as the terminal has it when it goes there; the others are always UTF-8. A ``ticket`` is the body of a
    ticket, asked for with ``--for``.
    """

    name: str
    module: str  # in icapdiag.report
    function: str = "render"
    terminal: bool = False
    ticket: bool = False


FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Format("table", "terminal", terminal=True),
        Format("short", "terminal", "render_short", terminal=True),
        Format("json", "machine.to_json"),
        Format("ndjson", "machine.to_json", "render_lines"),
        Format("markdown", "markup.gfm"),
        Format("html", "html"),
        Format("junit", "machine.junit"),
        Format("sarif", "machine.sarif"),
        Format("csv", "machine.to_csv"),
        Format("nagios", "machine.nagios"),
        Format("prometheus", "machine.prometheus"),
        Format("github", "markup.gfm", "render_github", ticket=True),
        Format("jira", "markup.jira", ticket=True),
        Format("servicenow", "markup.plaintext", "render_servicenow", ticket=True),
    )
}
OUTPUTS = tuple(name for name, each in FORMATS.items() if not each.ticket)  # for -o
TICKETS = tuple(name for name, each in FORMATS.items() if each.ticket)  # for --for

FILE_STYLE = Style()


def render(report: Report, name: str, style: Style = FILE_STYLE) -> str:
    """``report`` in the format of this name; ends in a newline. Raises KeyError for an unknown name.

    ``report`` must be `settled`, so that what was saved as JSON gives the same bytes.
    """
    form = FORMATS[name]
    draw: Callable[..., str] = getattr(import_module(f"icapdiag.report.{form.module}"), form.function)
    if not form.terminal:
        return draw(report)
    return draw(report, style.width, color=style.color, plain=style.plain, detail=style.detail)
