"""All sources together: is traffic being scanned, and does the log show all that failed?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from msgspec import Struct

from icapdiag.facts.groups import ReportedGroup
from icapdiag.facts.joined import JoinedMember, JoinedService, JoinedWhole
from icapdiag.facts.logs import EntryCounts
from icapdiag.joined.logged import logged
from icapdiag.joined.members import now, shown_by
from icapdiag.joined.source import moment
from icapdiag.joined.uploads import CLOSED, FAILED, Uploads
from icapdiag.model import Finding
from icapdiag.vocabulary import Effect, Severity

OPEN = "ICAP_FAIL_OPEN"
_REASONS = 5
_MANY = 100  # measured failures
_FEW, _TENFOLD = 100, 10  # times
_LATELY = timedelta(minutes=10)  # two steps of the counters


class Measured(Struct, frozen=True, kw_only=True):
    """ICAP requests as Service Engines counted them in the time of the log; None: not known."""

    requests: int | None = None
    failures: int | None = None
    last_failure: str | None = None  # the step of the counters that has it begins then
    until: str | None = None


class Shared(Struct, frozen=True):
    """How many servers, and hosts, of the log are in the pool or were checked; None: one of the two names none."""

    servers: int | None = None
    hosts: int | None = None


def shared(logged_: Sequence[str], named: Sequence[str]) -> Shared:
    """Of these ``host:port``."""
    if not logged_ or not named:
        return Shared()
    hosts = {name.rpartition(":")[0] for name in logged_} & {name.rpartition(":")[0] for name in named}
    return Shared(len({*logged_} & {*named}), len(hosts))


class Scanning(Struct, frozen=True):
    """``state`` is one of `SCANNING`; by which kind of source, and its time; of which virtual services, () for all."""

    state: str = "unknown"
    by: str | None = None
    at: str | None = None
    services: tuple[str, ...] = ()


def scanning(
    members: Sequence[JoinedMember],
    services: Sequence[JoinedService],
    fail_action: str | None,
    *,
    log: Uploads | None,
    hidden: Measured | None = None,
) -> Scanning:
    """Whether uploads are scanned now.

    Where the configuration sends none to ICAP, or has no server for it, and the log shows no scan since, they are not.
    Else members decide: those that fail are unscanned or refused as fail_action has it (Avi's default is open), unless
    a health monitor took them out of use and others work. Where the log is what shows it, what became of its uploads
    decides. Some are not where one Service Engine fails, or a member at times, or failures go on that the log hides
    (``hidden``). Of several virtual services the worst is meant.
    """
    by_services = [_configured(each) for each in services]
    if services and None not in by_services:
        return min(filter(None, by_services), key=_harm)
    found = _of_members(members, fail_action, log, hidden)
    if len(services) < 2 or not (any(by_services) or found.by == "log"):
        return found
    states = [known or _of_service(each, found) for known, each in zip(by_services, services, strict=True)]
    worst = min(states, key=_harm)
    if _harm(worst) >= _harm(found) and found.state == "yes":
        return found
    alike = {"no", "refused"} if worst.state in {"no", "refused"} else {worst.state}
    if worst.by == "log":
        alike.add("unknown")  # which nobody used
    some = [each for each, one in zip(services, states, strict=True) if one.state == worst.state]
    if all(each.state in alike for each in states):
        some = []
    return Scanning(
        worst.state, worst.by, worst.at, tuple(name for each in some for name in each.virtualservices or ())
    )


_HARM = ("no", "refused", "partly", "yes", "unknown")


def _harm(found: Scanning) -> int:
    return _HARM.index(found.state)


def _configured(service: JoinedService) -> Scanning | None:
    """Where by its configuration no upload is scanned, and none was since; None: it says nothing."""
    if service.scanned != "no" or (service.log_scanned and not service.log_past):
        return None
    refused = service.why == "refused-first" or (service.why == "no-member" and service.fail_action == CLOSED)
    return Scanning("refused" if refused else "no", "configuration")


def _of_service(service: JoinedService, of_members: Scanning) -> Scanning:
    """By the log where it is the latest source."""
    if of_members.by != "log":
        return of_members
    if service.log_uploads is None:
        return Scanning()
    all_fail = service.log_uploads == "partly" and of_members.state in {"no", "refused"}
    return Scanning(of_members.state if all_fail else service.log_uploads, "log", service.log_uploads_at)


def _of_members(
    members: Sequence[JoinedMember], fail_action: str | None, log: Uploads | None, hidden: Measured | None
) -> Scanning:
    states = [(each, now(each)) for each in members if each.configured is not False]
    known = [(each, state) for each, state in states if state is not None]
    known = [(each, state) for each, state in known if state != "failing" or not each.out_of_use]
    if not known:
        tested = any(shown_by(each) for each, _ in states)
        return Scanning() if tested or log is None else Scanning(log.state, "log", log.at)
    shown = [said for each, _ in known if (said := shown_by(each)) is not None]
    by, at = max(shown, key=lambda each: each[1] or "")
    found = {state for _, state in known}
    past = {"missed"} if fail_action == CLOSED else {"missed", "failing"}
    some = any(_succeeds_between(each) or each.scripted == "mixed" for each, _ in known)
    if found == {"ok"}:
        state = "partly" if any(each.one_engine and each.logged == "failing" for each, _ in known) else "yes"
    elif found == {"failing"} and fail_action == CLOSED and not some:
        state = "refused"
    else:
        state = "no" if found <= past and not some else "partly"
    if by == "log" and log is not None:
        state, at = _by_log(state, log), log.at
    if state == "yes" and hidden is not None:
        return Scanning("partly", "controller", hidden.until)
    return Scanning(state, by, at)


def _by_log(of_members: str, log: Uploads) -> str:
    """Where failures and scans go on, whether all members fail by now."""
    return of_members if log.state == "partly" and of_members in {"no", "refused"} else log.state


def _succeeds_between(member: JoinedMember) -> bool:
    """Whether the log is what shows of a member that it fails, and shows successes since the first failure, too."""
    if member.logged != "failing" or (shown_by(member) or ("",))[0] != "log":
        return False
    first, last = moment(member.first_failure), moment(member.last_success)
    return first is not None and last is not None and last > first


def fail_action_of(stated: str | None, groups: Sequence[ReportedGroup]) -> str | None:
    """That of the profile, otherwise what the log shows of failures; None: neither says it."""
    outcomes = {each.client_outcome for each in groups if each.icap_action == FAILED}
    if stated is not None or not outcomes:
        return stated
    return OPEN if "unscanned" in outcomes else CLOSED if "refused-500" in outcomes else None


def hides(groups: Sequence[ReportedGroup], measured: Measured) -> bool:
    """Whether somebody who reads the log takes far more failures that were counted for few."""
    said = logged(groups)
    if measured.requests is None or measured.failures is None or measured.failures < _MANY:
        return False
    few = said.failures * _FEW <= measured.failures
    rare = said.failures * measured.requests * _TENFOLD <= measured.failures * said.requests
    return few or (rare and said.failures * _TENFOLD <= measured.failures)


def go_on(measured: Measured) -> bool | None:
    """Whether failures were counted at the end of the time that was measured; None: not known."""
    last, until = moment(measured.last_failure), moment(measured.until)
    return None if last is None or until is None else until - last <= _LATELY


def whole(
    found: Scanning,
    members: Mapping[str, JoinedMember],
    groups: Sequence[ReportedGroup],
    findings: Sequence[Finding],
    entries: EntryCounts | None,
    measured: Measured,
    fail_action: str | None,
    configuration: Sequence[Finding],
    shared: Shared,
) -> JoinedWhole:
    """``findings``: those of the logs; ``configuration``: those of the configuration."""
    said = logged(groups)
    blocked = blocked_by_errors(groups, findings)
    failures = said.failures if entries is not None else None
    configured = {name: each for name, each in members.items() if each.configured is not False}
    failing = [name for name, each in configured.items() if now(each) in {"failing", "missed"}]
    missing = None if failures is None or measured.failures is None else max(measured.failures - failures, 0)
    return JoinedWhole(
        scanning=found.state,
        fail_action=fail_action,
        client_outcome=said.outcome,
        logged=said.state,
        log_entries=entries.entries_total if entries else None,
        log_requests=said.requests if entries is not None else None,
        log_failures=failures,
        throttled_at=entries.throttled_at if entries else None,
        measured_requests=measured.requests,
        measured_failures=measured.failures,
        failures_not_logged=missing,
        failures_hidden=None if missing is None else hides(groups, measured),
        failures_go_on=None if not missing else go_on(measured),
        servers_shared=shared.servers,
        hosts_shared=shared.hosts,
        configuration_findings=tuple(each.id for each in configuration) or None,
        failing_findings=tuple(_of_failures(groups, findings)) or None,
        blocked_unscanned=sum(each.count or 0 for each in blocked) or None,
        blocked_because=tuple(dict.fromkeys(each.logged_reason for each in blocked if each.logged_reason))[:_REASONS]
        or None,
        blocked_findings=tuple(dict.fromkeys(name for each in blocked for name in each.findings)) or None,
        members_failing=tuple(failing) or None,
        # of the same pool groups as those that fail
        members_working=min((members[name].others_ok or 0 for name in failing), default=None)
        if failing
        else sum(now(each) == "ok" for each in configured.values()),
    )


def _of_failures(groups: Sequence[ReportedGroup], findings: Sequence[Finding]) -> Iterator[str]:
    """The findings of failed requests that no other finding is the reason of. ``findings``: those of the logs."""
    named = {name for each in groups if each.icap_action == "ICAP_FAILED" for name in each.findings}
    yield from dict.fromkeys(each.id for each in findings if each.id in named and not each.because_of)


def blocked_by_errors(groups: Sequence[ReportedGroup], findings: Sequence[Finding]) -> list[ReportedGroup]:
    """Requests that the scanner blocked because it could not scan them. ``findings``: those of the logs."""
    return [each for each in groups if _is_blocked_unscanned(each, findings)]


def _is_blocked_unscanned(group: ReportedGroup, findings: Sequence[Finding]) -> bool:
    """Whether the scanner blocked these requests though it detected nothing."""
    telling = {each.id for each in findings if (each.severity, each.effect) == (Severity.CRITICAL, Effect.REFUSED)}
    return group.client_outcome == "blocked" and not group.probe and not telling.isdisjoint(group.findings)
