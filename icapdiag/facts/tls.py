"""What a TLS handshake shows, and the certificates in it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from icapdiag.facts.connection import NoAnswer, ProbeSheet
from icapdiag.facts.sheet import DistinguishedName, Fingerprint, HostName, Moment, Record, Text, Word, about


class CertificateLink(Record):
    """One certificate of a chain."""

    subject: Annotated[DistinguishedName | None, about("subject", "to whom it was issued")] = None
    issuer: Annotated[DistinguishedName | None, about("issuer", "the CA that signed it")] = None
    not_after: Annotated[Moment | None, about("valid until", "end of its validity", "ISO 8601")] = None


class TLS(ProbeSheet):
    """tls: the handshake and the certificate, also one that was rejected."""

    moved = "sni request_acknowledged close_reaction answer_lost error verify_error"
    server_name: Annotated[HostName | None, about("server name", "the name that is requested")] = None
    sni: Annotated[bool | None, about("SNI", "the name was sent with the handshake; a literal address is not")] = None
    wanted_names: Annotated[
        tuple[HostName, ...] | None,
        about("expected names", "the certificate must have one of these; absent: the server name, or any"),
    ] = None
    verified: Annotated[
        bool | None, about("verified", "the certificate's chain and dates are valid, and its name if that is checked")
    ] = None
    verify_error: Annotated[Text | None, about("verification error", "why the certificate was rejected")] = None
    tls_version: Annotated[Word | None, about("TLS version", "the negotiated version, such as TLSv1.3")] = None
    cipher: Annotated[Word | None, about("cipher", "the negotiated cipher suite")] = None
    cert_subject: Annotated[DistinguishedName | None, about("certificate's subject", "the certificate's subject")] = (
        None
    )
    cert_issuer: Annotated[DistinguishedName | None, about("certificate's issuer", "the certificate's issuer")] = None
    cert_names: Annotated[
        tuple[HostName, ...] | None, about("certificate's names", "names and addresses in the certificate")
    ] = None
    cert_not_before: Annotated[Moment | None, about("certificate valid from", "start of its validity", "ISO 8601")] = (
        None
    )
    cert_not_after: Annotated[Moment | None, about("certificate valid until", "end of its validity", "ISO 8601")] = None
    cert_days_left: Annotated[
        float | None, about("days left", "until the end of its validity; negative once past", "days", changes=True)
    ] = None
    cert_error: Annotated[Text | None, about("certificate error", "why the certificate could not be read")] = None
    cert_sha256: Annotated[Fingerprint | None, about("certificate's SHA-256", "its fingerprint", "hex")] = None
    cert_chain: Annotated[
        tuple[CertificateLink, ...] | None,
        about("certificate chain", "the certificates that the server sent, its own first"),
    ] = None
    no_answer: NoAnswer = msgspec.field(default_factory=NoAnswer)
