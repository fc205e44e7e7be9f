"""A file reaches its ticket once, or the reader learns why it did not; all of it on loopback."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from icapdiag.lab.certificates import new_authority
from icapdiag.report.attach.document import Document, copy
from icapdiag.report.attach.http import Client, Deadline, Response, retry_after
from icapdiag.report.attach.systems import SYSTEMS, System, send
from icapdiag.report.attach.target import AttachError, Token, parse_base, parse_target
from tests.report.attach.servers import (
    Answer,
    GitHubServer,
    JiraServer,
    Server,
    ServiceNowServer,
    Tickets,
    answer,
    drip,
    nothing,
    reset,
    serve,
)

ZIP = Document("bundle.zip", b"PK\x05\x06" + bytes(range(256)) * 5)
TEXT = Document("body.md", "# Röntgen\n`x`\n".encode())
EACH: dict[str, tuple[type[Tickets], str, str, Document]] = {
    "jira": (JiraServer, "jira:OPS-123", "jdoe:s3cret", ZIP),
    "servicenow": (ServiceNowServer, "servicenow:INC0012345", "0AuthAccess", ZIP),
    "github": (GitHubServer, "github:owner/repo#7", "github_pat_11", TEXT),
}
NAMES = sorted(EACH)


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.meanwhile: Callable[[], object] = list  # what others do when somebody waits

    def deadline(self, seconds: float = 120) -> Deadline:
        return Deadline(seconds, lambda: time.monotonic() + sum(self.slept), self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.meanwhile()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def system_at(url: str, name: str, deadline: Deadline, token: str = "", *, allow_http: bool = False) -> System:
    _, where, usual, _ = EACH[name]
    target, secret = parse_target(where), Token(token or usual)
    base = parse_base(target.kind, url, {}, allow_http=allow_http)
    return SYSTEMS[target.kind](Client(base, secret.header(target.kind), deadline, "icapdiag/test"), target, secret)


def sent(server: Server, name: str, clock: Clock, *, document: Document | None = None, seconds: float = 120) -> str:
    return send(system_at(server.url, name, clock.deadline(seconds)), document or EACH[name][3])


def refused(server: Server, name: str, clock: Clock, *, seconds: float = 120) -> str:
    with pytest.raises(AttachError) as caught:
        sent(server, name, clock, seconds=seconds)
    return str(caught.value).replace(server.url, "URL")


@pytest.mark.parametrize("name", NAMES)
def test_it_arrives_byte_for_byte_and_once(name: str, clock: Clock) -> None:
    tickets, document = EACH[name][0](), EACH[name][3]
    with serve(tickets) as server:
        where = sent(server, name, clock)
        again = refused(server, name, clock)

    assert EACH[name][1].partition(":")[2] in where
    (stored,) = tickets.stored
    if name == "github":
        mark = f"<!-- icapdiag body.md sha256:{document.sha256} -->"
        assert f"{document.data.decode()}\n\n{mark}" == stored[1].decode()
    else:
        assert (document.name, document.data) == stored
    assert f"already has {document.name}, which will not be replaced: pass a different name with --name" in again


def test_a_name_in_any_letters(clock: Clock) -> None:
    for name in ("jira", "servicenow"):
        tickets = EACH[name][0]()
        with serve(tickets) as server:
            sent(server, name, clock, document=Document("Bericht für & #1; 100%.zip", b"PK1"))
        assert ["Bericht für & #1; 100%.zip"] == [stored for stored, _ in tickets.stored]


@pytest.mark.parametrize(
    ("name", "status", "expected"),
    [
        (
            "jira",
            401,
            "HTTP 401: the token is not accepted. Jira Cloud: email:API-token; Data Center: a personal access",
        ),
        ("jira", 403, "needs Browse Projects and Create Attachments in this project (it says: go away)"),
        ("jira", 404, "no such issue, the token's user may not see it, or attachments are disabled"),
        ("jira", 413, "the file is larger than Jira's attachment limit: make it smaller"),
        ("servicenow", 401, "the token is not accepted: user:password, or an OAuth access token"),
        ("servicenow", 403, "needs write access to it"),
        ("servicenow", 404, "no such record"),
        ("servicenow", 413, "the file is larger than com.glide.attachment.max_size"),
        ("github", 401, "the token is not accepted: it is wrong or expired"),
        ("github", 403, "needs Issues: read and write of this repository"),
        ("github", 404, "no such issue, or the token may not see the repository"),
        ("github", 410, "issues are disabled in this repository"),
        ("github", 422, "GitHub rejects the comment"),
        ("jira", 429, "too many requests: try again later"),
        ("jira", 400, "it rejects the request"),
    ],
)
def test_a_refusal_says_what_to_do_and_is_not_repeated(name: str, status: int, expected: str, clock: Clock) -> None:
    tickets = EACH[name][0]()
    tickets.next = [answer(status, {"errorMessages": ["go away"]})]
    with serve(tickets) as server:
        said = refused(server, name, clock)

    assert expected in said
    assert 1 == [request.method for request in server.seen].count("POST")
    assert ([], []) == (tickets.stored, clock.slept)


def test_a_server_that_refuses_a_long_body_before_it_came(clock: Clock) -> None:
    """The answer is there although the connection broke under what was still to be sent."""
    tickets = JiraServer()
    with serve(tickets, early=answer(413)) as server, pytest.raises(AttachError) as caught:
        sent(server, "jira", clock, document=Document("large.zip", bytes(30 << 20)))

    assert "HTTP 413: the file is larger than Jira's attachment limit" in str(caught.value)
    assert ["GET", "POST"] == [request.method for request in server.seen]


def test_the_wrong_ticket_is_no_record(clock: Clock) -> None:
    """An instance that ignores the query answers with some other record."""
    tickets = ServiceNowServer()
    tickets.number = "INC0099999"
    with serve(tickets) as server:
        said = refused(server, "servicenow", clock)

    assert "there is no INC0012345 in incident, or the token's user may not see it" == said
    assert ["GET /api/now/table/incident"] == server.asked


@pytest.mark.parametrize("status", [429, 503])
def test_it_waits_as_long_as_it_is_asked_to(status: int, clock: Clock) -> None:
    tickets = JiraServer()
    tickets.next = [answer(status, retry_after="7"), answer(status, retry_after="9")]
    with serve(tickets) as server:
        sent(server, "jira", clock)

    assert ([7, 9], 1) == (clock.slept, len(tickets.stored))


@pytest.mark.parametrize(("wait", "seconds"), [("3600", 7200), ("30", 20), ("9" * 400, 7200)])
def test_it_does_not_wait_for_ever(wait: str, seconds: float, clock: Clock) -> None:
    tickets = JiraServer()
    tickets.next = [answer(429, retry_after=wait)]
    with serve(tickets) as server:
        said = refused(server, "jira", clock, seconds=seconds)

    assert f"HTTP 429: too many requests: try again in {wait[:9]} s" == said
    assert ([], []) == (clock.slept, tickets.stored)


@pytest.mark.parametrize(
    ("expected", "text"),
    [(None, ""), (None, "soon"), (None, "-1"), (5.0, "5"), (0.0, "Tue, 24 Nov 2020 10:00:00 GMT"), (None, "٣")],
)
def test_how_long_to_wait(expected: float | None, text: str) -> None:
    assert expected == retry_after(Response(429, {"retry-after": text}, b""))
    assert None is retry_after(Response(200, {"retry-after": "5"}, b""))


@pytest.mark.parametrize(
    "misfortune",
    [reset, nothing, answer(502), answer(504), b"HTTP/1.1 200 OK\r\nContent-Le", answer(200, b"[]")[:-1]],
    ids=["reset", "closed", "502", "504", "cut in a header", "cut in the body"],
)
@pytest.mark.parametrize("name", NAMES)
def test_a_lost_answer_does_not_make_two_of_it(name: str, misfortune: Answer, clock: Clock) -> None:
    tickets = EACH[name][0]()
    tickets.next, tickets.store_first = [misfortune], True
    with serve(tickets) as server:
        said = sent(server, name, clock)

    assert "(attached, although the response was lost)" in said
    assert 1 == len(tickets.stored)


@pytest.mark.parametrize("name", NAMES)
def test_what_did_not_arrive_is_sent_once_more(name: str, clock: Clock) -> None:
    tickets = EACH[name][0]()
    tickets.next = [reset]
    with serve(tickets) as server:
        sent(server, name, clock)

    assert 1 == len(tickets.stored)
    posts = [request.method for request in server.seen]
    assert 2 == posts.count("POST")
    assert "GET" == posts[posts.index("POST") + 1]


def test_twice_lost_is_given_up(clock: Clock) -> None:
    tickets = JiraServer()
    tickets.next = [nothing, nothing]
    with serve(tickets) as server:
        said = refused(server, "jira", clock)

    assert said.startswith("URL sent no complete response: ")
    assert said.endswith("; bundle.zip is not attached to OPS-123: check the ticket")


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


def nothing_of(_: object) -> Answer:
    return answer(200)


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


def test_nobody_there_is_tried_again_and_told(clock: Clock) -> None:
    with serve(nothing_of) as server:
        pass

    assert "can't connect to URL: Connection refused" == refused(server, "jira", clock)
    assert [1, 2] == clock.slept


def test_a_server_that_comes_up_meanwhile() -> None:
    tickets = JiraServer()
    with serve(nothing_of) as gone:
        pass
    with ExitStack() as stack:
        deadline = Deadline(60, sleep=lambda _: stack.enter_context(serve(tickets, port=gone.port)))
        send(system_at(gone.url, "jira", deadline), ZIP)

    assert 1 == len(tickets.stored)


def test_a_token_that_is_said_back_is_not_shown(clock: Clock) -> None:
    said_back = answer(400, {"errorMessages": [f"{JiraServer.token} jdoe:s3cret s3cret \x1b[2J"]})
    with serve(lambda _: said_back) as server:
        said = refused(server, "jira", clock)

    assert "HTTP 400: it rejects the request (it says: Basic [token] [token] [token] \\x1b[2J)" == said


def test_github_takes_no_files(clock: Clock) -> None:
    with serve(GitHubServer()) as server:
        for document, expected in (
            (ZIP, "GitHub has no API to attach a file such as bundle.zip to an issue."),
            (Document("a.md", b"\xff"), "a.md is not UTF-8 text"),
            (Document("a.md", b"x" * 65_500), "a.md is longer than a comment may be "),
        ):
            with pytest.raises(AttachError, match=expected.replace(".", "\\.")):
                sent(server, "github", clock, document=document)

    assert [] == server.seen


def test_github_s_comments_are_searched_page_by_page(clock: Clock) -> None:
    tickets = GitHubServer()
    tickets.stored = [("", b"hello")] * 205
    with serve(tickets) as server:
        sent(server, "github", clock)
        assert "already has body.md" in refused(server, "github", clock)
        tickets.stored = [("", b"hello")] * 1000
        assert "more than 1,000 comments" in refused(server, "github", clock)


def test_github_s_secondary_limit_is_waited_for(clock: Clock) -> None:
    tickets = GitHubServer()
    tickets.next = [answer(403, {"message": "You have exceeded a secondary rate limit"}, retry_after="3")]
    with serve(tickets) as server:
        sent(server, "github", clock)

    assert [3] == clock.slept


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


def test_a_copy_is_a_new_file(tmp_path: Path) -> None:
    path = copy(tmp_path, ZIP)

    assert (tmp_path / "bundle.zip", ZIP.data) == (path, path.read_bytes())
    with pytest.raises(AttachError, match="already exists and will not be replaced"):
        copy(tmp_path, Document("bundle.zip", b"other"))
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(AttachError, match="exists"):
        copy(tmp_path, Document("link", b"other"))
    with pytest.raises(AttachError, match="No such file"):
        copy(tmp_path / "nowhere", ZIP)
    assert (ZIP.data, False) == (path.read_bytes(), (tmp_path / "target").exists())


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(AttachError, match="No space left on device"):
        copy(tmp_path, ZIP)

    assert [] == list(tmp_path.iterdir())


def test_the_multipart_body_is_what_the_documentation_shows(clock: Clock) -> None:
    with serve(JiraServer()) as server:
        sent(server, "jira", clock)
    request = server.seen[-1]

    assert request.headers["content-type"].startswith("multipart/form-data; boundary=icapdiag-")
    assert (
        b'Content-Disposition: form-data; name="file"; filename="bundle.zip"\r\nContent-Type: application/zip'
        in request.body
    )
    assert f"127.0.0.1:{server.port}" == request.headers["host"]
    assert json.dumps(request.headers).count("amRvZTpzM2NyZXQ=") == 1
    assert "identity" == request.headers["accept-encoding"]
