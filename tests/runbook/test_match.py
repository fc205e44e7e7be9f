"""From observations to findings."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from icapdiag.facts.connection import TCP
from icapdiag.facts.fields import BASE, SHEETS
from icapdiag.facts.sheet import Sheet, facts_of
from icapdiag.facts.standard import Options
from icapdiag.model import JSONValue, Observation, Unmatched, flatten, sheet_of
from icapdiag.runbook import Library, explaining, match
from icapdiag.runbook.diagnosed import MEMBERS
from icapdiag.runbook.findings import ELEMENTS, EVIDENCE, TEXT, bounded
from icapdiag.runbook.prose import first_paragraph, first_steps
from icapdiag.vocabulary import Reason, Severity, Status
from tests.runbook.writing import SECTIONS, library_of, runbook_text


def seen(
    probe: str = "tcp",
    status: Status = Status.FAILED,
    reason: str | None = Reason.REFUSED,
    *,
    member: str = "a:1344",
    source: str = "probe",
    **facts: JSONValue,
) -> Observation:
    return Observation(
        source=source,
        probe=probe,
        pool="p",
        member=member,
        status=status,
        reason=reason,
        elapsed_ms=1.0,
        facts=sheet_of(source, probe, facts),
    )


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return library_of(
        tmp_path / "runbooks",
        any_failure=runbook_text("any-failure", "match: {status: failed}\n"),
        refused=runbook_text("refused", head="supersedes: [any-failure]\n"),
        slow=runbook_text("slow", "match: {elapsed_ms|gt: 100}\n").replace("critical", "warning"),
        found=runbook_text("found", "match: {verdict: blocked}\nunless: {probe: eicar}\n").replace("probe\n", "log\n"),
    )


def test_one_finding_for_each_runbook(library: Library) -> None:
    matched = match(
        library, [seen(member="b:1344"), seen(member="a:1344"), seen("tls", reason="reset", member="c:1344")]
    )

    assert ["refused", "any-failure"] == [finding.id for finding in matched.findings]
    refused, general = matched.findings
    assert (Severity.CRITICAL, "The title of refused", "runbooks/refused.md") == (
        refused.severity,
        refused.title,
        refused.runbook,
    )
    assert (("b:1344", "a:1344"), 2) == (refused.members, refused.count)
    assert (("c:1344",), 1) == (general.members, general.count)
    assert "Nobody listens." == refused.meaning
    assert ("On Avi: Disable the member.", "On the ICAP server: Start it.") == refused.remedy
    assert (None, None) == (refused.first_seen, refused.last_seen)
    assert {"probe": "tcp", "reason": "refused", "status": "failed", "elapsed_ms": 1.0, "member": "b:1344"}.items() <= (
        flatten(refused.evidence[0]).items()
    )
    assert Unmatched() == matched.unmatched


def test_each_observation_has_the_ids_of_what_explains_it(library: Library) -> None:
    reset, ok = seen(reason="reset", member="b:1344"), seen("clean", Status.OK, None, member="c:1344")
    assert (("any-failure",), (), ("refused",)) == match(library, [reset, ok, seen()]).explained


def test_worst_first_then_most_members_then_by_id(library: Library) -> None:
    slow = Observation(
        source="probe", probe="options", pool="p", member="c", status=Status.OK, elapsed_ms=500.0, facts=Options()
    )
    matched = match(
        library,
        [slow, seen("clean"), seen("eicar", member="d"), seen(member="e"), seen(source="log", verdict="blocked")],
    )

    assert ["any-failure", "found", "refused", "slow"] == [finding.id for finding in matched.findings]


def test_a_source_that_does_not_fit_never_matches(library: Library) -> None:
    assert () == match(library, [seen(source="log"), seen(source="config")]).findings


def test_unless_excludes(library: Library) -> None:
    record = {"source": "log", "verdict": "blocked"}

    assert ["found"] == [runbook.id for runbook in explaining(library, record)]
    assert () == explaining(library, {**record, "probe": "eicar"})


def test_superseded_at_any_remove_even_if_the_middle_one_does_not_apply(tmp_path: Path) -> None:
    chain = library_of(
        tmp_path,
        a=runbook_text("a", "match: {probe: tcp}\n", head="supersedes: [b]\n"),
        b=runbook_text("b", "match: {probe: tls}\n", head="supersedes: [c]\n"),
        c=runbook_text("c", "match: {status: failed}\n"),
    )

    assert ["a"] == [finding.id for finding in match(chain, [seen()]).findings]


def test_what_one_probe_shows_supersedes_what_another_probe_of_the_member_shows(library: Library) -> None:
    general = seen("options", reason="timeout")

    assert ["refused"] == [finding.id for finding in match(library, [general, seen()]).findings]
    assert ["refused"] == [finding.id for finding in match(library, [seen(), general]).findings]
    assert Unmatched() == match(library, [general, seen()]).unmatched


def test_another_member_and_another_pool_are_another_matter(library: Library) -> None:
    elsewhere = Observation(
        source="probe", probe="tcp", pool="q", member="a:1344", status=Status.FAILED, reason=Reason.REFUSED, facts=TCP()
    )
    general = seen("options", reason="timeout")

    assert ["any-failure", "refused"] == [finding.id for finding in match(library, [general, elsewhere]).findings]
    assert 2 == len(match(library, [general, seen(member="b:1344")]).findings)


@pytest.mark.parametrize(("options_ms", "expected"), [(4800.0, ["waited"]), (2.0, [])])
def test_a_sample_is_judged_beside_what_the_same_member_s_options_answer_took(
    options_ms: float, expected: list[str], tmp_path: Path
) -> None:
    """By the answer's own time: not by the step's, and not by the sample's."""
    library = library_of(
        tmp_path, waited=runbook_text("waited", "match: {probe: clean, options_answer_ms|gte: 1200}\n")
    )
    options = seen("options", Status.OK, None, answer_ms=options_ms, answer_application_ms=3000.0)
    clean = seen("clean", Status.OK, None, answer_ms=9000.0)

    assert expected == [finding.id for finding in match(library, [options, clean]).findings]


def test_what_a_member_did_not_offer_is_null_beside_the_sample_and_last(tmp_path: Path) -> None:
    library = library_of(tmp_path, clean=runbook_text("clean", "match: {probe: clean}\n"))
    observations = [seen("options", Status.OK, None, answer_ms=2.0), seen("clean", Status.OK, None)]

    (finding,) = match(library, observations).findings
    expected = [("offered_204", None), ("offered_preview", None), ("options_answer_ms", 2.0)]
    assert expected == list(flatten(finding.evidence[0]).items())[-3:]


def test_requests_of_a_log_stand_alone(tmp_path: Path) -> None:
    logs = library_of(
        tmp_path / "logs",
        general=runbook_text("general", "match: {status: failed}\n").replace("probe\n", "log\n"),
        special=runbook_text("special", "match: {icap_status: 404}\n", head="supersedes: [general]\n").replace(
            "probe\n", "log\n"
        ),
    )
    observations = [seen("", reason=None, source="log"), seen("", reason=None, source="log", icap_status=404)]

    assert [("general", 1), ("special", 1)] == [(f.id, f.count) for f in match(logs, observations).findings]


def test_siblings_are_told_for_a_single_record(library: Library) -> None:
    general, special = flatten(seen("options", reason="timeout")), flatten(seen())

    assert ["any-failure"] == [runbook.id for runbook in explaining(library, general)]
    assert () == explaining(library, general, [special])
    assert ["refused"] == [runbook.id for runbook in explaining(library, special, [general])]


def test_only_the_first_few_observations_are_kept(library: Library) -> None:
    matched = match(library, [seen(member=f"{number}") for number in range(20)])

    assert EVIDENCE == len(matched.findings[0].evidence)
    assert 20 == matched.findings[0].count == len(matched.findings[0].members)


def logged(*, member: str = "", **facts: JSONValue) -> Observation:
    return seen("", Status.OK, None, source="log", member=member, verdict="blocked", **facts)


def test_a_log_s_observation_stands_for_many_requests(library: Library) -> None:
    times = {"first_seen": "2026-01-01T10:00:00Z", "last_seen": "2026-01-01T11:00:00.5Z"}
    matched = match(
        library,
        [
            logged(count=40, members=["a:1", "b:1"], **times),
            logged(count=2, member="c:1", first_seen="2026-01-01T09:59:00+00:00"),
            logged(member="c:1", count=None),
        ],
    )

    (finding,) = matched.findings
    assert (43, ("a:1", "b:1", "c:1")) == (finding.count, finding.members)
    assert ("2026-01-01T09:59:00.000Z", "2026-01-01T11:00:00.500Z") == (finding.first_seen, finding.last_seen)


def test_without_a_count_it_counts_one_and_no_sheet_has_less(library: Library) -> None:
    assert 1 == match(library, [logged(count=None)]).findings[0].count
    for count in (0, -5):
        with pytest.raises(msgspec.ValidationError, match="count"):
            logged(count=count)


@pytest.mark.parametrize("members", [[], None])
def test_without_a_list_of_members_the_member_counts(library: Library, members: JSONValue) -> None:
    assert ("z:1",) == match(library, [logged(member="z:1", members=members)]).findings[0].members


def test_members_of_a_log_are_bounded(library: Library) -> None:
    names = [f"m{number}:1344" for number in range(80)]

    assert tuple(names[:MEMBERS]) == match(library, [logged(members=names)]).findings[0].members


def test_findings_of_a_log_are_sorted_by_requests(tmp_path: Path) -> None:
    library = library_of(
        tmp_path / "logs",
        few=runbook_text("few", "match: {icap_status: 404}\n").replace("probe\n", "log\n"),
        many=runbook_text("many", "match: {icap_status: 500}\n").replace("probe\n", "log\n"),
    )
    observations = [logged(icap_status=404, count=3, members=["a", "b"]), logged(icap_status=500, count=900)]

    assert ["many", "few"] == [finding.id for finding in match(library, observations).findings]


def test_unexplained_requests_are_counted() -> None:
    assert 25 == match(Library(()), [logged(count=25)]).unmatched.count


@pytest.mark.parametrize(
    ("action", "expected"),
    [("ICAP_PASSED", 0), ("ICAP_MODIFIED", 0), ("ICAP_DISABLED", 0), ("ICAP_BLOCKED", 1), (None, 1)],
)
def test_where_avi_logged_what_it_did_the_headers_need_not_tell(action: str | None, expected: int) -> None:
    observation = seen("", Status.OK, None, source="log", verdict="unknown", icap_action=action)

    assert expected == match(Library(()), [observation]).unmatched.count


def test_times_are_compared_as_times(library: Library) -> None:
    times = ["2026-01-01T10:00:00Z", "2026-01-01T10:30:00+02:00", "2026-01-01T09:00:00.25", "yesterday", None, ""]
    matched = match(library, [logged(timestamp=time) for time in times])

    assert ("2026-01-01T08:30:00.000Z", "2026-01-01T10:00:00.000Z") == (
        matched.findings[0].first_seen,
        matched.findings[0].last_seen,
    )


def test_a_time_at_the_end_of_the_calendar_is_none(library: Library) -> None:
    assert None is match(library, [logged(timestamp="0001-01-01T00:00:00+14:00")]).findings[0].first_seen


@pytest.mark.parametrize(
    ("observation", "expected"),
    [
        (seen(), 1),
        (seen(status=Status.ERROR, reason=Reason.BUG), 1),
        (seen("clean", Status.FAILED, Reason.ICAP_STATUS, icap_status=500), 1),
        (seen("options", Status.BLOCKED, "tcp"), 0),
        (seen("eicar", Status.SKIPPED, "not-asked"), 0),
        (seen("clean", Status.OK, None, verdict="allowed"), 0),
        (seen("clean", Status.OK, None, verdict="modified"), 0),
        (seen("clean", Status.OK, None, verdict="blocked"), 1),
        (seen("clean", Status.OK, None, verdict="unscannable"), 1),
        (seen("clean", Status.OK, None, verdict="error"), 1),
        (seen("clean", Status.OK, None, verdict="unknown"), 1),
        (seen("eicar", Status.OK, None, verdict="blocked"), 0),
        (seen("eicar", Status.OK, None, verdict="unknown"), 1),
        (seen("options", Status.OK, None, verdict="unknown"), 0),
        (seen("", Status.OK, None, source="log", verdict="blocked"), 1),
    ],
)
def test_what_nothing_explains_is_counted_unless_it_needs_no_explanation(
    observation: Observation, expected: int
) -> None:
    unmatched = match(Library(()), [observation]).unmatched

    assert (expected, expected) == (unmatched.count, len(unmatched.examples))


def test_only_a_few_examples_of_the_unexplained_are_kept() -> None:
    unmatched = match(Library(()), [seen() for _ in range(9)]).unmatched

    assert (9, 5) == (unmatched.count, len(unmatched.examples))


def test_evidence_is_bounded() -> None:
    record: dict[str, JSONValue] = {
        "text": "x" * 5000,
        "list": list(range(100)),
        "in": [{"text": "x" * 5000}],
        "number": 5,
        "none": None,
    }
    cut = bounded(record)

    assert {
        "text": "x" * TEXT + "…",
        "list": list(range(ELEMENTS)),
        "in": [{"text": "x" * TEXT + "…"}],
        "number": 5,
        "none": None,
    } == cut


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("One line.", "One line."),
        ("Two\n  lines.\n\nMore.", "Two lines."),
        ("**Bold** and *light* and `code *x* **y**`.", "Bold and light and `code *x* **y**`."),
        ("See [the guide](https://example.com/a_(b)) `f(x)`.", "See the guide) `f(x)`."),
        ("2 * 3 * 4 and snake_case_name and __init__", "2 * 3 * 4 and snake_case_name and __init__"),
        ("", ""),
    ],
)
def test_first_paragraph(markdown: str, expected: str) -> None:
    assert expected == first_paragraph(markdown)


def steps(avi: str, server: str) -> tuple[str, ...]:
    return first_steps({"What it means": "- no", "Fix on Avi": avi, "Fix on the ICAP server": server})


def test_steps_are_shared_by_the_two_fixes() -> None:
    many = "1. one\n2. two\n3. three\n4. four\n5. five\n"

    assert ("On Avi: one", "On Avi: two", "On the ICAP server: one", "On the ICAP server: two") == steps(many, many)
    assert (
        "On the ICAP server: one",
        "On the ICAP server: two",
        "On the ICAP server: three",
        "On the ICAP server: four",
    ) == steps("Nothing to change on Avi.", many)
    assert ("On Avi: one", "On Avi: two", "On Avi: three", "On the ICAP server: x") == steps(many, "- x")
    assert () == first_steps({})


def test_steps_stand_in_the_order_of_the_file() -> None:
    found = first_steps({"Fix on the ICAP server": "- Start it.", "Fix on Avi": "- Wait."})

    assert ("On the ICAP server: Start it.", "On Avi: Wait.") == found


def test_a_step_is_the_first_paragraph_of_its_item() -> None:
    markdown = """\
First this:

- **Open** the
  profile
lazily.

  Not this.
- Run:
  ```sh
  - not an item
  ```
  1. nor this
* last
"""

    assert ("On Avi: Open the profile lazily.", "On Avi: Run:", "On Avi: last") == steps(markdown, "")


def test_sections_used_here_exist() -> None:
    assert "## Fix on Avi" in SECTIONS
    assert "## Fix on the ICAP server" in SECTIONS


@pytest.mark.parametrize("cls", SHEETS.values(), ids=lambda cls: cls.__name__)
def test_no_fact_has_the_name_of_a_field_of_the_observation(cls: type[Sheet]) -> None:
    assert set() == {fact.key for fact in facts_of(cls)} & set(BASE)
