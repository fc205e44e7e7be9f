"""Each member by all sources: check, script, capture, log and health monitor, and what changed between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from icapdiag.avi.addresses import host_port
from icapdiag.facts.connection import Endpoint
from icapdiag.facts.engines import Engines
from icapdiag.facts.groups import ReportedGroup
from icapdiag.facts.joined import Event, JoinedMember
from icapdiag.joined.logged import logged, members_of
from icapdiag.joined.meanwhile import interleaved, works_meanwhile
from icapdiag.joined.seen import Seen
from icapdiag.joined.source import Source, in_order, moment
from icapdiag.joined.tested import tested
from icapdiag.joined.uploads import nowhere
from icapdiag.model import MemberReport

_SHORTLY = timedelta(minutes=15)
_UNTIL_UNUSED = timedelta(minutes=1)  # requests that had begun still fail, and each Service Engine has its own monitor
_FROM = " from "  # in the name of a member that several Service Engines tested


class Monitored(Struct, frozen=True, kw_only=True):
    """What the health monitor says of a server, by the Service Engine that it runs on."""

    up: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    reason: str | None = None
    since: str | None = None
    read_at: str | None = None


class Pools(Struct, frozen=True):
    """What the configuration says of servers, by ``host:port``: all of them, and those of each virtual service.

    Both are empty where it is not known.
    """

    servers: frozenset[str] = frozenset()
    by_service: Mapping[str, frozenset[str]] = {}

    def lacks(self, key: str) -> bool:
        """Whether it has others, and not this one."""
        return bool(self.servers) and key not in self.servers

    def beside(self, key: str, other: str) -> bool:
        """Whether requests that one of the two does not serve can go to the other one."""
        if self.lacks(other):
            return False
        own = [servers for servers in self.by_service.values() if key in servers]
        return not own or any(other in servers for servers in own)

    def meant(self, key: str, services: Iterable[str]) -> bool:
        """Whether requests of these virtual services could have gone to it."""
        known = [self.by_service[name] for name in services if name in self.by_service]
        return not self.lacks(key) and (not known or any(key in servers for servers in known))


class Member(Struct, frozen=True):
    """Its name for people, its ``host:port``, and its facts."""

    name: str
    key: str
    facts: JoinedMember


def members(
    sources: Sequence[Source],
    groups: Sequence[ReportedGroup],
    monitored: Mapping[str, Monitored],
    *,
    service_uri: str | None,
    fail_action: str | None,
    pools: Pools,
) -> tuple[Member, ...]:
    """All members that some source names: of checks first, in their order."""
    seen: dict[str, list[Seen]] = {}
    names: dict[str, str] = {}
    for source in in_order(sources):
        for member in source.report.members:
            key = _key(member)
            names[key] = member.name.partition(_FROM)[0] if source.kind == "script" else member.name
            views = (Seen(source, engine, source.span[1], tested(member)) for engine in engines_of(source, member))
            seen.setdefault(key, []).extend(views)
    keys = dict.fromkeys((*seen, *members_of(groups), *monitored))
    tested_ = {key for key, views in seen.items() if any(each.source.kind != "capture" for each in views)}
    servers = frozenset() if pools.servers.isdisjoint(keys) else pools.servers | tested_
    known = replace(pools, servers=servers)
    found = [
        Member(
            names.get(key, key),
            key,
            _facts(key, seen.get(key, ()), groups, monitored.get(key), known)
            | JoinedMember(
                service_uri=service_uri, fail_action=fail_action, configured=False if known.lacks(key) else None
            ),
        )
        for key in keys
    ]
    working = [each.key for each in found if now(each.facts) == "ok"]
    return tuple(
        Member(
            each.name,
            each.key,
            _among(each.facts, sum(known.beside(each.key, key) for key in working if key != each.key)),
        )
        for each in found
    )


def _works_since(facts: JoinedMember) -> bool:
    """Whether it succeeds since its first failure, from some Service Engine: before an outage all of them do."""
    first, last = moment(facts.first_failure), moment(facts.last_success)
    return facts.monitored != "down" and first is not None and last is not None and last > first


def _among(facts: JoinedMember, others_ok: int) -> JoinedMember:
    """With what the other members make of it: not used is one that is marked down while others work."""
    since, failed = moment(facts.monitor_since), moment(facts.last_failure)
    used = since is not None and failed is not None and failed - since > _UNTIL_UNUSED
    out_of_use = facts.monitored == "down" and others_ok > 0 and not used
    return replace(facts, others_ok=others_ok, out_of_use=True if out_of_use else None)


def _key(member: MemberReport) -> str:
    """Its ``host:port``, with the address that was dialled where it is configured by name."""
    dialled = (each.facts.part(Endpoint) for each in member.probes)
    address = next((each.address for each in dialled if each and each.address), None)
    return host_port(address or member.address, member.port)


def engines_of(source: Source, member: MemberReport) -> tuple[str, ...]:
    """Who saw it: the Service Engines for scripts, otherwise a host."""
    parts = (each.facts.part(Engines) for each in member.probes)
    several = next((part.seen_from for part in parts if part is not None and part.seen_from), None)
    return several or (source.report.vantage.host or "",)


def _facts(
    key: str, seen: Sequence[Seen], groups: Sequence[ReportedGroup], monitor: Monitored | None, pools: Pools
) -> JoinedMember:
    host, _, port = key.rpartition(":")
    found = JoinedMember(host=host.strip("[]"), port=int(port) if port.isdecimal() else None)
    found |= _checked([each for each in seen if each.source.kind == "check"])
    found |= _scripted([each for each in seen if each.source.kind == "script"])
    found |= _captured([each for each in seen if each.source.kind == "capture"])
    found |= _changed(seen)
    found |= _logged(key, groups, pools, blocked=found.blocked_before)
    if monitor is not None:
        found = _without_later(found | _monitored(monitor))
    one = len(found.engines_failing or ()) == 1 and bool(found.engines_working) and _works_since(found)
    by_script = len(found.script_failing or ()) == 1 and bool(found.script_working)
    by_monitor = found.monitored == "mixed" and len(found.monitor_down or ()) == 1
    return replace(
        found,
        one_engine=True if one or by_script or by_monitor else None,
        works_meanwhile=True if works_meanwhile(seen, found) else None,
    )


def _checked(seen: Sequence[Seen]) -> JoinedMember:
    if not seen:
        return JoinedMember()
    last = seen[-1]
    by_host = {each.seen_from: each.tested.state for each in seen}  # the latest of each host
    works = tuple(name for name, state in by_host.items() if state == "ok")
    fails = tuple(name for name, state in by_host.items() if state in {"failing", "mixed"})
    return JoinedMember(
        probed=last.tested.state,
        probed_eicar=last.tested.eicar,
        probed_reason=last.tested.reason,
        probed_step=last.tested.step,
        probed_at=last.at,
        hosts_working=works or None,
        hosts_failing=fails or None,
    )


def _scripted(seen: Sequence[Seen]) -> JoinedMember:
    states = {each.seen_from: each.tested for each in seen if each.tested.state}
    if not states:
        return JoinedMember()
    works = tuple(name for name, one in states.items() if one.state == "ok")
    fails = tuple(name for name, one in states.items() if one.state != "ok")
    eicar = {one.eicar for one in states.values()}
    return JoinedMember(
        scripted="ok" if not fails else "mixed" if works else "failing",
        scripted_eicar="missed" if "missed" in eicar else "blocked" if "blocked" in eicar else None,
        script_reason=next((one.reason for one in states.values() if one.reason), None),
        script_step=next((one.step for one in states.values() if one.step), None),
        script_working=works or None,
        script_failing=fails or None,
        scripted_at=seen[-1].at,
    )


def _captured(seen: Sequence[Seen]) -> JoinedMember:
    if not seen:
        return JoinedMember()
    last = seen[-1]
    return JoinedMember(
        captured=last.tested.state,
        capture_reason=last.tested.reason,
        capture_step=last.tested.step,
        captured_at=last.at,
    )


def _changed(seen: Sequence[Seen]) -> JoinedMember:
    """Whether its ISTag and its Service have changed, and whether it detected something before."""
    before = [each for each in seen[:-1] if each.tested.eicar == "blocked"]
    return JoinedMember(blocked_before=True if before else None) | _istags(seen) | _services(seen)


def _istags(seen: Sequence[Seen]) -> JoinedMember:
    tagged = [each for each in seen if each.tested.istag]
    if not tagged:
        return JoinedMember()
    now_ = tagged[-1].tested.istag
    earlier = [each for each in tagged if each.tested.istag != now_]
    if not earlier:
        return JoinedMember(istag_now=now_, istag_replaced=False if len(tagged) > 1 else None)
    since = tagged[tagged.index(earlier[-1]) + 1]
    return JoinedMember(
        istag_now=now_,
        istag_before=earlier[-1].tested.istag,
        istag_replaced=True,
        changed_after=earlier[-1].at,
        changed_before=since.source.span[0],
    )


def _services(seen: Sequence[Seen]) -> JoinedMember:
    names = [each.tested.service for each in seen if each.tested.service]
    if not names:
        return JoinedMember()
    earlier = [name for name in names if name != names[-1]]
    return JoinedMember(
        service_now=names[-1],
        service_before=earlier[-1] if earlier else None,
        service_replaced=bool(earlier) if len(names) > 1 else None,
    )


def _logged(key: str, groups: Sequence[ReportedGroup], pools: Pools, *, blocked: bool | None) -> JoinedMember:
    lost = [each for each in groups if nowhere(each) and pools.meant(key, each.by_virtualservice or ())]
    said = logged(groups, key, lost)
    if said.state is None:
        return JoinedMember()
    return JoinedMember(
        logged=said.state,
        log_requests=said.requests,
        log_failures=said.failures,
        not_selected=said.lost or None,
        adf_codes=said.codes or None,
        client_outcome=said.outcome,
        first_failure=said.first_failure,
        last_failure=said.last_failure,
        last_success=said.last_success,
        engines_failing=said.failing or None,
        engines_working=(said.working or None) if said.failures or said.lost else None,
        engines_meanwhile=True if said.failing and said.working and interleaved(said) else None,
        blocked_before=True if blocked or said.detected else None,
    )


def _without_later(facts: JoinedMember) -> JoinedMember:
    """Without successes of a time at which it was marked down: these are of others in the same group of requests."""
    since, success, failure = moment(facts.monitor_since), moment(facts.last_success), moment(facts.last_failure)
    if facts.monitored != "down" or since is None or success is None or success - since <= _UNTIL_UNUSED:
        return facts
    recovered = failure is not None and since - failure > _SHORTLY and facts.logged == "recovered"
    logged_ = "failing" if facts.logged == "recovered" and not recovered else facts.logged
    return replace(facts, last_success=None, logged=logged_)


def _monitored(monitor: Monitored) -> JoinedMember:
    state = "mixed" if monitor.up and monitor.down else "down" if monitor.down else "up" if monitor.up else None
    return JoinedMember(
        monitored=state,
        monitor_reason=monitor.reason,
        monitor_since=monitor.since,
        monitor_down=monitor.down or None,
        monitored_at=monitor.read_at,
    )


def now(facts: JoinedMember) -> str | None:
    """ok, missed, failing or None, by the source that is nearest to a Service Engine now: script, check, capture, log.

    Without a test, a health monitor that has it marked down everywhere outweighs the log. A check from another host
    that works says nothing of Service Engines that failed until the end of the log, or still have it marked down.
    """
    if "missed" in {facts.probed_eicar, facts.scripted_eicar}:
        return "missed"
    if facts.scripted is None and facts.probed == "ok":
        unknown = facts.logged == "failing" and facts.monitored is None and not facts.one_engine
        return "failing" if facts.monitored == "down" else None if unknown else "ok"
    tested = (facts.scripted, facts.probed, facts.captured)
    untested = "failing" if facts.monitored == "down" else {"recovered": "ok"}.get(facts.logged or "", facts.logged)
    state = next((each for each in tested if each is not None), untested)
    return state if state in {"ok", None} else "failing"


def shown_by(facts: JoinedMember) -> tuple[str, str | None] | None:
    """The source that `now` is by, and its time."""
    counts = facts.scripted is None and (facts.probed == "ok" or (facts.probed, facts.captured) == (None, None))
    for kind, state, at in (
        ("controller", facts.monitored if counts and facts.monitored == "down" else None, facts.monitored_at),
        ("script", facts.scripted, facts.scripted_at),
        ("check", facts.probed, facts.probed_at),
        ("capture", facts.captured, facts.captured_at),
        ("log", facts.logged, max(filter(None, (facts.last_failure, facts.last_success)), default=None)),
    ):
        if state is not None:
            return kind, at
    return None


def with_changes(found: Sequence[Member], changes: Sequence[Event], *, first_success: str | None) -> tuple[Member, ...]:
    """The members with the objects of the configuration that were changed shortly before their first failure.

    ``first_success``: of any member in the log, as a change may have replaced them.
    """
    works = moment(first_success)
    return tuple(Member(each.name, each.key, _with_changes(each.facts, changes, works)) for each in found)


def _with_changes(facts: JoinedMember, changes: Sequence[Event], works: datetime | None) -> JoinedMember:
    failed = moment(facts.first_failure)
    if failed is None:
        return facts
    ages = [(failed - at, each.what) for each in changes if (at := moment(each.time)) is not None]
    before = [(age, what) for age, what in ages if timedelta(0) <= age <= _SHORTLY]
    if not before:
        return facts
    last = min(age for age, _ in before)
    return replace(
        facts,
        changed_objects=tuple(what for _, what in before),
        change_lead_s=round(last.total_seconds()),
        worked_before=works is not None and works < failed,
    )


def called(sources: Sequence[Source], found: Iterable[Member]) -> dict[str, str]:
    """The names of members, by ``host:port`` and by what single sources call them: ``icap1 from se-2``."""
    names = {each.key: each.name for each in found}
    own = {member.name: names.get(_key(member)) for source in sources for member in source.report.members}
    return names | {name: meant for name, meant in own.items() if meant is not None}
