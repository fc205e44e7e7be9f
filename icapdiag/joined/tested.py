"""What a check, a capture or a script says of one member: its first failing step, EICAR, its ISTag."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import Sightings
from icapdiag.facts.sheet import Sheet
from icapdiag.joined.source import earliest, latest
from icapdiag.model import MemberReport, Observation
from icapdiag.vocabulary import Status, Verdict

_STEPS = ("dns", "tcp", "tls", "options", "clean", "upload", "eicar")  # what a Service Engine does as well
_UPLOADS = ("clean", "upload")
_REFUSED = (Verdict.BLOCKED, Verdict.ERROR)


class Tested(Struct, frozen=True, kw_only=True):
    """``state`` is one of `STATES`; ``eicar`` is blocked or missed; all are None where nothing shows it."""

    state: str | None = None
    step: str | None = None  # that fails first
    reason: str | None = None
    eicar: str | None = None
    istag: str | None = None
    service: str | None = None  # of its OPTIONS answer
    first_failure: str | None = None  # of any step, where the source has the time of each
    last_failure: str | None = None
    failures: int = 0


def tested(member: MemberReport) -> Tested:
    """What these observations of a member say."""
    steps = [each for each in member.probes if each.probe in _STEPS]
    bad = next((each for each in steps if _is_bad(each)), None)
    failed = [part for each in steps if _is_bad(each) and (part := each.facts.part(Sightings)) is not None]
    good = [each for each in steps if each.status is Status.OK and not _is_bad(each) and each.probe != "eicar"]
    uploaded = any(each.probe in _UPLOADS for each in good)
    ended = any(each.probe in _UPLOADS or each.probe == "options" for each in good)
    state = None
    if bad is not None:
        state = "mixed" if uploaded and bad.probe in {"tcp", *_UPLOADS} else "failing"
    elif ended:
        state = "ok"
    return Tested(
        state=state,
        step=bad.probe if bad else None,
        reason=_reason(bad) if bad else None,
        eicar=_eicar(member.probes),
        istag=next(_istags(member.probes), None),
        service=next(_services(member.probes), None),
        first_failure=earliest(each.first_seen for each in failed),
        last_failure=latest(each.last_seen for each in failed),
        failures=sum(each.count or 0 for each in failed),
    )


def _is_bad(seen: Observation) -> bool:
    if seen.status is Status.FAILED:
        return True
    return seen.status is Status.OK and seen.probe == "clean" and _verdict(seen.facts) in _REFUSED


def _reason(seen: Observation) -> str | None:
    return seen.reason if seen.status is Status.FAILED else str(_verdict(seen.facts))


def _verdict(sheet: Sheet) -> str | None:
    answer = sheet.part(Answer)
    return None if answer is None else answer.verdict


def _eicar(probes: Sequence[Observation]) -> str | None:
    found = {_verdict(each.facts) for each in probes if each.probe == "eicar" and each.status is Status.OK}
    if Verdict.ALLOWED in found:
        return "missed"
    return "blocked" if Verdict.BLOCKED in found else None


def _istags(probes: Sequence[Observation]) -> Iterator[str]:
    for name in ("options", "clean", "upload", "eicar"):
        for each in probes:
            answer = each.facts.part(Answer) if each.probe == name else None
            if answer is not None and answer.istag:
                yield answer.istag


def _services(probes: Sequence[Observation]) -> Iterator[str]:
    for each in probes:
        answer = each.facts.part(Answer) if each.probe == "options" else None
        if answer is not None and answer.service:
            yield answer.service
