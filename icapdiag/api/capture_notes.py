"""What the reader of a capture's report must know, in words: gaps, how clients ask, what the capture does not show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from icapdiag.capture.members import MemberSeen
from icapdiag.capture.reading import CaptureReader, Traffic
from icapdiag.facts.run import CaptureFileRead
from icapdiag.model import Observation
from icapdiag.pool import Pool

_NAMED = 5
_LINKS = "https://www.tcpdump.org/linktypes.html"
ENCRYPTED = (
    "{} encrypted: requests and responses in it can't be read. To read them, log the TLS keys (SSLKEYLOGFILE) of one"
    " side, then in Wireshark: Preferences > Protocols > TLS > Master-Secret log, File > Export PDUs to File (OSI layer"
    " 4, TLS), and explain that file; or capture behind the server's TLS."
)


def notes_on(reader: CaptureReader, seen: Sequence[MemberSeen]) -> Iterator[str]:
    for file in reader.files:
        yield from _of_file(file)
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
    yield from _asking(seen)
    for comment, number in reader.comments.most_common(_NAMED):
        yield f"Packet comment ({number:,} packets): {comment}"
    if encrypted := [str(each.peer) for each in seen if each.encrypted]:
        yield ENCRYPTED.format(f"{_listed(encrypted)}: connections are")
        if reader.has_secrets:
            yield "The capture has TLS keys in it, which icapdiag does not use: export it decrypted, as described."


def _total(seen: Sequence[MemberSeen], fact: str) -> int:
    return sum(getattr(each.captured, fact) or 0 for each in seen)


def _of_file(file: CaptureFileRead) -> Iterator[str]:
    for fault in file.faults or ():
        yield f"{file.name}: {fault}"
    if file.dropped:
        yield f"{file.name}: the capturing program lost {file.dropped:,} packets, as it says itself."
    if file.cut:
        yield (
            f"{file.name}: {file.cut:,} of {file.packets or 0:,} packets were captured only in part (snap length):"
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
    there = {reader.name(each) for each in seen}
    if missing := [member.name for member in pool.members if member.enabled and member.name not in there]:
        yield f"{_listed(missing)} (no packet to it in the capture)"


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


def _asking(seen: Sequence[MemberSeen]) -> Iterator[str]:
    """How the clients ask, which a Service Engine's settings decide, and what users got."""
    if not (uploads := _total(seen, "upload_requests")):
        return
    names = ("preview", "allow", "connection")
    sent = {name: sum((each.sent[name] for each in seen), Counter[str]()) for name in names}
    options = _total(seen, "options_requests")
    yield (
        f"How {uploads:,} uploads were sent: Preview {_values(sent['preview'])}; Allow {_values(sent['allow'])};"
        f" Connection {_values(sent['connection'])}; {f'{options:,} OPTIONS requests' if options else 'no OPTIONS'}."
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
