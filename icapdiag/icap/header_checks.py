"""What RFC 3507 asks of the fields of an answer, and this one did not give.

Rules about framing are recorded where the bytes are read; here are those that need only
the finished head. Each is an observation: whether it matters is for the runbooks.
"""

from __future__ import annotations

from collections.abc import Iterator

from icapdiag.icap.message import SEEN, Deviation, EncapsulatedPart, Headers, Response

_ISTAG_LENGTH = 32
_NAME_KEPT = 80  # characters
# RFC 2616, 13.5.1; those of proxy authentication move to the ICAP head (RFC 3507, 4.4.2).
_HOP_BY_HOP = {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "trailers",
               "transfer-encoding", "upgrade"}  # fmt: skip
# Of answers: RFC 3507, 4.3.1, 4.7 and 4.10.2, and the general and response headers that it takes over from RFC 2616.
_REGISTERED = {"allow", "cache-control", "connection", "date", "encapsulated", "istag", "max-connections", "methods",
               "opt-body-type", "options-ttl", "pragma", "preview", "server", "service", "service-id", "trailer",
               "transfer-complete", "transfer-encoding", "transfer-ignore", "transfer-preview", "upgrade", "via",
               "expires", "location", "proxy-authenticate", "retry-after", "vary", "warning", "www-authenticate",
               "content-length", "content-type", "keep-alive"}  # fmt: skip


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
        yield from _opt_body(headers, encapsulated)


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


def _opt_body(headers: Headers, encapsulated: tuple[EncapsulatedPart, ...] | None) -> Iterator[Deviation]:
    body = any(part.name == "opt-body" for part in encapsulated or ())
    if body and "Opt-body-type" not in headers:
        yield Deviation("opt-body-type-missing", "4.10.2", "an opt-body comes without Opt-body-type")
    if "Opt-body-type" in headers and not body:
        yield Deviation(
            "opt-body-missing", "4.10.2", "Opt-body-type comes without an opt-body", _seen(headers, "Opt-body-type")
        )


def hop_by_hop(response: Response) -> list[str]:
    """Headers in the encapsulated heads that are for one connection only, and should not be there (4.4.2)."""
    heads = [head for head in (response.http_request, response.http_response) if head is not None]
    names = (name for head in heads for name, _ in head.headers)
    return list(dict.fromkeys(name for name in names if name.lower() in _HOP_BY_HOP))


def odd_headers(headers: Headers) -> list[str]:
    """Headers that neither RFC knows, and whose names don't begin with ``X-`` as those of extensions do (4.3)."""
    names = (name[:_NAME_KEPT] for name, _ in headers)
    return list(
        dict.fromkeys(name for name in names if name.lower() not in _REGISTERED and not name.lower().startswith("x-"))
    )


def _seen(headers: Headers, name: str) -> bytes:
    return f"{name}: {headers.get(name) or ''}".encode("latin-1")[:SEEN]
