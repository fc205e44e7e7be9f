"""A report in which every text that may come from somebody else is a payload."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from icapdiag.report.build import ProbedMember
from icapdiag.report.machine.to_json import settled
from icapdiag.report.untyped import Facts, Finding, JSONValue, Report
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
    return settled(
        replace(
            built,
            command=first,
            tool={"name": first, "version": first},
            vantage=_vantage(batch, first),
            subject=_subject(batch, first, logs=number % 2 == 1),
            members=tuple(
                replace(member, name=payload, address=payload)
                for member, payload in zip(built.members, batch, strict=True)
            ),
            comparison=tuple(_difference(batch[at : at + 6]) for at in range(0, len(batch), 6)),
            groups=tuple(_group(payload) for payload in batch),
            unmatched=replace(built.unmatched, count=len(batch), examples=tuple(sheets[:5])),
            notes=tuple(batch),
        )
    )


def _sheet(payload: str) -> Facts:
    """A flat observation, as evidence has it; even the name of a fact may be somebody else's."""
    return {
        "source": "probe", "probe": payload, "member": payload, "pool": payload, "status": payload, "reason": payload,
        "icap_status": 500, "icap_reason": payload, "x_response_desc": payload, "x_infection_found": payload,
        "threats": [payload], "error": payload, "peer_excerpt": payload, "istag": payload, payload: payload,
        "deviations": [{"detail": payload, "section": payload, "seen": payload}],
    }  # fmt: skip


def _member(payload: str, *, column: bool) -> ProbedMember:
    """``column``: a probe has the payload as its name, too; each is a column of the matrix for all members."""
    figures: dict[str, JSONValue] = {"step": payload, "sent": 1, "lost": 0}
    return samples.member(
        "h",
        observation("options", Status.FAILED, payload, icap_reason=payload),
        observation("eicar", verdict=payload, threats=[payload], answer_ms=3.0),
        observation(payload if column else "clean", Status.BLOCKED, payload),
        observation("repeat", samples=[figures], address=payload),
        observation("size", ladder=[{"size": 1, "status": "failed", "verdict": payload, "reason": payload}]),
        observation("load", steps=[{"concurrency": 1, "requests": 1, "errors": 1, "p50_ms": 1}]),
    )


def _finding(payload: str, sheet: Facts) -> Finding:
    return Finding(
        id=payload, severity=Severity.CRITICAL, title=payload, members=(payload,), count=9, first_seen=payload,
        last_seen=payload, evidence=(sheet,), meaning=f"{payload} `{payload}`",
        remedy=(payload, f"`{payload}`"), runbook=payload,
    )  # fmt: skip


def _vantage(batch: Sequence[str], first: str) -> Facts:
    return {
        "host": first, "source_addresses": list(batch[:8]), "platform": first, "python": first, "icapdiag": first,
        "interfaces": [{"name": payload, "mtu": 1500} for payload in batch[:8]],
        "resolvers": list(batch[8:16]), "caveat": first,
    }  # fmt: skip


def _subject(batch: Sequence[str], first: str, *, logs: bool) -> Facts:
    settings = {f"{payload}{number}": payload for number, payload in enumerate(batch)}
    if not logs:
        return {"pool": first, "service_uri": first, "source": first, **settings}
    sources: list[JSONValue] = [
        {"name": payload, "label": payload, "compressed": payload, "total": 1,
         "repairs": [{"what": payload, "line": 1}], "problems": [{"reason": payload, "line": 1}]}
        for payload in batch[:50]
    ]  # fmt: skip
    return {"sources": sources, "entries": {"first_seen": first, "last_seen": first}, **settings}


def _difference(batch: Sequence[str]) -> Facts:
    camps: list[JSONValue] = [{"value": payload, "members": [payload]} for payload in batch]
    return {"fact": batch[0], "kind": "outlier", "camps": camps, "odd": list(batch[1:]), "unknown": []}


def _group(payload: str) -> Facts:
    return {
        "probe": "", "count": 1, "icap_action": payload, "client_outcome": payload, "icap_status": payload,
        "x_response_desc": payload, "threats": [payload], "members": [payload], "pools": [payload],
        "request_ids": [payload], "findings": [payload], "first_seen": payload,
    }  # fmt: skip
