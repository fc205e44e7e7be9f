"""The redaction of a report in which a text stands wherever a server, a log or a file may have put it.

Stated: no name that the report gives as such is left; redacting once more changes nothing; the same value gets the
same pseudonym; the output is bounded.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from zlib import crc32

from msgspec.structs import replace

from icapdiag.facts.connection import TranscriptEntry
from icapdiag.facts.run import PoolSubject, Vantage
from icapdiag.model import Finding, MemberReport, Observation, Report, sheet_of
from icapdiag.report.machine.to_json import render, settled
from icapdiag.report.redact import Pseudonyms, known_values, redact
from icapdiag.vocabulary import Health, Severity, Status
from tests.fuzz import icap_response
from tests.fuzz.driver import Grammar, Target

_LONGEST = 4 * 1024  # bytes, which stand in eight places and are gone through two or three times
NAMES = ("zorro-qx7.qwertzcorp.example", "10.77.66.55", "fd00:77:66::55", "ZORRO-POOL")

GRAMMAR: Grammar = {
    "start": ("{piece}{start}", "{piece}{start}", "{piece}{start}", "{piece}"),
    "piece": (
        "{name}", "{name}{joint}", "{word}{joint}", "{joint}", "{header}\r\n", "{url}", "{path}", "\\u00{hex}",
        "%{hex}", "&#x{hex};",
    ),
    "name": (
        "zorro-qx7.qwertzcorp.example", "10.77.66.55", "fd00:77:66::55", "ZORRO-POOL", "10.77.66.56",
        "kim@qwertzcorp.example", "00:1a:2b:3c:4d:5e", "4111-1111-1111-1111", "host-1", "198.18.1.1", "[removed]",
        "net1-host2",
    ),
    "word": (
        "Infected", "server", "ali", "é", "名前", "Type=0", "404", "2026-11-24", "12:30:01", "pwd", "user",
        "Metadefender", "0", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ),
    "joint": (" ", ".", "-", "_", "/", '\\', "@", ":", "%", "=", ", ", "\n", "\t", "\u200b", "\xad", "\x00", '"', "'"),
    "header": (
        "Authorization: {word}", "Cookie: {word}={word}", "X-Client-IP: {name}", "X-{word}-Token: {word}",
        '"x-authenticated-user": "{word}"', "{word}: {name}",
    ),
    "url": (
        "https://{name}/{path}?{word}={word}#{word}", "icap://{word}:{word}@{name}:1344/{word}", "//{name}",
        "{word}://",
    ),
    "path": ("/home/{word}/{name}", "C:\\{word}\\{word}", "{word}.pdf", "/{path}", "../{word}"),
    "hex": ("41", "7a", "2e", "zz", "0"),
}  # fmt: skip


def seeds() -> Sequence[bytes]:
    return [data[:2000] for data in icap_response.seeds()]


def check(data: bytes) -> Hashable:
    report = _report(data[:_LONGEST])
    pseudonyms = Pseudonyms()
    redacted, replaced = redact(report, pseudonyms)
    said = render(redacted)
    for name, kind in known_values(report):
        assert name not in said, f"the {kind} {name!r} is left"
    assert len(said) <= 16 * 1024 + 12 * len(render(report))
    if crc32(data) % 8 == 0:
        again, _ = redact(report, Pseudonyms.loads(pseudonyms.dumps()))
        assert redacted == again, "the same report gets other pseudonyms"
    assert redacted == redact(redacted, pseudonyms)[0], "redacting once more changes it"
    return frozenset(each.kind for each in replaced), min(len(replaced), 20)


def _report(data: bytes) -> Report:
    text, latin = data.decode("utf-8", "replace"), data.decode("latin-1")
    host, address, address_6, pool = NAMES
    said = TranscriptEntry(direction="received", connection=1, at_ms=1.0, text=latin)
    facts = sheet_of("probe", "options", {"address": address, "icap_reason": text, "server": text, "threats": [text]})
    seen = Observation(source="probe", probe="options", pool=pool, member=host, status=Status.FAILED, facts=facts)
    finding = Finding(
        id="a", severity=Severity.CRITICAL, title="T", members=(host,), count=1, evidence=(seen,), runbook="a.md"
    )
    probe = replace(seen, transcript=(said,))
    return settled(
        Report(
            command="check",
            started_at="2026-01-01T00:00:00.000Z",
            finished_at="2026-01-01T00:00:01.000Z",
            complete=True,
            verdict=Health.CRITICAL,
            vantage=Vantage(host="jump7.qwertzcorp.example"),
            subject=PoolSubject(pool=pool, source=f"/home/{text[:60]}/pool.yaml", service_uri="/avscan"),
            members=(MemberReport(name=host, address=address_6, port=1344, verdict=Health.CRITICAL, probes=(probe,)),),
            findings=(finding,),
            notes=(text,),
        )
    )


TARGET = Target(check, seeds, GRAMMAR)
