"""Front matter: YAML 1.2 scalars, places, and what is refused."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from icapdiag.model import JSONValue
from icapdiag.runbook import front
from icapdiag.runbook.errors import Mark
from icapdiag.runbook.front import Front, read_front


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of PyYAML's parsers, since it may be built without the one in C."""
    loader = getattr(yaml, request.param, None)
    if loader is None:
        pytest.skip("PyYAML was built without libyaml")
    monkeypatch.setattr(front, "_Loader", loader)


def read(text: str) -> tuple[Front | None, list[tuple[Mark, str, str]]]:
    problems: list[tuple[Mark, str, str]] = []
    return read_front(text, 2, lambda mark, where, message: problems.append((mark, where, message))), problems


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
        ("!!str 5", "5"),
        ("=", "="),
        ("|\n  5\n", "5\n"),
        ("9" * 65, "9" * 65),
    ],
)
def test_scalar(text: str, expected: JSONValue) -> None:
    found, problems = read(f"key: {text}")

    assert [] == problems
    assert found is not None
    assert {"key": expected} == found.values
    assert type(expected) is type(found.values["key"])


def test_places_are_those_of_the_file() -> None:
    found, _ = read("id: x\nmatch:\n  - status: ok\n    x_response_desc|contains: [a,\n      b]\n")

    assert found is not None
    assert {
        "": (2, 1),
        "id": (2, 1),
        "match": (3, 1),
        "match[0]": (4, 5),
        "match[0].status": (4, 5),
        "match[0].x_response_desc|contains": (5, 5),
        "match[0].x_response_desc|contains[0]": (5, 32),
        "match[0].x_response_desc|contains[1]": (6, 7),
    } == found.marks


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3", ((4, 1), "a", "the key is written twice")),
        ("a: &x 1\nb: *x", ((3, 4), "b", "YAML aliases (*name) are not supported here: write the value out")),
        ("a: !!int 5", ((2, 4), "a", "YAML tags are not supported here: 'tag:yaml.org,2002:int'")),
        ("a: !x 5", ((2, 4), "a", "YAML tags are not supported here: '!x'")),
        ("? [a]\n: 1", ((2, 3), "", "a key must be plain text")),
        ("- a", ((2, 1), "", "the front matter must be a mapping of keys to values")),
        ("", ((2, 1), "", "the front matter must be a mapping of keys to values")),
    ],
)
def test_refused(text: str, problem: tuple[Mark, str, str]) -> None:
    _, problems = read(text)

    assert [problem] == problems


def test_syntax_error_has_its_place() -> None:
    found, problems = read("a: 1\nb: c: d\n")

    assert None is found
    assert [(3, 5)] == [mark for mark, _, _ in problems]
    assert problems[0][2].startswith("not YAML: mapping values are not allowed")


@pytest.mark.parametrize("text", ["a: " + "[" * 50_000, "a: " + "{b: " * 50_000])
def test_deep_nesting_is_an_error_and_no_crash(text: str) -> None:
    found, problems = read(text)

    assert None is found
    assert "nested deeper than 16 levels" == problems[0][2]


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("ab:[]{}-?&*!|>'\"#%@,\n \t0\x00é\ud800"), max_size=40))
def test_any_text_is_read_or_reported(text: str) -> None:
    for loader in {yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)}:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(front, "_Loader", loader)
            found, problems = read(text)

        assert found is not None or problems
