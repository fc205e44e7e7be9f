"""Reading logs: every input by the way that fits its container, and one summary of them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from icapdiag.facts.logs import RecordCounts
from icapdiag.logs.containers.sniff import Container, Kind, kind_of
from icapdiag.logs.counting.filters import Filters
from icapdiag.logs.counting.summary import Summary
from icapdiag.logs.notes import Account, Problem, Repair, SourceReport
from icapdiag.logs.opening.compression import CUTS
from icapdiag.logs.opening.inputs import expand_inputs
from icapdiag.logs.opening.source import Source, Stop, Tick, open_source
from icapdiag.model import Observation

if TYPE_CHECKING:
    from icapdiag.logs.scanner.counting import ScannerCounting
    from icapdiag.logs.scanner.events import Seen

_LOOKED_AT = 1 << 18  # bytes in which a line of a scanner's log is looked for
Progress = Callable[[str, int, int | None], None]  # source, bytes of the stored file done, its size or None


class ScannerLogs:
    """What scanners' own logs say. What reads them is imported for the first of them: most inputs are logs of Avi."""

    def __init__(self, filters: Filters | None = None) -> None:
        self._filters = filters
        self._counting: ScannerCounting | None = None

    def read(self, source: Source, account: Account, tick: Tick) -> Container | None:
        """Count the records of a source; None, and nothing is read, if it is not a scanner's log."""
        from icapdiag.logs.scanner.counting import ScannerCounting  # noqa: PLC0415
        from icapdiag.logs.scanner.lines import is_scanner_log  # noqa: PLC0415
        from icapdiag.logs.scanner.reading import read_scanner_log  # noqa: PLC0415

        if not is_scanner_log(source.head[:_LOOKED_AT]):
            return None
        if self._counting is None:
            self._counting = ScannerCounting(self._filters)
        return read_scanner_log(source, self._counting, account, tick)

    @property
    def filtered(self) -> int:
        """Messages and requests that the filters left out."""
        return 0 if self._counting is None else self._counting.filtered

    @property
    def unmet(self) -> tuple[int, tuple[str, ...]]:
        """How many of these an option left out that selects by what their logs do not say, and these options."""
        return (0, ()) if self._counting is None else (self._counting.unmet, tuple(sorted(self._counting.options)))

    def seen(self) -> tuple[Seen, ...]:
        """All of it, as observations."""
        if self._counting is None:
            return ()
        from icapdiag.logs.scanner.events import seen  # noqa: PLC0415

        return tuple(seen(self._counting))


class Reading(Struct, frozen=True, kw_only=True):
    """What was read of all inputs.

    ``answers`` are raw ICAP responses, one observation each; ``scanner`` is what the scanner's own logs say.
    """

    summary: Summary
    sources: tuple[SourceReport, ...]
    scanner: ScannerLogs
    answers: tuple[Observation, ...] = ()

    @property
    def records(self) -> RecordCounts:
        """Of all sources together."""
        counted = RecordCounts.__struct_fields__
        return RecordCounts(**{name: sum(getattr(source, name) for source in self.sources) for name in counted})

    @property
    def observations(self) -> tuple[Observation, ...]:
        """Of Avi's logs the groups, the raw answers, what scanners logged, and last Avi's log as a whole, if any."""
        groups = self.summary.observations()
        others = (*self.answers, *(each.observation for each in self.scanner.seen()))
        if others and not self.summary.entries:
            return others
        return (*groups[:-1], *others, *groups[-1:])


def read_logs(
    inputs: Sequence[str],
    *,
    filters: Filters | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> Reading:
    """Read paths, patterns and ``-``. ``jobs``: processes for large files, None chooses by size.

    ``stop`` is asked before every read: when it says True, the input ends there and no other is opened.
    Raises `InputError` for inputs that can't be opened, before anything is read. What the files
    hold raises nothing: it is counted and noted.
    """
    summary, scanner = Summary(filters), ScannerLogs(filters)
    sources: list[SourceReport] = []
    found: list[Observation] = []
    for name in expand_inputs(inputs):
        if stop is not None and stop():
            break
        with open_source(name, stop) as source:
            report, answers = read_source(source, summary, scanner, jobs=jobs, progress=progress, stop=stop)
            sources.append(report)
            found += answers
    return Reading(summary=summary, sources=tuple(sources), answers=tuple(found), scanner=scanner)


def read_source(
    source: Source,
    summary: Summary,
    scanner: ScannerLogs,
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
    stop: Stop | None = None,
) -> tuple[SourceReport, list[Observation]]:
    """Read a source to its end into one of the two; returns also the raw ICAP responses. Its content never raises.

    What reads a large log is imported for one, and what reads anything else for something else.
    """

    def tick() -> None:
        if progress is not None:
            progress(source.name, source.stored_done, source.stored_size)

    account, kind = Account(), kind_of(source.head)
    tally, notes = account.tally, account.notes
    if kind is Kind.EMPTY and not source.whole:  # a mebibyte of blanks, and something behind it
        kind = Kind.VALUES
    if source.encoding != "utf-8":
        notes.repair(Repair(f"read as {source.encoding.upper()}", 1, 1))
    elif source.mark:
        notes.repair(Repair("a byte order mark was left out", 1, 1))
    container = Container.EMPTY
    if kind in {Kind.TEXT, Kind.SYSLOG} and (logged := scanner.read(source, account, tick)):
        container = logged
    elif kind in {Kind.LINES, Kind.VALUES} and not source.whole:
        from icapdiag.logs.blocks.large import read_large  # noqa: PLC0415

        container = read_large(source, kind, summary, account, tick, jobs=jobs, stop=stop)
    elif kind in {Kind.CSV, Kind.SYSLOG}:
        container = _rows_or_messages(source, kind, summary, account, tick, jobs=jobs, stop=stop)
    elif kind is not Kind.EMPTY:
        from icapdiag.logs.containers.recordwise import read_records  # noqa: PLC0415

        container = read_records(source, kind, summary, account, tick)
    tick()
    for fault in source.faults:
        notes.problem(Problem("input", fault))
    if container is Container.EMPTY and not source.faults:
        notes.problem(Problem("input", "the input is empty"))
    cut_off = tally.truncated or not set(CUTS).isdisjoint(source.faults)
    report = SourceReport(
        name=source.name,
        container=container.value,
        label=container.label,
        compressed=source.compressed,
        bytes=max(source.size, len(source.head)),
        total=tally.total,
        read=tally.read,
        skipped=tally.skipped,
        unreadable=tally.unreadable,
        repairs=tuple(notes.repairs),
        repairs_total=notes.repairs_total,
        problems=tuple(notes.problems),
        problems_total=notes.problems_total,
        matching=notes.page.matching or None,
        more=notes.page.more or None,
        percent_remaining=notes.page.remaining or None,
        keys_not_checked=tally.not_looked_into or None,
        cut_off=(cut_off and not (stop is not None and stop())) or None,
        instead="" if tally.read or account.answers else _instead(source),
    )
    return report, account.answers


def _rows_or_messages(
    source: Source, kind: Kind, summary: Summary, account: Account, tick: Tick, *, jobs: int | None, stop: Stop | None
) -> Container:
    if kind is Kind.SYSLOG:
        from icapdiag.logs.blocks.syslog import read_syslog  # noqa: PLC0415

        read_syslog(source, summary, account, tick)
        return Container.SYSLOG
    from icapdiag.logs.blocks.table import read_table  # noqa: PLC0415

    read_table(source, summary, account, tick, jobs=jobs, stop=stop)
    return Container.CSV


def _instead(source: Source) -> str:
    """What an input without anything of ours is, and what to do with it; nothing where that is not known."""
    from icapdiag.recognise import LOG_COMMAND, recognised  # noqa: PLC0415 - most inputs are logs

    found = recognised(source.head)
    return found.said(source.name) if found and LOG_COMMAND not in found.instead else ""
