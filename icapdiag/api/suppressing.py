"""``suppressions:`` of the pool file, compared with the runbooks and with what a run found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from msgspec import Struct
from msgspec.structs import asdict

from icapdiag.facts.fields import PROBES, fields
from icapdiag.facts.pool import ConfigurationObject, SuppressedFinding, Terms
from icapdiag.model import Finding, Observation, Problem, Unmatched
from icapdiag.pool import Located, Pool, PoolError, Suppression
from icapdiag.runbook import Library, UnknownRunbook, match
from icapdiag.runbook.conditions import Condition
from icapdiag.runbook.document import Runbook
from icapdiag.vocabulary import SEVERITY_ORDER, Status

OWN = ("suppression-expired", "suppression-unused")
_TESTED = {Status.OK, Status.FAILED}
_NOTHING_THERE = {"literal-address", "plain", "not-needed"}  # reasons to skip where nothing can be found
_POOL = "pool"


class Judged(Struct, frozen=True, kw_only=True):
    """``findings`` count; ``suppressed`` are those that the pool file accepts.

    ``accepted``: members with a suppressed finding.
    """

    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    unmatched: Unmatched
    suppressed: tuple[SuppressedFinding, ...]
    accepted: frozenset[str]


def resolve(pool: Pool, library: Library) -> Pool:
    """The pool with the ids of its suppressions checked. Raises `PoolError` with every unknown one."""
    errors: list[Located] = []
    for each in pool.suppressions:
        path = f"suppressions[{each.index}].finding"
        try:
            known = library.by_id(each.finding).id
        except UnknownRunbook as error:
            message = f"{error} (see icapdiag runbooks list)"
        else:
            if known not in OWN:
                continue
            message = f"{known} is about suppressions and can't be suppressed: correct them instead"
        errors.append(Located(file=pool.source, line=each.line, column=each.column, path=path, message=message))
    if errors:
        raise PoolError(errors)
    return pool


def judge(library: Library, pool: Pool, observations: Iterable[Observation], today: date, *, complete: bool) -> Judged:
    """Match, keep what the pool file accepts on ``today`` (UTC) separate, and add findings on faulty suppressions.

    ``complete``: everything requested was done, so a finding that did not occur is not there.
    """
    observations = (*observations, *(configured(pool, each) for each in pool.objects))
    listed = [(number, library.by_id(each.finding), each) for number, each in enumerate(pool.suppressions)]
    by_finding: dict[str, list[tuple[int, Suppression]]] = {}
    for number, runbook, each in listed:
        by_finding.setdefault(runbook.id, []).append((number, each))
    used: set[int] = set()

    def apart(finding: str, member: str) -> int | None:
        covering = [(number, each) for number, each in by_finding.get(finding, ()) if each.covers(member)]
        used.update(number for number, _ in covering)
        return next((number for number, each in covering if today <= each.until), None)

    known = {name: value for name, value in asdict(pool.profile).items() if name in pool.stated}
    matched = match(library, observations, apart, profile=known)
    seen = _Seen(pool, observations, complete=complete)
    own = [
        _observation(pool, runbook, each, state)
        for number, runbook, each in listed
        if (state := _state(each, runbook, today, seen, used=number in used))
    ]
    on_own = match(library, own)
    findings = (*matched.findings, *on_own.findings)
    problems = (*matched.problems, *on_own.problems)
    return Judged(
        unmatched=matched.unmatched,
        accepted=frozenset(member for _, finding in matched.apart for member in finding.members),
        findings=tuple(sorted(findings, key=lambda finding: SEVERITY_ORDER.index(finding.severity))),
        problems=tuple(sorted(problems, key=lambda problem: SEVERITY_ORDER.index(problem.severity))),
        suppressed=tuple(_accepted(finding, pool.suppressions[number]) for number, finding in matched.apart),
    )


class _Seen:
    """What a run tested, to decide whether a finding is really absent."""

    def __init__(self, pool: Pool, observations: Sequence[Observation], *, complete: bool) -> None:
        self._members = {member.name: member.enabled for member in pool.members}
        self._complete = complete
        self._tested = {(one.member, one.probe) for one in observations if _is_tested(one)}
        self._ran = {one.probe for one in observations if one.probe}
        self._compared = pool.compare

    def names_nobody(self, suppression: Suppression) -> bool:
        """Whether no member of the pool has a matching name."""
        return not suppression.covers("") and not any(suppression.covers(name) for name in self._members)

    def would_show(self, runbook: Runbook, suppression: Suppression) -> bool:
        """Whether each probe that the runbook needs finished at each member concerned."""
        if not self._complete:
            return False
        probes = {probe for group in runbook.match for probe in _probes(group.conditions) or self._ran}
        if _POOL in probes and not self._compared:
            return False
        members = [name for name in self._members if suppression.covers(name)]
        return all(
            self._members[name] and (name, probe) in self._tested for name in members for probe in probes - {_POOL}
        )


def _probes(conditions: Sequence[Condition]) -> set[str]:
    """The probes whose observations can meet all of these conditions; empty if any probe's could."""
    left = set(PROBES)
    for condition in conditions:
        if condition.field == "probe" and condition.operator == "equals":
            left &= {str(value) for value in condition.values}
        elif condition.field in fields():
            left &= set(fields()[condition.field].probes)
    return left if left != set(PROBES) else set()


def _is_tested(observation: Observation) -> bool:
    return observation.status in _TESTED or (
        observation.status is Status.SKIPPED and observation.reason in _NOTHING_THERE
    )


def _state(suppression: Suppression, runbook: Runbook, today: date, seen: _Seen, *, used: bool) -> str:
    """What is wrong with it; "" if nothing is, or if that is unknown."""
    if suppression.until < today:
        return "expired"
    if used:
        return ""
    if seen.names_nobody(suppression):
        return "no-such-member"
    return "unused" if seen.would_show(runbook, suppression) else ""


def _observation(pool: Pool, runbook: Runbook, suppression: Suppression, state: str) -> Observation:
    facts = ConfigurationObject(object="suppression", finding=runbook.id, suppression=state, terms=_terms(suppression))
    return Observation(source="config", probe="", pool=pool.name, member="", status=Status.OK, facts=facts)


def configured(pool: Pool, facts: ConfigurationObject) -> Observation:
    """An object of the configuration that the pool is from, as an observation."""
    return Observation(source="config", probe="", pool=pool.name, member="", status=Status.OK, facts=facts)


def _accepted(finding: Finding, suppression: Suppression) -> SuppressedFinding:
    return SuppressedFinding(
        id=finding.id,
        severity=finding.severity,
        title=finding.title,
        members=finding.members,
        count=finding.count,
        **asdict(_terms(suppression)),
    )


def _terms(suppression: Suppression) -> Terms:
    return Terms(
        member_pattern=None if suppression.member == "*" else suppression.member,
        owner=suppression.owner,
        because=suppression.reason,
        until=suppression.until.isoformat(),
    )
