"""Causes are weighed by the facts; steps follow from them, and consequences stand under their root."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from icapdiag.facts.connection import Endpoint
from icapdiag.facts.groups import RequestGroup
from icapdiag.facts.refusal import Services
from icapdiag.model import Cause, Facts, Observation, Steps
from icapdiag.runbook import Library, load_runbooks, match
from icapdiag.runbook.causes import Step, fill, in_words, weigh, written
from icapdiag.runbook.conditions import parse_condition
from icapdiag.runbook.surroundings import Surroundings
from icapdiag.vocabulary import FROM_COMMAND_LINE, CauseStatus, Effect, Status
from tests.runbook.observed import eicar, options
from tests.runbook.writing import library_of, runbook_text

NO_FIXES = """## What it means
Requests pass unscanned.

## Verify
Look.

## Escalate with
The log.
"""
CAUSES = """match: {probe: eicar, verdict: allowed}
effect: unscanned
explains: [slow]
now:
  - {step: "Disable {members}. {pool.other_members_ok} others are healthy.", unless: [{pool.other_members_ok: 0}]}
  - {step: There is no other member., when: [{pool.other_members_ok: 0}]}
causes:
  - id: no-engine
    title: No engine is loaded
    proven_by: [{options.istag|startswith: CI0001}]
    ruled_out_by: [{preview.cases_ok: whole}]
    fix: {server: [Start clamd.]}
  - id: wrong-service
    title: Another service is under this path
    supported_by: [{options.service|contains: echo}]
    fix: {avi: [{step: Change service_uri., unless: [{profile.service_uri: /avscan}]}]}
    settle: [Ask OPTIONS.]
  - id: file-types
    title: The type is not scanned
    fix: {server: ['Set ScanFileTypes of {members}.']}
    settle: ['Compare {members}.']
"""


@pytest.fixture
def library(tmp_path: Path) -> Library:
    text = runbook_text("passes", CAUSES, sections=NO_FIXES).replace("examples:", "examples:")
    warning = runbook_text("slow", "match: {probe: clean}\n").replace("severity: critical", "severity: warning")
    return library_of(tmp_path / "runbooks", passes=text, slow=warning)


def statuses(causes: tuple[Cause, ...] | None) -> dict[str, str]:
    return {cause.id: cause.status for cause in causes or ()}


def test_a_fact_of_another_probe_proves_a_cause_and_its_fix_alone_is_advised(library: Library) -> None:
    found = match(library, [options("a", istag="CI0001-XXX", service="echo"), eicar("a")]).findings[0]

    assert {"no-engine": "proven", "wrong-service": "likely", "file-types": "possible"} == statuses(found.causes)
    assert ("ISTag: CI0001-XXX",) == (found.causes or ())[0].facts
    assert ("On the ICAP server: Start clamd.",) == (found.steps or Steps()).fix
    assert ("There is no other member.", "On the ICAP server: Start clamd.") == found.remedy
    assert Effect.UNSCANNED is found.effect


def test_without_proof_the_likely_comes_first_and_what_settles_it_is_said(library: Library) -> None:
    found = match(library, [options("a", istag="x", service="Echo demo"), eicar("a")]).findings[0]

    assert ["wrong-service", "no-engine", "file-types"] == list(statuses(found.causes))
    fix = (
        "On Avi: Change service_uri.",
        "On the ICAP server: Start clamd.",
        "On the ICAP server: Set ScanFileTypes of a.",
    )
    assert fix == (found.steps or Steps()).fix
    assert ("Ask OPTIONS.", "Compare a.", "`icapdiag check icap://a:1344SERVICE_URI --eicar`") == (
        found.steps or Steps()
    ).check


def test_a_step_that_the_profile_excludes_is_not_given(library: Library) -> None:
    seen = [options("a", istag="x"), eicar("a")]

    found = match(library, seen, profile={"service_uri": "/avscan"}).findings[0]

    assert "On Avi: Change service_uri." not in ((found.steps or Steps()).fix or ())
    assert ("`icapdiag check icap://a:1344/avscan --eicar`",) == ((found.steps or Steps()).check or ())[-1:]


def test_other_members_count_if_they_are_healthy(library: Library) -> None:
    healthy = [options("b"), eicar("b", probe="clean"), eicar("b", "blocked")]

    found = match(library, [options("a"), eicar("a"), *healthy]).findings[0]

    assert "Disable a. 1 others are healthy." == found.remedy[0]


@pytest.mark.parametrize(
    ("pool", "others", "said"),
    [
        ("av", 2, "No other member is healthy."),
        ("av", 0, "The pool has no other member."),
        (FROM_COMMAND_LINE, 0, "No other member was tested."),
        (FROM_COMMAND_LINE, 1, "No other member is healthy."),
    ],
)
def test_why_there_is_no_other_member_to_use(pool: str, others: int, said: str) -> None:
    record: Facts = {"source": "probe", "pool": pool, "pool.other_members": others, "pool.other_members_ok": 0}

    assert said == fill("{no_other_member}.", record)


@pytest.mark.parametrize(
    ("field", "number", "shared"),
    [
        ("pool.other_members_ok", 1, " The profile applies to all members."),
        ("pool.other_members_answering", 3, " The profile applies to all members."),
        ("pool.other_members_ok", 0, ""),
        ("pool.other_members_ok", None, ""),
    ],
)
def test_a_change_of_the_shared_profile_says_so_where_others_work(field: str, number: int | None, shared: str) -> None:
    steps = [
        Step(text="Switch enable_preview off: Templates > Profiles > ICAP Profile > {profile}.", place="avi"),
        Step(text="Set the port: Applications > Pools > {pool}.", place="avi"),
    ]
    path = "Templates > Profiles > ICAP Profile > PROFILE."

    assert (
        f"On Avi: Switch enable_preview off: {path}{shared}",
        "On Avi: Set the port: Applications > Pools > av.",
    ) == (written(steps, {field: number, "pool": "av"}))


@pytest.mark.parametrize("name", ["clean-blocked", "eicar-not-detected", "wrong-service", "service-not-found"])
def test_service_uri_stays_where_other_members_work_with_it(name: str) -> None:
    runbook = next(each for each in load_runbooks().runbooks if each.id == name)
    steps = [step for cause in runbook.causes for step in cause.fix]
    record: Facts = {"source": "probe", "service_uri": "/avscan", "candidates": ["/other"]}

    alone, beside = (written(steps, {**record, "pool.other_members_ok": number}) for number in (0, 1))

    assert any("Set service_uri to" in text for text in alone)
    assert not any("Set service_uri to" in text for text in beside)
    assert any("under /avscan" in text and "On the ICAP server" in text for text in beside)


def test_a_member_with_a_critical_finding_is_not_healthy(tmp_path: Path) -> None:
    passes, slow = runbook_text("passes", CAUSES, sections=NO_FIXES), runbook_text("slow", "match: {probe: clean}\n")
    library = library_of(tmp_path / "critical", passes=passes, slow=slow)
    as_it_should = [options("b"), eicar("b", probe="clean"), eicar("b", "blocked")]

    matched = match(library, [options("a"), eicar("a"), *as_it_should])

    assert "There is no other member." == next(each for each in matched.findings if each.id == "passes").remedy[0]


def test_members_of_the_same_finding_are_not_left_over(tmp_path: Path) -> None:
    now = 'now: ["Disable {members}. {pool.other_members_ok} others are healthy."]\n'
    text = runbook_text("slow", "match: {probe: clean, member: [a, b]}\n" + now).replace("critical", "warning")
    seen = [each for name in "abc" for each in (options(name), eicar(name, probe="clean"), eicar(name, "blocked"))]

    (found,) = match(library_of(tmp_path / "warning", slow=text), seen).findings

    assert "Disable a, b. 1 others are healthy." == found.remedy[0]


def test_what_answered_in_a_log_is_left(tmp_path: Path) -> None:
    now = (
        'now:\n  - {step: "Disable {members}. {pool.other_members_answering} are left.", '
        "when: [{pool.other_members_answering|gte: 1}]}\n  - Call the owner.\n"
    )
    text = runbook_text("fails", "match: {status: failed}\n" + now).replace("source: probe", "source: log")
    library = library_of(tmp_path / "logged", fails=text)

    def logged(status: Status, *members: str) -> Observation:
        return Observation(
            source="log", probe="", pool="", member="", status=status, facts=RequestGroup(members=members)
        )

    def first(*seen: Observation) -> str:
        return match(library, seen).findings[0].remedy[0]

    failed = logged(Status.FAILED, "a")
    assert "Disable a. 2 are left." == first(failed, logged(Status.OK, "a", "b", "c"))
    assert "Call the owner." == first(failed, logged(Status.OK, "a"))
    assert "Call the owner." == first(failed, logged(Status.FAILED, "b"), logged(Status.OK, "b"))


def test_members_with_other_causes_are_other_problems(library: Library) -> None:
    seen = [options("a", istag="CI0001"), eicar("a"), options("b"), eicar("b"), eicar("b", probe="clean")]

    matched = match(library, seen)

    assert [("passes", ("a",), None), ("passes", ("b",), ("slow",))] == [
        (each.finding, each.members, each.consequences) for each in matched.problems
    ]
    assert [("passes", None), ("slow", ("passes",))] == [(each.id, each.because_of) for each in matched.findings]
    no_engine = next(cause for cause in matched.findings[0].causes or () if cause.id == "no-engine")
    assert (CauseStatus.PROVEN, ("a",)) == (no_engine.status, no_engine.members)


def test_what_rules_a_cause_out_comes_before_what_proves_it(library: Library) -> None:
    record = {"options.istag": "CI0001", "preview.cases_ok": ["whole"]}

    assert CauseStatus.RULED_OUT is weigh(library.by_id("passes").causes, record)[0].status


def test_a_coincidence_hides_nothing_that_another_probe_led_to(tmp_path: Path) -> None:
    cause = "{id: a, title: A, proven_by: [{options.istag: x}], fix: {avi: [Do.]}}"
    rule = f"match: {{probe: eicar}}\nsupersedes: [slow]\ncauses:\n  - {cause}\n"
    library = library_of(
        tmp_path / "runbooks",
        special=runbook_text("special", rule, sections=NO_FIXES),
        slow=runbook_text("slow", "match: {probe: clean}\n"),
    )
    seen = [eicar("a"), eicar("a", probe="clean")]

    assert ["slow", "special"] == sorted(each.id for each in match(library, seen).findings)
    assert ["special"] == [each.id for each in match(library, [options("a", istag="x"), *seen]).findings]


def test_the_record_at_the_same_address_comes_first() -> None:
    here, there = options("a", istag="here"), options("a", istag="there")
    there.facts.part(Endpoint).address = "192.0.2.9"  # type: ignore[union-attr]

    wide = Surroundings([there, here]).of({"source": "probe", "pool": "p", "member": "a", "address": "192.0.2.1"})

    assert "here" == wide.get("options.istag")
    assert None is wide.get("options.nothing")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"options.istag|startswith": "CI"}, ("ISTag: CI0001",)),
        ({"probe": "eicar", "offers_204": False}, ("offers 204: no",)),
        ({"answer_ms|gt": 5}, ("response time: 12.5 ms",)),
        ({"methods": "REQMOD"}, ("Methods: REQMOD, OPTIONS",)),
        ({"server|exists": False}, ("Server: not known",)),
        ({"icap_rules": 0}, ("ICAP rules: none",)),
        ({"pool.other_members_ok": 0}, ("other members ok: none",)),
        ({"full_log_duration": 0}, ("full client logs' duration: 0 (no end)",)),
        ({"ratio": 0, "slow_response_warning_threshold": 0}, ("ratio: 0", "slow_response_warning_threshold: 0 ms")),
        (
            {"options.status": "ok", "options.answer_ms|lt": 1000},
            ("status of options: ok", "response time of options: 2 ms"),
        ),
    ],
)
def test_facts_are_named_by_their_labels(condition: Any, expected: tuple[str, ...]) -> None:
    record: Facts = {
        "probe": "eicar",
        "options.istag": "CI0001",
        "options.status": "ok",
        "options.answer_ms": 2,
        "offers_204": False,
        "answer_ms": 12.5,
        "methods": ["REQMOD", "OPTIONS"],
        "icap_rules": 0,
        "pool.other_members_ok": 0,
        "full_log_duration": 0,
        "ratio": 0,
        "slow_response_warning_threshold": 0,
    }
    conditions = [parse_condition(name, value) for name, value in condition.items()]

    assert expected == in_words(each.explain(record) for each in conditions)


def test_a_log_s_problem_is_checked_at_the_members_that_failed() -> None:
    def group(status: Status, *members: str, uri: str = "/avscan", tls: bool | None = None) -> Observation:
        facts = RequestGroup(
            icap_action="ICAP_FAILED", client_outcome="unscanned", members=members, service_uri=uri, icap_tls=tls
        )
        return Observation(source="log", probe="", pool="pg", member="", status=status, facts=facts)

    seen = [
        group(Status.FAILED, "10.0.0.7:1344"),
        group(Status.FAILED, "[2001:db8::5]:11344", "10.0.0.7:1344", "(more)", uri="/x", tls=True),
        group(Status.OK, "10.0.0.9:1344"),
        group(Status.FAILED, "$(id):1344"),
    ]
    (found,) = (each for each in match(load_runbooks(), seen).findings if each.id == "unscanned-passed")

    assert found.steps is not None
    assert (
        "`icapdiag check icap://10.0.0.7:1344/avscan 'icaps://[2001:db8::5]:11344/x' icaps://10.0.0.7:1344/x --eicar`"
        == (found.steps.check or ())[-1]
    )


def test_members_with_other_paths_are_other_problems(tmp_path: Path) -> None:
    cause = "{id: a, title: A, proven_by: match, fix: {avi: ['Set {paths}.']}}"
    rule = f"match: {{probe: services, candidates|exists: true}}\ncauses:\n  - {cause}\n"
    library = library_of(tmp_path / "runbooks", lost=runbook_text("lost", rule, sections=NO_FIXES))

    def found(member: str, *candidates: str) -> Observation:
        facts = Services(candidates=candidates)
        return Observation(source="probe", probe="services", pool="p", member=member, status=Status.OK, facts=facts)

    problems = match(library, [found("a", "/avscan"), found("b", "/req"), found("c", "/avscan")]).problems

    assert [(("a", "c"), ("On Avi: Set /avscan.",)), (("b",), ("On Avi: Set /req.",))] == [
        (each.members, each.steps and each.steps.fix) for each in problems
    ]
