"""Finding and reading files: the library, what replaces what, and all errors at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from icapdiag.mistakes import Located, in_file_order
from icapdiag.runbook import Library, RunbookError, UnknownRunbook, builtin_directory, library, load_runbooks
from icapdiag.runbook.document import EFFECTS
from icapdiag.runbook.library import read_library
from icapdiag.runbook.source import Source
from icapdiag.vocabulary import Severity
from tests.runbook.writing import RULE, SECTIONS, library_of, runbook_text, write


def problems(folder: Path, *extra: Path) -> list[str]:
    errors: list[Located] = []
    read_library(extra, errors, builtin=folder)
    return [str(error).removeprefix(f"{folder}/") for error in in_file_order(errors)]


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands in for the built-in one."""
    folder = write(tmp_path / "ours", a_one=runbook_text("a-one"), b_two=runbook_text("b-two"))
    monkeypatch.setattr(library, "builtin_directory", lambda: folder)
    return folder


def test_a_whole_runbook(tmp_path: Path) -> None:
    head = "vendor: opswat\nsupersedes: [other]\naliases: [old-name]\nreferences:\n  - https://example.com/\n"
    runbook = library_of(tmp_path, a_one=runbook_text("a-one", head=head)).by_id("a-one")

    assert ("a-one", "The title of a-one", Severity.CRITICAL) == (runbook.id, runbook.title, runbook.severity)
    assert (("probe",), ("opswat",), ("other",)) == (runbook.source, runbook.vendor, runbook.supersedes)
    assert (("old-name",), ("https://example.com/",)) == (runbook.aliases, runbook.references)
    assert ["probe: tcp", "reason: refused"] == [condition.text for condition in runbook.match[0].conditions]
    assert ({"source": "probe", "probe": "tcp", "status": "failed", "reason": "refused"},) == runbook.examples
    assert "Nobody listens." == runbook.sections["What it means"]
    assert SECTIONS == runbook.body
    assert ("runbooks/a-one.md", "built-in") == (runbook.path, runbook.origin)


def test_windows_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = "\ufeff" + runbook_text("a-one").replace("\n", "\r\n")
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / "a-one.md").write_bytes(text.encode())

    errors: list[Located] = []
    runbook = read_library([], errors, builtin=folder).by_id("a-one")

    assert [] == errors
    assert "- It is down." == runbook.sections["Likely causes"]


def test_a_heading_inside_a_fenced_block_is_none(tmp_path: Path) -> None:
    sections = SECTIONS.replace("Look.", "```sh\n## Fix on Avi\n~~~\n```\nThen:\n\n~~~~\n## No\n```\n~~~\n~~~~")
    runbook = library_of(tmp_path, a_one=runbook_text("a-one", sections=sections)).by_id("a-one")

    assert "- Disable the member." == runbook.sections["Fix on Avi"]
    assert runbook.sections["Verify"].endswith("```\n~~~\n~~~~")


@pytest.mark.parametrize("sections", [f"## {'x' * 5000}\n" * 2, f"## {chr(27) * 900}\n" * 2, "~" * 3000, "`" * 3000])
def test_what_is_said_of_a_section_is_short(sections: str) -> None:
    problems = Source(f"---\nid: a\n---\n{sections}", "a.md").problems()

    assert [True] == [len(str(problem)) < 1000 for problem in problems]


def test_readme_and_other_files_are_no_runbooks(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# About")
    (tmp_path / "notes.txt").write_text("x")

    assert ["a-one"] == [runbook.id for runbook in library_of(tmp_path, a_one=runbook_text("a-one")).runbooks]


def test_by_id_follows_aliases_and_suggests(tmp_path: Path) -> None:
    found = library_of(tmp_path, a_one=runbook_text("a-one", head="aliases: [was-one]\n"))

    assert "a-one" == found.by_id("was-one").id
    with pytest.raises(UnknownRunbook) as caught:
        found.by_id("a-on")
    assert "no runbook 'a-on'; did you mean 'a-one'?" == str(caught.value)


def test_supersedes_reaches_all_the_way_and_through_aliases(tmp_path: Path) -> None:
    found = library_of(
        tmp_path,
        a=runbook_text("a", head="supersedes: [was-b]\n"),
        b=runbook_text("b", head="supersedes: c\naliases: [was-b]\n"),
        c=runbook_text("c"),
    )

    assert [{"b", "c"}, {"c"}, set()] == [found.supersedes(name) for name in "abc"]


def test_every_problem_of_every_file_at_once(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "ours",
        a=runbook_text("a", "match:\n  - status|contians: x\n    reason|gt: soon\n  - {}\n  - refused\n"),
        b="title: no front matter\n",
        c="---\nid: c\n",
        d="---\nid: d\nseverity: critcal\nsource: [probe, wire]\ntitle: 5\n---\n",
        e=runbook_text("e", sections="## Verify\nx\n## Verify\ny\n```\n"),
        f=runbook_text("d", "match: {status: ok}\nexamples: [5]\n"),
        g="---\nid: [\n---\n~~~\n",
    )
    (folder / "h.md").write_bytes(b"---\n\xff\n---\n")
    (folder / "i.md").write_bytes(b"x" * 300_000)
    (folder / "j.md").symlink_to(tmp_path / "nowhere")

    flow = "while parsing a flow node"
    assert [
        "runbooks/a.md:7:5: match[0].status|contians: unknown modifier 'contians'; did you mean 'contains'?",
        "runbooks/a.md:8:5: match[0].reason|gt: 'gt' needs a number, not soon",
        "runbooks/a.md:9:5: match[1]: an empty mapping would match everything",
        "runbooks/a.md:10:5: match[2]: must be a mapping of fields to values",
        "runbooks/b.md:1:1: the first line must be '---', the start of the front matter",
        "runbooks/c.md:1:1: the front matter has no second '---' line",
        "runbooks/d.md:2:1: match: is missing",
        "runbooks/d.md:3:1: severity: unknown severity 'critcal'; did you mean 'critical'?",
        "runbooks/d.md:4:1: source: unknown source 'wire': log, probe, config, scanner, joined",
        "runbooks/d.md:5:1: title: must be text",
        "runbooks/e.md:15:1: ## Verify: the section is written twice",
        "runbooks/e.md:18:1: a ``` block is never closed",
        "runbooks/f.md:7:12: examples[0]: must be a mapping of fields to values",
        f"runbooks/g.md:3:1: not YAML: did not find expected node content ({flow} that begins in line 3)",
        "runbooks/g.md:5:1: a ~~~ block is never closed",
        "runbooks/h.md:2:1: not UTF-8",
        "runbooks/i.md: larger than 262144 bytes",
        "runbooks/j.md: can't be read: No such file or directory",
    ] == problems(folder)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{refusd: [{status: ok}]}", "effect_when.refusd: unknown key; did you mean 'refused'?"),
        ("{refused: [{}]}", "effect_when.refused[0]: an empty mapping would match everything"),
        ("refused", f"effect_when: must be a mapping of effects to conditions: {', '.join(EFFECTS)}"),
    ],
)
def test_an_effect_with_conditions_that_is_written_wrong(tmp_path: Path, written: str, expected: str) -> None:
    folder = write(tmp_path / "ours", a=runbook_text("a", head=f"effect: none\neffect_when: {written}\n"))

    assert [expected] == [line.partition(": ")[2] for line in problems(folder)]


def test_one_id_in_two_files_of_a_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "ours", a=runbook_text("a"), b=runbook_text("a"))

    assert ["runbooks/b.md:2:1: id: 'a' is the id of runbooks/a.md too"] == problems(folder)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    folder = write(tmp_path / "ours", a=runbook_text("a"))
    missing = tmp_path / "missing"

    assert [f"{missing}: can't be read: No such file or directory"] == problems(folder, missing)


def test_an_installation_without_runbooks(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()

    assert [f"{tmp_path}/ours: no runbooks here: the installation is incomplete"] == problems(tmp_path / "ours")


def test_a_site_runbook_replaces_ours(ours: Path, tmp_path: Path) -> None:
    site = write(tmp_path / "site", a_one=runbook_text("a-one"), c_three=runbook_text("c-three"))

    found = load_runbooks([site])

    assert ["a-one", "b-two", "c-three"] == [runbook.id for runbook in found.runbooks]
    assert [str(site), "built-in", str(site)] == [runbook.origin for runbook in found.runbooks]
    assert f"{site}/a-one.md" == found.by_id("a-one").path
    assert ("a-one",) == found.replaced


def test_the_last_site_folder_wins(ours: Path, tmp_path: Path) -> None:
    first = write(tmp_path / "first", c=runbook_text("c"))
    second = write(tmp_path / "second", c=runbook_text("c"))

    found = load_runbooks([first, second / "c.md"])

    assert (f"{second}/c.md", ()) == (found.by_id("c").path, found.replaced)


def test_site_runbooks_are_linted_and_ours_are_not(ours: Path, tmp_path: Path) -> None:
    write(ours, a_one=runbook_text("a-one", sections=""))
    site = write(
        tmp_path / "site",
        c=runbook_text("c", RULE.replace("probe: tcp", "prob: tcp")),
        d=runbook_text("d", "match: [{status|x: ok}]\n"),
    )

    with pytest.raises(RunbookError) as caught:
        load_runbooks([site])

    assert [
        f"{site}/c.md:7:6: match[0].prob: unknown field 'prob'; did you mean 'probe'?",
        f"{site}/c.md:9:6: examples[0].prob: unknown field; did you mean 'probe'?",
        f"{site}/c.md:11:6: counterexamples[0].prob: unknown field; did you mean 'probe'?",
        f"{site}/d.md:6:10: match[0].status|x: unknown modifier 'x'",
    ] == [str(error) for error in caught.value.errors]
    assert 4 == len(str(caught.value).splitlines())


def test_ours_are_found_in_a_checkout_and_in_an_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "icapdiag"
    (package / "runbook").mkdir(parents=True)
    monkeypatch.setattr(library, "__file__", str(package / "runbook" / "library.py"))
    checkout = builtin_directory()
    (package / "runbooks").mkdir()

    assert (tmp_path / "site-packages" / "runbooks", package / "runbooks") == (checkout, builtin_directory())


def test_an_empty_library_explains_nothing() -> None:
    assert ((), False) == (Library(()).runbooks, "x" in Library(()))
