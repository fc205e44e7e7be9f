"""Two reports of the same subject: what is new, fixed, changed, unchanged, and what was not tested this time.

A missing finding is fixed only if its probes ran again: a member that can't be reached any more shows no other
faults, which is not an improvement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from icapdiag.facts.fields import POOL
from icapdiag.facts.joined import JoinedSubject
from icapdiag.facts.run import LogSubject, PoolSubject
from icapdiag.facts.sheet import JSONValue, values_of
from icapdiag.model import Finding, MemberReport, Observation, Report
from icapdiag.report.document.findings import suppressed_because
from icapdiag.vocabulary import Status

_TESTED = {Status.OK, Status.FAILED}
_UNTESTED = ("not-asked", "disabled")  # reasons of what was skipped
_NOT_OF_THE_RUN = frozenset({"source", "warn_ms", "crit_ms"})  # of a pool: its file may be another one of the same


class Change(StrEnum):
    """How something changed, the worst first."""

    NEW = "new"
    LOST = "not re-tested"
    CHANGED = "changed"
    FIXED = "fixed"
    UNCHANGED = "unchanged"


class NotComparable(ValueError):
    """Two reports that can't be compared; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One finding at one member (``member`` is "" if it concerns no single one), or probes that were not re-run.

    ``finding`` is then "" and ``detail`` says which. ``detail`` of what changed: from what to what.
    """

    change: Change
    member: str
    finding: str = ""
    severity: str = ""
    title: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstance:
    """Something about the runs themselves that differs, which may explain the rest."""

    name: str
    before: JSONValue
    after: JSONValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """``items`` by change, then severity, then member."""

    before: str  # when it began, ISO 8601
    after: str
    verdict_before: str
    verdict_after: str
    items: tuple[Item, ...]
    circumstances: tuple[Circumstance, ...]

    def of(self, change: Change) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.change is change)

    @property
    def is_worse(self) -> bool:
        """Whether something is new or was not re-tested."""
        return any(item.change in {Change.NEW, Change.LOST} for item in self.items)


def diff(before: Report, after: Report) -> Diff:
    """What changed since ``before``. Raises `NotComparable` for reports of different commands."""
    if before.command != after.command:
        raise NotComparable(f"one report is from icapdiag {before.command}, the other from icapdiag {after.command}")
    items = sorted(_items(before, after), key=_order)
    return Diff(
        before=before.started_at,
        after=after.started_at,
        verdict_before=before.verdict.value,
        verdict_after=after.verdict.value,
        items=tuple(items),
        circumstances=tuple(_circumstances(before, after)),
    )


def _order(item: Item) -> tuple[int, int, str, str]:
    severities = ("critical", "warning", "info", "")
    return list(Change).index(item.change), severities.index(item.severity), item.finding, item.member


def _items(before: Report, after: Report) -> Iterator[Item]:
    old, new = _by_member(before), _by_member(after)
    tested = _tested(after)
    hidden_before, hidden_now = _suppressed(before), _suppressed(after)
    for key, finding in new.items():
        if key not in old:
            yield _item(Change.NEW, key, finding, "was suppressed before" if key in hidden_before else "")
            continue
        detail = _changed(old[key], finding, key[1])
        yield _item(Change.CHANGED if detail else Change.UNCHANGED, key, finding, detail)
    unseen: set[tuple[str, str]] = set()
    for key, finding in old.items():
        if key in new:
            continue
        if key in hidden_now:  # still there: nothing was fixed
            yield _item(Change.CHANGED, key, finding, f"suppressed now: {hidden_now[key]}")
            continue
        missed = sorted(probe for probe in _shown_by(finding, key[1]) if (key[1], probe) not in tested)
        if before.members and key[1] and missed:
            unseen.update((key[1], probe) for probe in missed)
            yield _item(Change.LOST, key, finding, f"not tested this time: {', '.join(missed)}")
        else:
            yield _item(Change.FIXED, key, finding)
    yield from _lost(before, after, unseen)


def _lost(before: Report, after: Report, said: set[tuple[str, str]]) -> Iterator[Item]:
    """Probes with a result before and none now, one line per member."""
    now = {member.name: member for member in after.members}
    tested = _tested(after)
    for member in before.members:
        gone = [
            probe
            for name, probe in dict.fromkeys((member.name, p.probe) for p in member.probes if p.status in _TESTED)
            if (name, probe) not in tested and (name, probe) not in said
        ]
        if gone:
            yield Item(
                change=Change.LOST, member=member.name, detail=f"{', '.join(gone)}: {_why(now.get(member.name))}"
            )


def _why(member: MemberReport | None) -> str:
    if member is None:
        return "the member is not in the second report"
    blocked = dict.fromkeys(str(probe.reason) for probe in member.probes if probe.status is Status.BLOCKED)
    return f"not run ({', '.join(blocked)} failed)" if blocked else "not run this time"


def _item(change: Change, key: tuple[str, str], finding: Finding, detail: str = "") -> Item:
    return Item(
        change=change,
        member=key[1],
        finding=finding.id,
        severity=finding.severity.value,
        title=finding.title,
        detail=detail,
    )


def _by_member(report: Report) -> dict[tuple[str, str], Finding]:
    """Findings by id and member. In a log the member is not part of the diagnosis: the requests are counted."""
    found: dict[tuple[str, str], Finding] = {}
    for finding in report.findings:
        for member in (finding.members if report.members else ()) or ("",):
            found[finding.id, member] = finding
    return found


def _suppressed(report: Report) -> dict[tuple[str, str], str]:
    """Why, by id and member."""
    return {
        (accepted.id, member): suppressed_because(accepted)
        for accepted in report.suppressed
        for member in accepted.members or ("",)
    }


def _tested(report: Report) -> set[tuple[str, str]]:
    """Member and probe of everything that was tested or did not need a test."""
    probes = ((member.name, probe) for member in report.members for probe in member.probes)
    return {(name, probe.probe) for name, probe in probes if probe.status in _TESTED or _is_needless(probe)}


def _is_needless(probe: Observation) -> bool:
    return probe.status is Status.SKIPPED and probe.reason not in _UNTESTED


def _evidence(finding: Finding, member: str) -> Iterator[Observation]:
    return (seen for seen in finding.evidence if not member or seen.member == member)


def _shown_by(finding: Finding, member: str) -> set[str]:
    """The probes on whose observations the finding is based; only those of the first members are kept as evidence."""
    evidence = tuple(_evidence(finding, member)) or finding.evidence
    return {seen.probe for seen in evidence} - {"", POOL}


def _changed(before: Finding, after: Finding, member: str) -> str:
    """Old and new values of facts that should be the same in every run."""
    changes: list[str] = []
    if before.severity is not after.severity:
        changes.append(f"severity {before.severity.value} → {after.severity.value}")
    if not member and before.count != after.count:
        changes.append(f"count {before.count:,} → {after.count:,}")
    old, new = next(_evidence(before, member), None), next(_evidence(after, member), None)
    if member and old is not None and new is not None:
        was, became = _lasting(old), _lasting(new)
        changes += [
            f"{name} {was.get(name, 'nothing')} → {became.get(name, 'nothing')}"
            for name in sorted(was.keys() | became.keys())
            if was.get(name) != became.get(name)
        ]
    return "; ".join(changes)


def _lasting(seen: Observation) -> dict[str, str | float]:
    """The facts that stay the same from run to run, by name; no lists."""
    known = {fact.key: value for fact, value in values_of(seen.facts) if not fact.changes}
    known |= {"status": seen.status.value, "reason": seen.reason}
    return {name: value for name, value in known.items() if isinstance(value, str | int | float)}


def _circumstances(before: Report, after: Report) -> Iterator[Circumstance]:
    was, became = _setting(before), _setting(after)
    for name in dict.fromkeys((*was, *became)):
        if was.get(name) != became.get(name):
            yield Circumstance(name=name, before=was.get(name), after=became.get(name))
    old_members, new_members = ({member.name for member in report.members} for report in (before, after))
    if old_members != new_members:
        yield Circumstance(
            name="members",
            before=sorted(old_members - new_members),
            after=sorted(new_members - old_members),
        )
    if not (before.complete and after.complete):
        yield Circumstance(name="complete", before=before.complete, after=after.complete)


def _setting(report: Report) -> dict[str, JSONValue]:
    """What ran, from where, against what and with which settings."""
    setting: dict[str, JSONValue] = {
        "icapdiag": report.tool.version,
        "runbooks": report.tool.runbooks,
        "vantage": report.vantage.host,
        "source address": report.vantage.source_addresses,
    }
    match report.subject:
        case PoolSubject() as pool:
            own = {fact.key: value for fact, value in values_of(pool) if fact.key not in _NOT_OF_THE_RUN}
        case LogSubject(inputs=inputs) | JoinedSubject(inputs=inputs):
            own = {"inputs": inputs}
        case _:
            own = {}
    return setting | own
