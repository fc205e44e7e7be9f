"""What is said of a pool as a whole: its members side by side, and by the rules of RFC 3507."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache

from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import TCP, TLS
from icapdiag.facts.pool import ComparedFact, Difference, MemberDeviation, RuleOverview, ValueGroup
from icapdiag.facts.sheet import facts_of
from icapdiag.report.document.blocks import Comparison, Deviating, DifferenceBlock, RuleBlock, ValueOf
from icapdiag.report.document.words import count, names, safe_text, server_text
from icapdiag.text import visible

# --- side by side: what differs, and who is the odd one out -----------------------------------------

_VALUE = 60  # characters of one value
_GROUPS_SHOWN = 4
_MATRIX = "_outcome"  # what became of a probe: the matrix of the members has it already
# What is compared and is no fact, but made of several, or of one of several sheets.
_LABELS = {
    "options_status": "status of OPTIONS", "clean_status": "status of clean", "clean_verdict": "verdict on clean",
    "eicar_verdict": "verdict on EICAR", "transport": "transport", "cert_sha256": "certificate",
    "cert_days_left": "certificate is good for", "source_address": "our address", "route": "route", "rtt": "round trip",
    "scan_time": "time to scan", "clock_offset": "clock", "tcp_outcome": "tcp", "tls_outcome": "tls",
    "options_outcome": "options", "clean_outcome": "clean", "eicar_outcome": "eicar",
}  # fmt: skip
APART = {"two-camps": "two camps", "several-camps": "no majority", "all-different": "each its own"}


def comparison(facts: Sequence[ComparedFact], order: Sequence[str]) -> Comparison:
    """What differs, without what the matrix of the members shows already.

    ``order`` are the members in the pool's order.
    """
    found = [each for each in facts if each.kind != "same" and not each.fact.endswith(_MATRIX) and each.camps]
    members = dict.fromkeys(name for each in facts for group in each.camps for name in group.members or ())
    place = {name: number for number, name in enumerate(order)}
    # An address of a member that has several is NAME at ADDRESS.
    ordered = sorted(members, key=lambda name: place.get(name, place.get(name.split(" at ")[0], len(place))))
    return Comparison(tuple(members), tuple(ordered), tuple(map(_difference, found)))


def _difference(fact: ComparedFact) -> DifferenceBlock:
    outlier = fact.kind == "outlier"
    values = tuple(
        ValueOf(server_text(group.value, _VALUE), group.members or (), outlier and number > 0)
        for number, group in enumerate(fact.camps)
    )
    return DifferenceBlock(_label(fact.fact), APART.get(fact.kind, ""), outlier, values)


def describe_difference(sheet: Difference) -> str:
    """What an observation about the pool has to say: who has what, or who is the same server."""
    label, value = _label(sheet.fact or ""), server_text(sheet.value, _VALUE)
    if sheet.kind == "same-server":
        likely = "likely " if sheet.fact == "identity" else ""
        return f"{likely}the same server as {names(sheet.same_as or ())}: both have {value}"
    if sheet.kind == "outlier":
        most = server_text(sheet.majority_value, _VALUE)
        return f"{label}: {value}, but {most} at {_who(sheet.majority_members or (), sheet.majority_count or 0)}"
    groups = [_group(group) for group in (sheet.camps or ())[:_GROUPS_SHOWN]]
    apart = APART.get(sheet.kind or "", "")
    return f"{label}: " + "; ".join(groups or map(server_text, sheet.values or ())) + (f" ({apart})" if apart else "")


def _group(group: ValueGroup) -> str:
    return f"{server_text(group.value, _VALUE)} at {_who(group.members or (), group.count or 0)}"


def _who(members: tuple[str, ...], number: int) -> str:
    return names(members) if number <= len(members) else count(number, "member")


def _label(fact: str) -> str:
    return _labels().get(fact) or visible(fact)


@cache
def _labels() -> dict[str, str]:
    return {fact.key: fact.label for cls in (TCP, TLS, Answer) for fact in facts_of(cls)} | _LABELS


# --- by the rules: who keeps to each, who deviates and how, and of whom it is not known -------------

_SEEN = 60  # characters
_WAYS_SHOWN = 3  # of deviating from one rule


def rules(conformance: Sequence[RuleOverview]) -> tuple[RuleBlock, ...]:
    """All rules that the members were held to, in their order."""
    return tuple(map(_rule, conformance))


def rules_tally(found: Sequence[RuleBlock]) -> str:
    """``Conformance with RFC 3507 (24 rules for each member): 96 kept, 1 deviation, 23 not tested.``; or empty."""
    kept, total, untested = (sum(getattr(rule, name) for rule in found) for name in ("kept", "deviating", "not_tested"))
    tally = f"{kept:,} kept, {count(total, 'deviation')}, {untested:,} not tested"
    return f"Conformance with RFC 3507 ({count(len(found), 'rule')} for each member): {tally}." if found else ""


def rule_lines(rule: RuleBlock) -> Iterator[str]:
    """A line for each way of deviating; the rare ones of a large pool are counted."""
    for way in rule.ways:
        yield f"{rule.number} {rule.name} ({rule.section}), {way.weight}: {way.words} at {names(way.members)}"
    if rule.rest:
        yield f"{rule.number} {rule.name}: {count(rule.rest, 'member')} in other ways"


def _rule(overview: RuleOverview) -> RuleBlock:
    ways, rest = _ways(overview.deviating)
    section = safe_text(overview.section)
    return RuleBlock(
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
