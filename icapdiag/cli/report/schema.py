"""``icapdiag report schema``: what programs that read reports can rely on."""

# ruff: noqa: PLC0415 - what a command needs is imported when it runs: --help must stay fast

from __future__ import annotations

from icapdiag.cli.console import print_text


def schema() -> None:
    """Print the JSON Schema (2020-12) of a report in JSON."""
    from icapdiag.report.machine.to_json import schema_text

    print_text(schema_text())
