"""What became of uploads by the logs: whether they are scanned at the end, of all virtual services or of one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from icapdiag.facts.groups import ReportedGroup
from icapdiag.joined.source import earliest, latest, moment

FAILED, DISABLED = "ICAP_FAILED", "ICAP_DISABLED"
PASSED = ("ICAP_PASSED", "ICAP_MODIFIED", "ICAP_BLOCKED")
CLOSED = "ICAP_FAIL_CLOSED"
_SERVED = frozenset(
    {"passed", "modified", "blocked"}
)  # of a failed attempt: another one of the same request was answered
_QUIET = 60.0  # s without one more, at least, until it counts as over
_TIMES = 10  # as long as between two of them, at least


class Uploads(Struct, frozen=True):
    """``state``: yes, no, refused, or partly: some were not scanned until the end, and others were.

    ``at``: the last of them.
    """

    state: str
    at: str | None


def fails(group: ReportedGroup) -> bool:
    """Whether these requests failed in ICAP, and no other attempt was answered."""
    return group.icap_action == FAILED and group.client_outcome not in _SERVED and not group.probe


def number(group: ReportedGroup, service: str | None) -> int:
    """Its requests through a virtual service; None: all of them."""
    return (group.count or 0) if service is None else (group.by_virtualservice or {}).get(service, 0)


def last_of(group: ReportedGroup, service: str | None) -> str | None:
    """The time of the last one through a virtual service; None for the service: of all of them."""
    return (group.last_by_virtualservice or {}).get(service or "", group.last_seen)


def nowhere(group: ReportedGroup) -> int:
    """The failed requests that name no server: none could be selected."""
    return max((group.count or 0) - sum((group.by_member or {}).values()), 0) if fails(group) else 0


def uploads(
    groups: Iterable[ReportedGroup],
    unscannable: Collection[ReportedGroup],
    unused: Collection[str] = (),
    *,
    service: str | None = None,
    fail_action: str | None = None,
) -> Uploads | None:
    """What the log shows of uploads at its end; None: neither a scan nor a failure.

    ``unscannable``: those that the scanner blocked because it could not scan them. ``unused``: servers that health
    monitors took out of use, so that failures there are over.
    """
    own = [each for each in groups if not each.probe and number(each, service)]
    bad = [each for each in own if (fails(each) and not _only_at(each, unused)) or each in unscannable]
    scans = [each for each in own if each.icap_action in PASSED and each not in unscannable]
    at = latest(last_of(each, service) for each in (*bad, *scans))
    if not bad:
        return Uploads("yes", at) if scans else None
    if not scans:
        return Uploads(_harm(bad, fail_action), at)
    if is_over(bad, scans, service):
        return Uploads("yes", at)
    if is_over(scans, bad, service):
        end = moment(latest(last_of(each, service) for each in scans))
        return Uploads(_harm([each for each in bad if _is_after(last_of(each, service), end)], fail_action), at)
    return Uploads("partly", at)


def _only_at(group: ReportedGroup, servers: Collection[str]) -> bool:
    return not nowhere(group) and (group.by_member or {}).keys() <= {*servers}


def go_past(groups: Iterable[ReportedGroup], service: str | None = None) -> bool:
    """Whether ICAP was asked about no upload any more while others went past it."""
    own = [each for each in groups if not each.probe and number(each, service)]
    sent = [each for each in own if each.icap_action in {FAILED, *PASSED}]
    past = [each for each in own if each.icap_action == DISABLED and each.client_outcome == "unscanned"]
    return is_over(sent, past, service)


def _is_after(time: str | None, at: datetime | None) -> bool:
    found = moment(time)
    return found is not None and at is not None and found > at


def _harm(bad: Sequence[ReportedGroup], fail_action: str | None) -> str:
    """What users get: of unscanned and refused ones the former count."""
    outcomes = {each.client_outcome for each in bad}
    if "unscanned" in outcomes or (outcomes <= {"unknown", None} and fail_action != CLOSED):
        return "no"
    return "refused"


def is_over(ended: Sequence[ReportedGroup], since: Sequence[ReportedGroup], service: str | None = None) -> bool:
    """Whether none of the former came any more while the latter did: ten times as long as between two, and a minute."""
    first, last = earliest(each.first_seen for each in ended), latest(last_of(each, service) for each in ended)
    count = sum(number(each, service) for each in ended)
    return ended_before((first, last), count, latest(last_of(each, service) for each in since))


def ended_before(span: tuple[str | None, str | None], count: int, until: str | None) -> bool:
    """The same of ``count`` requests in a span, and a later time."""
    first, last, end = moment(span[0]), moment(span[1]), moment(until)
    if first is None or last is None or end is None:
        return False
    between = (last - first).total_seconds() / max(count - 1, 1)
    return (end - last).total_seconds() >= max(_QUIET, _TIMES * between)
