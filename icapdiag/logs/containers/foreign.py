"""Texts without an ICAP response: what they are, and whether an ICAP port can have sent them."""

from __future__ import annotations

import re

from icapdiag.icap.response import guess_protocol

REQUEST = re.compile(rb"\b(REQMOD|RESPMOD|OPTIONS)[ \t]+icaps?://", re.IGNORECASE)
ALONE = "an ICAP request without its response; paste the response, too"
_LOOKED_AT = 4096  # bytes
_HTTP = re.compile(
    rb"^(?P<curl>[ \t]*<[ \t]+)?(?:HTTP/\d(?:\.\d)? (?P<status>\d{3})|<!doctype html|<html)\b",
    re.MULTILINE | re.IGNORECASE,
)
_CURL = re.compile(rb"^[ \t]*(?:[*] +(?:Trying|Connected to)|> +[A-Z]+ \S+ HTTP/)", re.MULTILINE)
_SQUID = re.compile(rb"^X-Squid-Error:[ \t]*([A-Z_0-9]{1,40})", re.MULTILINE | re.IGNORECASE)
_SQUIDS_OWN = (b"ERR_PROTOCOL_UNKNOWN", b"ERR_INVALID_REQ", b"ERR_INVALID_URL", b"ERR_UNSUP_REQ")  # to ICAP at its port
# What HTTP servers answer to a request that they don't understand, such as one in ICAP.
_TO_ICAP = {b"400", b"405", b"501", b"505"}
_ERROR_PAGE = re.compile(rb"\b(?:400|405|501|505)\b")
_AVI = {
    b"413": "Avi sends it for a body above buffer_size or client_max_body_size",
    b"500": "Avi sends it when ICAP fails and fail_action is ICAP_FAIL_CLOSED",
    b"502": "Avi sends it when the application did not answer",
    b"503": "Avi sends it when no application server is up",
    b"504": "Avi sends it when the application did not answer in time",
}


def peer_of(data: bytes) -> tuple[str, bytes] | None:
    """The protocol of bytes that an ICAP port can have sent (a word of `facts.answer.PEERS`), and where they begin."""
    http = _HTTP.search(data[:_LOOKED_AT])  # perhaps below a line of someone's own
    if http is not None:
        return None if reason_of(data) else ("http", data[http.start() :])
    data = data.lstrip(b"\r\n")
    peer = guess_protocol(data[:64], ended=True)
    return None if peer in {None, "unknown", "http"} else (str(peer), data)


def reason_of(data: bytes) -> str:
    """What the text is, in words, if it is not from an ICAP port; empty if unknown."""
    head = data[:_LOOKED_AT]
    http = _HTTP.search(head)
    if http is None:
        return ALONE if REQUEST.search(head) else ""
    squid = _SQUID.search(head)
    if squid and not squid[1].upper().startswith(_SQUIDS_OWN):
        return f"a Squid error page ({squid[1].decode('latin-1')}), not a response from an ICAP port"
    status = http["status"]
    if status is None:
        return "" if _ERROR_PAGE.search(head) else "a web page, not a response from an ICAP port"
    if status in _TO_ICAP and not http["curl"] and not _CURL.search(head):
        return ""
    words = f"an HTTP response ({status.decode()}), not from an ICAP port"
    return f"{words}: {_AVI[status]}" if status in _AVI else words
