"""Logs as met in the wild, samples as a guide prints them, and pasted answers: explained as their sources say.

Ours have the shapes of those that were met, which are read, too, where they are beside the checkout.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from icapdiag.facts.logs import RecordCounts
from icapdiag.icap.verdict import judge
from icapdiag.logs.reading import read_logs
from icapdiag.model import Observation
from icapdiag.vocabulary import Reason
from tests.facts import facts_of
from tests.icap.answer_kinds import Closed, NotICAP, Wire, wire_bytes
from tests.icap.feeding import read_response
from tests.icap.recorded_answers import ANSWERS, answer, commented
from tests.logs.guide import GUIDES, Guide
from tests.logs.samples import actions, read

OUR_LOGS = Path(__file__).parents[1] / "data" / "avi-logs"
LOGS = Path(__file__).parents[3] / "shared" / "evidence" / "avi-logs"

Said = tuple[str, str | None, str, list[str], int | None]  # action, verdict, part of the reason, threats, latency in ms


def said(guide: Guide) -> tuple[Said, Said, Said, Said]:
    """What its four samples say."""
    infected, passed, no_rule = guide.latencies
    return (
        ("ICAP_BLOCKED", "blocked", "Infected", [guide.threat], infected),
        ("ICAP_PASSED", "allowed", "Allowed", [], passed),
        ("ICAP_DISABLED", None, "", [], None),
        ("ICAP_BLOCKED", "blocked", "No security rule matched", [], no_rule),
    )


def explained(guide: Guide, observation: Observation, expected: Said) -> None:
    action, verdict, reason, threats, latency = expected
    facts = facts_of(observation)
    assert (action, verdict, latency) == (facts["icap_action"], facts.get("verdict"), facts.get("latency_max_ms"))
    assert reason in str(facts.get("verdict_reason", ""))
    assert threats == list(_items(facts.get("threats")))
    if latency is not None:
        assert (guide.pool, guide.member) == (observation.pool, observation.member)
        assert guide.service == facts["service_uri"]  # printed with a blank behind it


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.folder.name)
class TestGuide:
    @pytest.mark.parametrize("number", range(4))
    def test_each_sample(self, guide: Guide, number: int) -> None:
        reading = read_logs([str(guide.samples[number])])
        (source,) = reading.sources
        assert (1, 1, "fragment") == (source.total, source.read, source.container)
        repairs = [("missing } added at the end", guide.cut)] if number == 1 else []
        assert repairs == [(repair.what, repair.line) for repair in source.repairs]
        group, _ = reading.observations
        explained(guide, group, said(guide)[number])

    def test_all_at_once_from_the_page(self, guide: Guide) -> None:
        reading = read_logs([str(guide.page)])
        (source,) = reading.sources
        assert (4, 4, "text") == (source.total, source.read, source.container)
        assert [("missing } added", guide.page_cut)] == [(repair.what, repair.line) for repair in source.repairs]
        groups = reading.observations[:-1]
        assert 4 == len(groups)
        for group, expected in zip(groups, said(guide), strict=True):
            explained(guide, group, expected)

    def test_the_samples_cut_and_pasted_together(self, guide: Guide, tmp_path: Path) -> None:
        text = b"\n\n".join(path.read_bytes() for path in guide.samples)
        reading, source = read(tmp_path / "paste", text)
        assert (4, 4) == (source.total, source.read)
        assert {"ICAP_BLOCKED": 2, "ICAP_PASSED": 1, "ICAP_DISABLED": 1} == actions(reading)


# Name of ours, name of the one that was met, container, (total, read, skipped, unreadable), actions.
SAMPLES: list[tuple[str, str, str, tuple[int, int, int, int], dict[str, int]]] = [
    ("ui-export.csv", "001-alb-sdk-ui-export.csv", "csv", (4, 4, 0, 0), {}),
    ("syslog-se.log", "002-sc4s-se-rfc5424-applog.log", "syslog", (1, 1, 0, 0), {}),
    ("alert-rfc.log", "003-sc4s-controller-event-rfc.log", "syslog", (1, 0, 1, 0), {}),
    ("alert-json.log", "004-sc4s-controller-event-json.log", "syslog", (1, 0, 1, 0), {}),
    ("alert-legacy.log", "005-sc4s-controller-event-legacy.log", "syslog", (1, 0, 1, 0), {}),
    ("blocked.json", "006-docs-icap-blocked.json", "fragment", (1, 1, 0, 0), {"ICAP_BLOCKED": 1}),
    ("passed.json", "007-docs-icap-passed.json", "fragment", (1, 1, 0, 0), {"ICAP_PASSED": 1}),
    ("no-entry.json", "008-icap-log-fields-two-generations.json", "entry", (1, 0, 1, 0), {}),
    ("envelope.json", "009-api-envelope-skeleton.json", "envelope", (0, 0, 0, 0), {}),
]
FILES = [(OUR_LOGS / ours, container, counts, found) for ours, _, container, counts, found in SAMPLES]
if LOGS.is_dir():
    FILES += [(LOGS / met, container, counts, found) for _, met, container, counts, found in SAMPLES]


@pytest.mark.parametrize(("path", "container", "counts", "actions_in_it"), FILES, ids=[path.name for path, *_ in FILES])
def test_sample_logs(
    path: Path, container: str, counts: tuple[int, int, int, int], actions_in_it: dict[str, int]
) -> None:
    reading = read_logs([str(path)])
    (source,) = reading.sources
    assert (container, counts) == (
        source.container,
        (source.total, source.read, source.skipped, source.unreadable),
    )
    assert actions_in_it == actions(reading)


def test_all_sample_logs_at_once() -> None:
    reading = read_logs([str(OUR_LOGS / "*.csv"), str(OUR_LOGS / "*.log"), str(OUR_LOGS / "*.json")])
    assert (9, RecordCounts(total=11, read=7, skipped=4)) == (len(reading.sources), reading.records)


@pytest.mark.parametrize("below_comments", [False, True], ids=["alone", "below its two lines"])
@pytest.mark.parametrize("name", ANSWERS)
def test_a_pasted_answer_is_explained_as_its_source_says(tmp_path: Path, name: str, *, below_comments: bool) -> None:
    expected = ANSWERS[name]
    path = tmp_path / "answer"
    reading, source = read(path, commented(name) if below_comments else answer(name))
    if isinstance(expected, Closed):
        assert () == reading.answers
    elif isinstance(expected, NotICAP) and expected.peer != "unknown":
        (found,) = reading.answers
        assert (Reason.NOT_ICAP, expected.peer) == (found.reason, facts_of(found)["peer"])
    elif isinstance(expected, NotICAP):
        assert {"unknown"} >= {facts_of(found)["verdict"] for found in reading.answers}
    else:
        (found,) = reading.answers
        assert (1, 1) == (source.total, source.read)
        _agrees(found, name, expected)


def _agrees(found: Observation, name: str, expected: Wire) -> None:
    """The table's verdict; where that rests on the body or the method that was sent, the one without it."""
    facts = facts_of(found)
    response = read_response(wire_bytes(answer(name), expected), method=expected.method)
    judgement = judge(response, method="REQMOD")
    if judgement.verdict != judge(response, method="RESPMOD").verdict:
        assert "unknown" == facts["verdict"]
        assert "a block page if the request was REQMOD" in str(facts["verdict_reason"])
        return
    assert (judgement.verdict, judgement.reason) == (facts["verdict"], facts["verdict_reason"])
    assert (list(judgement.threats), list(judgement.decided_by)) == (facts["threats"], facts["decided_by"])
    if expected.sent_body is None:
        assert (expected.verdict, list(expected.threats)) == (facts["verdict"], facts["threats"])
        assert expected.words in str(facts["verdict_reason"])
