"""The messages of a plan; ICAP requests with the bytes that would be sent."""

from __future__ import annotations

import hashlib

from msgspec import Struct

from icapdiag.icap.body import Body
from icapdiag.icap.request import PreparedRequest

_IN_JSON = {"size": "bytes", "rest": "bytes_after_continue", "body_size": "body_bytes"}


class Message(Struct, frozen=True, kw_only=True, rename=_IN_JSON):
    """One message that would be sent. ``kind`` is ``icap``, ``dns`` or ``tls``.

    ``size`` bytes are sent at once, ``rest`` more if the server asks for them with 100 Continue; None if
    that is unknown. ``text`` is its head; its body is shown as length and SHA-256 only.
    """

    kind: str
    what: str
    size: int | None
    rest: int = 0
    text: str = ""
    body_size: int | None = None
    body_sha256: str | None = None


class Planned(Struct, frozen=True, kw_only=True):
    """Messages to one peer, ``host:port``, and the new TCP connections for them; ``condition``: only then.

    All of it happens ``times`` times, at most ``at_once`` of them in parallel.
    """

    to: str
    connections: int = 0
    times: int = 1
    at_once: int = 1
    condition: str = ""
    messages: tuple[Message, ...] = ()


def icap_message(request: PreparedRequest, body: bytes | Body | None = None, *, what: str = "") -> Message:
    """An ICAP request as planned. ``body``: its content, shown only as a digest."""
    head, blank, after = request.first.partition(b"\r\n\r\n")
    text = head + blank
    if body is not None:  # the encapsulated head, and nothing of the body
        inner, blank, _ = after.partition(b"\r\n\r\n")
        text += inner + blank
    digest = None if body is None else body.sha256() if isinstance(body, Body) else hashlib.sha256(body).hexdigest()
    return Message(
        kind="icap",
        what=what or request.method,
        size=request.size_at_once,
        rest=request.size_withheld,
        text=text.decode("latin-1"),
        body_size=None if body is None else len(body),
        body_sha256=digest,
    )
