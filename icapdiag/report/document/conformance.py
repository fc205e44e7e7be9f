"""The members by the rules of RFC 3507: who keeps to each, who deviates and how, and of whom nothing is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from icapdiag.facts.pool import MemberDeviation, RuleOverview
from icapdiag.report.document.blocks import Deviating, Rule
from icapdiag.report.document.words import count, names, safe_text, server_text

_SEEN = 60  # characters
_WAYS_SHOWN = 3  # of deviating from one rule


def rules(conformance: Sequence[RuleOverview]) -> tuple[Rule, ...]:
    """All rules that the members were held to, in their order."""
    return tuple(map(_rule, conformance))


def rules_tally(found: Sequence[Rule]) -> str:
    """``Conformance with RFC 3507 (24 rules for each member): 96 kept, 1 deviation, 23 not tested.``; or empty."""
    kept, total, untested = (sum(getattr(rule, name) for rule in found) for name in ("kept", "deviating", "not_tested"))
    tally = f"{kept:,} kept, {count(total, 'deviation')}, {untested:,} not tested"
    return f"Conformance with RFC 3507 ({count(len(found), 'rule')} for each member): {tally}." if found else ""


def rule_lines(rule: Rule) -> Iterator[str]:
    """A line for each way of deviating; the rare ones of a large pool are counted."""
    for way in rule.ways:
        yield f"{rule.number} {rule.name} ({rule.section}), {way.weight}: {way.words} at {names(way.members)}"
    if rule.rest:
        yield f"{rule.number} {rule.name}: {count(rule.rest, 'member')} in other ways"


def _rule(overview: RuleOverview) -> Rule:
    ways, rest = _ways(overview.deviating)
    section = safe_text(overview.section)
    return Rule(
        number=overview.number,
        name=safe_text(overview.rule),
        section=f"RFC 3507 {section}" if section[:1].isdigit() else section,
        asks=safe_text(overview.asks),
        tolerance=safe_text(overview.tolerance),
        kept=len(overview.passed),
        deviating=len(overview.deviating),
        not_tested=len(overview.not_tested),
        ways=ways,
        rest=rest,
    )


def _ways(deviating: Sequence[MemberDeviation]) -> tuple[tuple[Deviating, ...], int]:
    """The ways of deviating from one rule, that of most members first, and how many members do it in rarer ones."""
    records = [((bool(each.breaks), _words(each)), each.member or "") for each in deviating]
    found = Counter(way for way, _ in records).most_common()
    told = tuple(
        Deviating(
            breaks,
            words or "deviates",
            "clients fail on it" if breaks else "tolerated",
            tuple(member for way, member in records if way == (breaks, words)),
        )
        for (breaks, words), _ in found[:_WAYS_SHOWN]
    )
    return told, sum(number for _, number in found[_WAYS_SHOWN:])


def _words(each: MemberDeviation) -> str:
    seen = (each.seen or "").replace("\r\n", " ")
    return "; ".join(part for part in (safe_text(each.detail), server_text(seen, _SEEN)) if part)
