"""axe-core, which judges pages by the rules of accessibility: its one file, from the package that carries it."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.interop.chromium import Page

_RUN = """axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations.map(rule => [
  rule.id, rule.impact, rule.help,
  rule.nodes.slice(0, 3).map(node => `${node.html.slice(0, 300)} ${node.failureSummary}`)
]))"""


def script() -> str:
    """The source of axe-core; ICAPDIAG_AXE names another file. Skips the test where there is none."""
    named = os.environ.get("ICAPDIAG_AXE")
    if named:
        return Path(named).read_text("utf-8")
    package = find_spec("axe_core_python")
    if package is None or package.origin is None:
        pytest.skip("axe-core-python is not installed")
    return Path(package.origin).with_name("axe.min.js").read_text("utf-8")


def violations(page: Page, source: str) -> list[Any]:
    """What axe-core finds on the page as it is now: rule, impact, help and examples."""
    page.evaluate(source + ";0")
    found: list[Any] = page.evaluate(_RUN)
    return found
