"""Log entries, pieces of them and raw ICAP responses in a text of any kind: a ticket, a mail, a web page, a shell."""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterator
from contextlib import suppress

from msgspec.structs import replace

from icapdiag.avi.entry import LogEntry
from icapdiag.doubled import Ambiguous
from icapdiag.logs.containers.answers import CLIENT, HEADERS, FoundAnswer, answers, foreign, has_answers
from icapdiag.logs.containers.classify import STARTS_MEMBER, classify, records_in
from icapdiag.logs.containers.collector import ANSWERS_KEPT, RECORD_LIMIT, Collector, collect
from icapdiag.logs.containers.foreign import reason_of
from icapdiag.logs.containers.sniff import Container, container_of_object
from icapdiag.logs.damage.beginnings import NONE, NextBeginning, indent_of
from icapdiag.logs.damage.records import Places, read_damaged, read_strict
from icapdiag.logs.damage.recovery import Found, read_members
from icapdiag.logs.damage.tokens import QUOTE, is_hard_wrapped
from icapdiag.logs.notes import Repair
from icapdiag.logs.opening.source import STRAY, Source, Tick

_START = re.compile(rf"\{{[\s>]*(?:{QUOTE}|[A-Za-z_]\w*{QUOTE}?\s*:)|{STARTS_MEMBER.pattern}")
_MARK = re.compile(rf"{STARTS_MEMBER.pattern}|ICAP_[A-Z]{{4}}")  # in an object that may hold something of ours
_TAGS = re.compile(r"</?[A-Za-z!][^<>]{0,500}>")
_CODE = re.compile(r"<(script|style)\b", re.IGNORECASE)
_NEWLINES = re.compile(r"[^\n]+")
_PAGE = re.compile(r"<(?:!doctype|html|head|body|\?xml)|&quot;(?:icap_log|action)&quot;", re.IGNORECASE)

BESIDE = "text before the JSON was left out"
MARKUP = "web page markup was left out"
_PROMPT = 2  # lines before the first record that are noted as a prompt and a command
_WINDOW = 1 << 20  # characters of a long text that are looked at together


def is_page(text: str) -> bool:
    """Whether the text is a web page, or its source: then `page_text` has to come first."""
    return _PAGE.search(text[:4096]) is not None


def page_text(text: str) -> str:
    """The text of a web page, with its lines kept."""
    return html.unescape(_TAGS.sub(lambda tag: _NEWLINES.sub("", tag[0]), _without_code(text)))


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
    beginnings = NextBeginning(text)
    while start := _START.search(text, at):
        begin = start.start()
        bare = text[begin] != "{"
        found = read_members(text, begin) if bare else _object(text, begin, beginnings)
        if found is None:
            if bare:
                yield Found(start=begin, end=start.end(), reason="a fragment of an entry that can't be read")
            at = start.end()
            continue
        line = max(at, text.rfind("\n", 0, begin) + 1)
        at = max(found.end, begin + 1)
        ours = bare or _MARK.search(text, begin, at) is not None
        if ours or len(found.value or ()) > 1:
            if ours and text[line:begin].strip("> \t\r,"):
                yield Found(start=line, end=begin, repairs=((BESIDE, line),))
            yield from records_in(found) or (found,)


def _object(text: str, begin: int, beginnings: NextBeginning) -> Found | None:
    """The object at ``begin``; a damaged one ends before the line that begins the next, unless it is broken."""
    found = read_strict(text, begin)
    if found is not None:
        return found
    indent = indent_of(text, begin)
    stop = beginnings.behind(begin, indent)
    if stop != NONE and is_hard_wrapped(text, stop - 1):
        stop = NONE
    found = read_damaged(text, begin, None if stop == NONE else stop)
    return found if found is None or stop == NONE else replace(found, open_end=False)


def read_any_text(data: bytes, text: str, collector: Collector, *, logs: bool) -> Container | None:
    """Take what there is in the text (``data``: its bytes); None if there is nothing.

    ``logs`` is False where the text begins with an ICAP response: its bodies are not logs.
    """
    answered = collector.take_answers(answers(data)) if has_answers(data) else []
    pieces: list[Found] = []
    if logs:
        if is_page(text):
            text = page_text(text)
            collector.notes.repair(Repair(MARKUP, 1, 1))
        pieces = [piece for piece in passages(text) if not _inside(piece, answered, text)]
    if not answered and all(piece.value is None for piece in pieces):
        answered = collector.take_answers(answers(data, headers=True))
    if not answered and not any(piece.value is not None or piece.reason for piece in pieces):
        if reason := reason_of(data):
            collector.refuse("unreadable", reason, (None, None, None), "")
            return Container.UNKNOWN
        stranger = foreign(data)
        if stranger is None:
            return None
        collector.answer(stranger)
        return Container.ANSWER
    _note_prompt(pieces, text)
    last = collect(pieces, text, Places(text), collector, whole=True)
    return _container(answered, sum(piece.value is not None for piece in pieces), last, text)


def _note_prompt(pieces: list[Found], text: str) -> None:
    """A line or two before the first record are a prompt and a command: worth a note."""
    first = next((piece for piece in pieces if piece.value is not None), None)
    before = text[: first.start] if first else ""
    if before.strip() and before.strip().count("\n") < _PROMPT and before.endswith(("\n", " ", "\t")):
        kept = [piece for piece in pieces if piece.value is not None or piece.reason]
        pieces[:] = [Found(start=0, end=len(before), repairs=((BESIDE, 0),)), *kept]


def _inside(piece: Found, answered: list[FoundAnswer], text: str) -> bool:
    """Whether an object that is not from a log is in the body of a response."""
    with suppress(Ambiguous):
        if not answered or (piece.value is not None and isinstance(classify(piece.value), LogEntry)):
            return False
    at = len(text[: piece.start].encode("utf-8", "replace"))
    return any(answer.start <= at < answer.end for answer in answered)


def _container(answered: list[FoundAnswer], records: int, last: Found | None, text: str) -> Container:
    if not records:
        forms = {answer.form for answer in answered}
        if len(forms) > 1:
            return Container.TEXT
        return {CLIENT: Container.CLIENT, HEADERS: Container.HEADERS}.get(next(iter(forms), ""), Container.ANSWER)
    if records == 1 and not answered and last is not None and not text[: last.start].strip():
        return container_of_object(last.value) if text[last.start] == "{" else Container.FRAGMENT
    return Container.TEXT


def read_text(source: Source, collector: Collector, tick: Tick) -> bool:
    """A long text of any kind, for the entries and answers in it. Returns whether there was anything."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors=STRAY)
    window = tail = ""
    anything = page = ended = False
    line = 1  # on which the window begins
    while not ended:
        wanted = max(_WINDOW, len(window))
        while len(tail) < wanted and not ended:
            data = source.read(_WINDOW) or b""
            ended = not data
            tail += decoder.decode(data, final=ended)
        cut = len(tail) if ended else (tail.rfind("\n") + 1 or len(tail))
        fresh, tail = tail[:cut], tail[cut:]
        page = page or (not window and line == 1 and is_page(fresh))
        window += page_text(fresh) if page else fresh
        final = ended or len(window) >= RECORD_LIMIT
        before = collector.tally.total
        done = _read_window(window, line, collector, final=final)
        anything = anything or collector.tally.total > before
        line += window.count("\n", 0, done)
        window = window[done:]
        tick()
    if page:
        collector.notes.repair(Repair(MARKUP, 1, 1))
    return anything


def _read_window(window: str, line: int, collector: Collector, *, final: bool) -> int:
    """Take what is in a stretch up to the index returned: a record without its end comes again, unless ``final``."""
    places = Places(window, line)
    done = len(window)
    for found in passages(window):
        if found.open_end and not final:
            done = found.start
            break
        collector.found(found, places, window)
    data = window[:done].encode("utf-8", "replace")
    if has_answers(data) and len(collector.answers) < ANSWERS_KEPT:
        collector.take_answers(answers(data))
    return done
