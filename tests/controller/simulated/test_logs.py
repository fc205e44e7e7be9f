"""The simulated Controller's logs, and what it counts, are what happened."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

import icapdiag
from icapdiag.facts.run import LogSubject
from tests.controller.simulated.client import Client, key_of
from tests.controller.simulated.conftest import TRUTH
from tests.controller.simulated.controller import Controller
from tests.controller.simulated.inventory import ENGINES, SERVICES
from tests.controller.simulated.log_answers import LIMIT, Partial
from tests.controller.simulated.truth import Truth, to_query

PORTAL = SERVICES[0]


def test_the_log_has_every_entry_once(controller: Controller, client: Client) -> None:
    entries = client.all_logs()
    assert TRUTH.keys(0) == sorted(key_of(entry) for entry in entries)
    assert len(entries) > len({entry["report_timestamp"] for entry in entries}), "equal times"
    assert len(entries) > len({entry["log_id"] for entry in entries}), "equal numbers"
    times = [entry["report_timestamp"] for entry in entries]
    assert sorted(times) == times
    assert [*times[::-1]] == [entry["report_timestamp"] for entry in client.all_logs(orderby="-report_timestamp")]
    assert set() == controller.unknown


def test_the_log_shows_significant_entries_unless_asked_for_more(client: Client) -> None:
    kinds = Counter(entry.kind for entry in TRUTH.logged[0])
    assert kinds["adf"] == client.logs(udf="false", nf="false")["count"]
    assert kinds["udf"] == client.logs(adf="false", nf="false")["count"]
    assert kinds["nf"] == client.logs(adf="false", udf="false")["count"]


def test_times_with_an_offset_and_pages_over_10000_are_rejected(client: Client) -> None:
    client.logs(start="2026-06-01T06:00:00+00:00")
    assert 400 == client.status
    client.logs(page_size=LIMIT + 1)
    assert 400 == client.status


def test_at_the_limit_there_is_no_next(controller: Controller, client: Client) -> None:
    assert LIMIT == controller.logs.limit
    controller.logs.limit = 300
    found = client.logs(page_size=LIMIT)
    assert (300, len(TRUTH.logged[0]), False) == (len(found["results"]), found["count"], "next" in found)
    assert 270 == len(client.all_logs(page_size=90))


@pytest.mark.parametrize("each", ["all so far", "only the rest"])
def test_a_partial_answer_leads_to_the_others(controller: Controller, client: Client, each: str) -> None:
    controller.logs.partial.append(Partial(each))  # type: ignore[arg-type]
    answers = [client.logs(page_size=LIMIT)]
    while "more" in answers[-1]:
        answers.append(client.follow(answers[-1]["more"]))
    counts = [answer["count"] for answer in answers]
    assert len(ENGINES) == len(counts)
    assert 0.0 == answers[0]["percent_remaining"]
    whole = counts[-1] if each == "all so far" else sum(counts)
    assert len(TRUTH.logged[0]) == whole
    keys = {key_of(entry) for answer in answers for entry in answer["results"]}
    assert TRUTH.keys(0) == sorted(keys)


def test_for_javascript_integers_are_text(client: Client) -> None:
    found = client.logs(js_compat="true", page_size=1)
    assert str(len(TRUTH.logged[0])) == found["count"]
    assert isinstance(found["results"][0]["log_id"], str)
    assert isinstance(found["results"][0]["adf"], bool)


def test_a_throttled_log_keeps_less_than_was_counted(tmp_path: Path) -> None:
    truth = Truth(2000, burst=40, throttle=2)
    with Controller.serving(tmp_path, truth) as controller, Client(controller) as client:
        client.login()
        assert client.logs(page_size=1)["count"] == len(truth.logged[0]) < len(truth.happened[0])


def test_outcomes_are_those_that_are_wanted() -> None:
    truth = Truth(600, shares={"blocked": 1, "server-error": 3})
    blocked, failed = (
        sum(truth.actions(number)[f"ICAP_{name}"] for number in (1, 2)) for name in ("BLOCKED", "FAILED")
    )
    assert sum(len(truth.logged[number]) for number in (1, 2)) == blocked + failed
    assert blocked < failed


def test_metrics_and_counters_agree_with_the_log(client: Client) -> None:
    found = client.get(
        f"analytics/metrics/virtualservice/{PORTAL.uuid}/",
        metric_id="icap_stats.sum_requests,icap_stats.sum_error",
        step=300,
        start=TRUTH.since,
        stop=to_query(TRUTH.end + 1),
    )
    sums = [sum(point["value"] for point in series["data"]) for series in found["series"]]
    actions = Counter(entry["icap_log"]["action"] for entry in client.all_logs() if "icap_log" in entry)
    assert [actions.total() - actions["ICAP_DISABLED"], actions["ICAP_FAILED"]] == sums
    stats = [each["icap_stats"][0] for each in client.get(f"virtualservice/{PORTAL.uuid}/icapstats/")]
    assert sums == [sum(each[name] for each in stats) for name in ("icap_requests", "icap_error")]
    assert sums == [TRUTH.sums(0)[name] for name in ("requests", "error")]


def test_explain_counts_in_the_log_what_happened(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "log.json"
    file.write_text(json.dumps(client.logs(page_size=LIMIT)), "utf-8")
    subject = icapdiag.explain([file]).subject
    assert isinstance(subject, LogSubject)
    entries = subject.entries
    assert entries is not None
    counts = [entries.entries_passed, entries.entries_blocked, entries.entries_failed, entries.entries_disabled]
    actions = TRUTH.actions(0)
    assert [actions[f"ICAP_{name}"] for name in ("PASSED", "BLOCKED", "FAILED", "DISABLED")] == counts
