"""Redacted outputs on the command line, and their key."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from icapdiag.report.redact import REDACTED_NOTE
from tests.cli.run import icapdiag

LOG = {
    "report_timestamp": "2026-03-02T10:00:00.000000+00:00",
    "vs_name": "vs-zorro",
    "service_engine": "se-zorro",
    "client_ip": "10.77.1.2",
    "request_id": "zorro-1",
    "adf": True,
    "significant_log": ["ADF_ICAP_SERVER_ERROR"],
    "icap_log": {
        "action": "ICAP_FAILED",
        "request_logs": [
            {
                "icap_response_code": 500,
                "icap_absolute_uri": "icap://10.77.3.15:1344/zorro-scan?user=zorro",
                "pool_name": {"val": "zorro-pool"},
                "icap_headers_received_from_server": "Server: zorro\r\nX-Authenticated-User: zorro\r\n",
            }
        ],
    },
}


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A report of a log from the zorro company."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    log = tmp_path / "zorro.json"
    log.write_text(json.dumps(LOG))
    target = tmp_path / "report.json"
    icapdiag("explain", str(log), "-o", f"json={target}")
    assert "zorro" in target.read_text()
    return target


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return tmp_path / "state" / "icapdiag" / "pseudonyms.json"


def test_nothing_of_the_site_is_in_a_redacted_report(saved: Path, key: Path) -> None:
    status, out, err = icapdiag("report", "render", str(saved), "--redact", "-o", "json")

    assert 1 == status
    assert "zorro" not in out
    assert "10.77" not in out
    assert REDACTED_NOTE == json.loads(out)["redacted"]
    assert "replaced by pseudonyms: " in err
    assert str(key) in err


@pytest.mark.parametrize("system", ["github", "jira", "servicenow"])
def test_what_is_for_a_ticket_is_redacted_unless_asked_otherwise(saved: Path, system: str) -> None:
    _, ticket, _ = icapdiag("report", "render", str(saved), "--for", system)
    _, plain, err = icapdiag("report", "render", str(saved), "--for", system, "--no-redact")

    assert ("zorro" in ticket, "zorro" in plain, err) == (False, True, "")


def test_other_outputs_of_the_run_stay_as_they_are(saved: Path, tmp_path: Path) -> None:
    body, whole = tmp_path / "body.md", tmp_path / "whole.json"

    icapdiag("report", "render", str(saved), "--for", f"github={body}", "-o", f"json={whole}")

    assert ("zorro" in body.read_text(), saved.read_text()) == (False, whole.read_text())


def test_two_outputs_have_the_same_pseudonyms(saved: Path) -> None:
    _, first, _ = icapdiag("report", "render", str(saved), "--redact", "-o", "json")
    _, second, _ = icapdiag("report", "redact", str(saved), "-o", "json")

    assert first == second


def test_the_key_is_private_and_tells(saved: Path, key: Path) -> None:
    _, out, _ = icapdiag("report", "redact", str(saved))

    assert 0o600 == key.stat().st_mode & 0o777
    assert 0o700 == key.parent.stat().st_mode & 0o777
    assert "zorro-pool" in key.read_text()
    (line,) = [line for line in out.splitlines() if "zorro-pool" in line]
    assert line.split()[:3] == ["pool", "pool-1", "zorro-pool"]


def test_what_is_kept_stays(saved: Path) -> None:
    _, out, _ = icapdiag("report", "redact", str(saved), "-o", "json", "--keep", "pools")

    assert ["zorro-pool"] == json.loads(out)["groups"][0]["pools"]
    assert "vs-zorro" not in out


def test_a_key_that_others_can_read_is_refused(saved: Path, key: Path) -> None:
    icapdiag("report", "redact", str(saved))
    key.chmod(0o644)

    status, out, err = icapdiag("report", "redact", str(saved))

    assert (2, "") == (status, out)
    assert "chmod 600" in err


@pytest.mark.parametrize("text", ["", "{}", "[", "\xff"])
def test_a_damaged_key_is_refused_and_kept(saved: Path, key: Path, text: str) -> None:
    key.parent.mkdir(parents=True)
    key.write_bytes(text.encode("latin-1"))
    key.chmod(0o600)

    status, out, err = icapdiag("report", "redact", str(saved))

    assert (2, "", text) == (status, out, key.read_bytes().decode("latin-1"))
    assert "Traceback" not in err


def test_a_folder_that_cannot_be_made(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    status, _, err = icapdiag("report", "redact", str(saved), "--pseudonyms", str(tmp_path / "file" / "key.json"))

    assert 2 == status
    assert "--pseudonyms" in err


def test_following_is_not_redacted(tmp_path: Path) -> None:
    status, _, err = icapdiag("explain", "--follow", "--redact", os.devnull)

    assert 2 == status
    assert "report redact" in err
