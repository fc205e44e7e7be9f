"""What RFC 3507 asks of the fields of an answer, and this one did not give.

Rules about framing are recorded where the bytes are read; here are those that need only
the finished head. Each is an observation: whether it matters is for the runbooks.
"""

from __future__ import annotations

from collections.abc import Iterator

from icapdiag.icap.message import Deviation, EncapsulatedPart, Headers, Response

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
    parts = [part.name for part in encapsulated or ()]
    tag = headers.get("ISTag")
    if tag is None:
        yield _deviate("istag-missing", "4.7", "the answer has no ISTag")
    else:
        if not (len(tag) >= 2 and tag[0] == tag[-1] == '"'):
            yield _deviate("istag-unquoted", "4.7", "the ISTag is not a quoted string", headers, "ISTag")
        if len(tag.strip('"')) > _ISTAG_LENGTH:
            yield _deviate("istag-too-long", "4.7", "the ISTag has more than 32 bytes", headers, "ISTag")
    if encapsulated is None and status in {200, 201, 206}:
        yield _deviate("encapsulated-missing", "4.4.1", "the answer has no Encapsulated header")
    if status == 204 and set(parts) - {"null-body"}:
        yield _deviate("204-with-encapsulated", "4.6", "a 204 announces encapsulated parts", headers, "Encapsulated")
    if "Transfer-Encoding" in headers:
        yield _deviate("transfer-encoding", "4.3.1", "ICAP has no Transfer-Encoding", headers, "Transfer-Encoding")
    if method == "OPTIONS" and status == 200:
        yield from _options(headers, opt_body="opt-body" in parts)


def _options(headers: Headers, *, opt_body: bool) -> Iterator[Deviation]:
    methods = [name.upper() for name in headers.tokens("Methods")]
    if not methods:
        yield _deviate("methods-missing", "4.10.2", "an OPTIONS answer must list Methods")
    if "OPTIONS" in methods:
        yield _deviate("methods-lists-options", "4.10.2", "Methods must not list OPTIONS", headers, "Methods")
    for name in ("Max-Connections", "Options-TTL", "Preview"):
        value = headers.get(name)
        if value is not None and not (value.isascii() and value.isdigit()):
            yield _deviate(f"{name.lower()}-invalid", "4.10.2", f"{name} is not a decimal number", headers, name)
    name = "Opt-body-type"
    if opt_body and name not in headers:
        yield _deviate("opt-body-type-missing", "4.10.2", "an opt-body comes without Opt-body-type")
    if name in headers and not opt_body:
        yield _deviate("opt-body-missing", "4.10.2", "Opt-body-type comes without an opt-body", headers, name)


def _deviate(rule: str, section: str, detail: str, headers: Headers | None = None, name: str = "") -> Deviation:
    """The deviation, with the header that shows it."""
    line = f"{name}: {headers.get(name) or ''}" if headers else ""
    return Deviation(rule, section, detail, line.encode("latin-1"))


def hop_by_hop(response: Response) -> list[str]:
    """Headers in the encapsulated heads that are for one connection only, and should not be there (4.4.2)."""
    heads = [head for head in (response.http_request, response.http_response) if head is not None]
    names = (name for head in heads for name, _ in head.headers)
    return list(dict.fromkeys(name for name in names if name.lower() in _HOP_BY_HOP))


def odd_headers(headers: Headers) -> list[str]:
    """Headers that neither RFC knows, and whose names don't begin with ``X-`` as those of extensions do (4.3)."""
    names = dict.fromkeys(name[:_NAME_KEPT] for name, _ in headers)
    return [name for name in names if name.lower() not in _REGISTERED and not name.lower().startswith("x-")]
