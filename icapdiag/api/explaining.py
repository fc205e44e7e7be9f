"""`explain`: read logs, judge the facts by the runbooks, report."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from os import PathLike, fspath
from pathlib import Path

from msgspec.structs import asdict, replace

from icapdiag.api.pulled import PulledLogs, logs_in
from icapdiag.capture.file import is_capture
from icapdiag.facts.groups import ReportedAnswer, ReportedGroup
from icapdiag.facts.logs import EntryCounts, LogSource, Remark
from icapdiag.facts.run import Filters as LeftOut
from icapdiag.facts.run import LogSubject
from icapdiag.facts.scanner import SCANNER, ReportedEvent, ReportedRequests
from icapdiag.logs.containers.classify import ALERT
from icapdiag.logs.containers.collector import CUT
from icapdiag.logs.counting.filters import Filters
from icapdiag.logs.notes import Problem, SourceReport
from icapdiag.logs.opening.compression import compression_of, inflate
from icapdiag.logs.opening.inputs import STDIN, InputError, expand_inputs
from icapdiag.logs.opening.source import Stop
from icapdiag.logs.reading import Progress, Reading, read_logs
from icapdiag.model import Facts, Observation, Report
from icapdiag.report.build import ReadLogs, build_explain_report, reading_vantage
from icapdiag.report.document.words import page_gap
from icapdiag.runbook import Library, load_runbooks, match
from icapdiag.script.frames import is_output

POOL_IS_GROUP = "Avi logs the pool group as the pool; members are identified from the ICAP URIs."
ZONE_ASSUMED = (
    "Times without a time zone were read as UTC, and syslog times without a year as of the last twelve months: "
    "c-icap's server log and Squid's cache log have the local time of their host."
)
INTERRUPTED = "Interrupted: the rest of the input was not read and is not counted."
PAGE = (
    "This is one page of an API response, not the whole log: it contains {}. Counts and shares are of these. "
    "Fetch the rest: follow next, or ask for shorter time spans (start, end) with page_size=10000."
)
CUT_OFF = "{}: the file is cut off at its end. What is missing is not counted: fetch the file again."
_NOTES_SHOWN = 12  # on corrections and problems, over all sources
_NOT_REPORTED = frozenset({"instead", "repairs", "repairs_total"})  # of a source: said by a note, and as corrections
_EXCERPT = 60
_LOOKED_AT = 1 << 17  # bytes of a file, perhaps compressed: a terminal's log may begin with the pasted script
_POLL = 0.2  # s between two looks at ``stop``
_NOTHING = frozenset({"empty", "unknown"})  # containers


class NothingRead(InputError):
    """No input contains anything that can be explained."""


def explain(
    paths: Sequence[str | PathLike[str]],
    *,
    filters: Filters | None = None,
    runbooks: Library | None = None,
    profile: Facts | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
    stop: Stop | None = None,
    refused: Callable[[str], object] = lambda _: None,
) -> Report:
    """Read logs of Avi and of scanners, and pasted ICAP responses; say what happened to ICAP, why, and what to do.

    ``paths`` are files in any form, patterns such as ``logs/*.gz``, folders of `pull`, and ``-`` for standard input.
    ``filters`` select the entries that count; None: all. ``runbooks`` (`icapdiag.runbook.load_runbooks`) are the
    program's own if they are None. ``profile``: what is known of the ICAP profile's settings, which Avi's logs lack.
    ``jobs`` is the number of processes for a large file; None: chosen by its size.
    ``progress`` is called with the name of a file, the bytes read so far and its size in bytes (None: unknown). Reading
    ends once ``stop`` returns True: the report then contains the results so far, and is not `complete`. ``refused`` is
    called with a sentence about each input without usable content, if another input has some.

    Raises `icapdiag.logs.opening.inputs.InputError` for inputs that can't be opened, before anything is read, and its
    subclass `NothingRead` if none of them has usable content.
    """
    filters = filters or Filters()
    library = load_runbooks() if runbooks is None else runbooks
    pulled = logs_in(fspath(path) for path in paths)
    inputs = pulled.inputs
    names = expand_inputs(inputs)
    if captures := [name for name in names if is_capture(head_of(name, stop))]:
        if len(captures) < len(names):
            raise InputError(["packet captures and logs can't be explained together: run icapdiag explain for each"])
        from icapdiag.api.capturing import explain_captures  # noqa: PLC0415 - most inputs are logs

        return explain_captures(captures, inputs=inputs, filters=filters, library=library, progress=progress, stop=stop)
    if outputs := [name for name in names if is_output(head_of(name, stop))]:
        if len(outputs) < len(names):
            raise InputError(["SE script output and logs can't be explained together: run icapdiag explain for each"])
        from icapdiag.api.scripting import explain_outputs  # noqa: PLC0415 - most inputs are logs

        return explain_outputs(outputs, inputs=inputs, filters=filters, library=library, stop=stop)
    started_at = datetime.now(UTC)
    reading = read_logs(inputs, filters=filters, jobs=jobs, progress=progress, stop=stop)
    complete = stop is None or not stop()
    if complete:  # otherwise an input that was not reached is not to blame
        for refusal in refusals(reading):
            refused(refusal)
    return report_on(
        reading,
        library,
        inputs=inputs,
        filters=filters,
        profile=profile,
        started_at=started_at,
        complete=complete,
        pulled=pulled,
    )


def head_of(name: str, stop: Stop | None) -> bytes:
    """The first bytes of an input, unpacked; those of standard input stay in it. Nothing of a named pipe."""
    try:
        if name == STDIN:
            data = _peek(stop)
        elif not Path(name).is_file():
            return b""
        else:
            with Path(name).open("rb") as file:
                data = file.read(_LOOKED_AT)
        if kind := compression_of(data[:4]):
            rest = iter((data,))
            data = next(inflate(kind, lambda _: next(rest, b""), lambda _: None), b"")
    except (OSError, ValueError, ImportError):
        return b""
    return data


def _peek(stop: Stop | None) -> bytes:
    """The first bytes on standard input, once there are any. Raises OSError, ValueError if it can't be read so."""
    stdin = sys.stdin.buffer
    while not (stop is not None and stop()):
        if select.select([stdin], [], [], _POLL)[0]:
            peek: Callable[[int], bytes] | None = getattr(stdin, "peek", None)
            return b"" if peek is None else peek(_LOOKED_AT)[:_LOOKED_AT]
    return b""


def refusals(reading: Reading) -> list[str]:
    """A sentence about each input without usable content. Raises `NothingRead` if that is all of them."""
    useless = [source for source in reading.sources if _is_useless(source)]
    said = [_refusal(source) for source in useless]
    if useless and len(useless) == len(reading.sources):
        raise NothingRead(said)
    return said


def report_on(
    reading: Reading,
    library: Library,
    *,
    inputs: Sequence[str],
    filters: Filters,
    started_at: datetime,
    complete: bool,
    profile: Facts | None = None,
    pulled: PulledLogs | None = None,
) -> Report:
    """Judge what was read. ``complete`` False: the reading was cut short. ``pulled``: of folders of a pull."""
    observations = reading.observations
    matched = match(library, observations, profile=profile)
    summary = reading.summary
    reported = iter(summary.groups(observations))  # in the order of their observations
    judged = [*zip(observations, matched.explained, strict=True)]
    groups = [
        _answer(observation, ids) if observation.probe else replace(next(reported), findings=ids)
        for observation, ids in judged
        if observation.source == "log" and observation.probe != "summary"
    ]
    found = zip(reading.scanner.seen(), (ids for each, ids in judged if each.source == SCANNER), strict=True)
    logged_there = [each.reported(ids) for each, ids in found]
    head = summary.head()
    head = replace(head, filtered=head.filtered + reading.scanner.filtered)
    logged = tuple(_source(source) for source in reading.sources)
    page = page_gap(logged)
    notes = [*([] if complete else [INTERRUPTED]), *([PAGE.format(page)] if page else []), *_filtered(head)]
    cut_off = [CUT_OFF.format(source.name) for source in logged if source.cut_off]
    notes += cut_off
    missing = pulled.missing if pulled else ()
    if pulled and complete and not filters and (gap := pulled.gap(head.icap_requests)):
        notes.append(gap)
    notes += _unmet(*reading.scanner.unmet)
    notes += _notes(reading.sources)
    if any(each.zone_assumed for each in logged_there):
        notes.append(ZONE_ASSUMED)
    if any(group.pools for group in groups):
        notes.append(POOL_IS_GROUP)
    notes += [f"A runbook of yours replaces the built-in {name}." for name in library.replaced]
    report = build_explain_report(
        logs=ReadLogs(
            subject=LogSubject(
                inputs=tuple(inputs),
                sources=logged,
                records=reading.records,
                entries=head,
                filters=_filters(filters),
            ),
            groups=tuple(groups),
            timeline=summary.timeline(),
            events=tuple(each for each in logged_there if isinstance(each, ReportedEvent)),
            requests=tuple(each for each in logged_there if isinstance(each, ReportedRequests)),
        ),
        vantage=reading_vantage(),
        findings=matched.findings,
        unmatched=matched.unmatched,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        complete=complete and not page and not missing and not cut_off,
        notes=notes,
    )
    return replace(
        report,
        problems=matched.problems or None,
        not_tested=missing or None,
        tool=replace(report.tool, runbooks=library.digest),
    )


def _source(source: SourceReport) -> LogSource:
    notes = {
        "corrections": tuple(Remark(**asdict(repair)) for repair in source.repairs),
        "corrections_total": source.repairs_total,
        "problems": tuple(Remark(**asdict(problem)) for problem in source.problems),
    }
    told = {name: value for name, value in asdict(source).items() if name not in _NOT_REPORTED}
    return LogSource(**told | notes)


def _answer(observation: Observation, findings: tuple[str, ...]) -> ReportedGroup:
    """A raw ICAP response as a group of its own."""
    return ReportedAnswer(
        **asdict(observation.facts),
        probe=observation.probe,
        member=observation.member,
        status=str(observation.status),
        reason=observation.reason,
        findings=findings,
    )


def _is_useless(source: SourceReport) -> bool:
    """Whether nothing in it is of use. An empty list of results and Controller alerts are; foreign JSON is not."""
    if source.read:
        return False
    if source.cut_off and any(problem.reason == CUT for problem in source.problems):
        return False
    if source.skipped:
        return all(problem.reason != ALERT for problem in source.problems)
    return bool(source.unreadable) or source.container in _NOTHING


def _refusal(source: SourceReport) -> str:
    if source.container == "empty":
        return f"{source.name} is empty"
    if source.instead:
        return source.instead
    first = source.problems[0] if source.problems else None
    why = "" if first is None else f" ({': '.join(part for part in (first.place, first.reason) if part)})"
    return f"{source.name}: it contains no Avi log and no ICAP response{why}"


def _filters(filters: Filters) -> LeftOut:
    return LeftOut(
        since=None if filters.since is None else filters.since.isoformat(),
        until=None if filters.until is None else filters.until.isoformat(),
        pool=filters.pool,
        member=filters.member,
        actions=tuple(sorted(filters.actions)),
        vs=filters.vs,
        client=filters.client,
        method=filters.method,
        path=filters.path,
        request_id=filters.request_id,
        se=filters.se,
        rule=filters.rule,
        content_type=filters.content_type,
        reason=filters.reason,
    )


def _filtered(head: EntryCounts) -> list[str]:
    number = head.filtered
    if not number:
        return []
    return [f"{number:,} {'entry was' if number == 1 else 'entries were'} left out by the filters."]


def _unmet(number: int, options: Sequence[str]) -> list[str]:
    """That scanners' logs do not contain what these options select by."""
    if not number:
        return []
    what, were = ("record", "was") if number == 1 else ("records", "were")
    named = " and ".join(part for part in (", ".join(options[:-1]), options[-1]) if part)
    return [f"{number:,} {what} of scanners' own logs {were} left out: these logs contain nothing to apply {named} to."]


def _notes(sources: Iterable[SourceReport]) -> list[str]:
    """The first notes on what was corrected and what could not be read."""
    notes = [note for source in sources for note in _notes_on(source)]
    if len(notes) > _NOTES_SHOWN:
        more = len(notes) - _NOTES_SHOWN
        notes[_NOTES_SHOWN:] = [f"And {more} more notes on what was read: see -o json."]
    return notes


def _notes_on(source: SourceReport) -> Iterator[str]:
    for repair in source.repairs:
        yield f"{source.name}: corrected{_at(repair.place)}: {repair.what}"
    if source.repairs_total > len(source.repairs):
        yield f"{source.name}: {source.repairs_total - len(source.repairs):,} more corrections"
    problems = [problem for problem in source.problems if problem.kind != "skipped"]
    for problem in problems:
        yield f"{source.name}: {_problem(problem)}"
    unreadable = sum(problem.kind == "unreadable" for problem in problems)
    if source.unreadable > unreadable:
        yield f"{source.name}: {source.unreadable - unreadable:,} more records could not be read"


def _problem(problem: Problem) -> str:
    what = "could not be read" if problem.kind == "unreadable" else "note"
    excerpt = f": {problem.excerpt[:_EXCERPT]}" if problem.excerpt else ""
    return f"{what}{_at(problem.place)}: {problem.reason}{excerpt}"


def _at(place: str) -> str:
    return f" ({place})" if place else ""
