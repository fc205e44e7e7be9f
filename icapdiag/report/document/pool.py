"""The pool as a whole: its members side by side, and checked against the rules of RFC 3507."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import TCP
from icapdiag.facts.pool import ComparedFact, Difference, MemberDeviation, RuleOverview
from icapdiag.facts.sheet import facts_of
from icapdiag.facts.tls import TLS
from icapdiag.report.document.words import count, names, safe_text, server_text
from icapdiag.text import visible

# --- side by side: what differs, and which member is the outlier --------------------------------------

_VALUE = 60  # characters of one value
_GROUPS_SHOWN = 4
_MATRIX = "_outcome"  # what became of a probe: the matrix of the members has it already
# What is compared and is no fact, but made of several, or of one of several sheets.
_LABELS = {
    "options_status": "status of OPTIONS", "clean_status": "status of clean", "clean_verdict": "verdict on clean",
    "eicar_verdict": "verdict on EICAR", "transport": "transport", "cert_sha256": "certificate",
    "cert_days_left": "certificate valid for", "source_address": "local address", "route": "route", "rtt": "round trip",
    "scan_time": "scan time", "clock_offset": "clock", "tcp_outcome": "tcp", "tls_outcome": "tls",
    "options_outcome": "options", "clean_outcome": "clean", "eicar_outcome": "eicar",
}  # fmt: skip
APART = {"two-groups": "two groups", "several-groups": "no majority", "all-different": "all different"}


class ValueOf(NamedTuple):
    """One value of a fact and the members that have it."""

    value: str
    members: tuple[str, ...]
    odd: bool  # they are not of the majority


class DifferenceBlock:
    """A fact in which members differ, the most frequent value first. ``apart`` says how, such as "two groups"."""

    def __init__(self, fact: ComparedFact) -> None:
        self.label, self.apart, self.outlier = _label(fact.fact), APART.get(fact.kind, ""), fact.kind == "outlier"
        self.values = [
            ValueOf(server_text(group.value, _VALUE), group.members or (), self.outlier and number > 0)
            for number, group in enumerate(fact.value_groups)
        ]


class Comparison:
    """Members side by side: what differs, except what the matrix of the members already shows.

    ``members``: all that are named, in order of occurrence; ``order``: the same in the pool's order.
    """

    def __init__(self, facts: Sequence[ComparedFact], order: Sequence[str]) -> None:
        self.members = list(
            dict.fromkeys(name for each in facts for group in each.value_groups for name in group.members or ())
        )
        place = {name: number for number, name in enumerate(order)}
        # An address of a member that has several is NAME at ADDRESS.
        self.order = sorted(
            self.members, key=lambda name: place.get(name, place.get(name.split(" at ")[0], len(place)))
        )
        found = [
            each for each in facts if each.kind != "same" and not each.fact.endswith(_MATRIX) and each.value_groups
        ]
        self.differences = [DifferenceBlock(each) for each in found]


def describe_difference(sheet: Difference) -> str:
    """An observation about the pool in words: which members have which value, or are the same server."""
    label, value = _label(sheet.fact or ""), server_text(sheet.value, _VALUE)
    if sheet.kind == "same-server":
        likely = "likely " if sheet.fact == "identity" else ""
        return f"{likely}the same server as {names(sheet.same_as or ())}: both have {value}"
    if sheet.kind == "outlier":
        most = server_text(sheet.majority_value, _VALUE)
        return f"{label}: {value}, but {most} at {_who(sheet.majority_members or (), sheet.majority_count or 0)}"
    groups = [
        f"{server_text(group.value, _VALUE)} at {_who(group.members or (), group.count or 0)}"
        for group in (sheet.value_groups or ())[:_GROUPS_SHOWN]
    ]
    apart = APART.get(sheet.kind or "", "")
    return f"{label}: " + "; ".join(groups or map(server_text, sheet.values or ())) + (f" ({apart})" if apart else "")


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


class Deviating(NamedTuple):
    """One deviation from a rule, and the members that have it."""

    breaks: bool
    words: str
    weight: str  # what it does to clients
    members: tuple[str, ...]


class RuleBlock:
    """A rule of the standard: how many members keep to it, deviate, or were not tested."""

    def __init__(self, overview: RuleOverview) -> None:
        self.number, self.name = overview.number, safe_text(overview.rule)
        section = safe_text(overview.section)
        self.section = f"RFC 3507 {section}" if section[:1].isdigit() else section
        self.asks, self.tolerance = safe_text(overview.asks), safe_text(overview.tolerance)
        self.kept, self.deviating = len(overview.passed), len(overview.deviating)
        self.not_tested = len(overview.not_tested)
        records = [((bool(each.breaks), _words(each)), each.member or "") for each in overview.deviating]
        found = Counter(way for way, _ in records).most_common()  # that of most members first
        self.ways = [
            Deviating(
                breaks,
                words or "deviates",
                "breaks clients" if breaks else "tolerated",
                tuple(member for way, member in records if way == (breaks, words)),
            )
            for (breaks, words), _ in found[:_WAYS_SHOWN]
        ]
        self.rest = sum(number for _, number in found[_WAYS_SHOWN:])  # members that deviate in rarer ways

    @property
    def kind(self) -> str:
        """Its shape on a page."""
        if self.deviating:
            return "warning" if any(way.breaks for way in self.ways) else "info"
        return "ok" if self.kept else "disabled"


def _words(each: MemberDeviation) -> str:
    seen = (each.seen or "").replace("\r\n", " ")
    return "; ".join(part for part in (safe_text(each.detail), server_text(seen, _SEEN)) if part)
