"""What RFC 3507 asks of the fields of an answer, and this one did not give.

Rules about framing are recorded where the bytes are read; here are those that need only
the finished head. Each is an observation: whether it matters is for the runbooks.
"""

from __future__ import annotations

from collections.abc import Iterator

from icapdiag.icap.errors import SEEN
from icapdiag.icap.message import Deviation, EncapsulatedPart, Headers

_ISTAG_LENGTH = 32


def field_deviations(
    method: str, status: int, headers: Headers, encapsulated: tuple[EncapsulatedPart, ...] | None
) -> Iterator[Deviation]:
    """Deviations of a final answer's head; ``method`` is the request's."""
    yield from _istag(headers)
    if encapsulated is None and status in {200, 201, 206}:
        yield Deviation("encapsulated-missing", "4.4.1", "the answer has no Encapsulated header")
    if status == 204 and any(part.name != "null-body" for part in encapsulated or ()):
        yield Deviation(
            "204-with-encapsulated", "4.6", "a 204 announces encapsulated parts", _seen(headers, "Encapsulated")
        )
    if "Transfer-Encoding" in headers:
        yield Deviation(
            "transfer-encoding", "4.3.1", "ICAP has no Transfer-Encoding", _seen(headers, "Transfer-Encoding")
        )
    if method == "OPTIONS" and status == 200:
        yield from _options(headers)


def _istag(headers: Headers) -> Iterator[Deviation]:
    tag = headers.get("ISTag")
    if tag is None:
        yield Deviation("istag-missing", "4.7", "the answer has no ISTag")
        return
    if not (len(tag) >= 2 and tag[0] == tag[-1] == '"'):
        yield Deviation("istag-unquoted", "4.7", "the ISTag is not a quoted string", _seen(headers, "ISTag"))
    if len(tag.strip('"')) > _ISTAG_LENGTH:
        yield Deviation("istag-too-long", "4.7", "the ISTag has more than 32 bytes", _seen(headers, "ISTag"))


def _options(headers: Headers) -> Iterator[Deviation]:
    methods = [name.upper() for name in headers.tokens("Methods")]
    if not methods:
        yield Deviation("methods-missing", "4.10.2", "an OPTIONS answer must list Methods")
    if "OPTIONS" in methods:
        yield Deviation("methods-lists-options", "4.10.2", "Methods must not list OPTIONS", _seen(headers, "Methods"))
    for name in ("Max-Connections", "Options-TTL", "Preview"):
        value = headers.get(name)
        if value is not None and not (value.isascii() and value.isdigit()):
            yield Deviation(
                f"{name.lower()}-invalid", "4.10.2", f"{name} is not a decimal number", _seen(headers, name)
            )


def _seen(headers: Headers, name: str) -> bytes:
    return f"{name}: {headers.get(name) or ''}".encode("latin-1")[:SEEN]
