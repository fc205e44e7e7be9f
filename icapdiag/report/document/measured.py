"""Measurements: reused connections, load, sizes, rounds, response times; as words, tables and chart data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from msgspec import Struct

from icapdiag.facts.connection import ProfileInForce, Transfer
from icapdiag.facts.deep import Keepalive, Size, SizedUpload
from icapdiag.facts.load import Capacity, Load, LoadStep
from icapdiag.facts.standard import Repeat, RepeatedStep
from icapdiag.model import MemberReport, Observation
from icapdiag.report.document.members import met, needs_summary, sheets
from icapdiag.report.document.words import count, measured, milliseconds, safe_text
from icapdiag.text import from_wire, visible
from icapdiag.vocabulary import Reason, Status

_NAME = 40  # columns of a member's name
_DOUBT = "~: may include client-side delay"


class Figures(Struct, frozen=True, kw_only=True):
    """A table of measurements; ``title`` is above it, the lines of ``below`` are below it."""

    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    right: range  # columns whose cells end flush
    below: Sequence[str] = ()
    omitted: tuple[int, ...] = ()  # columns that go first where there is no room
    cut: tuple[tuple[int, int], ...] = ((0, 10),)  # columns that may be cut, and the least that stays of each
    listed: bool = False  # where there is no room, rows are written out rather than cut
    screen: Sequence[tuple[str, ...]] = ()  # rows for a screen, where there are too many for one


def describe_measured(sheet: Keepalive | Size | Load | Repeat) -> Iterator[str]:
    """A measurement as evidence; empty if it shows nothing."""
    match sheet:
        case Keepalive() if sheet.reuse:
            yield from _reuse(sheet)
        case Load() if sheet.load_ended:
            yield from _load(sheet)
        case Size():
            yield from _sizes(sheet)
        case Repeat():
            yield from _rounds(sheet)


# --- two requests on one connection ----------------------------------------------------------------

_REUSE = {
    "honoured": "answered on the same connection",
    "announced-close": "not sent: the server announced that it would close",
    "closed": "not answered: the server closed without saying so",
    "unanswered": "not answered",
    "desynchronised": "answered wrongly",
}


def _reuse(sheet: Keepalive) -> Iterator[str]:
    """Two requests on one connection."""
    reuse = safe_text(sheet.reuse)
    yield f"second request {_REUSE.get(reuse, reuse)}"
    if sheet.closed_after_ms is not None:
        yield f"closed {milliseconds(sheet.closed_after_ms)} after the first response"
    if sheet.desync_signs:
        yield visible(", ".join(sheet.desync_signs))
    if sheet.extra_excerpt:
        yield f"{sheet.extra_bytes or 0} bytes left over: {visible(from_wire(safe_text(sheet.extra_excerpt)))}"
    if sheet.idle_close_s is not None:
        yield f"closed after {sheet.idle_close_s:g} s idle"
    yield from _capacity(sheet.capacity)


def _capacity(capacity: Capacity) -> Iterator[str]:
    if capacity.offered_connections:
        yield f"Max-Connections {capacity.offered_connections}"
    yield from _need(capacity)


def _need(capacity: Capacity) -> Iterator[str]:
    needed, rps, latency = capacity.needed_connections, capacity.expected_rps, capacity.expected_latency_ms
    if needed is not None and rps is not None and latency is not None:
        yield f"{rps:g} requests/s x {milliseconds(latency)} need {count(needed, 'connection')}"


# --- scans at the same time ------------------------------------------------------------------------

_ENDED = {
    "ceiling": "ceiling reached, no limit found",
    "busy": "rejected",
    "refused": "connection refused",
    "failed": "failed",
    "slower": "twice as slow",
    "deadline": "time ran out",
    "local": "this host's own limit",
}


def _load(sheet: Load) -> Iterator[str]:
    """The ramp of parallel scans."""
    yield f"handled {sheet.held_connections or 0} at a time (ceiling {sheet.ceiling or 0})"
    if sheet.broke_at is not None:
        detail = sheet.broke_status or safe_text(sheet.broke_reason)
        yield f"at {sheet.broke_at}: {_ended(sheet)}" + (f" ({detail})" if detail else "")
    if sheet.steps:
        timed = [step for step in sheet.steps if step.p95_ms is not None] or sheet.steps
        yield f"p95 {_p95(timed[0])} with one, {_p95(timed[-1])} at the end"
    yield from _capacity(sheet.capacity)


def load_table(members: Sequence[MemberReport]) -> Figures:
    """One row per member under load; no rows if there was none."""
    needs = [
        f"{visible(member.name, _NAME)}: {need}; handled: {safe_text(sheet.needed_held)}"
        for member, sheet in met(members, Load)
        for need in _need(sheet.capacity)
    ]
    return Figures(
        title="Under load (parallel scans; ~: may include client-side delay):",
        head=("member", "handled", "scans/s", "p95 at 1", "p95 at max", "ended by"),
        rows=[_load_row(*each) for each in met(members, Load) if each[1].steps],
        right=range(1, 5),
        cut=((0, 6),),
        below=needs,
    )


def _load_row(member: MemberReport, sheet: Load) -> tuple[str, ...]:
    steps, held = sheet.steps or (), sheet.held_connections or 0
    stood = next((step for step in steps if step.concurrency == held), LoadStep())
    at = f" at {sheet.broke_at}" if sheet.broke_at is not None else ""
    rate = "-" if stood.rps is None else f"{stood.rps:.0f}"
    return _name(member, sheet), str(held), rate, _p95(steps[0]), _p95(stood), f"{_ended(sheet)}{at}"


def _ended(sheet: Load) -> str:
    return _ENDED.get(sheet.load_ended or "", "")


def _p95(step: LoadStep) -> str:
    return measured(step.p95_ms, doubtful=step.uncertain, nothing="-")


# --- bodies of growing size ------------------------------------------------------------------------

_FEW = 2  # sizes that are named
_KIB, _MIB = 1024, 1024 * 1024
_TYPICAL = (_KIB, 64 * _KIB, _MIB)  # bytes; beside the largest, the sizes that get a column
_FAILURES = {
    "status": "answered with an error",
    "refused": "refused",
    "changed": "unexpected response",
    "dropped": "connection dropped",
    "silent": "no response in time",
    "slow": "still being sent when time ran out",
    "unacknowledged": "lost on the way",
    "broken": "unreadable response",
}
_CUT_SHORT = {"busy": "the server was busy", "deadline": "time ran out", "error": "this host failed"}


def _sizes(sheet: Size) -> Iterator[str]:
    """The size limits, to the byte; empty if there is none."""
    if sheet.eicar_passed_size is not None and sheet.eicar_found_size is not None:
        yield f"EICAR detected in {sheet.eicar_found_size:,} bytes, passed in {sheet.eicar_passed_size:,}"
    if sheet.size_unread is not None and sheet.size_read is not None:
        yield f"{sheet.size_read:,} bytes read in full, {sheet.size_unread:,} allowed from the preview only"
    if sheet.size_failed is not None:
        went = "" if sheet.size_passed is None else f"{count(sheet.size_passed, 'byte')} passed, "
        small = {None: "", True: ", arrived in small packets", False: ", not in small packets either"}[
            sheet.mtu_black_hole
        ]
        rate = "" if sheet.size_failure_rate is None else f" ({sheet.size_failure_rate:,} bytes/s)"
        yield f"{went}{sheet.size_failed:,} {_failure(sheet)}{small}{rate}"
    if sheet.tiny_refused:
        failure = (
            f"ICAP {sheet.tiny_failure_status}" if sheet.tiny_failure == "status" else safe_text(sheet.tiny_failure)
        )
        sizes = " and ".join(count(size, "byte") for size in sheet.tiny_refused[:_FEW])
        yield f"{sizes}: {_FAILURES.get(failure, failure)}"


def sizes_table(members: Sequence[MemberReport]) -> Figures:
    """One row per member that was sent bodies of growing size; no rows if there was none."""
    tried = [each for each in met(members, Size) if each[1].sizes_tried]
    largest = {max(upload.size or 0 for upload in sheet.sizes_tried or ()) for _, sheet in tried}
    sizes = [size for size in _TYPICAL if size < max(largest, default=0)] + sorted(largest)[-1:]
    return Figures(
        title=f"By body size (time to response, including the upload; {_DOUBT}):",
        head=("member", *map(spoken_size, sizes), "limit"),
        rows=[(visible(member.name, _NAME), *_times(sheet, sizes), limit_words(sheet)) for member, sheet in tried],
        right=range(1, len(sizes) + 1),
        cut=((0, 10), (len(sizes) + 1, 10)),
    )


def limit_words(sheet: Size) -> str:
    """The size limits in a few words; without one, the largest size tried."""
    parts = []
    unseen = sheet.eicar_passed_size or sheet.size_unread
    if unseen and (sheet.eicar_found_size or 0) < unseen:
        parts.append(f"UNSCANNED from {spoken_size(unseen)}")
    if sheet.size_failed is not None:
        parts.append(f"{_failure(sheet)} from {spoken_size(sheet.size_failed)}")
    if not parts and sheet.size_passed is not None:
        scanned = ", EICAR detected" if sheet.eicar_found_size is not None else ""
        parts.append(f"none up to {spoken_size(sheet.size_passed)}{scanned}")
    if why := _CUT_SHORT.get(sheet.stopped or ""):
        parts.append(why)
    return "; ".join(parts) or "-"


def spoken_size(size: int) -> str:
    """``0 B``, ``1400 B``, ``64 KiB``, ``5.0 MiB``."""
    for unit, name in ((_MIB, "MiB"), (_KIB, "KiB")):
        if size >= unit and (size % unit == 0 or size >= 10 * _KIB):
            return f"{size // unit} {name}" if size % unit == 0 else f"{size / unit:.1f} {name}"
    return f"{size} B"


def _failure(sheet: Size) -> str:
    kind = safe_text(sheet.size_failure)
    if kind == "status" and sheet.size_failure_status is not None:
        return f"ICAP {sheet.size_failure_status}"
    return _FAILURES.get(kind, kind)


def _times(sheet: Size, sizes: Sequence[int]) -> Iterator[str]:
    """The last time of each size; a word if there was no answer."""
    uploads = {upload.size or 0: upload for upload in sheet.sizes_tried or ()}
    for size in sizes:
        upload = uploads.get(size, SizedUpload())
        yield measured(upload.answer_ms, doubtful=upload.uncertain, nothing=safe_text(upload.reason) or "-")


# --- rounds ----------------------------------------------------------------------------------------

_WORST = 40  # rows of many members


def rounds_table(members: Sequence[MemberReport]) -> Figures:
    """One row per member and repeated step; no rows if nothing was repeated."""
    found = [(member, sheet, step) for member, sheet in met(members, Repeat) for step in sheet.samples or ()]
    worst, below = [], []
    if needs_summary(members) and len(found) > _WORST:
        below = [f"The worst {_WORST} of {len(found):,}, by loss and then by time; the JSON report has all."]
        worst = sorted(found, key=lambda each: (each[2].loss_percent or 0.0, each[2].p95_ms or 0.0), reverse=True)
    return Figures(
        title=f"Rounds ({_DOUBT}):",
        head=("member", "step", "sent", "lost", "min", "avg", "p95", "max"),
        rows=[_round(*each) for each in found],
        right=range(2, 8),
        omitted=(4, 5),  # minimum and average say the least
        screen=[_round(*each) for each in worst[:_WORST]],
        below=below,
    )


def _rounds(sheet: Repeat) -> Iterator[str]:
    """What several rounds show about the service; empty if all ISTags are the same."""
    distinct, answers, switches = sheet.istags_distinct or 0, sheet.istag_answers or 0, sheet.istag_switches or 0
    if distinct > 1:
        yield f"{distinct} ISTags in {answers} responses, {switches} changes"


def _round(member: MemberReport, sheet: Repeat, step: RepeatedStep) -> tuple[str, ...]:
    share = f" ({step.loss_percent:g}%)" if step.loss_percent else ""
    times = (step.min_ms, step.avg_ms, step.p95_ms, step.max_ms)
    figures = (measured(value, doubtful=step.uncertain, nothing="-") for value in times)
    return _name(member, sheet), safe_text(step.step), str(step.sent or 0), f"{step.lost or 0}{share}", *figures


def _name(member: MemberReport, sheet: Load | Repeat) -> str:
    """The member's name, with the address if it was probed at several."""
    several = len({each.endpoint.address for each in sheets(member, type(sheet))}) > 1
    address = safe_text(sheet.endpoint.address)
    return visible(f"{member.name} at {address}" if several and address else member.name, _NAME)


# --- data of charts ---------------------------------------------------------------------------------

_ANSWERING = ("options", "clean", "eicar")  # probes whose answers are timed
_STEPS = 40  # of one measurement
Limits = tuple[tuple[str, float], ...]  # thresholds of the profile in ms, by Avi's names, the lower first
Step = TypeVar("Step", SizedUpload, LoadStep)


class AnswerTimes:
    """Response times of a member in ms: by probe, with the extremes of repeated steps."""

    def __init__(self, member: MemberReport) -> None:
        self.member, self.health = member.name, member.verdict
        timed = [(o.probe, _answer_ms(o)) for o in member.probes if o.probe in _ANSWERING]
        self.answers = [(probe, ms) for probe, ms in timed if ms is not None]
        repeated = [step for sheet in sheets(member, Repeat) for step in sheet.samples or () if step.step in _ANSWERING]
        extremes = [max(ms, 0.0) for step in repeated for ms in (step.min_ms, step.max_ms) if ms is not None]
        self.times = [*(ms for _, ms in self.answers), *extremes]
        waited = [o.elapsed_ms for o in member.probes if _timed_out(o) and o.elapsed_ms is not None]
        self.silent_ms = max(waited, default=None)  # waited so long for an answer that did not come
        self.slowest = max([*self.times, self.silent_ms or 0.0])


class Curve(Struct, Generic[Step], frozen=True):
    """Uploads to a member by size, or scans by concurrency."""

    member: str
    limits: Limits
    steps: tuple[Step, ...]


def answer_times(members: Sequence[MemberReport]) -> list[AnswerTimes]:
    """Response times, the slowest member first; empty if nothing was measured."""
    found = [each for each in map(AnswerTimes, members) if each.times or each.silent_ms is not None]
    return sorted(found, key=lambda each: -each.slowest) if any(each.times for each in found) else []


def limits(members: Sequence[MemberReport]) -> Limits:
    """The thresholds of the ICAP profile."""
    known: dict[str, float | None] = {}
    for _, profile in met(members, ProfileInForce):
        for name in ("slow_response_warning_threshold", "response_timeout"):
            known[name] = known.get(name) or getattr(profile, f"profile_{name}")
    return tuple(sorted(((name, float(ms)) for name, ms in known.items() if ms and ms > 0), key=lambda each: each[1]))


def size_curves(members: Sequence[MemberReport]) -> list[Curve[SizedUpload]]:
    """Members that were sent bodies of growing size, those with failures first."""
    return _curves(
        [(member, sheet.sizes_tried) for member, sheet in met(members, Size)], lambda each: upload_failed(each.status)
    )


def load_curves(members: Sequence[MemberReport]) -> list[Curve[LoadStep]]:
    """Members under load, those with errors first."""
    return _curves([(member, sheet.steps) for member, sheet in met(members, Load)], lambda step: bool(step.errors))


def _curves(
    found: Sequence[tuple[MemberReport, tuple[Step, ...] | None]], bad: Callable[[Step], bool]
) -> list[Curve[Step]]:
    curves = [Curve(member.name, limits([member]), steps[:_STEPS]) for member, steps in found if steps]
    return sorted(curves, key=lambda curve: not any(map(bad, curve.steps)))


def upload_failed(status: str | None) -> bool:
    """Whether this status is that of an upload without an answer."""
    return status in (Status.FAILED, Status.ERROR)


def _answer_ms(seen: Observation) -> float | None:
    """ms until the answer, without client-side delay; None without an answer."""
    if _timed_out(seen):
        return None
    times = seen.facts.part(Transfer)
    if times is not None and times.answer_ms is not None:
        return max(times.answer_ms, 0.0)
    return seen.elapsed_ms if seen.status is Status.OK else None


def _timed_out(seen: Observation) -> bool:
    return seen.status is Status.FAILED and seen.reason == Reason.TIMEOUT
