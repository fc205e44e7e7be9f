"""What single verdict headers say, vendor by vendor."""

from __future__ import annotations

import pytest

from icapdiag.icap.verdict import Judgement, judge
from tests.icap.answers import FORBIDDEN, ORIGINAL, POST, answer, facts, judged

EICAR = ("X-Infection-Found", "Type=0; Resolution=2; Threat=Eicar-Test-Signature;")
INFO_BLOCKED = ("X-Response-Info", "Blocked")
ENCRYPTED = ("X-Infection-Found", "Type=2; Resolution=0; Threat=Encrypted Archive;")


# --- detections -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "verdict", "threats"),
    [
        ("Type=0; Resolution=2; Threat=EICAR Test String;", "blocked", ("EICAR Test String",)),
        ("Type=0; Resolution=0; Threat=EICAR Test String", "blocked", ("EICAR Test String",)),
        ("type=0;resolution=2;threat=Win.Test;", "blocked", ("Win.Test",)),
        ("Type=0; Resolution=2; Threat=TROJ_A,TROJ_B;", "blocked", ("TROJ_A", "TROJ_B")),
        ("Type=0; Resolution=2; Threat=a=b;", "blocked", ("a=b",)),
        ('Type=0; Resolution=2; Threat="Quoted.Name";', "blocked", ("Quoted.Name",)),
        ("Type=0; Resolution=0; Threat BigBad/Wolf", "blocked", ("BigBad/Wolf",)),
        ("Type=0", "blocked", ()),
        ("Type=0; Resol", "blocked", ()),
        ("Resolution=0;", "blocked", ()),  # the header's presence is the detection
        ("Eicar-Test-Signature", "blocked", ("Eicar-Test-Signature",)),
        (
            "Type=1; Resolution=2; Threat=File policy violation\nFile Size Blocked;",
            "blocked",
            ("File policy violation File Size Blocked",),
        ),
        ("Type=1; Resolution=2; Threat=Encrypted Archive;", "blocked", ("Encrypted Archive",)),
        ("Type=2; Resolution=2; Threat=Container size violation", "unscannable", ()),
        ("Type=2; Resolution=0; Threat=Encrypted Archive;", "unscannable", ()),
        ("Type=0; Resolution=0; Threat=Encrypted Archive;", "unscannable", ()),
        ("Type=0; Resolution=0; Threat=Failed To Scan;", "error", ()),
        ("Type=0; Resolution=2; Threat=Heuristics.Encrypted.Zip;", "unscannable", ()),
        ("Type=0; Resolution=2; Threat=Heuristics.Limits.Exceeded.MaxRecursion;", "unscannable", ()),
        ("Type=0; Resolution=2; Threat=Exploit.D-Encrypted.Gen;", "blocked", ("Exploit.D-Encrypted.Gen",)),
        ("", "unknown", ()),
        ("none", "unknown", ()),
    ],
)
def test_infection_found(value: str, verdict: str, threats: tuple[str, ...]) -> None:
    judgement = judged(("X-Infection-Found", value))
    assert (verdict, threats) == (judgement.verdict, judgement.threats)
    assert judgement.decided_by == (() if verdict == "unknown" else ("X-Infection-Found",))


def test_resolution_alone_never_decides() -> None:
    for resolution in "012":
        infected = ("X-Infection-Found", f"Type=0; Resolution={resolution}; Threat=Eicar;")
        assert judged(infected).verdict == "blocked"
        assert judge(answer(infected, response=FORBIDDEN, body=b"page")).verdict == "blocked"


def test_a_repaired_body_is_one_that_came_back() -> None:
    repaired = ("X-Infection-Found", "Type=0; Resolution=1; Threat=W97M.Downloader;")
    judgement = judge(answer(repaired, request=POST, body=b"repaired"))
    assert facts(judgement) == ("modified", ("X-Infection-Found",))
    assert judgement.threats == ("W97M.Downloader",)
    assert judge(answer(repaired, request=POST, body=b"repaired"), sent_body=ORIGINAL).verdict == "modified"
    assert judge(answer(repaired, request=POST, body=ORIGINAL), sent_body=ORIGINAL).verdict == "blocked"


@pytest.mark.parametrize(
    ("value", "verdict", "threats"),
    [
        ("0", "allowed", ()),
        ("000", "allowed", ()),
        ("1", "blocked", ()),
        ("1\n-\nEicar-Test-Signature\n0\n0", "blocked", ("Eicar-Test-Signature",)),
        ("2\na.zip/x\nW32.A\n1\n2\na.zip/y\nW32.B\n1\n2", "blocked", ("W32.A", "W32.B")),
        ("2\na.zip/x\nW32.A\n1\n2\na.zip/y\nW32.A\n1\n2", "blocked", ("W32.A",)),
        ("1\nW32.A\n18411\n2", "blocked", ()),  # the empty file name is lost with its line
        ("1\n-\nCut-Na", "blocked", ("Cut-Na",)),
        ("1\nx.zip\nEncrypted Archive\n0\n0", "unscannable", ()),
        ("2\nx.zip\nEncrypted Archive\n0\n0\ny\nW32.A\n0\n0", "blocked", ("W32.A",)),
        ("9" * 5000, "blocked", ()),
        ("many", "unknown", ()),
    ],
)
def test_violations_found(value: str, verdict: str, threats: tuple[str, ...]) -> None:
    judgement = judged(("X-Violations-Found", value))
    assert (verdict, threats) == (judgement.verdict, judgement.threats)


@pytest.mark.parametrize(
    ("value", "verdict", "threats"),
    [
        ("no threats", "allowed", ()),
        ("No Threats Found", "allowed", ()),
        ("EICAR Test String", "blocked", ("EICAR Test String",)),
        ("Encrypted Archive", "unscannable", ()),
        ("no threats were harmed", "blocked", ("no threats were harmed",)),
        ("", "unknown", ()),
    ],
)
def test_virus_id(value: str, verdict: str, threats: tuple[str, ...]) -> None:
    judgement = judged(("x-virus-id", value))
    assert (verdict, threats) == (judgement.verdict, judgement.threats)


def test_a_class_word_in_virus_id_is_no_name_where_there_is_a_better_one() -> None:
    named = ("X-Infection-Found", "Type=0; Resolution=0; Threat=Win32/Agent.A;")
    assert judged(named, ("X-Virus-ID", "Trojaner")).threats == ("Win32/Agent.A",)
    assert judged(("X-Infection-Found", "Type=0"), ("X-Virus-ID", "Trojaner")).threats == ("Trojaner",)


def test_fsecure() -> None:
    infected = judged(("X-FSecure-Scan-Result", "infected"), ("X-FSecure-Infection-Name", '"Bad.GUY/Named.blah"'))
    assert infected.threats == ("Bad.GUY/Named.blah",)
    assert facts(infected) == ("blocked", ("X-FSecure-Infection-Name", "X-FSecure-Scan-Result"))
    assert facts(judged(("X-FSecure-Scan-Result", "clean"))) == ("allowed", ("X-FSecure-Scan-Result",))
    assert judged(("X-FSecure-Infected-Filename", '"x.zip"')).verdict == "blocked"
    assert judged(("X-FSecure-Scan-Result", ""), ("X-FSecure-Infected-Filename", '""')).verdict == "unknown"


def test_repeated_headers_count_by_their_gravest_value() -> None:
    judgement = judged(ENCRYPTED, EICAR)
    assert ("blocked", ("Eicar-Test-Signature",)) == (judgement.verdict, judgement.threats)


# --- reasons and action words -----------------------------------------------------------------


def test_a_block_where_no_security_rule_matched() -> None:
    judgement = judge(
        answer(INFO_BLOCKED, ("X-Response-Desc", "No security rule matched"), response=FORBIDDEN, body=b"page")
    )
    assert facts(judgement) == ("blocked", ("X-Response-Desc", "X-Response-Info", "http-status"))
    assert judgement.reason == "X-Response-Desc says: No security rule matched"


def test_a_scanner_that_failed_is_an_error_though_the_user_is_blocked() -> None:
    text = "Error received from MetaDefender Core"
    judgement = judge(answer(INFO_BLOCKED, ("X-Response-Desc", text), response=FORBIDDEN, body=b"page"))
    assert facts(judgement) == ("error", ("X-Response-Desc",))
    assert text in judgement.reason


def test_an_encrypted_archive_is_unscannable() -> None:
    judgement = judge(
        answer(
            INFO_BLOCKED,
            ("X-Response-Desc", "Encrypted Archive"),
            ("X-Blocked-Reason", "Encrypted Archive"),
            ("X-Virus-ID", "Encrypted Archive"),
            ENCRYPTED,
            response=FORBIDDEN,
            body=b"page",
        )
    )
    expected = ("X-Infection-Found", "X-Virus-ID", "X-Blocked-Reason", "X-Response-Desc")
    assert facts(judgement) == ("unscannable", expected)
    assert judgement.threats == ()


def test_a_detection_outweighs_the_word_of_a_failure() -> None:
    assert judged(INFO_BLOCKED, EICAR, ("X-Response-Desc", "Failed To Scan")).verdict == "blocked"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Blocked", "blocked"),
        ("BLOCKED", "blocked"),
        ("block", "blocked"),
        ("Allowed", "allowed"),
        ("ALLOWED", "allowed"),
        ("passed", "allowed"),
        ("continue", "allowed"),
        ("clean", "allowed"),
        ("replace", "modified"),
        ("Options", "unknown"),
        ("none", "unknown"),
        ("add_header", "unknown"),
        ("1,1", "unknown"),
    ],
)
def test_response_info(value: str, expected: str) -> None:
    judgement = judged(("X-Response-Info", value))
    assert expected == judgement.verdict
    assert judgement.decided_by == (() if expected == "unknown" and value != "Options" else ("X-Response-Info",))


def test_an_action_word_is_explained_by_the_text_beside_it() -> None:
    judgement = judged(("X-Response-Info", "block"), ("X-Response-Desc", "eicar score=10>5"), response=FORBIDDEN)
    assert facts(judgement) == ("blocked", ("X-Response-Info", "http-status"))
    assert judgement.reason == "X-Response-Info says: block: eicar score=10>5"


def test_a_detection_without_a_name_is_explained_too() -> None:
    cut = ("X-Infection-Found", "Type=0")
    assert judged(cut, ("X-Blocked-Reason", "Infected")).reason == "X-Infection-Found says: Type=0: Infected"
    assert judged(EICAR, ("X-Blocked-Reason", "Infected")).reason == "X-Infection-Found says: Eicar-Test-Signature"
    encrypted = judged(ENCRYPTED, ("X-Response-Desc", "Encrypted Archive"))
    assert encrypted.reason == "X-Infection-Found says: Encrypted Archive"


def test_url_check_decides_by_its_last_word() -> None:
    def described(text: str) -> Judgement:
        return judged(("X-Response-Desc", text))

    assert described("URL category blk is BLOCKED").verdict == "blocked"
    assert described("URL category encrypted storage is ALLOWED").verdict == "allowed"
    assert described("licence score=10>5").verdict == "unknown"


def test_nothing_found_does_not_speak_against_a_block_on_other_grounds() -> None:
    clean = ("X-Virus-ID", "no threats")
    assert facts(judged(clean, ("X-Response-Info", "blocked"))) == ("blocked", ("X-Response-Info",))
    assert facts(judged(clean, response=FORBIDDEN)) == ("blocked", ("http-status",))


def test_unknown_words_are_repeated() -> None:
    judgement = judged(("X-Response-Desc", "moon phase wrong"))
    assert judgement.verdict == "unknown"
    assert "moon phase wrong" in judgement.reason
