"""Each rule of the verdict where it begins and where it ends."""

from __future__ import annotations

import pytest

from icapdiag.icap.header_table import HEADERS
from icapdiag.icap.verdict import judge
from tests.icap.answers import FORBIDDEN, HTTP_OK, ORIGINAL, POST, answer, facts, http, judged

EICAR = ("X-Infection-Found", "Type=0; Resolution=2; Threat=Eicar-Test-Signature;")
INFO_ALLOWED = ("X-Response-Info", "Allowed")
REFUSING = {
    "X-Infection-Found": "Type=0; Resolution=2; Threat=Bad.Thing;",
    "X-Virus-ID": "Bad.Thing",
    "X-Virus-Name": "Bad.Thing",
    "X-Violations-Found": "1",
    "X-Blocked-Reason": "Infected",
    "X-Block-Reason": "Malware found",
    "X-MWG-Block-Reason": "site policy 7",
    "X-Blocked": "Virus found during virus scan",
    "X-Blocked-By": "Sophos Anti-Virus",
    "X-Block-Result": "80",
    "X-WWBlockResult": "80",
    "X-Response-Info": "Blocked",
}


# --- the HTTP status inside -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (300, ("modified", ("Encapsulated",))),
        (304, ("modified", ("Encapsulated",))),
        (399, ("modified", ("Encapsulated",))),
        (400, ("blocked", ("http-status",))),
        (499, ("blocked", ("http-status",))),
        (500, ("error", ("http-status",))),
        (599, ("error", ("http-status",))),
        (600, ("modified", ("Encapsulated",))),
    ],
)
def test_which_status_inside_refuses(status: int, expected: tuple[str, tuple[str, ...]]) -> None:
    assert expected == facts(judge(answer(response=http(f"HTTP/1.1 {status} Said"), body=b"page")))


@pytest.mark.parametrize(("status", "expected"), [(199, "unknown"), (200, "blocked"), (299, "blocked"), (300, "error")])
def test_a_page_counts_below_a_success_alone(status: int, expected: str) -> None:
    assert expected == judge(answer(status=status, response=FORBIDDEN, body=b"page")).verdict


@pytest.mark.parametrize("line", ["HTTP/1.1 403 Forbidden", "403 Forbidden"])
def test_the_page_that_came_back_is_named(line: str) -> None:
    judgement = judge(answer(response=http(line), body=b"page"))
    assert "HTTP 403 Forbidden came back instead of the content" == judgement.reason


def test_a_204_beside_a_block_page_contradicts_it() -> None:
    """Logs give the ICAP status and the HTTP status inside as two numbers, and nothing keeps them from it."""
    judgement = judge(answer(status=204, response=FORBIDDEN))
    assert facts(judgement) == ("unknown", ("http-status", "status"))
    assert judge(answer(EICAR, status=204, response=FORBIDDEN)).verdict == "unknown"
    assert judge(answer(("X-Response-Info", "Allowed"), response=FORBIDDEN)).verdict == "blocked"


# --- headers in the page's head ---------------------------------------------------------------


def test_every_header_that_is_believed_inside_is_here() -> None:
    assert set(REFUSING) == {header.name for header in HEADERS if header.inner}


@pytest.mark.parametrize("name", REFUSING)
def test_a_refusal_inside_counts(name: str) -> None:
    judgement = judge(answer(response=http("HTTP/1.1 200 OK", (name, REFUSING[name])), body=b"page"))
    assert facts(judgement) == ("blocked", (name,))


@pytest.mark.parametrize(
    "field",
    [
        ("X-FSecure-Infection-Name", "Bad.Thing"),
        ("X-FSecure-Scan-Result", "infected"),
        ("X-FSecure-Infected-Filename", "x.zip"),
        ("X-Response-Desc", "Infected"),
        ("X-Response-Description", "Infected"),
        ("X-Error-Code", "file_type_blocked"),
        ("X-ICAPeg-Shadow-Service", "true"),
    ],
)
def test_what_no_server_writes_inside_is_the_origins(field: tuple[str, str]) -> None:
    judgement = judge(answer(response=http("HTTP/1.1 200 OK", field), body=b"page"))
    assert facts(judgement) == ("modified", ("Encapsulated",))


@pytest.mark.parametrize("value", ["8", "81", "800", "180", "0", "x80", "80x", ""])
@pytest.mark.parametrize("name", ["X-Block-Result", "X-WWBlockResult"])
def test_another_block_id_says_nothing(name: str, value: str) -> None:
    assert ("unknown", ()) == facts(judged((name, value)))


# --- the ICAP status --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "no such service"),
        (405, "method not allowed for this service"),
        (408, "the server waited in vain for the request"),
        (418, "bad composition"),
        (500, "server error"),
        (503, "overloaded"),
        (505, "ICAP version not supported"),
        (506, "too busy"),
        (533, "error while scanning"),
        (539, "no scanning licence"),
        (551, "resource unavailable"),
        (558, "no scanning licence"),
    ],
)
def test_a_status_without_words_gets_ours(status: int, words: str) -> None:
    assert f"ICAP {status} {words}" == judged(status=status, reason="").reason


@pytest.mark.parametrize(("status", "expected"), [(99, "error"), (100, "unknown"), (199, "unknown"), (300, "error")])
def test_which_status_is_no_final_answer(status: int, expected: str) -> None:
    judgement = judged(status=status, reason="Said")
    assert (expected, ("status",)) == facts(judgement)
    assert ("not a final response" in judgement.reason) == (expected == "unknown")


@pytest.mark.parametrize("words", ["Infected", "virus", "MALWARE found"])
def test_words_of_a_403_that_refuse(words: str) -> None:
    assert ("blocked", ("status",)) == facts(judged(status=403, reason=words))


@pytest.mark.parametrize("product", ["FortiSandbox", "Trend Micro", "TrendMicro", "InterScan", "IWSVA 6.5"])
@pytest.mark.parametrize("header", ["Server", "Service"])
def test_products_whose_403_refuses(header: str, product: str) -> None:
    assert ("blocked", ("status",)) == facts(judged((header, product), status=403))


@pytest.mark.parametrize("status", [299, 400, 500])
def test_words_of_another_status_refuse_nothing(status: int) -> None:
    assert judged(status=status, reason="Virus scan failed").verdict == ("unknown" if status == 299 else "error")


def test_a_body_that_is_no_text_for_us_is_not_quoted() -> None:
    judgement = judge(answer(status=500, response=FORBIDDEN, body=b"page"))
    assert "ICAP 500 Server error, with HTTP 403 Forbidden inside" == judgement.reason


# --- several claims ---------------------------------------------------------------------------


def test_the_weightier_of_two_passes_is_named() -> None:
    judgement = judged(INFO_ALLOWED, EICAR, status=204)
    assert facts(judgement) == ("unknown", ("X-Infection-Found", "X-Response-Info"))
    assert judgement.reason.endswith("X-Infection-Found says: Eicar-Test-Signature, but X-Response-Info says: Allowed")
    other = judge(answer(INFO_ALLOWED, EICAR, status=204, request=POST, body=b"x"), sent_body=ORIGINAL)
    assert facts(other) == ("modified", ("X-Response-Info", "body", "X-Infection-Found"))
    assert "X-Response-Info says: Allowed, and other content came back" in other.reason


def test_the_weightier_of_two_changes_is_named() -> None:
    cleaned = ("X-Response-Desc", "Cleaned")
    unchanged = judge(answer(cleaned, status=201, request=POST, body=ORIGINAL), sent_body=ORIGINAL)
    assert facts(unchanged) == ("allowed", ("Encapsulated", "body"))
    assert "X-Response-Desc says: Cleaned, but the content came back unchanged" == unchanged.reason
    changed = judge(answer(cleaned, status=201, request=POST, body=b"x"), sent_body=ORIGINAL)
    assert facts(changed) == ("modified", ("X-Response-Desc", "status"))


@pytest.mark.parametrize(
    "field",
    [
        ("X-Violations-Found", "0"),
        ("X-FSecure-Scan-Result", "clean"),
        ("X-Blocked-Reason", "No Threat Detected"),
        ("X-Response-Desc", "No Threat Detected"),
        ("X-Virus-Name", "clean"),
    ],
)
def test_nothing_found_speaks_against_no_block(field: tuple[str, str]) -> None:
    assert judged(field).verdict == "allowed"
    assert ("blocked", ("X-Response-Info",)) == facts(judged(field, ("X-Response-Info", "Blocked")))


def test_a_page_with_a_5xx_is_no_block() -> None:
    assert judge(answer(INFO_ALLOWED, EICAR, response=http("HTTP/1.1 500 Failed"))).verdict == "unknown"
    assert judge(answer(INFO_ALLOWED, EICAR, response=FORBIDDEN)).verdict == "blocked"


def test_which_claims_are_explained_by_the_text_beside_them() -> None:
    words = ("X-Response-Desc", "moon phase")
    assert "X-Blocked-Reason says: policy" == judged(("X-Blocked-Reason", "policy"), words).reason
    assert "ICAP 204 No Content" == judged(words, status=204).reason
    assert "X-Response-Info says: Allowed: moon phase" == judged(INFO_ALLOWED, words).reason
    assert "ICAP 201 Created: moon phase" == judged(words, status=201).reason


# --- content ----------------------------------------------------------------------------------


def test_what_came_back_tells_a_repair_from_a_block() -> None:
    repaired = ("X-Infection-Found", "Type=0; Resolution=1; Threat=W97M;")
    assert judge(answer(repaired, response=FORBIDDEN, body=b"page"), sent_body=ORIGINAL).verdict == "blocked"
    assert judge(answer(repaired, response=HTTP_OK, body=b"x"), sent_body=ORIGINAL).verdict == "modified"
    assert judge(answer(EICAR, response=HTTP_OK, body=b"x"), sent_body=ORIGINAL).verdict == "blocked"


def test_an_echo_that_is_too_short_and_whole_is_a_change() -> None:
    assert judge(answer(request=POST, body=ORIGINAL[:5]), sent_body=ORIGINAL).verdict == "modified"
    longer = answer(request=POST, body=ORIGINAL, body_size=len(ORIGINAL) + 1, complete=False)
    assert judge(longer, sent_body=ORIGINAL).verdict == "modified"


def test_what_could_not_be_looked_into_is_not_repaired() -> None:
    claimed = ("X-Infection-Found", "Type=2; Resolution=1; Threat=Encrypted Archive;")
    assert judge(answer(claimed, request=POST, body=b"x"), sent_body=ORIGINAL).verdict == "unscannable"


def test_a_head_without_a_body_is_content() -> None:
    assert judge(answer(response=HTTP_OK), sent_body=ORIGINAL).verdict == "modified"


@pytest.mark.parametrize(("body", "offset"), [(b"x", 0), (b"", 6), (b"", None)])
def test_a_206_that_is_not_the_whole_original_is_a_change(body: bytes, offset: int | None) -> None:
    assert judge(answer(status=206, request=POST, body=body, use_original_body=offset)).verdict == "modified"


def test_a_body_that_never_came_is_no_null_body() -> None:
    assert ("unknown", ()) == facts(judge(answer(encapsulated="req-body=0", complete=False)))


def test_what_a_silent_200_is_called() -> None:
    assert "ICAP 200 OK alone says nothing about the body" == judged().reason
    assert "ICAP 200 OK alone says nothing about the body" == judged(("X-Response-Desc", "passed")).reason
    assert judged(("X-Response-Desc", "moon phase")).reason.endswith("with words that say nothing known: moon phase")


def test_a_null_body_beside_content_says_nothing() -> None:
    assert judge(answer(encapsulated="null-body=0", body=b"x")).verdict == "modified"
