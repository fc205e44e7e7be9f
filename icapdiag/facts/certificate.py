"""The facts of a certificate, also of one that was rejected. Import it only where TLS is used: it takes time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509

from icapdiag.facts.tls import TLS, CertificateLink
from icapdiag.icap.header_table import TEXT_KEPT

_NAMES = 50
_UNREADABLE = (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


def chain_facts(chain: Sequence[bytes], now: datetime | None = None) -> TLS:
    """Subject, issuer, names, dates and chain of certificates in DER, the peer's own first; empty without one.

    ``now`` (aware) is when they were met; None: at this moment.
    """
    if not chain:
        return TLS()
    digest = hashlib.sha256(chain[0]).hexdigest()
    try:
        links = tuple(_link(der) for der in chain[:10])
        leaf = x509.load_der_x509_certificate(chain[0])
        left = leaf.not_valid_after_utc - (now or datetime.now(UTC))
        return TLS(
            cert_subject=links[0].subject,
            cert_issuer=links[0].issuer,
            cert_names=_names(leaf),
            cert_not_before=_iso(leaf.not_valid_before_utc),
            cert_not_after=links[0].not_after,
            cert_days_left=round(left.total_seconds() / 86400, 1),
            cert_sha256=digest,
            cert_chain=links,
        )
    except _UNREADABLE as exc:  # OpenSSL took it, and it is a stranger's all the same
        return TLS(cert_sha256=digest, cert_error=str(exc)[:200])


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    dns = names.get_values_for_type(x509.DNSName)
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    return tuple(name[:TEXT_KEPT] for name in (*dns, *addresses)[:_NAMES])


def _link(der: bytes) -> CertificateLink:
    certificate = x509.load_der_x509_certificate(der)
    return CertificateLink(
        subject=certificate.subject.rfc4514_string()[:TEXT_KEPT],
        issuer=certificate.issuer.rfc4514_string()[:TEXT_KEPT],
        not_after=_iso(certificate.not_valid_after_utc),
    )


def _iso(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
