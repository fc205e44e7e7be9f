"""What loading runbooks costs at start-up: nothing that ``explain`` has no use for."""

from __future__ import annotations

import subprocess
import sys

HEAVY = "trio typer pydantic dns rich jinja2 tabulate cryptography re2"


def test_loading_runbooks_imports_nothing_heavy() -> None:
    code = (
        "import sys; from icapdiag.runbook import load_runbooks; load_runbooks()\n"
        f"print(*sorted(set({HEAVY!r}.split()) & set(sys.modules)))"
    )

    assert "\n" == subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
