"""Pasted text that is no ICAP answer is refused with a word on what it is; what a port may have sent is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from icapdiag.api.explaining import NothingRead, explain
from icapdiag.facts.groups import PastedAnswer
from icapdiag.logs.containers.answers import foreign, observe
from tests.facts import facts_of
from tests.logs.samples import read

CURL = b"""* Connected to files.example.com (192.0.2.10) port 443
> POST /upload HTTP/1.1
> Host: files.example.com
>
< HTTP/1.1 400 Bad Request
< Server: Avi
"""
REQUEST = b"""REQMOD icap://192.0.2.21:1344/avscan ICAP/1.0
Host: 192.0.2.21:1344
Allow: 204
Preview: 12
Encapsulated: req-hdr=0, req-body=93
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"HTTP/1.1 413 Request Entity Too Large\r\nServer: Avi\r\n\r\n", "buffer_size"),
        (b"HTTP/2 500 \nserver: avi\n\n<html>Internal error</html>", "ICAP_FAIL_CLOSED"),
        (b"HTTP/1.0 503 Service Unavailable\nX-Squid-Error: ERR_ICAP_FAILURE 0\n\n", "ERR_ICAP_FAILURE"),
        (b"HTTP/1.1 302 Found\nLocation: /login\n\n", "302"),
        (b"<!DOCTYPE html>\n<title>Sign in</title><form method=post>\n", "a web page"),
        (b"note to self\n<html><body>Welcome to the portal</body></html>\n", "a web page"),
        (CURL, "400"),
        (REQUEST, "without its response"),
        (b"I send this, and then nothing comes:\n\n" + REQUEST.replace(b"REQMOD", b"OPTIONS"), "without its response"),
        (b'{"status": "ok", "uptime": 4711}', "without log entry fields"),
        (b'[{"alert": 1}, {"alert": 2}]', "without log entry fields"),
        (b'{"a": 1}\n{"a": 2}\n{"a": 3}\n', "without log entry fields"),
    ],
)
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_what_no_icap_port_has_sent_is_refused_and_named(tmp_path: Path, text: bytes, words: str, ends: bytes) -> None:
    path = tmp_path / "paste.txt"
    path.write_bytes(text.replace(b"\r\n", b"\n").replace(b"\n", ends))

    with pytest.raises(NothingRead, match="it contains no Avi log and no ICAP response") as refused:
        explain([path])

    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n", "http"),
        (b"HTTP/1.0 501 Unsupported method ('OPTIONS')\nServer: SimpleHTTP/0.6\n\n", "http"),
        (b"HTTP/1.1 400 Bad Request\nX-Squid-Error: ERR_PROTOCOL_UNKNOWN 0\n\n", "http"),
        (b"<html><title>Error response</title><p>Error code: 400</p></html>\n", "http"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "ssh"),
    ],
)
def test_what_a_port_may_have_sent_is_a_warning_at_most(tmp_path: Path, text: bytes, peer: str) -> None:
    path = tmp_path / "paste.txt"
    path.write_bytes(text)

    report = explain([path])

    assert [("pasted-not-icap", "warning")] == [(found.id, found.severity) for found in report.findings]
    assert "If they came from the ICAP port" in report.findings[0].meaning
    facts = report.findings[0].evidence[0].facts
    assert isinstance(facts, PastedAnswer)
    assert peer == facts.answer.peer


def test_alerts_of_the_controller_are_no_foreign_text(tmp_path: Path) -> None:
    _, report = read(tmp_path / "log", b'{"level": "ALERT_HIGH", "obj_name": "pool", "event_pages": [], "alert": "x"}')
    assert report.read == 0


BLOCK_PAGE = b'ICAP/1.0 200 OK\r\nISTag: "a"\r\nServer: %b\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\n'
PAGE = b"HTTP/1.1 200 OK\r\n\r\n5\r\nsorry\r\n0\r\n\r\n"


@pytest.mark.parametrize("server", [b"Vontu 16", b"C-ICAP/0.5.10", b"MetaDefender ICAP Server"])
@pytest.mark.parametrize(
    ("above", "expected"),
    [
        (b"", "unknown"),
        (b"REQMOD icap://192.0.2.21/dlp ICAP/1.0\r\nHost: 192.0.2.21\r\n\r\n", "blocked"),
        (b"RESPMOD icap://192.0.2.21/dlp ICAP/1.0\r\nHost: 192.0.2.21\r\n\r\n", "modified"),
        (b"$ c-icap-client -i 192.0.2.21 -s dlp -f a.txt -req http://x/ -v\r\n", "blocked"),
        (b"$ c-icap-client -i 192.0.2.21 -s dlp -f a.txt -v\r\n", "modified"),
    ],
)
def test_an_http_response_inside_is_judged_by_the_request(
    tmp_path: Path, server: bytes, above: bytes, expected: str
) -> None:
    reading, _ = read(tmp_path / "paste", above + BLOCK_PAGE % server + PAGE)

    assert [expected] == [facts_of(answer)["verdict"] for answer in reading.answers]


@pytest.mark.parametrize(
    "text",
    [
        BLOCK_PAGE % b"Vontu" + PAGE,
        BLOCK_PAGE % b"Skyhigh" + b"HTTP/1.1 403 VirusFound\r\nServer: xxx\r\n\r\nfff\r\n<html>\r\n...\r\n",
        b'ICAP/1.0 204 No Content\r\nISTag: "a"\r\nEncapsulated: null-body=0\r\n\r\nand that is all\r\n',
        b"ICAP/1.0 200 OK\r\nMethods: REQMOD\r\nISTag: a\r\nEncapsulated: null-body=0\r\n",
    ],
)
def test_line_ends_of_a_paste_prove_nothing(text: bytes) -> None:
    windows, unix = observe(text), observe(text.replace(b"\r\n", b"\n"))

    assert windows == unix
    assert {"complete", "deviations", "deviation_rules"}.isdisjoint(facts_of(windows))


def test_a_page_behind_null_body_is_read_in_a_paste(tmp_path: Path) -> None:
    text = b'ICAP/1.0 200 OK\r\nISTag: "a"\r\nEncapsulated: null-body=0\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\nno\r\n'
    reading, _ = read(tmp_path / "paste", text)
    assert ["blocked"] == [facts_of(answer)["verdict"] for answer in reading.answers]


def test_nothing_known_is_nothing() -> None:
    assert foreign(b"Dear all, ICAP is broken again.\n") is None
