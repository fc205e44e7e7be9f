"""The page as a document: valid, whole, in the right order, the same each time, and nothing but text from others."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import html5lib
import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from icapdiag.facts import Answer, facts_of
from icapdiag.facts.run import Configuration, ProbingVantage, ProfileSettings, Route
from icapdiag.model import Cause, Problem, Report, Unmatched, Verification, sheet_of, unflatten
from icapdiag.report.document import Document
from icapdiag.report.formats import render
from icapdiag.report.machine.from_json import read_report
from icapdiag.report.machine.to_json import render as to_json
from icapdiag.report.machine.to_json import settled
from icapdiag.vocabulary import CauseStatus, Health
from tests.examples import examples
from tests.report import log_samples, samples
from tests.report.html.allowed import ATTRIBUTES, ELEMENTS
from tests.report.html.made import large_report, log_report, pool_report
from tests.report.strategies import reports

HOSTILE = (
    "</style></title></svg>--><script>alert(1)</script><img src=x onerror=alert(1)>\"' onload='x' {{7*7}} \u202e\x00"
)


def page(report: Report) -> str:
    return render(report, "html")


def parsed(document: str) -> Any:
    """The tree of a document that is valid HTML 5; html5lib refuses every parse error."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(document)


def names(tree: Any) -> Iterator[tuple[str, str]]:
    """Each element and each of its attributes, without namespaces; the attribute is empty for the element itself."""
    for element in tree.iter():
        if isinstance(element.tag, str):
            tag = element.tag.rpartition("}")[2]
            yield tag, ""
            for attribute in element.keys():  # noqa: SIM118 - an element is no mapping
                yield tag, attribute.rpartition("}")[2]


def words(tree: Any) -> str:
    """The text of the page, on one line."""
    found = tree.find("body").itertext()
    return " ".join(" ".join(found).split())


REPORTS = {
    "pool": pool_report(),
    "log": log_report(),
    "nothing": settled(samples.report((), ())),
    "well": settled(samples.report([samples.HEALTHY], ())),
    "large": large_report(60),
}


@cache
def drawn(name: str) -> str:
    return page(REPORTS[name])


@cache
def tree_of(name: str) -> Any:
    """To be looked at alone."""
    return parsed(drawn(name))


@pytest.mark.parametrize("name", REPORTS)
def test_page_is_valid_html_with_nothing_else_than_what_we_write(name: str) -> None:
    for tag, attribute in names(tree_of(name)):
        assert tag in ELEMENTS
        assert not attribute or attribute in ATTRIBUTES


@pytest.mark.parametrize("name", REPORTS)
def test_every_id_is_there_once_and_every_link_leads_to_one(name: str) -> None:
    tree = tree_of(name)
    ids = [found for element in tree.iter() if isinstance(element.tag, str) and (found := element.get("id"))]
    assert len(set(ids)) == len(ids)
    links = {value[1:] for element in tree.iter() if (value := element.get("href")) is not None}
    labels = {element.get("aria-labelledby") or "" for element in tree.iter()} - {""}
    assert set() == (links | labels) - set(ids)


@pytest.mark.parametrize("name", REPORTS)
def test_a_saved_report_gives_the_same_bytes(name: str) -> None:
    saved = read_report(to_json(REPORTS[name]).encode())
    assert drawn(name) == page(saved)


def test_policy_allows_our_style_alone() -> None:
    document = drawn("pool")
    style = re.search(r"<style>(.*?)</style>", document, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    metas = [element.attrib for element in tree_of("pool").iter("meta")]
    assert [policy] == [meta["content"] for meta in metas if meta.get("http-equiv") == "Content-Security-Policy"]


def test_page_names_no_place_to_load_from() -> None:
    assert [] == re.findall(r"(?:https?:)?//|url\(|@import|data:", page(settled(samples.report())))


def test_the_verdict_and_the_worst_finding_come_first() -> None:
    told = words(tree_of("pool"))
    assert told.startswith(
        "CRITICAL ICAP pool ICAP-POOL-GROUP, service /avscan 2026-01-01 00:00:00 UTC, took 1.5 s "
        "1 of 5 members has critical problems, 1 has a warning, 1 failure that no runbook explains"
    )
    assert "The server refuses TCP connections at 10.0.0.6:1344" in told.partition(" Members ")[0]
    assert "Fix On the ICAP server: start the service, then run ss -ltn ." in told


def test_sections_of_a_check() -> None:
    headings = [(heading.text or "").replace("\xa0", " ") for heading in tree_of("pool").iter("h2")]
    assert [
        "1 of 5 members has critical problems, 1 has a warning, 1 failure that no runbook explains", "Members",
        "Problems, most severe first", "Not explained by any runbook (1)", "Differences between members",
        "Response times", "Rounds", "Latency against body size", "Latency against parallel requests",
        "Conformance to RFC 3507", "About this run",
    ] == headings  # fmt: skip


def test_sections_of_a_log() -> None:
    headings = ["".join(heading.itertext()).replace("\xa0", " ") for heading in tree_of("log").iter("h2")]
    assert [
        "3 of 16 requests with an icap_log passed unscanned, 2026-01-01 10:00:00 to 2026-01-02 00:00:01 UTC",
        "What clients got", "ICAP response: ICAP 200 OK, HTTP 403 inside", "Problems, most severe first", "Over time",
        "Request groups", "About this run", "What was read",
    ] == headings  # fmt: skip


@pytest.mark.parametrize(
    ("report", "title"),
    [
        (samples.report([samples.HEALTHY], ()), "The member allows a harmless file and blocks EICAR"),
        (
            samples.report([samples.UNTESTED], (), complete=False),
            "1 member could not be judged (incomplete: not all probes ran)",
        ),
        (
            samples.report(
                [samples.NAMED],
                (),
                unmatched=Unmatched(count=2, examples=(unflatten({"source": "probe", "probe": "tcp", "member": "a"}),)),
            ),
            "1 member could not be judged, 2 failures that no runbook explains",
        ),
        (
            log_samples.log_report((), ()),
            "3 of 16 requests with an icap_log passed unscanned, 2026-01-01 10:00:00 to 2026-01-02 00:00:01 UTC",
        ),
    ],
)
def test_without_a_finding_the_first_thing_says_why(report: Report, title: str) -> None:
    heading = "".join(next(parsed(page(settled(report))).iter("h2")).itertext())
    assert title == heading.replace("\xa0", " ")


def test_no_line_of_the_headline_ends_within_a_time_or_after_a_number() -> None:
    (heading, *_) = tree_of("log").iter("h2")
    assert "".join(heading.itertext()).startswith(
        "3\xa0of 16\xa0requests with an icap_log passed unscanned, 2026-01-01 10:"
    )
    assert ["2026-01-01 10:00:00", "2026-01-02 00:00:01"] == [each.text for each in heading.iter("span")]
    assert {"unbroken"} == {each.get("class") for each in heading.iter("span")}
    assert ".unbroken { white-space: nowrap; }" in drawn("log")


def test_what_to_do_first_stands_at_the_top() -> None:
    top = next(each for each in tree_of("pool").iter("section") if "worst" in (each.get("class") or ""))
    first = next(each for each in top.iter("p") if each.get("class") == "first")
    assert f"First: {Document(REPORTS['pool']).overview.first}" == "".join(first.itertext()).replace(
        "ss -ltn", "`ss -ltn`"
    )


def test_incomplete_reports_say_so() -> None:
    told = words(parsed(page(settled(samples.report([samples.UNTESTED], (), complete=False)))))
    assert "incomplete: not all probes ran" in told


def test_status_is_a_word_and_a_shape() -> None:
    tree = tree_of("pool")
    for chip in (each for each in tree.iter("span") if "chip" in (each.get("class") or "")):
        assert "".join(chip.itertext()).strip()
        assert any(use.get("href", "").startswith("#s-") for use in chip.iter() if use.tag.endswith("use"))
    told = words(tree)
    assert "10.0.0.6:1344 critical failed refused not run (tcp failed)" in " ".join(told.replace(" - ", " ").split())


def test_members_that_are_not_ok_stand_first_and_many_healthy_ones_are_folded() -> None:
    tree = tree_of("large")
    folds = [fold for fold in tree.iter("details") if fold.get("class") == "fold"]
    assert ["53 ok"] == [fold.find("summary").text for fold in folds]
    assert 53 == len(list(folds[0].iter("tr"))) - 1
    first = next(tree.iter("table"))
    assert [*["critical"] * 6, "warning"] == ["".join(row[1].itertext()) for row in first.find("tbody")]


def test_the_sample_that_was_not_treated_as_it_should_be_stands_out() -> None:
    passed = samples.member("10.0.0.1", samples.observation("eicar", verdict="allowed", icap_status=204))
    tree = parsed(page(settled(samples.report([passed], ()))))
    (cell,) = (cell for cell in tree.iter("td") if cell.get("data-of") == "EICAR")
    assert ["#s-critical"] == [use.get("href") for use in cell.iter() if use.get("href")]


def test_conformance_says_who_deviates_and_how() -> None:
    told = words(tree_of("pool"))
    assert "1 status-line 4 0 0 the first line is ICAP/1.0" in told
    assert "2 options 0 4 0" in told
    assert (
        "OPTIONS is refused; ICAP/1.0 200 OK at 10.0.0.1:1344, 10.0.0.2:1344, 10.0.0.3:1344, 10.0.0.4:1344 (tolerated)"
        in told
    )
    assert "the offsets are wrong; ICAP/1.0 200 OK at 10.0.0.1:1344" in told
    assert "10.0.0.4:1344 (breaks clients)" in told


def test_a_problem_has_what_support_asks_for_folded() -> None:
    finding = samples.TCP_REFUSED
    problem = Problem(
        finding=finding.id,
        severity=finding.severity,
        title=finding.title,
        members=finding.members,
        count=1,
        causes=(
            Cause(id="a", title="It is stopped.", status=CauseStatus.LIKELY, facts=("reason: refused",)),
            Cause(id="b", title="It is elsewhere.", status=CauseStatus.RULED_OUT),
        ),
        verify=(Verification(shows="From here:", commands="nc -vz {host} {port}"),),
        escalate=("The log of its last start.",),
    )
    met = replace(finding.evidence[0], facts=sheet_of("probe", "tcp", {"host": "10.0.0.6", "port": 1344}))
    made = replace(samples.report(findings=(replace(finding, evidence=(met,)),)), problems=(problem,))
    tree = parsed(page(settled(made)))
    folds = {
        fold.find("summary").text: " ".join(fold.itertext())
        for fold in tree.iter("details")
        if fold.get("class") == "all"
    }
    told = {title: " ".join(text.split()) for title, text in folds.items()}
    assert "Causes: 2 Likely: It is stopped. reason: refused Ruled out: It is elsewhere." == told["Causes: 2"]
    assert "Verify: commands From here: nc -vz 10.0.0.6 1344" == told["Verify: commands"]
    assert "Escalate with The log of its last start." == told["Escalate with"]


def test_an_assumed_setting_of_the_profile_is_marked() -> None:
    made = samples.report(subject={**samples.SUBJECT, "preview_size": 5000, "response_timeout": 60_000})
    settings = ProfileSettings(fail_action="ICAP_FAIL_OPEN", stated=("preview_size",))
    told = words(parsed(page(settled(replace(made, configuration=Configuration(profile=settings))))))
    assert "preview_size 5000 bytes response_timeout 60000 ms (assumed: Avi's default)" in told
    assert "fail_action ICAP_FAIL_OPEN (assumed: Avi's default)" in told


def test_commands_in_a_runbooks_text_are_code() -> None:
    tree = tree_of("pool")
    assert {"ss -ltn", "Preview: 0"} <= {code.text for code in tree.iter("code")}


def test_evidence_is_bounded() -> None:
    headers = {fact.key: "<&" * 5000 for fact in facts_of(Answer) if fact.type is str and not fact.many}
    long = {"source": "probe", "probe": "clean", "member": "m", **headers, "error": "<&" * 5000}
    finding = replace(samples.TCP_REFUSED, evidence=(unflatten(long),) * 6)
    assert len(page(settled(samples.report(findings=(finding,) * 60)))) < 5_000_000


def hostile(value: Any) -> Any:
    """``value`` with every text in it replaced, but for words of our own closed vocabularies."""
    match value:
        case str():
            return HOSTILE
        case dict():
            return {key: item if key in ("source", "probe", "status") else hostile(item) for key, item in value.items()}
        case list():
            return [hostile(item) for item in value]
        case _:
            return value


@pytest.mark.parametrize("name", ["pool", "log"])
def test_texts_of_others_stay_texts_wherever_they_stand(name: str) -> None:
    plain = json.loads(to_json(REPORTS[name]))
    for key in ("vantage", "subject", "tool", "comparison", "notes", "unmatched"):
        plain[key] = hostile(plain[key])
    for bucket in ("groups", "findings"):
        kept = ("id", "severity", "first_seen", "last_seen", "source", "probe", "findings", "evidence")
        plain[bucket] = [
            {key: value if key in kept else hostile(value) for key, value in item.items()} for item in plain[bucket]
        ]
    for member in plain["members"]:
        member["name"] = member["address"] = HOSTILE
        for probe in member["probes"]:
            probe["facts"] = {
                key: hostile(value) if key not in ("sizes_tried", "steps", "samples") else value
                for key, value in probe["facts"].items()
            }
    document = page(read_report(json.dumps(plain).encode()))
    for tag, attribute in names(parsed(document)):
        assert tag in ELEMENTS
        assert not attribute or attribute in ATTRIBUTES
    assert not set("\u202e\x00") & set(document)


@settings(max_examples=examples(30), suppress_health_check=[HealthCheck.too_slow])
@given(reports)
def test_any_report_has_a_page(report: Report) -> None:
    made = settled(report)
    document = page(made)
    assert document.startswith("<!DOCTYPE html>")
    assert document.endswith("</html>\n")
    assert document == page(made)
    assert made.verdict in Health


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"clock_synchronised": True, "clock_max_error_ms": 12}, "Clock synchronised to within 12 ms"),
        ({"clock_synchronised": False}, "Clock not synchronised: times may be off"),
        ({"clock_synchronised": None}, "Clock not known whether synchronised"),
    ],
)
def test_the_place_is_told_once(state: dict[str, Any], told: str) -> None:
    made = pool_report()
    assert isinstance(made.vantage, ProbingVantage)
    routes = (Route(interface="eth7", gateway="10.9.9.9", members=2),)
    text = words(parsed(page(settled(replace(made, vantage=replace(made.vantage, routes=routes, **state))))))

    assert 1 == text.count("eth7 via 10.9.9.9")
    assert told in text
    assert 1 == text.count("synchronised")


def test_what_was_not_tested_is_said_once_and_whole() -> None:
    left = "chunked uploads, previews, sizes, persistent connections, RFC 3507 rules (--depth deep)"
    text = words(parsed(page(replace(samples.report(), not_tested=(left,)))))

    assert 1 == text.count("Not tested: ")
    assert f"Not tested: {left}." in text


def test_a_problem_that_the_headline_names_is_not_listed_below_it() -> None:
    of_all = replace(log_samples.FINDING, members=(), title="The title", evidence=())
    (only,) = Document(log_samples.log_report((), (of_all,))).problems
    text = words(parsed(page(log_samples.log_report((), (of_all,)))))

    assert "" == only.where
    assert 2 == text.count("The title")  # in the headline, and where the problem is
