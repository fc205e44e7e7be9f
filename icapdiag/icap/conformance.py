"""The thirty rules of RFC 3507 that a server can be held to from outside, and what breaks those of header fields.

This is vocabulary, as a field's documentation is, and no judgement of a server: ``tolerance`` says what clients
are known to do, and decides nothing; ``breaking`` follows from the RFC's framing, whoever the server is. What a
broken rule means for a pool, and whether it matters at all, is said by runbooks alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from icapdiag.icap.message import CONTENT_AFTER_NULL_BODY, Deviation, EncapsulatedPart, Headers, Response


class Rule(NamedTuple):
    """One rule. ``section`` is of RFC 3507 unless it says otherwise.

    ``asks`` is what the RFC asks for, ``tolerance`` how clients take a server that deviates, ``takes`` what
    a test of it needs. The slugs (`icapdiag.icap.message.Deviation`) that violate it are ``tolerated``, or
    ``breaking``: a protocol error to a strict client, and Avi runs its fail_action on one.
    """

    number: int
    name: str
    section: str
    asks: str
    tolerance: str
    takes: str
    tolerated: tuple[str, ...] = ()
    breaking: tuple[str, ...] = ()

    @property
    def deviations(self) -> tuple[str, ...]:
        return self.tolerated + self.breaking


_OPTIONS = "an answer to OPTIONS"
_ANY = "any answer"

_ALL = (
    Rule(1, "status-line", "4.3.3", "the first line is ICAP/1.0, a status of three digits, and a reason",
         "HTTP/1.1 means a web server, or a TLS port, on this port", _ANY,
         ("icap-version", "reason-missing", "status-line", "empty-line-before-head")),
    Rule(2, "options", "4.3.2", "OPTIONS is answered with 200, never with 501",
         "Avi documents no use of OPTIONS, nor do some other clients, so that scans may still work", _OPTIONS),
    Rule(3, "methods", "4.10.2", "OPTIONS lists Methods: not OPTIONS itself, and one method for a URI",
         "c-icap and most others list REQMOD and RESPMOD for one URI; a list must be there", _OPTIONS,
         ("methods-lists-options",), ("methods-missing",)),
    Rule(4, "reqmod-offered", "4.10.2", "Methods has the method that is needed: REQMOD, as Avi sends nothing else",
         "some servers take REQMOD without listing it", _OPTIONS),
    Rule(5, "istag-present", "4.7", "every answer has an ISTag",
         "error answers often have none (c-icap's 404), and are not held to it", _ANY, ("istag-missing",)),
    Rule(6, "istag-quoted", "4.7", "the ISTag is a quoted string", "clients take it without quotes", "an ISTag",
         ("istag-unquoted",)),
    Rule(7, "istag-length", "4.7", "the ISTag has 32 bytes at most between its quotes",
         "its characters need not be alphanumeric: real ones have - + and /", "an ISTag", ("istag-too-long",)),
    Rule(8, "istag-stable", "4.7", "two OPTIONS in a row give the same ISTag",
         "it may change with a new configuration or new signatures; pyicap makes a new one for each answer",
         "two answers to OPTIONS"),
    Rule(9, "options-encapsulated", "4.10.2", "the answer to OPTIONS has Encapsulated with null-body or opt-body",
         "clients that know OPTIONS has no body do without", _OPTIONS),
    Rule(10, "encapsulated", "4.4.1", "Encapsulated lists the parts in order, ascending from 0, one body, and last",
         "none: a client finds the body by it", "an answer with encapsulated parts",
         ("encapsulated-missing",),
         ("encapsulated-invalid", "encapsulated-wrong-offset", "encapsulated-wrong-name", "204-with-encapsulated",
          CONTENT_AFTER_NULL_BODY)),
    Rule(11, "opt-body-type", "4.10.2", "Opt-body-type comes with an opt-body, and only then",
         "there are no standard types, so nobody reads it", _OPTIONS, ("opt-body-type-missing", "opt-body-missing")),
    Rule(12, "max-connections", "4.10.2", "Max-Connections, if sent, is a number above 0",
         "without it a server takes any number; some do not keep to the number that they give", _OPTIONS,
         ("max-connections-invalid",)),
    Rule(13, "options-ttl", "4.10.2", "Options-TTL, if sent, is a number of seconds",
         "without it what OPTIONS said never expires", _OPTIONS, ("options-ttl-invalid",)),
    Rule(14, "date", "4.10.2", "Date, if sent, is in the form of RFC 1123",
         "clients pass over a date that they can't read", _OPTIONS),
    Rule(15, "service", "4.10.2", "Service is a text for people, Service-ID a short label; both may be left out",
         "nothing depends on them", _OPTIONS),
    Rule(16, "allow-204", "4.6", "Allow has 204 if the server can send it",
         "some send 204 without announcing it (ESET), some echo each clean body", _OPTIONS),
    Rule(17, "preview", "4.10.2", "Preview, if sent, is a number of bytes",
         "a client should not send a longer preview; most servers take one", _OPTIONS, ("preview-invalid",)),
    Rule(18, "transfer", "4.10.2", "of Transfer-Preview, -Ignore and -Complete, if any is sent, one has *",
         "Avi documents no use of them", _OPTIONS),
    Rule(19, "204-allowed", "4.6", "204 to a whole body, and 206, only if the client allowed it",
         "no harm while the profile's allow_204 is on; Avi's logs never show Allow: 206", "an upload without Allow",
         (), ("204-without-allow", "206-without-allow")),
    Rule(20, "100-continue", "4.5", "100 Continue answers a preview with a body behind it, and nothing else",
         "a client that has nothing more to send waits, or gives up", "an upload that ends inside its preview",
         ("endless-100",), ("100-after-ieof", "100-without-preview", "100-repeated")),
    Rule(21, "body-coding", "4.4", "bodies are chunked, heads are not, and Transfer-Encoding is not an ICAP header",
         "LF for CRLF and an extra empty line are tolerated; a wrong chunk size ends the reading",
         "an answer with a body",
         ("transfer-encoding", "empty-line-after-end", "chunk-invalid", "chunk-line-ends"),
         ("body-missing", "bytes-after-end", "chunk-data-end", "last-chunk-without-empty-line")),
    Rule(22, "heads", "4.4.2", "heads begin with a request or status line and end with an empty line",
         "LF for CRLF is passed over", "an answer with an encapsulated head",
         ("head-line-ends",), ("encapsulated-head-without-empty-line", "head-without-empty-line")),
    Rule(23, "hop-by-hop", "4.4.2", "headers of one connection (Connection and its like) are not encapsulated",
         "block pages often have Connection: close, which the client's side drops",
         "an answer with an encapsulated head"),
    Rule(24, "unknown-method", "4.3.2", "an unknown method is answered with 501",
         "c-icap and MetaDefender answer 400", "a request with a made-up method"),
    Rule(25, "unknown-service", "4.3.3", "an unknown service is answered with 404", "e2guardian answers 400",
         "OPTIONS to a made-up service"),
    Rule(26, "close-announced", "6.2", "a server that closes after an answer has said Connection: close in it",
         "Avi asks for the close itself, and opens a connection for each request", "two uploads on one connection"),
    Rule(27, "kept-alive", "4.1", "a connection that nobody called closed takes a second request",
         "Avi sends Connection: close, and never a second request", "two uploads on one connection"),
    Rule(28, "host-names", "4.2", "the server knows itself by address and by each of its names",
         "Avi names the member by address, in the URI and in Host", "OPTIONS by address, and by name if it has one"),
    Rule(29, "header-names", "4.3", "header names are tokens, and those of extensions begin with X-",
         "unknown headers are passed over", _ANY,
         ("header-name", "header-without-colon"), ("header-glued", "header-name-repr")),
    Rule(30, "folding", "draft-stecher-icap-subid 4.6", "the lines of X-Violations-Found begin with white space",
         "readers of one line a header see the count alone", "an answer with X-Violations-Found"),
)  # fmt: skip

RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in _ALL})
BREAKING = frozenset(slug for rule in _ALL for slug in rule.breaking)


# --- what a finished head shows; rules about framing are recorded where the bytes are read ---

_ISTAG_LENGTH = 32
_NAME_KEPT = 80  # characters
_REPR = re.compile(r"b'[A-Za-z-]{2,40}'")  # pyicapserver writes b'ISTag'; a token by its characters
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
    if strange := next((name for name, _ in headers if _REPR.fullmatch(name)), ""):
        detail = "header names are written as Python shows bytes"
        yield _deviate("header-name-repr", "4.3", detail, headers, strange)
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
