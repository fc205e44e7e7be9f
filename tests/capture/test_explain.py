"""`icapdiag explain` of a capture: findings, what is said of the capture itself, formats, redaction, wrong files."""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import zstandard

from icapdiag.api.explaining import explain
from icapdiag.capture import reading, table
from icapdiag.facts.run import CaptureSubject, CaptureVantage
from icapdiag.icap.samples import EICAR_MARK, eicar
from icapdiag.logs.counting.filters import Filters
from icapdiag.logs.opening.inputs import InputError
from icapdiag.model import Report
from icapdiag.report.build import exit_status
from icapdiag.report.formats import FORMATS, render
from icapdiag.report.machine.from_json import from_plain
from icapdiag.report.machine.to_json import to_plain
from icapdiag.vocabulary import ExitStatus, Health
from tests.capture import writing
from tests.capture.reading import PROFILE
from tests.capture.writing import BEGIN, RST, SYN, Line, Tape, ethernet, healthy, pcap, scan
from tests.cli.run import icapdiag, shell

SECOND = 1_000_000_000


def file_of(folder: Path, tape: Tape, name: str = "icap.pcap") -> Path:
    path = folder / name
    path.write_bytes(pcap([(time, ethernet(packet)) for time, packet in tape.packets]))
    return path


def explained(folder: Path, tape: Tape, filters: Filters | None = None) -> Report:
    return explain([file_of(folder, tape)], filters=filters)


def first(report: Report) -> str:
    return report.problems[0].finding if report.problems else ""


def one(write: Callable[[Line], object]) -> Tape:
    line = Line(Tape())
    write(line.open())
    return line.tape


def unanswered(line: Line) -> None:
    line.say(0, writing.reqmod(b"hello")[0])
    line.tape.add(line.packet(0, RST), 12 * SECOND)


def reset(line: Line) -> None:
    line.say(0, writing.reqmod(b"hello")[0])
    line.send(1, RST)


def refused() -> Tape:
    line = Line(Tape())
    line.send(0, SYN)
    line.send(1, RST | writing.ACK)
    return line.tape


FINDINGS: dict[str, tuple[Callable[[], Tape], str]] = {
    "healthy": (healthy, ""),
    "404": (lambda: one(lambda line: scan(line, b"hello", writing.NOT_FOUND)), "service-not-found"),
    "EICAR allowed": (lambda: one(lambda line: scan(line, eicar(), writing.ALLOWED)), "eicar-not-detected"),
    "silent": (lambda: one(unanswered), "no-response"),
    "reset": (lambda: one(reset), "tcp-reset"),
    "refused": (refused, "tcp-refused"),
    "slow": (lambda: one(lambda line: scan(line, b"hello", writing.ALLOWED, slow=12 * SECOND)), "slow-member"),
    "HTTP": (lambda: one(lambda line: scan(line, b"hello", b"HTTP/1.1 400 Bad Request\r\n\r\n")), "not-icap"),
}


@pytest.mark.parametrize("name", FINDINGS)
def test_the_first_finding(name: str, tmp_path: Path) -> None:
    write, expected = FINDINGS[name]
    report = explained(tmp_path, write())

    assert expected == first(report)
    assert (ExitStatus.FINDINGS if expected not in {"", "slow-member"} else ExitStatus.OK) == exit_status(report)


def test_a_healthy_capture_says_what_it_does_not_show(tmp_path: Path) -> None:
    report = explained(tmp_path, healthy())

    assert Health.OK == report.verdict
    assert "OK  10.0.0.2:1344 /avscan: no problem found in 2 ICAP requests to 1 member" in render(report, "table")
    assert ("detection (no EICAR in the capture)",) == report.not_tested
    assert isinstance(report.subject, CaptureSubject)
    assert ("/avscan", 2, 2) == (report.subject.service_uri, report.subject.requests, report.subject.connections)
    assert (
        "How 1 upload was sent: Preview 19; Allow 204; Connection (none) (1), close (1); 1 OPTIONS request."
        in report.notes
    )


def test_where_it_was_captured(tmp_path: Path) -> None:
    def placed(there: int, back: int) -> str | None:
        line = Line(Tape())
        line.send(0, SYN)
        line.send(1, SYN | writing.ACK, after=there)
        line.send(0, writing.ACK, after=back)
        scan(line, b"hello", writing.ALLOWED)
        vantage = explained(tmp_path, line.tape).vantage
        assert isinstance(vantage, CaptureVantage)
        return vantage.place

    assert ["client", "server", "between"] == [
        placed(5_000_000, 10_000), placed(10_000, 5_000_000), placed(5_000_000, 5_000_000),
    ]  # fmt: skip


def test_requests_with_one_outcome_are_one_observation_with_their_number(tmp_path: Path) -> None:
    tape = Tape()
    for number in range(12):
        line = Line(tape, source=40000 + number).open()
        scan(line, b"hello", writing.NOT_FOUND, slow=number * 1_000_000)
        line.close()
    finding = next(each for each in explained(tmp_path, tape).findings if each.id == "service-not-found")

    assert 12 == finding.count
    assert (finding.first_seen or "") < (finding.last_seen or "")
    assert 1 == len(finding.evidence)


def test_what_users_got_is_joined_with_the_scan(tmp_path: Path) -> None:
    tape = Tape()
    client = Line(tape, "203.0.113.7", "198.51.100.1", 80, 50001).open()
    for body, answer, status in ((b"hello", writing.ALLOWED, 200), (b"other", writing.NOT_FOUND, 503)):
        client.say(0, b"POST /upload HTTP/1.1\r\nHost: www.example.test\r\nContent-Length: 5\r\n\r\n" + body)
        line = Line(tape, source=41000 + status).open()
        scan(line, body, answer)
        line.close()
        client.say(1, b"HTTP/1.1 %d Words\r\nContent-Length: 2\r\n\r\nok" % status)
    report = explained(tmp_path, tape)
    facts = [to_plain(report)["members"][0]["probes"][number]["facts"] for number in (1, 2)]

    assert [(404, [503]), (204, [200])] == [(each["icap_status"], each["client_statuses"]) for each in facts]
    assert "Clients got for uploads whose HTTP request is in the capture: HTTP 200 (1), HTTP 503 (1)." in report.notes


def test_compressed_captures_and_standard_input(tmp_path: Path) -> None:
    data = file_of(tmp_path, one(lambda line: scan(line, b"hello", writing.NOT_FOUND))).read_bytes()
    (tmp_path / "icap.pcap.gz").write_bytes(gzip.compress(data))
    (tmp_path / "icap.pcap.zst").write_bytes(zstandard.compress(data))

    assert ["service-not-found"] * 2 == [first(explain([tmp_path / f"icap.pcap.{end}"])) for end in ("gz", "zst")]
    for command in ("$icapdiag explain -q < icap.pcap", "cat icap.pcap | $icapdiag explain -q -"):
        status, out, err = shell(command, cwd=tmp_path)
        assert (1, True, "") == (status, "Service path not found" in out, err)


def test_several_files_are_one_capture(tmp_path: Path) -> None:
    packets = one(lambda line: scan(line, b"x" * 9000, writing.NOT_FOUND)).packets
    for number in range(2):
        half = packets[:9] if number == 0 else packets[9:]
        file_of(tmp_path, Tape(packets=half), f"part{number}.pcap")
    report = explain([tmp_path / "part0.pcap", tmp_path / "part1.pcap"])

    assert "service-not-found" == first(report)
    assert isinstance(report.subject, CaptureSubject)
    assert [9, len(packets) - 9] == [each.packets for each in report.subject.captures]


def names_in(report: Report) -> list[str]:
    return [each.name for each in report.members]


def two_members() -> Tape:
    tape = Tape()
    scan(Line(tape, server="10.0.0.2").open(), b"hello", writing.ALLOWED)
    tape.time += 60 * SECOND
    scan(Line(tape, server="10.0.0.3").open(), b"hello", writing.NOT_FOUND)
    return tape


def test_a_member_and_a_time_can_be_chosen(tmp_path: Path) -> None:
    middle = datetime.fromtimestamp(BEGIN / 1e9, UTC) + timedelta(seconds=30)
    chosen = (Filters(), Filters(member="10.0.0.2"), Filters(member="10.0.0.3:*"), Filters(until=middle),
              Filters(since=middle))  # fmt: skip

    assert [
        ["10.0.0.2:1344", "10.0.0.3:1344"], ["10.0.0.2:1344"], ["10.0.0.3:1344"], ["10.0.0.2:1344"], ["10.0.0.3:1344"],
    ] == [names_in(explained(tmp_path, two_members(), filters)) for filters in chosen]  # fmt: skip


def test_a_pool_file_names_members_and_those_that_are_not_there(tmp_path: Path) -> None:
    pool = tmp_path / "pool.yaml"
    pool.write_text(
        "pool: av\nservice_uri: /avscan\nmembers:\n- {host: 10.0.0.2, name: one}\n- {host: 10.0.0.3, name: two}\n"
        "- {host: 10.0.0.4, name: three}\n"
    )
    report = explained(tmp_path, two_members(), Filters(pool=str(pool)))

    assert ["one", "two"] == [each.name for each in report.members]
    assert "three (no packet to it in the capture)" in (report.not_tested or ())
    with pytest.raises(InputError, match="no such file; with a capture it is the pool file"):
        explained(tmp_path, two_members(), Filters(pool="av-pool"))


def test_the_reason_of_a_dropped_packet_is_shown(tmp_path: Path) -> None:
    frames = [(time, ethernet(packet)) for time, packet in healthy().packets]
    data = writing.section() + writing.interface(1)
    data += b"".join(writing.enhanced(time, frame) for time, frame in frames)
    data += writing.enhanced(frames[-1][0], frames[0][1], comment="no route to pool member")
    (tmp_path / "se_dropped_0.pcapng").write_bytes(data)

    assert "Packet comment (1 packet): no route to pool member" in explain([tmp_path / "se_dropped_0.pcapng"]).notes


def test_numbers_of_one_and_of_more(tmp_path: Path) -> None:
    tape = Tape()
    for number in range(2):
        line = Line(tape, source=41000 + number).open()
        line.say(0, writing.reqmod(b"hello")[0])
    cut = explained(tmp_path, Tape(packets=tape.packets[: len(tape.packets) // 2])), explained(tmp_path, tape)

    assert ["1 request has", "2 requests have"] == [
        each.removesuffix(" no outcome: the capture ends, or lacks packets, before.")
        for report in cut
        for each in report.notes
        if "outcome" in each
    ]


def test_a_damaged_capture_is_read_as_far_as_possible(tmp_path: Path) -> None:
    path = file_of(tmp_path, healthy())
    path.write_bytes(path.read_bytes() + struct.pack("<IIII", 1, 1, 1 << 31, 1) + bytes(50))
    notes = explain([path]).notes

    assert any("the rest of the file was not read" in each for each in notes)


# --- wrong files -----------------------------------------------------------------------------------


def test_a_capture_without_icap_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    tape = Tape()
    line = Line(tape, port=443).open()
    line.say(0, b"\x16\x03\x01" + bytes(100))
    tape.add(writing.udp("10.0.0.1", "10.0.0.53", 53, b"query"))
    file_of(tmp_path, tape)
    status, _, err = icapdiag("explain", "icap.pcap", cwd=tmp_path)

    assert 2 == status
    assert (
        "no ICAP in this capture (6 packets; 1 TCP connection, to ports 443 (1); other packets: 1 UDP port 53)" in err
    )
    assert "tcpdump -i any -s 0 -w icap.pcap port 1344" in err


def test_captures_and_logs_are_not_mixed(tmp_path: Path) -> None:
    file_of(tmp_path, healthy())
    (tmp_path / "log.json").write_text("[]")
    status, _, err = icapdiag("explain", "icap.pcap", "log.json", cwd=tmp_path)

    assert (2, True) == (status, "can't be explained together" in err)


def test_an_unknown_link_type_is_named(tmp_path: Path) -> None:
    (tmp_path / "icap.pcap").write_bytes(pcap(healthy().packets, 147))

    with pytest.raises(InputError, match="link types that are not supported: 147"):
        explain([tmp_path / "icap.pcap"])


# --- what comes out --------------------------------------------------------------------------------


def secretive() -> Tape:
    """Names, paths, bodies and EICAR in a capture."""
    tape = Tape()
    for body, answer in ((eicar(), writing.BLOCKED), (b"canary-body", writing.NOT_FOUND)):
        line = Line(tape, "10.7.7.7", "10.8.8.8", source=42000 + len(body)).open()
        first_, *_ = writing.reqmod(body, path="/canary-path")
        line.say(0, first_)
        line.say(1, answer.replace(b"C-ICAP/0.5.10", b"Canary-Server"))
        line.close()
    return tape


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_draws_it_without_the_test_file(name: str, tmp_path: Path) -> None:
    text = render(explained(tmp_path, secretive()), name)

    assert eicar().decode() not in text
    assert "10.8.8.8" in text or name == "short"


def test_the_saved_report_is_the_report(tmp_path: Path) -> None:
    report = explained(tmp_path, secretive())

    assert report == from_plain(to_plain(report))


def test_redaction(tmp_path: Path) -> None:
    file_of(tmp_path, secretive(), "canary-file.pcap")
    for output in ("json", "html", "markdown", "table", "ndjson"):
        status, out, _ = icapdiag("explain", "canary-file.pcap", "--redact", "-o", output, cwd=tmp_path)
        assert 1 == status
        assert [] == [word for word in ("10.7.7.7", "10.8.8.8", "canary", "www.example.test") if word in out.lower()]


def test_eicar_is_its_digest_only(tmp_path: Path) -> None:
    file_of(tmp_path, secretive())
    _, out, err = icapdiag("explain", "icap.pcap", "-o", "json", cwd=tmp_path)

    assert "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f" in out
    assert EICAR_MARK.partition("SHA-256 ")[2].rstrip("]") in out
    assert eicar().decode() not in out + err


def test_a_stopped_reading_is_incomplete(tmp_path: Path) -> None:
    tape = Tape()
    for number in range(300):
        scan(Line(tape, source=20000 + number).open(), b"hello", writing.ALLOWED)
    calls = iter(range(100))
    report = explain([file_of(tmp_path, tape)], stop=lambda: next(calls) > 3)

    assert not report.complete


def test_a_bomb_of_small_packets_is_held_in_part_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections of a SYN each, far more than are kept."""
    monkeypatch.setattr(table, "_MOST", 300)
    monkeypatch.setattr(reading, "_SILENT", 200)
    packets = [
        (BEGIN + number, ethernet(writing.ipv4(
            f"10.1.{number >> 8}.{number & 255}", f"10.2.{number % 50}.1",
            writing.tcp(1024 + number, 1344 + number % 2, number, 0, SYN),
        )))
        for number in range(6000)
    ]  # fmt: skip
    reader = reading.CaptureReader(profile=PROFILE)
    reader.read("bomb.pcap", io.BytesIO(pcap(packets)).read)

    assert len(reader._table.known) <= 2 * 300
    assert sum(map(len, reader._silent.values())) <= 2 * 200
    assert reader.given_up == 6000 - len(reader._table.known) // 2
    reader.finish()
    assert 50 >= len(reader.members) > 20
