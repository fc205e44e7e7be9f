"""Each virtual service by its configuration and the logs: do uploads reach ICAP, and did any?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from icapdiag.facts.config import LintSubject, ServiceSummary
from icapdiag.facts.groups import ReportedGroup
from icapdiag.facts.joined import JoinedService
from icapdiag.joined.source import Source
from icapdiag.joined.uploads import FAILED, PASSED, go_past, number, uploads


def services(
    sources: Sequence[Source],
    groups: Sequence[ReportedGroup],
    entries: int | None,
    unscannable: Collection[ReportedGroup] = (),
    unused: Collection[str] = (),
) -> Iterator[JoinedService]:
    """``entries`` of the logs, with ICAP or without; None: no log was given. ``unscannable`` and ``unused`` are
    those of `uploads`.

    Entries are assigned to virtual services only if the configuration has several.
    """
    subjects = [each.report.subject for each in sources if isinstance(each.report.subject, LintSubject)]
    found = [each for subject in subjects for each in subject.services]
    if not found:  # then none of the configuration uses ICAP
        names = [name for subject in subjects for name in subject.without_icap or ()]
        found = [ServiceSummary(name=name, scanned="no", why="nothing-attached") for name in names]
    for each in found:
        name = None if len(found) == 1 else each.name or ""
        logged = uploads(groups, unscannable, unused, service=name, fail_action=each.fail_action)
        yield JoinedService(
            virtualservices=(each.name,) if each.name else None,
            scanned=each.scanned,
            why=each.why,
            fail_action=each.fail_action,
            log_entries=entries if name is None else None,
            log_scanned=None if entries is None else _count(groups, name, PASSED),
            log_failures=None if entries is None else _count(groups, name, (FAILED,)),
            log_past=True if go_past(groups, name) else None,
            log_uploads=logged.state if logged else None,
            log_uploads_at=logged.at if logged else None,
        )


def _count(groups: Sequence[ReportedGroup], service: str | None, actions: Sequence[str]) -> int:
    return sum(number(each, service) for each in groups if each.icap_action in actions and not each.probe)
