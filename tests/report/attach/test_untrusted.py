"""A ticket system, or who stands in for it, that says anything at all."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from icapdiag.lab.certificates import new_authority
from icapdiag.report.attach.document import Document
from icapdiag.report.attach.http import Deadline
from icapdiag.report.attach.systems import send
from icapdiag.report.attach.target import AttachError
from tests.report.attach.sending import EACH, NAMES, ZIP, Clock, refused, system_at
from tests.report.attach.servers import (
    Answer,
    JiraServer,
    answer,
    drip,
    nothing_of,
    reset,
    serve,
)


@pytest.mark.parametrize(
    "garbage", [b"<html>", b"[" * 100_000, b'{"a": 1e999999}', b"\xff\xfe", b"9" * 5000, b"null", b"{}"]
)
@pytest.mark.parametrize("name", NAMES)
def test_an_accepted_file_is_not_sent_again_whatever_the_server_says(name: str, garbage: bytes, clock: Clock) -> None:
    tickets = EACH[name][0]()
    tickets.next = [answer(200 if name == "jira" else 201, garbage)]
    with serve(tickets) as server:
        said = refused(server, name, clock)

    assert said.endswith(f"is not attached to {EACH[name][1].partition(':')[2]}: check the ticket")
    assert 1 == [request.method for request in server.seen].count("POST")


@pytest.mark.parametrize(
    "garbage",
    [
        b"<html>",
        b"[" * 100_000,
        b"9" * 5000,
        b"null",
        b'"x"',
        b'{"fields": {"attachment": 1}, "result": 1}',
        b"x" * (9 << 20),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_hostile_json_before_anything_is_sent(name: str, garbage: bytes, clock: Clock) -> None:
    with serve(lambda _: answer(200, garbage)) as server:
        refused(server, name, clock)

    assert {"GET"} == {request.method for request in server.seen}


def test_odd_records_are_passed_over(clock: Clock) -> None:
    odd: list[object] = [None, 1, {"filename": ["bundle.zip"]}, {"filename": "bundle.zip/", "size": "x"}, {"size": 5}]

    def respond(request: object) -> Answer:
        del request
        return answer(200, {"fields": {"attachment": odd}})

    with serve(respond) as server:
        assert None is system_at(server.url, "jira", clock.deadline()).there(ZIP)
    odd.append({"filename": "bundle.zip", "size": -3})
    with serve(respond) as server:
        assert -1 == system_at(server.url, "jira", clock.deadline()).there(ZIP)


def test_another_file_of_that_name_is_not_taken_for_ours(clock: Clock) -> None:
    tickets = JiraServer()
    tickets.next = [reset]
    with serve(tickets) as server:
        system = system_at(server.url, "jira", clock.deadline())
        other = system_at(server.url, "jira", Deadline(60))
        clock.meanwhile = lambda: other.put(Document(ZIP.name, b"another"))
        with pytest.raises(AttachError, match=r"has bundle\.zip with a different size: check the ticket"):
            send(system, ZIP)

    assert [(ZIP.name, b"another")] == tickets.stored


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(status: int, clock: Clock) -> None:
    with serve(nothing_of) as other, serve(lambda _: answer(status, location=f"{other.url}/login")) as server:
        said = refused(server, "jira", clock)

    assert f"HTTP {status}: URL redirects to 127.0.0.1; not followed" in said
    assert [] == other.seen


def test_a_redirect_to_nowhere_is_told_safely(clock: Clock) -> None:
    with serve(lambda _: answer(302, location="http://[::1")) as server:
        assert "redirects to somewhere else" in refused(server, "jira", clock)


def test_slow_drops_end_with_the_deadline(clock: Clock) -> None:
    tickets = JiraServer()
    tickets.next = [drip]
    with serve(tickets) as server:
        began = time.monotonic()
        said = refused(server, "jira", clock, seconds=1)

    assert time.monotonic() - began < 5
    assert (
        "URL sent no complete response: no response in time (--deadline); it is not known whether bundle.zip arrived: "
        "check OPS-123 before you try again"
    ) == said


def test_an_endless_answer_is_cut(clock: Clock) -> None:
    with serve(lambda _: b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (9 << 20)) as server:
        assert "the response exceeds 8 MiB" in refused(server, "jira", clock)


def test_a_token_that_is_said_back_is_not_shown(clock: Clock) -> None:
    said_back = answer(400, {"errorMessages": [f"{JiraServer.token} jdoe:s3cret s3cret \x1b[2J"]})
    with serve(lambda _: said_back) as server:
        said = refused(server, "jira", clock)

    assert "HTTP 400: it rejects the request (it says: Basic [token] [token] [token] \\x1b[2J)" == said


def test_tls_is_verified(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = new_authority("an authority of our own")
    (tmp_path / "server.pem").write_bytes(authority.issue("127.0.0.1"))
    (tmp_path / "other.pem").write_bytes(authority.issue("192.0.2.1"))
    (tmp_path / "ca.pem").write_bytes(authority.pem())
    tickets = JiraServer()

    def over_tls(certificate: str) -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / certificate)
        with serve(tickets, context) as server:
            try:
                return send(system_at(server.url.replace("http:", "https:"), "jira", clock.deadline()), ZIP)
            except AttachError as error:
                return str(error)

    assert "name its file in SSL_CERT_FILE" in over_tls("server.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert "can't be verified" in over_tls("other.pem")
    assert [] == tickets.stored
    assert "/browse/OPS-123" in over_tls("server.pem")
    assert [(ZIP.name, ZIP.data)] == tickets.stored


def test_a_tls_handshake_that_never_ends_is_cut() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        began = time.monotonic()
        with pytest.raises(AttachError, match="gave up after 1 s"):
            send(system_at(f"https://127.0.0.1:{mute.getsockname()[1]}", "jira", Deadline(1)), ZIP)

    assert time.monotonic() - began < 5


def test_a_tls_handshake_that_comes_in_drops_is_cut() -> None:
    """A record of 16 KiB is announced, and a byte of it comes now and then: no single wait is long."""

    def drops(listening: socket.socket) -> None:
        stream, _ = listening.accept()
        with stream, suppress(OSError):
            stream.sendall(b"\x16\x03\x03\x40\x00")
            for _ in range(200):
                stream.sendall(b"\x02")
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as slow:
        thread = threading.Thread(target=drops, args=(slow,), daemon=True)
        thread.start()
        began = time.monotonic()
        with pytest.raises(AttachError, match="gave up after 1 s"):
            send(system_at(f"https://127.0.0.1:{slow.getsockname()[1]}", "jira", Deadline(1)), ZIP)
        took = time.monotonic() - began
        thread.join(15)

    assert took < 5


def test_a_name_that_says_loopback_and_is_not(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(2, 1, 6, "", ("192.0.2.1", 80))]

    monkeypatch.setattr("socket.getaddrinfo", elsewhere)
    with pytest.raises(AttachError, match="localhost is not on this host"):
        send(system_at("http://localhost", "jira", clock.deadline()), ZIP)
