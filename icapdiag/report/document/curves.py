"""Data of charts on a check: how long members took, by size and under load, beside the profile's thresholds."""

from __future__ import annotations

from collections.abc import Sequence

from icapdiag.facts.connection import ProfileInForce, Transfer
from icapdiag.facts.deep import Load, Size
from icapdiag.facts.standard import Repeat
from icapdiag.model import MemberReport, Observation
from icapdiag.report.document.blocks import Answers, Limits, LoadCurve, SizeCurve
from icapdiag.report.document.members import sheets
from icapdiag.vocabulary import Reason, Status

ANSWERING = ("options", "clean", "eicar")  # probes whose answers are timed
_STEPS = 40  # of one measurement


def answer_times(members: Sequence[MemberReport]) -> tuple[Answers, ...]:
    """How long each took, the slowest first; empty where no member gave an answer to measure."""
    found = [each for member in members if (each := _answers(member)) is not None]
    found.sort(key=lambda each: -each.slowest)
    return tuple(found) if any(each.times for each in found) else ()


def limits(members: Sequence[MemberReport]) -> Limits:
    """The thresholds of the ICAP profile."""
    slow: float | None = None
    late: float | None = None
    for profile in (profile for member in members for profile in sheets(member, ProfileInForce)):
        slow = slow or profile.profile_slow_response_warning_threshold
        late = late or profile.profile_response_timeout
        if slow and late:
            break
    known = [("slow_response_warning_threshold", slow), ("response_timeout", late)]
    return tuple(sorted(((name, float(ms)) for name, ms in known if ms and ms > 0), key=lambda each: each[1]))


def size_curves(members: Sequence[MemberReport]) -> tuple[SizeCurve, ...]:
    """Of each member that was sent bodies of growing size, those where something failed first."""
    found = [
        SizeCurve(member.name, limits([member]), sheet.ladder[:_STEPS])
        for member in members
        for sheet in sheets(member, Size)
        if sheet.ladder
    ]
    return tuple(sorted(found, key=lambda curve: not any(upload_failed(each.status) for each in curve.uploads)))


def load_curves(members: Sequence[MemberReport]) -> tuple[LoadCurve, ...]:
    """Of each member under load, those with errors first."""
    found = [
        LoadCurve(member.name, limits([member]), sheet.steps[:_STEPS])
        for member in members
        for sheet in sheets(member, Load)
        if sheet.steps
    ]
    return tuple(sorted(found, key=lambda curve: not any(step.errors for step in curve.steps)))


def upload_failed(status: str | None) -> bool:
    """Whether this is what became of an upload that was not answered."""
    return status in (Status.FAILED, Status.ERROR)


def _answers(member: MemberReport) -> Answers | None:
    answers = tuple((o.probe, ms) for o in member.probes if o.probe in ANSWERING and (ms := _answer_ms(o)) is not None)
    extremes = tuple(
        max(ms, 0.0)
        for sheet in sheets(member, Repeat)
        for step in sheet.samples or ()
        if step.step in ANSWERING
        for ms in (step.min_ms, step.max_ms)
        if ms is not None
    )
    waited = [o.elapsed_ms for o in member.probes if _timed_out(o) and o.elapsed_ms is not None]
    if not answers and not extremes and not waited:
        return None
    return Answers(member.name, member.verdict, answers, extremes, max(waited, default=None))


def _answer_ms(seen: Observation) -> float | None:
    """ms until the answer without our own delays, if there was an answer."""
    if _timed_out(seen):
        return None
    times = seen.facts.part(Transfer)
    if times is not None and times.answer_ms is not None:
        return max(times.answer_ms, 0.0)
    return seen.elapsed_ms if seen.status is Status.OK else None


def _timed_out(seen: Observation) -> bool:
    return seen.status is Status.FAILED and seen.reason == Reason.TIMEOUT
