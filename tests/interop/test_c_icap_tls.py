"""c-icap's TLS port, with a good and an expired certificate, and what happens when the two sides do not agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop import c_icap
from tests.interop.certificates import write_certificate
from tests.interop.clients import Checked, check
from tests.interop.conftest import CIcap
from tests.interop.diagnosed import Diagnosis, nothing_is_wrong
from tests.interop.programs import Programs, free_port


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


UNTRUSTED = Diagnosis(
    "tls-certificate-untrusted", "self-signed", "proven", "certificate from your internal CA", effect=None
)
WRONG_NAME = Diagnosis(
    "tls-certificate-name", "shared", "possible", "own certificate", effect=None, never="DNS names only"
)
EXPIRED = Diagnosis("tls-certificate-expired", "expired", "proven", r"-dates|renew", effect=None)
CLIENT = Diagnosis(
    "tls-handshake-failed", "client-certificate", "proven", r"^On Avi: .*\bssl_key_and_certificate_ref\b",
    never="protocol version|cipher",
)  # fmt: skip
NO_TLS = Diagnosis("plain-on-tls-port", "no-ssl-profile", "proven", "^On Avi: .*SSL profile", never="PROXY")
TLS_TOO_MUCH = Diagnosis(
    "tls-on-plain-port", "plain-port", "proven", r"^On Avi: .*\bdefault_server_port\b", never="PROXY"
)


def test_without_its_ca_it_is_untrusted(cicap: CIcap) -> None:
    UNTRUSTED.holds(check(f"icaps://127.0.0.1:{cicap.tls}/avscan"))


def test_expired(cicap: CIcap, tmp_path: Path) -> None:
    checked = _check(tmp_path, cicap.expired, f", tls: {{ca_file: {cicap.expired_ca_file}}}")
    EXPIRED.holds(checked)
    assert -11 < checked.facts("tls")["cert_days_left"] < -9


def test_wrong_name(cicap: CIcap, tmp_path: Path) -> None:
    checked = _check(tmp_path, cicap.tls, f", tls: {{ca_file: {cicap.ca_file}, server_name: icap.example.test}}")
    WRONG_NAME.holds(checked)
    assert ["localhost", "127.0.0.1"] == checked.facts("tls")["cert_names"]


def test_a_client_certificate_is_demanded(cicap: CIcap, programs: Programs, tmp_path: Path) -> None:
    port = free_port()
    certificate, ca_file = write_certificate(programs.folder, "demanding")
    demands = f"TlsPort 127.0.0.1:{port} cert={certificate} client_ca={ca_file} cafile={ca_file}\n"
    services = demands + c_icap.ANTIVIRUS + c_icap.FILE_TYPES + c_icap.LIBCLAMAV
    c_icap.start(programs, "demanding", [("127.0.0.1", free_port())], services)

    CLIENT.holds(_check(tmp_path, port, f", tls: {{ca_file: {ca_file}}}"))
    nothing_is_wrong(_check(tmp_path, port, f", tls: {{ca_file: {ca_file}, cert_file: {certificate}}}"))


def test_unverified_it_works_and_the_report_says_so(cicap: CIcap, tmp_path: Path) -> None:
    checked = _check(tmp_path, cicap.tls, ", tls: {verify: false}")
    assert (0, {}) == (checked.exit_status, checked.findings("critical"))
    assert any("not verified" in note for note in checked.report["notes"])


def test_plain_icap_to_the_tls_port(cicap: CIcap) -> None:
    """c-icap resets the connection without a byte: only a handshake shows what it is."""
    checked = check(f"icap://127.0.0.1:{cicap.tls}/avscan")
    NO_TLS.holds(checked)
    assert 0 == checked.facts("options")["bytes_received"]


@pytest.mark.realtime
def test_tls_to_the_plain_port_ends_in_time(cicap: CIcap) -> None:
    """c-icap waits for the end of a request head, in silence."""
    timeout = 3.0
    checked = check(f"icaps://127.0.0.1:{cicap.plain}/avscan", "--connect-timeout", str(timeout))
    TLS_TOO_MUCH.holds(checked)
    assert checked.seconds < timeout + 2


@pytest.mark.realcases
@pytest.mark.parametrize("others", [0, 1])
def test_one_process_at_two_addresses(programs: Programs, known_eicar: None, tmp_path: Path, others: int) -> None:
    """Its certificate shows it where another member has another one; else two servers of one set-up look the same."""
    pool = tmp_path / "pool.yaml"
    pool.write_text("profile: {service_uri: /avscan}\nmembers:\n")
    started = []
    for name, addresses in (("twice", ("127.0.0.1", "127.0.0.2")), *([("once", ("127.0.0.3",))] * others)):
        both, alone = write_certificate(programs.folder, f"{name}-{others}")
        port = free_port(*addresses)
        ports = "".join(f"TlsPort {address}:{port} cert={both}\n" for address in addresses)
        services = ports + c_icap.ANTIVIRUS + c_icap.FILE_TYPES + c_icap.LIBCLAMAV
        started.append(c_icap.start(programs, f"{name}-{others}", [("127.0.0.1", free_port())], services))
        with pool.open("a") as file:
            file.writelines(
                f"  - {{host: {address}, port: {port}, tls: {{ca_file: {alone}, server_name: localhost}}}}\n"
                for address in addresses
            )
    found = check(str(pool)).findings()
    programs.stop(*started)

    assert (["one-server-two-addresses"] if others else []) == list(found)
