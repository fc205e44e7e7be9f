"""Log entries and pieces of them in a text of any kind: a ticket, a mail, a web page, a shell session."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from icapdiag.logs.containers.interpret import REQUEST_KEYS, listing
from icapdiag.logs.damage.plain import QUOTE
from icapdiag.logs.damage.records import Found, expand, read_members, read_object

# Keys with which a piece of an entry, or a whole one, may begin whose brace was left behind.
_KNOWN = (
    *("icap_log", "request_logs", "report_timestamp", "virtualservice", "vs_name", "service_engine"),
    *("significant_log", "significance", "adf", "log_id", "client_ip", "request_id", "response_code"),
)
_MEMBER = rf"{QUOTE}(?:{'|'.join([*_KNOWN, *REQUEST_KEYS])}){QUOTE}\s*:|{QUOTE}action{QUOTE}\s*:\s*{QUOTE}ICAP_[A-Z]"
_STARTS_MEMBER = re.compile(_MEMBER)
_START = re.compile(rf"\{{[\s>]*(?:{QUOTE}|[A-Za-z_]\w*{QUOTE}?\s*:)|{_MEMBER}")
_MARK = re.compile(rf"{_MEMBER}|ICAP_[A-Z]{{4}}")  # in an object that may hold something of ours
_TAGS = re.compile(r"</?[A-Za-z!][^<>]{0,500}>")
_CODE = re.compile(r"<(script|style)\b", re.IGNORECASE)
_NEWLINES = re.compile(r"[^\n]+")
_PAGE = re.compile(r"\s*<(?:!doctype|html|head|body|\?xml)|&quot;(?:icap_log|action)&quot;", re.IGNORECASE)

BESIDE = "text before the JSON was left out"


def starts_member(text: str, at: int) -> bool:
    """Whether a member of an entry begins at ``at``."""
    return _STARTS_MEMBER.match(text, at) is not None


def is_page(text: str) -> bool:
    """Whether the text is a web page, or its source: then `page_text` has to come first."""
    return _PAGE.search(text[:4096]) is not None


def page_text(text: str) -> str:
    """What a web page shows, every line on its own line still."""
    return html.unescape(_TAGS.sub(_line_ends, _without_code(text)))


def _line_ends(found: re.Match[str]) -> str:
    return _NEWLINES.sub("", found[0])


def _without_code(text: str) -> str:
    """The text without scripts and style sheets; one that does not end stays."""
    lower = text.lower()
    pieces: list[str] = []
    at = 0
    while found := _CODE.search(text, at):
        end = lower.find(f"</{found[1].lower()}", found.end())
        if end < 0:
            break
        pieces += [text[at : found.start()], _NEWLINES.sub("", text[found.start() : end])]
        at = end
    return "".join([*pieces, text[at:]])


def passages(text: str) -> Iterator[Found]:
    """Every object and every run of members that may be of a log; the prose between them counts for nothing."""
    at = 0
    while start := _START.search(text, at):
        begin = start.start()
        bare = text[begin] != "{"
        found = read_members(text, begin) if bare else read_object(text, begin)
        if found is None:
            if bare:
                yield Found(start=begin, end=start.end(), reason="a piece of an entry that can't be read")
            at = start.end()
            continue
        line = max(at, text.rfind("\n", 0, begin) + 1)
        at = max(found.end, begin + 1)
        ours = bare or _MARK.search(text, begin, at) is not None
        if ours or len(found.value or ()) > 1:
            if ours and text[line:begin].strip("> \t\r,"):
                yield Found(start=line, end=begin, repairs=((BESIDE, line),))
            records = listing(found.value or {})
            if records is None:
                yield found
            else:
                yield from expand(found, records)
