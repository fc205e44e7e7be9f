"""A log in any container, damaged in any way.

Stated: nothing is raised; what was counted adds up and is bounded; the same is read when the bytes come in small
pieces; the reader of long files, in blocks of any size, counts without loss.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Hashable, Sequence
from pathlib import Path
from zlib import crc32

import msgspec

from icapdiag.facts import to_plain
from icapdiag.facts.scanner import CONTAINERS
from icapdiag.logs.blocks.summarise import Layout
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.opening.source import Source
from icapdiag.logs.reading import ScannerLogs, read_source
from icapdiag.model import Observation
from tests.fuzz.driver import Grammar, Target
from tests.logs.reading import read

_DATA = Path(__file__).parents[1] / "data"
_SPENT = 64 * 1024  # bytes that what is said of a log may have beside a multiple of the log's own
_TIMES = 40

GRAMMAR: Grammar = {
    "start": (
        "[{entries}]", '{"count": 2, "results": [{entries}], "next": null{close}', "{entry}\n{entry}\n",
        "{prose}{entry}", "{csv}", "{entry}{start}",
        "<14>1 2026-03-09T16:00:00Z ctl Avi-Controller - - - {entry}\n",
        '"icap_log": {icap},', "{answer}", "<html><pre>{entry}</pre>",
    ),
    "entries": ("{entry}", "{entry},{space}{entries}", "{entry}{space}{entries}", ""),
    "entry": (
        '{"report_timestamp": "{time}", "icap_log": {icap}, "adf": {truth}{close}',
        '{{space}"icap_log":{icap},"response_code":{number},"client_ip":"{word}"{close}',
        "{'icap_log': {icap}, 'adf': True{close}", "{icap}", "{junk}",
    ),
    "icap": (
        '{"action": "{action}", "request_logs": [{request}]{close}', '{"action": "{action}"{close}',
        '{"request_logs": [{request}, {request}]{close}', "null",
    ),
    "request": (
        '{"icap_response_code": {number}, "latency": "{number}", "icap_headers_{way}_server": "{headers}"{close}',
        '{"icap_server_ip": {"addr": "{word}"{close}, "pool_name": {pool}, "icap_server_port": 1344{close}',
        '{"icap_absolute_uri": "icap://{word}:{number}/{word} ", "reason": "{word}", "threat_id": {junk}{close}',
    ),
    "way": ("received_from", "sent_to"),
    "pool": ('{"val": "{word}", "crc32": {number}{close}', '"{word}"'),
    "headers": (
        "ISTag: {word}\\r\\nX-Response-Desc: {word}\\r\\n", "X-Infection-Found: Type=0; Threat={word};\\r\\n{headers}",
        "Date: Thu, 19 Nov 2020 13:55:01 GMT\\r\\n{headers}", "\\u0000{word}", "",
    ),
    "action": ("ICAP_PASSED", "ICAP_BLOCKED", "ICAP_FAILED", "ICAP_DISABLED", "ICAP_NEW", "{word}"),
    "csv": (
        '{csv}{time};{word};"{word}\n{word}"\n',
        "report_timestamp,virtualservice,icap_log,adf\n{time},virtualservice-1,\"{'action': '{action}'{close}\",True\n",
    ),
    "answer": (
        "> {answer}",
        "ICAP/1.0 {number} {word}\r\nISTag: {word}\r\nEncapsulated: null-body=0\r\n\r\n",
        "\tICAP HEADERS:\n\tICAP/1.0 200 OK\n\tX-Virus-ID: {word}\n",
    ),
    "prose": ("$ curl -k https://ctl/api\n", "Hi all,\n> {word} {word}\n", "# {word}\n", "// {word}\n", "[{word}] "),
    "junk": ("{{junk}", "[{junk}", '"{word}', "{word}", "{number}", '{"a": {junk}{close}', "]", "null"),
    "word": (
        "a", "10.0.0.5", "fd00::1", "Infected", '\\"', "\\ud800", '\\', "“x”", "é", "\u200b", "...", "{number}", "",
    ),
    "number": ("200", "204", "0", "-1", "1344", "1e400", "99999999999999999999", "0.5", "NaN", "1.2.3"),
    "time": ("2026-03-09T16:00:00.000000+00:00", "1700000000", "2026-13-40", "9999-12-31T23:59:59-23:59", "{word}"),
    "truth": ("true", "false", "True", "null", "1"),
    "space": ("", "\n", "  \n ", "\u2028", "\r\n> "),
    "close": ("}", "}", "}", ""),
}  # fmt: skip


def seeds() -> Sequence[bytes]:
    paths = [path for folder in ("avi-logs", "avi-page", "transcripts") for path in sorted((_DATA / folder).iterdir())]
    plain = [path.read_bytes() for path in paths]
    return [*plain, *(gzip.compress(data, mtime=0) for data in plain[:4]), plain[0].decode().encode("utf-16")]


def check(data: bytes) -> Hashable:
    whole, outcome, compressed = _read(data, 1 << 20)
    if not compressed:  # of damaged gzip more may be had in small pieces
        assert whole == _read(data, 3)[0], "it depends on how the bytes come"
    layout = tuple(Layout)[crc32(data) % len(Layout)]
    for block in (64, 1000):
        read(data, layout, block=block)  # compares its tally with the summary itself
    return outcome


def _read(data: bytes, most: int) -> tuple[Hashable, Hashable, bool]:
    """All that is said of what was read, in short which way it went, and whether it was compressed."""
    stream = io.BytesIO(data)
    source = Source("log", lambda size: stream.read(min(size, most)))
    summary = Summary()
    scanner = ScannerLogs()
    report, answers = read_source(source, summary, scanner)
    assert report.total == report.read + report.skipped + report.unreadable
    logged = report.container in CONTAINERS
    assert summary.entries + len(answers) == (0 if logged else report.read)
    found = [each.observation for each in scanner.seen()]
    observations: list[Observation] = [*summary.observations(), *answers, *found]
    said = msgspec.json.encode([to_plain(each.facts) for each in observations])
    noted = repr((report.repairs, report.problems)).encode()
    assert len(said) + len(noted) <= _SPENT + _TIMES * max(len(data), source.size), (len(said), len(noted), len(data))
    repairs = frozenset(repair.what[:30] for repair in report.repairs[:4])
    outcome = (report.container, min(report.total, 3), min(report.read, 3), report.unreadable > 0, repairs)
    return (report.container, report.total, report.read, report.skipped, said, noted), outcome, bool(report.compressed)


TARGET = Target(check, seeds, GRAMMAR)
