"""The quick reader of plain front matters: it is YAML's answer, or none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icapdiag.model import JSONValue
from icapdiag.runbook.front import read_front
from icapdiag.runbook.library import builtin_directory, read_library
from icapdiag.runbook.quick import quick_values

FILES = sorted(file for file in builtin_directory().glob("*.md") if file.name.lower() != "readme.md")
DETAILS = ("examples", "counterexamples", "references")


def by_yaml(lines: list[str]) -> dict[str, JSONValue]:
    problems: list[str] = []
    found = read_front("\n".join(lines), 1, lambda mark, where, message: problems.append(message))

    assert [] == problems
    assert found is not None

    return found.values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id: a-one\ntitle: Avi's 204 (no, more); 5 < 6", {"id": "a-one", "title": "Avi's 204 (no, more); 5 < 6"}),
        ("source: [probe, log]\n\nvendor: []", {"source": ["probe", "log"], "vendor": []}),
        ("match:\n  - probe: tcp\n    ok: true\n  - n|gte: 5\n    m: [1, 2.5]\n    t|re: '^a: [b]#'\n",
            {"match": [{"probe": "tcp", "ok": True}, {"n|gte": 5, "m": [1, 2.5], "t|re": "^a: [b]#"}]}),
        ("match:\n  - rules:\n      - a-b\n      - \"c d\"\n    probe: x\nunless:\nid: x",
            {"match": [{"rules": ["a-b", "c d"], "probe": "x"}], "unless": None, "id": "x"}),
        ("x: null\ny: no\nz: '5'\nw: 05", {"x": None, "y": "no", "z": "5", "w": "05"}),
    ],
)  # fmt: skip
def test_the_plain_form(text: str, expected: dict[str, JSONValue]) -> None:
    lines = text.split("\n")

    assert expected == quick_values(lines) == by_yaml(lines)


@pytest.mark.parametrize(
    "text",
    [
        "match: {probe: tcp}", "a: b: c", "a: b # c", "a: 'it''s'", 'a: "b\\n"', "a: &b c", "a: *b", "a: !x b", "a: |",
        "a: [b, 'c, d']", "a: [b", "a:  b", "a: b\na: c", "a: b\n  c", "a:\n  b: c", "a:\n  - b", "# a", "a: - b",
        "a:\n  - b: c\n     d: e", "a: [[b]]", "a: -5", "a: [b,]", "a: [b, , c]", "A: b", "a: b\t", "...", "a: %b",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_to_yaml(text: str) -> None:
    assert None is quick_values(text.split("\n"))


WORD = st.text("ab1 .:'\"[]{},#-&*|>~?%!\\$^0", max_size=8) | st.sampled_from(["null", "true", "1.5", "'x'", "[a, b]"])
LINE = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "  ", "  - ", "    ", "      - ", "- "]),
    st.sampled_from(["a", "b", "c|re", ""]),
    st.sampled_from([": ", ":", " ", ""]),
    WORD,
)


@settings(max_examples=500, deadline=None)
@given(st.lists(LINE, max_size=6))
def test_whatever_it_reads_yaml_reads_the_same(lines: list[str]) -> None:
    values = quick_values(lines)

    if values:
        assert by_yaml(lines) == values


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_our_own_are_plain_and_read_the_same(file: Path) -> None:
    head = file.read_text(encoding="utf-8").split("\n---\n")[0].split("\n")[1:]
    rule: list[str] = []
    skipping = False
    for line in head:
        if line and line[0] not in " -#":
            skipping = line.split(":")[0] in DETAILS
        rule += [] if skipping else [line]

    assert by_yaml(rule) == quick_values(rule)


def test_a_rule_read_alone_is_the_rule_of_the_whole_file() -> None:
    whole, rules = read_library([], []), read_library([], [], sound=True)

    assert whole == rules
    assert [(r.match, r.unless, r.details) for r in whole.runbooks] == [
        (r.match, r.unless, r.details) for r in rules.runbooks
    ]


def test_loading_our_own_needs_neither_yaml_nor_the_linter() -> None:
    code = (
        "import sys; from icapdiag.runbook import load_runbooks; load_runbooks();"
        " print([name for name in ('yaml', 'icapdiag.runbook.lint', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert "[]" == done.stdout.strip()
