"""Paths: what can't be opened, what is too large, JSON beside YAML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from icapdiag import jsontree, treefile
from icapdiag.jsontree import NotJSON, read_json
from icapdiag.pool import PoolError, load_pool
from icapdiag.yamltree import ListNode, Scalar
from tests.users import shared_folder, unprivileged

if TYPE_CHECKING:
    from collections.abc import Callable

    from icapdiag.pool import Pool

    Load = Callable[..., Pool]
    Mistakes = Callable[..., list[str]]


def said(path: Path) -> str:
    with pytest.raises(PoolError) as caught:
        load_pool(path)
    return str(caught.value)


def test_no_such_file(tmp_path: Path) -> None:
    file = tmp_path / "none.yaml"
    assert f"{file}: no such file" == said(file)


def test_a_directory(tmp_path: Path) -> None:
    assert f"{tmp_path}: a directory: name the pool file in it" == said(tmp_path)


def test_a_file_in_place_of_a_directory(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    assert f"{tmp_path / 'x' / 'y'}: can't be read: Not a directory" == said(tmp_path / "x" / "y")


def test_an_unreadable_file() -> None:
    with shared_folder() as folder:
        file = folder / "pool.yaml"
        file.touch(mode=0)
        assert f"{file}: can't be read: Permission denied" == unprivileged(lambda: said(file))


def test_names_that_no_file_has() -> None:
    assert said(Path("a\0b")) == r"a\x00b: can't be opened: embedded null byte"
    assert said(Path("a\ud800b")).startswith(r"a\ud800b: can't be opened")
    assert said(Path("x" * 5000)).endswith("can't be read: File name too long")


def test_a_device_without_end() -> None:
    assert said(Path("/dev/zero")).startswith("/dev/zero: larger than 32 MiB: not a pool file")


def test_a_yaml_file_beyond_one_mebibyte(mistakes: Mistakes) -> None:
    data = b"service_uri: /a\nmembers: [a]\n" + b"#" * treefile.YAML_BYTES
    expected = ["pool.yaml: larger than 1 MiB, the most for YAML; of an Avi export, the JSON form is read"]
    assert expected == mistakes(data)
    expected = ["pool.yaml:1:2: not JSON: a key in double quotes is expected here"]
    assert expected == mistakes(b"{a: [" + b" " * treefile.YAML_BYTES + b"]}")


def test_a_file_is_loaded_from_its_path(tmp_path: Path) -> None:
    file = tmp_path / "icap.yaml"
    file.write_text("service_uri: /avscan\nmembers: [a]\n")
    pool = load_pool(file)
    assert (pool.name, pool.source, pool.members[0].line) == ("icap", str(file), 2)


def test_json_is_read_with_tabs_and_surrogate_pairs(load: Load) -> None:
    text = (
        '{\n\t"pool": "\\ud83d\\ude00",\n\t"service_uri": "\\/avscan",\n\t"members": [\n'
        '\t\t{"host": "a", "port": 1345}\n\t]\n}'
    )
    pool = load(text)
    assert (pool.name, pool.members[0].port, pool.members[0].line) == ("😀", 1345, 5)


def test_yaml_flow_form_is_no_json_and_fine(load: Load) -> None:
    assert load("{service_uri: /avscan, members: [a, b]}").members[1].host == "b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "p.json:1:2: not JSON: a key in double quotes is expected here"),
        ('{"a"}', "p.json:1:5: not JSON: ':' is expected after a key"),
        ('{"a":}', "p.json:1:6: not JSON: a value is expected here"),
        ('{"a": 1', "p.json:1:8: not JSON: ',' or '}' is expected here"),
        ('{"a": 1,}', "p.json:1:9: not JSON: a key in double quotes is expected here"),
        ("[1, 2", "p.json:1:6: not JSON: ',' or ']' is expected here"),
        ("[1, 02]", "p.json:1:5: not JSON: a value is expected here"),
        ("[NaN]", "p.json:1:2: not JSON: a value is expected here"),
        ("[1]\n x", "p.json:2:2: not JSON: more text after the end of the object"),
        ('["a\n"]', "p.json:1:4: not JSON: Invalid control character at"),
        ('["a', "p.json:1:2: not JSON: Unterminated string starting at"),
        ('{"Foreign": [1, 2}', "p.json:1:18: not JSON: Expecting ',' delimiter"),
    ],
)
def test_broken_json_says_where(mistakes: Mistakes, text: str, expected: str) -> None:
    assert [expected] == mistakes(text, file="p.json")


def test_json_literals_and_empty_containers() -> None:
    root = read_json('[true, false, null, -1.5e3, 0, "", {}, []]', frozenset())
    assert isinstance(root, ListNode)
    assert [item.text if isinstance(item, Scalar) else None for item in root.items] == [
        "true",
        "false",
        "null",
        "-1.5e3",
        "0",
        "",
        None,
        None,
    ]


def test_json_agrees_with_the_standard_reader() -> None:
    for text in (
        "{}",
        "[]",
        " [ ] ",
        '{"a":{"b":[1,{"c":null}]}}',
        "1",
        '"x"',
        "[1 2]",
        "{,}",
        "[,]",
        "tru",
        "truex",
        "-",
        "1.",
        "[1]]",
    ):
        try:
            json.loads(text)
        except ValueError:
            with pytest.raises(NotJSON):
                read_json(text, frozenset({"a"}))
        else:
            assert read_json(text, frozenset({"a"})).problem is None


def test_the_number_of_values_is_bounded(mistakes: Mistakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsontree, "VALUES", 10)
    (line,) = mistakes('{"members": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}', file="p.json")
    assert "not JSON: more than 10 values" in line


def test_duplicate_keys_of_json_are_found(mistakes: Mistakes) -> None:
    expected = ["p.json:1:38: service_uri: written twice; the first is in line 1: delete one"]
    assert expected == mistakes('{"service_uri": "/a", "members": [], "service_uri": "/b"}', file="p.json")[1:]
