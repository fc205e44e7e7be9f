"""The findings as CSV, one row per finding and member, for spreadsheets: no text of a server runs as a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from icapdiag.model import Finding, Report
from icapdiag.report.document.evidence import describe, where
from icapdiag.report.document.words import pool_of, prose, safe_text
from icapdiag.text import visible

COLUMNS = (
    "severity", "id", "title", "member", "member_verdict", "count", "first_seen", "last_seen", "evidence", "first_step",
    "pool", "started_at", "complete",
)  # fmt: skip
_LENGTH = 2000  # characters of a cell; a spreadsheet takes 32,767
# What a spreadsheet takes for a formula at the start of a cell, blanks before it or not, also in the full width
# forms that some turn into these; and behind a semicolon, which begins a cell where the comma is the decimal sign.
_FORMULA = re.compile(r"(^|;)(\s*)(?=[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])")


def render(report: Report) -> str:
    """RFC 4180 with a header line, every text quoted. A cell that could be a formula begins with ``'``."""
    verdicts = {member.name: member.verdict.value for member in report.members}
    pool = safe_text(pool_of(report).pool)
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    mark = (report.redacted,) if report.redacted else ()
    writer.writerow((*COLUMNS, "redacted") if mark else COLUMNS)
    for finding in report.findings:
        for member in finding.members or ("",):
            row = (
                finding.severity.value,
                finding.id,
                prose(finding.title),
                member,
                verdicts.get(member, ""),
                finding.count,
                finding.first_seen or "",
                finding.last_seen or "",
                "; ".join(_evidence(finding, member)),
                prose(finding.remedy[0]) if finding.remedy else "",
                pool,
                report.started_at,
                "yes" if report.complete else "no",
                *mark,
            )
            writer.writerow([safe_cell(cell) if isinstance(cell, str) else cell for cell in row])
    return out.getvalue()


def safe_cell(text: str) -> str:
    """``text`` on one line, bounded, and never a formula."""
    return _FORMULA.sub(r"\1'\2", visible(text, _LENGTH))


def _evidence(finding: Finding, member: str) -> Iterator[str]:
    """The evidence at this member; at all of them if none is named."""
    for seen in finding.evidence:
        if not member or seen.member in (member, ""):
            yield describe(seen) if member else f"{where(seen)}: {describe(seen)}"
