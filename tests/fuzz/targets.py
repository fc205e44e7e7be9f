"""The targets by name."""

from __future__ import annotations

from tests.fuzz import (
    avi_config,
    capture,
    icap_response,
    log_reader,
    pool_file,
    redactor,
    runbook_file,
    saved_report,
    scanner_log,
    se_output,
)
from tests.fuzz.driver import Target

TARGETS: dict[str, Target] = {
    "avi-config": avi_config.TARGET,
    "capture": capture.TARGET,
    "icap-response": icap_response.TARGET,
    "log-reader": log_reader.TARGET,
    "pool-file": pool_file.TARGET,
    "redactor": redactor.TARGET,
    "runbook-file": runbook_file.TARGET,
    "saved-report": saved_report.TARGET,
    "scanner-log": scanner_log.TARGET,
    "se-output": se_output.TARGET,
}
