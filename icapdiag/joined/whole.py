"""All sources together: is traffic being scanned, and does the log show all that failed?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from msgspec import Struct

from icapdiag.facts.joined import JoinedMember, JoinedService, JoinedWhole
from icapdiag.facts.logs import EntryCounts, ReportedGroup
from icapdiag.joined.logged import Logged, logged
from icapdiag.joined.members import now, shown_by
from icapdiag.joined.source import moment
from icapdiag.model import Finding
from icapdiag.vocabulary import Effect, Severity

OPEN, CLOSED = "ICAP_FAIL_OPEN", "ICAP_FAIL_CLOSED"
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
    """``state`` is one of `SCANNING`; by which kind of source, and its time."""

    state: str = "unknown"
    by: str | None = None
    at: str | None = None


def scanning(
    members: Sequence[JoinedMember],
    services: Sequence[JoinedService],
    fail_action: str | None,
    *,
    blocked_unscanned: bool,
    hidden: Measured | None = None,
    loose: Logged | None = None,
) -> Scanning:
    """Whether uploads are scanned now.

    Where the configuration sends none to ICAP, or has no server for it, and no log shows a scan, they are not. Else
    members decide: those that fail are unscanned or refused as fail_action has it (Avi's default is open), unless a
    health monitor took them out of use and others work. ``loose`` are failures that name no server. Some are not where
    one Service Engine fails, or a member at times, or the scanner blocks what it can't scan, or failures go on that the
    log hides (``hidden``).
    """
    if services and all(each.scanned == "no" and not each.log_scanned for each in services):
        refused = fail_action == CLOSED and all(each.why == "no-member" for each in services)
        return Scanning("refused" if refused else "no", "configuration")
    found = _by_members(members, fail_action, blocked_unscanned=blocked_unscanned, hidden=hidden, loose=loose)
    if found.state in {"yes", "unknown"} and any(each.scanned == "no" and not each.log_scanned for each in services):
        return Scanning("partly" if any(each.scanned == "yes" for each in services) else found.state, "configuration")
    return found


def _by_members(
    members: Sequence[JoinedMember],
    fail_action: str | None,
    *,
    blocked_unscanned: bool,
    hidden: Measured | None,
    loose: Logged | None,
) -> Scanning:
    states = [(each, now(each)) for each in members]
    known = [(each, state) for each, state in states if state is not None]
    known = [(each, state) for each, state in known if state != "failing" or not each.out_of_use]
    if not known:
        return Scanning()
    shown = [said for each, _ in known if (said := shown_by(each)) is not None]
    by, at = max(shown, key=lambda each: each[1] or "")
    found = {state for _, state in known}
    past = {"missed"} if fail_action == CLOSED else {"missed", "failing"}
    one = any(each.one_engine and each.logged == "failing" for each, _ in known)
    some = any(_succeeds_between(each) or each.scripted == "mixed" for each, _ in known)
    if found == {"ok"}:
        state = "partly" if one or (blocked_unscanned and by == "log") else "yes"
        if state == "yes" and loose is not None and loose.state == "failing":
            return _without_a_member(loose, [each for each, _ in known], fail_action)
        if state == "yes" and hidden is not None:
            return Scanning("partly", "controller", hidden.until)
    elif found == {"failing"} and fail_action == CLOSED and not some:
        state = "refused"
    else:
        state = "no" if found <= past and not some else "partly"
    return Scanning(state, by, at)


def _without_a_member(loose: Logged, members: Sequence[JoinedMember], fail_action: str | None) -> Scanning:
    """By failures until the end of the log that name no server: Service Engines had none to select."""
    if all(each.probed == "ok" for each in members):
        up = all(each.monitored == "up" for each in members)
        return Scanning("yes" if up else "unknown", "check", max(each.probed_at or "" for each in members))
    first, success = moment(loose.first_failure), moment(loose.last_success)
    if success is not None and first is not None and success > first:
        return Scanning("partly", "log", loose.last_failure)
    return Scanning("refused" if fail_action == CLOSED else "no", "log", loose.last_failure)


def without_a_member(groups: Sequence[ReportedGroup]) -> Logged:
    """What the log says of failures that name no server, beside all successes."""
    return logged([each for each in groups if each.icap_action != "ICAP_FAILED" or not each.by_member])


def _succeeds_between(member: JoinedMember) -> bool:
    """Whether the log is what shows of a member that it fails, and shows successes since the first failure, too."""
    if member.logged != "failing" or (shown_by(member) or ("",))[0] != "log":
        return False
    first, last = moment(member.first_failure), moment(member.last_success)
    return first is not None and last is not None and last > first


def fail_action_of(stated: str | None, groups: Sequence[ReportedGroup]) -> str | None:
    """That of the profile, otherwise what the log shows of failures; None: neither says it."""
    outcomes = {each.client_outcome for each in groups if each.icap_action == "ICAP_FAILED"}
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
        blocked_unscanned=sum(each.count or 0 for each in blocked) or None,
        blocked_because=tuple(dict.fromkeys(each.logged_reason for each in blocked if each.logged_reason))[:_REASONS]
        or None,
        blocked_findings=tuple(dict.fromkeys(name for each in blocked for name in each.findings)) or None,
        members_failing=tuple(name for name, each in members.items() if now(each) in {"failing", "missed"}) or None,
        members_working=sum(now(each) == "ok" for each in members.values()),
    )


def blocked_by_errors(groups: Sequence[ReportedGroup], findings: Sequence[Finding]) -> list[ReportedGroup]:
    """Requests that the scanner blocked because it could not scan them. ``findings``: those of the logs."""
    return [each for each in groups if _is_blocked_unscanned(each, findings)]


def _is_blocked_unscanned(group: ReportedGroup, findings: Sequence[Finding]) -> bool:
    """Whether the scanner blocked these requests though it detected nothing."""
    telling = {each.id for each in findings if (each.severity, each.effect) == (Severity.CRITICAL, Effect.REFUSED)}
    return group.client_outcome == "blocked" and not group.probe and not telling.isdisjoint(group.findings)
