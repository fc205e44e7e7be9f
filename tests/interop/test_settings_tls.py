"""c-icap's TlsPort set up wrongly, and certificates made and installed as the runbooks print it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.interop.certificates import write_certificate
from tests.interop.clients import Checked
from tests.interop.diagnosed import advises, nothing_is_wrong
from tests.interop.hosts import C_ICAP, Host, host
from tests.interop.programs import Programs

pytestmark = pytest.mark.realcases

PORT = "TlsPort 11344 cert=/etc/c-icap/icap.pem"


@pytest.fixture(scope="module")
def secure(programs: Programs) -> Iterator[Host]:
    """A host with an own certificate, that of a client, and a CA, an intermediate and keys made with openssl."""
    with host(programs, "secure") as made:
        made.install()
        for name in ("icap", "avi"):
            both, alone = write_certificate(programs.folder, name)
            shutil.copy(both, made.file(f"/etc/c-icap/{name}.pem"))
            shutil.copy(alone, made.file(f"/etc/c-icap/{name}.crt"))
        made.run(f"set -e; cd /etc/c-icap\n{AUTHORITIES}chmod 644 *.key")
        made.restart_clamd()
        yield made


# A root, an intermediate, and a request for the server: with its names, as printed, or with a CN only.
AUTHORITIES = """
printf 'basicConstraints=critical,CA:TRUE\\nkeyUsage=critical,keyCertSign\\n' > ca.ext
new='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
openssl req -x509 $new -keyout root.key -out ca.pem -days 9 -subj /CN=root -addext keyUsage=critical,keyCertSign
openssl req $new -keyout intermediate.key -out intermediate.csr -subj /CN=intermediate
openssl x509 -req -in intermediate.csr -CA ca.pem -CAkey root.key -days 9 -extfile ca.ext -out intermediate.crt
openssl req $new -keyout named.key -out named.csr -subj /CN=icap -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1'
openssl req $new -keyout cn.key -out cn.csr -subj /CN=icap1
by='-CA intermediate.crt -CAkey intermediate.key -days 9 -copy_extensions copy'
openssl x509 -req -in named.csr $by -out named.crt
openssl x509 -req -in cn.csr $by -out cn.crt
"""


def check(here: Host, ca: str, *, client: bool = False) -> Checked:
    own = ", cert_file: /etc/c-icap/avi.pem, key_file: /etc/c-icap/avi.pem" if client else ""
    pool = here.folder / "secure.yaml"
    pool.write_text(
        "service_uri: /avscan\nmembers:\n"
        f"  - {{host: 127.0.0.1, port: 11344, tls: {{server_name: localhost, ca_file: {ca}{own}}}}}\n"
    )
    return here.check(str(pool))


def started(here: Host, port: str) -> None:
    here.write(C_ICAP, port)
    here.restart_c_icap(1344, 11344)


OWN = "/etc/c-icap/icap.crt"
OLD = "tls-options=SSL_OP_NO_TLSv1_2|SSL_OP_NO_TLSv1_3"
RSA, ECDSA = (f"tls-options=SSL_OP_NO_TLSv1_3 ciphers=ECDHE-{key}-AES128-GCM-SHA256" for key in ("RSA", "ECDSA"))


@pytest.mark.parametrize(
    ("wrong", "client", "cause", "step", "right"),
    [
        pytest.param(
            "client_ca=/etc/c-icap/ca.pem cafile=/etc/c-icap/ca.pem", True, "client-certificate",
            "`client_ca=` and `cafile=` on the TlsPort line",
            "client_ca=/etc/c-icap/avi.crt cafile=/etc/c-icap/avi.crt", id="the client's CA is trusted",
        ),
        pytest.param(
            "client_ca=/etc/c-icap/avi.crt cafile=/etc/c-icap/avi.crt", False, "client-certificate",
            "or stop requiring one", "", id="no client certificate is required",
        ),
        pytest.param(OLD, False, "version", "remove SSL_OP_NO_TLSv1_2 and SSL_OP_NO_TLSv1_3", "", id="versions"),
        pytest.param(RSA, False, "cipher", "(c-icap: `ciphers=` on TlsPort)", ECDSA, id="ciphers of the key's type"),
    ],
)  # fmt: skip
def test_the_handshake(secure: Host, wrong: str, client: bool, cause: str, step: str, right: str) -> None:
    started(secure, f"{PORT} {wrong}")
    failed = check(secure, OWN, client=client)
    assert ["tls-handshake-failed"] == [each["finding"] for each in failed.report["problems"]]
    assert "ruled out" != failed.causes("tls-handshake-failed")[cause]
    assert advises(failed, step)

    started(secure, f"{PORT} {right}")
    nothing_is_wrong(check(secure, OWN, client=client))


@pytest.mark.parametrize(
    ("before", "finding", "step", "command", "port"),
    [
        pytest.param(
            "cat named.crt named.key > made.pem", "tls-certificate-untrusted",
            "(`cat server.crt intermediate.crt > icap.pem`)", "cat named.crt intermediate.crt > made.pem",
            "TlsPort 11344 cert=/etc/c-icap/made.pem key=/etc/c-icap/named.key", id="the chain, and the key in a file",
        ),
        pytest.param(
            "cat named.crt named.key > made.pem", "tls-certificate-untrusted",
            "", "cat named.crt intermediate.crt named.key > made.pem",  # as of tls-certificate-expired
            "TlsPort 11344 cert=/etc/c-icap/made.pem", id="the chain and the key",
        ),
        pytest.param(
            "cat cn.crt intermediate.crt cn.key > made.pem", "tls-certificate-name",
            "`openssl req -addext 'subjectAltName=DNS:NAME,IP:ADDRESS'`",
            "cat named.crt intermediate.crt named.key > made.pem",
            "TlsPort 11344 cert=/etc/c-icap/made.pem", id="the names",
        ),
    ],
)  # fmt: skip
def test_the_certificate(secure: Host, before: str, finding: str, step: str, command: str, port: str) -> None:
    secure.run(f"cd /etc/c-icap && {before} && chmod 644 made.pem")
    started(secure, "TlsPort 11344 cert=/etc/c-icap/made.pem")
    failed = check(secure, "/etc/c-icap/ca.pem")
    assert [finding] == [each["finding"] for each in failed.report["problems"]]
    assert advises(failed, step)

    secure.run(f"cd /etc/c-icap && {command}")
    started(secure, port)
    nothing_is_wrong(check(secure, "/etc/c-icap/ca.pem"))
