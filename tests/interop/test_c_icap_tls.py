"""c-icap's TLS port, with a good and an expired certificate, and what happens when the two sides do not agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.clients import Checked, check
from tests.interop.conftest import CIcap

_EXIT_CRITICAL = 1


def _check(tmp_path: Path, port: int, tls: str, *arguments: str) -> Checked:
    pool = tmp_path / "pool.yaml"
    pool.write_text(f"profile: {{service_uri: /avscan}}\nmembers:\n  - {{host: 127.0.0.1, port: {port}{tls}}}\n")
    return check(str(pool), *arguments)


def test_verified_with_its_ca_file_it_is_well(cicap: CIcap, tmp_path: Path) -> None:
    checked = _check(tmp_path, cicap.tls, f", tls: {{ca_file: {cicap.ca_file}}}", "--eicar")
    assert (0, {}) == (checked.exit_status, checked.findings("critical"))
    facts = checked.facts("tls")
    assert (True, "TLSv1.3") == (facts["verified"], facts["tls_version"])
    assert "blocked" == checked.facts("eicar")["verdict"]


def test_without_its_ca_it_is_untrusted(cicap: CIcap) -> None:
    checked = check(f"icaps://127.0.0.1:{cicap.tls}/avscan")
    assert ["tls-certificate-untrusted"] == list(checked.findings("critical"))
    assert _EXIT_CRITICAL == checked.exit_status


def test_expired(cicap: CIcap, tmp_path: Path) -> None:
    checked = _check(tmp_path, cicap.expired, f", tls: {{ca_file: {cicap.expired_ca_file}}}")
    assert ["tls-certificate-expired"] == list(checked.findings("critical"))
    assert -11 < checked.facts("tls")["cert_days_left"] < -9


def test_wrong_name(cicap: CIcap, tmp_path: Path) -> None:
    checked = _check(tmp_path, cicap.tls, f", tls: {{ca_file: {cicap.ca_file}, server_name: icap.example.test}}")
    assert ["tls-certificate-name"] == list(checked.findings("critical"))


def test_unverified_it_works_and_the_report_says_so(cicap: CIcap, tmp_path: Path) -> None:
    checked = _check(tmp_path, cicap.tls, ", tls: {verify: false}")
    assert (0, {}) == (checked.exit_status, checked.findings("critical"))
    assert any("not verified" in note for note in checked.report["notes"])


def test_plain_icap_to_the_tls_port(cicap: CIcap) -> None:
    """c-icap resets the connection without a byte: only a handshake shows what it is."""
    checked = check(f"icap://127.0.0.1:{cicap.tls}/avscan")
    assert ["plain-on-tls-port"] == list(checked.findings("critical"))
    assert {"no-ssl-profile": "proven"} == checked.causes("plain-on-tls-port")
    assert 0 == checked.facts("options")["bytes_received"]


@pytest.mark.realtime
def test_tls_to_the_plain_port_ends_in_time(cicap: CIcap) -> None:
    """c-icap waits for the end of a request head, in silence."""
    timeout = 3.0
    checked = check(f"icaps://127.0.0.1:{cicap.plain}/avscan", "--connect-timeout", str(timeout))
    assert ["tls-on-plain-port"] == list(checked.findings("critical"))
    assert "proven" == checked.causes("tls-on-plain-port")["plain-port"]
    assert checked.seconds < timeout + 2
