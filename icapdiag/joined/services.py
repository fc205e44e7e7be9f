"""Each virtual service by its configuration and the logs: do uploads reach ICAP, and did any?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from icapdiag.facts.config import LintSubject, ServiceSummary
from icapdiag.facts.joined import JoinedService
from icapdiag.facts.logs import ReportedGroup
from icapdiag.joined.source import Source

_SCANNED = ("ICAP_PASSED", "ICAP_MODIFIED", "ICAP_BLOCKED")
_FAILED = "ICAP_FAILED"


def services(
    sources: Sequence[Source], groups: Sequence[ReportedGroup], entries: int | None
) -> Iterator[JoinedService]:
    """``entries`` of the logs, with ICAP or without; None: no log was given.

    Entries are assigned to virtual services only if the configuration has several.
    """
    found = [
        each
        for source in sources
        if isinstance(source.report.subject, LintSubject)
        for each in source.report.subject.services
    ]
    for each in found:
        own = [group for group in groups if len(found) == 1 or each.name in (group.by_virtualservice or {})]
        yield JoinedService(
            virtualservices=(each.name,) if each.name else None,
            scanned=each.scanned,
            why=each.why,
            log_entries=entries if len(found) == 1 else None,
            log_scanned=None if entries is None else _count(own, each, _SCANNED, only=len(found) == 1),
            log_failures=None if entries is None else _count(own, each, (_FAILED,), only=len(found) == 1),
        )


def _count(groups: Sequence[ReportedGroup], service: ServiceSummary, actions: Sequence[str], *, only: bool) -> int:
    return sum(
        (each.count or 0) if only else (each.by_virtualservice or {}).get(service.name or "", 0)
        for each in groups
        if each.icap_action in actions and not each.probe
    )
