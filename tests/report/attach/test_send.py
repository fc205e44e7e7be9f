"""A file reaches its ticket once, or the reader learns why it did not; all of it on loopback."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest

from icapdiag.report.attach.document import Document
from icapdiag.report.attach.http import Deadline, Response, retry_after
from icapdiag.report.attach.systems import send
from icapdiag.report.attach.target import AttachError
from tests.report.attach.sending import EACH, NAMES, ZIP, Clock, refused, sent, system_at
from tests.report.attach.servers import (
    Answer,
    GitHubServer,
    JiraServer,
    ServiceNowServer,
    answer,
    nothing,
    nothing_of,
    reset,
    serve,
)


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
