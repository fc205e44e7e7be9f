"""The index of a wheel: it gives what the files say, or nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from icapdiag.model import JSONValue
from icapdiag.runbook import Library, RunbookError, library, load_runbooks
from icapdiag.runbook.index import FILE, build_index, read_index
from icapdiag.runbook.library import builtin_directory, read_library
from icapdiag.runbook.source import Front, Source
from tests.runbook.writing import RULE, runbook_text, write

PLAIN = runbook_text("a-one")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runbooks of a wheel, with their index."""
    folder = write(tmp_path / "runbooks", a_one=PLAIN, b_two=runbook_text("b-two"), README="# About\n")
    (folder / FILE).write_bytes(build_index(folder))
    monkeypatch.setattr(library, "builtin_directory", lambda: folder)
    return folder


def said(found: Library) -> list[JSONValue]:
    return [[one.id, one.title, [c.text for each in one.match for c in each.conditions]] for one in found.runbooks]


def read(folder: Path) -> list[JSONValue]:
    """What the folder's runbooks say, which is what a reading of all their YAML gives."""
    found = load_runbooks()

    assert said(found) == said(read_library([], [], builtin=folder))

    return said(found)


def test_the_index_says_what_the_files_say(installed: Path) -> None:
    index = read_index(installed)

    assert 2 == len(index)
    assert [Source(PLAIN, "").rule] == [front for front in index.values() if front["id"] == "a-one"]
    assert ["a-one", "b-two"] == [one[0] for one in read(installed) if isinstance(one, list)]


def test_of_our_own_it_is_what_a_whole_reading_gives() -> None:
    whole, rules = read_library([], []), read_library([], [], sound=True)

    assert whole == rules
    assert [(r.match, r.unless, r.examples, r.counterexamples, r.references, r.keys) for r in whole.runbooks] == [
        (r.match, r.unless, r.examples, r.counterexamples, r.references, r.keys) for r in rules.runbooks
    ]


def test_a_file_that_is_newer_than_the_index_is_read_itself(installed: Path) -> None:
    (installed / "a-one.md").write_text(PLAIN.replace("The title of a-one", "Another title"))
    (installed / "c-new.md").write_text(runbook_text("c-new"))

    titles = [one[1] for one in read(installed) if isinstance(one, list)]
    assert ["Another title", "The title of b-two", "The title of c-new"] == titles


def _other_title(data: bytes) -> bytes:
    return data.replace(b"The title of a-one", b"Another title !!!!")


def _other_shape(data: bytes) -> bytes:
    return json.dumps({**json.loads(data), "fronts": {"x": 1}}).encode()


@pytest.mark.parametrize(
    "damage",
    [
        _other_title,
        _other_shape,
        lambda data: data[:-20],
        lambda data: b"",
        lambda data: b"{}",
        lambda data: b"[" * 100_000,
        lambda data: b"\xff" + data,
        lambda data: json.dumps({**json.loads(data), "more": 1}).encode(),
    ],
)
def test_a_damaged_index_is_no_index(installed: Path, damage: Callable[[bytes], bytes]) -> None:
    before = read(installed)
    index = installed / FILE
    index.write_bytes(damage(index.read_bytes()))

    assert {} == read_index(installed)
    assert before == read(installed)


def test_with_an_index_neither_yaml_nor_the_linter_is_needed(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(build_index(builtin_directory()))
    for file in builtin_directory().glob("*.md"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    code = (
        "import sys; from pathlib import Path; from icapdiag.runbook import library, load_runbooks;"
        f" library.builtin_directory = lambda: Path({str(tmp_path)!r}); found = load_runbooks();"
        " print(len(found.runbooks), [n for n in ('yaml', 'icapdiag.runbook.lint') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert f"{len(read_library([], []).runbooks)} []" == done.stdout.strip()


def test_a_site_s_folder_needs_no_index_and_gets_none(installed: Path, tmp_path: Path) -> None:
    """What users write is read as YAML, so that mistakes have their place."""
    site = write(tmp_path / "site", c=runbook_text("c", RULE.replace("probe: tcp", "prob: tcp")))
    front: Front = {**Source(runbook_text("c"), "").rule, "title": "Not this"}
    (site / FILE).write_text(json.dumps({"checksum": "", "fronts": {"x": front}}))

    with pytest.raises(RunbookError) as caught:
        load_runbooks([site])
    assert f"{site}/c.md:7:6: match[0].prob: unknown field 'prob'" in str(caught.value)
