"""What the user names: paths, patterns, standard input, and everything that is wrong with them at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from icapdiag.logs.opening import inputs
from icapdiag.logs.opening.inputs import InputError, expand_inputs
from tests.users import shared_folder, unprivileged

ZSTD = b"\x28\xb5\x2f\xfd\x00\x00"


def test_paths_stay_in_order_and_come_once(tmp_path: Path) -> None:
    for name in ("b.json", "a.json"):
        (tmp_path / name).write_text("{}")
    a, b = str(tmp_path / "a.json"), str(tmp_path / "b.json")
    assert (b, a, "-") == expand_inputs([b, a, b, "-", str(tmp_path / "." / "a.json"), "-"])


def test_patterns_are_expanded_and_sorted(tmp_path: Path) -> None:
    for name in ("2.json", "1.json", "x.txt"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "d.json").mkdir()
    assert tuple(str(tmp_path / name) for name in ("1.json", "2.json")) == expand_inputs([str(tmp_path / "*.json")])


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    name = tmp_path / "log[1].json"
    name.write_text("{}")
    assert (str(name),) == expand_inputs([str(name)])


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        expand_inputs([str(tmp_path), "nosuch.json", str(tmp_path / "*.gz"), "a\0b"])
    errors = raised.value.errors
    assert 4 == len(errors)
    assert f"{tmp_path}: is a directory; name the files in it, e.g. '{tmp_path}/*.json'" == errors[0]
    assert "nosuch.json: No such file or directory" == errors[1]
    assert f"{tmp_path / '*.gz'}: no file matches this pattern" == errors[2]
    assert "a\\x00b" in errors[3]


def test_a_file_without_permission() -> None:
    def refused() -> str | None:
        try:
            expand_inputs([str(name)])
        except InputError as error:
            return str(error)
        return None

    with shared_folder() as folder:
        name = folder / "log.json"
        name.touch(mode=0)
        said = unprivileged(refused)
    assert f"{name}: Permission denied" == said


def test_zstd_without_its_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = tmp_path / "log.json"  # told by content, not by name
    name.write_bytes(ZSTD)
    monkeypatch.setattr(inputs, "has_zstd", lambda: False)
    with pytest.raises(InputError, match=r"pip install 'icapdiag\[zstd\]'"):
        expand_inputs([str(name)])


def test_a_fifo_is_not_opened_to_look_at_it(tmp_path: Path) -> None:
    name = tmp_path / "fifo"
    os.mkfifo(name)
    assert (str(name),) == expand_inputs([str(name)])
