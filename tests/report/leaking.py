"""What identifies somebody, in every shape, encoding and place, and how much of what identifies nobody stays.

``python -m tests.report.leaking`` prints both figures: shapes that came through a redaction, of all that were planted,
and the share of the words known to be harmless that are still there, in answers of real servers and in logs.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote
from zipfile import ZipFile

from msgspec.structs import replace

from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import TranscriptEntry
from icapdiag.facts.groups import ReportedGroup
from icapdiag.facts.logs import LogSource
from icapdiag.facts.run import Configuration, ConfiguredMember, ConfiguredSuppression, LogSubject, ProfileSettings
from icapdiag.facts.sheet import Record, values_of
from icapdiag.facts.standard import Options
from icapdiag.facts.tls import TLS, CertificateLink
from icapdiag.model import MemberReport, Observation, Report
from icapdiag.report.build import empty_report
from icapdiag.report.bundle import build
from icapdiag.report.formats import FORMATS, Style, render
from icapdiag.report.machine.from_json import read_report
from icapdiag.report.machine.to_json import settled
from icapdiag.report.redact import NAMELESS, Pseudonyms, redact
from icapdiag.report.redact.decoding import decoded
from icapdiag.report.redact.known import WORD, vocabulary
from icapdiag.report.redact.texts import Texts, wire
from icapdiag.vocabulary import Health, Status
from tests import golden

ROOT = Path(__file__).parents[2]


class Shape(NamedTuple):
    """``text`` as it is said; ``needles`` of it may be in nothing that leaves."""

    text: str
    needles: tuple[str, ...]


def _shape(text: str, *needles: str) -> Shape:
    return Shape(text, needles or (text,))


SHAPES: tuple[Shape, ...] = (
    _shape("10.9.8.7"), _shape("10.9.8.7.1344 > 10.9.8.6.51515", "10.9.8.7", "10.9.8.6"), _shape("10.9.8.7:1344"),
    _shape("10.9.8.0/24"), _shape("ip-10-9-8-7"), _shape("10-9-8-7"), _shape("10_9_8_7"), _shape("10,9,8,7,5,64"),
    _shape("ec2-10-9-8-7.compute"), _shape("7.8.9.10.in-addr.arpa"), _shape("10.9.8.7,10.9.8.6"),
    _shape("10.9.8.7-10.9.8.20"), _shape("fd00:9:8::7"), _shape("[fd00:9:8::7]:1344", "fd00:9:8::7"),
    _shape("fe80::9%eth9"), _shape("::ffff:10.9.8.7", "10.9.8.7"), _shape("00:1A:2B:3C:4D:5E"),
    _shape("00-1A-2B-3C-4D-5E"), _shape("001a.2b3c.4d5e"),
    _shape("4111 1111 1111 1111"), _shape("4111-1111-1111-1111"), _shape("4111111111111111"),
    _shape("4111.1111.1111.1111"), _shape("4111/1111/1111/1111"), _shape("4111_1111_1111_1111"),
    _shape("3782 822463 10005"), _shape("CH93 0076 2011 6238 5295 7", "0076 2011 6238", "CH93"),
    _shape("CH9300762011623852957"), _shape("GB29 NWBK 6016 1331 9268 19", "NWBK", "6016 1331"),
    _shape("DE89 3704 0044 0532 0130 00", "3704 0044"),
    _shape("123-45-6789"), _shape("123 45 6789"), _shape("123456789"), _shape("756.9217.0769.85"),
    _shape("756 9217 0769 85"), _shape("SSN123 45 6789", "45 6789"), _shape("QQ 12 34 56 C", "12 34 56"),
    _shape("+41 44 632 11 11", "44 632 11 11"), _shape("044 632 11 11"), _shape("044/632 11 11", "632 11 11"),
    _shape("(044) 632 11 11", "632 11 11"), _shape("+1 (415) 555-2671", "555-2671"), _shape("415-555-2671"),
    _shape("0446321111"), _shape("044.632.11.11"), _shape("632 11 11"), _shape("+49-89-636-48018", "636-48018"),
    _shape("14.03.1971"), _shape("14.3.1971"), _shape("14.03.71"),
    _shape("test/14.3.1971", "14.3.1971"), _shape("14-03-1971"), _shape("14/03/1971"),
    _shape("03/14/71"), _shape("1971-03-14"), _shape("1971/03/14"), _shape("14 March 1971"), _shape("14-Mar-1971"),
    _shape("March 14, 1971"), _shape("14 03 1971"), _shape("19710314"),
    _shape("DOM\\kim", "\\kim", "DOM\\"), _shape("DOM\\nathan", "nathan", "athan"),
    _shape("\\\\srv9\\kim", "srv9", "kim"),
    _shape("C:\\Users\\kim\\q1.xls", "kim", "q1"), _shape("kim@zorrobank.ch", "kim", "zorrobank"), _shape("@kimzorro"),
    _shape("kim.zorro+av@bank.test", "kim", "zorro", "bank.test"), _shape("scan@security.lan"),
    _shape("user=ali"), _shape("user: scan"), _shape("login=test"), _shape("username=admin"), _shape("uid=hu7"),
    _shape("pwd=hu7"), _shape("pass:x1"), _shape("password = open"), _shape('"password": "open"', ': "open"'),
    _shape("key=ab1"), _shape("api_key=server"), _shape("token=status"), _shape("access_token=status"),
    _shape("sid=77"), _shape("session=15"), _shape("JSESSIONID=77"), _shape("Authorization: Basic open", "Basic open"),
    _shape("Cookie: scan=virus", "scan=virus"), _shape("X-Authenticated-User: server", "User: server"),
    _shape("passphrase=the server is open", "=the"), _shape("--password=open", "password=open"),
    _shape("/home/kim"), _shape("/home/kim/q1", "kim", "q1"), _shape("/srv/security/archive"), _shape("~/archive/test"),
    _shape("~kim", "kim"), _shape("/zorrobank/scan", "zorrobank"), _shape("archive/security/test"),
    _shape("scan.security.lan"), _shape("scan.lan"), _shape("server.local"), _shape("scanner.ch"), _shape("prod-db1"),
    _shape("a.b.zz"), _shape("test.scan.server"), _shape("icap://scan:1344/avscan", "scan:1344"), _shape("scan:1344"),
    _shape("https://server/scan?client=test", "//server", "client=test"), _shape("Host: server", "Host: server"),
    _shape("https://kim:hu7@zorro/x", "kim", "hu7", "zorro"), _shape("zorrobank.example", "zorrobank"),
    _shape("Zorrobank"), _shape("ZORROBANK AG", "ZORROBANK"), _shape("zorro-bank"),
    _shape("zorroBankPlan.docx", "zorroBankPlan"),
    _shape("王小明"), _shape("山田太郎"), _shape("Müller-Lüdenscheidt", "Müller", "Lüdenscheidt"), _shape("Żaneta"),
    _shape("Николай"), _shape("Παπαδόπουλος"), _shape("محمد"), _shape("ישראל"), _shape("김철수"), _shape("สมชาย"),
    _shape("प्रिया"), _shape("Z\u043err\u043e"),  # the last in Cyrillic and Latin letters
    _shape("X-Qwertzcorp-Token"), _shape("X-Security-Archive-Test"), _shape("x-zorro"), _shape("Zorrobank-Id"),
    _shape("CN=scan.security.lan,O=Test", "security.lan", "O=Test"), _shape("CN=scanner", "CN=scanner"),
    _shape("kim"), _shape("ali"), _shape("hu7"), _shape("srv9"), _shape("Zq7Xk9vT"), _shape("QQ123456C"),
    _shape("K-1234567-Z"), _shape("emp00123"), _shape("550e8400-e29b-41d4-a716-446655440000"),
    _shape("deadbeefcafebabe1234567890abcdef"), _shape("Zm9vYmFyOnpvcnJv"),
    _shape("47.3769, 8.5417"), _shape("47.3769N 8.5417E", "47.3769", "8.5417"),
    _shape("10[.]9[.]8[.]7"), _shape("10(.)9(.)8(.)7"), _shape("10[dot]9[dot]8[dot]7"), _shape("10,9,8,7"),
    _shape("10 9 8 7"), _shape("scan (at) server (dot) lan", "(at)"),
)  # fmt: skip


def _split(text: str, mark: str) -> str:
    """With an invisible character behind each letter or digit of a word."""
    return re.sub(r"(?<=[^\W_])(?=[^\W_])", mark, text)


def _every(text: str, written: Callable[[str], str]) -> str:
    return "".join(written(character) if character.isalnum() else character for character in text)


def _wide(text: str) -> str:
    return "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" and each.isalnum() else each for each in text)


ENCODINGS: Mapping[str, Callable[[str], str]] = {
    "plain": str,
    "percent": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "percent of letters": lambda text: _every(text, lambda each: "".join(f"%{byte:02X}" for byte in each.encode())),
    "percent twice": lambda text: quote(_every(text, lambda each: "".join(f"%{byte:02X}" for byte in each.encode()))),
    "%u": lambda text: _every(text, lambda each: "".join(f"%u{ord(one):04x}" for one in each)),
    "entities": lambda text: _every(text, lambda each: f"&#{ord(each)};"),
    "hexadecimal entities": lambda text: _every(text, lambda each: f"&#x{ord(each):X};"),
    "\\x": lambda text: _every(text, lambda each: "".join(f"\\x{byte:02x}" for byte in each.encode())),
    "\\u": lambda text: _every(text, lambda each: f"\\u{ord(each):04x}"),
    "\\U": lambda text: _every(text, lambda each: f"\\U{ord(each):08x}"),
    "quoted-printable": lambda text: _every(text, lambda each: "".join(f"={byte:02X}" for byte in each.encode())),
    "octal": lambda text: _every(text, lambda each: "".join(f"\\{byte:03o}" for byte in each.encode())),
    "JSON": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "soft hyphens": lambda text: _split(text, "\u00ad"),
    "zero-width spaces": lambda text: _split(text, "\u200b"),
    "bidi controls": lambda text: _split(text, "\u202e\u202c"),
    "full width": _wide,
}


class Planted(NamedTuple):
    shape: Shape
    encoding: str
    text: str


@cache
def planted() -> tuple[Planted, ...]:
    return tuple(
        Planted(shape, name, written(shape.text))
        for shape in SHAPES
        for name, written in ENCODINGS.items()
        if name == "plain" or written(shape.text) != shape.text
    )


def texts_report(texts: Sequence[str]) -> Report:
    """A report in which each text stands wherever servers, files and logs fill in free text."""
    probes, groups = [], []
    for text in texts:
        wired = text.encode().decode("latin-1")
        head = f"ICAP/1.0 200 OK\r\nX-Response-Desc: {wired}\r\n{wired}: 5\r\n\r\n"
        facts = Options(
            answer=Answer(server=text, x_response_desc=f"refused: {text}", threats=(text,), peer_excerpt=f'"{text}"'),
            error=f"[Errno 5] {text}",
        )
        transcript = (
            TranscriptEntry(direction="received", text=head),
            TranscriptEntry(text=f"no connection to {text}"),
        )
        probes.append(replace(PROBE, facts=facts, transcript=transcript))
        groups.append(ReportedGroup(significance=text, opswat_reason=f"{text}, code 7", by_threat={text: 1}))
    return replace(
        empty_report(),
        members=(replace(MEMBER, probes=tuple(probes)),),
        groups=tuple(groups),
        configuration=Configuration(profile=ProfileSettings(description=f"For {' and '.join(texts)}")),
        notes=tuple(f"{text}: repaired" for text in texts),
    )


def names_report(texts: Sequence[str]) -> Report:
    """A report in which each is somebody's name: of a host, a member, a pool, a file, in a certificate."""
    return replace(
        empty_report(),
        subject=LogSubject(inputs=tuple(texts), sources=tuple(LogSource(name=f"/var/log/{text}") for text in texts)),
        members=tuple(
            replace(MEMBER, name=text, probes=(replace(PROBE, probe="tls", member=text, pool=text, facts=_tls(text)),))
            for text in texts
        ),
        groups=tuple(
            ReportedGroup(members=(text,), virtualservices=(text,), service_engines=(text,)) for text in texts
        ),
        configuration=Configuration(
            pool=texts[0],
            members=tuple(ConfiguredMember(host="127.0.0.1", port=1344, name=text) for text in texts),
            suppressions=tuple(ConfiguredSuppression(finding="x", owner=text, reason=text) for text in texts),
        ),
    )


PROBE = Observation(
    source="probe", probe="options", pool="p", member="scan", status=Status.FAILED, reason="x", facts=Options()
)
MEMBER = MemberReport(name="scan", address="127.0.0.1", port=1344, verdict=Health.CRITICAL, probes=())


def _tls(text: str) -> TLS:
    link = CertificateLink(subject=f"O=Test,CN={text}", issuer=text)
    return TLS(
        cert_subject=f"CN={text}", cert_names=(text,), cert_chain=(link,), verify_error=f"not valid for '{text}'"
    )


# --- what came through -----------------------------------------------------------------------------


def drawn(report: Report) -> dict[str, str]:
    """In every format, each ticket, and as the files of a bundle."""
    redacted = settled(redact(report, Pseudonyms())[0])
    files = {name: render(redacted, name) for name in FORMATS}
    files["table -vv"] = render(redacted, "table", Style(detail=2))
    with ZipFile(BytesIO(build(redacted, redacted=True, largest=1 << 30).data)) as archive:
        files |= {f"bundle: {name}": f"{name}\n{archive.read(name).decode()}" for name in archive.namelist()}
    return files


def came_through(files: Mapping[str, str], shapes: Sequence[Shape] = SHAPES) -> list[tuple[str, str]]:
    """Name of the file and what was found in it, as it is or however it is written there."""
    needles = {needle.lower() for shape in shapes for needle in shape.needles}
    return [
        (name, needle)
        for name, text in files.items()
        for side in {text.lower(), decoded(text).lower(), _dumped(text).lower()}
        for needle in needles
        if needle in side and re.search(rf"(?<![^\W_]){re.escape(needle)}(?![^\W_])", side)
    ]


def _dumped(text: str) -> str:
    """What a hex dump shows."""
    return b"".join(
        bytes.fromhex(row) for row in re.findall(r"(?m)^ +[0-9a-f]{8}  ((?:[0-9a-f]{2} {1,2})+)", text)
    ).decode("utf-8", "replace")


# --- what stays ------------------------------------------------------------------------------------

ANSWERS = ("transcripts", "avi-logs", "avi-page")  # folders of tests/data, beside the saved reports of real servers


def kept_words() -> tuple[int, int]:
    """How many words that are known to be harmless stay, and how many there are."""
    texts = Texts(Pseudonyms(), {}, lambda *_: None)
    kept = total = 0
    for before, after in chain(_answers(texts), _reports()):
        known = _words(before)
        total += known.total()
        kept += (known & _words(after)).total()
    return kept, total


def _answers(texts: Texts) -> Iterator[tuple[str, str]]:
    for file in sorted(file for folder in ANSWERS for file in (ROOT / "tests" / "data" / folder).glob("*")):
        for line in file.read_bytes().decode("latin-1").splitlines():
            yield decoded(line), wire(line, texts.of)


def _reports() -> Iterator[tuple[str, str]]:
    for name in golden.names():
        report = read_report(golden.saved(name))
        redacted = replace(redact(report, Pseudonyms())[0], redacted=None)
        yield from zip(_texts(report), _texts(redacted), strict=True)


def _texts(record: Record) -> Iterator[str]:
    """Those that name nobody as a whole, in the order of the facts."""
    for fact, value in values_of(record):
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, Record):
                yield from _texts(each)
            elif isinstance(each, str) and fact.kind in NAMELESS:
                yield each


def _words(text: str) -> Counter[str]:
    return Counter(word for word in WORD.findall(text.lower()) if word in vocabulary())


def main() -> None:
    texts = [each.text for each in planted()]
    leaks = [leak for report in (texts_report(texts), names_report(texts)) for leak in came_through(drawn(report))]
    kept, total = kept_words()
    lines = [f"{name}: {needle}" for name, needle in leaks]
    lines += [
        f"{len(texts):,} shapes planted, {len(leaks)} came through",
        f"{kept:,} of {total:,} harmless words stay ({kept / total:.1%})",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
