"""Members of a pool file that are given by name, and disabled ones."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import dns.message
import dns.rcode
import dns.rrset
import pytest

from icapdiag.api.dns_answer import addresses_in
from icapdiag.api.explaining import explain
from icapdiag.capture.names import Names
from icapdiag.logs.counting.filters import Filters
from icapdiag.model import Report
from icapdiag.report.machine.to_json import to_plain
from icapdiag.vocabulary import Health
from tests.capture import writing
from tests.capture.writing import RST, SYN, Line, Tape, ethernet, ipv4, pcap, scan

HOST = "icap2.example.com"


def answer(name: str, *records: tuple[str, str, str], rcode: int = 0) -> bytes:
    """A DNS server's answer to a question for A; ``records``: name, type, data."""
    message = dns.message.make_response(dns.message.make_query(name, "A"))
    message.set_rcode(dns.rcode.from_text(str(rcode)))
    message.answer = [dns.rrset.from_text(f"{owner}.", 60, "IN", kind, data) for owner, kind, data in records]
    return message.to_wire()


def from_server(data: bytes) -> bytes:
    return ipv4("10.0.0.53", "10.0.0.1", struct.pack("!HHHH", 53, 40000, 8 + len(data), 0) + data, protocol=17)


ALIAS = (HOST, "CNAME", "scanner.example.net.")
ANSWERS: dict[str, tuple[bytes, set[str]]] = {
    "an address": (answer(HOST, (HOST, "A", "10.0.0.2")), {"10.0.0.2"}),
    "in capitals": (answer(HOST.upper(), (HOST.upper(), "A", "10.0.0.2")), {"10.0.0.2"}),
    "two addresses": (answer(HOST, (HOST, "A", "10.0.0.2"), (HOST, "A", "10.0.0.3")), {"10.0.0.2", "10.0.0.3"}),
    "an alias": (answer(HOST, ALIAS, ("scanner.example.net", "A", "10.0.0.2")), {"10.0.0.2"}),
    "an alias that leads nowhere": (answer(HOST, ALIAS), set()),
    "what nobody asked for": (answer(HOST, ("other.example.com", "A", "10.0.0.2")), set()),
    "no such name": (answer(HOST, rcode=3), set()),
    "another name": (answer(f"{HOST}.example.com", (f"{HOST}.example.com", "A", "10.0.0.2")), set()),
    "not DNS": (b"\5icap2 and nothing else", set()),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_addresses_in_answers(name: str) -> None:
    data, expected = ANSWERS[name]
    names = Names({HOST: {1344: "two"}}, addresses_in)
    names.answer(data)

    assert expected == names.addresses(HOST)


def test_an_answer_that_is_cut_anywhere_raises_nothing() -> None:
    data = ANSWERS["an alias"][0]
    for size in range(len(data)):
        names = Names({HOST: {1344: "two"}}, addresses_in)
        names.answer(data[:size])
        assert set() == names.addresses(HOST)


def explained(folder: Path, members: str, *parts: Callable[[Tape], object] | bytes) -> Report:
    """Of a capture with these packets, in order, and a pool file."""
    tape = Tape()
    for part in parts:
        if isinstance(part, bytes):
            tape.add(from_server(part))
        else:
            part(tape)
    (folder / "icap.pcap").write_bytes(pcap([(time, ethernet(packet)) for time, packet in tape.packets]))
    (folder / "pool.yaml").write_text(f"pool: av\nservice_uri: /avscan\nmembers:\n{members}")
    return explain([folder / "icap.pcap"], filters=Filters(pool=str(folder / "pool.yaml")))


def asking(server: str, *, source: int = 40000) -> Callable[[Tape], object]:
    return lambda tape: scan(Line(tape, server=server, source=source).open(), b"hello", writing.ALLOWED)


def refusing(server: str, port: int) -> Callable[[Tape], object]:
    def write(tape: Tape) -> None:
        line = Line(tape, server=server, port=port)
        line.send(0, SYN)
        line.send(1, RST | writing.ACK)

    return write


def names_in(report: Report) -> Sequence[str]:
    return [each.name for each in report.members]


def test_a_member_has_its_name_of_the_pool_file(tmp_path: Path) -> None:
    report = explained(tmp_path, f"- {HOST}\n", ANSWERS["an alias"][0], asking("10.0.0.2"))

    assert [f"{HOST}:1344"] == names_in(report)
    assert "10.0.0.2" == to_plain(report)["members"][0]["probes"][0]["facts"]["address"]
    assert not any("no packet" in each for each in report.not_tested or ())


def test_a_name_with_two_addresses_is_two_members(tmp_path: Path) -> None:
    parts = (ANSWERS["two addresses"][0], asking("10.0.0.2"), asking("10.0.0.3", source=40001))

    assert [f"{HOST}:1344 (10.0.0.2)", f"{HOST}:1344 (10.0.0.3)"] == names_in(
        explained(tmp_path, f"- {HOST}\n", *parts)
    )


def test_a_named_member_on_another_port_that_refuses_is_reported(tmp_path: Path) -> None:
    parts = (ANSWERS["an address"][0], refusing("10.0.0.2", 9999), refusing("10.0.0.9", 8888))
    report = explained(tmp_path, f"- {{host: {HOST}, port: 9999}}\n", *parts)

    assert [f"{HOST}:9999"] == names_in(report)
    assert "tcp-refused" == report.problems[0].finding if report.problems else ""


def test_a_name_without_an_answer_in_the_capture_is_said(tmp_path: Path) -> None:
    report = explained(tmp_path, f"- {HOST}\n- 10.0.0.2\n", asking("10.0.0.2"))

    assert ["10.0.0.2:1344"] == names_in(report)
    assert f"{HOST}:1344 (address unknown: no DNS answer for it in the capture; give it in the pool file)" in (
        report.not_tested or ()
    )


DISABLED = "- 10.0.0.2\n- {host: 10.0.0.3, enabled: false}\n"


def test_a_disabled_member_is_listed_as_such(tmp_path: Path) -> None:
    report = explained(tmp_path, DISABLED, asking("10.0.0.2"))

    assert {"10.0.0.2:1344": Health.OK, "10.0.0.3:1344": Health.DISABLED} == {
        each.name: each.verdict for each in report.members
    }
    assert ["member-disabled"] == [each.id for each in report.findings]
    assert "10.0.0.3:1344 (disabled in the pool)" in (report.not_tested or ())


def test_connections_to_a_disabled_member_are_said(tmp_path: Path) -> None:
    report = explained(tmp_path, DISABLED, asking("10.0.0.3"))

    assert ["10.0.0.3:1344"] == names_in(report)
    assert "10.0.0.3:1344 is disabled in the pool file, but the capture has 1 connection to it." in report.notes
