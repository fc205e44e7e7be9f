"""The commands that runbooks give for a log work on a log: jq runs them, and each finds what it is for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from icapdiag.runbook import load_runbooks
from tests.runbook.cases import LOGS, answered, failed
from tests.runbook.logged import Entry, entry
from tests.runbook.test_logs_blocked import BLOCKED

SAVED = "/tmp/log.json"  # noqa: S108 - where the commands keep the log
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)

COMMANDS = [
    (runbook.id, line)
    for runbook in load_runbooks().runbooks
    for block in BLOCK.findall(runbook.sections["Verify"])
    for line in block.splitlines()
    if line.startswith("jq ")
]


def full(one: Entry, **more: object) -> Entry:
    """An entry with the fields around ICAP that commands print."""
    around = {
        "method": "POST",
        "uri_path": "/upload/a.zip",
        "host": "www.example.com",
        "user_agent": "curl/8",
        "request_content_type": "application/zip",
        "all_request_headers": "Host: www.example.com\r\nBad Header : x\r\n",
    }
    return {**around, **one, **more}


# Whose commands have something to find in the log below. Those of a new runbook have to run, no more.
FOUND = {*LOGS, "continue-after-ieof", "preview-passes-unscanned"}

LOG = [
    *(full(answered("ICAP_BLOCKED", desc), response_code=403) for desc in BLOCKED),
    full(answered("ICAP_BLOCKED", "Invalid header", scanned=False)),
    full(answered("ICAP_PASSED", "Not Scanned"), response_code=200),
    full(answered("ICAP_PASSED", "Allowlisted"), response_code=200),
    full(entry("ICAP_PASSED", status=204, headers="X-Virus-ID: Eicar", complete_body_sent=False), response_code=200),
    full(entry("ICAP_PASSED", status=204, headers="X-ICAP-Profile: p", complete_body_sent=False), response_code=200),
    full(entry("ICAP_PASSED", status=204, headers="X-Virus-ID: Bad.Thing"), response_code=403),
    full(entry("ICAP_MODIFIED", status=200, modified_content_length=7), response_code=200),
    full(entry("ICAP_PASSED", nsx_defender_log={"score": 90, "task_uuid": "x"}), response_code=200),
    full(entry("ICAP_PASSED", nsx_defender_log={"task_uuid": "x", "status_url": "https://nsx/x"}), response_code=200),
    full(entry("ICAP_BLOCKED", http_status=403, icap_method="ICAP_METHOD_RESPMOD"), response_code=403),
    full(failed("ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED"), response_code=200),
    full(failed("ADF_ICAP_BODY_SIZE_BIGGER_THAN_CONFIGURED"), response_code=413),
    full(failed("ADF_ICAP_CONNECTION_ERROR", "ADF_SERVER_CONN_SETUP_REFUSED"), response_code=500),
    full({"icap_log": None, "response_code": 503, "significant_log": ["ADF_SERVER_SENT_RESET"]}),
    {"icap_log": {"action": "ICAP_DISABLED"}},
    {"icap_log": {}},
    {},
]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "log.json"
    path.write_text(json.dumps({"count": len(LOG), "results": LOG}))
    return path


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[f"{name}" for name, _ in COMMANDS])
def test_a_command_on_a_log(log: Path, name: str, command: str) -> None:
    script = command.replace(SAVED, str(log)).replace("$LOGFILE", str(log))
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=False)

    assert "" == done.stderr
    assert done.stdout.strip() or name not in FOUND, f"{name}: it finds nothing: {command}"


def test_there_are_such_commands() -> None:
    assert len(COMMANDS) > 30
