"""A scanner's own log: lines of c-icap and Squid in any order, cut, joined, quoted and with strange text in them.

Stated: nothing is raised; what was counted adds up and is bounded; the same is read when the bytes come in small
pieces, and when the log comes in two files; each observation can be written down and read back.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

import msgspec

from icapdiag.facts import to_plain
from icapdiag.facts.scanner import EVENTS, ScannerEvent, ScannerRequests
from icapdiag.logs.containers.sniff import Container
from icapdiag.logs.notes import Account
from icapdiag.logs.opening.compression import compression_of
from icapdiag.logs.opening.source import Source, encoding_of
from icapdiag.logs.scanner.counting import ScannerCounting
from icapdiag.logs.scanner.events import seen
from icapdiag.logs.scanner.reading import read_scanner_log
from icapdiag.model import flatten, unflatten
from tests.fuzz.driver import Grammar, Target

_DATA = Path(__file__).parents[1] / "data" / "scanner-logs"
_SPENT = 64 * 1024  # bytes of what is said beside a multiple of the log's own
_TIMES = 60

GRAMMAR: Grammar = {
    "start": ("{lines}", "{lines}", "{quote}{line}{end}{lines}", "{line}", "hello\n{lines}"),
    "lines": ("{line}{end}{lines}", "{line}{end}", "{line}{line}{end}{lines}", "{junk}{end}{lines}", ""),
    "line": (
        "{day}, {who}, {c_icap}",
        "{day}, {who}, {c_icap}",
        "{slashes}| {squid}",
        "{slashes}{kid}| {squid}",
        "{apache}, {address} {address} {method} {word} {number}",
        "{epoch} {number} {address} {outcome} {number} {method} {uri} - -/{address} -",
        '{apache} {outcome} {method} "{uri}"',
        "[{apache}] {address} {method} {word} {number} x",
        "Nov 30 12:00:01 host c-icap[{number}]: {who}, {c_icap}",
        "<14>Feb 30 12:00:01 h squid[1]: {squid}",
        "{day}, {who}, squidclamav.c({number}) {word}: {day}, {who}, {c_icap}",
    ),
    "c_icap": (
        "Antivirus engine is not available, allow 204",
        "Registry 'virus_scan::engines' does not exist!",
        "clamd_connect: Can not connect to clamd server on {word}!",
        "clamd_init: Error while {word}",
        "Failed to scan web object",
        "Error while scanning for virus. Aborting....",
        "Error binding  ",
        "Setting antivirus default engine: {word}",
        "VIRUS DETECTED: {word} , http client ip: {address}, http user: {word}",
        "Object size is {number} . Bigger than max scannable file size ({number}). Allow it....",
        "ATTENTION!!!! Not enough available servers (children {number}, free servers {number}, used servers {number})!",
        "Error parsing chunks, str:{word}\n{line}",
        "Child {number} did not exit normally.signaled with signal: {number}",
        "Accept failed: errno={number}",
        "ERROR Can't connect to Clamd daemon.",
        "{word}",
        "DEBUG No antivir check, content-length upper than maxsize ({number} > {number})",
    ),
    "squid": (
        "{which} ICAP service is {state}: {uri} [{flags}]",
        "{which} ICAP service is up: {uri} [up]",
        "WARNING: Squid got an invalid ICAP OPTIONS response from service {uri}; error: {word}",
        "ICAP service's clock is skewed by {number} seconds: {uri}",
        "WARNING: Max-Connections is set to zero! ",
        "WARNING: ICAP Max-Connections limit exceeded for service {uri}. Open",
        "ICAP: Unknown service host: {word}",
        "{word}",
    ),
    "which": ("essential", "optional"),
    "state": ("suspended", "down after an options fetch failure"),
    "flags": ("down,susp,fail11", "down,!opt", "down,!valid", "down,stale", "{word}"),
    "method": ("REQMOD", "RESPMOD", "OPTIONS", "GET", "-"),
    "outcome": (
        "ICAP_ECHO/204",
        "ICAP_ECHO/000",
        "ICAP_SAT/200",
        "ICAP_ERR_OTHER/{number}",
        "ICAP_MOD/{number}",
        "TCP_HIT/1",
    ),
    "uri": ("icap://{address}:{number}/{word}", "icaps://[2001:db8::1]/x?y", "{word}", "icap://a"),
    "day": ("Mon Nov 30 12:00:01 2026", "Tue Feb 31 00:00:00 2026", "Mon Nov 30 12:00:01 2026"),
    "slashes": ("2026/11/30 12:00:01", "2026/13/99 99:99:99", "2026/11/30 12:00:01.123"),
    "apache": ("30/Nov/2026:12:00:01 +0000", "31/Feb/2026:12:00:01 -9999", "01/Jan/0001:00:00:00 +2359"),
    "epoch": ("1796040001.000", "99999999999.9", "000000000"),
    "kid": (" kid1", " kid99", ""),
    "who": ("main proc", "4711/139814501176", "general", "0/0"),
    "address": ("192.0.2.1", "2001:db8::9", "-", "999.1.1.1", "a.example.com", "127.0.0.1"),
    "number": ("200", "204", "0", "404", "500", "-1", "99999999999999999999", "1344", "24", "11"),
    "word": ("avscan", "/avscan?x=y", "é", "\x1b[31m", "\u202e", "\\", "...", "{number}", "a b", '"', "{uri}", ""),
    "junk": ("{word}{word}", "    current master transaction: master1", '{"icap_log": 1}', "\x00", "ICAP_"),
    "quote": ("> ", ">> ", "\t", ""),
    "end": ("\n", "\n", "\n", "\r\n", "", "\n\n"),
}


def seeds() -> Sequence[bytes]:
    return [path.read_bytes() for path in sorted(_DATA.iterdir())]


def check(data: bytes) -> Hashable:
    whole, outcome = _read([data], 1 << 20)
    assert whole == _read([data], 7)[0], "it depends on how the bytes come"
    half = data.find(b"\n", len(data) // 2) + 1
    parts = [data[:half], data[half:]]
    if half and all(_is_plain(part) for part in (data, *parts)):
        assert whole[0] == _read(parts, 1 << 20)[0][0], "it depends on how the log is rotated"
    return outcome


def _is_plain(data: bytes) -> bool:
    """Whether it is taken for UTF-8, and not for something compressed or of another encoding."""
    return encoding_of(data[:512]) == ("utf-8", 0) and not compression_of(data[:4])


def _pieces(data: bytes, most: int) -> Callable[[int], bytes]:
    stream = io.BytesIO(data)
    return lambda size: stream.read(min(size, most))


def _read(parts: Sequence[bytes], most: int) -> tuple[tuple[Hashable, ...], Hashable]:
    """All that is said of the parts of one log, and in short what it is."""
    counting = ScannerCounting()
    tallies = []
    container = Container.UNKNOWN
    for number, part in enumerate(parts):
        account = Account()
        source = Source(f"log.{number}", _pieces(part, most))
        container = read_scanner_log(source, counting, account, lambda: None)
        tally = account.tally
        tallies.append((tally.read, tally.skipped, tally.unreadable, account.notes.repairs_total))
    found = [each.observation for each in seen(counting)]
    for each in found:
        assert each == unflatten(flatten(each))
        facts = each.facts
        match facts:
            case ScannerEvent():
                assert facts.event in EVENTS
                assert (facts.messages or 0) > 0
            case ScannerRequests():
                assert (facts.count or 0) > 0
            case _:
                raise AssertionError(type(facts))
    said = msgspec.json.encode([to_plain(each.facts) for each in found])
    assert len(said) <= _SPENT + _TIMES * sum(map(len, parts)), len(said)
    kinds = frozenset(str(getattr(each.facts, "event", None) or getattr(each.facts, "outcome", None)) for each in found)
    return (said, tuple(tallies), str(container)), (str(container), kinds)


TARGET = Target(check, seeds, GRAMMAR)
