"""The files of a bundle, and the search that a finished archive has to pass."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import re
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from icapdiag.facts.connection import TranscriptEntry
from icapdiag.facts.run import Configuration
from icapdiag.facts.sheet import JSONValue, from_plain
from icapdiag.icap.samples import EICAR_MARK, eicar
from icapdiag.model import MemberReport, Observation, Report, sheet_of
from icapdiag.pool import loads_pool
from icapdiag.report.bundle import TooLarge, build, without_transcripts
from icapdiag.report.bundle.search import Hit, _Finder, own_words, search, worth_looking_for
from icapdiag.report.bundle.texts import hex_rows, pool_yaml
from icapdiag.report.redact import Pseudonyms, redact
from icapdiag.report.redact.texts import wire
from icapdiag.vocabulary import Health, Status
from tests.examples import examples
from tests.report.samples import report as sample
from tests.report.strategies import reports

LARGE = 1 << 30
NAME = "av1.zorro-finance.example"
SENT = TranscriptEntry(
    direction="sent",
    connection=1,
    at_ms=0.5,
    size=700,
    pieces=2,
    until_ms=1.25,
    text="REQMOD icap://10.9.8.7:1344/scan ICAP/1.0\r\nHost: av1.zorro-finance.example\r\n\r\n",
    body_size=68,
    body_sha256=hashlib.sha256(b"").hexdigest(),
)
EVENT = TranscriptEntry(connection=1, at_ms=0.1, text="connected to 10.9.8.7:1344")


def observation(probe: str, *transcript: TranscriptEntry, **facts: str) -> Observation:
    return Observation(
        source="probe",
        probe=probe,
        pool="p",
        member="m",
        status=Status.OK,
        transcript=transcript,
        facts=sheet_of("probe", probe, facts),
    )


def member(number: int, verdict: Health, *, size: int = 0) -> MemberReport:
    """With a transcript of ``size`` bytes that can't be packed, besides a short one."""
    noise = hashlib.shake_128(str(number).encode()).hexdigest(size)
    probes = tuple(
        replace(observation(probe, EVENT, SENT, more), member=f"m{number}")
        for probe, more in (("options", replace(EVENT, text="")), ("clean", replace(SENT, text=noise)))
    )
    return MemberReport(name=f"m{number}", address="10.9.8.7", port=1344, verdict=verdict, probes=probes)


REPORT = replace(
    sample(()),
    started_at="2026-03-04T05:06:07.890Z",
    members=(member(1, Health.OK), member(2, Health.CRITICAL), member(3, Health.WARNING)),
)


def opened(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_what_is_in_it_and_that_it_is_told() -> None:
    files = opened(build(REPORT, redacted=True, largest=LARGE).data)
    manifest = json.loads(files["manifest.json"])

    assert "README.txt" == next(iter(files))
    assert {
        "README.txt", "manifest.json", "report.html", "report.md", "report.json", "vantage.json", "versions.json",
        *(f"transcripts/member-{n}/{probe}.txt" for n in (1, 2, 3) for probe in ("options", "clean")),
    } == set(files)  # fmt: skip
    assert {
        name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items() if name != "manifest.json"
    } == {each["name"]: (each["size"], each["sha256"]) for each in manifest["files"]}
    assert (True, []) == (manifest["redacted"], manifest["dropped"])
    assert "transcript" not in json.dumps(json.loads(files["report.json"])["members"])


def test_hex_and_text_stand_side_by_side() -> None:
    text = opened(build(REPORT, redacted=True, largest=LARGE).data)["transcripts/member-1/clean.txt"].decode()

    assert "       0.100  connection 1    connected to 10.9.8.7:1344\n" in text
    assert "       0.500  connection 1    sent 700 bytes in 2 pieces, the last at 1.250\n" in text
    assert "    00000000  52 45 51 4d 4f 44 20 69  63 61 70 3a 2f 2f 31 30  |REQMOD icap://10|\n" in text
    assert f"    and 68 bytes of the body, in chunks, SHA-256 {hashlib.sha256(b'').hexdigest()}\n" in text


def test_two_of_one_report_are_equal() -> None:
    first, second = (build(REPORT, redacted=True, largest=LARGE).data for _ in range(2))

    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {(2026, 3, 4, 5, 6, 6)} == {info.date_time for info in archive.infolist()}


def test_the_least_useful_goes_first_and_it_is_told() -> None:
    big = replace(
        REPORT,
        members=tuple(member(n, verdict, size=30_000) for n, verdict in enumerate((Health.OK, Health.CRITICAL), 1)),
    )
    whole = len(build(big, redacted=True, largest=LARGE).data)
    alone = len(build(without_transcripts(big), redacted=True, largest=LARGE).data)
    sizes = (whole, whole - 1, whole * 2 // 5, alone)
    made = [build(big, redacted=True, largest=largest) for largest in sizes]

    assert [(), ("transcripts/member-1/clean.txt",)] == [each.dropped for each in made[:2]]
    assert "transcripts/member-2/clean.txt" in made[2].dropped
    assert made[3].dropped[-1] in {"report.html", "report.md"}
    assert [True] * 4 == [len(each.data) <= largest for each, largest in zip(made, sizes, strict=True)]
    for each in made:
        files = opened(each.data)
        assert list(each.dropped) == [one["name"] for one in json.loads(files["manifest.json"])["dropped"]]
        assert {"report.json", "README.txt"} <= set(files)


def test_what_can_never_fit_is_refused() -> None:
    with pytest.raises(TooLarge, match="bytes; the limit is 1,000"):
        build(REPORT, redacted=True, largest=1000)


def test_an_unredacted_one_says_so_loudly() -> None:
    files = opened(build(REPORT, redacted=False, largest=LARGE).data)

    assert b"*** NOT REDACTED ***" in files["README.txt"]
    assert json.loads(files["manifest.json"])["warning"].startswith("NOT REDACTED")


def test_names_of_files_never_come_from_a_report() -> None:
    evil = observation("../../x", EVENT)
    members = tuple(
        MemberReport(name=name, address="a", port=1, verdict=Health.OK, probes=(evil, evil, replace(evil, probe="tcp")))
        for name in ("../member-1", "member-1", "member-1")
    )
    names = build(replace(REPORT, members=members), redacted=True, largest=LARGE).files

    assert {f"transcripts/member-{n}/{stem}.txt" for n in (1, 2, 3) for stem in ("probe-1", "probe-2", "tcp")} == {
        name for name in names if "/" in name
    }


def test_folders_have_the_names_that_the_report_has() -> None:
    redacted, _ = redact(REPORT, Pseudonyms({"member": {"other": "member-1"}}))

    names = build(redacted, redacted=True, largest=LARGE).files

    assert {"member-2", "member-3", "member-4"} == {name.split("/")[1] for name in names if "/" in name}


def test_the_test_file_is_in_none() -> None:
    text = eicar().decode()
    one = replace(REPORT.members[0], probes=(observation("options", peer_excerpt=text),))

    files = opened(build(replace(REPORT, members=(one,)), redacted=False, largest=LARGE).data)

    assert EICAR_MARK in json.loads(files["report.json"])["members"][0]["probes"][0]["facts"]["peer_excerpt"]
    assert [] == [name for name, data in files.items() if eicar() in data]


@given(report=reports)
@settings(max_examples=examples(25))
def test_any_report_makes_a_bundle(report: Report) -> None:
    made = build(report, redacted=True, largest=LARGE)

    assert set(made.files) == set(opened(made.data))


CONFIGURATION: dict[str, JSONValue] = {
    "pool": "404",
    "source": "pool.yaml",
    "profile": {"service_uri": "/scan?[removed]", "preview_size": 1024, "allow_204": False, "description": "", "x": 1},
    "samples": ["clean", "eicar"],
    "compare": False,
    "members": [
        {"host": "198.18.1.1", "port": 1344, "name": "member-1", "enabled": True, "tls": None},
        {
            "host": "host-1",
            "port": 11344,
            "name": "no",
            "enabled": False,
            "tls": {"verify": False, "server_name": "host-2", "ca_file": "file-1\nx: y"},
        },
    ],
    "suppressions": [{"finding": "istag-changes", "reason": "word-1", "owner": "word-2", "until": "2030-01-01"}],
}


def test_the_pool_can_be_read_again() -> None:
    text = pool_yaml(from_plain(Configuration, CONFIGURATION))
    pool = loads_pool(text.encode(), Path("pool.yaml"))

    assert ("404", "/scan?[removed]", 1024, False) == (
        pool.name, pool.profile.service_uri, pool.profile.preview_size, pool.profile.allow_204,
    )  # fmt: skip
    assert (("clean", "eicar"), False) == (pool.samples, pool.compare)
    assert [("198.18.1.1", 1344, "member-1", True), ("host-1", 11344, "no", False)] == [
        (each.host, each.port, each.name, each.enabled) for each in pool.members
    ]
    assert (False, "host-2") == (pool.members[1].tls.verify, pool.members[1].tls.server_name)  # type: ignore[union-attr]
    assert ["istag-changes"] == [each.finding for each in pool.suppressions]
    assert "  # preview_size" not in text
    assert "  preview_size: 1024  # bytes\n" in text


@pytest.mark.parametrize("empty", [Configuration(), Configuration(members=())])
def test_a_report_without_a_pool_has_no_pool_file(empty: Configuration) -> None:
    assert "" == pool_yaml(empty)


def archive(file: Path, text: str | bytes, name: str = "report.json") -> Path:
    with zipfile.ZipFile(file, "w") as target:
        target.writestr(name, text)
    return file


def dumped(text: str) -> str:
    return "".join(f"{row}\n" for row in hex_rows(text.encode()))


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("", f"at {NAME}:1344"),
        ("", NAME.upper()),
        ("JSON", json.dumps(NAME).replace(".", "\\u002e")),
        ("URL", quote(NAME, safe="").replace(".", "%2e")),
        ("hex", f"x {NAME.encode().hex()} y"),
        ("hex", NAME.encode().hex().upper()),
        ("base64", base64.b64encode(NAME.encode()).decode()),
        ("base64", base64.b64encode(b"user:" + NAME.encode()).decode()),
        ("base64", base64.urlsafe_b64encode(b"\xff\xfe~~" + NAME.encode()).decode()),
        ("dump", dumped(f"GET / HTTP/1.1\r\nHost: {NAME}\r\n")),
    ],
)
def test_a_secret_is_found_however_it_is_written(tmp_path: Path, form: str, text: str) -> None:
    found = search(archive(tmp_path / "x.zip", text), {NAME: "host"})

    assert Hit("report.json", "host", form) in found


def test_a_secret_in_markup_is_found(tmp_path: Path) -> None:
    value = 'Zorro & "Sons" <av>'
    for name in ("report.html", "report.md"):
        assert [Hit(name, "pool", "HTML")] == list(
            search(archive(tmp_path / "x.zip", f"<b>{html.escape(value)}</b>", name), {value: "pool"})
        )


def test_names_of_files_are_looked_at(tmp_path: Path) -> None:
    (hit,) = search(archive(tmp_path / "x.zip", "", f"transcripts/{NAME}.txt"), {NAME: "host"})

    assert "host" == hit.kind


def test_the_test_file_is_looked_for_always(tmp_path: Path) -> None:
    hits = search(archive(tmp_path / "x.zip", b"<" + eicar() + b">"), {})

    assert {"EICAR test file"} == {hit.kind for hit in hits}


@pytest.mark.parametrize(
    ("expected", "value", "text"),
    [
        (0, "10.0.0.1", "from 110.0.0.12"),
        (1, "10.0.0.1", "from 10.0.0.1:1344"),
        (0, "acme", "pharmacmeter"),
        (1, "acme", "x_acme.y"),
        (0, "abc", "abc"),
    ],
)
def test_short_names_stand_alone(tmp_path: Path, expected: int, value: str, text: str) -> None:
    assert expected == len(search(archive(tmp_path / "x.zip", text), {value: "host"}))


def test_words_are_looked_for_but_those_of_our_own(tmp_path: Path) -> None:
    file = archive(tmp_path / "x.zip", "the Zorroplan, schema_version and Server")

    assert [Hit("report.json", "word", "")] == list(search(file, {}, ["zorroplan"]))
    assert () == search(file, {}, ["schema", "server", "plan"])
    assert "schema" in own_words()


def test_what_could_be_any_word_is_not_worth_looking_for() -> None:
    values = [("scan", "host"), ("10.1.2.3", "address"), (NAME, "host"), ("host-1x", "host"), ("zorro", "pool")]

    assert {"10.1.2.3": "address", NAME: "host", "zorro": "pool"} == worth_looking_for(values, {"host-1x"})


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("Server: word-1\r\n", b"Server: zorro\r\n"),
        ("User: word-2\r\n", "User: Żaneta\r\n".encode()),
        ("a\r\n[10 bytes that are no text]\nword-1", b"a\r\n" + "zorro".encode("utf-16-le") + b"\nzorro"),
        ("[8 bytes that are no text]\r\n", b"M\xfcl\xe9rzor\r\n"),
        (f"x{EICAR_MARK}word-1", f"x{EICAR_MARK}zorro".encode()),
        ("", b""),
    ],
)
def test_bytes_of_a_server_are_redacted_as_text_or_go(expected: str, text: bytes) -> None:
    def replaced(text: str) -> str:
        return text.replace("zorro", "word-1").replace("Żaneta", "word-2")

    assert expected == wire(text.decode("latin-1"), replaced)


def test_a_digest_in_a_transcript_is_of_a_body_of_ours_or_goes() -> None:
    forged = TranscriptEntry(direction="zorro", text="zorro", body_sha256="zorro" * 8)
    one = replace(REPORT.members[0], probes=(observation("options", SENT, forged),))
    result, _ = redact(replace(REPORT, members=(one,)), Pseudonyms())

    sent, other = result.members[0].probes[0].transcript
    assert SENT.body_sha256 == sent.body_sha256
    assert "zorro" not in repr(other)


@given(needles=st.sets(st.text("ab1.", min_size=4, max_size=9), max_size=6), text=st.text("ab1.", max_size=40))
@settings(max_examples=examples(200))
def test_each_value_is_found_that_stands_alone(needles: set[str], text: str) -> None:
    found = _Finder({needle: needle for needle in needles}).kinds(text, 4)

    assert {needle for needle in needles if re.search(rf"(?<![^\W_]){re.escape(needle)}(?![^\W_])", text)} <= found
    assert [] == [needle for needle in found if needle not in text]


CANARY = "zq7xk9vtcanary"


@given(before=st.binary(max_size=30), after=st.binary(max_size=30))
@settings(max_examples=examples(150))
def test_no_bytes_around_it_save_a_canary(before: bytes, after: bytes) -> None:
    """Whatever a server says before and behind it."""
    received = TranscriptEntry(direction="received", text=(before + CANARY.encode() + after).decode("latin-1"))
    one = replace(REPORT.members[0], probes=(observation("options", received),))
    result, _ = redact(replace(REPORT, members=(one,)), Pseudonyms())

    text = result.members[0].probes[0].transcript[0].text.lower()
    assert CANARY not in text
    assert CANARY[:8] not in text
