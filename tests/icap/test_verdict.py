"""The verdict: which part of an answer decides, and what it says."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icapdiag.icap.header_table import HEADERS
from icapdiag.icap.message import Headers, HttpHead, Response
from icapdiag.icap.verdict import judge
from icapdiag.vocabulary import Verdict
from tests.icap.answers import FORBIDDEN, HTTP_OK, ORIGINAL, POST, answer, facts, http, judged

EICAR = ("X-Infection-Found", "Type=0; Resolution=2; Threat=Eicar-Test-Signature;")
INFO_BLOCKED = ("X-Response-Info", "Blocked")
INFO_ALLOWED = ("X-Response-Info", "Allowed")
ENCRYPTED = ("X-Infection-Found", "Type=2; Resolution=0; Threat=Encrypted Archive;")


# --- statuses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (100, "Continue", ("unknown", ("status",))),
        (130, "Not sure really", ("unknown", ("status",))),
        (200, "OK", ("unknown", ())),
        (201, "Created", ("modified", ("status",))),
        (202, "Accepted", ("unknown", ("status",))),
        (203, "Non-Authoritative Information", ("unknown", ("status",))),
        (299, "", ("unknown", ("status",))),
        (204, "Unmodified", ("allowed", ("status",))),
        (204, "", ("allowed", ("status",))),
        (206, "Partial Content", ("modified", ("status",))),
        (302, "Found", ("error", ("status",))),
        (400, "Bad request", ("error", ("status",))),
        (403, "Forbidden", ("error", ("status",))),
        (404, "ICAP Service not found", ("error", ("status",))),
        (500, "Server error", ("error", ("status",))),
        (539, "Aborted - No AV scanning license", ("error", ("status",))),
        (999, "", ("error", ("status",))),
        (0, "", ("error", ("status",))),
    ],
)
def test_a_bare_status(status: int, reason: str, expected: tuple[str, tuple[str, ...]]) -> None:
    assert expected == facts(judged(status=status, reason=reason))


@pytest.mark.parametrize("status", [202, 203, 205, 226, 299])
@pytest.mark.parametrize(
    "fields",
    [
        (("Encapsulated", "null-body=0"), ("Service", "Sophos Anti-Virus")),
        (("X-Response-Info", "Allowed"), ("Server", "MetaDefender ICAP Server")),
        (("X-Virus-ID", "no threats"), ("Server", "Kaspersky Scan Engine")),
    ],
)
def test_a_success_that_icap_does_not_define_is_never_clean(status: int, fields: tuple[tuple[str, str], ...]) -> None:
    assert ("unknown", ("status",)) == facts(judge(answer(*fields, status=status, request=POST, body=ORIGINAL)))
    assert ("unknown", ("status",)) == facts(judge(answer(*fields, status=status, encapsulated="null-body=0")))
    assert (
        "blocked" == judge(answer(*fields[1:], EICAR, status=status)).verdict
    )  # a detection is one, whatever the status


def test_a_failed_status_is_told_in_the_servers_words_or_in_ours() -> None:
    assert judged(status=539, reason="Aborted - No AV scanning license").reason == (
        "ICAP 539 Aborted - No AV scanning license"
    )
    assert judged(status=539, reason="").reason == "ICAP 539 no scanning licence"
    assert judged(("X-Response-Desc", "queue full"), status=503, reason="").reason == "ICAP 503 overloaded: queue full"


def test_a_403_refuses_only_with_a_detection() -> None:
    virus_id = ("X-Virus-ID", "Eicar")
    assert facts(judged(virus_id, status=403)) == ("blocked", ("X-Virus-ID", "status"))
    assert facts(judged(EICAR, status=403)) == ("blocked", ("X-Infection-Found", "status"))
    assert facts(judged(("X-Violations-Found", "1"), status=403)) == ("blocked", ("X-Violations-Found", "status"))
    assert facts(judged(("X-Block-Reason", "virus"), status=403)) == ("blocked", ("X-Block-Reason", "status"))
    assert judged(ENCRYPTED, status=403).verdict == "unscannable"
    assert judged(("X-Virus-ID", "no threats"), status=403).verdict == "error"
    assert judged(status=403, response=FORBIDDEN).verdict == "error"


def test_a_403_of_a_product_that_documents_it_as_a_block() -> None:
    assert judged(("Server", "FortiSandbox ICAP"), status=403).verdict == "blocked"
    assert judged(("Service", "Trend Micro InterScan Web Security"), status=403).verdict == "blocked"
    assert judged(status=403, reason="Infected and not repaired").verdict == "blocked"
    assert judged(("Server", "C-ICAP/0.5.10"), status=403).verdict == "error"


def test_a_5xx_is_an_error_whatever_it_wraps() -> None:
    judgement = judge(answer(EICAR, status=502, reason="Bad Gateway", response=FORBIDDEN))
    assert facts(judgement) == ("error", ("status",))
    assert judgement.reason == "ICAP 502 Bad Gateway, with HTTP 403 Forbidden inside"
    assert judgement.threats == ("Eicar-Test-Signature",)


def test_an_opt_body_tells_the_cause_of_an_error() -> None:
    judgement = judge(answer(status=500, encapsulated="opt-body=0", body=b"timeout\n"))
    assert ("error", "ICAP 500 Server error: timeout") == (judgement.verdict, judgement.reason)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("file_type_blocked", ("blocked", ("X-Error-Code", "status"))),
        ("file_extension_blocked", ("blocked", ("X-Error-Code", "status"))),
        ("password_protected", ("unscannable", ("X-Error-Code", "status"))),
        ("max_archive_layers_exceeded", ("unscannable", ("X-Error-Code", "status"))),
        ("something_else", ("error", ("status",))),
    ],
)
def test_error_codes_of_a_500(code: str, expected: tuple[str, tuple[str, ...]]) -> None:
    judgement = judged(("X-Error-Code", code), status=500)
    assert expected == facts(judgement)
    assert code in judgement.reason


# --- contradictions ---------------------------------------------------------------------------


def test_a_204_that_names_a_threat_contradicts_itself() -> None:
    judgement = judged(EICAR, status=204)
    assert facts(judgement) == ("unknown", ("X-Infection-Found", "status"))
    assert judgement.threats == ("Eicar-Test-Signature",)
    assert "contradicts" in judgement.reason
    assert facts(judged(INFO_BLOCKED, status=204)) == ("unknown", ("X-Response-Info", "status"))


def test_an_allowing_word_beside_a_detection_contradicts_it() -> None:
    assert facts(judged(INFO_ALLOWED, EICAR)) == ("unknown", ("X-Infection-Found", "X-Response-Info"))


def test_allowed_and_detected_with_other_content_is_a_sanitised_body() -> None:
    judgement = judge(answer(INFO_ALLOWED, EICAR, request=POST, body=b"x"), sent_body=ORIGINAL)
    assert facts(judgement) == ("modified", ("X-Response-Info", "body", "X-Infection-Found"))


def test_what_was_passed_unscanned_was_not_scanned() -> None:
    assert judged(ENCRYPTED, status=204).verdict == "unscannable"
    assert judged(INFO_ALLOWED, ("X-Response-Desc", "Not Scanned")).verdict == "error"


def test_a_204_with_agreeing_headers() -> None:
    allowed = ("X-Response-Info", "ALLOWED")
    desc = ("X-Response-Desc", "URL category ALL is ALLOWED")
    expected = ("allowed", ("X-Response-Info", "X-Response-Desc", "status"))
    assert expected == facts(judged(allowed, desc, status=204))
    assert facts(judged(("X-Virus-ID", "no threats"), status=204)) == ("allowed", ("X-Virus-ID", "status"))


def test_a_block_page_beats_an_allowing_word() -> None:
    judgement = judge(answer(INFO_ALLOWED, response=FORBIDDEN, body=b"page"))
    assert facts(judgement) == ("blocked", ("http-status",))


def test_a_shadow_service_enforces_nothing() -> None:
    shadow = ("X-ICAPeg-Shadow-Service", "true")
    assert facts(judged(shadow, status=204)) == ("allowed", ("X-ICAPeg-Shadow-Service", "status"))
    assert "shadow" in judged(shadow, status=204).reason
    assert judge(answer(shadow, request=POST, body=ORIGINAL)).verdict == "allowed"
    assert judged(shadow, EICAR).verdict == "unknown"
    assert judge(answer(shadow, EICAR, response=FORBIDDEN)).verdict == "blocked"
    assert judged(("X-ICAPeg-Shadow-Service", "false")).verdict == "unknown"


# --- encapsulated heads -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("HTTP/1.1 403 Forbidden", ("blocked", ("http-status",))),
        ("HTTP/1.0 403 VirusFound", ("blocked", ("http-status",))),
        ("HTTP/1.1 403 Forbidden (TMWS Blocked)", ("blocked", ("http-status",))),
        ("HTTP/1.1 404 Not Found", ("blocked", ("http-status",))),
        ("HTTP/1.1 307 Temporary Redirect", ("blocked", ("http-status",))),
        ("HTTP/1.1 308 Permanent Redirect", ("blocked", ("http-status",))),
        ("HTTP/1.1 500 Internal Server Error", ("error", ("http-status",))),
        ("HTTP/1.1 200 OK", ("modified", ("Encapsulated",))),
        ("HTTP/1.1 304 Not Modified", ("modified", ("Encapsulated",))),
        ("HTTP/1.1 4", ("modified", ("Encapsulated",))),
    ],
)
def test_the_embedded_status(line: str, expected: tuple[str, tuple[str, ...]]) -> None:
    judgement = judge(answer(response=http(line), body=b"page"))
    assert expected == facts(judgement)
    if "http-status" in expected[1]:
        assert line.partition(" ")[2] in judgement.reason


def test_an_embedded_status_whose_beginning_was_cut_off() -> None:
    assert facts(judge(answer(request=http("403 VirusFound"), body=b"page"))) == ("blocked", ("http-status",))


@pytest.mark.parametrize(
    "field",
    [
        ("X-Virus-Name", "EICAR test file"),
        ("X-Block-Reason", "Malware found"),
        ("X-WWBlockResult", "80"),
        ("X-Block-Result", " 80 "),
        ("X-Blocked", "Virus found during virus scan"),
        ("X-Blocked-By", "Sophos Anti-Virus"),
    ],
)
def test_refusals_inside_the_embedded_response(field: tuple[str, str]) -> None:
    judgement = judge(answer(response=http("HTTP/1.1 200 OK", field), body=b"page"))
    assert facts(judgement) == ("blocked", (field[0],))


def test_an_origin_can_not_call_itself_clean() -> None:
    fields = (("X-Virus-ID", "no threats"), ("X-Response-Info", "Allowed"), ("X-Violations-Found", "0"))
    assert facts(judge(answer(response=http("HTTP/1.1 200 OK", *fields), body=b"x"))) == (
        "modified",
        ("Encapsulated",),
    )


def test_headers_of_the_returned_request_are_the_users() -> None:
    head = http("POST / HTTP/1.1", ("X-Virus-Name", "Eicar"), ("X-Response-Info", "Blocked"))
    assert judge(answer(request=head, body=ORIGINAL), sent_body=ORIGINAL).verdict == "allowed"


# --- content ----------------------------------------------------------------------------------


@pytest.mark.parametrize("head", [POST, HTTP_OK, None], ids=["req-hdr", "res-hdr", "no head"])
def test_returned_content_is_held_against_the_original(head: HttpHead | None) -> None:
    request, response = (head, None) if head is POST else (None, head)

    def came_back(body: bytes) -> Response:
        return answer(request=request, response=response, body=body)

    assert facts(judge(came_back(ORIGINAL), sent_body=ORIGINAL)) == ("allowed", ("Encapsulated", "body"))
    assert facts(judge(came_back(b"other"), sent_body=ORIGINAL)) == ("modified", ("Encapsulated", "body"))
    untold = judge(came_back(ORIGINAL))
    assert facts(untold) == ("modified", ("Encapsulated",))
    assert "original" in untold.reason


def test_a_long_body_is_compared_by_what_was_kept_and_its_length() -> None:
    sent = b"a" * 1000
    assert judge(answer(request=POST, body=b"a" * 10, body_size=1000), sent_body=sent).verdict == "allowed"
    assert judge(answer(request=POST, body=b"a" * 10, body_size=1001), sent_body=sent).verdict == "modified"
    assert judge(answer(request=POST, body=b"b" * 10, body_size=1000), sent_body=sent).verdict == "modified"


def test_an_echo_that_broke_off() -> None:
    assert facts(judge(answer(request=POST, body=ORIGINAL[:5], complete=False), sent_body=ORIGINAL)) == (
        "unknown",
        ("Encapsulated", "body"),
    )
    assert judge(answer(request=POST, body=ORIGINAL, complete=False), sent_body=ORIGINAL).verdict == "allowed"
    assert judge(answer(request=POST, body=b"x", complete=False), sent_body=ORIGINAL).verdict == "modified"


def test_announced_content_that_never_came_decides_nothing() -> None:
    judgement = judge(answer(encapsulated="res-hdr=0, res-body=83", complete=False))
    assert facts(judgement) == ("unknown", ())
    assert "broke off" in judgement.reason


def test_a_removed_body_is_a_change() -> None:
    assert judge(answer(request=POST), sent_body=ORIGINAL).verdict == "modified"
    assert judge(answer(request=POST), sent_body=b"").verdict == "allowed"


def test_allowed_with_other_content_is_sanitised() -> None:
    assert facts(judge(answer(INFO_ALLOWED, request=POST, body=b"x"), sent_body=ORIGINAL)) == (
        "modified",
        ("body", "X-Response-Info"),
    )
    assert judge(answer(INFO_ALLOWED, request=POST, body=b"x")).verdict == "allowed"
    assert judge(answer(INFO_ALLOWED, request=POST, body=ORIGINAL), sent_body=ORIGINAL).verdict == "allowed"


def test_an_http_response_to_reqmod_stands_in_the_requests_place() -> None:
    page = answer(response=HTTP_OK, body=b"<html>blocked</html>")
    assert facts(judge(page, sent_body=ORIGINAL, method="REQMOD")) == ("blocked", ("Encapsulated",))
    assert judge(page, sent_body=ORIGINAL, method="RESPMOD").verdict == "modified"
    assert judge(answer(request=POST, body=b"x"), sent_body=ORIGINAL, method="REQMOD").verdict == "modified"


@pytest.mark.parametrize("encapsulated", ["null-body=0", "req-hdr=0, null-body=0", "res-hdr=0, null-body=0"])
def test_a_200_with_nothing_in_it_changed_nothing(encapsulated: str) -> None:
    assert facts(judge(answer(encapsulated=encapsulated))) == ("allowed", ("Encapsulated",))
    assert judge(answer(EICAR, encapsulated=encapsulated)).verdict == "blocked"
    assert judge(answer(INFO_BLOCKED, encapsulated=encapsulated)).verdict == "blocked"


def test_a_null_body_behind_a_head_that_never_came_decides_nothing() -> None:
    assert facts(judge(answer(encapsulated="req-hdr=0, null-body=231", complete=False))) == ("unknown", ())


def test_options_answers_say_nothing_about_a_body() -> None:
    methods = ("Methods", "REQMOD")
    assert facts(judge(answer(methods, encapsulated="null-body=0"))) == ("unknown", ("Methods",))
    assert facts(judge(answer(encapsulated="opt-body=0", body=b"x"))) == ("unknown", ("Encapsulated",))
    info = ("X-Response-Info", "Options")
    assert facts(judge(answer(info, encapsulated="null-body=0"))) == ("unknown", ("X-Response-Info",))


# --- 201 and 206 ------------------------------------------------------------------------------


def test_a_201_with_violations_is_a_block() -> None:
    assert judged(("X-Violations-Found", "3"), status=201).verdict == "blocked"
    assert judged(EICAR, status=201).verdict == "blocked"
    assert judge(answer(INFO_ALLOWED, status=201, request=POST, body=b"x")).verdict == "modified"


@pytest.mark.parametrize(
    ("body", "offset", "sent", "expected"),
    [
        (b"new beginning, ", 6, ORIGINAL, "modified"),
        (ORIGINAL[:6], 6, ORIGINAL, "allowed"),
        (ORIGINAL[:6], 7, ORIGINAL, "modified"),
        (b"", 0, ORIGINAL, "allowed"),
        (b"", 0, None, "allowed"),
        (b"x", 6, None, "modified"),
        (ORIGINAL, 10**6, ORIGINAL, "allowed"),
        (b"x", None, ORIGINAL, "modified"),
    ],
)
def test_a_206_goes_on_with_the_original(body: bytes, offset: int | None, sent: bytes | None, expected: str) -> None:
    response = answer(status=206, request=POST, body=body, use_original_body=offset)
    assert expected == judge(response, sent_body=sent).verdict


# --- hostile answers --------------------------------------------------------------------------


def test_threats_are_bounded() -> None:
    details = "".join(f"\nfile\nThreat{n}{'x' * 1000}\n0\n0" for n in range(100))
    judgement = judged(("X-Violations-Found", f"100{details}"))
    assert len(judgement.threats) == 20
    assert max(map(len, judgement.threats)) <= 200
    assert len(judgement.reason) < 1000


def test_hostile_text_stays_text() -> None:
    judgement = judged(("X-Virus-ID", "\x1b[31m{source}%s<b>\x00"))
    assert judgement.threats == ("\x1b[31m{source}%s<b>\x00",)


@pytest.mark.parametrize("text", ["no " * 22000, "core " * 13000, "file" * 16000, " " * 65000 + "x", ";" * 65000])
def test_long_values_take_no_time(text: str) -> None:
    names = ("X-Response-Desc", "X-Blocked-Reason", "X-Infection-Found", "X-Violations-Found", "X-Virus-ID")
    started = time.process_time()
    judged(*((name, text) for name in names), response=http(f"HTTP/1.1 {text}"))
    assert time.process_time() - started < 5


VERDICT_HEADERS = [*(header.name for header in HEADERS if header.claim), "Methods", "Server"]
WORDS = st.sampled_from(
    [
        "Blocked",
        "Allowed",
        "Type=0; Resolution=1; Threat=X;",
        "Type=2",
        "no threats",
        "0",
        "1\n-\nX\n0\n0",
        "true",
        "80",
    ]
)
FIELDS = st.lists(
    st.tuples(st.sampled_from(VERDICT_HEADERS), WORDS | st.text(st.characters(max_codepoint=255), max_size=60)),
    max_size=6,
).map(Headers.of)
HEADS = st.none() | st.builds(
    HttpHead,
    start_line=st.sampled_from(["HTTP/1.1 403 Forbidden", "HTTP/1.1 200 OK", "HTTP/1.1 5", "GET / HTTP/1.1", ""])
    | st.text(max_size=30),
    headers=FIELDS,
    raw=st.just(b""),
)
BODIES = st.binary(max_size=20)
RESPONSES = st.builds(
    Response,
    version=st.just("ICAP/1.0"),
    status=st.sampled_from([100, 200, 201, 204, 206, 403, 500]) | st.integers(-5, 9999),
    reason=st.text(max_size=30),
    headers=FIELDS,
    encapsulated=st.none() | st.just(()),
    http_request=HEADS,
    http_response=HEADS,
    body_name=st.sampled_from([None, "req-body", "res-body", "opt-body", "null-body"]),
    body=BODIES,
    body_size=st.integers(0, 100),
    use_original_body=st.none() | st.integers(0, 100),
    complete=st.booleans(),
)


@given(RESPONSES, st.none() | BODIES, st.sampled_from([None, "REQMOD", "RESPMOD"]))
def test_every_answer_gets_a_judgement(response: Response, sent_body: bytes | None, method: str | None) -> None:
    judgement = judge(response, sent_body=sent_body, method=method)
    assert judgement.verdict in set(Verdict)
    assert judgement.decided_by or judgement.verdict == "unknown"
    assert judgement.reason
    assert "\n" not in judgement.reason
    assert len(judgement.threats) <= 20
    assert len(set(judgement.decided_by)) == len(judgement.decided_by)
