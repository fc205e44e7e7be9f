"""`explain` of packet captures: the members that they show are judged as those of a check are."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from icapdiag.api.suppressing import judge, resolve
from icapdiag.capture.members import MemberSeen
from icapdiag.capture.reading import CaptureReader, Peer, Traffic
from icapdiag.facts.capture import Captured, SentValue
from icapdiag.facts.connection import ProfileInForce
from icapdiag.facts.run import CaptureFileRead, CaptureSubject
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

_CLIENTS = 20
_NAMED = 5
_LINKS = "https://www.tcpdump.org/linktypes.html"
ENCRYPTED = (
    "{} encrypted: requests and responses in it can't be read. To read them, log the TLS keys (SSLKEYLOGFILE) of one"
    " side, then in Wireshark: Preferences > Protocols > TLS > Master-Secret log, File > Export PDUs to File (OSI layer"
    " 4, TLS), and explain that file; or capture behind the server's TLS."
)


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
    seen = [each for each in reader.members if wanted.takes_request("", "", _name(reader, each))]
    if not reader.members and complete:
        raise InputError([_no_icap(names, reader.traffic)])
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
    """The members that are given by address; a name can stand for any."""
    for member in pool.members:
        try:
            yield Peer(str(ipaddress.ip_address(member.host)), member.port), member.name
        except ValueError:
            continue


def _name(reader: CaptureReader, member: MemberSeen) -> str:
    return reader.known.get(member.peer, str(member.peer))


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
    found = {_name(reader, each): (each, tuple(each.observations(pool.name, _name(reader, each)))) for each in seen}
    observations = [one for _, own in found.values() for one in own]
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
        ],
        findings=judged.findings,
        unmatched=judged.unmatched,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        complete=complete,
        notes=[*faults, *_notes(reader, seen)],
    )
    return replace(
        report,
        command="explain",
        problems=judged.problems or None,
        suppressed=judged.suppressed,
        not_tested=tuple(_not_seen(reader, seen, observations, pool)) or None,
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


# --- what the reader must know ---------------------------------------------------------------------


def _notes(reader: CaptureReader, seen: Sequence[MemberSeen]) -> Iterator[str]:
    for file in reader.files:
        yield from _notes_on(file)
    counted = (
        (reader.left_out, "packets were left out by --since and --until."),
        (reader.given_up, "connections were given up before their end: too many were open at a time."),
        (
            _total(seen, "missing_bytes"),
            "bytes of ICAP connections are missing from the capture; requests beyond the gaps were read.",
        ),
        (
            _total(seen, "unfinished_requests"),
            "requests have no outcome in the capture: it ends, or lacks packets, before they do.",
        ),
        (
            _total(seen, "bytes_that_differ"),
            "TCP segments came twice with different bytes; the first ones were read.",
        ),
    )
    yield from (f"{number:,} {words}" for number, words in counted if number)
    for comment, number in reader.comments.most_common(_NAMED):
        yield f"Packet comment ({number:,} packets): {comment}"
    if encrypted := [str(each.peer) for each in seen if each.encrypted]:
        yield ENCRYPTED.format(f"{_listed(encrypted)}: connections are")
        if reader.has_secrets:
            yield "The capture has TLS keys in it, which icapdiag does not use: export it decrypted, as described."


def _total(seen: Sequence[MemberSeen], fact: str) -> int:
    return sum(getattr(each.captured, fact) or 0 for each in seen)


def _notes_on(file: CaptureFileRead) -> Iterator[str]:
    for fault in file.faults or ():
        yield f"{file.name}: {fault}"
    if file.dropped:
        yield f"{file.name}: the capturing program lost {file.dropped:,} packets, as it says itself."
    if file.cut:
        yield (
            f"{file.name}: {file.cut:,} of {file.packets or 0:,} packets were captured only in part (snap length):"
            " capture whole packets (tcpdump -s 0) to see all headers."
        )


def _not_seen(
    reader: CaptureReader, seen: Sequence[MemberSeen], observations: Sequence[Observation], pool: Pool
) -> Iterator[str]:
    probes = {each.probe for each in observations}
    if not probes & {"clean", "upload", "eicar", "eicar-form"}:
        yield "uploads and detection (the capture has none that can be read)"
    elif not probes & {"eicar", "eicar-form"}:
        yield "detection (no EICAR in the capture)"
    if "options" not in probes:
        yield "OPTIONS (the clients sent none)"
    there = {_name(reader, each) for each in seen}
    if missing := [member.name for member in pool.members if member.enabled and member.name not in there]:
        yield f"{_listed(missing)} (no packet to it in the capture)"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _no_icap(names: Sequence[str], traffic: Traffic) -> str:
    """What the captures hold instead."""
    file = names[0] if len(names) == 1 else f"these {len(names)} captures"
    if not traffic.packets:
        return f"{file}: no packets in it"
    ports = ", ".join(f"{port} ({number:,})" for port, number in traffic.ports)
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in traffic.kinds)
    parts = [
        f"{traffic.packets:,} packets",
        f"{traffic.connections:,} TCP connections" + (f", to ports {ports}" if ports else ""),
        *([f"other packets: {kinds}"] if kinds else []),
        *([f"link types that are not supported: {', '.join(map(str, traffic.unread_links))} ({_LINKS})"]
          if traffic.unread_links else []),
    ]  # fmt: skip
    return (
        f"{file}: no ICAP in this capture ({'; '.join(parts)}). Capture on the Service Engine, or on the ICAP server:"
        " tcpdump -i any -s 0 -w icap.pcap port 1344. For a server on another port that does not answer, name the pool"
        " file with --pool."
    )
