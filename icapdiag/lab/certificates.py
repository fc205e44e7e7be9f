"""Certificates for the lab's TLS members, made anew for every run and gone after it.

The only module of ours that makes keys; imported when a TLS member is served.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path

    from icapdiag.lab.members import Certificate

_DAY = timedelta(days=1)
_OTHER_NAME = "scanner.example.test"
_Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Authority:
    """A certification authority of one run."""

    certificate: x509.Certificate
    key: _Key

    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, name: str, *, expired: bool = False) -> bytes:
        """PEM with a new key and a certificate for the DNS name or address."""
        now = datetime.now(UTC)
        first, last = (now - 60 * _DAY, now - 30 * _DAY) if expired else (now - _DAY, now + 30 * _DAY)
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(name, self.certificate.subject, key, first, last)
            .add_extension(x509.SubjectAlternativeName([_general_name(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        certificate = builder.sign(self.key, hashes.SHA256())
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return key.private_bytes(*form) + certificate.public_bytes(serialization.Encoding.PEM)


def new_authority(name: str) -> Authority:
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
                           "key_agreement", "encipher_only", "decipher_only"), False)  # fmt: skip
    builder = (
        _builder(name, subject, key, now - 365 * _DAY, now + 30 * _DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
    )
    return Authority(builder.sign(key, hashes.SHA256()), key)


def write_ca_and_contexts(folder: Path, host: str) -> tuple[Path, dict[Certificate, ssl.SSLContext]]:
    """The CA file that the pool trusts, and a server context for each kind of certificate.

    ``folder`` must be private: keys are written to it, since `ssl` loads them from files only.
    """
    trusted, stranger = new_authority("icapdiag lab CA"), new_authority("icapdiag lab: a CA nobody trusts")
    ca_file = folder / "ca.pem"
    ca_file.write_bytes(trusted.pem())
    chains: dict[Certificate, bytes] = {
        "healthy": trusted.issue(host),
        "expired": trusted.issue(host, expired=True),
        "wrong-name": trusted.issue(_OTHER_NAME),
        "untrusted": stranger.issue(host),
        "client-certificate": trusted.issue(host),
    }
    contexts: dict[Certificate, ssl.SSLContext] = {}
    for kind, pem in chains.items():
        path = folder / f"{kind}.pem"
        path.write_bytes(pem)
        contexts[kind] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        contexts[kind].load_cert_chain(path)
        path.unlink()
    demanding = contexts["client-certificate"]
    demanding.verify_mode = ssl.CERT_REQUIRED
    demanding.load_verify_locations(ca_file)
    return ca_file, contexts


def _builder(name: str, issuer: x509.Name, key: _Key, first: datetime, last: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(first)
        .not_valid_after(last)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        address: IPv4Address | IPv6Address = ip_address(name)
    except ValueError:
        return x509.DNSName(name)
    return x509.IPAddress(address)
