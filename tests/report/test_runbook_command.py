"""The command that shows a finding's runbook: what it fills in, and what it never does."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from icapdiag.model import Facts, Finding, unflatten
from icapdiag.report.document.findings import Budget, FindingBlock
from tests.report.samples import TCP_REFUSED

MET: Facts = {"source": "probe", "probe": "tcp", "host": "10.0.0.6", "port": 1344, "tls": False}
SHORT = "icapdiag runbooks show tcp-refused"


def command(finding: Finding, service_uri: str | None, room: int) -> str:
    return FindingBlock(finding, service_uri or "", Budget()).command_within(room)


@pytest.mark.parametrize(
    ("facts", "path", "expected"),
    [
        ({}, "/avscan", f"{SHORT} --member icap://10.0.0.6:1344/avscan"),
        ({"tls": True, "port": 11344}, "/avscan", f"{SHORT} --member icaps://10.0.0.6:11344/avscan"),
        ({"host": "2001:db8::6"}, "/avscan", f"{SHORT} --member 'icap://[2001:db8::6]:1344/avscan'"),
        ({"host": "icap1.example.com"}, None, f"{SHORT} --member icap://icap1.example.com:1344"),
        ({}, "/a?b=c&d", f"{SHORT} --member 'icap://10.0.0.6:1344/a?b=c&d'"),
        ({"host": "a'$(id)"}, "/x", f"{SHORT} --member 'icap://a'\"'\"'$(id):1344/x'"),
        ({"source": "log"}, "/avscan", SHORT),
        ({"host": None}, "/avscan", SHORT),
        ({"port": None}, "/avscan", SHORT),
    ],
)
def test_the_member_is_filled_in_where_a_probe_met_it(facts: Facts, path: str | None, expected: str) -> None:
    finding = replace(TCP_REFUSED, evidence=(unflatten({**MET, **facts}), unflatten({**MET, "host": "10.0.0.7"})))

    assert expected == command(finding, path, 200)


def test_nothing_is_broken_over_two_lines() -> None:
    finding = replace(TCP_REFUSED, evidence=(unflatten(MET),))
    whole = command(finding, "/avscan", 200)

    assert whole == command(finding, "/avscan", len(whole))
    assert SHORT == command(finding, "/avscan", len(whole) - 1)


def test_without_evidence_there_is_no_member() -> None:
    assert SHORT == command(replace(TCP_REFUSED, evidence=()), "/avscan", 200)


def test_what_a_terminal_would_obey_is_escaped() -> None:
    finding = replace(TCP_REFUSED, evidence=(unflatten({**MET, "host": "a\x1b[2J"}),))

    assert "\x1b" not in command(finding, "/\x07", 200)


@pytest.mark.parametrize(
    ("facts", "count", "expected"),
    [
        ({"source": "log", "probe": "", "count": 20}, 20, ""),
        ({"source": "log", "probe": "", "count": 20}, 21, "1 more request: see Request groups"),
        ({"source": "log", "probe": "answer"}, 3, "2 more ICAP responses: see above"),
        ({"source": "probe", "probe": "tcp"}, 1201, "1,200 more observations: see Members"),
        ({"source": "config", "probe": "pool"}, 2, "1 more observation: see the JSON report (-o json=FILE)"),
    ],
)
def test_what_the_evidence_does_not_show_is_said_in_words(facts: Facts, count: int, expected: str) -> None:
    finding = replace(TCP_REFUSED, count=count, evidence=(unflatten({**MET, "status": "failed", **facts}),))

    assert expected == FindingBlock(finding, "", Budget()).more_seen
