"""What logs say of each member: failures and successes, since when and until when, from which Service Engines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from icapdiag.facts.groups import ReportedGroup
from icapdiag.facts.logs import Bucket
from icapdiag.joined.source import earliest, latest
from icapdiag.joined.uploads import FAILED, PASSED, ended_before, fails, nowhere

_WORST = ("unscanned", "refused-500", "refused-413", "unknown")  # outcomes of failures, the most harm first
_CODES = 5


class Logged(Struct, frozen=True, kw_only=True):
    """``state`` is one of `LOGGED`; None where nothing was sent. ``lost``: failures of requests that name no server."""

    state: str | None
    requests: int
    failures: int
    lost: int
    codes: tuple[str, ...]
    outcome: str | None  # the worst that clients got for a failure
    first_failure: str | None
    last_failure: str | None
    first_success: str | None
    last_success: str | None
    failing: tuple[str, ...]  # Service Engines
    working: tuple[str, ...]
    detected: bool  # a virus was blocked


def logged(groups: Iterable[ReportedGroup], member: str | None = None, lost: Sequence[ReportedGroup] = ()) -> Logged:
    """What these groups say of a member, by its ``host:port``; None: of all of them together.

    ``lost``: groups with requests for which none of its pool could be selected. Of all together, attempts do not count
    as failures where another one was answered.
    """
    own = [each for each in groups if not each.probe and (member is None or member in (each.by_member or {}))]
    failed = [each for each in own if each.icap_action == FAILED and (member is not None or fails(each))]
    passed = [each for each in own if each.icap_action in PASSED]
    failures, successes = _count(failed, member), _count(passed, member)
    without = sum(map(nowhere, lost))
    failed += [each for each in lost if each not in failed]
    bad = {name for each in failed for name in each.by_service_engine or each.service_engines or ()}
    good = {name for each in passed for name in each.service_engines or ()}
    first, last = earliest(each.first_seen for each in failed), latest(each.last_seen for each in failed)
    success = latest(each.last_seen for each in passed)
    return Logged(
        state=_state(failures + without, successes, (first, last, success)),
        requests=failures + successes,
        failures=failures,
        lost=without,
        codes=tuple(dict.fromkeys(code for each in failed for code in each.adf_codes or ()))[:_CODES],
        outcome=next((name for name in _WORST if any(each.client_outcome == name for each in failed)), None),
        first_failure=first,
        last_failure=last,
        first_success=earliest(each.first_seen for each in passed),
        last_success=success,
        failing=tuple(sorted(bad)),
        working=tuple(sorted(good - bad)),
        detected=any(each.icap_action == "ICAP_BLOCKED" and each.answer.threats for each in passed),
    )


def _count(groups: Sequence[ReportedGroup], member: str | None) -> int:
    return sum((each.count or 0) if member is None else (each.by_member or {}).get(member, 0) for each in groups)


def _state(failures: int, successes: int, times: tuple[str | None, str | None, str | None]) -> str | None:
    if not failures:
        return "ok" if successes else None
    first, last, success = times
    return "recovered" if ended_before((first, last), failures, success) else "failing"


def members_of(groups: Iterable[ReportedGroup]) -> list[str]:
    """The servers that groups name, the busiest first."""
    counts: dict[str, int] = {}
    for each in groups:
        for name, number in (each.by_member or {}).items() if not each.probe else ():
            counts[name] = counts.get(name, 0) + number
    return sorted(counts, key=lambda name: (-counts[name], name))


def together(timelines: Iterable[Sequence[Bucket]]) -> tuple[Bucket, ...]:
    """Timelines of several logs in one, in order. Equal spans are added."""
    found: dict[tuple[str, int], Bucket] = {}
    for bucket in (each for timeline in timelines for each in timeline):
        key = (bucket.start, bucket.step_s)
        found[key] = _sum(found[key], bucket) if key in found else bucket
    return tuple(found[key] for key in sorted(found))


def _sum(one: Bucket, other: Bucket) -> Bucket:
    counts = {
        name: getattr(one, name) + getattr(other, name)
        for name in one.__struct_fields__
        if name not in {"start", "step_s"}
    }
    return Bucket(start=one.start, step_s=one.step_s, **counts)
