"""What lint is given: reports beside, wrong files, several mistakes, formats, exit status, lines."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

import icapdiag
from icapdiag.api.linting import NotConfiguration
from icapdiag.report.build import empty_report
from icapdiag.report.formats import render
from tests.cli.run import icapdiag as run
from tests.cli.run import shell
from tests.lint.right import (
    Export,
    Mistake,
    add_rules,
    all_of,
    allowing,
    export,
    put,
    put_rule,
    rule,
    rules,
    second_profile,
    server,
)


def saved(folder: Path, made: Any, name: str = "export.json") -> Path:
    file = folder / name
    file.write_text(made if isinstance(made, str) else json.dumps(made, indent=1), encoding="utf-8")
    return file


def a_check(address: str, **offered: int) -> str:
    """A saved report in which the server's OPTIONS answer offers that."""
    report = json.loads(render(empty_report(), "json"))
    probe = {"probe": "options", "status": "ok", "reason": None, "elapsed_ms": 1.0, "facts": offered}
    member = {"name": address, "address": address, "port": 1344, "verdict": "ok", "probes": [probe]}
    return json.dumps({**report, "members": [member]})


@pytest.mark.parametrize(
    ("address", "preview", "expected"),
    [("192.0.2.1", 1024, ["preview-above-servers"]), ("192.0.2.1", 4096, []), ("192.0.2.77", 1024, [])],
)
def test_a_report_beside_says_what_previews_servers_accept(
    address: str, preview: int, expected: list[str], tmp_path: Path
) -> None:
    report = icapdiag.lint(
        [saved(tmp_path, export()), saved(tmp_path, a_check(address, preview=preview), "report.json")]
    )
    assert expected == [each.id for each in report.findings]
    for finding in report.findings:
        (place,) = finding.places or ()
        assert ("preview_size", "4096", "bytes") == (place.field, place.value, place.unit)


LIMIT = "max_concurrent_connections_per_server"
OTHER_GROUP = {"name": "other", "members": [{"pool_ref": "icap-pool-2"}]}


def limited(*limits: int) -> Mistake:
    """A pool for each limit, with the same servers. The second is in a pool group of its own."""

    def make(found: Export) -> None:
        pools = [{**found["Pool"][0], "name": NAMES[at], LIMIT: str(limit)} for at, limit in enumerate(limits)]
        found["Pool"] = pools
        second_profile(pool_group_ref="other")(found)
        found["PoolGroup"].append(OTHER_GROUP)

    return make


NAMES = ("icap-pool", "icap-pool-2")


@pytest.mark.parametrize(
    ("change", "offered", "expected"),
    [
        (put("Pool", **{LIMIT: 100}), 100, []),
        (put("Pool", **{LIMIT: 101}), 100, ["connections-above-servers"]),
        (put("Pool", **{LIMIT: 50}), 100, []),
        (put("Pool"), 100, ["connections-unlimited"]),
        (put("Pool"), 0, []),  # RFC 3507 has no such number
        (put("Pool", **{LIMIT: 500}, servers=[server("192.0.2.1", enabled=False), server("192.0.2.2")]), 100, []),
        (put("ServiceEngineGroup", max_se=10), 100, ["connections-unlimited"]),
        (all_of(put("Pool", **{LIMIT: 100}), put("ServiceEngineGroup", max_se=10)), 100, []),  # it is a total
        (limited(50, 50), 100, []),
        (limited(50, 51), 100, ["connections-above-servers"] * 2),
        (limited(50, 0), 100, ["connections-unlimited"]),
    ],
)
def test_a_report_beside_says_how_many_connections_servers_accept(
    change: Mistake, offered: int, expected: list[str], tmp_path: Path
) -> None:
    beside = saved(tmp_path, a_check("192.0.2.1", max_connections=offered), "report.json")
    report = icapdiag.lint([saved(tmp_path, export(change)), beside])
    found = [each for each in report.findings if each.id.startswith("connections-")]
    places = [place for each in found for place in each.places or ()]
    assert expected == [each.id for each in found for _ in each.places or ()]
    assert {LIMIT} >= {place.field for place in places}


def test_pools_with_the_same_server_share_its_connections(tmp_path: Path) -> None:
    beside = saved(tmp_path, a_check("192.0.2.1", max_connections=101), "report.json")
    report = icapdiag.lint([saved(tmp_path, export(limited(60, 60))), beside])
    found = [each for each in report.problems or () if each.finding == "connections-above-servers"]
    advised = [each.steps.fix[0] for each in found if each.steps and each.steps.fix]
    assert [True, True] == [" to 50 in each of the 2 pools " in step for step in advised]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("service_uri: /a\nmembers: [a]\n", "this is a pool file: icapdiag check"),
        ('{"results": [{"icap_log": {}}]}', "this is an Avi log: icapdiag explain"),
        ("ICAP/1.0 200 OK\r\n\r\n", "this is an ICAP response: icapdiag explain"),
        ('resource "avi_pool" "p" {\n}\n', "this is a Terraform configuration: write its values as JSON"),
        ('{"Pool": [', "not JSON"),
        ("", "empty"),
        ("[1, 2]", "no object of Avi's that ICAP depends on"),
        ("pool:\n- &a {name: p, servers: []}\n- *a\n", "anchor &a"),
        ('{"schema_version": 1}', "command: is missing"),
    ],
)
def test_what_is_no_configuration_is_refused_with_what_to_do(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(NotConfiguration) as caught:
        icapdiag.lint([saved(tmp_path, text, "file.json" if text[:1] in "{[" else "file.yaml")])
    assert said in str(caught.value)


def test_the_mistakes_of_all_files_are_said_at_once(tmp_path: Path) -> None:
    files = [saved(tmp_path, "{", "a.json"), saved(tmp_path, export(), "b.json"), tmp_path / "c.json", tmp_path / "d"]
    (tmp_path / "d").mkdir()
    status, out, err = run("lint", *map(str, files), cwd=tmp_path)
    assert (2, "") == (status, out)
    assert {"a.json", "d", "c.json"} == {line.partition(":")[0].rpartition("/")[2] for line in err.splitlines()}


def test_a_file_of_something_else_is_skipped_and_named(tmp_path: Path) -> None:
    folder = tmp_path / "values"
    folder.mkdir()
    saved(folder, export())
    saved(folder, {"name": "web", "dependencies": {}}, "package.json")
    saved(folder, "service_uri: /a\nmembers: [a]\n", "pool.yaml")
    status, out, _ = run("lint", "-v", "values", cwd=tmp_path)
    assert (0, "OK  Uploads to app-vs are scanned") == (status, out[:33])
    drawn = " ".join(out.split())
    assert "values/package.json skipped: no object of Avi's that ICAP depends on." in drawn
    assert "values/pool.yaml skipped: this is a pool file." in drawn
    (folder / "export.json").unlink()
    status, out, err = run("lint", "values", cwd=tmp_path)
    assert (2, "", 2) == (status, out, len(err.splitlines()))


def test_an_unknown_virtual_service_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotConfiguration, match="no virtual service 'x' in these files: there is 'app-vs'"):
        icapdiag.lint([saved(tmp_path, export())], virtual_services=["x"])


def two_services(found: Export) -> None:
    found["VirtualService"].append({"name": "plain-vs"})


def test_only_the_chosen_virtual_service_is_looked_at(tmp_path: Path) -> None:
    file = saved(tmp_path, export(two_services))
    subject: Any = icapdiag.lint([file]).subject
    assert (["app-vs"], ("plain-vs",)) == ([each.name for each in subject.services], subject.without_icap)
    report = icapdiag.lint([file], virtual_services=["plain-vs"])
    assert ["icap-not-in-use"] == [each.id for each in report.findings]
    chosen: Any = report.subject
    assert [("plain-vs", "no", "nothing-attached")] == [(each.name, each.scanned, each.why) for each in chosen.services]


def test_it_points_at_the_rule_that_is_in_the_way_in_whatever_file_it_stands(tmp_path: Path) -> None:
    made = export()
    made["VirtualService"][0]["http_policies"].append({"index": 1, "http_policy_set_ref": "first"})
    file = saved(tmp_path, made)
    earlier = {"name": "first", "http_security_policy": {"rules": [allowing("all", 1)]}}
    other = saved(tmp_path, {"HTTPPolicySet": [earlier]}, "first.json")
    report = icapdiag.lint([file, other])
    (finding,) = (each for each in report.findings if each.id == "icap-rule-missing")
    (place,) = finding.places or ()
    assert (str(other), "rule", "all") == (place.file, place.object, place.object_name)
    assert place.line is not None
    assert place.column is not None
    line = other.read_text("utf-8").splitlines()[place.line - 1]
    assert '"action": {' == line[: place.column].strip()
    assert "at virtual service app-vs [icap-rule-missing]" in render(report, "table")


def test_two_virtual_services_with_the_same_disabled_rule_are_both_named(tmp_path: Path) -> None:
    def second(found: Export) -> None:
        found["VirtualService"].append({**found["VirtualService"][0], "name": "other-vs"})

    file = saved(tmp_path, export(put_rule(enable=False), second))
    drawn = " ".join(render(icapdiag.lint([file]), "table").split())
    assert "No upload to 2 virtual services is scanned: app-vs, other-vs" in drawn
    for name in ("app-vs", "other-vs"):
        assert f"No rule sends uploads to ICAP at virtual service {name} [icap-rule-missing]" in drawn
    _, out, _ = run("lint", str(file), "-o", "sarif", cwd=tmp_path)
    results = json.loads(out)["runs"][0]["results"]
    prints = [each["partialFingerprints"]["icapdiagFinding/v1"] for each in results]
    assert (2, 2) == (len(prints), len(set(prints)))


def test_a_misspelt_field_is_named_in_its_step(tmp_path: Path) -> None:
    file = saved(tmp_path, export(put("IcapProfile", preview_size=None, preview_sise="4096")))
    _, out, _ = run("lint", "-v", str(file), cwd=tmp_path)
    assert "If preview_size is meant, correct the name of preview_sise at icap-prof" in " ".join(out.split())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ((), "Uploads to app-vs are refused (HTTP 500)"),
        ((put_rule(match=None),), "Every upload to app-vs is refused (HTTP 500)"),
        ((put("IcapProfile", fail_action=None),), "No upload to app-vs is scanned"),
    ],
)
def test_without_a_usable_server_fail_action_decides(changes: tuple[Mistake, ...], said: str, tmp_path: Path) -> None:
    file = saved(tmp_path, export(put("Pool", enabled=False), *changes))
    _, out, _ = run("lint", "-q", str(file), cwd=tmp_path)
    assert f"CRITICAL  {said}: no server of ICAP profile icap-prof can be selected\n" == out
    _, out, _ = run("lint", str(file), cwd=tmp_path)
    expected = "PATCH; paths other than under /upload" if not changes else ""
    assert expected == " ".join(out.split()).partition("Not sent to ICAP: ")[2].partition(".")[0]


def test_sarif_points_at_line_and_column(tmp_path: Path) -> None:
    file = saved(tmp_path, export(put("IcapProfile", preview_size=9000)))
    status, out, _ = run("lint", str(file), "-o", "sarif", cwd=tmp_path)
    assert 0 == status
    (result,) = json.loads(out)["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    line = file.read_text("utf-8").splitlines()[place["region"]["startLine"] - 1]
    assert "9000" == line[place["region"]["startColumn"] - 1 :].rstrip(",")
    assert place["artifactLocation"]["uri"].endswith("export.json")


@pytest.mark.parametrize(("options", "status"), [((), 0), (("--fail-on", "warning"), 1), (("--fail-on", "info"), 1)])
def test_exit_status_as_everywhere(options: tuple[str, ...], status: int, tmp_path: Path) -> None:
    file = saved(tmp_path, export(put("Pool", default_server_port=None)))
    assert status == run("lint", str(file), *options, cwd=tmp_path)[0]


def test_critical_is_one_and_nothing_for_icap_is_three(tmp_path: Path) -> None:
    assert 1 == run("lint", str(saved(tmp_path, export(lambda made: rules(made).clear()))), cwd=tmp_path)[0]
    assert 3 == run("lint", str(saved(tmp_path, {"Pool": [{"name": "web", "servers": []}]})), cwd=tmp_path)[0]


@pytest.mark.parametrize(
    "form", ["short", "markdown", "html", "json", "junit", "csv", "nagios", "prometheus", "ndjson"]
)
def test_every_format_draws_it_and_a_saved_report_draws_the_same(form: str, tmp_path: Path) -> None:
    file = saved(tmp_path, export(put("Pool", default_server_port=None), put_rule(enable=False), two_services))
    run("lint", str(file), "-o", f"{form}=direct", "-o", "json=report.json", cwd=tmp_path)
    if form != "json":
        run("report", "render", "report.json", "-o", f"{form}=again", cwd=tmp_path)
        assert (tmp_path / "direct").read_bytes() == (tmp_path / "again").read_bytes()


def test_the_first_screen_has_forty_lines_at_most(tmp_path: Path) -> None:
    wrong = export(
        put("Pool", default_server_port=None),
        put("PoolGroup", fail_action={"type": "FAIL_ACTION_CLOSE_CONN"}),
        put("IcapProfile", fail_action=None, preview_size=9000),
        add_rules(allowing("all", 0)),
    )
    saved(tmp_path, wrong)
    _, out, _ = run("lint", "export.json", cwd=tmp_path)
    lines = out.splitlines()
    assert len(lines) <= 40
    assert (
        "CRITICAL  No upload to app-vs is scanned: an earlier rule ends the evaluation before the ICAP rule" in lines[0]
    )


def test_names_are_redacted(tmp_path: Path) -> None:
    made = json.dumps(export(put_rule(enable=False), put("Pool", default_server_port=None)))
    for name in ("app-vs", "icap-prof", "icap-group", "icap-pool", "scan-uploads", "app-policies"):
        made = made.replace(name, f"{name.partition('-')[0]}-zq7xk9")
    _, out, _ = run("lint", str(saved(tmp_path, made)), "--redact", "-o", "json", cwd=tmp_path)
    assert "zq7xk9" not in out
    assert "192.0.2.1" not in out


@pytest.mark.parametrize("kind", ["VirtualService", "IcapProfile"])
def test_of_too_many_objects_the_first_are_looked_at_and_it_is_said(kind: str, tmp_path: Path) -> None:
    made = export()
    made[kind] = [{**made[kind][0], "name": f"n{number}"} for number in range(1001)]
    made["VirtualService"][0]["icap_request_profile_refs"] = [made["IcapProfile"][0]["name"]]
    report = icapdiag.lint([saved(tmp_path, made)])
    assert not report.complete
    assert "(incomplete: too many objects to look at all of them)" in render(report, "table").replace("\n  ", " ")


def many_rules(found: Export) -> None:
    add_rules(*(rule(f"r{number}", number + 2) for number in range(204)))(found)


def many_endings(found: Export) -> None:
    add_rules(*(allowing(f"a{number}", number + 2, path={"match_str": ["/a"]}) for number in range(203)))(found)


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (many_rules, "5 HTTP security rules of app-vs not read: at most 200 of each kind are."),
        (many_endings, "3 HTTP security rules of app-vs not read: at most 200 of each kind are."),
        (put("Pool", servers=[server("192.0.2.1")] * 6), "2 servers of pool icap-pool not read: at most 4 are."),
    ],
    ids=["ICAP rules", "rules that end the evaluation", "servers"],
)
def test_rules_and_servers_that_are_left_out_are_said(
    mistake: Mistake, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("pools", "observe"):
        monkeypatch.setattr(f"icapdiag.avi.config.{module}.MOST_SERVERS", 4)
    report = icapdiag.lint([saved(tmp_path, export(mistake))])
    assert (False, (said,)) == (report.complete, report.notes)
    assert "(incomplete: too many objects to look at all of them)" in " ".join(render(report, "table").split())


@pytest.mark.parametrize("mistake", [many_rules, many_endings])
def test_two_hundred_of_each_are_looked_at(mistake: Mistake, tmp_path: Path) -> None:
    made = export(mistake)
    del rules(made)[200:]
    report = icapdiag.lint([saved(tmp_path, made)])
    assert (True, ()) == (report.complete, report.notes)


def test_many_unknown_fields_of_one_object_take_no_more_time_each(tmp_path: Path) -> None:
    unknown = {f"unknown_{number:06}": number for number in range(20_000)}
    file = saved(tmp_path, export(put("Pool", **unknown)))
    before = time.process_time()
    assert () == icapdiag.lint([file]).findings
    assert time.process_time() - before < 20


def test_time_grows_no_faster_than_the_file(tmp_path: Path) -> None:
    """Servers in many pools of one group, rules before many ICAP rules, long lists of paths."""
    many = 300
    made = export(add_rules(*(rule(f"r{number}", number) for number in range(many))))
    paths = [f"/x{number}" for number in range(many)]
    for number in range(many):
        add_rules(allowing(f"a{number}", -number - 1, path={"match_criteria": "EQUALS", "match_str": paths}))(made)
    made["Pool"] = [
        {**made["Pool"][0], "name": f"p{number}", "servers": [server(f"10.0.{number // 250}.{number % 250}")] * 10}
        for number in range(many)
    ]
    made["PoolGroup"][0]["members"] = [{"pool_ref": f"p{number}"} for number in range(many)]
    file = saved(tmp_path, made)
    before = time.process_time()
    icapdiag.lint([file])
    assert time.process_time() - before < 20


def test_a_configuration_comes_through_a_pipe(tmp_path: Path) -> None:
    text = json.dumps(export(put("IcapProfile", preview_size=9000)), indent=1)
    for arguments in ("-", ""):
        status, out, err = shell(f"$icapdiag lint {arguments} < export.json", cwd=saved(tmp_path, text).parent)
        assert (0, "") == (status, err)
        assert "<stdin>:" in out
        assert "After a change: icapdiag lint -." in " ".join(out.split())
    _, out, _ = shell("$icapdiag lint - -o json < export.json", cwd=tmp_path)
    assert ["<stdin>"] == json.loads(out)["subject"]["inputs"]


def test_standard_input_is_one_of_several_files(tmp_path: Path) -> None:
    made = export()
    saved(tmp_path, {"VirtualService": made.pop("VirtualService")}, "vs.json")
    status, out, _ = shell("$icapdiag lint - vs.json - < export.json", cwd=saved(tmp_path, made).parent)
    assert (0, "OK  Uploads to app-vs are scanned") == (status, out[:33])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "<stdin>: empty"),
        ("{pool: [", "<stdin>:1:2: not JSON"),
        ('{"Pool": [', "<stdin>:1:11: "),
        ('{"results": [{"icap_log": {}}]}', "<stdin>:1:1: this is an Avi log: icapdiag explain -"),
    ],
)
def test_what_is_wrong_on_standard_input_is_said_of_it(text: str, said: str, tmp_path: Path) -> None:
    saved(tmp_path, text, "given")
    status, out, err = shell("$icapdiag lint - < given", cwd=tmp_path)
    assert (2, "") == (status, out)
    assert said in err
