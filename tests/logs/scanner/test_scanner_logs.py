"""Logs that Debian's c-icap 0.5.10 and Squid 5.7 wrote with a fault each: what is found, and first; in any wrapping."""

from __future__ import annotations

import gzip
import io
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icapdiag.logs.counting.filters import Filters
from icapdiag.logs.notes import Account
from icapdiag.logs.opening.source import Source
from icapdiag.logs.scanner.counting import ScannerCounting
from icapdiag.logs.scanner.events import Seen, seen
from icapdiag.logs.scanner.reading import log_of, read_scanner_log
from icapdiag.report import formats
from icapdiag.report.machine import to_json
from icapdiag.report.machine.from_json import read_report
from icapdiag.report.machine.to_json import settled
from icapdiag.report.redact import Pseudonyms, redact
from icapdiag.report.terminal import render
from icapdiag.vocabulary import CauseStatus, Effect, Health
from tests.logs.scanner.explained import DATA, counted, explain, first_line, ids

AVI = Path(__file__).parents[2] / "data" / "avi-logs"

# file → the first finding, its first cause and how sure that is, its effect, words of the first line
FAULTS: dict[str, tuple[str, str, str, str, str]] = {
    "c-icap-no-engine.log": ("no-engine-loaded", "no-engine", "proven", "unscanned", "at least 2 requests"),
    "c-icap-pass-on-error.log": ("scan-errors-pass", "pass-on-error", "proven", "unscanned", "at least 2 requests"),
    "c-icap-engine-died.log": ("server-error", "engine-down", "proven", "unscanned", "2 requests failed in ICAP"),
    "c-icap-threads.log": ("server-threads-exhausted", "threads-busy", "proven", "unscanned", "2026-11-30 04:37:16"),
    "c-icap-port-in-use.log": ("service-not-started", "port-in-use", "proven", "unscanned", "could not start"),
    "c-icap-key.log": ("service-not-started", "certificate", "proven", "unscanned", "could not start"),
    "c-icap-access-500.log": ("server-error", "engine-down", "possible", "unscanned", "2 of 3 requests failed in ICAP"),
    "squid-cache-404.log": ("proxy-icap-down", "invalid-options", "proven", "refused", "Squid refuses requests"),
    "squid-cache-suspended.log": ("proxy-icap-down", "suspended", "proven", "refused", "Squid refuses requests"),
    "squid-cache-bypass.log": ("proxy-bypasses-icap", "no-options", "proven", "unscanned", "passes requests"),
    "squid-icap-custom.log": ("proxy-bypasses-icap", "bypassed", "proven", "unscanned", "at least 10 requests passed"),
    "squid-icap.log": ("proxy-icap-failed", "no-connection", "possible", "unscanned", "12 of 18 requests"),
    "squid-icap-bypass.log": ("server-error", "engine-down", "possible", "unscanned", "4 of 6 requests failed in ICAP"),
}  # fmt: skip
OTHERS = {  # file → all findings
    "c-icap-server.log": {"size-limit-pass", "bad-request", "request-blocked-infected"},
    "c-icap-access.log": {"service-not-found", "bad-request"},
    "c-icap-access-custom.log": {"service-not-found", "bad-request", "request-blocked-infected"},
    "c-icap-descriptors.log": {"server-out-of-resources", "server-threads-exhausted", "no-engine-loaded"},
    "squid-cache-faults.log": {
        "proxy-bypasses-icap", "proxy-options-failed", "proxy-connection-limit", "clock-skewed",
        "no-connections-offered",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_comes_first_with_its_cause(name: str) -> None:
    finding, cause, status, effect, words = FAULTS[name]
    report = explain([DATA / name])
    problem = (report.problems or ())[0]

    assert (finding, effect) == (problem.finding, problem.effect)
    assert problem.causes
    assert (cause, status) == (problem.causes[0].id, problem.causes[0].status)
    assert words in first_line(report)
    assert Health.CRITICAL is report.verdict
    assert 0 == report.unmatched.count


@pytest.mark.parametrize("name", OTHERS)
def test_several_faults_in_one_log(name: str) -> None:
    report = explain([DATA / name])

    assert OTHERS[name] == set(ids(report))
    assert 0 == report.unmatched.count


@pytest.mark.parametrize("path", sorted(DATA.iterdir()), ids=lambda path: path.name)
def test_a_small_log_fits_on_a_screen(path: Path) -> None:
    report = explain([path])

    if len(report.problems or ()) == 1:
        assert 25 >= len(render(report).splitlines())
    assert report.subject.records.unreadable == 0  # type: ignore[attr-defined]


def test_a_proven_cause_quotes_the_log() -> None:
    report = explain([DATA / "c-icap-no-engine.log"])

    assert 'the log says "Antivirus engine is not available, allow 204"' in " ".join(render(report).split())


def test_what_the_engine_was_looked_for_at() -> None:
    (event,) = explain([DATA / "c-icap-no-engine.log"]).scanner_events or ()

    assert ("/run/clamav/clamd.ctl", 2, 2) == (event.engine_address, event.concerned_count, event.passed_count)


def test_an_engine_that_came_back(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_text(
        "Mon Nov 30 04:37:14 2026, 1/2, Antivirus engine is not available, allow 204\n"
        "Mon Nov 30 05:00:00 2026, 1/2, Setting antivirus default engine: clamd\n"
    )
    (event,) = explain([path]).scanner_events or ()

    assert "2026-11-30T05:00:00.000000+00:00" == event.ended_at


def test_a_service_that_is_up_again(tmp_path: Path) -> None:
    path = tmp_path / "cache.log"
    path.write_text(
        "2026/11/30 04:38:15| essential ICAP service is down after an options fetch failure: "
        "icap://192.0.2.1/a [down,!opt]\n"
        "2026/11/30 04:39:15| essential ICAP service is up: icap://192.0.2.1/a [up]\n"
    )
    report = explain([path])
    (event,) = report.scanner_events or ()

    assert "2026-11-30T04:39:15.000000+00:00" == event.ended_at
    assert "192.0.2.1:1344" == event.member
    assert Health.WARNING is report.verdict
    assert "Squid refused requests (ICAP service was down), 2026-11-30 04:38:15 UTC" in first_line(report)
    assert "Requests got HTTP 500 (ERR_ICAP_FAILURE) until 2026-11-30 04:39:15 UTC." in " ".join(render(report).split())


def test_a_first_step_that_is_a_fix_keeps_the_name_of_the_server(tmp_path: Path) -> None:
    path = tmp_path / "cache.log"
    path.write_text("2026/11/30 04:38:15| essential ICAP service is down: icap://192.0.2.1:1344/a [down,!opt]\n")

    assert "icap:///a" not in render(explain([path]))


def test_spare_threads_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_text(
        "Mon Nov 30 04:37:14 2026, main proc, ATTENTION!!!! Not enough available servers (children 1, free servers 16, "
        "used servers 0)!!!!! Maybe you should increase"
    )
    report = explain([path])

    assert [] == ids(report)
    assert 0 == report.unmatched.count


def test_silence_is_not_health(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_text("Mon Nov 30 04:37:09 2026, 11685/3138651968, recomputing istag ...\n")
    report = explain([path])

    assert Health.UNKNOWN is report.verdict
    assert "no message about an ICAP fault in it" in first_line(report)


@pytest.mark.parametrize("name", [*FAULTS, *OTHERS])
@pytest.mark.parametrize("change", ["crlf", "gzip", "quoted", "bom", "no last line end"])
def test_in_any_wrapping_the_same_is_found(name: str, change: str, tmp_path: Path) -> None:
    data = (DATA / name).read_bytes()
    changed = {
        "crlf": data.replace(b"\n", b"\r\n"),
        "gzip": gzip.compress(data),
        "quoted": b"".join(b"> " + line for line in data.splitlines(keepends=True)),
        "bom": b"\xef\xbb\xbf" + data,
        "no last line end": data.rstrip(b"\n"),
    }[change]
    path = tmp_path / name
    path.write_bytes(changed)

    assert counted(explain([DATA / name])) == counted(explain([path]))


@pytest.mark.parametrize("name", ["c-icap-no-engine.log", "squid-icap.log", "c-icap-access.log"])
def test_rotated_files_are_one_log(name: str, tmp_path: Path) -> None:
    lines = (DATA / name).read_bytes().splitlines(keepends=True)
    half = len(lines) // 2
    (tmp_path / "x.log.2.gz").write_bytes(gzip.compress(b"".join(lines[:half])))
    (tmp_path / "x.log").write_bytes(b"".join(lines[half:]))
    report = explain([tmp_path / "x.log", tmp_path / "x.log.2.gz"])

    assert counted(explain([DATA / name])) == counted(report)
    logs = {each.log for each in report.scanner_events or ()} | {each.log for each in report.scanner_requests or ()}
    assert {str(tmp_path / "x.log")} == logs


@pytest.mark.parametrize(
    ("name", "log"),
    [("a/server.log", "a/server.log"), ("server.log.1", "server.log"), ("server.log.2.gz", "server.log"),
     ("cache.log-20261130.zst", "cache.log"), ("server.log-20261130-1764460800.gz", "server.log"), (".1", ".1"),
     ("<stdin>", "<stdin>")],
)  # fmt: skip
def test_the_log_that_a_file_is_a_part_of(name: str, log: str) -> None:
    assert log == log_of(name)


def test_beside_a_log_of_avi() -> None:
    avi = next(path for path in sorted(AVI.iterdir()) if path.suffix == ".json")
    alone, both = explain([avi]), explain([avi, DATA / "c-icap-no-engine.log"])

    assert set(ids(both)) == {*ids(alone), "no-engine-loaded"}
    assert alone.groups == both.groups
    assert "No virus engine loaded" in render(both)


def test_the_client_that_squid_logs(tmp_path: Path) -> None:
    path = tmp_path / "icap.log"
    path.write_text(
        "1796040001.000      3 198.51.100.9 ICAP_ECHO/204 116 REQMOD icap://192.0.2.1:1344/avscan - -/192.0.2.1 -\n"
        "1796040002.000      3 198.51.100.8 ICAP_ECHO/204 116 REQMOD icap://192.0.2.1:1344/avscan - -/192.0.2.1 -\n"
    )
    report = explain([path], Filters(client="198.51.100.9"))

    assert [("198.51.100.9",)] == [each.peers for each in report.scanner_requests or ()]
    assert ["1 entry was left out by the filters."] == [note for note in report.notes if "left out" in note]


def test_the_client_of_a_detection() -> None:
    report = explain([DATA / "c-icap-server.log"], Filters(client="192.0.2.7"))

    assert [("virus-found", 1, ("192.0.2.7",))] == [
        (each.event, each.messages, each.peers) for each in report.scanner_events or ()
    ]


def test_the_peer_of_c_icap_is_not_the_client() -> None:
    whole = explain([DATA / "c-icap-access.log"])
    (peer, *_) = next(each.peers for each in whole.scanner_requests or () if each.peers)
    report = explain([DATA / "c-icap-access.log"], Filters(client=peer))

    assert not report.scanner_requests
    assert any("nothing to apply --client to" in note for note in report.notes)


def read_in(data: bytes, sizes: Sequence[int]) -> tuple[list[Seen], int, int, int]:
    """What is said of a log of which each read gives so many bytes, the last size again and again."""
    stream, left = io.BytesIO(data), list(sizes)
    counting, account = ScannerCounting(), Account()

    def read(size: int) -> bytes:
        return stream.read(min(size, left.pop(0) if len(left) > 1 else left[0]))

    read_scanner_log(Source("x.log", read), counting, account, lambda: None)
    return seen(counting), account.tally.read, account.tally.skipped, account.tally.unreadable


@given(st.sampled_from(sorted(DATA.iterdir())), st.lists(st.integers(1, 5000), min_size=1, max_size=20))
def test_any_split_into_reads_gives_the_same(path: Path, sizes: Sequence[int]) -> None:
    data = path.read_bytes()

    assert read_in(data, [len(data)]) == read_in(data, sizes)


def test_several_servers_of_one_proxy_are_told_apart() -> None:
    report = explain([DATA / "squid-cache-faults.log"])
    found = [problem for problem in report.problems or () if problem.finding == "proxy-bypasses-icap"]

    assert [("192.0.2.50:1344",), ("no-such-scanner.invalid:1344",)] == sorted(each.members for each in found)
    assert ["stale-options", "no-options"] == [
        next(cause.id for cause in each.causes or () if cause.status is CauseStatus.PROVEN)
        for each in sorted(found, key=lambda each: each.members)
    ]
    assert all(each.effect is Effect.UNSCANNED for each in found)


def cut(lines: Sequence[bytes], seed: int) -> bytes:
    """Each line cut somewhere."""
    random_ = random.Random(seed)  # noqa: S311 - the same in each run
    return b"\n".join(line[: random_.randrange(len(line) + 1)] for line in lines)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", ["squid-icap.log", "c-icap-access.log", "c-icap-server.log", "squid-cache-faults.log"])
def test_cut_lines_invent_nothing(name: str, seed: int, tmp_path: Path) -> None:
    """What is left of a log is a part of what it was: no event, status or service that was not in it."""
    path = tmp_path / "cut.log"
    path.write_bytes((DATA / name).read_bytes() + b"\n" + cut((DATA / name).read_bytes().splitlines(), seed))
    whole, found = explain([DATA / name]), explain([path])

    assert {each.event for each in found.scanner_events or ()} == {each.event for each in whole.scanner_events or ()}
    assert {each.icap_status for each in found.scanner_requests or ()} <= {
        each.icap_status for each in whole.scanner_requests or ()
    }
    records = found.subject.records  # type: ignore[attr-defined]
    assert records.total == records.read + records.skipped + records.unreadable


def test_squid_in_front_of_a_dead_port_a_web_server_and_a_missing_service() -> None:
    report = explain([DATA.parent / "transcripts" / "126-squid-5.7-client-logs.txt"])

    assert [
        ("service-not-found", ("127.0.0.1:21344",)),
        ("proxy-icap-down", ("127.0.0.1:21099", "127.0.0.1:21080")),
    ] == [(problem.finding, problem.members) for problem in report.problems or ()]
    assert "icap_service line of squid.conf" in ((report.problems or ())[0].steps.fix or ("",))[0]  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["markdown", "html", "json", "csv", "junit", "sarif", "nagios", "prometheus"])
def test_in_every_format(name: str) -> None:
    drawn = formats.render(explain([DATA / "c-icap-no-engine.log"]), name)

    assert "no-engine-loaded" in drawn or "No virus engine loaded" in drawn


@pytest.mark.parametrize("name", ["table", "markdown", "html"])
def test_messages_and_requests_are_in_each_format_for_people(name: str) -> None:
    report = explain([DATA / "c-icap-no-engine.log", DATA / "c-icap-access.log"])
    drawn = render(report, detail=1) if name == "table" else formats.render(report, name)

    for title in ("Messages in the logs of scanners", "Requests in the logs of scanners"):
        assert title in drawn
    assert "no-engine" in drawn
    assert "/avscan" in drawn


def test_a_clients_text_is_escaped_in_html(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_text("Mon Nov 30 04:37:14 2026, 1/2, Error parsing chunks, str:<script>alert(1)</script>\n")
    drawn = formats.render(explain([path]), "html")

    assert "&lt;script&gt;" in drawn
    assert "<script" not in drawn


def test_a_saved_report_is_read_back() -> None:
    report = settled(explain([DATA / "squid-cache-faults.log", DATA / "squid-icap.log"]))

    assert report == read_report(to_json.render(report).encode())


def test_names_and_addresses_of_a_scanners_log_are_redacted() -> None:
    paths = [path for path in sorted(DATA.iterdir()) if path.name.startswith(("squid", "c-icap-access"))]
    redacted, _ = redact(settled(explain(paths)), Pseudonyms())
    drawn = to_json.render(redacted) + formats.render(redacted, "markdown") + formats.render(redacted, "table")

    for name in ("192.0.2.", "198.51.100.", "no-such-scanner", "client.example", "squid-cache-faults", str(DATA)):
        assert name not in drawn
