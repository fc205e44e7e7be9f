"""Reading one input by the way that fits its container."""

# ruff: noqa: PLC0415 - each way is imported when it is taken: a small log must be read at once

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from icapdiag.logs.containers.lines import lines
from icapdiag.logs.containers.settle import Collector, collect
from icapdiag.logs.containers.sniff import (
    LABELS,
    Container,
    Kind,
    container_of_object,
    foreign_kind,
    header_row,
    kind_of,
)
from icapdiag.logs.damage.records import Places
from icapdiag.logs.notes import EXCERPT, Problem, Repair, SourceReport
from icapdiag.logs.opening.encoding import to_text

if TYPE_CHECKING:
    from icapdiag.logs.counting.summary import Summary
    from icapdiag.logs.opening.source import Source
    from icapdiag.model import Observation

Progress = Callable[[str, int, int | None], None]  # source, bytes of the stored file done, its size or None
Stop = Callable[[], bool]  # whether reading is to end where it is

NOTHING = "no log entry, no fragment of one and no ICAP answer was found in it"
_ANSWER_LIMIT = 16 << 20  # bytes of a file of raw answers that are read


class SourceReader:
    """Reads one source into the summary; ``answers`` are the raw ICAP answers found."""

    def __init__(
        self,
        source: Source,
        summary: Summary,
        *,
        jobs: int | None = None,
        progress: Progress | None = None,
        stop: Stop | None = None,
    ) -> None:
        self._source = source
        self._jobs = jobs
        self._progress = progress
        self._stop = stop
        self._collector = Collector(summary)

    @property
    def answers(self) -> list[Observation]:
        return self._collector.answers

    def read(self) -> SourceReport:
        """Read the source to its end. Raises nothing for what it holds."""
        source, collector = self._source, self._collector
        kind = kind_of(source.head)
        if kind is Kind.EMPTY and not source.whole:  # a mebibyte of blanks, and something behind it
            kind = Kind.VALUES
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
                from icapdiag.logs.containers.streams import read_csv

                read_csv(source, header_row(source.head), collector, self._tick)
                container = Container.CSV
            case Kind.SYSLOG:
                from icapdiag.logs.containers.streams import read_syslog

                read_syslog(source, collector, self._tick)
                container = Container.SYSLOG
            case Kind.LINES | Kind.VALUES:
                container = self._small_json(kind) if source.whole else self._large_json(kind)
            case Kind.TEXT if not source.whole:
                from icapdiag.logs.containers.streams import read_text

                container = Container.TEXT if read_text(source, collector, self._tick) else self._nothing(NOTHING)
            case _:
                container = self._text(logs=kind is not Kind.ANSWER)
        return container

    def _small_json(self, kind: Kind) -> Container:
        text = self._decoded(self._whole_data())
        places = Places(text)
        if kind is Kind.LINES:
            collect(lines(text), text, places, self._collector)
            return Container.LINES
        from icapdiag.logs.containers.values import Values

        values = Values(text)
        last = collect(values, text, places, self._collector)
        if values.envelopes:
            return Container.ENVELOPE if values.envelopes == 1 else Container.ENVELOPES
        if values.lists:
            return Container.ARRAY
        if values.objects == 1 and not values.members:
            return container_of_object(last.value if last else None)
        return Container.FRAGMENT if values.members else Container.LINES

    def _large_json(self, kind: Kind) -> Container:
        from icapdiag.logs.fast.large import read_large

        return read_large(self._source, kind, self._collector, self._tick, jobs=self._jobs, stop=self._stop)

    def _text(self, *, logs: bool) -> Container:
        from icapdiag.logs.containers.anytext import read_any_text

        data = self._whole_data()
        return read_any_text(data, self._decoded(data), self._collector, logs=logs) or self._nothing(NOTHING)

    def _nothing(self, why: str) -> Container:
        """An input without anything of ours counts as one record that can't be read."""
        excerpt = self._source.head[: EXCERPT * 4].decode("utf-8", "replace")[:EXCERPT]
        self._collector.refuse("unreadable", why, 1, 1, excerpt)
        return Container.UNKNOWN

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

    def _report(self, container: Container) -> SourceReport:
        counts, notes = self._collector.counts, self._collector.notes
        return SourceReport(
            name=self._source.name,
            container=container.value,
            label=LABELS[container],
            compressed=self._source.compressed,
            bytes=max(self._source.size, len(self._source.head)),
            total=counts.total,
            read=counts.read,
            skipped=counts.skipped,
            unreadable=counts.unreadable,
            repairs=tuple(notes.repairs),
            repairs_total=notes.repairs_total,
            problems=tuple(notes.problems),
            problems_total=notes.problems_total,
        )
