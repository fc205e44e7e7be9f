"""Members with a fault in what they do with previews, 204 and 206 (RFC 3507, 4.5 and 4.6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from icapdiag.icap.chunked import LAST_CHUNK
from icapdiag.icap.message import Request
from icapdiag.lab.connection import CONTINUE, Connection
from icapdiag.lab.fault import Fault
from icapdiag.lab.scanner import OFFERS, Answer, Scanner, decide, echo, status, wants_continue

_NOTHING = Answer(204, "No Content")
_BAD_REQUEST = Answer(400, "Bad request")

# What is answered to a preview before the scanner has its turn: an answer, or None for its usual way.
Decide = Callable[[Connection, Request], Awaitable[Answer | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewer(Scanner):
    """A scanner with its own way with previews, OPTIONS aside."""

    preview: Decide

    async def _answer(self, connection: Connection, request: Request) -> Answer | None:
        if request.preview is not None:
            answer = await self.preview(connection, request)
            if answer is not None:
                return answer
        return await super(Previewer, self)._answer(connection, request)  # slots make the class anew: no bare super()


def longer(answer: Answer, *, than: int = -1) -> Decide:
    """This answer to previews of more than so many bytes, if the body goes on after them."""

    async def decide_on(_: Connection, request: Request) -> Answer | None:
        return answer if wants_continue(request) and (request.preview or 0) > than else None

    return decide_on


async def waits(connection: Connection, request: Request) -> Answer | None:
    """Wait for the whole body, and never ask for it."""
    if wants_continue(request):
        await connection.discard()
    return None


async def asks_for_more(connection: Connection, request: Request) -> Answer | None:
    """Ask for the rest of a body that was all there, and wait for it."""
    if request.ieof:
        await connection.send(CONTINUE)
        await connection.discard()
    return None


async def asks_in_vain(connection: Connection, request: Request) -> Answer | None:
    """The same without waiting."""
    if request.ieof:
        await connection.send(CONTINUE)
    return None


def partial(request: Request) -> Answer:
    """206 that leaves the whole body to the client's own copy (draft-icap-ext-partial-content)."""
    return replace(echo(request), status=206, reason="Partial Content", body=b"", damage=_original_from_start)


def _original_from_start(wire: bytes) -> bytes:
    return wire.removesuffix(LAST_CHUNK) + b"0; use-original-body=0\r\n\r\n"


_ZERO = tuple((name, "0" if name == "Preview" else value) for name, value in OFFERS)

PREVIEW_FAULTS = (
    Fault("preview-zero-only", "takes a preview of no bytes, and refuses to go on after a longer one",
          "preview-too-large", Previewer(offers=_ZERO, preview=longer(_BAD_REQUEST, than=0)), depth="deep"),
    Fault("preview-refused", "refuses bodies that go on after the preview, whatever its length", "preview-refused",
          Previewer(preview=longer(_BAD_REQUEST)), depth="deep"),
    Fault("preview-204-unsupported", "answers a preview with 204 because it does not support previews",
          "preview-passes-unscanned", Previewer(preview=longer(_NOTHING)), depth="deep"),
    Fault("no-100", "needs the whole body, and never asks for what comes after the preview", "preview-not-continued",
          Previewer(preview=waits), depth="deep"),
    Fault("100-after-ieof", "asks for more when the preview was the whole body, and waits for it",
          "continue-after-ieof", Previewer(preview=asks_for_more)),
    Fault("100-in-vain", "asks for more when the preview was the whole body, and answers all the same",
          "unexpected-continue", Previewer(preview=asks_in_vain)),
    Fault("204-without-allow", "sends 204 to clients that did not allow it", "204-without-allow",
          Scanner(scan=decide(clean=status(204, "No Content"))), depth="deep"),
    Fault("206", "sends 206 to clients that did not allow it", "partial-content-unasked",
          Scanner(scan=decide(clean=partial))),
)  # fmt: skip
