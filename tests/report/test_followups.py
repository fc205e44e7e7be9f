"""What is told of a look into a refusal: one line, safe to show."""

from __future__ import annotations

import pytest

from icapdiag.model import Facts, unflatten
from icapdiag.report.document.evidence import describe

FOUND: Facts = {
    "probe": "services",
    "missing": "service",
    "candidates": ["/avscan"],
    "unproven": ["/request"],
    "unscanning": ["/echo"],
    "services": [
        {"service_uri": "/req", "icap_status": 404},
        {"service_uri": "/avscan", "icap_status": 200, "methods": ["RESPMOD", "REQMOD"], "service": "C-ICAP/0.5.10"},
        {"service_uri": "/echo", "icap_status": 200},
        {"service_uri": "/request", "icap_status": 200},
    ],
}
EACH_KIND = (
    "REQMOD is accepted at /avscan (RESPMOD, REQMOD; C-ICAP/0.5.10); REQMOD is accepted, but scanning is not shown,"
    " at /request; REQMOD is accepted, but nothing is scanned, at /echo"
)
REFUSED: Facts = {
    "probe": "variants",
    "refused_method": "REQMOD",
    "refused_status": 400,
    "variants": [
        {"method": "REQMOD", "variant": "no-preview", "icap_status": 400},
        {"method": "REQMOD", "variant": "user-agent", "icap_status": 400},
        {"method": "OPTIONS", "variant": "user-agent", "icap_status": 400},
    ],
}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (FOUND, EACH_KIND),
        ({**FOUND, "candidates": [], "unproven": []}, "REQMOD is accepted, but nothing is scanned, at /echo"),
        (
            {**FOUND, "candidates": [], "unproven": [], "unscanning": []},
            "none of 4 common service paths accepts REQMOD",
        ),
        (REFUSED, "refused with 400 in every form tried: without Preview, with a User-Agent"),
        (
            {**REFUSED, "fixed_by": "no-preview"},
            "REQMOD, refused with 400, is accepted without Preview; still rejected without it",
        ),
        (
            {**REFUSED, "fixed_by": "\x1b[2J"},
            "REQMOD, refused with 400, is accepted \\x1b[2J; still rejected without it",
        ),
        (
            {"probe": "respmod", "refused_status": 405, "respmod_status": 204, "respmod_served": True,
             "respmod_verdict": "allowed"},
            "REQMOD was refused with 405, RESPMOD got ICAP 204 (verdict allowed)",
        ),
        (
            {"probe": "respmod", "refused_status": 405, "respmod_served": False},
            "REQMOD was refused with 405, RESPMOD got no answer",
        ),
    ],
)  # fmt: skip
def test_one_line(facts: Facts, expected: str) -> None:
    assert expected == describe(unflatten({"source": "probe", **facts}))
