"""Header fields of an ICAP answer as facts: one list for live answers and for those kept in a log."""

from __future__ import annotations

from icapdiag.icap.message import Headers

TEXT_KEPT = 500  # characters of a header value that are kept

# Only these become facts: a server must not be able to invent a field of ours.
TEXT_HEADERS = (
    "ISTag", "Server", "Service", "Service-ID", "Transfer-Preview", "Transfer-Ignore", "Transfer-Complete",
    "X-Include", "X-Response-Info", "X-Response-Desc", "X-Response-Description", "X-Blocked-Reason",
    "X-Block-Reason", "X-Block-Result", "X-Infection-Found", "X-Violations-Found", "X-Virus-ID", "X-Virus-Name",
    "X-ICAP-Profile", "X-FSecure-Scan-Result", "X-FSecure-Infection-Name", "X-Error-Code", "Connection", "Date",
)  # fmt: skip
LIST_HEADERS = ("Methods", "Allow")
NUMBER_HEADERS = ("Preview", "Max-Connections", "Options-TTL")


def fact_name(header: str) -> str:
    """``X-Response-Desc`` → ``x_response_desc``."""
    return header.lower().replace("-", "_")


def header_facts(headers: Headers) -> dict[str, str | int | list[str]]:
    """The documented headers; numbers only where they are numbers. Values are a stranger's text, unescaped."""
    facts: dict[str, str | int | list[str]] = {}
    for name in TEXT_HEADERS:
        value = headers.get(name)
        if value is not None:
            facts[fact_name(name)] = value[:TEXT_KEPT]
    for name in LIST_HEADERS:
        if name in headers:
            facts[fact_name(name)] = [token[:TEXT_KEPT] for token in headers.tokens(name)[:20]]
    for name in NUMBER_HEADERS:
        value = headers.get(name)
        if value is not None and value.isascii() and value.isdigit() and len(value) <= 15:
            facts[fact_name(name)] = int(value)
    return facts
