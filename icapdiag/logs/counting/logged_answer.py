"""The headers that Avi keeps of an ICAP response, read and judged once for all answers that say the same."""

from __future__ import annotations

import re

from icapdiag.icap.header_table import HEADERS, header_facts
from icapdiag.icap.message import Headers, HttpHead, ProtocolError, Response
from icapdiag.icap.product import NO_ENGINE
from icapdiag.icap.response import ResponseReader
from icapdiag.icap.verdict import Judgement, judge

CACHE_KEPT = 4096
DATE_LINE = len("Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n")  # in the form of RFC 9110 5.6.7; some write another

# Differ from answer to answer and decide nothing; Encapsulated does, apart from its offsets.
_PASSING = {"date", "istag", "connection"}
_KEPT = {header.name.lower() for header in HEADERS} - _PASSING
_VIOLATIONS = "x-violations-found"
_OFFSET = re.compile(r"=\s*[1-9][0-9]*")
_NO_CONTENT = HttpHead("", Headers(), b"")


class LoggedAnswer:
    """Header text with what it means. Compared by identity: one object stands for one text."""

    __slots__ = ("_judgements", "_response", "facts")

    def __init__(self, text: str) -> None:
        self._response = _read(text)
        self._judgements: dict[object, Judgement] = {}
        self.facts = header_facts(self._response.headers)
        self.facts.pop("date", None)

    def judgement(self, status: int | None, http_status: int | None, method: str, *, modified: bool) -> Judgement:
        """What the server decided, by the same rules as for a live answer; ``modified``: Avi took the returned request.

        ``http_status`` is of what came back inside.
        """
        situation = (status, http_status, method, modified)
        if situation not in self._judgements:
            response = self._response._replace(status=200 if status is None else status, complete=True)
            if http_status is not None:
                response = response._replace(http_response=HttpHead(f"HTTP/1.1 {http_status}", Headers(), b""))
            elif modified:
                response = response._replace(http_request=_NO_CONTENT)
            self._judgements[situation] = judge(response, method=method)
        return self._judgements[situation]


def _read(text: str) -> Response:
    """The text through the reader of live answers. A cut end is not an error here: the log keeps only a part."""
    if "\n" not in text and "\\n" in text:  # escaped twice on its way
        text = text.replace("\\r\\n", "\r\n").replace("\\n", "\n")
    data = f"ICAP/1.0 200 OK\r\n{text.strip()}\r\n\r\n".encode("latin-1", "replace")
    reader = ResponseReader(method="REQMOD")
    response: Response | None
    try:
        response = reader.feed(data) or reader.salvage()
    except ProtocolError as error:
        response = error.response or reader.head
    if response is None:
        response = Response(version="ICAP/1.0", status=200, reason="", headers=Headers())
    return response._replace(reason="")


class HeaderCache:
    """Header texts → `LoggedAnswer`; the ``Date`` line, offsets and usually the ISTag are ignored.

    ``by_text`` is for speed: the text without its Date line, if that comes first, to the answer.
    Both caches start anew when they are full.
    """

    def __init__(self) -> None:
        self.by_text: dict[str, LoggedAnswer] = {}
        self._by_content: dict[str, LoggedAnswer] = {}

    def find(self, text: str) -> LoggedAnswer:
        """The answer for a header text as logged."""
        key = text
        if text.startswith("Date:"):
            key = text[DATE_LINE:] if text[DATE_LINE - 1 : DATE_LINE] == "\n" else text.partition("\n")[2]
        if key not in self.by_text:
            content = essence(text)
            if content not in self._by_content:
                if len(self._by_content) >= CACHE_KEPT:
                    self._by_content.clear()
                self._by_content[content] = LoggedAnswer(text)
            if len(self.by_text) >= CACHE_KEPT:
                self.by_text.clear()
            self.by_text[key] = self._by_content[content]
        return self.by_text[key]


def essence(text: str) -> str:
    """The lines that say something, without what differs from one answer to the next.

    Of X-Violations-Found's details, four lines each, the first is the name of a file
    (draft-stecher-icap-subid-00, 4.7) and decides nothing.
    """
    kept: list[str] = []
    name = ""
    details = 0
    for line in text.split("\n"):
        head, colon, value = line.partition(":")
        folded = line[:1] in {" ", "\t"} or not colon
        if not folded:
            name = head.strip().lower()
            details = 0
        if name == "encapsulated":
            kept.append(_OFFSET.sub("=1", line))
        elif name == _VIOLATIONS and folded:
            kept.append(line if details % 4 else "\tfile")
            details += 1
        elif name in _KEPT or (name == "istag" and (NO_ENGINE in value or "encapsulated" in value.lower())):
            kept.append(line)
    return "\n".join(kept)


NO_HEADERS = LoggedAnswer("")
