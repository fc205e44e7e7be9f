"""Connections kept, and a ramp of parallel scans, on a real c-icap that is well."""

from __future__ import annotations

import pytest

from tests.interop.clients import Checked, check
from tests.interop.conftest import CIcap


@pytest.fixture(scope="module")
def checked(cicap: CIcap) -> Checked:
    """All that is said of connections, plain and by TLS, with EICAR."""
    plain = f"icap://127.0.0.1:{cicap.plain}/avscan"
    return check(plain, "--depth", "deep", "--eicar", "--load", "--yes", "--load-ceiling", "16", "--expected-rps", "20")


def test_the_second_upload_gets_an_answer_of_its_own(checked: Checked) -> None:
    facts = checked.facts("keepalive")

    assert ("eicar-clean", "blocked", "allowed") == (facts["pair"], facts["first_verdict"], facts["second_verdict"])
    assert ("honoured", [], 0) == (facts["reuse"], facts["desync_signs"], facts["extra_bytes"])


def test_echo_keeps_its_connections_too(cicap: CIcap) -> None:
    facts = check(f"icap://127.0.0.1:{cicap.plain}/echo", "--only", "keepalive").facts("keepalive")

    assert ("honoured", "clean-clean") == (facts["reuse"], facts["pair"])


def test_the_ramp_reaches_its_ceiling(checked: Checked) -> None:
    facts = checked.facts("load")

    assert ("ceiling", 16, "yes") == (facts["load_ended"], facts["held_connections"], facts["needed_held"])
    assert [1, 2, 4, 8, 16] == [step["concurrency"] for step in facts["steps"]]
    assert 0 == sum(step["errors"] for step in facts["steps"])


def test_neither_is_a_finding(checked: Checked) -> None:
    about = {"keepalive-desync", "closes-unannounced", "fails-under-load", "slow-under-load", "capacity-below-expected"}

    assert set() == about & checked.findings().keys()
