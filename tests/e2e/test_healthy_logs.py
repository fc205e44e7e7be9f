"""`explain` raises no false alarm: logs of what passed or was rewritten within limits, and answers of healthy scanners.

The twenty and more requests are those of tests/runbook/test_logs_healthy.py; here the program reads them, from a file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trio

from icapdiag.icap.request import avi_reqmod, http_post, options_request
from icapdiag.icap.samples import CLEAN, eicar
from icapdiag.lab import DIALECTS, LabMember, serve_lab
from icapdiag.logs.reading import read_logs
from icapdiag.runbook import load_runbooks, match
from tests.cli.run import icapdiag
from tests.runbook.logged import Entry, entry
from tests.runbook.test_logs_healthy import HEALTHY

ACTIONS = [one["icap_log"]["action"] for one in HEALTHY]  # type: ignore[index]
PASSED = [one for one, action in zip(HEALTHY, ACTIONS, strict=True) if action == "ICAP_PASSED"]
REWRITTEN = [one for one, action in zip(HEALTHY, ACTIONS, strict=True) if action == "ICAP_MODIFIED"]


def explained(path: Path) -> dict[str, Any]:
    """The report, with the exit status in it; nothing may have gone to stderr."""
    status, out, err = icapdiag("explain", path.name, "-o", "json", cwd=path.parent)
    report: dict[str, Any] = json.loads(out)

    assert ("", 0, 0) == (err, report["unmatched"]["count"], status)

    return report


def written(path: Path, entries: Sequence[Entry]) -> Path:
    path.write_text("".join(f"{json.dumps(one)}\n" for one in entries))
    return path


def findings(report: Mapping[str, Any]) -> dict[str, str]:
    return {finding["id"]: finding["severity"] for finding in report["findings"]}


def test_what_passed_gives_no_finding_at_all(tmp_path: Path) -> None:
    report = explained(written(tmp_path / "log.jsonl", PASSED))

    assert ("ok", {}) == (report["verdict"], findings(report))
    assert len(PASSED) >= 20
    assert len(PASSED) == report["subject"]["entries"]["entries_passed"]


def test_what_was_rewritten_as_meant_is_told_and_alarms_nobody(tmp_path: Path) -> None:
    report = explained(written(tmp_path / "log.jsonl", [*PASSED, *REWRITTEN]))

    assert ("ok", {"request-modified": "info"}) == (report["verdict"], findings(report))
    assert len(REWRITTEN) == report["subject"]["entries"]["entries_modified"]


async def answer_of(member: LabMember, request: bytes) -> bytes:
    """All that the member says to this request, which asks it to close."""
    with trio.fail_after(10):
        async with await trio.open_tcp_stream(member.host, member.port) as stream:
            await stream.send_all(request)
            return b"".join([bytes(data) async for data in stream])


class Said(NamedTuple):
    """What a product answers."""

    options: bytes
    clean: bytes
    eicar: bytes


async def said_by_dialects() -> dict[str, Said]:
    answers: dict[str, Said] = {}
    async with serve_lab([*DIALECTS]) as lab:
        for member in lab.members:
            to = member.host, member.port, "/avscan"
            requests = [options_request(*to, close=True)]
            for body in (CLEAN, eicar()):
                http = http_post("www.example.test", "/upload", len(body))
                requests.append(avi_reqmod(*to, http_request=http, body=body, preview_size=len(body)))
            answers[member.name] = Said(*[await answer_of(member, request.first) for request in requests])
    return answers


@pytest.fixture(scope="module")
def said() -> dict[str, Said]:
    return trio.run(said_by_dialects)


def test_a_log_of_any_product_s_clean_answers_gives_no_finding(said: dict[str, Said], tmp_path: Path) -> None:
    entries = []
    for answers in said.values():
        head = answers.clean.partition(b"\r\n\r\n")[0].decode("latin-1")
        status, _, headers = head.partition("\r\n")
        entries.append(entry("ICAP_PASSED", status=int(status.split()[1]), headers=f"{headers}\r\n"))
    report = explained(written(tmp_path / "log.jsonl", entries))

    assert ("ok", {}) == (report["verdict"], findings(report))
    assert len(DIALECTS) == report["subject"]["entries"]["entries_passed"] > 15


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_pasted_answer_of_a_healthy_product_alarms_nobody(
    said: dict[str, Said], dialect: str, tmp_path: Path
) -> None:
    clean = said[dialect].clean
    found = [ids(tmp_path / "answer", answer) for answer in (said[dialect].options, clean)]

    # Without the original, what comes back in a 200 can't be told from a rewritten body, unless a header says so.
    bare_echo = clean.startswith(b"ICAP/1.0 200") and b"\r\nX-Response-Info: Allowed\r\n" not in clean
    assert [set(), {"request-modified"} if bare_echo else set()] == found


@pytest.mark.parametrize("dialect", DIALECTS)
def test_headers_copied_without_their_body_are_no_broken_answer(
    said: dict[str, Said], dialect: str, tmp_path: Path
) -> None:
    for answer in said[dialect]:
        head = answer.partition(b"\r\n\r\n")[0]
        for copied in (head + b"\r\n\r\n", head.replace(b"\r\n", b"\n") + b"\n"):
            assert "malformed-response" not in ids(tmp_path / "answer", copied)


def ids(path: Path, answer: bytes) -> set[str]:
    path.write_bytes(answer)
    reading = read_logs([str(path)])
    matched = match(load_runbooks(), reading.observations)

    assert (1, 0) == (len(reading.observations), matched.unmatched.count)

    return {finding.id for finding in matched.findings}
