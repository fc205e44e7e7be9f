"""What leaves the house holds nothing that identifies it, and can still be compared."""

from __future__ import annotations

import re
from time import process_time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from icapdiag.facts.answer import Answer, Deviation
from icapdiag.facts.connection import TranscriptEntry
from icapdiag.facts.pool import ComparedFact
from icapdiag.facts.run import LogSubject, PoolSubject, Vantage
from icapdiag.facts.standard import Options
from icapdiag.model import MemberReport, Observation, Report, sheet_of
from icapdiag.report.formats import FORMATS, Style, render
from icapdiag.report.machine.to_json import settled
from icapdiag.report.redact import REDACTED_NOTE, Pseudonyms, Replaced, redact
from icapdiag.report.redact.known import Known, vocabulary
from icapdiag.report.redact.pseudonyms import KeyFileError
from icapdiag.report.redact.texts import Texts, wire
from icapdiag.runbook.causes import PLACEHOLDER
from icapdiag.vocabulary import Health, Status
from tests.examples import examples
from tests.report import words
from tests.report.samples import TCP_REFUSED
from tests.report.samples import report as sample
from tests.report.strategies import reports

REPORT = Report(
    command="check",
    started_at="2026-01-01T00:00:00.000Z",
    finished_at="2026-01-01T00:00:01.000Z",
    complete=True,
    verdict=Health.OK,
    vantage=Vantage(host="jump7.acme.example"),
    subject=PoolSubject(pool="ACME-AV", source="/home/jdoe/acme/pool.yaml", service_uri="/OMSScanReq-AV?customer=acme"),
)


PROBE = Observation(source="probe", probe="options", pool="p", member="m", status=Status.OK, facts=Options())


def text(value: str, *names: str) -> str:
    return Texts(Pseudonyms(), dict.fromkeys(names, "host"), lambda *_: None).of(value)


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        ("Server: Metadefender Core V4", "Server: Metadefender Core V4"),
        ("C-ICAP/0.5.10", "C-ICAP/0.5.10"),
        ("Tue, 24 Nov 2026 11:56:51 GMT", "Tue, 24 Nov 2026 11:56:51 GMT"),
        ("at 2026-11-24T11:56:51.123Z", "at 2026-11-24T11:56:51.123Z"),
        ("from net1-host1:1344", "from 10.20.30.40:1344"),
        ("net1-host1 and net1-host2, net2-host1", "10.0.0.5 and 10.0.0.9, 10.0.1.5"),
        ("[net1-host1]:1344", "[fd00:1234::17]:1344"),
        ("127.0.0.1 and ::1", "127.0.0.1 and ::1"),
        ("mail-1", "john.doe@acme.example"),
        ("host-1", "av1.acme-finance.example"),
        ("mac-1", "00:1A:2b:3c:4d:5e"),
        ("https://host-1/path-1?[removed]", "https://intranet.zorro.com/xyzzy/download?id=1#top"),
        ("icap://net1-host1:1344/OMSScanReq-AV", "icap://user:pw@10.1.2.3:1344/OMSScanReq-AV"),
        ("word-1://host-1/", "zorro://intranet.zorro.com/"),
        ("/OMSScanReq-AV?[removed]", "/OMSScanReq-AV?customer=zorro"),
        ("Cookie: [removed]", "Cookie: a=b; c=d"),
        ("Authorization: [removed]\r\nServer: icap", "Authorization: Basic Zm9v\r\nServer: icap"),
        ('"X-Client-IP": [removed]', '"X-Client-IP": "10.1.1.1"'),
        ("x-authenticated-user=[removed]", "x-authenticated-user=TERPRA=="),
        ("word-1.pdf", "zorroplan.pdf"),
        ("number 1234567, number-1", "number 1234567, 12345678"),
        ("word-1 and word-1", "Zorro and Zorro"),
    ],
)
def test_a_text(expected: str, value: str) -> None:
    assert expected == text(value)


def test_known_names_go_as_a_whole() -> None:
    assert "can't reach host-1: refused by host-1" == text(
        "can't reach scan 7 (dc): refused by scan 7 (dc)", "scan 7 (dc)"
    )


def test_one_value_one_pseudonym_in_every_report() -> None:
    first = Pseudonyms()
    redact(REPORT, first)
    again, _ = redact(replace(REPORT, notes=("OTHER",)), Pseudonyms.loads(first.dumps()))
    once, _ = redact(REPORT, Pseudonyms())

    assert once.subject == again.subject
    assert once == redact(REPORT, Pseudonyms())[0]


def test_the_report_says_that_it_is_redacted_and_what_was_kept() -> None:
    redacted, replaced = redact(REPORT, Pseudonyms(), keep={"pool"})

    assert PoolSubject(pool="ACME-AV", source="file-1", service_uri="/OMSScanReq-AV?[removed]") == redacted.subject
    assert redacted.notes[-1] == "Kept in this redacted report, as requested: pool."
    assert Replaced("host", "jump7.acme.example", "host-1", 1, "host") in replaced


def test_what_is_said_again_is_counted_again() -> None:
    texts = ("Zorro at Zorro", "Zorro at Zorro", "x")
    said = [replace(PROBE, facts=Options(answer=Answer(server=text))) for text in texts]
    member = MemberReport(name="m", address="127.0.0.1", port=1344, verdict=Health.OK, probes=tuple(said))
    _, replaced = redact(replace(REPORT, members=(member,)), Pseudonyms())

    assert [("word", 4)] == [(each.kind, each.count) for each in replaced if each.value == "Zorro"]


def test_a_member_without_a_name_of_its_own_is_called_as_in_the_steps() -> None:
    finding = replace(TCP_REFUSED, members=("10.1.2.3:1344",), remedy=("Disable 10.1.2.3:1344.",))
    redacted, _ = redact(replace(REPORT, findings=(finding,)), Pseudonyms())

    assert ("net1-host1:1344",) == redacted.findings[0].members
    assert ("Disable net1-host1:1344.",) == redacted.findings[0].remedy


def note(value: str, *names: str) -> str:
    return Texts(Pseudonyms(), dict.fromkeys(names, "host"), lambda *_: None, own=True).of(value)


def test_a_step_keeps_its_own_words_and_loses_what_was_filled_in() -> None:
    lost = []
    for step in words.steps():
        filled = PLACEHOLDER.sub("Zorrobank7", step)
        redacted = note(filled)
        own = [word for word in filled.split() if "Zorrobank7" not in word]
        if "zorro" in redacted.lower() or not set(own) <= set(redacted.split()):
            lost.append(redacted)

    assert [] == lost


@pytest.mark.parametrize(
    ("value", "names", "expected"),
    [
        ("Look at /tmp/icap.pcap.", (), "Look at /tmp/icap.pcap."),
        ("Ask for icap.example.com.", ("icap.example.com",), "Ask for host-1."),
        ("Look at /tmp/icap.pcap.", ("pcap",), "Look at /path-1.host-1."),
        ("Look at /home/kim/tmp/icap.pcap.", (), "Look at /path-1."),
        ("PATCH /api/pool?name=POOL", (), "PATCH /api/pool?name=POOL"),
        ("PATCH /api/pool?name=kim", (), "PATCH /api/pool?[removed]"),
        ("at kim.example.com", (), "at host-1"),
    ],
)
def test_what_a_step_has_stays_only_as_it_stands_there(value: str, names: tuple[str, ...], expected: str) -> None:
    assert expected == note(value, *names)


def test_a_server_s_text_is_no_step() -> None:
    assert "Look at /path-1." == text("Look at /tmp/icap.pcap.")


def test_networks_stay_together() -> None:
    pseudonyms = Pseudonyms()
    addresses = [f"10.{a}.{b}.{c}" for a in range(3) for b in range(4) for c in (1, 7, 254)]

    given_out = [pseudonyms.of_address(address) for address in addresses]

    networks = {
        address.rpartition(".")[0]: given.partition("-")[0] for address, given in zip(addresses, given_out, strict=True)
    }
    assert len(addresses) == len(set(given_out))
    assert 12 == len(set(networks.values()))
    assert ["net1-host1", "net1-host2", "net1-host3", "net2-host1"] == given_out[:4]


@given(names=st.sets(st.text("aB1_.:[ ", min_size=1, max_size=5), max_size=6), text=st.text("aB1_.:[ ", max_size=30))
@example(names={"1B", "1B1"}, text="1B")  # the longer one is cut off by the end
@settings(max_examples=examples(300))
def test_known_names_are_found_as_a_pattern_would(names: set[str], text: str) -> None:
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    pattern = re.compile(
        "|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in longest_first) or r"(?!)", re.IGNORECASE
    )

    assert [found.span() for found in pattern.finditer(text)] == list(Known(names).spans(text))


@given(st.lists(st.ip_addresses(), max_size=60))
def test_two_addresses_never_become_one(addresses: list[object]) -> None:
    pseudonyms = Pseudonyms()

    given_out = {pseudonyms.of_address(str(address)) for address in addresses}

    assert len(set(map(str, addresses))) == len(given_out)


@pytest.mark.parametrize(
    "damaged",
    ["", "[]", "{}", '{"version": 2, "pseudonyms": {}}', '{"version":1,"pseudonyms":{"host":{"a":1}}}', "[" * 9999],
)
def test_a_damaged_key_is_refused(damaged: str) -> None:
    with pytest.raises(KeyFileError):
        Pseudonyms.loads(damaged)


def test_the_words_are_those_of_our_texts() -> None:
    """All but new ones, which CI asks for."""
    found = set(words.words())

    assert len(found & vocabulary()) >= 0.9 * len(found)
    assert words.phrases() == words.STEPS.read_text("utf-8").splitlines()
    assert {"metadefender", "infected", "eicar", "preview", "encapsulated"} <= vocabulary()


@pytest.mark.parametrize("host", ["av1", "av1.dc2", "scan.lan", "Scanner"])
def test_a_host_of_harmless_words_goes_where_it_is_a_host(host: str) -> None:
    head = f"OPTIONS icap://{host}:1344/avscan ICAP/1.0\r\nHost: {host}:1344\r\n\r\n"
    transcript = (
        TranscriptEntry(text=f"no connection to {host}:1344"),
        TranscriptEntry(direction="sent", text=head),
        TranscriptEntry(direction="received", text=f"ICAP/1.0 302 Found\r\nLocation: http://{host}/x\r\n"),
    )
    probe = replace(PROBE, transcript=transcript)
    member = MemberReport(name="m", address=host, port=1344, verdict=Health.OK, probes=(probe,))

    redacted, _ = redact(replace(REPORT, members=(member,)), Pseudonyms({"host": {"x": "host-6"}}))

    texts = [entry.text for entry in redacted.members[0].probes[0].transcript]
    name = redacted.members[0].address
    assert name.startswith("host-")
    assert [
        f"no connection to {name}:1344",
        f"OPTIONS icap://{name}:1344/avscan ICAP/1.0\r\nHost: {name}:1344\r\n\r\n",
        f"ICAP/1.0 302 Found\r\nLocation: http://{name}/x\r\n",
    ] == texts


KEY_OF_AN_OLDER_VERSION = """{"version": 1, "pseudonyms": {"network4": {"10.0.0.0": "1"}, "pool": {"ACME-AV": "pool-7"},
 "address": {"10.0.0.5": "198.18.1.1"}}}"""


def test_a_key_of_an_older_version_keeps_its_names_and_gives_other_addresses() -> None:
    pseudonyms = Pseudonyms.loads(KEY_OF_AN_OLDER_VERSION)

    assert ("pool-7", "net1-host1") == (pseudonyms.of("pool", "ACME-AV"), pseudonyms.of("address", "10.0.0.5"))
    assert dict(pseudonyms._by_kind) == Pseudonyms.loads(pseudonyms.dumps())._by_kind


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_begins_with_the_rule(name: str) -> None:
    redacted, _ = redact(replace(sample(), notes=("n",)), Pseudonyms())
    text = render(settled(redacted), name)

    if name == "nagios":  # its one line is shown whole
        assert "redacted, names kept with --no-redact" in text
    elif name in {"html", "junit", "sarif", "csv", "json", "ndjson"}:
        assert REDACTED_NOTE in text
    else:
        words = " ".join(text.replace("# Redacted", "Redacted").replace("\\", "").split())
        assert words.startswith(REDACTED_NOTE.partition("(")[0][:60])
    assert REDACTED_NOTE not in render(settled(sample()), name)
    assert {"Redacted:", "--no-redact"} <= set(REDACTED_NOTE.rstrip(".").split())


def test_a_name_that_looks_like_a_pseudonym_is_one_and_stands_for_nobody_else() -> None:
    named = replace(REPORT, subject=PoolSubject(pool="pool-1", source="pool-2"))

    redacted, _ = redact(named, Pseudonyms())

    assert PoolSubject(pool="pool-3", source="file-1") == redacted.subject


CANARY = "Zq7Xk9vT"


def planted(where: str) -> Report:
    """A report with the canary at one place: as a name, in a text, in a list of records."""
    probe = PROBE
    member = MemberReport(name="m", address="10.0.0.1", port=1344, verdict=Health.OK, probes=(probe,))
    match where:
        case "member":
            member = replace(member, name=CANARY, probes=(replace(probe, member=CANARY),))
        case "address":
            member = replace(member, address=f"{CANARY}.local")
        case "pool":
            return replace(REPORT, subject=PoolSubject(pool=CANARY))
        case "note":
            return replace(REPORT, subject=LogSubject(inputs=(CANARY,)), notes=(f"{CANARY}: repaired",))
        case "remedy":
            finding = replace(TCP_REFUSED, remedy=(f"Add `ServiceAlias {CANARY} virus_scan` to c-icap.conf.",))
            return replace(REPORT, findings=(finding,))
        case "deviations":
            sheet = Options(answer=Answer(deviations=(Deviation(rule="x", detail=f"x {CANARY}; y={CANARY}"),)))
            member = replace(member, probes=(replace(probe, facts=sheet),))
        case _:
            facts = sheet_of("probe", "options", {where: f"x {CANARY}; y={CANARY}"})
            member = replace(member, probes=(replace(probe, facts=facts),))
    return replace(REPORT, members=(member,))


WHOLE = Style(detail=2)


@pytest.mark.parametrize(
    "where", ["member", "address", "pool", "note", "remedy", "deviations", "server", "error", "peer_excerpt", "istag"]
)
def test_a_secret_is_in_no_format(where: str) -> None:
    redacted, _ = redact(planted(where), Pseudonyms())
    report = settled(redacted)

    assert [] == [name for name in FORMATS if CANARY.lower() in render(report, name, WHOLE).lower()]


def test_an_address_of_a_member_that_has_several_stays_one_of_the_same_member() -> None:
    compared = ComparedFact(
        fact="istag", kind="same", outliers=("scan",), unknown=("scan at 10.1.2.3", "scan at night")
    )
    redacted, _ = redact(replace(REPORT, comparison=(compared,)), Pseudonyms())

    assert ("member-1",) == redacted.comparison[0].outliers
    assert ("member-1 at net1-host1", "member-2") == redacted.comparison[0].unknown


@given(report=reports)
@settings(max_examples=examples(40))
def test_any_report_can_be_redacted_and_drawn(report: Report) -> None:
    redacted, _ = redact(report, Pseudonyms())

    assert settled(redacted) == settled(redact(report, Pseudonyms())[0])
    again, replaced = redact(redacted, Pseudonyms())
    assert (settled(redacted), ()) == (settled(again), replaced)


PIECES = st.one_of(
    st.sampled_from([*"aZ9 .-_/\\@:%=,;?&#<>\"'()[]{}~+\r\n\t\x00\u00ad\u200b\u738b\u00e9\ud800"]),
    st.sampled_from(["10.9.8.7", "user", "Host: ", "://", "11:56:51", "Nov", "2026", "Cookie", "scan", "::", "x-"]),
    st.sampled_from(["%41", "%25", "&#65;", "&amp;", "&#99999999;", "\\x41", "\\u0041", "\\U00000041", "\\006"]),
    st.sampled_from(["net1-host1", "word-1", "[removed]"]),
)


@given(value=st.lists(PIECES, max_size=25).map("".join))
@settings(max_examples=examples(1500))
def test_any_text_is_redacted_once(value: str) -> None:
    """What stands for something is not replaced again."""
    pseudonyms = Pseudonyms()
    once = Texts(pseudonyms, {}, lambda *_: None, again=True).of(value)

    assert once == Texts(pseudonyms, {}, lambda *_: None, again=True).of(once)


@given(value=st.lists(PIECES, max_size=25).map("".join))
@example(value="ICAP/1.0 200\\006number 12345678\r\n")
@example(value="\\x85\\0077\\\\x1b[2J")
@settings(max_examples=examples(1500))
def test_any_bytes_are_redacted_once(value: str) -> None:
    """Control characters written as escapes would make their line one that is no text."""
    texts = Texts(Pseudonyms(), {}, lambda *_: None, again=True)
    once = wire(value.encode("utf-8", "replace").decode("latin-1"), texts.of)

    assert once == wire(once, texts.of)


LONG = [
    *(
        "a",
        "1",
        "1 ",
        "a.",
        "token ",
        "a=",
        "/a",
        "1:",
        "::",
        "%41",
        "%25",
        "&#",
        "\\x41",
        "\\",
        "http://",
        "a?",
        "@",
        "a-",
    ),
    *("\u738b", "a\u200b", "host: ", "jan 1, ", "[::1", "1 (", '"', 'user="', "x-", "token\t", "&amp;", "1.2.3.4 "),
    *("=41", "=3D=41", "1[.]", "1,2,3,40,"),
]


@pytest.mark.parametrize("piece", LONG)
def test_a_hostile_text_of_64_kib_takes_no_time(piece: str) -> None:
    """Linear: a text of twice the length takes about twice as long. What is quadratic takes minutes here."""
    start = process_time()
    text((piece * 65_536)[:65_536])

    assert process_time() - start < 10
