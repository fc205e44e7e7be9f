"""The table of headers: what becomes a fact, in which form, and what is derived from the rows."""

from __future__ import annotations

import pytest

from icapdiag.icap.header_table import EXPLANATIONS, FACTS, HEADERS, SHOWN, header_facts
from icapdiag.icap.message import Headers


def test_texts_lists_and_numbers_become_facts() -> None:
    given = {"istag": '"x"', "ALLOW": "204, 206", "Methods": "", "Preview": "1024", "Options-TTL": "60"}
    assert {
        "istag": '"x"', "allow": ("204", "206"), "methods": (), "preview": 1024, "options_ttl": 60,
    } == header_facts(Headers.of(given.items()))  # fmt: skip


def test_a_server_can_not_invent_a_fact() -> None:
    assert {} == header_facts(Headers.of([("Verdict", "allowed"), ("ICAP-Status", "200"), ("Encapsulated", "x")]))


@pytest.mark.parametrize("value", ["", "-1", "1.5", "many", "\u0663", "\xb2", "1" * 16])
def test_what_is_no_number_is_no_fact(value: str) -> None:
    assert {} == header_facts(Headers.of([("Max-Connections", value)]))
    assert {"max_connections": 10**15 - 1} == header_facts(Headers.of([("Max-Connections", "9" * 15)]))


def test_facts_are_bounded() -> None:
    facts = header_facts(Headers.of([("Service", "x" * 501), ("Methods", ",".join(["y" * 501] * 21))]))
    assert {"product": "unknown", "service": "x" * 500, "methods": ("y" * 500,) * 20} == facts


def test_each_header_has_one_row_and_each_that_decides_is_shown_and_pasted() -> None:
    assert len(HEADERS) == len({header.fact for header in HEADERS})
    assert [] == [header.name for header in HEADERS if header.claim and not (header.shown and header.pasted != "no")]
    assert {"Encapsulated"} == {header.name for header in HEADERS} - {header.name for header in FACTS}


def test_what_evidence_names_first() -> None:
    assert [
        "X-Response-Desc", "X-Response-Description", "X-Response-Info",
        "X-Blocked-Reason", "X-Block-Reason", "X-MWG-Block-Reason", "X-Blocked",
        "X-Blocked-By", "X-Block-Result", "X-WWBlockResult",
        "X-Infection-Found", "X-Violations-Found",
        "X-Virus-ID", "X-Virus-Name", "X-FSecure-Infection-Name", "X-FSecure-Scan-Result",
        "X-FSecure-Infected-Filename", "X-Error-Code", "X-ICAPeg-Shadow-Service",
    ] == [header.name for header in SHOWN]  # fmt: skip
    assert (*SHOWN[:2], *SHOWN[3:5], SHOWN[17]) == tuple(row for row in SHOWN if row.name in EXPLANATIONS)
