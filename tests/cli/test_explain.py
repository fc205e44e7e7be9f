"""``icapdiag explain`` from outside: logs in, report, exit status and streams out."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.explained import explained, found, validated
from tests.cli.logs import entry, lines, twenty
from tests.cli.run import PROGRAM, ROOT, environment, icapdiag, imported, shell
from tests.cli.test_check import on_a_terminal

ANSWER = """\
ICAP/1.0 200 OK\r
ISTag: "CI0001"\r
X-Infection-Found: Type=0; Resolution=2; Threat=Eicar-Test-Signature;\r
Encapsulated: res-hdr=0, null-body=26\r
\r
HTTP/1.1 403 Forbidden\r
\r
"""


def test_says_what_happened(log: Path) -> None:
    status, document, err = explained("log.json", cwd=log.parent)
    entries = document["subject"]["entries"]
    assert (1, "", "critical", True) == (status, err, document["verdict"], document["complete"])
    assert (20, 12, 0, 5, 3, 0) == tuple(
        entries[f"entries_{name}"] for name in ("total", "passed", "modified", "blocked", "failed", "disabled")
    )
    assert {"no-security-rule", "icap-connection-error"} <= set(found(document))
    assert 20 == sum(group["count"] for group in document["groups"])
    assert 20 == sum(bucket["requests"] for bucket in document["timeline"])
    assert ["log.json"] == document["subject"]["inputs"]
    rule = next(finding for finding in document["findings"] if finding["id"] == "no-security-rule")
    assert (5, "2026-01-01T10:12:00.000Z", "2026-01-01T10:16:00.000Z") == tuple(
        rule[key] for key in ("count", "first_seen", "last_seen")
    )
    assert ["100.64.3.15:1344"] == rule["members"]
    group = next(group for group in document["groups"] if "no-security-rule" in group["findings"])
    assert (5, ["ICAP-POOL-GROUP"], 26) == tuple(group[key] for key in ("count", "pools", "latency_max_ms"))
    assert [] != [note for note in document["notes"] if "pool group" in note]


def test_the_table_tells_it_to_people(log: Path) -> None:
    status, out, err = icapdiag("explain", "log.json", "-v", cwd=log.parent)
    assert (1, "") == (status, err)
    assert out.startswith(
        "CRITICAL  log.json: 3 of 20 requests passed unscanned, 5 blocked wrongly, 2026-01-01 10:12:00 to"
    )
    assert "20 entries, 20 with ICAP: 12 passed, 0 modified, 5 blocked, 3 failed" in out
    assert "20 records read." in out
    assert "icapdiag runbooks show no-security-rule" in out
    assert "Request groups:\ncount  action" in out
    assert "each column is 1 minute:\n  with ICAP" in out
    assert [] == [line for line in out.splitlines() if len(line) > 100]


def test_a_clean_log_is_ok(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(lines(entry(n, adf=False) for n in range(3)))
    status, document, _ = explained("log.json", cwd=tmp_path)
    assert (0, "ok") == (status, document["verdict"])
    assert [] == [finding for finding in document["findings"] if finding["severity"] != "info"]


def test_a_log_without_icap_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(lines(entry(n, icap_log=None) for n in range(3)))
    _, document, _ = explained("log.json", cwd=tmp_path)
    assert document["verdict"] in {"unknown", "warning"}
    assert [] == document["groups"]
    assert [] != [note for note in document["notes"] if "No request in it went through ICAP" in note]


def test_files_patterns_and_standard_input(log: Path) -> None:
    (log.parent / "a.jsonl.gz").write_bytes(gzip.compress(lines(twenty()).encode()))
    (log.parent / "b.jsonl.gz").write_text(json.dumps({"count": 20, "results": twenty()}))
    script = "$icapdiag explain log.json - '*.gz' -o json < log.json"
    status, out, err = shell(script, cwd=log.parent)
    document = validated(out)
    assert (1, "") == (status, err)
    assert ["log.json", "<stdin>", "a.jsonl.gz", "b.jsonl.gz"] == [s["name"] for s in document["subject"]["sources"]]
    assert ["", "", "gzip", ""] == [source["compressed"] for source in document["subject"]["sources"]]
    assert 80 == document["subject"]["entries"]["entries_total"]


FILTERS = [
    (("--since", "2026-01-01T10:12"), 8),
    (("--until", "2026-01-01T10:12:00Z"), 12),
    (("--since", "2026-01-01T11:10:00+01:00", "--until", "2026-01-01T10:11"), 1),
    (("--since", "1h"), 0),
    (("--pool", "icap-pool-*"), 20),
    (("--pool", "other"), 0),
    (("--member", "100.64.3.15"), 20),
    (("--member", "100.64.3.15:1344"), 20),
    (("--member", "100.64.3.16"), 0),
    (("--action", "failed"), 3),
    (("--action", "failed", "--action", "blocked"), 8),
    (("--action", "modified"), 0),
]


@pytest.mark.parametrize(("options", "expected"), FILTERS)
def test_filters(options: Sequence[str], expected: int, log: Path) -> None:
    _, document, _ = explained("log.json", *options, cwd=log.parent)
    assert expected == sum(group["count"] for group in document["groups"])
    left_out = [note for note in document["notes"] if "left out by the filters" in note]
    assert (expected < 20) == bool(left_out)


def test_a_failing_filter_still_has_its_say(log: Path) -> None:
    status, document, _ = explained("log.json", "--action", "passed", cwd=log.parent)
    assert (0, "ok") == (status, document["verdict"])
    status, document, _ = explained("log.json", "--action", "failed", "--fail-on", "info", cwd=log.parent)
    assert 1 == status
    assert "no-security-rule" not in found(document)
    assert ["ICAP_FAILED"] == document["subject"]["filters"]["actions"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "<stdin> is empty"),
        (("nowhere.json",), "nowhere.json: No such file or directory"),
        (("no*.gz",), "no file matches"),
        (("nowhere.json", ".", "log.json"), "directory"),
        (("log.json", "--since", "yesterday"), "is not a time"),
        (("log.json", "--since", "2026-01-02", "--until", "2026-01-01"), "--since must be before --until"),
        (("log.json", "--action", "ok"), "failed"),
        (("log.json", "--jobs", "0"), "--jobs"),
        (("log.json", "-o", "xml"), "unknown format"),
        (("log.json", "--runbooks", "nowhere"), "nowhere"),
        (("log.json", "log.json", "--follow"), "at a time"),
        (("nowhere.json", "--follow"), "No such file"),
        ((".", "--follow"), "folder"),
    ],
)
def test_wrong_usage(args: Sequence[str], words: str, log: Path) -> None:
    status, out, err = icapdiag("explain", *args, cwd=log.parent)
    assert (2, "") == (status, out)
    assert words in " ".join(err.split())
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "nothing.txt is empty"),
        (b"Dear all, ICAP is broken again.\n", "it contains no Avi log and no ICAP response ("),
        (b"\x7fELF" + bytes(range(256)), "it contains no Avi log and no ICAP response ("),
    ],
)
def test_a_file_with_nothing_in_it_is_2(content: bytes, words: str, log: Path) -> None:
    (log.parent / "nothing.txt").write_bytes(content)
    status, out, err = icapdiag("explain", "nothing.txt", cwd=log.parent)
    assert (2, "") == (status, out)
    assert words in err
    status, document, err = explained("nothing.txt", "log.json", cwd=log.parent)
    assert (2, "critical") == (status, document["verdict"])  # the other one is explained all the same
    assert words in err


def test_an_empty_result_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text('{"count": 0, "results": []}')
    status, document, err = explained("log.json", cwd=tmp_path)
    assert (3, "", "unknown") == (status, err, document["verdict"])


def test_what_can_not_be_read_is_shown_and_does_not_count(tmp_path: Path) -> None:
    text = lines(entry(n, adf=False) for n in range(3))
    (tmp_path / "log.json").write_text(f"{text}\x1b[2J<html>\n{lines([entry(4, adf=False)])}")
    status, document, _ = explained("log.json", cwd=tmp_path)
    assert (0, 4, 1) == (status, document["subject"]["records"]["read"], document["subject"]["records"]["unreadable"])
    assert 1 == sum("could not be read (line 4" in note for note in document["notes"])
    status, out, _ = icapdiag("explain", "log.json", "-v", cwd=tmp_path)
    assert "\x1b" not in out
    assert "could not be read (line 4" in out
    assert "4 of 5 records read, 1 unreadable." in icapdiag("explain", "log.json", cwd=tmp_path)[1]


def test_a_raw_answer_is_explained(tmp_path: Path) -> None:
    (tmp_path / "answer.txt").write_bytes(ANSWER.encode())
    status, document, _ = explained("answer.txt", cwd=tmp_path)
    (group,) = document["groups"]
    assert ("answer", 200, "blocked", ["Eicar-Test-Signature"]) == tuple(
        group[key] for key in ("probe", "icap_status", "verdict", "threats")
    )
    status, out, _ = icapdiag("explain", "answer.txt", cwd=tmp_path)
    assert status in {0, 1}
    assert "ICAP response: ICAP 200 OK, HTTP 403 inside\n  Verdict: blocked: " in out
    assert "entries" not in out


def test_a_site_runbook_takes_the_place_of_ours(log: Path) -> None:
    folder = log.parent / "site"
    folder.mkdir()
    text = (ROOT / "runbooks" / "no-security-rule.md").read_text().replace("severity: critical", "severity: info")
    (folder / "no-security-rule.md").write_text(text)
    _, document, _ = explained("log.json", "--runbooks", "site", cwd=log.parent)
    rule = next(finding for finding in document["findings"] if finding["id"] == "no-security-rule")
    assert "info" == rule["severity"]
    assert "A runbook of yours replaces the built-in no-security-rule." in document["notes"]


HEAVY = {"trio", "dns", "rich", "pydantic", "jinja2", "cryptography", "asyncio", "ssl"}


@pytest.mark.parametrize("options", [(), ("-o", "json"), ("--fail-on", "info", "--since", "2020-01-01")])
def test_reading_a_log_imports_nothing_that_probes(options: Sequence[str], log: Path) -> None:
    modules = imported("explain", str(log), *options)
    assert "msgspec" in modules
    assert set() == modules & HEAVY


def test_bars_are_ascii_where_the_terminal_is(log: Path) -> None:
    out, err = on_a_terminal("explain", str(log), "-v", PYTHONIOENCODING="ascii", NO_COLOR="1")
    assert out.isascii()
    assert "max" in out
    assert "" == err


def test_progress_is_for_terminals(log: Path) -> None:
    assert "" == icapdiag("explain", str(log))[2]


def test_an_output_that_fails_is_2_and_the_others_are_written(log: Path) -> None:
    status, out, err = icapdiag("explain", "log.json", "-o", "json=/dev/full", "-o", "table", cwd=log.parent)
    assert 2 == status
    assert out.startswith("CRITICAL")
    assert "can't write /dev/full" in err


def test_an_interruption_still_gives_the_report() -> None:
    with subprocess.Popen(
        [*PROGRAM, "explain", "-", "-o", "json"],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(lines(twenty()).encode() * 300)
        process.stdin.flush()  # more than a pipe holds: it is reading now, and the input has no end
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stderr is not None
        document = validated(process.stdout.read().decode())
        assert b"" == process.stderr.read()
    assert 130 == process.returncode
    assert not document["complete"]
    assert 0 < document["subject"]["entries"]["entries_total"] <= 6000
    assert [] != [note for note in document["notes"] if note.startswith("Interrupted")]
