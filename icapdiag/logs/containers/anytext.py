"""A short text of any kind: pieces of logs, raw ICAP answers, or neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icapdiag.avi.entry import LogEntry
from icapdiag.logs.containers.answer import CLIENT, HEADERS, answers, foreign, has_answers
from icapdiag.logs.containers.fragments import is_page, page_text, passages
from icapdiag.logs.containers.settle import Collector, collect, settle
from icapdiag.logs.containers.sniff import Container, container_of_object
from icapdiag.logs.damage.records import Found, Places
from icapdiag.logs.notes import Repair

if TYPE_CHECKING:
    from icapdiag.logs.containers.answer import Seen

MARKUP = "the markup of a web page was left out"
BEFORE = "text before the JSON was left out"
_PROMPT = 2  # lines before the first record that are noted as a prompt and a command


def read_any_text(data: bytes, text: str, collector: Collector, *, logs: bool) -> Container | None:
    """Take what there is in the text (``data``: its bytes); None if there is nothing.

    ``logs`` is False where the text begins with an ICAP answer: what its bodies hold is no log.
    """
    seen = collector.take_answers(answers(data)) if has_answers(data) else []
    pieces: list[Found] = []
    if logs:
        if is_page(text):
            text = page_text(text)
            collector.notes.repair(Repair(MARKUP, 1, 1))
        pieces = [piece for piece in passages(text) if not _inside(piece, seen, text)]
    if not seen and all(piece.value is None for piece in pieces):
        seen = collector.take_answers(answers(data, headers=True))
    if not seen and not any(piece.value is not None or piece.reason for piece in pieces):
        stranger = foreign(data)
        if stranger is None:
            return None
        collector.answer(stranger)
        return Container.ANSWER
    _note_prompt(pieces, text)
    last = collect(pieces, text, Places(text), collector)
    return _container(seen, sum(piece.value is not None for piece in pieces), last, text)


def _note_prompt(pieces: list[Found], text: str) -> None:
    """A line or two before the first record are a prompt and a command: worth a note."""
    first = next((piece for piece in pieces if piece.value is not None), None)
    before = text[: first.start] if first else ""
    if before.strip() and before.strip().count("\n") < _PROMPT and before.endswith(("\n", " ", "\t")):
        kept = [piece for piece in pieces if piece.value is not None or piece.reason]
        pieces[:] = [Found(start=0, end=len(before), repairs=((BEFORE, 0),)), *kept]


def _inside(piece: Found, seen: list[Seen], text: str) -> bool:
    """Whether an object that is no log's lies in the body of an answer."""
    if not seen or (piece.value is not None and isinstance(settle(piece.value), LogEntry)):
        return False
    at = len(text[: piece.start].encode("utf-8", "replace"))
    return any(answer.start <= at < answer.end for answer in seen)


def _container(seen: list[Seen], records: int, last: Found | None, text: str) -> Container:
    if not records:
        forms = {answer.form for answer in seen}
        if len(forms) > 1:
            return Container.TEXT
        return {CLIENT: Container.CLIENT, HEADERS: Container.HEADERS}.get(next(iter(forms), ""), Container.ANSWER)
    if records == 1 and not seen and last is not None and not text[: last.start].strip():
        return container_of_object(last.value) if text[last.start] == "{" else Container.FRAGMENT
    return Container.TEXT
