"""What a peer can do that leaves nothing to read."""

from __future__ import annotations

from icapdiag.icap.message import Response

SEEN = 80  # bytes of evidence kept with an error or a deviation


class ProtocolError(Exception):
    """The peer's bytes can't be read as ICAP any further.

    ``rule`` is a slug (``status-line``, ``chunk-invalid``, …), ``detail`` one sentence,
    ``seen`` at most 80 of the bytes, ``response`` what had been read before, if the head was.
    """

    def __init__(self, rule: str, detail: str, seen: bytes = b"", response: Response | None = None) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule
        self.detail = detail
        self.seen = bytes(seen[:SEEN])
        self.response = response


class NotICAP(ProtocolError):
    """The peer speaks something else; ``peer`` names it (see `icapdiag.icap.peer`)."""

    def __init__(self, peer: str, seen: bytes) -> None:
        super().__init__("not-icap", f"the first bytes are {peer}, not ICAP/1.0", seen)
        self.peer = peer


class CapExceeded(ProtocolError):
    """The message is larger than one of our `Limits`; reading stopped."""


class PeerClosed(ProtocolError):
    """The peer closed before anything could be read: no byte, or less than a status line."""
