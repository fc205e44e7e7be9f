"""Reads, record by record, what is not decoded in blocks: small and damaged JSON, texts."""

from __future__ import annotations

import io

from icapdiag.logs.containers.classify import is_syslog
from icapdiag.logs.containers.collector import Collector, collect
from icapdiag.logs.containers.sniff import Container, Kind, container_of_object, foreign_kind
from icapdiag.logs.containers.values import Values, lines, region
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.damage.records import ByteOffsets, Places
from icapdiag.logs.notes import Account, Problem, excerpt_of
from icapdiag.logs.opening.source import Source, Tick

NOTHING = "it contains no log entry, no fragment of one and no ICAP response"
_ANSWER_LIMIT = 16 << 20  # bytes of a file of raw answers that are read


def read_records(source: Source, kind: Kind, summary: Summary, account: Account, tick: Tick) -> Container:
    """Read a source of this kind to its end."""
    collector = Collector(summary, account)
    match kind:
        case Kind.FOREIGN:
            return _nothing(source, account, f"it is {foreign_kind(source.head)}; unpack or convert it first")
        case Kind.LINES | Kind.VALUES:
            return _json(source, kind, collector)
        case _:
            found = _text(source, collector, tick, logs=kind is not Kind.ANSWER)
            return found or _nothing(source, account, NOTHING)


def read_stretch(raw: bytes, offset: int, summary: Summary, account: Account, *, last: bool = False) -> None:
    """Take the log entries in ``raw``, one record at least, which begins at this offset of its input.

    ``last``: the input ends behind it.
    """
    collector = Collector(summary, account, logs_only=True)
    text, places = collector.decoded(raw, lambda text: ByteOffsets(text, offset))
    before = account.tally.total
    collect(lines(text) if is_syslog(raw.lstrip()) else region(text), text, places, collector, whole=last)
    if account.tally.total == before:
        account.refuse("unreadable", "not a JSON object", (None, None, offset), excerpt_of(raw))


def _json(source: Source, kind: Kind, collector: Collector) -> Container:
    text, places = collector.decoded(source.head, Places)
    if kind is Kind.LINES:
        collect(lines(text), text, places, collector, whole=True)
        return Container.LINES
    values = Values(text)
    last = collect(values, text, places, collector, whole=True)
    collector.tally.truncated = collector.tally.truncated or values.unfinished
    if values.envelopes:
        return Container.ENVELOPE if values.envelopes == 1 else Container.ENVELOPES
    if values.lists:
        return Container.ARRAY
    if values.objects == 1 and not values.members:
        return container_of_object(last.value if last else None)
    return Container.FRAGMENT if values.members else Container.LINES


def _text(source: Source, collector: Collector, tick: Tick, *, logs: bool) -> Container | None:
    """Read a long text with logs, or any other text up to the limit for raw answers; the rest is noted."""
    from icapdiag.logs.containers.freeform import read_any_text, read_text  # noqa: PLC0415 - most inputs are no text

    if logs and not source.whole:
        return Container.TEXT if read_text(source, collector, tick) else None
    file = io.BufferedReader(source)
    data = file.read(_ANSWER_LIMIT)
    if file.read(1):
        beyond = f"only the first {_ANSWER_LIMIT >> 20} MiB were read"
        collector.notes.problem(Problem("input", beyond, offset=_ANSWER_LIMIT))
    file.detach()
    text, _ = collector.decoded(data, Places)
    return read_any_text(data, text, collector, logs=logs)


def _nothing(source: Source, account: Account, why: str) -> Container:
    """Count an input without log entries or responses as one unreadable record."""
    account.refuse("unreadable", why, (1, 1, None), excerpt_of(source.head))
    return Container.UNKNOWN
