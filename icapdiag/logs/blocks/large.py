"""Reads a source of large JSON, block by block, with its notes."""

from __future__ import annotations

from icapdiag.logs.blocks.decoding import FallbackReader
from icapdiag.logs.blocks.spans import results_of
from icapdiag.logs.blocks.summarise import Layout, summarise_file, summarise_stream
from icapdiag.logs.containers.sniff import Container, Kind
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.notes import Account, Repair
from icapdiag.logs.opening.source import Source, Stop, Tick, locate


def read_large(
    source: Source, kind: Kind, summary: Summary, account: Account, tick: Tick, *, jobs: int | None, stop: Stop | None
) -> Container:
    """Read JSON Lines, or JSON in any other layout, to its end. ``jobs`` and ``stop`` as for `summarise_file`."""
    fallback = FallbackReader(summary)
    tally, notes = fallback.tally, fallback.notes
    layout, mark = Layout.LINES if kind is Kind.LINES else Layout.VALUES, source.mark

    def moved(offset: int) -> None:
        if source.fd is not None:
            source.stored_done = offset
        tick()

    if source.fd is None:
        summarise_stream(source.readinto, layout, fallback, offset=mark, progress=moved)
    else:
        source.size = (source.stored_size or 0) - mark
        summarise_file(source.fd, layout, fallback, start=mark, jobs=jobs, progress=moved, stop=stop)
    if tally.truncated and not (stop is not None and stop()):
        notes.repair(Repair("the input ends inside a list or its last record", offset=tally.end_offset))
    if source.stored_size is not None and (offsets := notes.offsets()):
        notes.set_places(locate(source.name, offsets, mark=mark))
    account.tally.add(tally)
    account.notes.merge(notes)
    head = bytearray(source.head.lstrip(b" \t\r\n\f\v\0,")[:4096])
    if kind is Kind.LINES:
        return Container.LINES
    if head.startswith(b"["):
        return Container.ARRAY
    envelope = head.startswith(b"{") and results_of(head, 0, len(head)) > 0
    return Container.ENVELOPE if envelope else Container.LINES
