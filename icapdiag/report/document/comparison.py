"""Members side by side: what differs between them, and who is the odd one out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import TCP, TLS
from icapdiag.facts.pool import ComparedFact, ValueGroup
from icapdiag.facts.pool import Difference as ObservedDifference
from icapdiag.facts.sheet import facts_of
from icapdiag.report.document.blocks import Comparison, Difference, ValueOf
from icapdiag.report.document.words import count, names, server_text
from icapdiag.text import visible

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


def comparison(facts: Sequence[ComparedFact], order: Sequence[str]) -> Comparison | None:
    """What differs, without what the matrix of the members shows already; None if nothing does.

    ``order`` are the members in the pool's order.
    """
    found = [each for each in facts if each.kind != "same" and not each.fact.endswith(_MATRIX) and each.camps]
    members = dict.fromkeys(name for each in facts for group in each.camps for name in group.members or ())
    place = {name: number for number, name in enumerate(order)}
    # An address of a member that has several is NAME at ADDRESS.
    ordered = sorted(members, key=lambda name: place.get(name, place.get(name.split(" at ")[0], len(place))))
    return Comparison(tuple(members), tuple(ordered), tuple(map(_difference, found))) if found else None


def _difference(fact: ComparedFact) -> Difference:
    outlier = fact.kind == "outlier"
    values = tuple(
        ValueOf(server_text(group.value, _VALUE), group.members or (), outlier and number > 0)
        for number, group in enumerate(fact.camps)
    )
    return Difference(_label(fact.fact), APART.get(fact.kind, ""), outlier, values)


def describe_difference(sheet: ObservedDifference) -> str:
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
