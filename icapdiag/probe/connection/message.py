"""What goes over a connection as a plan tells it, ICAP requests by the bytes that would be sent."""

from __future__ import annotations

import hashlib

from icapdiag.icap.body import Body
from icapdiag.icap.request import PreparedRequest
from icapdiag.probe.base import Context, Message


def handshakes(context: Context, what: str = "handshake") -> tuple[Message, ...]:
    """The TLS handshake that a new connection to the member begins with, or nothing where it has no TLS."""
    return (Message(kind="tls", what=what, size=None),) if context.member.tls else ()


def icap_message(request: PreparedRequest, body: bytes | Body | None = None) -> Message:
    """An ICAP request as planned. ``body`` is what it carries, and is told by its digest alone."""
    head, blank, after = request.first.partition(b"\r\n\r\n")
    text = head + blank
    if body is not None:  # the encapsulated head, and nothing of the body
        inner, blank, _ = after.partition(b"\r\n\r\n")
        text += inner + blank
    return Message(
        kind="icap",
        what=request.method,
        size=request.size_at_once,
        rest=request.size_withheld,
        text=text.decode("latin-1"),
        body_size=None if body is None else len(body),
        body_sha256=_digest(body),
    )


def _digest(body: bytes | Body | None) -> str | None:
    if body is None:
        return None
    return body.sha256() if isinstance(body, Body) else hashlib.sha256(body).hexdigest()
