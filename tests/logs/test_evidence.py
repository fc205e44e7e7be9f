"""Logs as met in the wild, the samples of the Avi guide, and recorded answers: explained as their sources say.

None of them is part of this repository; where they are absent the tests are skipped.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from icapdiag.icap.response import read_response
from icapdiag.icap.verdict import judge
from icapdiag.logs.opening import source as sources
from icapdiag.logs.reading import Reading, read_logs
from icapdiag.model import Observation
from icapdiag.vocabulary import Reason
from tests.icap.test_transcripts import EXPECTED, FOLDER, Closed, NotICAP, Wire, recorded, wire_bytes
from tests.logs.oracle import count, counts_of
from tests.logs.samples import actions, read

SHARED = Path(__file__).parents[3] / "shared"
GUIDE = SHARED / "evidence" / "avi-guide"
LOGS = SHARED / "evidence" / "avi-logs"
GENERATOR = SHARED / "tools" / "genlog.py"

needs_guide = pytest.mark.skipif(not GUIDE.is_dir(), reason="the guide's samples are not beside this checkout")
needs_logs = pytest.mark.skipif(not LOGS.is_dir(), reason="the sample logs are not beside this checkout")
needs_transcripts = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recorded answers are not beside this checkout")
needs_generator = pytest.mark.skipif(not GENERATOR.exists(), reason="needs the generator of synthetic logs")

Said = tuple[str, str | None, str, list[str], int | None]  # action, verdict, part of the reason, threats, latency in ms
INFECTED: Said = ("ICAP_BLOCKED", "blocked", "Infected", ["EICAR-Test-File (not a virus)"], 1275)
PASSED: Said = ("ICAP_PASSED", "allowed", "Allowed", [], 456)
DISABLED: Said = ("ICAP_DISABLED", None, "", [], None)
NO_RULE: Said = ("ICAP_BLOCKED", "blocked", "No security rule matched", [], 17)


def explained(observation: Observation, expected: Said) -> None:
    action, verdict, reason, threats, latency = expected
    facts = observation.facts
    assert (action, verdict, latency) == (facts["icap_action"], facts.get("verdict"), facts.get("latency_max_ms"))
    assert reason in str(facts.get("verdict_reason", ""))
    assert threats == list(_items(facts.get("threats")))
    if latency is not None:
        assert ("ICAP-POOL-GROUP", "100.64.3.15:1344") == (observation.pool, observation.member)
        assert "/OMSScanReq-AV" == facts["service_uri"]  # printed with a blank behind it


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


@needs_guide
class TestGuide:
    @pytest.mark.parametrize(
        ("name", "expected", "repairs"),
        [
            ("1-infected.txt", INFECTED, []),
            ("2-passed.txt", PASSED, [("missing } added at the end", 14)]),
            ("3-disabled.txt", DISABLED, []),
            ("4-no-security-rule.txt", NO_RULE, []),
        ],
    )
    def test_each_sample(
        self,
        name: str,
        expected: Said,
        repairs: list[tuple[str, int]],
    ) -> None:
        reading = read_logs([str(GUIDE / name)])
        (source,) = reading.sources
        assert (1, 1, "fragment") == (source.total, source.read, source.container)
        assert repairs == [(repair.what, repair.line) for repair in source.repairs]
        group, _ = reading.observations
        explained(group, expected)

    def test_all_at_once_from_the_page(self) -> None:
        reading = read_logs([str(GUIDE / "guide.txt")])
        (source,) = reading.sources
        assert (4, 4, "text") == (source.total, source.read, source.container)
        assert [("missing } added", 51)] == [(repair.what, repair.line) for repair in source.repairs]
        groups = reading.observations[:-1]
        assert 4 == len(groups)
        for group, expected in zip(groups, (INFECTED, PASSED, DISABLED, NO_RULE), strict=True):
            explained(group, expected)

    def test_the_samples_cut_and_pasted_together(self, tmp_path: Path) -> None:
        text = b"\n\n".join((GUIDE / name).read_bytes() for name in sorted(path.name for path in GUIDE.glob("[1-4]*")))
        reading, source = read(tmp_path / "paste", text)
        assert (4, 4) == (source.total, source.read)
        assert {"ICAP_BLOCKED": 2, "ICAP_PASSED": 1, "ICAP_DISABLED": 1} == actions(reading)


@needs_logs
@pytest.mark.parametrize(
    ("name", "container", "counts", "actions_in_it"),
    [
        ("001-alb-sdk-ui-export.csv", "csv", (4, 4, 0, 0), {}),
        ("002-sc4s-se-rfc5424-applog.log", "syslog", (1, 1, 0, 0), {}),
        ("003-sc4s-controller-event-rfc.log", "syslog", (1, 0, 1, 0), {}),
        ("004-sc4s-controller-event-json.log", "syslog", (1, 0, 1, 0), {}),
        ("005-sc4s-controller-event-legacy.log", "syslog", (1, 0, 1, 0), {}),
        ("006-docs-icap-blocked.json", "fragment", (1, 1, 0, 0), {"ICAP_BLOCKED": 1}),
        ("007-docs-icap-passed.json", "fragment", (1, 1, 0, 0), {"ICAP_PASSED": 1}),
        ("008-icap-log-fields-two-generations.json", "entry", (1, 0, 1, 0), {}),
        ("009-api-envelope-skeleton.json", "envelope", (0, 0, 0, 0), {}),
    ],
)
def test_sample_logs(
    name: str, container: str, counts: tuple[int, int, int, int], actions_in_it: dict[str, int]
) -> None:
    reading = read_logs([str(LOGS / name)])
    (source,) = reading.sources
    assert (container, counts) == (
        source.container,
        (source.total, source.read, source.skipped, source.unreadable),
    )
    assert actions_in_it == actions(reading)


@needs_logs
def test_all_sample_logs_at_once() -> None:
    reading = read_logs([str(LOGS / "*.csv"), str(LOGS / "*.log"), str(LOGS / "*.json")])
    assert (9, 11, 7, 4, 0) == (len(reading.sources), reading.total, reading.read, reading.skipped, reading.unreadable)


FORMS = ("jsonl", "array", "arraynl", "envelope", "pretty", "pages", "csv")


@needs_generator
@pytest.mark.parametrize("size", ["held whole", "streamed"])
@pytest.mark.parametrize("order", ["proto", "sorted", "shuffled"])
def test_the_generators_containers_give_the_same_counts(
    tmp_path: Path, order: str, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if size == "streamed":
        monkeypatch.setattr(sources, "HEAD", 50_000)
    options = ["--entries", "160", "--icap", "0.6", "--seed", "3", "--messy", "--order", order]
    outputs = [f"{form}={tmp_path / form}" for form in FORMS]
    subprocess.run([sys.executable, str(GENERATOR), *options, *outputs], check=True, capture_output=True)
    _add_syslog(tmp_path)
    expected = _counts(tmp_path / "jsonl")
    for form in (*FORMS, "syslog", "syslog-braces"):
        reading = read_logs([str(tmp_path / form)])
        assert (160, 160) == (reading.total, reading.read), form
        assert (0, 0) == (reading.sources[0].repairs_total, reading.sources[0].problems_total), form
        assert expected == _everything(reading), form
    assert count(_entries(tmp_path / "jsonl")) == counts_of(read_logs([str(tmp_path / "csv")]).summary)


def _entries(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _counts(path: Path) -> object:
    return _everything(read_logs([str(path)]))


def _everything(reading: Reading) -> object:
    """All that the summary says, in an order of its own."""
    groups = sorted(map(repr, reading.summary.groups()))
    return groups, reading.summary.head(), reading.summary.timeline()


def _add_syslog(directory: Path) -> None:
    head = "<134>1 2026-03-02T10:00:00Z se vs 0 7 - "
    lines = (directory / "jsonl").read_text().splitlines()
    (directory / "syslog").write_text("".join(f"{head}{line[1:-1]}\n" for line in lines))
    (directory / "syslog-braces").write_text("".join(f"{head}{line}\n" for line in lines))


@needs_transcripts
@pytest.mark.parametrize("commented", [False, True], ids=["alone", "below its two lines"])
@pytest.mark.parametrize("name", EXPECTED)
def test_a_recorded_answer_is_explained_as_its_source_says(tmp_path: Path, name: str, *, commented: bool) -> None:
    expected = EXPECTED[name]
    path = tmp_path / "answer"
    reading, source = read(path, (FOLDER / name).read_bytes() if commented else recorded(name))
    if isinstance(expected, Closed):
        assert () == reading.answers
    elif isinstance(expected, NotICAP) and expected.peer != "unknown":
        (answer,) = reading.answers
        assert (Reason.NOT_ICAP, expected.peer) == (answer.reason, answer.facts["peer"])
    elif isinstance(expected, NotICAP):
        assert {"unknown"} >= {answer.facts["verdict"] for answer in reading.answers}
    else:
        (answer,) = reading.answers
        assert (1, 1) == (source.total, source.read)
        _agrees(answer, name, expected)


def _agrees(answer: Observation, name: str, expected: Wire) -> None:
    """The table's verdict; where that rests on the body that was sent, the one without it."""
    facts = answer.facts
    judgement = judge(read_response(wire_bytes(name, expected), method=expected.method))
    assert (judgement.verdict, judgement.reason) == (facts["verdict"], facts["verdict_reason"])
    assert (list(judgement.threats), list(judgement.decided_by)) == (facts["threats"], facts["decided_by"])
    if expected.sent_body is None:
        assert (expected.verdict, list(expected.threats)) == (facts["verdict"], facts["threats"])
        assert expected.words in str(facts["verdict_reason"])
