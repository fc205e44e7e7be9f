"""Several sources as evidence: what each says of a member, in words, as a table, and what happened when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from icapdiag.facts.joined import JoinedMember, JoinedService, JoinedSubject, JoinedWhole
from icapdiag.model import Report
from icapdiag.report.document.measured import Figures
from icapdiag.report.document.words import count, joined_of, moment, names, safe_text
from icapdiag.vocabulary import Effect

KINDS = MappingProxyType(
    {
        "log": "log", "configuration": "configuration", "check": "check", "capture": "capture", "script": "SE script",
        "controller": "Controller",
    }
)  # fmt: skip
_STATES = MappingProxyType({"ok": "works", "failing": "fails", "mixed": "fails sometimes"})
_EICAR = MappingProxyType({"blocked": "EICAR blocked", "missed": "EICAR NOT DETECTED"})
_NAMED = 2
_DAY = timedelta(days=1)
_MINUTES, _SECONDS = "%H:%M", "%T"  # forms of times: a table has little room


def evidence(report: Report) -> Figures:
    """Each member by source."""
    subject = joined_of(report) or JoinedSubject()
    found = list(zip(subject.member_names, subject.joined_members, strict=False))
    columns = [
        ("health monitor", [_monitored(each, _MINUTES) for _, each in found]),
        ("log", [_logged_at(each, _MINUTES) for _, each in found]),
        ("SE script", [_scripted(each) for _, each in found]),
        ("capture", [_state(each.captured, each.capture_reason) for _, each in found]),
        ("check", [_probed(each) for _, each in found]),
    ]
    kept = [(head, cells) for head, cells in columns if any(cells)]
    rows = [
        (safe_text(name, 80), *(cells[number] or "-" for _, cells in kept)) for number, (name, _) in enumerate(found)
    ]
    return Figures(
        title="Members by source:",
        head=("member", *(head for head, _ in kept)),
        rows=rows if kept else [],
        right=range(0),
        listed=True,
    )


def _state(state: str | None, reason: str | None) -> str:
    words = _STATES.get(state or "", "")
    return words + (f" ({safe_text(reason, 40)})" if words and reason else "")


def _probed(each: JoinedMember) -> str:
    why = ": ".join(filter(None, (each.probed_step, each.probed_reason))) or None
    words = _state(each.probed, why if each.probed != "ok" else None)
    return ", ".join(filter(None, (words, _EICAR.get(each.probed_eicar or "", ""))))


def _scripted(each: JoinedMember) -> str:
    words = _state(each.scripted, each.script_reason)
    if each.scripted == "mixed":
        words = (
            f"fails at {names(each.script_failing or (), _NAMED)}, works at {names(each.script_working or (), _NAMED)}"
        )
    return ", ".join(filter(None, (words, _EICAR.get(each.scripted_eicar or "", ""))))


def _logged_at(each: JoinedMember, form: str = _SECONDS) -> str:
    if each.logged is None:
        return ""
    requests = count(each.log_requests or 0, "request")
    last = moment(each.last_failure)
    until = f" until {last:{form}}" if last else ""
    if each.configured is False and not each.log_failures:
        return f"worked ({requests}), not in the pool now"
    if not each.log_failures and each.not_selected and each.logged == "failing":
        where = f" at {names(each.engines_failing or (), _NAMED)}" if each.one_engine else until
        return (
            f"works ({requests}), not selected{where}" if each.one_engine else f"not selected{where}, before {requests}"
        )
    if not each.log_failures:
        return f"works ({requests})"
    at = f" at {names(each.engines_failing or (), _NAMED)} only" if each.one_engine and each.engines_failing else ""
    word = "recovered" if each.logged == "recovered" else "fails"
    then = ", not selected" if each.not_selected else ""
    return f"{word}: {each.log_failures:,} of {each.log_requests or 0:,}{at}{then}{until}"


def _monitored(each: JoinedMember, form: str = _SECONDS) -> str:
    words = {"mixed": f"down at {names(each.monitor_down or (), _NAMED)}"}.get(each.monitored or "", each.monitored)
    since, read = moment(each.monitor_since), moment(each.monitored_at)
    if since is not None and read is not None and read - since > _DAY:
        form = "%F"
    return safe_text(words, 80) + (f" since {since:{form}}" if words and since else "")


class Mark(NamedTuple):
    """Something that happened, for the axis of time that outcomes of the log are drawn on."""

    at: datetime
    source: str
    what: str


def marks(report: Report) -> list[Mark]:
    """What happened, but for what the outcomes themselves show; in the order of time."""
    subject = joined_of(report) or JoinedSubject()
    return [
        Mark(
            at,
            KINDS.get(each.source, ""),
            (f"{safe_text(each.member, 80)}: " if each.member else "") + safe_text(each.what),
        )
        for each in subject.events
        if each.source != "log" and (at := moment(each.time))
    ]


def events(report: Report) -> Figures:
    """What happened when, on one axis."""
    subject = joined_of(report) or JoinedSubject()
    days = {f"{at:%F}" for each in subject.events if (at := moment(each.time))}
    form = "{:%T}" if len(days) == 1 else "{:%F %T}"
    rows: list[tuple[str, ...]] = [
        (form.format(at), KINDS.get(each.source, ""), safe_text(each.member, 80) or "-", safe_text(each.what, 200))
        for each in subject.events
        if (at := moment(each.time))
    ]
    day = f" of {days.pop()}" if len(days) == 1 else ""
    return Figures(
        title=f"Events{day} (UTC):",
        head=("time", "source", "member", "event"),
        rows=rows,
        right=range(0),
        cut=((3, 30), (2, 12)),
    )


# --- what users get --------------------------------------------------------------------------------

_EFFECTS = MappingProxyType(
    {
        Effect.UNSCANNED: "Uploads{to} pass unscanned",
        Effect.REFUSED: "Legitimate uploads{to} are refused",
        Effect.SLOW: "Uploads{to} are slow",
    }
)
_FAILED = MappingProxyType({"unscanned": "passed unscanned", "refused-500": "were refused (500)"})


def users(subject: JoinedSubject, effect: Effect | None, members: Sequence[str]) -> str:
    """``Uploads sent to it pass unscanned: 60 of 90 logged requests until …``; empty without an effect."""
    to = "" if not members else " sent to it" if len(members) == 1 else " sent to them"
    own = zip(subject.member_names, subject.joined_members, strict=False)
    found = [
        each for name, each in own if (each.log_failures or each.not_selected) and (not members or name in members)
    ]
    now = _EFFECTS.get(effect or Effect.NONE, "").format(to=to)
    if not found:
        return f"{now}." if now else ""
    failed, requests = sum(each.log_failures or 0 for each in found), sum(each.log_requests or 0 for each in found)
    lost = max((each.not_selected or 0 for each in found), default=0)  # of all of them, as none could be selected
    failed, requests = failed + lost, requests + lost
    whole = subject.whole
    if not members and whole is not None and whole.log_failures:  # and those that name no server
        failed, requests = whole.log_failures, whole.log_requests or 0
    last = max((at for each in found if (at := moment(each.last_failure))), default=None)
    until = f" until {last:%F %T} UTC" if last else ""
    logged, became = f"{failed:,} of {count(requests, 'logged ICAP request')}", _failed(found)
    if effect is Effect.UNSCANNED and became == _FAILED["unscanned"]:  # said already
        return f"{now}: {logged}{until}."
    return f"{now}; {logged} {became}{until}." if now else f"{logged} {became}{until}."


def _failed(members: Sequence[JoinedMember]) -> str:
    """``passed unscanned``, or ``failed: 5 passed unscanned, 3 were refused (500)`` where profiles differ."""
    numbers: Counter[str] = Counter()
    for each in members:
        numbers[_FAILED.get(each.client_outcome or "", "failed")] += each.log_failures or 0
    if len(numbers) == 1:
        return next(iter(numbers))
    said = (f"{number:,} {words}" for words, number in numbers.most_common() if words != "failed")
    return f"failed: {', '.join(said)}"


# --- evidence of a finding -------------------------------------------------------------------------


def describe(sheet: JoinedMember | JoinedService | JoinedWhole) -> Iterator[str]:
    """Its facts in words."""
    match sheet:
        case JoinedMember():
            for label, words in (
                ("health monitor", _monitored(sheet)),
                ("log", _logged_at(sheet)),
                ("SE script", _scripted(sheet)),
                ("capture", _state(sheet.captured, sheet.capture_reason)),
                ("check", _probed(sheet)),
            ):
                if words:
                    yield f"{label}: {words}"
        case JoinedService():
            yield f"scanned by the configuration: {safe_text(sheet.scanned, 40)}"
            if sheet.why:
                yield safe_text(sheet.why, 60)
            if sheet.log_scanned is not None:
                yield f"log: {count(sheet.log_scanned, 'scanned request')}"
        case JoinedWhole():
            if sheet.log_failures is not None:
                yield f"log: {count(sheet.log_failures, 'failure')}"
            if sheet.measured_failures is not None:
                yield f"measured: {count(sheet.measured_failures, 'failure')}"
            for reason in sheet.blocked_because or ():
                yield f"blocked: {safe_text(reason, 80)}"


def where(sheet: JoinedMember | JoinedService | JoinedWhole, member: str) -> str:
    """What it is about."""
    if isinstance(sheet, JoinedService) and sheet.virtualservices:
        return f"virtual service {names(sheet.virtualservices, 1)}"
    return safe_text(member, 80) or "all sources together"
