"""A report in which every text that may come from somebody else is a payload."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from icapdiag.facts.answer import Answer
from icapdiag.facts.groups import ReportedGroup
from icapdiag.facts.logs import EntryCounts, LogSource, Remark
from icapdiag.facts.pool import ComparedFact, ValueGroup
from icapdiag.facts.run import LogSubject, NetworkInterface, PoolSubject, ProbingVantage, Tool
from icapdiag.model import Finding, JSONValue, Observation, Report, unflatten
from icapdiag.report.build import ProbedMember
from icapdiag.vocabulary import Severity, Status
from tests.report import samples
from tests.report.samples import observation


def planted(batch: Sequence[str], number: int) -> Report:
    """A report in which every text is one of ``batch``: in names, headers, reasons, findings, groups, files, notes.

    What there is once in a report, such as the pool's name, is another payload in every ``number``.
    """
    first = batch[number % len(batch)]
    members = tuple(_member(payload, column=at % 12 == number % 12) for at, payload in enumerate(batch))
    sheets = [_sheet(payload) for payload in batch]
    built = samples.report(
        members, tuple(_finding(payload, sheet) for payload, sheet in zip(batch, sheets, strict=True))
    )
    return replace(
        built,
        command=first,
        tool=Tool(name=first, version=first),
        vantage=_vantage(batch, first),
        subject=_subject(batch, first, logs=number % 2 == 1),
        members=tuple(
            replace(member, name=payload, address=payload) for member, payload in zip(built.members, batch, strict=True)
        ),
        comparison=tuple(_difference(batch[at : at + 6]) for at in range(0, len(batch), 6)),
        groups=tuple(_group(payload) for payload in batch),
        unmatched=replace(built.unmatched, count=len(batch), examples=tuple(sheets[:5])),
        notes=tuple(batch),
    )


def _sheet(payload: str) -> Observation:
    """Evidence."""
    return unflatten(
        {"source": "probe", "probe": "eicar", "member": payload, "pool": payload, "reason": payload,
         "icap_status": 500, "icap_reason": payload, "x_response_desc": payload, "x_infection_found": payload,
         "threats": [payload], "error": payload, "peer_excerpt": payload, "istag": payload,
         "deviations": [{"detail": payload, "section": payload, "seen": payload}]}
    )  # fmt: skip


def _member(payload: str, *, column: bool) -> ProbedMember:
    """``column``: a probe has the payload as its name, too; each is a column of the matrix for all members."""
    figures: dict[str, JSONValue] = {"step": payload, "sent": 1, "lost": 0}
    return samples.member(
        "h",
        observation("options", Status.FAILED, payload, icap_reason=payload),
        observation("eicar", verdict=payload, threats=[payload], answer_ms=3.0),
        observation(payload if column else "clean", Status.BLOCKED, payload),
        observation("repeat", samples=[figures], address=payload),
        observation("size", sizes_tried=[{"size": 1, "status": "failed", "verdict": payload, "reason": payload}]),
        observation("load", steps=[{"concurrency": 1, "requests": 1, "errors": 1, "p50_ms": 1}]),
    )


def _finding(payload: str, seen: Observation) -> Finding:
    return Finding(
        id=payload, severity=Severity.CRITICAL, title=payload, members=(payload,), count=9, first_seen=payload,
        last_seen=payload, evidence=(seen,), meaning=f"{payload} `{payload}`",
        remedy=(payload, f"`{payload}`"), runbook=payload,
    )  # fmt: skip


def _vantage(batch: Sequence[str], first: str) -> ProbingVantage:
    return ProbingVantage(
        host=first,
        source_addresses=tuple(batch[:8]),
        platform=first,
        python=first,
        icapdiag=first,
        interfaces=tuple(NetworkInterface(name=payload, mtu=1500) for payload in batch[:8]),
        resolvers=tuple(batch[8:16]),
        caveat=first,
    )


def _subject(batch: Sequence[str], first: str, *, logs: bool) -> PoolSubject | LogSubject:
    if not logs:
        return PoolSubject(pool=first, service_uri=first, source=first, vendor=first)
    return LogSubject(
        sources=tuple(
            LogSource(
                name=payload,
                label=payload,
                compressed=payload,
                total=1,
                corrections=(Remark(what=payload, line=1),),
                problems=(Remark(reason=payload, line=1),),
            )
            for payload in batch[:50]
        ),
        entries=EntryCounts(first_seen=first, last_seen=first),
    )


def _difference(batch: Sequence[str]) -> ComparedFact:
    groups = tuple(ValueGroup(value=payload, members=(payload,)) for payload in batch)
    return ComparedFact(fact=batch[0], kind="outlier", value_groups=groups, outliers=tuple(batch[1:]))


def _group(payload: str) -> ReportedGroup:
    return ReportedGroup(
        probe="",
        count=1,
        icap_action=payload,
        client_outcome=payload,
        answer=Answer(x_response_desc=payload, threats=(payload,)),
        members=(payload,),
        pools=(payload,),
        request_ids=(payload,),
        findings=(payload,),
        first_seen=payload,
    )
