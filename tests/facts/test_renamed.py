"""What an earlier version called by other names is read by today's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from icapdiag.facts import facts_of
from icapdiag.facts.pool import ComparedFact, ValueGroup
from icapdiag.facts.renamed import KEYS, WORDS, renamed
from icapdiag.icap.conformance import RULES
from icapdiag.model import Report
from icapdiag.report.machine.from_json import read_report
from icapdiag.report.machine.to_json import render, settled
from icapdiag.runbook import load_runbooks
from tests import golden
from tests.facts.classes import every_class
from tests.report.log_samples import log_report
from tests.report.samples import REFUSED, member, observation, report

GROUPS = (ValueGroup(value="1024", members=("a", "b")), ValueGroup(value="0", members=("c",)))
OLD_KEYS = {"repairs_total": "corrections_total", **KEYS}
CHECKED = replace(
    report(
        (
            REFUSED,
            member(
                "10.0.0.6",
                observation("options", deviation_rules=[each for each in WORDS.values() if "line" in each]),
                observation("variants", fixed_by="no-preview", accepted=["empty-line"], rejected=["tls", "empty-line"]),
                observation("size", sizes_tried=[{"size": 1}], eicar_sizes_tried=[{"size": 68}]),
            ),
        )
    ),
    comparison=(
        ComparedFact(fact="preview", kind="two-groups", value_groups=GROUPS[::-1]),
        ComparedFact(fact="istag", kind="several-groups", value_groups=GROUPS),
        ComparedFact(fact="product", kind="outlier", value_groups=GROUPS, outliers=("c",)),
    ),
)


def as_earlier(written: Report) -> str:
    """The report by the names that it once had."""
    text = render(written)
    for old, new in OLD_KEYS.items():
        text = text.replace(f'"{new}":', f'"{old}":')
    for old, new in WORDS.items():
        text = text.replace(f'"{new}"', f'"{old}"')
    return text


def keys_of(value: object) -> Iterator[str]:
    match value:
        case dict():
            for key, item in value.items():
                yield key
                yield from keys_of(item)
        case list():
            for item in value:
                yield from keys_of(item)


@pytest.mark.parametrize("written", [CHECKED, log_report()], ids=["check", "explain"])
def test_a_report_by_its_old_names_is_the_same_report(written: Report) -> None:
    text = as_earlier(written)
    assert text != render(written)
    assert settled(written) == read_report(text.encode())


def test_these_reports_have_every_key_that_has_another_name() -> None:
    written = {key for each in (CHECKED, log_report()) for key in keys_of(json.loads(render(each)))}
    assert set() == set(OLD_KEYS.values()) - written


@pytest.mark.parametrize("name", golden.names())
def test_a_saved_report_is_written_by_todays_names(name: str) -> None:
    written = json.loads(render(read_report(golden.saved(name))))
    assert set() == OLD_KEYS.keys() & set(keys_of(written))


def test_a_new_key_is_a_fact_and_an_old_one_is_none() -> None:
    facts = {fact.key for cls in every_class() for fact in facts_of(cls)}
    assert set() == set(OLD_KEYS.values()) - facts
    assert set() == facts & OLD_KEYS.keys()


def test_a_new_word_is_in_use_and_an_old_one_is_not() -> None:
    words = {word for cls in every_class() for fact in facts_of(cls) for word in fact.values}
    words |= {slug for rule in RULES.values() for slug in rule.deviations}
    words |= {cause.id for runbook in load_runbooks().runbooks for cause in runbook.causes}
    assert set() == set(WORDS.values()) - words
    assert set() == words & WORDS.keys()


def test_no_new_name_is_an_old_one() -> None:
    assert set() == set(KEYS.values()) & KEYS.keys()
    assert set() == set(WORDS.values()) & WORDS.keys()


@pytest.mark.parametrize("old", [*WORDS])
def test_each_old_word_is_read(old: str) -> None:
    assert {"kind": WORDS[old], "accepted": ["tls", WORDS[old]]} == renamed({"kind": old, "accepted": ["tls", old]})


@pytest.mark.parametrize(
    "counted", [{"odd": 3}, {"camps": 1, "repairs": 2, "repairs_total": 3}, {"cured_by": 1}, {"kind": 1}]
)
def test_what_is_counted_may_be_called_anything(counted: dict[str, Any]) -> None:
    assert counted == renamed(dict(counted))


def test_a_name_of_a_members_own_is_kept() -> None:
    assert {"member": "blank-line", "service": "two-camps"} == renamed({"member": "blank-line", "service": "two-camps"})


def test_what_stands_by_its_new_name_counts() -> None:
    assert {"outliers": ["a"]} == renamed({"odd": ["b"], "outliers": ["a"]})
    assert {"outliers": ["a"]} == renamed({"outliers": ["a"], "odd": ["b"]})
