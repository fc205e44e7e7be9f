"""Samples of ICAP logs as a guide prints them: each alone, and the page whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.explained import explained, found
from tests.cli.run import icapdiag
from tests.logs.guide import GUIDES, Guide

each_guide = pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.folder.name)


@each_guide
def test_infected(guide: Guide) -> None:
    sample = str(guide.samples[0])
    _, document, _ = explained(sample)
    (group,) = document["groups"]
    assert ("ICAP_BLOCKED", "blocked", "Infected") == tuple(
        group[key] for key in ("icap_action", "verdict", "x_response_desc")
    )
    assert [guide.threat] == group["threats"]
    assert [] != group["findings"]
    assert guide.threat.split()[0] in icapdiag("explain", sample)[1]


@each_guide
def test_passed(guide: Guide) -> None:
    status, document, _ = explained(str(guide.samples[1]))
    (group,) = document["groups"]
    assert ("ICAP_PASSED", 204, guide.latencies[1]) == tuple(
        group[key] for key in ("icap_action", "icap_status", "latency_max_ms")
    )
    assert (0, "ok") == (status, document["verdict"])
    assert [] != [note for note in document["notes"] if "corrected" in note]  # its last brace


@each_guide
def test_the_whole_page(guide: Guide) -> None:
    status, document, _ = explained(str(guide.page))
    assert (1, "critical") == (status, document["verdict"])
    assert 4 == document["subject"]["records"]["read"]
    assert {"no-security-rule", "icap-disabled"} <= set(found(document))
    actions = {group["icap_action"] for group in document["groups"]}
    assert {"ICAP_BLOCKED", "ICAP_PASSED", "ICAP_DISABLED"} == actions


def test_connection_failed(tmp_path: Path) -> None:
    sample = {"significance": "ICAP Error", "icap_log": {"action": "ICAP_FAILED"}}
    (tmp_path / "log.json").write_text(json.dumps(sample))
    _, out, _ = icapdiag("explain", "log.json", "-v", cwd=tmp_path)
    assert "No connection to an ICAP server" in out
    assert "nc -vz" in out  # the guide: check the connectivity
