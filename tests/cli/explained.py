"""What ``icapdiag explain`` says of logs, as JSON that keeps to the schema and whose sums hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.cli.run import icapdiag
from tests.report.readers import read_json


def validated(text: str) -> Any:
    read_json(text)
    document = json.loads(text)
    records = document["subject"]["records"]
    assert records["total"] == records["read"] + records["skipped"] + records["unreadable"]
    for name in records:
        assert records[name] == sum(source[name] for source in document["subject"]["sources"])
    return document


def explained(*args: str, cwd: Path | None = None) -> tuple[int, Any, str]:
    """Exit status, the JSON report and stderr."""
    status, out, err = icapdiag("explain", *args, "-o", "json", cwd=cwd)
    return status, validated(out), err


def found(document: Any) -> list[str]:
    return [finding["id"] for finding in document["findings"]]
