"""The findings as JSON, one a line: for log shippers and ``jq``."""

from __future__ import annotations

import json
from typing import Any

from icapdiag.report.machine.to_json import to_plain
from icapdiag.report.untyped import Report
from icapdiag.text import UNSAFE

_OF_THE_RUN = ("schema_version", "tool", "command", "started_at", "finished_at", "complete", "verdict")


def render(report: Report) -> str:
    """A line a finding, the worst first; nothing at all where there is none.

    Each line is the finding as ``-o json`` has it, and ``report`` with what it needs to stand alone: the
    keys of the run, the host that looked, and the pool or the files that were looked at.
    """
    whole = to_plain(report)
    head = {key: whole[key] for key in _OF_THE_RUN}
    head["host"] = report.vantage.get("host")
    head |= {
        key: whole["subject"][key] for key in ("pool", "service_uri", "source", "inputs") if key in whole["subject"]
    }
    return "".join(_line({**finding, "report": head}) for finding in whole["findings"])


def _line(record: dict[str, Any]) -> str:
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return UNSAFE.sub(lambda found: json.dumps(found.group())[1:-1], text) + "\n"
