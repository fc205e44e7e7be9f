"""From sources to facts: a subject for the report, and observations for the runbooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from icapdiag.facts.config import LintSubject
from icapdiag.facts.joined import (
    JOINED,
    MEMBER,
    SERVICE,
    WHOLE,
    JoinedMember,
    JoinedService,
    JoinedSubject,
    JoinedWhole,
)
from icapdiag.facts.logs import EntryCounts, RecordCounts
from icapdiag.facts.run import LogSubject, PoolSubject
from icapdiag.joined.controller import NOTHING, Controller
from icapdiag.joined.events import events
from icapdiag.joined.logged import logged, members_of
from icapdiag.joined.members import Member, Pools, called, members, with_changes
from icapdiag.joined.services import services
from icapdiag.joined.source import Source, earliest, in_order, latest
from icapdiag.joined.uploads import uploads
from icapdiag.joined.whole import blocked_by_errors, fail_action_of, go_on, hides, scanning, shared, whole
from icapdiag.model import Observation, Report
from icapdiag.vocabulary import Status

_UNKNOWN = Pools()
_TESTING = ("check", "script", "capture")


class Joined(Struct, frozen=True):
    """``shown`` is the report whose members are shown one by one; None: there is none.

    ``names``: those of members by ``host:port`` and by the names that single sources have.
    """

    subject: JoinedSubject
    observations: tuple[Observation, ...]
    shown: Report | None
    names: Mapping[str, str]


def join(
    sources: Sequence[Source],
    *,
    inputs: Sequence[str],
    pool: str,
    service_uri: str | None = None,
    fail_action: str | None = None,
    pools: Pools = _UNKNOWN,
    controller: Controller = NOTHING,
) -> Joined:
    """Hold the sources side by side. ``fail_action`` and ``service_uri`` as far as the profile is known.

    ``pools``: the servers of the configuration, if all of them have addresses.
    """
    ordered = in_order(sources)
    logs = [each.report for each in ordered if each.kind == "log"]
    groups = [group for each in logs for group in each.groups]
    fail_action = fail_action_of(fail_action, groups)
    found = members(
        ordered, groups, controller.monitored, service_uri=service_uri, fail_action=fail_action, pools=pools
    )
    found = with_changes(found, controller.changes, first_success=logged(groups).first_success)
    log = _log(logs)
    entries = log.entries if log else None
    of_logs = [each for report in logs for each in report.findings]
    blocked = blocked_by_errors(groups, of_logs)
    unused = {each.key for each in found if each.facts.out_of_use}
    by_service = tuple(services(ordered, groups, entries.entries_total if entries else None, blocked, unused))
    measured = controller.measured
    hidden = measured if entries and hides(groups, measured) and go_on(measured) else None
    facts = [each.facts for each in found]
    became = uploads(groups, blocked, unused, fail_action=fail_action)
    state = scanning(facts, by_service, fail_action, log=became, hidden=hidden)
    all_of_it = whole(
        state,
        {each.name: each.facts for each in found},
        groups,
        of_logs,
        entries,
        measured,
        fail_action,
        configuration=[finding for each in ordered if each.kind == "configuration" for finding in each.report.findings],
        shared=shared(members_of(groups), [*pools.servers, *(each.key for each in found if _is_tested(each.facts))]),
    )
    shown = _shown(ordered)
    subject = JoinedSubject(
        evidence=(*(each.described for each in ordered), *controller.sources),
        inputs=tuple(inputs),
        pool=pool or None,
        scanning=state.state,
        scanning_by=state.by,
        scanning_at=state.at,
        scanning_services=state.services or None,
        detection_tested=any(each.facts.probed_eicar or each.facts.scripted_eicar for each in found),
        whole=all_of_it,
        joined_members=tuple(each.facts for each in found),
        member_names=tuple(each.name for each in found),
        events=events(ordered, found, controller.changes),
        log=log,
        configuration=_configuration(ordered),
        tested=_tested(shown),
    )
    observations = tuple(_observations(pool, found, by_service, all_of_it))
    return Joined(subject, observations, shown, called(ordered, found))


def _observations(
    pool: str, found: Sequence[Member], by_service: Sequence[JoinedService], all_of_it: JoinedWhole
) -> Iterator[Observation]:
    for each in found:
        yield Observation(source=JOINED, probe=MEMBER, pool=pool, member=each.name, status=Status.OK, facts=each.facts)
    for service in by_service:
        yield Observation(source=JOINED, probe=SERVICE, pool=pool, member="", status=Status.OK, facts=service)
    yield Observation(source=JOINED, probe=WHOLE, pool=pool, member="", status=Status.OK, facts=all_of_it)


def _is_tested(facts: JoinedMember) -> bool:
    return facts.probed_at is not None or facts.scripted_at is not None


def _shown(ordered: Sequence[Source]) -> Report | None:
    """The latest check; without one the latest script, or capture."""
    for kind in _TESTING:
        for each in reversed(ordered):
            if each.kind == kind:
                return each.report
    return None


def _tested(shown: Report | None) -> PoolSubject | None:
    if shown is None or not isinstance(shown.subject, PoolSubject):
        return None
    known = asdict(shown.subject)
    return PoolSubject(**{name: known[name] for name in PoolSubject.__struct_fields__})


def _configuration(ordered: Sequence[Source]) -> LintSubject | None:
    return next(
        (each.report.subject for each in reversed(ordered) if isinstance(each.report.subject, LintSubject)), None
    )


def _log(logs: Sequence[Report]) -> LogSubject | None:
    """All logs as one."""
    subjects = [each.subject for each in logs if isinstance(each.subject, LogSubject)]
    if len(subjects) < 2:
        return subjects[0] if subjects else None
    return LogSubject(
        inputs=tuple(name for each in subjects for name in each.inputs),
        sources=tuple(source for each in subjects for source in each.sources),
        records=_summed([each.records for each in subjects if each.records]),
        entries=_entries([each.entries for each in subjects if each.entries]),
    )


def _summed(found: Sequence[RecordCounts]) -> RecordCounts:
    return RecordCounts(
        total=sum(each.total for each in found),
        read=sum(each.read for each in found),
        skipped=sum(each.skipped for each in found),
        unreadable=sum(each.unreadable for each in found),
    )


_COUNTED = (
    "entries_total", "entries_icap", "entries_passed", "entries_modified", "entries_blocked", "entries_failed",
    "entries_disabled", "entries_other", "icap_requests", "unscanned_count", "unscanned_failed", "unscanned_too_large",
    "unscanned_disabled", "filtered", "groups",
)  # fmt: skip


def _entries(found: Sequence[EntryCounts]) -> EntryCounts:
    sums: dict[str, Any] = {name: sum(getattr(each, name) or 0 for each in found) for name in _COUNTED}
    ran = sums["entries_icap"] - sums["entries_disabled"]
    return replace(
        EntryCounts(**sums),
        only_significant=all(each.only_significant for each in found),
        first_seen=earliest(each.first_seen for each in found),
        last_seen=latest(each.last_seen for each in found),
        failed_share=round(sums["entries_failed"] / ran, 6) if ran > 0 else None,
        throttled_at=max((each.throttled_at for each in found if each.throttled_at), default=None),
        throttled_s=sum(each.throttled_s or 0 for each in found) or None,
    )
