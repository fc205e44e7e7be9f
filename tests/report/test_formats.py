"""Every format, read back by a reader that we did not write, for reports of all kinds and for hostile ones."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from msgspec.structs import replace

from icapdiag.facts.connection import TCP, ProbeSheet
from icapdiag.facts.run import PoolSubject
from icapdiag.model import Finding, Report, Unmatched, unflatten
from icapdiag.report.formats import FORMATS, Style, render
from icapdiag.report.machine.nagios import PluginStatus, plugin_status
from icapdiag.report.machine.to_json import settled
from icapdiag.report.markup import gfm, jira, plaintext
from icapdiag.vocabulary import Health, Severity, Status
from tests.examples import examples
from tests.report.log_samples import ENTRIES, log_report
from tests.report.readers import (
    DATA,
    READERS,
    read_csv,
    read_json,
    read_junit,
    read_markdown,
    read_nagios,
    read_prometheus,
)
from tests.report.samples import (
    DISABLED,
    HEALTHY,
    NAMED,
    REFUSED,
    TCP_REFUSED,
    UNTESTED,
    member,
    observation,
    report,
)
from tests.report.strategies import reports

WARNING = replace(TCP_REFUSED, id="slow", severity=Severity.WARNING, title="Slow", members=("10.0.0.5:1344",))
INFO = replace(TCP_REFUSED, id="fine", severity=Severity.INFO, title="As intended", members=())
ALL = report((HEALTHY, REFUSED, DISABLED, NAMED), (TCP_REFUSED, WARNING, INFO), notes=("a note",))
UNSURE = report(
    (HEALTHY, UNTESTED),
    (),
    complete=False,
    unmatched=Unmatched(count=2, examples=(unflatten({"source": "probe", "probe": "tcp"}),)),
)
LOGS = log_report(notes=("a note",))
# Without shrinking, which takes minutes for values this large.
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
_FAILED = (Status.FAILED, Status.ERROR)
SAMPLES = (ALL, UNSURE, LOGS, report((), ()), report((HEALTHY,), ()))


UNREAD = {"table", "short", "jira", "servicenow", "html"}  # for people, or read where they are written


def test_every_format_has_a_reader() -> None:
    assert set(FORMATS) <= set(READERS) | UNREAD


@pytest.mark.parametrize("name", sorted(READERS))
@pytest.mark.parametrize("sample", SAMPLES, ids=["all", "unsure", "logs", "empty", "healthy"])
def test_others_can_read_it(name: str, sample: Report) -> None:
    READERS[name](render(settled(sample), name))


@given(reports)
@settings(max_examples=examples(50), phases=UNSHRUNK)
def test_nothing_that_a_server_says_breaks_a_format(hostile: Report) -> None:
    whole = settled(hostile)
    for name in FORMATS:
        text = render(whole, name, Style(detail=2))
        assert text.endswith("\n") or not text
        text.encode()  # no lone surrogate
        assert [] == re.findall("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
        if name in READERS and name != "json":
            READERS[name](text)


@given(reports)
@settings(max_examples=examples(40), phases=UNSHRUNK)
def test_any_report_is_as_the_schema_has_it(made: Report) -> None:
    """Whatever text and facts, but for the few that every report has."""
    members = tuple(
        replace(m, probes=tuple(replace(o, reason="refused") if o.status in _FAILED else o for o in m.probes))
        for m in made.members
    )
    fixed = {name: getattr(ALL, name) for name in ("vantage", "subject", "tool", "configuration", "comparison")}
    fixed |= {name: getattr(ALL, name) for name in ("conformance", "suppressed")}
    read_json(
        render(settled(replace(made, members=members, groups=LOGS.groups, timeline=LOGS.timeline, **fixed)), "json")
    )


@given(reports)
@settings(max_examples=examples(15), phases=UNSHRUNK)
def test_any_report_is_drawn_at_any_width(hostile: Report) -> None:
    for name in (name for name, each in FORMATS.items() if each.terminal):
        for detail in (-1, 0, 1, 2):
            render(settled(hostile), name, Style(20, color=True, plain=True, detail=detail))


def test_short_has_a_line_for_the_whole_and_one_a_member() -> None:
    expected = """\
CRITICAL  ICAP pool ICAP-POOL-GROUP, service /avscan: 4 members: 1 critical, 1 unknown, 1 ok, 1 disabled  \
The server refuses TCP connections [tcp-refused] and 2 more
OK        10.0.0.5:1344          Slow [slow]
CRITICAL  10.0.0.6:1344          The server refuses TCP connections [tcp-refused]
DISABLED  10.0.0.7:1344
UNKNOWN   icap.example.com:1344
"""
    well = [replace(m, verdict=Health.OK) if m.name == "10.0.0.5:1344" else m for m in ALL.members]
    text = render(replace(ALL, members=tuple(well)), "short")
    assert expected == text


def test_short_names_host_and_port_of_a_member_with_a_name() -> None:
    named = replace(ALL.members[0], name="icap1")
    assert "icap1 (10.0.0.5:1344)" in render(replace(ALL, members=(named,)), "short")
    six = replace(ALL.members[0], name="six", address="2001:db8::1")
    assert "six ([2001:db8::1]:1344)" in render(replace(ALL, members=(six,)), "short")


def test_short_of_a_log_has_a_line_a_server() -> None:
    lines = render(LOGS, "short").splitlines()
    assert lines[0].startswith("CRITICAL  ICAP in log.json: 20 entries: 0 passed, 0 modified, 12 blocked, 3 failed, 1 ")
    assert ["CRITICAL  100.64.3.15:1344  No connection to an ICAP server [connection-error]"] == lines[1:]


def test_ndjson_has_a_line_a_finding_that_stands_alone() -> None:
    lines = [json.loads(line) for line in render(ALL, "ndjson").splitlines()]
    assert ["tcp-refused", "slow", "fine"] == [line["id"] for line in lines]
    assert {"pool": "ICAP-POOL-GROUP", "verdict": "critical", "host": "jump1"}.items() <= lines[0]["report"].items()
    assert "" == render(report((HEALTHY,), ()), "ndjson")


def test_csv_has_a_row_a_finding_and_member() -> None:
    rows = read_csv(render(ALL, "csv"))
    assert [["critical", "tcp-refused"], ["warning", "slow"], ["info", "fine"]] == [row[:2] for row in rows[1:]]
    cells = dict(zip(rows[0], rows[1], strict=True))
    assert ("10.0.0.6:1344", "critical", "1", "[Errno 111] Connection refused") == tuple(
        cells[name] for name in ("member", "member_verdict", "count", "evidence")
    )


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ('@SUM(A1)*cmd|"/C calc"!A0', '\'@SUM(A1)*cmd|"/C calc"!A0'),
        ("-2", "'-2"),
        ("  +1", "'  +1"),
        *((f"{sign}1", f"'{sign}1") for sign in "\uff1d\uff0b\uff0d\uff20"),  # of full width
        ("a;=1", "a;'=1"),
        ("\t=1", "\\x09=1"),
        ("a=1 b-2", "a=1 b-2"),
    ],
)
def test_a_cell_is_no_formula(text: str, cell: str) -> None:
    rows = read_csv(render(replace(ALL, findings=(replace(TCP_REFUSED, title="t", members=(text,)),)), "csv"))
    assert cell == rows[1][3].strip()


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (ALL, PluginStatus.CRITICAL),
        (report((HEALTHY,), (WARNING,)), PluginStatus.WARNING),
        (report((HEALTHY,), (INFO,)), PluginStatus.OK),
        (report((HEALTHY,), ()), PluginStatus.OK),
        (report((HEALTHY,), (), complete=False), PluginStatus.UNKNOWN),
        (report((), ()), PluginStatus.UNKNOWN),
        (replace(report((HEALTHY,), ()), unmatched=Unmatched(count=1)), PluginStatus.UNKNOWN),
        (report((HEALTHY,), (WARNING,), complete=False), PluginStatus.WARNING),
    ],
)
def test_nagios_has_its_own_statuses(made: Report, expected: PluginStatus) -> None:
    assert expected is plugin_status(made)
    assert render(made, "nagios").startswith(f"ICAP {expected.name} - ")


def test_nagios_says_the_worst_and_gives_the_figures() -> None:
    line = render(report((HEALTHY, REFUSED)), "nagios")
    assert line.startswith(
        "ICAP CRITICAL - ICAP pool ICAP-POOL-GROUP, service /avscan: 2 members: 1 critical, 1 ok; "
        "The server refuses TCP connections [tcp-refused] (10.0.0.6:1344) | 'findings_critical'=1;;;0 "
    )
    items = read_nagios(line)
    assert ("1;0;2", "12.600ms;0") == (items["members_critical"], items["10.0.0.5:1344_clean"])
    assert [] == [item for item in items if "10.0.0.6" in item]  # what failed has no time to tell


def test_nagios_keeps_to_one_line_of_its_length() -> None:
    crowd = [replace(HEALTHY if number % 3 else REFUSED, name=f"m{number}:1344") for number in range(1000)]
    refused = replace(TCP_REFUSED, members=tuple(each.name for each in crowd[::3]))
    line = render(report(crowd, (refused,)), "nagios")
    assert 500 < len(line.encode()) <= 1024
    items = read_nagios(line)
    assert "334;0;1000" == items["members_critical"]
    assert len(items) < 100


def test_nagios_has_no_label_without_a_name() -> None:
    nameless = replace(HEALTHY.observations[1], probe="", facts=ProbeSheet())
    bare = replace(ALL.members[0], name="", probes=(nameless,))
    assert "members_disabled" == list(read_nagios(render(replace(ALL, members=(bare,)), "nagios")))[-1]


def test_entries_with_an_action_that_is_not_known_are_counted() -> None:
    """The parts come to the whole."""
    odd = log_report(entries={**ENTRIES, "entries_icap": 17, "entries_other": 1})
    assert "12 blocked, 3 failed, 1 disabled, 1 other" in render(odd, "nagios")
    assert "1;0" == read_nagios(render(odd, "nagios"))["entries_other"]
    series = read_prometheus(render(odd, "prometheus"))["icapdiag_log_icap_entries"]
    assert 1.0 == {sample.labels["action"]: sample.value for sample in series}["other"]
    assert 17.0 == sum(sample.value for sample in series)


def test_nagios_leaves_no_pipe_to_a_server() -> None:
    line = render(replace(ALL, subject=PoolSubject(pool="a|b<c>$USER1$\n", service_uri="/x")), "nagios")
    assert "a\\x7cb\\x3cc\\x3e\\x24USER1\\x24\\x0a, service" in line


def test_prometheus_has_what_alerts_need() -> None:
    found = read_prometheus(render(ALL, "prometheus"))

    def value(name: str, **labels: str) -> list[float]:
        return [sample.value for sample in found[f"icapdiag_{name}"] if labels.items() <= sample.labels.items()]

    assert [1.0] == value("verdict", verdict="critical")
    assert [1.0] == value("member_verdict", member="10.0.0.6:1344", verdict="critical")
    assert [0.0] == value("member_verdict", member="10.0.0.6:1344", verdict="ok")
    assert [1.0] == value("probe_status", member="10.0.0.6:1344", probe="tcp", status="failed", reason="refused")
    assert [0.0152] == value("probe_duration_seconds", member="10.0.0.5:1344", probe="eicar")
    assert [1.0] == value("findings", severity="critical")
    assert [1767225601.623] == value("run_timestamp_seconds")
    logs = read_prometheus(render(LOGS, "prometheus"))
    assert [3.0] == [sample.value for sample in logs["icapdiag_log_unscanned_entries"]]


def test_junit_tells_failures_errors_and_skipped_apart() -> None:
    suites = {suite.name: suite for suite in read_junit(render(ALL, "junit"))}
    refused = {case.name: case for case in suites["member 10.0.0.6:1344"]}
    assert ["failure", "refused", "[Errno 111] Connection refused"] == [
        refused["tcp"].result[0]._tag,
        refused["tcp"].result[0].type,
        refused["tcp"].result[0].message,
    ]
    assert "not run (tcp failed)" == refused["clean"].result[0].message
    assert ["tcp at 10.0.1.1", "tcp at 10.0.1.2"] == [
        case.name for case in suites["member icap.example.com:1344"] if case.name.startswith("tcp")
    ]
    findings = {case.name: case for case in suites["findings"]}
    assert [1, 0, 0] == [len(findings[name].result) for name in ("tcp-refused", "slow", "fine")]
    assert findings["slow"].system_out.startswith("WARNING  Slow [slow]\nMembers: 10.0.0.5:1344\n")


def test_junit_fails_the_member_s_own_case_of_a_sample_that_was_treated_wrongly() -> None:
    made = member(
        "10.0.0.5",
        observation("clean", verdict="blocked", icap_status=200),
        observation("eicar", verdict="allowed", icap_status=204),
        observation("eicar-form", verdict="blocked", icap_status=200),
    )
    (suite, *_) = read_junit(render(settled(report((made,), ())), "junit"))
    found = {case.name: [(each.type, each.message) for each in case.result] for case in suite}
    assert {
        "clean": [("blocked", "BLOCKED")],
        "eicar": [("not-detected", "NOT DETECTED")],
        "eicar-form": [],
    } == found


def test_junit_of_a_run_that_is_not_whole_has_an_error() -> None:
    cases = {case.name: case for suite in read_junit(render(UNSURE, "junit")) if suite.name == "run" for case in suite}
    assert ["incomplete", "unexplained"] == [case.result[0].type for case in cases.values()]


@pytest.mark.parametrize("sample", SAMPLES, ids=["all", "unsure", "logs", "empty", "healthy"])
def test_junit_is_what_jenkins_reads(sample: Report, tmp_path: Path) -> None:
    if shutil.which("xmllint") is None:
        pytest.skip("xmllint (Debian's libxml2-utils) is not installed")
    hostile = replace(sample, notes=("\x00\x1b[2J\ufffe\ud800]]><x>&amp;",))
    (tmp_path / "r.xml").write_text(render(hostile, "junit"))
    done = subprocess.run(
        ["xmllint", "--noout", "--nonet", "--schema", DATA / "junit-10.xsd", tmp_path / "r.xml"],
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert (0, f"{tmp_path / 'r.xml'} validates\n") == (done.returncode, done.stderr.decode())


def test_sarif_points_at_the_line_of_the_pool_file_and_stays_the_same() -> None:
    refused = replace(ALL, members=tuple(replace(m, line=7) for m in ALL.members))
    run = json.loads(render(refused, "sarif"))["runs"][0]
    assert ["tcp-refused", "slow", "fine"] == [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    result = run["results"][0]
    assert ("tcp-refused", "error", 0) == (result["ruleId"], result["level"], result["ruleIndex"])
    assert {"artifactLocation": {"uri": "pool.yaml"}, "region": {"startLine": 7}} == result["locations"][0][
        "physicalLocation"
    ]
    later = json.loads(render(replace(refused, started_at="2027-01-01T00:00:00.000Z"), "sarif"))["runs"][0]["results"]
    assert [r["partialFingerprints"] for r in run["results"]] == [r["partialFingerprints"] for r in later]
    assert 3 == len({r["partialFingerprints"]["icapdiagFinding/v1"] for r in run["results"]})


@pytest.mark.parametrize("source", ["the embedded lab", "command line"])
def test_sarif_names_no_file_where_there_was_none(source: str) -> None:
    made = replace(ALL, subject=PoolSubject(pool="p", source=source))
    assert "physicalLocation" not in json.loads(render(made, "sarif"))["runs"][0]["results"][0]["locations"][0]


def many(number: int) -> Report:
    """A report that no field takes whole."""
    findings = tuple(
        replace(TCP_REFUSED, id=f"finding-{n}", meaning="Why it matters. " * 30, evidence=TCP_REFUSED.evidence * 3)
        for n in range(number)
    )
    return report([replace(REFUSED, name=f"m{n}:1344") for n in range(number)], findings)


@pytest.mark.parametrize(
    ("name", "limit"), [("github", gfm.GITHUB_LIMIT), ("jira", jira.LIMIT), ("servicenow", plaintext.SERVICENOW_LIMIT)]
)
def test_the_body_of_a_ticket_fits_its_field(name: str, limit: int) -> None:
    small, large = render(report(), name), render(many(300), name)
    assert limit * 0.8 < len(large.encode()) <= limit
    assert "did not fit here" in large
    assert "CRITICAL" in large.splitlines()[0]
    assert "did not fit here" not in small
    assert "attachment" in small


@given(reports)
@settings(max_examples=examples(25), phases=UNSHRUNK)
def test_the_body_of_any_ticket_fits_its_field(hostile: Report) -> None:
    whole = settled(replace(hostile, findings=hostile.findings * 8, notes=hostile.notes * 40))
    for name, limit in (("github", gfm.GITHUB_LIMIT), ("jira", jira.LIMIT), ("servicenow", plaintext.SERVICENOW_LIMIT)):
        assert len(render(whole, name).encode()) <= limit


def test_markdown_has_the_tables_and_keeps_commands_as_code() -> None:
    text = render(ALL, "markdown")
    tokens = read_markdown(text)
    assert 2 == sum(token.type == "table_open" for token in tokens)
    assert "| `10.0.0.6:1344` | critical |  | `FAILED refused` | `not run` |" in text
    assert "| `10.0.0.6:1344` | critical |  | `FAILED refused` | `not run (tcp failed)` |" in text
    assert "\n- Fix: On the ICAP server: start the service, then run `ss -ltn`.\n" in text
    assert text.startswith("# CRITICAL: `ICAP-POOL-GROUP /avscan: 1 of 3 members has critical problems")


def hostile_finding(text: str) -> Finding:
    evidence = replace(TCP_REFUSED.evidence[0], facts=TCP(error=text))
    return replace(TCP_REFUSED, title=text, members=(text,), evidence=(evidence,), meaning=text, remedy=(text,))


@pytest.mark.parametrize(
    "text",
    [
        "[click](http://x.test)",
        "![p](http://x.test/p.png)",
        "<img src=x onerror=alert(1)>",
        "http://x.test www.x.test a@x.test",
        "@all #1 GH-1 owner/repo#2",
        "`` ` [a](b)",
        "a\\|b|c",
        "</details><script>",
    ],
)
@pytest.mark.parametrize("name", ["markdown", "github"])
def test_markdown_of_a_server_is_text(text: str, name: str) -> None:
    columns = [
        sum(token.type == "th_open" for token in read_markdown(part))
        for part in render(replace(ALL, findings=(hostile_finding(text),)), name).split("\n\n")
        if part.startswith("| ")
    ]
    assert [7, 7] == columns


@pytest.mark.parametrize(
    "text",
    ["[~admin]", "{color:red}x{color}", "!a.png!", "[a|http://x.test]", "{noformat}", "|x||y|", "\\\\ x", "h1. x"],
)
def test_jira_markup_of_a_server_is_text(text: str) -> None:
    """Outside of blocks that are shown as they are, nothing of it is left that Jira reads; no such block ends early."""
    drawn = render(replace(ALL, findings=(hostile_finding(text),)), "jira")
    parts = drawn.split("{noformat}")
    assert 1 == len(parts) % 2
    outside = "".join(parts[::2])
    assert text not in outside
    assert [] == re.findall(r"[\[\]!\\]|(?<!\{)\{(?!\{)|https?://", outside)


def test_servicenow_leaves_no_html_tag_to_a_server() -> None:
    text = "[code]<script>alert(1)</script>[/code] [ CODE ]"
    drawn = render(replace(ALL, findings=(hostile_finding(text),)), "servicenow")
    assert [] == re.findall(r"(?i)\[\s*/?\s*code", drawn)


def test_junit_is_well_formed_whatever_a_server_says() -> None:
    text = "".join(map(chr, range(0x300))) + "\ud800\ufffe\uffff]]>"
    made = settled(replace(ALL, findings=(hostile_finding(text),), notes=(text,)))
    assert 6 == len(list(read_junit(render(made, "junit"))))
