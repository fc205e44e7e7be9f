"""The man page says what ``--help`` says, and is in the wheel."""

from __future__ import annotations

import shutil
import subprocess
import tomllib

import pytest

from tests.cli.manpage import FILE, page
from tests.cli.run import ROOT


def test_it_is_made_from_the_command_line() -> None:
    """If not: ``python -m tests.cli.manpage``."""
    assert page() == FILE.read_text("utf-8")


def test_it_goes_where_man_looks() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert {"docs/icapdiag.1": "share/man/man1/icapdiag.1"} == shared


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
def test_man_has_nothing_to_say_about_it() -> None:
    drawn = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", str(FILE)],
        env={"PATH": "/usr/bin:/bin", "MANWIDTH": "80", "MANROFFSEQ": "", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert b"" == drawn.stderr
    assert b"icapdiag check pool.yaml" in drawn.stdout
