"""Findings with their evidence, what no runbook explains, and what the pool file accepts."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from icapdiag.avi.addresses import host_port
from icapdiag.facts import JSONValue
from icapdiag.facts.connection import Endpoint, Transfer
from icapdiag.facts.fields import ANSWER, stands_for
from icapdiag.facts.groups import RequestGroup
from icapdiag.facts.joined import JoinedMember
from icapdiag.facts.pool import SuppressedFinding
from icapdiag.facts.scanner import SCANNER
from icapdiag.model import Cause, Finding, Observation, Report, flatten
from icapdiag.report.document.evidence import describe, where
from icapdiag.report.document.pool import APART
from icapdiag.report.document.words import count, logs_of, named, names, prose, safe_text, span
from icapdiag.text import from_wire, visible
from icapdiag.vocabulary import CauseStatus, Status

_SEEN = 5  # observations that have a line
_WHOLE = 2  # of them with all their facts
_FACTS = 90  # of one observation
_VALUE = 300  # characters of one fact
_BUDGET = 900_000  # characters of facts in one document
_PORT = 5  # digits
_NAMED = {"value_groups": "groups"}  # keys that are no words for people


class Budget:
    """Characters that may still be written: a hostile server must not produce a page that no browser opens."""

    def __init__(self, characters: int = _BUDGET) -> None:
        self._left = characters

    def rows(self, seen: Observation) -> tuple[tuple[str, str], ...]:
        """Names and values of an observation's facts; empty if there is not room for all of them."""
        if self._left <= 0:
            return ()
        found = islice(flatten(seen).items(), _FACTS)
        facts = ((_NAMED.get(name, visible(name, 60)), APART.get(str(value)) or _value(value)) for name, value in found)
        rows = tuple((name, value) for name, value in facts if value)
        self._left -= sum(len(name) + len(value) for name, value in rows)
        return rows if self._left >= 0 else ()


def _value(value: JSONValue) -> str:
    match value:
        case None | "" | []:
            return ""
        case float():
            return f"{value:g}"
        case bool() | int():
            return str(value).lower()
        case str():
            text = from_wire(value)
        case [str() | int() | float(), *_]:
            text = ", ".join(from_wire(str(item)) for item in value[:40])
        case _:
            text = json.dumps(value, ensure_ascii=False)
    return visible(text, _VALUE)


class SeenBlock(NamedTuple):
    """One observation: its member, its text, and all facts (for the first few)."""

    where: str
    words: str
    facts: tuple[tuple[str, str], ...]
    members: tuple[str, ...] = ()


class CauseBlock(NamedTuple):
    """A cause, its certainty and the facts behind it, and the members if it does not apply to all."""

    status: CauseStatus
    title: str
    facts: str  # some of them a server's words
    at: str

    @property
    def words(self) -> str:
        """The cause in one sentence."""
        return f"{self.title}{f' ({self.facts})' if self.facts else ''}.{f' At {self.at}.' if self.at else ''}"


def cause_block(cause: Cause) -> CauseBlock:
    facts = "; ".join(visible(fact, _VALUE) for fact in cause.facts or ())
    return CauseBlock(cause.status, prose(cause.title).rstrip("."), facts, names(cause.members or ()))


_OF_LOGS = frozenset({"log", SCANNER})  # sources that know a server by its address


class FindingBlock:
    """A finding. The command that prints its runbook has the URL of the first member at which a probe found it.

    ``noun``: what a log's are counted in.
    """

    def __init__(self, finding: Finding, service_uri: str, budget: Budget, noun: str = "request") -> None:
        self.id = safe_text(finding.id)
        self.severity = finding.severity
        self.title = prose(finding.title)
        self.members = finding.members
        self.count = finding.count
        # About an answer, or about the log as a whole, nothing was counted.
        logged = any(seen.source == "log" and not seen.probe for seen in finding.evidence)
        self.noun = noun
        self.requests = count(finding.count, noun) if logged else ""
        # seen in scanners' own logs only
        self.of_scanner = bool(finding.evidence) and all(seen.source == SCANNER for seen in finding.evidence)
        self.span = span(finding.first_seen, finding.last_seen)
        # whether something failed there, so that the profile's fail_action decides
        self.by_fail_action = bool(finding.by_fail_action)
        self.failed = self.by_fail_action or any(seen.status is Status.FAILED for seen in finding.evidence)
        self.probes = frozenset(seen.probe for seen in finding.evidence)
        self.slowest_ms = max(filter(None, map(_answer_ms, finding.evidence)), default=None)
        self.reasons = frozenset(seen.reason for seen in finding.evidence)
        self.meaning = prose(finding.meaning)
        self.seen = _seen(finding.evidence, budget)
        self.more_seen = _more_seen(finding, noun)
        self.command = f"icapdiag runbooks show {self.id}"
        url = _url(finding, service_uri)
        self.place = _place(finding)  # of the first member that it was found at
        self._filled = f"{self.command} --member {shlex.quote(url)}" if url else self.command

    def command_within(self, room: int) -> str:
        """The command filled in if that has at most ``room`` characters, otherwise bare: a cut one can't be pasted."""
        return self._filled if len(self._filled) <= room else self.command


_TABLES = {"probe": "Members", "log": "Request groups", SCANNER: "Scanner messages"}  # sections that have all


def _more_seen(finding: Finding, noun: str) -> str:
    """``19 more requests: see Request groups``; empty if the lines that are shown stand for all of them."""
    shown = finding.evidence[:_SEEN]
    left = finding.count - sum(stands_for(each.facts) for each in shown)
    if left <= 0 or not shown:
        return ""
    source = shown[0].source
    if shown[0].probe == ANSWER:  # each has a section of its own
        return f"{count(left, 'more ICAP response')}: see above"
    what = noun if source in _OF_LOGS else "observation"
    return f"{count(left, f'more {what}')}: see {_TABLES.get(source, 'the JSON report (-o json=FILE)')}"


def _answer_ms(seen: Observation) -> float | None:
    """How long a probe waited for the response, in ms."""
    times = seen.facts.part(Transfer)
    return None if times is None or seen.source != "probe" else times.answer_ms


def _seen(observations: Sequence[Observation], budget: Budget) -> tuple[SeenBlock, ...]:
    """The first few observations, some of them with all facts."""
    return tuple(
        SeenBlock(where(each), describe(each), budget.rows(each) if number < _WHOLE else (), members_of(each))
        for number, each in enumerate(observations[:_SEEN])
    )


def members_of(seen: Observation) -> tuple[str, ...]:
    """The members an observation is about; for a group of requests all of its members."""
    group = seen.facts.part(RequestGroup)
    return (group.members if group else None) or ((seen.member,) if seen.member else ())


class Place(NamedTuple):
    """Where a member is, as far as it is known."""

    host: str
    port: int | None = None
    service_uri: str = ""


def _place(finding: Finding) -> Place | None:
    """The place in the first observation; in a log, a member's name is its address."""
    met = finding.evidence[0].facts.part(Endpoint) if finding.evidence else None
    if met is not None and met.host:
        return Place(met.host, met.port)
    together = finding.evidence[0].facts.part(JoinedMember) if finding.evidence else None
    if together is not None and together.host:
        return Place(together.host, together.port, together.service_uri or "")
    name = next(iter(finding.members), "")
    host, _, port = name.rpartition(":")
    if finding.evidence and finding.evidence[0].source in _OF_LOGS and host and port.isdecimal() and len(port) <= _PORT:
        return Place(host.strip("[]"), int(port))
    return None


def _url(finding: Finding, service_uri: str) -> str:
    met = finding.evidence[0].facts.part(Endpoint) if finding.evidence else None
    if met is None or met.host is None or met.port is None or finding.evidence[0].source != "probe":
        return ""
    return visible(f"{'icaps' if met.tls else 'icap'}://{host_port(met.host, met.port)}{service_uri}")


class Unexplained:
    """What no runbook explains."""

    def __init__(self, report: Report, budget: Budget) -> None:
        self.count, self.noun = report.unmatched.count, "request" if logs_of(report) else "observation"
        self.seen = _seen(report.unmatched.examples, budget) if self.count else ()


def suppressed_because(accepted: SuppressedFinding) -> str:
    """``replaced in March (owner: J. Doe, until 2026-03-31)``."""
    terms = f"owner: {safe_text(accepted.owner)}, until {safe_text(accepted.until)}"
    return f"{safe_text(accepted.because)} ({terms})"


def suppressed_line(accepted: SuppressedFinding) -> str:
    """``CRITICAL  The server refuses TCP connections [tcp-refused] at icap1: replaced in March (owner: …)``."""
    at = f" at {names(accepted.members)}" if accepted.members else ""
    return f"{accepted.severity.value.upper()}  {named(accepted)}{at}: {suppressed_because(accepted)}"
