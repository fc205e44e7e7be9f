"""The catalogue of rules is whole, and every deviation that a reader can record belongs to one of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import icapdiag.icap
from icapdiag.icap.conformance import BREAKING, RULES

SOURCES = sorted(Path(icapdiag.icap.__file__).parent.glob("*.py"))
KNOWLEDGE = Path(__file__).parents[3] / "shared" / "reference" / "knowledge.md"
RECORDED = re.compile(r'(?:Deviation|_deviate|ProtocolError)\(\s*"([a-z0-9-]+)"')
# Whose slug is put together, or given to a helper that knows it.
BUILT = {"max-connections-invalid", "options-ttl-invalid", "preview-invalid", "encapsulated-invalid"}
OF_REQUESTS = {"request-line"}  # which only the lab reads


def test_there_are_thirty_rules_in_their_order() -> None:
    assert list(range(1, 31)) == [rule.number for rule in RULES.values()]
    assert list(RULES) == [rule.name for rule in RULES.values()]
    assert [] == [rule.name for rule in RULES.values() if not (rule.asks and rule.tolerance and rule.takes)]


def test_every_recorded_deviation_belongs_to_one_rule() -> None:
    recorded = {slug for source in SOURCES for slug in RECORDED.findall(source.read_text())} | BUILT
    held = [slug for rule in RULES.values() for slug in rule.deviations]

    assert len(held) == len(set(held))
    assert len(recorded) > 30
    assert set() == recorded - set(held) - OF_REQUESTS
    assert set() == BREAKING - set(held)


def test_the_sections_are_those_of_the_checklist() -> None:
    if not KNOWLEDGE.exists():
        pytest.skip("the knowledge base is not beside this checkout")
    rows = re.findall(r"^\| (\d+) \| .*? \| .*? \| ([^|]*) \|", KNOWLEDGE.read_text(), re.MULTILINE)
    listed = {int(number): section for number, section in rows if int(number) <= 30}

    assert list(range(1, 31)) == sorted(listed)
    assert [] == [
        (rule.number, rule.section, listed[rule.number])
        for rule in RULES.values()
        if rule.section.split()[-1] not in listed[rule.number]
    ]
