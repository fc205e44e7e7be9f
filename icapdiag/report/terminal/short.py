"""The report in as few lines as possible: one for the whole, and one a member with its worst finding."""

from __future__ import annotations

from collections.abc import Iterator

from icapdiag.report.formats import FILE_STYLE
from icapdiag.report.text.lines import columns, shown
from icapdiag.report.text.paint import Paint
from icapdiag.report.text.words import endpoint, gap, is_of_logs, logged_members, named, tally, title, worst_of
from icapdiag.report.untyped import Report
from icapdiag.vocabulary import Health

_NAMES = 45  # columns that names are filled up to


def render(report: Report, width: int = FILE_STYLE.width, *, color: bool = False, plain: bool = False) -> str:
    """A line for the whole, then one a member; ends in a newline. Lines are as long as what they say.

    A log has no members of its own: there it is one a server that the log names.
    """
    del width, plain  # a line is a line, and nothing is drawn
    paint = Paint(color=color)
    state = f" ({gap(report)})" if gap(report) else ""
    lines = [_line(report.verdict, f"{title(report)}: {tally(report)}{state}", _worst(report), paint)]
    members = list(_members(report))
    room = min(max((columns(name) for name, _, _ in members), default=0), _NAMES)
    lines += [_line(health, name + " " * (room - columns(name)), worst, paint) for name, health, worst in members]
    return "\n".join(lines) + "\n"


def _members(report: Report) -> Iterator[tuple[str, Health, str]]:
    """Name, health and worst finding of each; all safe to show."""
    if is_of_logs(report):
        for name, health in logged_members(report).items():
            yield shown(name), health, _worst(report, name)
    for member in report.members:
        yield endpoint(member), member.verdict, _worst(report, member.name)


def _worst(report: Report, member: str | None = None) -> str:
    finding = worst_of(report.findings, member)
    if finding is None:
        return ""
    more = sum(member is None or member in other.members for other in report.findings) - 1
    return named(finding) + (f" and {more} more" if more else "")


def _line(health: Health, what: str, worst: str, paint: Paint) -> str:
    label = paint(health.value, f"{health.value.upper():<8}")
    return f"{label}  {what}  {worst}".rstrip()
