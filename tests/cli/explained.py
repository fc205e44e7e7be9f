"""What ``icapdiag explain`` says of logs, as JSON that keeps to the schema and whose sums hold."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from icapdiag.report.machine.schema import schema
from tests.cli.run import icapdiag

jsonschema = import_module("jsonschema")  # has no types of its own


def validated(text: str) -> Any:
    document = json.loads(text)
    jsonschema.Draft202012Validator(schema()).validate(document)
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
