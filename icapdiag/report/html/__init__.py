"""The report as one HTML file: no network, no script, readable on a phone, on a wall and on paper."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from icapdiag.report.html import conformance, curves, findings, head, latency, logs, overtime, rows, sides
from icapdiag.report.html.svg import safe
from icapdiag.report.sections import suppressed
from icapdiag.report.sections.clocks import draw_clocks
from icapdiag.report.sections.repeats import HEADINGS, sample_rows
from icapdiag.report.text.lines import milliseconds
from icapdiag.report.untyped import Report
from icapdiag.text import visible

_REPEATS = 300  # lines of the table of rounds
_NOTES = 100
_ONE_LINE = 10_000  # columns
_CODE = re.compile(r"`([^`]{1,200})`")


def render(report: Report) -> str:
    """The page; ends in a newline. The same report gives the same bytes.

    All text that came from a server, a log or a file is escaped by the template engine, in which nothing
    is marked as safe but our own drawings; controls and what reorders text are shown as escapes.
    """
    budget = findings.Budget()
    repeats = sample_rows(report.members)
    listed_sources, more_sources = logs.sources(report)
    listed_groups, more_groups = logs.groups(report)
    ladders, more_ladders = curves.ladder_curves(report.members)
    differing, more_differing = sides.sides(report.comparison, [member.name for member in report.members])
    loads, more_loads = curves.load_curves(report.members)
    return (
        _engine()
        .get_template("page.html.j2")
        .render(
            report=report,
            policy=_policy(),
            headline=head.headline(report),
            subject=head.subject_title(report),
            incomplete=head.incomplete(report),
            entries=head.entries_line(report),
            member_tally=head.member_tally(report),
            finding_tally=head.finding_tally(report),
            about=head.about(report),
            clocks=" ".join(draw_clocks(report.members, _ONE_LINE)),
            profile=head.profile(report),
            caveat=visible(str(report.vantage.get("caveat") or ""), 400),
            suppressed=suppressed.lines(report)[:_NOTES],
            suppressed_count=len(report.suppressed),
            notes=[visible(note, 400) for note in report.notes[:_NOTES]],
            matrix=rows.matrix(report.members),
            cards=findings.cards(report, budget),
            sides=differing,
            more_sides=more_differing,
            latency=latency.latency_chart(report.members),
            thresholds=latency.thresholds(o for member in report.members for o in member.probes),
            headings=HEADINGS,
            repeats=repeats[:_REPEATS],
            more_repeats=max(len(repeats) - _REPEATS, 0),
            ladders=ladders,
            more_ladders=more_ladders,
            loads=loads,
            more_loads=more_loads,
            rules=conformance.rules(report),
            timeline=overtime.timeline_chart(report.timeline),
            sources=listed_sources,
            more_sources=more_sources,
            groups=listed_groups,
            more_groups=more_groups,
            answers=logs.answers(report),
            unmatched=findings.seen(report.unmatched.examples, budget),
        )
        .rstrip()
        + "\n"
    )


@cache
def _policy() -> str:
    """No script, no request, no style but ours, which is known by its hash (CSP Level 3)."""
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
    engine.filters["ms"] = milliseconds
    engine.filters["marked"] = _marked
    return engine


def _marked(prose: str) -> Markup:
    """A runbook's text with its commands, which stand between backticks, as code."""
    return Markup("").join(
        Markup("<code>{}</code>").format(safe(part)) if number % 2 else safe(part)
        for number, part in enumerate(_CODE.split(prose))
    )


def _shown(value: object) -> object:
    """What the template writes: text of any origin can neither drive a terminal nor hide or reorder text."""
    return visible(value, None) if isinstance(value, str) and not isinstance(value, Markup) else value
