"""What the reader of a capture's report must know, in words: gaps, how clients ask, what the capture does not show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from icapdiag.capture.members import MemberSeen
from icapdiag.capture.reading import CaptureReader, Traffic
from icapdiag.facts.run import CaptureFileRead
from icapdiag.model import Observation
from icapdiag.pool import Pool
from icapdiag.report.document.words import count

_NAMED = 5
_LINKS = "https://www.tcpdump.org/linktypes.html"
ENCRYPTED = (
    "{members}: connections are encrypted; requests and responses in them can't be read. Log the TLS keys of one side"
    " (SSLKEYLOGFILE), decrypt with tshark, and explain clear.pcapng: tshark -r icap.pcap{keys} {ports} -U 'OSI layer"
    " 7' -w clear.pcapng. Or capture behind the server's TLS."
)
_KEYS = " -o tls.keylog_file:keys.log"


def notes_on(reader: CaptureReader, seen: Sequence[MemberSeen], pool: Pool) -> Iterator[str]:
    disabled = {member.name for member in pool.members if not member.enabled}
    for each in seen:
        if (name := reader.pool_name(each)) in disabled:
            connections = count(each.captured.connections or 0, "connection")
            yield f"{name} is disabled in the pool file, but the capture has {connections} to it."
    for file in reader.files:
        yield from _of_file(file)
    was, are, have = ("was", "were"), ("is", "are"), ("has", "have")
    gaps = "missing from the ICAP connections in the capture; requests beyond the gaps were read."
    cut = "no outcome: the capture ends, or lacks packets, before."
    twice = "repeated with different bytes; the first ones were read."
    counted = (
        (reader.left_out, "packet", was, "left out by --since and --until."),
        (reader.given_up, "connection", was, "given up early: too many were open, or they held too much."),
        (_total(seen, "missing_bytes"), "byte", are, gaps),
        (_total(seen, "unfinished_requests"), "request", have, cut),
        (_total(seen, "bytes_that_differ"), "TCP segment", was, twice),
    )  # fmt: skip
    yield from (
        f"{count(number, noun)} {verbs[number != 1]} {words}" for number, noun, verbs, words in counted if number
    )
    yield from _asking(seen)
    for comment, number in reader.comments.most_common(_NAMED):
        yield f"Packet comment ({count(number, 'packet')}): {comment}"
    if encrypted := [each.peer for each in seen if each.encrypted]:
        ports = " ".join(f"-d tls.port=={port},data" for port in sorted({each.port for each in encrypted})[:_NAMED])
        yield ENCRYPTED.format(
            members=_listed([str(each) for each in encrypted]), keys="" if reader.has_secrets else _KEYS, ports=ports
        )
        if reader.has_secrets:
            yield "The capture has TLS keys in it: tshark uses them, icapdiag does not."


def _total(seen: Sequence[MemberSeen], fact: str) -> int:
    return sum(getattr(each.captured, fact) or 0 for each in seen)


def _of_file(file: CaptureFileRead) -> Iterator[str]:
    for fault in file.faults or ():
        yield f"{file.name}: {fault}"
    if file.dropped:
        yield f"{file.name}: the capturing program lost {count(file.dropped, 'packet')}, as it says itself."
    if file.cut:
        yield (
            f"{file.name}: {file.cut:,} of {count(file.packets or 0, 'packet')} captured only in part (snap length):"
            " capture whole packets (tcpdump -s 0) to see all headers."
        )


def not_seen(
    reader: CaptureReader, seen: Sequence[MemberSeen], observations: Sequence[Observation], pool: Pool
) -> Iterator[str]:
    probes = {each.probe for each in observations}
    if not probes & {"clean", "upload", "eicar", "eicar-form"}:
        yield "uploads and detection (the capture has none that can be read)"
    elif not probes & {"eicar", "eicar-form"}:
        yield "detection (no EICAR in the capture)"
    if "options" not in probes:
        yield "OPTIONS (the clients sent none)"
    there = {reader.pool_name(each) for each in seen}
    missing = [member for member in pool.members if member.enabled and member.name not in there]
    if unknown := [each.name for each in missing if reader.names and reader.names.lacks(each.host)]:
        yield f"{_listed(unknown)} (address unknown: no DNS answer for it in the capture; give it in the pool file)"
    if absent := [each.name for each in missing if each.name not in unknown]:
        yield f"{_listed(absent)} (no packet to it in the capture)"
    if disabled := [each.name for each in pool.members if not each.enabled and each.name not in there]:
        yield f"{_listed(disabled)} (disabled in the pool)"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def no_icap(names: Sequence[str], traffic: Traffic) -> str:
    """What the captures hold instead."""
    file = names[0] if len(names) == 1 else f"these {len(names)} captures"
    if not traffic.packets:
        return f"{file}: no packets in it"
    ports = ", ".join(f"{port} ({number:,})" for port, number in traffic.ports)
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in traffic.kinds)
    parts = [
        count(traffic.packets, "packet"),
        count(traffic.connections, "TCP connection") + (f", to ports {ports}" if ports else ""),
        *([f"other packets: {kinds}"] if kinds else []),
        *([f"link types that are not supported: {', '.join(map(str, traffic.unread_links))} ({_LINKS})"]
          if traffic.unread_links else []),
    ]  # fmt: skip
    return (
        f"{file}: no ICAP in this capture ({'; '.join(parts)}). Capture on the Service Engine, or on the ICAP server:"
        " tcpdump -i any -s 0 -w icap.pcap port 1344. For a server on another port that does not answer, name the pool"
        " file with --pool."
    )


def _asking(seen: Sequence[MemberSeen]) -> Iterator[str]:
    """How the clients ask, which a Service Engine's settings decide, and what users got."""
    if not (uploads := _total(seen, "upload_requests")):
        return
    names = ("preview", "allow", "connection")
    sent = {name: sum((each.sent[name] for each in seen), Counter[str]()) for name in names}
    options = _total(seen, "options_requests")
    yield (
        f"How {count(uploads, 'upload')} {'was' if uploads == 1 else 'were'} sent: Preview {_values(sent['preview'])};"
        f" Allow {_values(sent['allow'])};"
        f" Connection {_values(sent['connection'])}; {count(options, 'OPTIONS request') if options else 'no OPTIONS'}."
    )
    if got := sum((each.client_answers for each in seen), Counter[str]()):
        listed = ", ".join(f"HTTP {status} ({number:,})" for status, number in got.most_common(_NAMED))
        yield f"Clients got for uploads whose HTTP request is in the capture: {listed}."


def _values(counted: Counter[str]) -> str:
    """``204 (12), (none) (3)``, the most frequent first; a single value without its number."""
    if len(counted) == 1:
        return next(iter(counted))
    more = len(counted) - _NAMED
    listed = ", ".join(f"{value} ({number:,})" for value, number in counted.most_common(_NAMED))
    return f"{listed} and {more} other values" if more > 0 else listed or "(none)"
