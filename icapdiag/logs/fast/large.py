"""JSON of any size by the fast path; what that can't take is handed to a `Rescue`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from icapdiag.logs.containers.sniff import Container, Kind
from icapdiag.logs.containers.values import has_envelope
from icapdiag.logs.fast.blocks import Layout, Tally, summarise_stream
from icapdiag.logs.fast.parallel import ReadAhead, summarise_file
from icapdiag.logs.fast.rescue import Rescue
from icapdiag.logs.locate import locate
from icapdiag.logs.notes import Notes, Repair

if TYPE_CHECKING:
    from icapdiag.logs.containers.settle import Collector
    from icapdiag.logs.opening.source import Source

Stop = Callable[[], bool]
Tick = Callable[[], None]


def read_large(
    source: Source, kind: Kind, collector: Collector, tick: Tick, *, jobs: int | None, stop: Stop | None
) -> Container:
    """Read JSON Lines or any other JSON to its end. ``jobs``: processes, None chooses by size."""
    rescue = Rescue()
    tally = _summarise(source, kind, collector, rescue, tick, jobs=jobs, stop=stop)
    counts = collector.counts
    counts.read += tally.read + rescue.extra.read
    counts.skipped += tally.skipped + rescue.extra.skipped
    counts.unreadable += tally.unreadable + rescue.extra.unreadable
    collector.summary.add_all(rescue.entries)
    if tally.truncated and not (stop is not None and stop()):
        rescue.notes.repair(Repair("the text ends inside its list or its last record", offset=tally.end_offset))
    collector.notes.merge(_with_places(rescue.notes, source))
    return _container(kind, source.head.lstrip())


def _summarise(
    source: Source,
    kind: Kind,
    collector: Collector,
    rescue: Rescue,
    tick: Tick,
    *,
    jobs: int | None,
    stop: Stop | None,
) -> Tally:
    layout = Layout.LINES if kind is Kind.LINES else Layout.VALUES

    def stream_moved(_offset: int) -> None:
        tick()

    def file_moved(offset: int) -> None:
        source.stored_done = offset
        tick()

    summary, mark = collector.summary, source.mark
    if source.fd is not None:
        source.size = (source.stored_size or 0) - mark
        return summarise_file(source.fd, layout, summary, rescue, start=mark, jobs=jobs, progress=file_moved, stop=stop)
    if source.compressed:
        with ReadAhead(source.readinto) as ahead:
            return summarise_stream(ahead.readinto, layout, summary, rescue, offset=mark, progress=stream_moved)
    return summarise_stream(source.readinto, layout, summary, rescue, offset=mark, progress=stream_moved)


def _container(kind: Kind, head: bytes) -> Container:
    if kind is Kind.LINES:
        return Container.LINES
    if head.startswith(b"["):
        return Container.ARRAY
    return Container.ENVELOPE if has_envelope(head[:4096].decode("utf-8", "replace")) else Container.LINES


def _with_places(notes: Notes, source: Source) -> Notes:
    """Byte offsets as lines and columns, where the input can be read again."""
    noted = [*(note.offset for note in notes.repairs), *(note.offset for note in notes.problems)]
    offsets = {offset for offset in noted if offset is not None}
    if not offsets or source.stored_size is None:
        return notes
    places = locate(source.name, offsets, mark=source.mark)
    for index, repair in enumerate(notes.repairs):
        line, column = places.get(repair.offset or 0, (None, None))
        notes.repairs[index] = replace(repair, line=line, column=column)
    for index, problem in enumerate(notes.problems):
        line, column = places.get(problem.offset or 0, (None, None))
        notes.problems[index] = replace(problem, line=line, column=column)
    return notes
