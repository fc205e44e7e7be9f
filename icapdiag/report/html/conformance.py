"""The table of RFC 3507's rules: which were kept, which were not, and how."""

from __future__ import annotations

from dataclasses import dataclass

from icapdiag.report.sections.conformance import section_of, ways
from icapdiag.report.text.lines import count, names, shown, texts, whole
from icapdiag.report.untyped import Facts, Report

_WEIGHT = {True: "clients fail on it", False: "tolerated"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; ``kind`` is the shape beside it, ``deviations`` a line for each way of deviating."""

    number: int
    name: str
    section: str
    asks: str
    tolerance: str
    kind: str
    kept: int  # members
    deviating: int
    not_tested: int
    deviations: tuple[tuple[str, str], ...]  # shape and words


def rules(report: Report) -> list[Rule]:
    """All rules that the members were held to, in their order."""
    return [_rule(sheet) for sheet in report.conformance]


def _rule(sheet: Facts) -> Rule:
    told, rest = ways(sheet)
    lines = [
        (_kind(breaks), f"{words or 'deviates'} at {names(members)} ({_WEIGHT[breaks]})")
        for breaks, words, members in told
    ]
    if rest:
        lines.append(("info", f"{count(rest, 'member')} in other ways"))
    kept = len(texts(sheet.get("passed")))
    deviating = sum(len(members) for _, _, members in told) + rest
    quiet = "ok" if kept else "disabled"
    return Rule(
        number=whole(sheet.get("number")),
        name=shown(sheet.get("rule")),
        section=section_of(sheet),
        asks=shown(sheet.get("asks")),
        tolerance=shown(sheet.get("tolerance")),
        kind=_kind(any(breaks for breaks, _, _ in told)) if deviating else quiet,
        kept=kept,
        deviating=deviating,
        not_tested=len(texts(sheet.get("not_tested"))),
        deviations=tuple(lines),
    )


def _kind(breaks: bool) -> str:
    return "warning" if breaks else "info"
