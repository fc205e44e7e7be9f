"""The catalogue of rules is whole, and every deviation that a reader can record belongs to one of them."""

from __future__ import annotations

import re
from pathlib import Path

import icapdiag.icap
from icapdiag.icap.conformance import BREAKING, RULES

SOURCES = sorted(Path(icapdiag.icap.__file__).parent.glob("*.py"))
# Where the checklist of the thirty rules finds each: RFC 3507, the draft on ICAP extensions, c-icap's virus_scan.
SECTIONS = {
    1: "4.3.3",
    2: "4.3.2, 4.3.3",
    3: "4.10.2, 6.4",
    4: "4.10.2",
    5: "4.7",
    6: "4.7",
    7: "4.7",
    8: "4.7, 5",
    9: "4.4.1, 4.10.2",
    10: "4.4.1",
    11: "4.10.2",
    12: "4.10.2",
    13: "4.10.2",
    14: "4.10.2",
    15: "4.10.2",
    16: "4.10.2, 4.6",
    17: "4.10.2",
    18: "4.10.2",
    19: "4.6",
    20: "4.5",
    21: "4.4, 4.3.1, 6.3",
    22: "4.4.2",
    23: "4.4.2",
    24: "4.3.2",
    25: "4.3.3",
    26: "6.2",
    27: "4.1",
    28: "4.2",
    29: "4.3",
    30: "SUBID 4.6, CICAP-VS",
}
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
    assert [] == [
        (rule.number, rule.section, SECTIONS[rule.number])
        for rule in RULES.values()
        if rule.section.split()[-1] not in SECTIONS[rule.number]
    ]
