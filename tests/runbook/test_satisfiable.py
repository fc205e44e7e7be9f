"""A rule that no record can meet is found by lint."""

from __future__ import annotations

from pathlib import Path

import pytest

from icapdiag.runbook.satisfiable import unsatisfiable
from tests.runbook.writing import library_of, runbook_text


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("match: {icap_status: 404}\n", []),
        ("match: {icap_status|gte: 400, icap_status|lt: 500}\nunless: {icap_status: 404}\n", []),
        ("match: {icap_status: 500, icap_status|lt: 300}\n", ["match[0].icap_status"]),
        ("match: {verdict: blocked}\nunless: {verdict|exists: true}\n", ["match[0]"]),
        ("match: {verdict: [blocked, allowed]}\nunless: {verdict: blocked}\n", []),
        ("match: {x_error_code: password_protected}\nunless: {icap_status|gt: 300}\n", ["match[0]"]),
        ("match: {x_error_code: password_protected, icap_status: 200}\n", ["match[0].x_error_code"]),
        ("match: {x_error_code: password_protected}\nunless: {icap_status: 404}\n", []),
        ("match: {methods|contains|all: [REQ, MOD]}\n", []),
        ("match: {server|contains: squid, server|startswith: nginx}\n", ["match[0].server|contains"]),
        ("match: {server|re: ^a}\nunless: {server|re: b}\n", []),
        ("match: {complete: true, complete|exists: false}\n", ["match[0].complete"]),
        ("match: {sample_size|gt|fieldref: offered_preview}\n", []),
        ("match: [{icap_status: 200}, {icap_status: 204}]\nunless: {icap_status: 204}\n", ["match[1]"]),
    ],
)
def test_what_no_record_can_meet(tmp_path: Path, rule: str, expected: list[str]) -> None:
    match = rule.replace("match: {", "match:\n  - {").replace("match: [", "match:\n  - ").replace("}, {", "}\n  - {")
    text = runbook_text("a-one", match.replace("}]\n", "}\n"))

    runbook = library_of(tmp_path / "runbooks", a_one=text).by_id("a-one")

    assert expected == [where for where, _ in unsatisfiable(runbook)]
