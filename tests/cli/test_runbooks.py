"""``icapdiag runbooks``: everything in them can be read offline."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from icapdiag.runbook import RunbookError, load_runbooks
from tests.cli.run import ROOT, icapdiag

SITE = """\
---
id: {id}
title: A title of ours
severity: warning
source: probe
match: [{{probe: tcp, reason: refused}}]
examples: [{{probe: tcp, status: failed, reason: refused}}]
counterexamples: [{{probe: tcp, status: {status}, reason: {reason}}}]
---
## What it means
It \x1b[31mshows\x1b[0m.
## Likely causes
1. One.
## Verify
Look.
## Fix on Avi
1. Fix it.
## Fix on the ICAP server
1. Fix it.
## Escalate with
Nothing.
"""


def site(folder: Path, name: str = "ours", *, status: str = "failed", reason: str = "timeout") -> str:
    (folder / f"{name}.md").write_text(SITE.format(id=name, status=status, reason=reason))
    return str(folder)


def test_list_groups_by_stage_the_gravest_first() -> None:
    status, out, err = icapdiag("runbooks", "list")
    assert (0, "") == (status, err)
    blocks = [block.splitlines() for block in out.strip().split("\n\n")]
    assert ["Name", "Connection", "TLS", "ICAP response", "Verdict"] == [block[0] for block in blocks][:5]
    connection = blocks[1][1:]
    assert ["tcp-refused", "critical", "Connection"] == next(li for li in connection if "tcp-refused " in li).split()[
        :3
    ]
    for block in blocks:
        severities = [line.split()[1] for line in block[1:]]
        assert sorted(severities, key=["critical", "warning", "info"].index) == severities


@pytest.mark.parametrize("odd", ["\\t", "\\n", "\\r", "\\x0b", "\\x1b[2J", "\\x85", "\\u2028", "\\u202e"])
def test_a_mistake_is_told_on_one_line_whatever_was_written(odd: str, tmp_path: Path) -> None:
    file = tmp_path / "ours.md"
    file.write_text(
        SITE.format(id="ours", status="failed", reason="timeout").replace("---\n", f'---\n"a{odd}b": 1\n', 1)
    )
    status, _, err = icapdiag("runbooks", "lint", "--runbooks", str(tmp_path))
    [line] = [line for line in err.split("\n") if "unknown key" in line]
    assert (1, True) == (status, line.isprintable())
    assert line.startswith(f"{file}:2:1: a\\")
    with pytest.raises(RunbookError) as error:
        load_runbooks([tmp_path])
    assert all(line.isprintable() for line in str(error.value).split("\n"))


def test_the_list_as_markdown_links_every_runbook() -> None:
    status, out, err = icapdiag("runbooks", "list", "-o", "markdown")
    files = {path.name for path in (ROOT / "runbooks").glob("*.md")} - {"README.md"}
    assert (0, "") == (status, err)
    assert files == set(
        re.findall(r"^\| \[[a-z0-9-]+\]\(([a-z0-9-]+\.md)\) \| (?:critical|warning|info) \| .+ \|$", out, re.MULTILINE)
    )


def test_the_markdown_list_links_the_page_on_access_to_the_controller() -> None:
    link = re.search(r"\]\((pages/.*?)\)", icapdiag("runbooks", "list", "-o", "markdown")[1])
    assert link is not None
    assert (ROOT / "runbooks" / link[1]).is_file()
    assert link[0] in (ROOT / "runbooks" / "README.md").read_text()


def test_another_format_of_the_list_is_2() -> None:
    assert 2 == icapdiag("runbooks", "list", "-o", "pdf")[0]


def test_list_and_show_know_a_site_s_own(tmp_path: Path) -> None:
    folder = site(tmp_path)
    assert f"A title of ours  ({folder})" in icapdiag("runbooks", "list", "--runbooks", folder)[1]
    status, out, err = icapdiag("runbooks", "show", "ours", "--runbooks", folder)
    assert (0, "") == (status, err)
    assert "# A title of ours\n" in out
    assert "It \\x1b[31mshows\\x1b[0m.\n" in out


def test_show_prints_all_sections() -> None:
    status, out, _ = icapdiag("runbooks", "show", "tcp-refused")
    assert 0 == status
    for section in (
        "What it means",
        "Now",
        "Causes",
        "Verify",
        "Escalate with",
    ):
        assert f"\n## {section}\n" in out


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("slow-response", "slow-member"),
        ("slow-responses", "slow-requests"),
        ("likely-duplicate-server", "one-server-two-addresses"),
    ],
)
def test_a_renamed_runbook_is_found_by_its_old_name(old: str, new: str) -> None:
    status, out, err = icapdiag("runbooks", "show", old)
    assert (0, "") == (status, err)
    assert f"\n{new} | " in out


def test_show_refers_to_the_page_on_access_to_the_controller() -> None:
    asking = icapdiag("runbooks", "show", "tcp-refused")[1]
    reference = "Logging in to the Controller: `icapdiag runbooks show controller-access`.\n"
    assert 1 == asking.count(reference)
    assert asking.index("## Escalate with") < asking.index(reference) < asking.index("## References")
    assert "controller-access" not in icapdiag("runbooks", "show", "one-server-two-addresses")[1]


def test_show_says_when_a_step_is_advised() -> None:
    shown = icapdiag("runbooks", "show", "icap-timeout")[1]
    assert "Templates > Profiles > ICAP Profile > {profile}. (if `client_outcome: unscanned`)\n" in shown
    assert " (unless `profile.allow_204: false`)\n" in icapdiag("runbooks", "show", "204-without-allow")[1]


def test_show_prints_the_page_on_access_to_the_controller() -> None:
    status, out, err = icapdiag("runbooks", "show", "controller-access")
    assert (0, "") == (status, err)
    assert out.startswith("# Access to the Avi Controller\n")
    assert (ROOT / "runbooks/pages/controller-access.md").read_text() == out
    assert "controller-access" in icapdiag("runbooks", "list")[1]


@pytest.mark.parametrize("name", ["../README", "pages/controller-access", "/etc/passwd", "controller-acces"])
def test_show_reads_no_other_file_as_a_page(name: str) -> None:
    assert (2, "") == icapdiag("runbooks", "show", name)[:2]


def test_show_of_an_unknown_id_is_2_and_suggests() -> None:
    status, out, err = icapdiag("runbooks", "show", "tcp-refusd")
    assert (2, "") == (status, out)
    assert "tcp-refused" in err


def test_fields_documents_units_and_vocabularies() -> None:
    status, out, _ = icapdiag("runbooks", "fields")
    assert 0 == status
    assert "elapsed_ms (number, ms; " in out
    assert "\nverdict (" in out
    assert "unscannable" in out


def test_lint_names_file_and_line(tmp_path: Path) -> None:
    folder = site(tmp_path)
    file = tmp_path / "ours.md"
    file.write_text(file.read_text().replace("reason: refused", "reason: refusd"))
    status, out, err = icapdiag("runbooks", "lint", "--runbooks", folder)
    assert (1, "") == (status, out)
    assert f"{file}:6:" in err


def test_test_runs_the_examples(tmp_path: Path) -> None:
    folder = site(tmp_path)
    status, out, err = icapdiag("runbooks", "test", "--runbooks", folder)
    assert (0, "") == (status, out)
    assert "runbooks match their examples" in err
    site(tmp_path, reason="refused")
    status, out, err = icapdiag("runbooks", "test", "--runbooks", folder)
    assert (1, "") == (status, out)
    assert "counterexamples[0]" in err


def test_a_folder_that_is_not_there_is_2(tmp_path: Path) -> None:
    status, out, err = icapdiag("runbooks", "list", "--runbooks", str(tmp_path / "nowhere"))
    assert (2, "") == (status, out)
    assert "nowhere" in err
    assert "Traceback" not in err
