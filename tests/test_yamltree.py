"""The tree of a YAML text: YAML 1.2 scalars, places, and what is refused."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from icapdiag import yamltree
from icapdiag.mistakes import FileError, Located, Problems
from icapdiag.model import JSONValue
from icapdiag.runbook.document import parse_runbook
from icapdiag.yamltree import MapNode, core_value, read_yaml, report

Mark = tuple[int, int]
Read = tuple[MapNode | None, list[tuple[Mark, str, str]]]


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of PyYAML's parsers, since it may be built without the one in C."""
    loader = getattr(yaml, request.param, None)
    if loader is None:
        pytest.skip("PyYAML was built without libyaml")
    monkeypatch.setattr(yamltree, "LOADER", loader)


def read(text: str) -> Read:
    """The tree of a text that begins in the second line of a runbook, and what is wrong with it."""
    problems = Problems("a.md")
    try:
        root = read_yaml(text, "a.md", subject="a runbook", first_line=2)
    except FileError as error:
        return None, [told(one) for one in error.errors]
    if root is not None:
        report(root, (), problems)
    return root if isinstance(root, MapNode) else None, [told(one) for one in problems.error().errors]


def told(one: Located) -> tuple[Mark, str, str]:
    return (one.line or 0, one.column or 0), one.path, one.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("'true'", "true"),
        ("~", None),
        ("", None),
        ("''", ""),
        ("204", 204),
        ("-1", -1),
        ("0", 0),
        ("010", "010"),
        ("0x1f", "0x1f"),
        ("1:20", "1:20"),
        ("1_000", "1_000"),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("1e400", "1e400"),
        (".inf", ".inf"),
        ("2026-01-01", "2026-01-01"),
        ("=", "="),
        ("|\n  5\n", "5\n"),
        ("9" * 65, "9" * 65),
    ],
)
def test_scalar(text: str, expected: JSONValue) -> None:
    found, problems = read(f"key: {text}")

    assert [] == problems
    assert found is not None
    value = found.get("key")
    assert value is not None
    assert expected == core_value(value)
    assert type(expected) is type(core_value(value))


def test_places_are_those_of_the_file() -> None:
    found, _ = read("id: x\nmatch:\n  - status: ok\n    x_response_desc|contains: [a,\n      b]\n")

    assert found is not None
    places = [(key.line, key.column, key.text, value.line, value.column) for key, value in found.pairs()]
    assert [(2, 1, "id", 2, 5), (3, 1, "match", 4, 3)] == places


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3", ((4, 1), "a", "written twice; the first is in line 2: delete one")),
        ("a: &x 1", ((2, 4), "a", "anchor &x: a runbook has no anchors and aliases; remove it")),
        ("b: *x", ((2, 4), "b", "alias *x: a runbook has no anchors and aliases; write the value out")),
        (
            "a: !!int 5",
            ((2, 4), "a", "tag 'tag:yaml.org,2002:int': a runbook has no tags; remove it, and write text in quotes"),
        ),
        ("a: !x 5", ((2, 4), "a", "tag '!x': a runbook has no tags; remove it, and write text in quotes")),
        ("? [a]\n: 1", ((2, 3), "", "a key must be a word, not a list; perhaps '{' or '[' needs quotes")),
    ],
)
def test_refused(text: str, problem: tuple[Mark, str, str]) -> None:
    _, problems = read(text)

    assert [problem] == problems


@pytest.mark.parametrize("text", ["- a", ""])
def test_a_front_matter_is_a_mapping(text: str) -> None:
    errors: list[Located] = []
    parse_runbook(f"---\n{text}\n---\n", path="a.md", errors=errors)

    assert ["a.md:2:1: the front matter must be a mapping of keys to values"] == [str(error) for error in errors]


def test_syntax_error_has_its_place() -> None:
    found, problems = read("a: 1\nb: c: d\n")

    assert None is found
    assert [(3, 5)] == [mark for mark, _, _ in problems]
    assert problems[0][2].startswith("not YAML: mapping values are not allowed")


@pytest.mark.parametrize("text", ["a: " + "[" * 50_000, "a: " + "{b: " * 50_000])
def test_deep_nesting_is_an_error_and_no_crash(text: str) -> None:
    found, problems = read(text)

    assert None is found
    assert "nested deeper than 32 levels: a runbook needs four" == problems[0][2]


@given(st.text(alphabet=st.sampled_from("ab:[]{}-?&*!|>'\"#%@,\n \t0\x00é\ud800"), max_size=40))
def test_any_text_is_read_or_reported(text: str) -> None:
    for loader in {yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)}:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(yamltree, "LOADER", loader)
            found, problems = read(text)
            errors: list[Located] = []
            utf_8 = text.encode("utf-8", "replace").decode()
            runbook = parse_runbook(f"---\n{utf_8}\n---\n", path="a.md", errors=errors)

        assert found is None or found.line > 1
        assert all(line > 1 or message.startswith("not YAML") for (line, _), _, message in problems)
        assert (runbook is None) is bool(errors)
