"""`explain` of packet captures: the members that they show are judged as those of a check are."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from icapdiag.api.capture_notes import no_icap, not_seen, notes_on
from icapdiag.api.dns_answer import addresses_in
from icapdiag.api.suppressing import judge, resolve
from icapdiag.capture.members import MemberSeen
from icapdiag.capture.names import Names
from icapdiag.capture.reading import CaptureReader, Peer
from icapdiag.facts.capture import Captured, SentValue
from icapdiag.facts.connection import Endpoint, ProbeSheet, ProfileInForce
from icapdiag.facts.run import CaptureSubject
from icapdiag.facts.run import Filters as LeftOut
from icapdiag.logs.counting.filters import Filters
from icapdiag.logs.opening.inputs import InputError
from icapdiag.logs.opening.source import Stop, open_source
from icapdiag.logs.reading import Progress
from icapdiag.model import Observation, Report
from icapdiag.pool import Pool, load_pool
from icapdiag.pool.model import Profile
from icapdiag.report.build import ProbedMember, build_check_report, captured_vantage
from icapdiag.runbook import Library
from icapdiag.vocabulary import Status

_CLIENTS = 20


def explain_captures(
    names: Sequence[str],
    *,
    inputs: Sequence[str],
    filters: Filters,
    library: Library,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> Report:
    """Read the captures, and say what is wrong with the members in them.

    ``filters`` may have a time span, a member, and as ``pool`` the file of the pool that was captured. Raises
    `InputError` for what can't be opened, and if no capture shows any ICAP; `icapdiag.pool.PoolError` for the pool.
    """
    started_at = datetime.now(UTC)
    pool = _pool(filters.pool, library)
    profile = pool.profile
    reader = CaptureReader(
        profile=ProfileInForce(
            service_uri=profile.service_uri or None,
            profile_vendor=profile.vendor if pool.source else None,
            warn_ms=profile.slow_response_warning_threshold,
            crit_ms=profile.response_timeout,
        ),
        known=dict(_known(pool)),
        names=_names(pool),
        since=filters.since,
        until=filters.until,
    )
    faults: list[str] = []
    for name in names:
        if stop is not None and stop():
            break
        with open_source(name, stop) as source:
            tick = _ticker(progress, source.name, lambda: (source.stored_done, source.stored_size))
            reader.read(source.name, source.read, compressed=source.compressed, progress=tick, stop=stop)
            faults += [f"{source.name}: {fault}" for fault in source.faults]
    reader.finish()
    complete = stop is None or not stop()
    wanted = Filters(member=filters.member)
    seen = [each for each in reader.members if wanted.takes_request("", "", reader.name(each))]
    if not reader.members and complete:
        raise InputError([no_icap(names, reader.traffic)])
    return _report(reader, seen, pool, library, inputs=inputs, filters=filters, started_at=started_at,
                   complete=complete, faults=faults)  # fmt: skip


def _ticker(
    progress: Progress | None, name: str, done: Callable[[], tuple[int, int | None]]
) -> Callable[[int], object] | None:
    return None if progress is None else lambda _: progress(name, *done())


def _pool(text: str | None, library: Library) -> Pool:
    """The pool in a file; without one a pool without members, whose settings are Avi's defaults."""
    if text is None:
        return Pool(name="", profile=Profile(service_uri=""), members=(), stated=frozenset())
    if not Path(text).is_file():
        raise InputError([f"--pool {text}: no such file; with a capture it is the pool file of its members"])
    return resolve(load_pool(Path(text)), library)


def _known(pool: Pool) -> Iterator[tuple[Peer, str]]:
    """The members that are given by address."""
    for member in pool.members:
        if (address := _address(member.host)) is not None:
            yield Peer(address, member.port), member.name


def _names(pool: Pool) -> Names | None:
    """The members that are given by name; None if there are none."""
    found: dict[str, dict[int, str]] = {}
    for member in pool.members:
        if _address(member.host) is None:
            found.setdefault(member.host, {})[member.port] = member.name
    return Names(found, addresses_in) if found else None


def _address(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


def _disabled(pool: Pool, seen: Collection[str]) -> Iterator[ProbedMember]:
    """The disabled members of the pool without a packet in the capture, as a check lists them."""
    for member in pool.members:
        if member.enabled or member.name in seen:
            continue
        skipped = Observation(
            source="probe", probe="", pool=pool.name, member=member.name, status=Status.SKIPPED, reason="disabled",
            facts=ProbeSheet(endpoint=Endpoint(host=member.host, port=member.port, tls=member.tls is not None)),
        )  # fmt: skip
        yield ProbedMember(name=member.name, host=member.host, port=member.port, observations=(skipped,))


def _report(
    reader: CaptureReader,
    seen: Sequence[MemberSeen],
    pool: Pool,
    library: Library,
    *,
    inputs: Sequence[str],
    filters: Filters,
    started_at: datetime,
    complete: bool,
    faults: Sequence[str],
) -> Report:
    found = {reader.name(each): (each, tuple(each.observations(pool.name, reader.name(each)))) for each in seen}
    disabled = () if filters.member else tuple(_disabled(pool, {reader.pool_name(each) for each in seen}))
    observations = [one for _, own in found.values() for one in own]
    observations += [one for each in disabled for one in each.observations]
    services = {value.value or "" for _, own in found.values() for value in _services(own)}
    if not pool.source and len(services) == 1:
        profile = replace(pool.profile, service_uri=next(iter(services)))
        pool = replace(pool, profile=profile, stated=frozenset({"service_uri"}))
    judged = judge(library, pool, observations, started_at.date(), complete=complete)
    profile = pool.profile
    clients = [address for address, _ in reader.clients.most_common(_CLIENTS)]
    report = build_check_report(
        subject=CaptureSubject(
            pool=pool.name or None,
            service_uri=profile.service_uri or None,
            source=pool.source or None,
            vendor=profile.vendor if pool.source else None,
            warn_ms=profile.slow_response_warning_threshold,
            crit_ms=profile.response_timeout,
            inputs=tuple(inputs),
            captures=tuple(reader.files),
            packets=reader.packets,
            requests=sum(each.captured.requests or 0 for each in seen),
            connections=sum(each.captured.connections or 0 for each in seen),
            filters=_left_out(filters),
        ),
        vantage=captured_vantage(clients, reader.place, avi_form=reader.avi_form),
        members=[
            ProbedMember(
                name=name_,
                host=each.peer.address,
                port=each.peer.port,
                observations=own,
                accepted=name_ in judged.accepted,
            )
            for name_, (each, own) in found.items()
        ]
        + list(disabled),
        findings=judged.findings,
        unmatched=judged.unmatched,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        complete=complete,
        notes=[*faults, *notes_on(reader, seen, pool)],
    )
    return replace(
        report,
        command="explain",
        problems=judged.problems or None,
        suppressed=judged.suppressed,
        not_tested=tuple(not_seen(reader, seen, observations, pool)) or None,
        tool=replace(report.tool, runbooks=library.digest),
    )


def _services(observations: Sequence[Observation]) -> Iterator[SentValue]:
    for each in observations:
        if (found := each.facts.part(Captured)) is not None:
            yield from found.services_asked or ()


def _left_out(filters: Filters) -> LeftOut:
    return LeftOut(
        since=None if filters.since is None else filters.since.isoformat(),
        until=None if filters.until is None else filters.until.isoformat(),
        member=filters.member,
    )
