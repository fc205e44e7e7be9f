"""The report as one HTML file: no network, no script, readable on phones, wall displays and paper."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from icapdiag.model import Report
from icapdiag.report.document import Document, logs, who
from icapdiag.report.document.members import Cell, Matrix, MatrixLine
from icapdiag.report.document.words import count, milliseconds, names
from icapdiag.report.html import charts
from icapdiag.report.html.svg import safe
from icapdiag.text import visible
from icapdiag.vocabulary import Health

_FEW = 24  # members that are shown with nothing folded
_SICK_SHOWN = 60  # members that are not ok and stand open
_CODE = re.compile(r"`([^`]{1,200})`")
_LOUD = re.compile(r"^(FAILED|ERROR)\b")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\d\d:\d\d:\d\d UTC)")
_NUMBER = re.compile(r"(\d) (?=[a-z])")
_UNIT = re.compile(r"(\d) (ms|s)\b")


def render(report: Report) -> str:
    """The page; ends in a newline. The same report gives the same bytes.

    All text that came from a server, a log or a file is escaped by the template engine, in which only our own
    drawings are marked as safe; control and bidirectional characters are shown as escapes.
    """
    doc = Document(report)
    page = _engine().get_template("page.html.j2")
    return page.render(document=doc, policy=_policy(), matrix=_folded(doc.matrix)).rstrip() + "\n"


def _folded(matrix: Matrix) -> tuple[tuple[str, tuple[MatrixLine, ...]], ...]:
    """The members in parts, worst first: the open part has no title, the others are folded behind their titles."""
    ordered = matrix.members
    quiet = (Health.OK, Health.DISABLED)
    sick = [member for member in ordered if member.verdict not in quiet]
    parts = [("", sick[:_SICK_SHOWN]), (f"{len(sick) - _SICK_SHOWN:,} more that are not ok", sick[_SICK_SHOWN:])]
    for health in quiet:
        own = [member for member in ordered if member.verdict is health]
        parts.append((f"{len(own):,} {health.value}", own))
    shown = [("", ordered)] if len(ordered) <= _FEW else parts
    return tuple((title, tuple(line for member in own for line in member.lines)) for title, own in shown if own)


@cache
def _policy() -> str:
    """No script, no request, no style except ours, identified by its hash (CSP Level 3)."""
    style = _engine().get_template("style.css").render()
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@cache
def _engine() -> Environment:
    engine = Environment(
        loader=PackageLoader("icapdiag.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    engine.globals |= {"charts": charts, "count": count, "names": names, "group_head": logs.HEAD}
    engine.globals |= {"outcome_right": logs.OUTCOME_RIGHT, "who": who}
    engine.filters |= {
        "ms": milliseconds,
        "marked": _marked,
        "unbroken": _unbroken,
        "cell": _cell,
        "comma": "{:,}".format,
        "cut": visible,
    }
    return engine


def _marked(prose: str) -> Markup:
    """A runbook's text, with the commands between backticks as code."""
    return Markup("").join(
        Markup("<code>{}</code>").format(safe(part)) if number % 2 else safe(part)
        for number, part in enumerate(_CODE.split(prose))
    )


def _unbroken(text: str) -> Markup:
    """The text with each time, and each number and its noun, on one line."""
    return Markup("").join(
        Markup('<span class="unbroken">{}</span>').format(safe(part))
        if number % 2
        else safe(_NUMBER.sub("\\1\xa0", part))
        for number, part in enumerate(_TIME.split(text))
    )


def _cell(cell: Cell) -> str:
    """The words of a cell: a number stays with its unit; capitals are lowered, as the shape has the emphasis."""
    return _UNIT.sub("\\1\xa0\\2", _LOUD.sub(lambda word: word.group().lower(), cell.full))


def _shown(value: object) -> object:
    """What the template writes: no text can control a terminal, or hide or reorder other text."""
    return visible(value, None) if isinstance(value, str) and not isinstance(value, Markup) else value
