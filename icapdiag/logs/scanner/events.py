"""From counted messages and requests to observations: messages that are about one fault become one event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec.structs import asdict

from icapdiag.facts.scanner import (
    C_ICAP,
    ENGINE_MISSING,
    EVENTS,
    MESSAGES,
    NO_ENGINE,
    REQUESTS,
    SCAN_FAILED,
    SCANNER,
    STATES,
    ReportedEvent,
    ReportedRequests,
    ScannerEvent,
    ScannerRequests,
)
from icapdiag.logs.counting.group import percentiles
from icapdiag.logs.counting.who import MORE
from icapdiag.logs.scanner.counting import Counted, CountedRequests, Outcome, Place, ScannerCounting
from icapdiag.model import Observation
from icapdiag.vocabulary import Status

_SHOWN = 5  # names in facts
_PASSED = frozenset(
    {"decode-failed-passed", "too-large-passed", "squidclamav-too-large"}
)  # a message for each request that passed unscanned
_REFUSED = frozenset({"too-large-refused", "denied"})  # and for each that was refused
_OF_SEVERAL = frozenset({NO_ENGINE, ENGINE_MISSING, SCAN_FAILED})  # events that several kinds of messages tell of
_ENDS = {"service-down": "service-up", "service-suspended": "service-up", NO_ENGINE: "engine-ready"}
_SQUIDCLAMAV = ("squidclamav-connect", "squidclamav-failed", "squidclamav-write")

Kinds = Mapping[str, Counted]


class Seen(NamedTuple):
    """An observation, and the counts by name that a report has beside its facts."""

    observation: Observation
    by_peer: dict[str, int]

    def reported(self, findings: tuple[str, ...]) -> ReportedEvent | ReportedRequests:
        """The same as a report has it, with the ids of the findings that explain it."""
        facts, member = self.observation.facts, self.observation.member or None
        if isinstance(facts, ScannerRequests):
            return ReportedRequests(**asdict(facts), member=member, by_peer=self.by_peer or None, findings=findings)
        return ReportedEvent(**asdict(facts), member=member, findings=findings)


def seen(counting: ScannerCounting) -> list[Seen]:
    """Everything that was counted: messages, then requests; what failed, and then what is most frequent, first."""
    events = (
        Seen(_observation(MESSAGES, place, event, failed=not _is_harmless(event)), {})
        for place, kinds in counting.messages.items()
        for event in _events(place, kinds)
    )
    groups = (_requests(key, group) for key, group in counting.requests.items())
    return [*sorted(events, key=_rank), *sorted(groups, key=_rank)]


def _is_harmless(event: ScannerEvent) -> bool:
    """What a scanner logs that does its work, or that has few spare threads by its settings."""
    return event.event == "virus-found" or (event.event == "threads-busy" and bool(event.threads_free))


def _rank(found: Seen) -> tuple[bool, int]:
    facts = found.observation.facts
    count = facts.count if isinstance(facts, ScannerRequests) else getattr(facts, "messages", None)
    return found.observation.status is Status.OK, -(count or 0)


def _observation(probe: str, place: Place, facts: ScannerEvent | ScannerRequests, *, failed: bool) -> Observation:
    return Observation(
        source=SCANNER,
        probe=probe,
        pool="",
        member=place.member,
        status=Status.FAILED if failed else Status.OK,
        facts=facts,
    )


# --- messages --------------------------------------------------------------------------------------


def _events(place: Place, kinds: Kinds) -> Iterator[ScannerEvent]:
    if place.program == C_ICAP:
        yield from _of_engine(place, kinds)
    for kind, counted in kinds.items():
        if kind in EVENTS and kind not in _OF_SEVERAL:
            yield _event(place, kinds, kind, (counted,))


def _of_engine(place: Place, kinds: Kinds) -> Iterator[ScannerEvent]:
    """What c-icap says of its virus engine: there is none, it was not there at the start, or it does not answer now."""
    told = [kinds[name] for name in ("no-engine-pass", "no-registry") if name in kinds]
    failing = [kinds[name] for name in ("engine-unreachable", "engine-answer", *_SQUIDCLAMAV, "scan-failed")
               if name in kinds]  # fmt: skip
    if told:
        passed = kinds.get("no-engine-pass")
        number = passed.count if passed else 0
        yield _event(place, kinds, NO_ENGINE, told, requests=number or None, passed=number or None)
    elif "engine-start" in kinds:
        yield _event(place, kinds, ENGINE_MISSING, (kinds["engine-start"],))
    if failing:
        yield _failed_scans(place, kinds, failing)


def _failed_scans(place: Place, kinds: Kinds, failing: list[Counted]) -> ScannerEvent:
    """virus_scan says that a scan failed, and then that it aborts the request, unless PassOnError is on.

    squidclamav aborts each.
    """
    failed, aborted, others = (
        kinds[name].count if name in kinds else 0 for name in ("scan-failed", "scan-aborted", "squidclamav-failed")
    )
    passed = failed if failed and not aborted else 0
    unreached = any(name in kinds for name in ("engine-unreachable", "squidclamav-failed", "squidclamav-connect"))
    number = max(failed, aborted) + others
    return _event(
        place,
        kinds,
        SCAN_FAILED,
        failing,
        requests=number or None,
        refused=aborted + others if number else None,
        passed=passed if number else None,
        reached=False if unreached else None,
    )


def _event(
    place: Place,
    kinds: Kinds,
    event: str,
    told: tuple[Counted, ...] | list[Counted],
    *,
    requests: int | None = None,
    refused: int | None = None,
    passed: int | None = None,
    reached: bool | None = None,
) -> ScannerEvent:
    """The event in these messages; the most specific one comes first."""
    first, parts = told[0], told[0].parts
    count = sum(each.count for each in told)
    if event in _PASSED:
        requests = passed = count
    elif event in _REFUSED:
        requests = refused = count
    elif event in {"virus-found", "bad-chunks"}:
        requests = count
    last = max((each.last for each in told if each.last), default=None)
    end = kinds.get(_ENDS.get(event, ""))
    engines = (kinds[name].parts.get("engine") for name in ("engine-connect", "squidclamav-connect") if name in kinds)
    of_engine = event in {NO_ENGINE, ENGINE_MISSING, SCAN_FAILED}
    state = parts.get("state", "").split(",")
    return ScannerEvent(
        program=place.program,
        log=place.log,
        event=event,
        messages=count,
        concerned_count=requests,
        refused_count=refused,
        passed_count=passed,
        essential=parts["which"] == "essential" if "which" in parts else None,
        state=tuple(word for word in STATES if word in state) or None,
        service_uri=place.service or None,
        engine_address=next(filter(None, engines), None) if of_engine else None,
        engine_reached=False if event == ENGINE_MISSING else reached,
        threads_free=first.free,
        threads_used=first.used,
        object_size_max=first.size or None,
        object_size_limit=first.limit,
        threats=tuple(first.threats.first(_SHOWN)) or None,
        peers=tuple(first.peers.first(_SHOWN)) or None,
        detail=parts.get("detail") or _signal(event, kinds),
        first_seen=min((each.first for each in told if each.first), default=None),
        last_seen=last,
        ended_at=end.last if end and end.last and last and end.last > last else None,
        zone_assumed=True if any(each.assumed for each in told) else None,
        example=first.example,
    )


def _signal(event: str, kinds: Kinds) -> str | None:
    """By which signal a process of c-icap ended, which it says in a message of its own."""
    known = kinds.get("signalled") if event == "crashed" else None
    return None if known is None else f"signal {known.parts.get('detail', '')}"


# --- requests --------------------------------------------------------------------------------------


def _requests(key: Outcome, group: CountedRequests) -> Seen:
    p50, p95, longest = percentiles(group.latencies, 0.5, 0.95, 1.0) or (None, None, None)
    place = key.place
    facts = ScannerRequests(
        program=place.program,
        log=None if place.log == MORE else place.log,
        icap_method=key.method,
        service_uri=place.service or None,
        icap_status=key.status or None,
        outcome=key.outcome or None,
        bypassed=True if key.bypassed else None,
        verdict=None if key.verdict is None else str(key.verdict),
        threats=tuple(group.threats.first(_SHOWN)) or None,
        count=group.count,
        first_seen=group.first,
        last_seen=group.last,
        zone_assumed=True if group.assumed else None,
        peers=tuple(group.peers.first(_SHOWN)) or None,
        latency_p50_ms=p50,
        latency_p95_ms=p95,
        latency_max_ms=longest,
    )
    return Seen(_observation(REQUESTS, place, facts, failed=key.failed), group.peers.all())
