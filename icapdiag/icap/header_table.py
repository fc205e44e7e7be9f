"""The headers of an ICAP response that mean something to us: one table, from which every other list is derived.

A new vendor header is a row here and, if its values are like no other's, a reader in `icapdiag.icap.dialects`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from icapdiag.icap import dialects
from icapdiag.icap.dialects import ALLOWED, GRAVITY, Claim, Reader
from icapdiag.icap.message import Headers, Response
from icapdiag.icap.product import product_of

TEXT_KEPT = 500  # characters of a header value that are kept
_MEMBERS_KEPT = 20  # of a list
_DIGITS_KEPT = 15  # so that a number is exact in any JSON reader

TEXT: Final = "text"
TEXTS: Final = "list of text"
INTEGER: Final = "integer"


class Header(NamedTuple):
    """One header. All headers with a ``kind`` are facts, and only these: a server must not be able to invent one.

    ``claim`` reads what a value says about the body; the rows are in order of weight: what was found, then why it was
    refused, then the bare word of an action. ``inner``: believed in the encapsulated response head, too; Skyhigh and
    Sophos write theirs into the head of the block page. ``shown``: where evidence names it, 1 before 7 (0: not at all).
    ``explains``: free text that goes with a verdict from elsewhere. ``pasted``: whether a line of it makes pasted text
    an ICAP response, and whether one of any other header of its family (``X-Response-…``) does. ``statuses``: the only
    ICAP statuses that it comes with, where that is known.
    """

    name: str
    kind: Literal["text", "list of text", "integer"] | None = TEXT
    claim: Reader | None = None
    inner: bool = False
    shown: int = 0
    explains: bool = False
    pasted: Literal["no", "alone", "family"] = "no"
    statuses: tuple[int, ...] = ()

    @property
    def fact(self) -> str:
        return fact_name(self.name)

    @property
    def pasted_names(self) -> str:
        """A regular expression for the names that ``pasted`` speaks of."""
        return self.name if self.pasted == "alone" else re.sub(r"^(X-\w+-).*", r"\1[\\w-]+", self.name)


def fact_name(header: str) -> str:
    """``X-Response-Desc`` → ``x_response_desc``."""
    return header.lower().replace("-", "_")


HEADERS: tuple[Header, ...] = (
    Header("ISTag", pasted="alone"),
    Header("Server"),
    Header("Service"),
    Header("Service-ID"),
    Header("Methods", TEXTS),
    Header("Preview", INTEGER),
    Header("Allow", TEXTS),
    Header("Max-Connections", INTEGER),
    Header("Options-TTL", INTEGER),
    Header("Transfer-Preview"),
    Header("Transfer-Ignore"),
    Header("Transfer-Complete"),
    Header("X-Include"),
    Header("X-Infection-Found", claim=dialects.read_infection, shown=5, inner=True, pasted="alone"),
    Header("X-Virus-ID", claim=dialects.read_virus_id, shown=6, inner=True, pasted="alone"),
    Header("X-Virus-Name", claim=dialects.read_name, shown=6, inner=True, pasted="alone"),
    Header("X-FSecure-Infection-Name", claim=dialects.read_name, shown=6, pasted="family"),
    Header("X-Violations-Found", claim=dialects.read_violations, shown=5, inner=True, pasted="alone"),
    Header("X-FSecure-Scan-Result", claim=dialects.read_fsecure_result, shown=6, pasted="family"),
    Header("X-FSecure-Infected-Filename", claim=dialects.read_presence, shown=6, pasted="family"),
    Header("X-Blocked-Reason", claim=dialects.read_block_reason, shown=3, inner=True, explains=True, pasted="family"),
    Header("X-Block-Reason", claim=dialects.read_block_reason, shown=3, inner=True, explains=True, pasted="family"),
    Header("X-MWG-Block-Reason", claim=dialects.read_block_reason, shown=3, inner=True, pasted="alone"),
    Header("X-Response-Desc", claim=dialects.read_description, shown=1, explains=True, pasted="family"),
    Header("X-Response-Description", claim=dialects.read_description, shown=1, explains=True, pasted="family"),
    Header("X-Error-Code", claim=dialects.read_error_code, shown=7, explains=True, pasted="alone", statuses=(500,)),
    Header("X-Blocked", claim=dialects.read_block_reason, shown=3, inner=True, pasted="alone"),
    Header("X-Blocked-By", claim=dialects.read_presence, shown=4, inner=True, pasted="family"),
    Header("X-Block-Result", claim=dialects.read_block_result, shown=4, inner=True, pasted="family"),
    Header("X-WWBlockResult", claim=dialects.read_block_result, shown=4, inner=True, pasted="alone"),
    Header("X-ICAPeg-Shadow-Service", claim=dialects.read_shadow, shown=7, pasted="alone"),
    Header("X-Response-Info", claim=dialects.read_info, shown=2, inner=True, pasted="family"),
    Header("X-ICAP-Profile", pasted="family"),
    Header("Connection"),
    Header("Date"),
    Header("Encapsulated", kind=None, pasted="alone"),  # says where the parts are: read by the parser
)

FACTS = tuple(header for header in HEADERS if header.kind)
SHOWN = tuple(sorted((header for header in HEADERS if header.shown), key=lambda header: header.shown))
EXPLANATIONS = tuple(header.name for header in SHOWN if header.explains)  # best first
PASTED = tuple(dict.fromkeys(header.pasted_names for header in HEADERS if header.pasted != "no"))


def header_facts(headers: Headers) -> dict[str, str | int | tuple[str, ...]]:
    """The headers that are facts, and the product that they name. Values are a stranger's text, unescaped.

    Numbers are there only where they are numbers.
    """
    facts: dict[str, str | int | tuple[str, ...]] = {}
    if (product := product_of(headers)) is not None:
        facts["product"] = product
    for row in FACTS:
        value = headers.get(row.name)
        if value is None:
            continue
        if row.kind == TEXTS:
            facts[row.fact] = tuple(token[:TEXT_KEPT] for token in headers.tokens(row.name)[:_MEMBERS_KEPT])
        elif row.kind == TEXT:
            facts[row.fact] = value[:TEXT_KEPT]
        elif value.isascii() and value.isdigit() and len(value) <= _DIGITS_KEPT:
            facts[row.fact] = int(value)
    return facts


def header_claims(response: Response) -> Iterator[Claim]:
    """The claims of all verdict headers, weightiest first.

    In the encapsulated response head only refusals count: it may be the origin's, and an origin
    must not be able to call itself clean.
    """
    http = response.http_response.headers if response.http_response else Headers()
    for row in HEADERS:
        if row.claim is None:
            continue
        claims = [row.claim(value) for value in response.headers.get_all(row.name)]
        if row.inner:
            inner = [row.claim(value) for value in http.get_all(row.name)]
            claims += [claim for claim in inner if claim and claim.verdict != ALLOWED]
        for claim in sorted(filter(None, claims), key=lambda said: GRAVITY.index(said.verdict)):
            yield claim._replace(source=row.name)
