"""Raw ICAP answers: from the wire, as c-icap-client prints them, as header blocks."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icapdiag.logs.containers.answers import answers, observe
from icapdiag.vocabulary import Reason, Status
from tests.facts import facts_of
from tests.logs.samples import HEADERS, icap_log, read

INFECTED = (
    b'ICAP/1.0 200 OK\r\nServer: C-ICAP/0.5.10\r\nISTag: "CI-1"\r\n'
    b"X-Infection-Found: Type=0; Resolution=2; Threat=Bad.Thing;\r\nEncapsulated: res-hdr=0, res-body=50\r\n\r\n"
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n"
    b"6\r\nhello!\r\n0\r\n\r\n"
)
CLEAN = b'ICAP/1.0 204 Unmodified\r\nServer: C-ICAP/0.5.10\r\nISTag: "CI-1"\r\n\r\n'
CONTINUE = b"ICAP/1.0 100 Continue\r\n\r\n"
PRINT = """\
ICAP server:192.0.2.7, ip:192.0.2.99, port:1344

ICAP HEADERS:
\tICAP/1.0 200 OK
\tServer: C-ICAP/0.5.10
\tISTag: CI-1
\tX-Infection-Found: Type=0; Resolution=2; Threat=Bad.Thing;
\tEncapsulated: res-hdr=0, res-body=50

RESPMOD HEADERS:
\tHTTP/1.0 403 Forbidden
\tContent-Length: 300

"""


def verdicts(tmp_path: Path, data: bytes | str) -> list[object]:
    reading, report = read(tmp_path / "answer", data)
    assert report.total == report.read == len(reading.answers)
    assert all(answer.source == "log" and answer.probe == "answer" for answer in reading.answers)
    assert reading.observations == reading.answers
    return [facts_of(answer)["verdict"] for answer in reading.answers]


def test_bytes_from_the_wire(tmp_path: Path) -> None:
    reading, report = read(tmp_path / "answer", INFECTED)
    (answer,) = reading.answers
    assert ("answer", "raw ICAP response") == (report.container, report.label)
    assert (Status.OK, None, "blocked", ["Bad.Thing"]) == (
        answer.status,
        answer.reason,
        facts_of(answer)["verdict"],
        facts_of(answer)["threats"],
    )
    assert (200, 403, "CI-1") == (
        facts_of(answer)["icap_status"],
        facts_of(answer)["http_status"],
        str(facts_of(answer)["istag"]).strip('"'),
    )


@pytest.mark.parametrize(
    "data",
    [
        CONTINUE + INFECTED,
        b"# from the ticket\n" + INFECTED,
        b"\r\n\r\n" + INFECTED,
        INFECTED[:-20],
        INFECTED[:170],
        INFECTED.replace(b"\r\n", b"\n"),
        b"".join(b"    " + line + b"\n" for line in INFECTED.splitlines()),
        b"".join(b"> " + line + b"\n" for line in INFECTED.splitlines()),
        "\ufeff".encode() + INFECTED,
        INFECTED.decode().encode("utf-16"),
        b"Hello, see:\n\n  ICAP/1.0 200 OK\n  X-Infection-Found: Type=0; Resolution=2; Threat=Bad.Thing;\n\nBye\n",
    ],
)
def test_one_answer_however_it_was_kept(tmp_path: Path, data: bytes) -> None:
    assert ["blocked"] == verdicts(tmp_path, data)


def test_several_answers(tmp_path: Path) -> None:
    assert ["blocked", "allowed", "blocked"] == verdicts(tmp_path, INFECTED + CLEAN + CONTINUE + INFECTED)
    assert ["allowed", "blocked"] == verdicts(tmp_path, b"first\n" + CLEAN + b"then\n" + INFECTED[:150] + b"\n")


def test_a_lone_100(tmp_path: Path) -> None:
    assert ["unknown"] == verdicts(tmp_path, CONTINUE)


def test_a_status_line_inside_of_a_body_is_no_answer(tmp_path: Path) -> None:
    body = b"\r\n" + CLEAN
    inner = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    head = b'ICAP/1.0 200 OK\r\nISTag: "1"\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n'
    assert 1 == len(verdicts(tmp_path, head + inner))


def test_the_client_prints(tmp_path: Path) -> None:
    reading, report = read(tmp_path / "print", PRINT)
    (answer,) = reading.answers
    assert ("c-icap-client", "192.0.2.7:1344") == (report.container, answer.member)
    assert ("blocked", 403) == (facts_of(answer)["verdict"], facts_of(answer)["http_status"])
    assert "complete" not in facts_of(answer)
    assert "deviation_rules" not in facts_of(answer)
    assert ["blocked"] == verdicts(tmp_path, PRINT.replace("\t", "    "))
    assert ["blocked", "blocked"] == verdicts(tmp_path, PRINT + PRINT)


def test_the_clients_own_request_is_no_content(tmp_path: Path) -> None:
    text = "ICAP HEADERS:\n\tICAP/1.0 204 Unmodified\n\tISTag: x\n\nREQMOD HEADERS:\n\tGET http://x/ HTTP/1.0\n\n"
    assert ["allowed"] == verdicts(tmp_path, text)
    text = text.replace("204 Unmodified", "200 OK").replace("ISTag: x", "Encapsulated: req-hdr=0, null-body=30")
    assert ["modified"] == verdicts(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        HEADERS.format(1, 1),
        HEADERS.format(1, 1).replace("\r\n", "\n"),
        HEADERS.format(1, 1).replace('"', r"\"").replace("\r\n", r"\r\n"),
        '"' + HEADERS.format(1, 1).replace('"', r"\"").replace("\r\n", r"\r\n") + '"',
        "The headers were:\n\n" + HEADERS.format(1, 1).replace("\r\n", "\n") + "\n\nand that is all.\n",
        "".join(f"> {line}\n" for line in HEADERS.format(1, 1).splitlines()),
    ],
)
def test_header_blocks_as_avi_keeps_them(tmp_path: Path, text: str) -> None:
    reading, report = read(tmp_path / "headers", text)
    (answer,) = reading.answers
    assert ("headers", "blocked") == (report.container, facts_of(answer)["verdict"])
    assert "Infected" == facts_of(answer)["x_response_desc"]
    assert "icap_status" not in facts_of(answer)


def test_a_header_member_of_a_log_is_a_fragment(tmp_path: Path) -> None:
    value = HEADERS.format(1, 1).replace('"', r"\"").replace("\r\n", r"\r\n")
    reading, report = read(tmp_path / "text", f'"icap_headers_received_from_server": "{value}",')
    assert (1, "fragment") == (report.read, report.container)
    assert "blocked" == facts_of(reading.observations[0])["verdict"]


def test_answers_and_fragments_in_one_text(tmp_path: Path) -> None:
    text = f'The log:\n"icap_log": {icap_log()}\n\nand by hand:\n\n{PRINT}'
    reading, report = read(tmp_path / "text", text)
    assert ("text", 2, 2) == (report.container, report.total, report.read)
    assert [1, "blocked"] == [len(reading.answers), facts_of(reading.answers[0])["verdict"]]
    assert "summary" == reading.observations[-1].probe


def test_an_error_status(tmp_path: Path) -> None:
    reading, _ = read(tmp_path / "answer", b"ICAP/1.0 404 Service not found\r\n\r\n")
    (answer,) = reading.answers
    assert (Status.FAILED, Reason.ICAP_STATUS, "error") == (answer.status, answer.reason, facts_of(answer)["verdict"])


@pytest.mark.parametrize(
    ("data", "peer"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n<html></html>", "http"),
        (b"note\nHTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n", "http"),
        (b"<!DOCTYPE HTML>\n<html><p>Error code: 400</p></html>\n", "http"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "ssh"),
        (b"220 mail.example ESMTP\r\n", "smtp"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "tls"),
    ],
)
def test_another_protocol(tmp_path: Path, data: bytes, peer: str) -> None:
    reading, report = read(tmp_path / "answer", data)
    (answer,) = reading.answers
    assert (1, Status.FAILED, Reason.NOT_ICAP) == (report.read, answer.status, answer.reason)
    assert peer == facts_of(answer)["peer"]
    assert "verdict" not in facts_of(answer)


def test_a_body_that_is_json_is_no_log(tmp_path: Path) -> None:
    body = b'{"error": "quota", "code": 7}'
    data = (
        b"ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=36\r\n\r\nHTTP/1.1 429 Too Many Requests\r\n\r\n"
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    )
    assert 1 == len(verdicts(tmp_path, data))
    assert 1 == len(verdicts(tmp_path, b"# a note\n" + data))


@given(st.binary(max_size=200))
def test_observing_raises_nothing(data: bytes) -> None:
    observe(b"ICAP/1.0 200 OK\r\n" + data)
    observe(data)


_PIECES = (INFECTED, CLEAN, CONTINUE, b"\nICAP/1.0 ", b"ICAP HEADERS:\n\t", b"\r\n", b"> ", b"0\r\n\r\n")


@given(st.lists(st.sampled_from(_PIECES), max_size=8))
def test_any_mixture_gives_answers_in_order(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    seen = list(answers(data, headers=True))
    assert seen == sorted(seen, key=lambda one: one.start)
    assert all(0 <= one.start < one.end <= len(data) for one in seen)


def test_answers_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("icapdiag.logs.containers.collector.ANSWERS_KEPT", 5)
    reading, report = read(tmp_path / "answers", CLEAN * 9)
    assert (5, 5) == (report.read, len(reading.answers))
    assert ["only the first 5 ICAP responses were read"] == [problem.reason for problem in report.problems]


@pytest.mark.timeout(60)
def test_many_status_lines_take_no_quadratic_time(tmp_path: Path) -> None:
    read(tmp_path / "answers", b"ICAP/1.0 200 OK\n" * 60_000)
    read(tmp_path / "answers", (b"ICAP/1.0 200 OK\nEncapsulated: res-body=0\n\nffff\n" * 20_000))
