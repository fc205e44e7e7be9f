"""Reading one input by the way that fits its container."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from icapdiag.avi.entry import LogEntry
from icapdiag.logs.answer import CLIENT, HEADERS, answers, foreign, has_answers
from icapdiag.logs.blocks import Layout, Tally, summarise_stream
from icapdiag.logs.encoding import to_text
from icapdiag.logs.fragments import is_page, page_text, passages
from icapdiag.logs.inputs import STDIN
from icapdiag.logs.lines import lines
from icapdiag.logs.locate import locate
from icapdiag.logs.notes import EXCERPT, Notes, Problem, Repair, SourceReport
from icapdiag.logs.parallel import ReadAhead, summarise_file
from icapdiag.logs.records import Found, Places
from icapdiag.logs.rescue import Rescue
from icapdiag.logs.settle import Collector, settle
from icapdiag.logs.sniff import LABELS, Container, Kind, foreign_kind, header_row, kind_of
from icapdiag.logs.streams import read_csv, read_syslog, read_text
from icapdiag.logs.values import Values, has_envelope

if TYPE_CHECKING:
    from icapdiag.logs.answer import Seen
    from icapdiag.logs.source import Source
    from icapdiag.logs.summary import Summary
    from icapdiag.model import Observation

Progress = Callable[[str, int, int | None], None]  # source, bytes of the stored file done, its size or None

NOTHING = "no log entry, no fragment of one and no ICAP answer was found in it"
BEFORE = "text before the JSON was left out"
_ANSWER_LIMIT = 16 << 20  # bytes of a file of raw answers that are read
_PROMPT = 2  # lines before the first record that are noted as a prompt or command


class SourceReader:
    """Reads one source into the summary; ``answers`` are the raw ICAP answers found."""

    def __init__(
        self, source: Source, summary: Summary, *, jobs: int | None = None, progress: Progress | None = None
    ) -> None:
        self._source = source
        self._jobs = jobs
        self._progress = progress
        self._collector = Collector(summary)

    @property
    def answers(self) -> list[Observation]:
        return self._collector.answers

    def read(self) -> SourceReport:
        """Read the source to its end. Raises nothing for what it holds."""
        source, collector = self._source, self._collector
        kind = kind_of(source.head)
        if source.encoding != "utf-8":
            collector.notes.repair(Repair(f"{source.encoding.upper()} was read", 1, 1))
        elif source.mark:
            collector.notes.repair(Repair("a byte order mark was left out", 1, 1))
        container = self._by_kind(kind)
        self._tick()
        for fault in source.faults:
            collector.notes.problem(Problem("input", fault))
        if container is Container.EMPTY and not source.faults:
            collector.notes.problem(Problem("input", "the input is empty"))
        return self._report(container)

    def _by_kind(self, kind: Kind) -> Container:
        source, collector = self._source, self._collector
        match kind:
            case Kind.EMPTY:
                container = Container.EMPTY
            case Kind.FOREIGN:
                container = self._nothing(f"it is {foreign_kind(source.head)}; unpack or convert it first")
            case Kind.CSV:
                read_csv(source, header_row(source.head), collector, self._tick)
                container = Container.CSV
            case Kind.SYSLOG:
                read_syslog(source, collector, self._tick)
                container = Container.SYSLOG
            case Kind.LINES | Kind.VALUES:
                container = self._small_json(kind) if source.whole else self._large_json(kind)
            case Kind.TEXT if not source.whole:
                container = Container.TEXT if read_text(source, collector, self._tick) else self._nothing(NOTHING)
            case _:
                container = self._text(whole=kind is Kind.ANSWER)
        return container

    # --- JSON -------------------------------------------------------------------------------------

    def _small_json(self, kind: Kind) -> Container:
        text = self._decoded(self._whole_data())
        if kind is Kind.LINES:
            self._collect(lines(text), text)
            return Container.LINES
        values = Values(text)
        single = self._collect(values, text)
        if values.envelopes:
            return Container.ENVELOPE if values.envelopes == 1 else Container.ENVELOPES
        if values.lists:
            return Container.ARRAY
        if values.objects == 1 and not values.members:
            return _single(single)
        return Container.FRAGMENT if values.members else Container.LINES

    def _collect(self, pieces: Iterable[Found], text: str) -> Found | None:
        """Take the pieces of a whole text; the last record is returned."""
        places = Places(text)
        last = None
        for piece in pieces:
            self._collector.found(piece, places, text)
            last = piece if piece.value is not None else last
        return last

    def _large_json(self, kind: Kind) -> Container:
        """By the fast path; what that can't take is handed to a `Rescue`."""
        source, collector = self._source, self._collector
        layout = Layout.LINES if kind is Kind.LINES else Layout.VALUES
        rescue = Rescue()
        summary = collector.summary
        if source.fd is not None:
            tally = summarise_file(
                source.fd, layout, summary, rescue, start=source.mark, jobs=self._jobs, progress=self._bytes_done
            )
            source.size = (source.stored_size or 0) - source.mark
        elif source.compressed:
            with ReadAhead(source.readinto) as ahead:
                tally = summarise_stream(
                    ahead.readinto, layout, summary, rescue, offset=source.mark, progress=self._tick_at
                )
        else:
            tally = summarise_stream(
                source.readinto, layout, summary, rescue, offset=source.mark, progress=self._tick_at
            )
        self._count(tally, rescue)
        head = source.head.lstrip()
        if kind is Kind.LINES or head.startswith(b"["):
            return Container.LINES if kind is Kind.LINES else Container.ARRAY
        return Container.ENVELOPE if has_envelope(head[:4096].decode("utf-8", "replace")) else Container.LINES

    def _count(self, tally: Tally, rescue: Rescue) -> None:
        collector, counts = self._collector, self._collector.counts
        counts.read += tally.read + rescue.extra.read
        counts.skipped += tally.skipped + rescue.extra.skipped
        counts.unreadable += tally.unreadable + rescue.extra.unreadable
        collector.summary.add_all(rescue.entries)
        if tally.truncated:
            rescue.notes.repair(Repair("the text ends inside its list or its last record", offset=tally.end_offset))
        collector.notes.merge(self._with_places(rescue.notes))

    def _with_places(self, notes: Notes) -> Notes:
        """Byte offsets as lines and columns, where the input can be read again."""
        noted = [*(note.offset for note in notes.repairs), *(note.offset for note in notes.problems)]
        offsets = {offset for offset in noted if offset is not None}
        if not offsets or self._source.name == STDIN or self._source.stored_size is None:
            return notes
        places = locate(self._source.name, offsets, mark=self._source.mark)
        for index, repair in enumerate(notes.repairs):
            line, column = places.get(repair.offset or 0, (None, None))
            notes.repairs[index] = replace(repair, line=line, column=column)
        for index, problem in enumerate(notes.problems):
            line, column = places.get(problem.offset or 0, (None, None))
            notes.problems[index] = replace(problem, line=line, column=column)
        return notes

    # --- text -------------------------------------------------------------------------------------

    def _text(self, *, whole: bool) -> Container:
        """A text that may hold anything. ``whole``: it begins with an ICAP answer, so its bodies are no log."""
        data = self._whole_data()
        seen = list(answers(data)) if has_answers(data) else []
        pieces: list[Found] = []
        text = ""
        if not whole:
            text = self._decoded(data)
            if is_page(text):
                text = page_text(text)
                self._collector.notes.repair(Repair("the markup of a web page was left out", 1, 1))
            pieces = [piece for piece in passages(text) if not _inside(piece, seen, text)]
        if not seen and all(piece.value is None for piece in pieces):
            seen = list(answers(data, headers=True))
        if not seen and not any(piece.value is not None or piece.reason for piece in pieces):
            return self._stranger(data)
        self._note_prompt(pieces, text)
        last = self._collect(pieces, text)
        for answer in seen:
            self._collector.answer(answer.observation)
        return _text_container(seen, [piece for piece in pieces if piece.value is not None], last, text)

    def _note_prompt(self, pieces: list[Found], text: str) -> None:
        """A line or two before the first record are a prompt and a command: worth a note."""
        first = next((piece for piece in pieces if piece.value is not None), None)
        before = text[: first.start] if first else ""
        if before.strip() and before.strip().count("\n") < _PROMPT and before.endswith(("\n", " ", "\t")):
            kept = [piece for piece in pieces if piece.value is not None or piece.reason]
            pieces[:] = [Found(start=0, end=len(before), repairs=((BEFORE, 0),)), *kept]

    def _stranger(self, data: bytes) -> Container:
        observation = foreign(data)
        if observation is None:
            return self._nothing(NOTHING)
        self._collector.answer(observation)
        return Container.ANSWER

    def _nothing(self, why: str) -> Container:
        """An input without anything of ours counts as one record that can't be read."""
        excerpt = self._source.head[: EXCERPT * 4].decode("utf-8", "replace")[:EXCERPT]
        self._collector.refuse("unreadable", why, 1, 1, excerpt)
        return Container.UNKNOWN

    # --- the source -------------------------------------------------------------------------------

    def _decoded(self, data: bytes) -> str:
        text, stray = to_text(data)
        if stray is not None:
            line, column = Places(text).of(stray)
            self._collector.notes.repair(Repair("bytes that are no UTF-8 were read as Windows-1252", line, column))
        return text

    def _whole_data(self) -> bytes:
        """All bytes, up to the limit of a file of answers; what lies beyond is noted."""
        pieces: list[bytes] = []
        size = 0
        while size < _ANSWER_LIMIT and (piece := self._source.read(_ANSWER_LIMIT - size)):
            pieces.append(piece)
            size += len(piece)
        if self._source.read(1):
            self._collector.notes.problem(
                Problem("input", f"only the first {_ANSWER_LIMIT >> 20} MiB were read", offset=_ANSWER_LIMIT)
            )
        return b"".join(pieces)

    def _tick(self) -> None:
        if self._progress is not None:
            self._progress(self._source.name, self._source.stored_done, self._source.stored_size)

    def _tick_at(self, _done: int) -> None:
        self._tick()

    def _bytes_done(self, done: int) -> None:
        self._source.stored_done = done
        self._tick()

    def _report(self, container: Container) -> SourceReport:
        counts, notes = self._collector.counts, self._collector.notes
        return SourceReport(
            name=self._source.name,
            container=container.value,
            label=LABELS[container],
            compressed=self._source.compressed,
            bytes=self._source.size,
            total=counts.total,
            read=counts.read,
            skipped=counts.skipped,
            unreadable=counts.unreadable,
            repairs=tuple(notes.repairs),
            repairs_total=notes.repairs_total,
            problems=tuple(notes.problems),
            problems_total=notes.problems_total,
        )


def _single(found: Found | None) -> Container:
    keys = set(found.value or ()) if found else set()
    if keys == {"icap_log"}:
        return Container.FRAGMENT
    if keys & {"request_logs", "action"} and "report_timestamp" not in keys:
        return Container.ICAP_LOG
    return Container.ANSWER if "protocol" in keys else Container.ENTRY


def _inside(piece: Found, seen: list[Seen], text: str) -> bool:
    """Whether an object that is no log's lies in the body of an answer."""
    if not seen or (piece.value is not None and isinstance(settle(piece.value), LogEntry)):
        return False
    at = len(text[: piece.start].encode("utf-8", "replace"))
    return any(answer.start <= at < answer.end for answer in seen)


def _text_container(seen: list[Seen], records: list[Found], last: Found | None, text: str) -> Container:
    if not records:
        forms = {answer.form for answer in seen}
        if len(forms) > 1:
            return Container.TEXT
        return {CLIENT: Container.CLIENT, HEADERS: Container.HEADERS}.get(next(iter(forms), ""), Container.ANSWER)
    if len(records) == 1 and not seen and last is not None and not text[: last.start].strip():
        return _single(last) if text[last.start : last.start + 1] == "{" else Container.FRAGMENT
    return Container.TEXT
