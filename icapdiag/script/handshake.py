"""What ``openssl s_client`` printed of a TLS handshake, as the facts of the tls probe."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from typing import NamedTuple

from icapdiag.facts import tls as sheets
from icapdiag.script.plan import Target
from icapdiag.vocabulary import Reason, Status

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]{1,20000})-----END CERTIFICATE-----")
_SESSION = re.compile(rb"(?:^|\n)(?:New, (TLSv[0-9.]+), Cipher is ([A-Za-z0-9_-]{1,60})|Protocol *: (TLSv[0-9.]+))")
_PROTOCOL = re.compile(rb"\n +Protocol *: (TLSv[0-9.]+)")
_RETURN = re.compile(rb"Verify return code: (\d{1,3}) \(([^)\n]{0,100})\)")
_ALERT = re.compile(rb"SSL alert number (\d{1,3})")
_MESSAGE = re.compile(rb"(?m)^[0-9A-Fa-f]{8,16}:error:[0-9A-F]{1,8}:[^\n]{0,400}(?:\n|\Z)")
_NOISE = re.compile(rb"(?m)^(?:depth=\d|verify (?:error|return):|DONE$|Connecting to |Can't use SSL_get_)[^\n]*\n?")
_CHAIN = 10
_CODES = {9: Reason.TLS_NOT_YET_VALID, 10: Reason.TLS_EXPIRED, 62: Reason.TLS_NAME, 64: Reason.TLS_NAME}
_CLIENT_CERTIFICATE = 116  # RFC 8446, 6
_ERRORS = (
    ("Connection refused", Reason.REFUSED),
    ("Connection reset", Reason.RESET),
    ("No route to host", Reason.UNREACHABLE),
    ("Network is unreachable", Reason.UNREACHABLE),
    ("Connection timed out", Reason.TIMEOUT),
    ("Permission denied", Reason.PROHIBITED),
    ("Operation not permitted", Reason.PROHIBITED),
)


def reason_of(words: str) -> Reason | None:
    """The reason in an error message of the operating system, of which letters and digits are left."""
    plain = re.sub(r"[^A-Za-z0-9]+", " ", words)
    return next((reason for text, reason in _ERRORS if text in plain), None)


def without_messages(data: bytes) -> tuple[bytes, bytes]:
    """What a server sent through openssl, and the messages of openssl that came the same way."""
    said = b"".join(_MESSAGE.findall(data)) + b"".join(_NOISE.findall(data))
    if not said:
        return data, b""
    return _NOISE.sub(b"", _MESSAGE.sub(b"", data)), said


def alerted(said: bytes) -> Reason | None:
    """The reason in a message of openssl."""
    if found := _ALERT.search(said):
        return Reason.TLS_CLIENT_CERTIFICATE if int(found[1]) == _CLIENT_CERTIFICATE else Reason.TLS_HANDSHAKE
    return reason_of(said.decode("latin-1"))


class Shaken(NamedTuple):
    """What became of a handshake, and its facts."""

    facts: sheets.TLS
    status: Status = Status.OK
    reason: Reason | None = None


def handshake(target: Target, text: bytes, at: datetime | None) -> Shaken:
    """The outcome of the handshake that ``text`` is about."""
    facts = sheets.TLS(
        server_name=target.server_name or None,
        sni=bool(target.server_name),
        wanted_names=target.names or None,
    )
    chain = [der for found in _PEM.finditer(text) if (der := _der(found[1]))][:_CHAIN]
    if chain:
        from icapdiag.facts.certificate import chain_facts  # noqa: PLC0415 - cryptography only where TLS is met

        facts |= chain_facts(chain, at)
    session = _SESSION.search(text)
    done = session is not None and session[2] is not None
    if session is not None and session[2] is not None:
        named = _PROTOCOL.search(text)
        facts.tls_version = (named[1] if named else session[1]).decode("ascii")
        facts.cipher = session[2].decode("ascii")
    code = _RETURN.findall(text)
    number, words = (int(code[-1][0]), code[-1][1].decode("latin-1")) if code else (0, "")
    if not done:
        return _failed(facts, text)
    facts.verified = target.verify and not number
    if target.verify and number:
        facts.verify_error = words
        facts.error = f"certificate verify failed: {words}"
        return Shaken(status=Status.FAILED, reason=_CODES.get(number, Reason.TLS_UNTRUSTED), facts=facts)
    return Shaken(facts=facts)


def _failed(facts: sheets.TLS, text: bytes) -> Shaken:
    words = text.decode("latin-1")
    message = _MESSAGE.search(text)
    facts.error = None if message is None else message[0].decode("latin-1").strip()[:200]
    reason: Reason | None
    if any(mark in words for mark in ("wrong version number", "http request", "packet length too long")):
        reason = Reason.TLS_NOT_TLS
    elif "ended with status 137" in words:
        reason, facts.error = Reason.TIMEOUT, "no TLS handshake in time"
    elif "unexpected eof" in words or "write:errno=0" in words:
        reason = Reason.CLOSED
    else:
        reason = alerted(text) or (Reason.RESET if "errno=104" in words else Reason.TLS_HANDSHAKE)
    return Shaken(status=Status.FAILED, reason=reason, facts=facts)


def _der(text: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""
