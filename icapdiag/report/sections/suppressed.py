"""Findings that the pool file accepts, in the words that every format shows them with. One line each, safe to show."""

from __future__ import annotations

from icapdiag.report.text.lines import names, prose, shown, texts
from icapdiag.report.untyped import Facts, Report
from icapdiag.vocabulary import SEVERITY_ORDER, Severity


def heading(report: Report) -> str:
    """``Suppressed (2)``, or "" where nothing is."""
    return f"Suppressed ({len(report.suppressed)})" if report.suppressed else ""


def severity(facts: Facts) -> Severity:
    """How bad it would be."""
    return next((each for each in SEVERITY_ORDER if each.value == facts.get("severity")), Severity.INFO)


def named(facts: Facts) -> str:
    """``The server refuses TCP connections [tcp-refused]``."""
    title = facts.get("title")
    return f"{prose(title) if isinstance(title, str) else ''} [{shown(facts.get('id'))}]"


def why(facts: Facts) -> str:
    """``replaced in March (owner: J. Doe, until 2026-03-31)``."""
    return f"{shown(facts.get('because'))} (owner: {shown(facts.get('owner'))}, until {shown(facts.get('until'))})"


def where(facts: Facts) -> str:
    """``at icap1, icap2``; "" for what is about the pool as a whole."""
    members = texts(facts.get("members"))
    return f" at {names(members)}" if members else ""


def lines(report: Report) -> list[str]:
    """A line each."""
    return [f"{severity(each).value.upper()}  {named(each)}{where(each)}: {why(each)}" for each in report.suppressed]
