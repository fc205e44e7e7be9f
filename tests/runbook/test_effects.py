"""What a finding means for requests, and which of several comes first."""

from __future__ import annotations

from pathlib import Path

import pytest

from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import Endpoint
from icapdiag.facts.deep import Size
from icapdiag.facts.groups import RequestGroup
from icapdiag.facts.standard import Sample
from icapdiag.model import Facts, Finding, Observation
from icapdiag.runbook import load_runbooks, match
from icapdiag.runbook.findings import under_roots
from icapdiag.vocabulary import Effect, Reason, Severity, Status
from tests.runbook.observed import eicar, options
from tests.runbook.writing import library_of, runbook_text


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["refused-500"], Effect.REFUSED),
        (["refused-500", "unknown"], Effect.REFUSED),
        (["refused-500", "unscanned"], Effect.UNSCANNED),
        (["unscanned"], Effect.UNSCANNED),
        (["passed"], Effect.NONE),
        (["unknown"], Effect.UNSCANNED),
    ],
)
def test_a_log_says_what_its_clients_got(tmp_path: Path, outcomes: list[str], expected: Effect) -> None:
    rule = "match: {icap_action: ICAP_FAILED}\neffect: fail-action\n"
    library = library_of(
        tmp_path / "runbooks", failed=runbook_text("failed", rule).replace("source: probe", "source: log")
    )
    groups = [
        Observation(
            source="log",
            probe="",
            pool="p",
            member="",
            status=Status.FAILED,
            facts=RequestGroup(icap_action="ICAP_FAILED", client_outcome=outcome),
        )
        for outcome in outcomes
    ]

    assert expected is match(library, groups).findings[0].effect


def test_a_consequence_follows_its_root_whatever_comes_between() -> None:
    def found(name: str, *because_of: str) -> Finding:
        return Finding(id=name, severity=Severity.INFO, title="", members=(), count=1, because_of=because_of or None)

    names = [
        each.id for each in under_roots([found("a", "c"), found("b"), found("c"), found("d", "a"), found("e", "x")])
    ]

    assert ["c", "a", "d", "b", "e"] == names
    assert ["a", "b"] == [each.id for each in under_roots([found("a", "b"), found("b", "a")])]


def test_what_is_known_to_pass_comes_before_what_is_assumed_to(tmp_path: Path) -> None:
    library = library_of(
        tmp_path / "runbooks",
        a=runbook_text("a", "match: {probe: clean}\neffect: fail-action\n"),
        b=runbook_text("b", "match: {probe: eicar}\neffect: unscanned\n"),
    )
    seen = [eicar("a"), eicar("a", probe="clean"), eicar("b", probe="clean")]

    assert ["b", "a"] == [each.id for each in match(library, seen).findings]
    stated = match(library, seen, profile={"fail_action": "ICAP_FAIL_OPEN"}).findings
    assert ["a", "b"] == [each.id for each in stated]


SIZE_RULE = """match: {probe: clean}
effect: fail-closed
effect_when:
  slow: [{istag: never}]
  refused: [{verdict: blocked}, {verdict: unscannable}]
"""


@pytest.mark.parametrize(
    ("verdict", "fail_action", "expected", "by_fail_action"),
    [
        ("unknown", None, Effect.NONE, True),  # Avi fails open by default
        ("unknown", "ICAP_FAIL_OPEN", Effect.NONE, True),
        ("unknown", "ICAP_FAIL_CLOSED", Effect.REFUSED, True),
        ("blocked", None, Effect.REFUSED, None),
        ("unscannable", "ICAP_FAIL_OPEN", Effect.REFUSED, None),
    ],
)
def test_an_effect_depends_on_what_was_seen(
    tmp_path: Path, verdict: str, fail_action: str | None, expected: Effect, by_fail_action: bool | None
) -> None:
    library = library_of(tmp_path / "runbooks", tiny=runbook_text("tiny", SIZE_RULE))
    profile: Facts | None = {"fail_action": fail_action} if fail_action else None

    (found,) = match(library, [eicar("a", verdict, probe="clean")], profile=profile).findings

    assert (expected, by_fail_action) == (found.effect, found.by_fail_action)


def test_of_several_members_the_worst_effect_counts(tmp_path: Path) -> None:
    library = library_of(tmp_path / "runbooks", tiny=runbook_text("tiny", SIZE_RULE))
    seen = [eicar("a", "unknown", probe="clean"), eicar("b", "blocked", probe="clean")]

    assert [Effect.REFUSED] == [each.effect for each in match(library, seen).findings]


@pytest.mark.parametrize("closed", [False, True])
def test_what_lets_viruses_in_comes_before_what_holds_none(closed: bool) -> None:
    """Chunked uploads that fail open are a way around the scanner; bodies of 0 or 1 byte are not."""
    endpoint = Endpoint(host="a", port=1344, address="192.0.2.1")
    failed = Sample(endpoint=endpoint, answer=Answer(icap_status=400))
    seen = [
        options("a", istag="x"),
        eicar("a", probe="clean"),
        Observation(source="probe", probe="chunked", pool="p", member="a", status=Status.FAILED,
                    reason=Reason.ICAP_STATUS, facts=failed),
        Observation(source="probe", probe="size", pool="p", member="a", status=Status.OK,
                    facts=Size(tiny_refused=(0,), tiny_failure="status", tiny_failure_status=400)),
    ]  # fmt: skip
    profile: Facts = {"fail_action": "ICAP_FAIL_CLOSED" if closed else "ICAP_FAIL_OPEN"}

    found = [(each.id, str(each.effect)) for each in match(load_runbooks(), seen, profile=profile).findings]

    effects = ("refused", "refused") if closed else ("unscanned", "none")
    assert [*zip(("chunked-upload-refused", "tiny-upload-refused"), effects, strict=True)] == found
