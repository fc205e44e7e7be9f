"""Every word and phrase that a verdict header is known by."""

from __future__ import annotations

import pytest

from tests.icap.answers import facts, judged

WORDS = [
    ("clean", "allowed"),
    ("no threat", "allowed"),
    ("no threats seen", "allowed"),
    ("allowlisted", "allowed"),
    ("no risk rating", "allowed"),
    ("no matching rule", "blocked"),
    ("malware found", "blocked"),
    ("a virus detected", "blocked"),
    ("threat detected by two engines", "blocked"),
    ("virus", "blocked"),
    ("file: detected", "blocked"),
    ("media type", "blocked"),
    ("file type blocked", "blocked"),
    ("file extension blocked", "blocked"),
    ("cleaned", "modified"),
    ("disinfected", "modified"),
    ("sanitized", "modified"),
    ("sanitised", "modified"),
    ("deleted", "modified"),
    ("encrypted", "unscannable"),
    ("password-protected", "unscannable"),
    ("exceeded archive depth", "unscannable"),
    ("archive depth exceeded", "unscannable"),
    ("container size violation", "unscannable"),
    ("not supported", "unscannable"),
    ("body size over the limit", "unscannable"),
    ("it is too big", "unscannable"),
    ("failed", "error"),
    ("the engine failed to scan", "error"),
    ("scan was aborted", "error"),
    ("cancelled", "error"),
    ("scan in progress", "error"),
    ("said: error received from MetaDefender Core", "error"),
    ("no licence", "error"),
    ("license missing", "error"),
    ("no core", "error"),
    ("core can not be reached: unreachable", "error"),
    ("timed out", "error"),
    ("timeout", "error"),
    ("invalid character", "error"),
    ("error", "error"),
    ("internal error", "error"),
    ("scan error", "error"),
    ("scanning error", "error"),
]


@pytest.mark.parametrize(("text", "verdict"), WORDS)
def test_words_of_a_description(text: str, verdict: str) -> None:
    assert (verdict, ("X-Response-Desc",)) == facts(judged(("X-Response-Desc", text)))
    assert verdict == judged(("X-Response-Description", text)).verdict


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("clean", "allowed"),
        ("none", "allowed"),
        ("-", "allowed"),
        ("no threat detected", "allowed"),
        ("encrypted container", "unscannable"),
        ("password-protected file", "unscannable"),
        ("exceeded archive size", "unscannable"),
        ("container size violation", "unscannable"),
        ("encrypted container violation", "unscannable"),
        ("unsupported file type", "unscannable"),
        ("archive not supported", "unscannable"),
        ("file type not supported", "unscannable"),
        ("file format not supported", "unscannable"),
        ("not scanned", "error"),
        ("aborted", "error"),
        ("canceled", "error"),
    ],
)
def test_words_in_the_place_of_a_threat(name: str, verdict: str) -> None:
    judgement = judged(("X-Virus-Name", name))
    assert (verdict, ()) == (judgement.verdict, judgement.threats)


@pytest.mark.parametrize(
    ("value", "threats"),
    [("A.b,C.d", ("A.b", "C.d")), ("Bad thing, very bad", ("Bad thing, very bad",)), ("A,", ("A",))],
)
def test_a_comma_parts_names_and_not_prose(value: str, threats: tuple[str, ...]) -> None:
    assert threats == judged(("X-Virus-Name", value)).threats


@pytest.mark.parametrize("value", ["", "-", "none", "No", "FALSE", "0"])
@pytest.mark.parametrize("header", ["X-Blocked", "X-Blocked-Reason", "X-Block-Reason", "X-MWG-Block-Reason"])
def test_a_reason_that_is_none(header: str, value: str) -> None:
    assert ("unknown", ()) == facts(judged((header, value)))


@pytest.mark.parametrize("value", ["", "none", "clean", "-"])
@pytest.mark.parametrize("header", ["X-Blocked-By", "X-FSecure-Infected-Filename"])
def test_a_presence_that_is_none(header: str, value: str) -> None:
    assert ("unknown", ()) == facts(judged((header, value)))


@pytest.mark.parametrize(
    ("word", "verdict"),
    [("none", "allowed"), ("clean", "allowed"), ("timeout", "error"), ("whitelisted", "allowed"), ("dirty", "blocked")],
)
def test_results_of_fsecure(word: str, verdict: str) -> None:
    assert verdict == judged(("X-FSecure-Scan-Result", word)).verdict


def test_an_error_code_of_a_body_that_can_not_be_decoded() -> None:
    assert judged(("X-Error-Code", "decode_error"), status=500).verdict == "unscannable"


def test_which_violations_are_named() -> None:
    def violations(*names: str) -> tuple[str, str]:
        details = "".join(f"\nfile\n{name}\n1\n2" for name in names)
        judgement = judged(("X-Violations-Found", f"{len(names)}{details}"))
        return judgement.verdict, judgement.reason.partition(": ")[2]

    assert ("blocked", "A, B, C") == violations("A", "B", "C", "D")
    assert ("blocked", "2") == violations("", "")
    assert ("unscannable", "Encrypted Archive, Failed") == violations("Encrypted Archive", "Failed")
    assert ("allowed", "0") == violations()
    assert () == judged(("X-Violations-Found", "1\nfile\n\n1\n2")).threats
