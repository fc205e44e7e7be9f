"""The header string that Avi keeps of an ICAP answer, read and judged once for all answers that say the same."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

from icapdiag.icap.header_table import HEADERS, header_facts
from icapdiag.icap.message import Headers, HttpHead, ProtocolError, Response
from icapdiag.icap.response import ResponseReader
from icapdiag.icap.verdict import Judgement, judge

CACHE_KEPT = 4096
DATE_LINE = len(
    "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
)  # characters, in the form of RFC 9110 5.6.7; some write another

# Differ from answer to answer and decide nothing; Encapsulated does, apart from its offsets.
_PASSING = {"date", "istag", "connection"}
_KEPT = {header.name.lower() for header in HEADERS} - _PASSING
_VIOLATIONS = "x-violations-found"
_OFFSET = re.compile(r"=\s*[1-9][0-9]*")
_NO_CONTENT = HttpHead("", Headers(), b"")


class Situation(NamedTuple):
    """What the log says beside the headers, as far as the verdict hangs on it."""

    status: int | None  # ICAP
    http_status: int | None  # what came back inside
    method: str | None  # REQMOD or RESPMOD
    modified: bool  # Avi took the returned request


class Answer:
    """Header text with what it means. Compared by identity: one object stands for one text."""

    __slots__ = ("_judgements", "_response", "facts")

    def __init__(self, text: str) -> None:
        self._response = _read(text)
        self._judgements: dict[Situation, Judgement] = {}
        self.facts = header_facts(self._response.headers)
        self.facts.pop("date", None)

    def judgement(self, situation: Situation) -> Judgement:
        """What the server decided, by the same rules as for a live answer."""
        found = self._judgements.get(situation)
        if found is None:
            found = self._judgements[situation] = self._judge(situation)
        return found

    def _judge(self, situation: Situation) -> Judgement:
        response = replace(self._response, status=200 if situation.status is None else situation.status, complete=True)
        if situation.http_status is not None:
            head = HttpHead(f"HTTP/1.1 {situation.http_status}", Headers(), b"")
            response = replace(response, http_response=head)
        elif situation.modified:
            response = replace(response, http_request=_NO_CONTENT)
        return judge(response, method=situation.method)


def _read(text: str) -> Response:
    """The text through the reader of live answers. A cut end is no mistake here: the log keeps a part only."""
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
    return replace(response, reason="")


class AnswerCache:
    """Header texts → `Answer`; the ``Date`` line, ISTag and offsets make no difference.

    ``by_text`` is for callers in a hurry: the text without its Date line, if that comes first
    (as `key` gives it), to the answer. Both caches start anew when they are full.
    """

    def __init__(self) -> None:
        self.by_text: dict[str, Answer] = {}
        self._by_content: dict[str, Answer] = {}

    @staticmethod
    def key(text: str) -> str:
        """The text without a first line that is a date."""
        if not text.startswith("Date:"):
            return text
        return text[DATE_LINE:] if text[DATE_LINE - 1 : DATE_LINE] == "\n" else text.partition("\n")[2]

    def find(self, text: str) -> Answer:
        """The answer for a header text as logged."""
        key = self.key(text)
        found = self.by_text.get(key)
        if found is None:
            found = self._find_content(text)
            if len(self.by_text) >= CACHE_KEPT:
                self.by_text.clear()
            self.by_text[key] = found
        return found

    def _find_content(self, text: str) -> Answer:
        content = essence(text)
        found = self._by_content.get(content)
        if found is None:
            if len(self._by_content) >= CACHE_KEPT:
                self._by_content.clear()
            found = self._by_content[content] = Answer(text)
        return found


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
        elif name in _KEPT or (name == "istag" and "encapsulated" in value.lower()):
            kept.append(line)
    return "\n".join(kept)
