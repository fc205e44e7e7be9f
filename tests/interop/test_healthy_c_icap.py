"""A real c-icap with ClamAV that works gives no finding at all, not even of severity info."""

from __future__ import annotations

from tests.interop.clients import check
from tests.interop.conftest import CIcap


def test_a_real_healthy_scanner_has_no_finding(cicap: CIcap) -> None:
    checked = check(f"icap://127.0.0.1:{cicap.plain}/avscan", "--eicar")

    assert (0, {}) == (checked.exit_status, checked.findings())
    assert "blocked" == checked.facts("eicar")["verdict"]
