"""``icapdiag runbooks why``: how each runbook came to its answer, from a saved report or one record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import icapdiag

RECORD = {"source": "log", "icap_action": "ICAP_FAILED", "status": "failed", "adf_codes": ["ADF_ICAP_FAILED"]}


def saved(folder: Path, document: object) -> str:
    path = folder / "saved.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def report(**more: Any) -> dict[str, Any]:
    return {"schema_version": 1, "members": [], "groups": [], "findings": [], **more}


def test_a_single_record_with_the_runbook_that_explains_it(tmp_path: Path) -> None:
    status, out, err = icapdiag("runbooks", "why", saved(tmp_path, RECORD))

    assert (0, "") == (status, err)
    assert out.startswith(
        "the record\n  icap-failed: reported\n    + match[0].icap_action: ICAP_FAILED   (it is 'ICAP_FAILED')\n"
    )


def test_a_near_miss_names_the_first_condition_that_failed(tmp_path: Path) -> None:
    status, out, _ = icapdiag("runbooks", "why", saved(tmp_path, RECORD), "--runbook", "server-connection-failed")

    assert 0 == status
    assert (
        "the record\n  server-connection-failed: does not apply\n"
        "    + match[0].icap_action: ICAP_FAILED   (it is 'ICAP_FAILED')\n"
        "    - match[0].adf_codes: [ADF_SERVER_CONN_SETUP_REFUSED, ADF_SERVER_CONN_SETUP_TIMEDOUT,"
        " ADF_SERVER_SENT_RESET, ADF_SERVER_UPSTREAM_TIMEOUT], but adf_codes is ['ADF_ICAP_FAILED']\n"
    ) == out


def test_what_unless_and_source_keep_away(tmp_path: Path) -> None:
    path = saved(tmp_path, {**RECORD, "icap_status": 500, "verdict": "blocked"})

    assert (
        "    - unless[1] excludes it:\n      verdict is 'blocked'\n"
        in (icapdiag("runbooks", "why", path, "--runbook", "server-error")[1])
    )
    assert (
        "    - it is about observations of probe\n"
        in (icapdiag("runbooks", "why", path, "--runbook", "tcp-refused")[1])
    )


def test_a_report_of_check_shows_what_one_probe_takes_from_another(tmp_path: Path) -> None:
    def probe(name: str, **facts: Any) -> dict[str, Any]:
        return {"probe": name, "status": "ok", "reason": None, "elapsed_ms": 1.0, "facts": facts}

    refused = {**probe("clean", icap_status=405, service_uri="/x"), "status": "failed", "reason": "icap-status"}
    member = {"name": "a:1344", "probes": [probe("tcp"), refused, probe("respmod", respmod_served=True)]}
    status, out, _ = icapdiag("runbooks", "why", saved(tmp_path, report(members=[member])))

    assert 0 == status
    assert "clean of a:1344\n  method-not-allowed: superseded by respmod-only\n" in out
    assert "respmod of a:1344\n  respmod-only: reported\n    + match[0].probe: respmod   (it is 'respmod')\n" in out
    assert out.endswith("\nNo runbook applies to 1 more record, and none needs to.\n")


def test_a_report_of_explain_shows_groups_and_the_log_as_a_whole(tmp_path: Path) -> None:
    group = {"probe": "", **RECORD, "count": 12, "members": ["a:1", "b:1"], "pools": ["pg"], "by_member": {"a:1": 12}}
    whole = {"source": "log", "probe": "summary", "status": "ok", "entries_total": 9, "only_significant": True}
    findings = [{"id": "significant-logs-only", "evidence": [whole]}, {"id": "icap-failed", "evidence": [RECORD]}]
    status, out, _ = icapdiag("runbooks", "why", saved(tmp_path, report(groups=[group], findings=findings)))

    assert 0 == status
    assert "group 1: ICAP_FAILED, count 12\n  icap-failed: reported\n" in out
    assert "the log as a whole\n  significant-logs-only: reported\n" in out
    assert 1 == out.count("icap-failed")


def test_text_of_a_server_can_not_drive_the_terminal(tmp_path: Path) -> None:
    hostile = {**RECORD, "icap_action": "\x1b[31mICAP_FAILED\x07", "adf_codes": ["ADF_ICAP_FAILED", "\x9b2J"]}
    member = {"name": "\x1b]0;x\x07", "probes": [{"probe": "tcp", "status": "failed", "reason": "\u202eoops"}]}
    for document in (hostile, report(groups=[hostile], members=[member])):
        status, out, _ = icapdiag("runbooks", "why", saved(tmp_path, document))

        assert 0 == status
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(out)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not JSON: Expecting property name enclosed in double quotes (line 1, column 2)"),
        ("[1]", "neither a report nor a record: a JSON object is needed"),
        ('{"colour": "red"}', "no field name in it is known"),
        ('{"findings": [], "groups": []}', "the report holds no observations"),
        ('{"probe": "tcp", "probe": "dns"}', '"probe" appears twice, with different values: tcp, dns'),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_report_is_2(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    status, out, err = icapdiag("runbooks", "why", str(path))

    assert (2, "") == (status, out)
    assert problem in err
    assert "Traceback" not in err


def test_a_missing_file_and_an_unknown_runbook_are_2(tmp_path: Path) -> None:
    assert "No such file" in icapdiag("runbooks", "why", str(tmp_path / "none.json"))[2]
    status, _, err = icapdiag("runbooks", "why", saved(tmp_path, RECORD), "--runbook", "icap-faild")

    assert 2 == status
    assert "icap-failed" in err
