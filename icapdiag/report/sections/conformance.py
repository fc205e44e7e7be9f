"""The members by the rules of RFC 3507: who keeps to each, who deviates and how, and of whom nothing is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from icapdiag.icap.conformance import RULES
from icapdiag.report.text.lines import count, names, shown, texts, whole, wrap
from icapdiag.report.untyped import Facts, JSONValue, MemberReport, Observation
from icapdiag.text import from_wire, visible

TITLE = "Conformance with RFC 3507"
_PROBE = "conformance"
_SEEN = 60  # characters
_WAYS_SHOWN = 3  # of deviating from one rule


def conformance_of(members: Sequence[MemberReport]) -> tuple[Facts, ...]:
    """A fact sheet for each rule, in their order; empty unless some member was held to them.

    Keys: rule, number, section, asks, tolerance, passed (names of members), not_tested (the same), deviating
    (records of member, detail, seen, breaks). A member with several addresses is named once for each.
    """
    judged = [(label, _results(observation)) for member in members for label, observation in _judged(member)]
    if not judged:
        return ()
    return tuple(_sheet(name, judged) for name in RULES)


def _judged(member: MemberReport) -> list[tuple[str, Observation]]:
    found = [one for one in member.probes if one.probe == _PROBE and isinstance(one.facts.get("rules"), list | tuple)]
    if len(found) == 1:
        return [(member.name, found[0])]
    return [(f"{member.name} at {one.facts.get('address')}", one) for one in found]


def _results(observation: Observation) -> dict[str, Mapping[str, JSONValue]]:
    listed = observation.facts.get("rules")
    records = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list | tuple) else []
    return {str(record.get("rule")): record for record in records}


def _sheet(name: str, judged: Sequence[tuple[str, Mapping[str, Mapping[str, JSONValue]]]]) -> Facts:
    rule = RULES[name]
    of = [(member, results[name]) for member, results in judged if name in results]
    deviating: list[JSONValue] = [
        {
            "member": member,
            "detail": record.get("detail"),
            "seen": record.get("seen"),
            "breaks": record.get("breaks") is True,
        }
        for member, record in of
        if record.get("result") == "deviates"
    ]
    passed: list[JSONValue] = [member for member, record in of if record.get("result") == "pass"]
    untested: list[JSONValue] = [member for member, record in of if record.get("result") == "not-tested"]
    return {
        "rule": rule.name,
        "number": rule.number,
        "section": rule.section,
        "asks": rule.asks,
        "tolerance": rule.tolerance,
        "takes": rule.takes,
        "passed": passed,
        "deviating": deviating,
        "not_tested": untested,
    }


def draw_conformance(conformance: Sequence[Facts], width: int) -> list[str]:
    """The counts, and the rules that any member deviates from; nothing if none was held to them."""
    if not conformance:
        return []
    passed, untested = (sum(len(texts(sheet.get(key))) for sheet in conformance) for key in ("passed", "not_tested"))
    deviating = [(sheet, records) for sheet in conformance if (records := _records(sheet))]
    total = sum(len(records) for _, records in deviating)
    tally = f"{passed:,} kept, {count(total, 'deviation')}, {untested:,} not tested"
    lines = wrap(f"{TITLE} ({count(len(conformance), 'rule')} for each member): {tally}.", width)
    for sheet, _ in deviating:
        for line in _lines(sheet):
            lines += wrap(line, width, "  ", "    ", break_words=True)
    return lines


def ways(sheet: Facts) -> tuple[list[tuple[bool, str, list[str]]], int]:
    """The ways of deviating from one rule, that of most members first, and how many members do it in rarer ones.

    Each is whether clients fail on it, the words for it, which are safe to show, and the names of the members.
    """
    records = [
        ((record.get("breaks") is True, _words(record)), str(record.get("member"))) for record in _records(sheet)
    ]
    found = Counter(way for way, _ in records).most_common()
    told = [(*way, [member for which, member in records if which == way]) for way, _ in found[:_WAYS_SHOWN]]
    return told, sum(number for _, number in found[_WAYS_SHOWN:])


def section_of(sheet: Facts) -> str:
    """``RFC 3507 4.3.3``, or what else has the rule."""
    section = shown(sheet.get("section"))
    return f"RFC 3507 {section}" if section[:1].isdigit() else section


def _lines(sheet: Facts) -> Iterator[str]:
    """A line for each way of deviating; the rare ones of a large pool are counted."""
    told, rest = ways(sheet)
    for breaks, words, members in told:
        weight = "clients fail on it" if breaks else "tolerated"
        rule = f"{whole(sheet.get('number'))} {shown(sheet.get('rule'))} ({section_of(sheet)})"
        yield f"{rule}, {weight}: {words or 'deviates'} at {names(members)}"
    if rest:
        yield f"{whole(sheet.get('number'))} {shown(sheet.get('rule'))}: {count(rest, 'member')} in other ways"


def _words(record: Mapping[str, JSONValue]) -> str:
    detail, seen = shown(record.get("detail")), record.get("seen")
    excerpt = visible(from_wire(seen).replace("\r\n", " ").replace("\n", " / "), _SEEN) if isinstance(seen, str) else ""
    return "; ".join(part for part in (detail, excerpt) if part)


def _records(sheet: Facts) -> list[Mapping[str, JSONValue]]:
    listed = sheet.get("deviating")
    return [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list | tuple) else []
