"""The certificates of the authorities in a PKI profile: which of them are of no use."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime

from icapdiag.yamltree import MapNode

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_DER = b"\x30"  # a sequence, which a certificate is
_EXPIRED = "SSL_CERTIFICATE_EXPIRED"


def is_expired(authority: MapNode) -> bool:
    """Whether the Controller wrote beside the certificate that it has expired, or when, and that is over."""
    if authority.text("expiry_status") == _EXPIRED:
        return True
    try:
        until = datetime.fromisoformat(authority.text("not_after"))
    except ValueError:
        return False
    return (until if until.tzinfo else until.replace(tzinfo=UTC)) < datetime.now(UTC)


def is_unreadable(authority: MapNode) -> bool:
    """Whether what stands between the lines of a PEM certificate is not base64 of DER (RFC 7468, 3)."""
    found = _PEM.search(authority.text("certificate").replace("\\n", "\n"))
    try:
        return found is not None and not base64.b64decode("".join(found[1].split()), validate=True).startswith(_DER)
    except binascii.Error:
        return True
