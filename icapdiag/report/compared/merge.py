"""The same pool seen from several places: what fails from one place only points to the path, not the server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from icapdiag.facts.fields import POOL
from icapdiag.model import Finding, Report
from icapdiag.report.document.words import moment, pool_of
from icapdiag.vocabulary import SEVERITY_ORDER, Health, Severity, Status


class FaultDomain(StrEnum):
    """Where to look for the cause."""

    SERVER = "server"  # the same from everywhere
    PATH = "path"  # from some places only
    UNKNOWN = "unknown"  # seen from one place, and from no other was it tested; or it changed between two runs there
    NOBODY = "nobody"


_DIFFERENTLY = "fails from everywhere, each time differently: check the paths"
_SICK = {Health.CRITICAL, Health.WARNING}
_TESTED = {Status.OK, Status.FAILED}
_TOLD = {Health.OK, *_SICK}


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenFrom:
    """A member from one vantage: its verdict there, None if it was not probed, and the ids of its findings."""

    verdict: Health | None
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedMember:
    """A member from all vantages, in their order. ``detail``: its state from each."""

    member: str
    seen: tuple[SeenFrom, ...]
    whose: FaultDomain
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """``vantages`` are named by host and source address; ``notes`` say in what the runs differ."""

    pool: str
    vantages: tuple[str, ...]
    rows: tuple[MergedMember, ...]
    notes: tuple[str, ...]

    @property
    def is_sick(self) -> bool:
        return any(row.whose is not FaultDomain.NOBODY for row in self.rows)


def merge(reports: Sequence[Report]) -> Merged:
    """Compare reports of ``check``. Raises ValueError for those of other commands."""
    if any(report.command != "check" for report in reports):
        raise ValueError("only reports of icapdiag check have members to compare")
    vantages = tuple(_vantages(reports))
    names = dict.fromkeys(member.name for report in reports for member in report.members)
    rows = tuple(_row(name, reports, vantages) for name in names)
    pools = dict.fromkeys(pool_of(report).pool or "" for report in reports)
    return Merged(pool=", ".join(pools), vantages=vantages, rows=rows, notes=tuple(_notes(reports, vantages)))


def _place(report: Report) -> tuple[str, str]:
    return report.vantage.host or "?", report.vantage.source_address or ""


def _vantages(reports: Sequence[Report]) -> Iterator[str]:
    """A name for each; the same host twice gets its source address added, then the time of the run, or a number."""
    places = Counter(host for host, _ in map(_place, reports))
    named = [f"{host} ({source})" if places[host] > 1 and source else host for host, source in map(_place, reports)]
    names = [
        f"{name} at {at:%F %T}" if named.count(name) > 1 and (at := moment(report.started_at)) else name
        for name, report in zip(named, reports, strict=True)
    ]
    repeated = Counter(names)
    for number, name in enumerate(names, 1):
        yield f"{name} #{number}" if repeated[name] > 1 else name


def _row(name: str, reports: Sequence[Report], vantages: Sequence[str]) -> MergedMember:
    seen = tuple(_seen(name, report) for report in reports)
    whose, detail = FaultDomain.NOBODY, ""
    if any(one.verdict in _SICK for one in seen):
        whose, detail = _why(name, seen, reports, vantages)
    return MergedMember(member=name, seen=seen, whose=whose, detail=detail)


def _why(
    name: str, seen: Sequence[SeenFrom], reports: Sequence[Report], vantages: Sequence[str]
) -> tuple[FaultDomain, str]:
    """Where to look for the cause of what fails from some of these."""
    sick = [where for where, one in zip(vantages, seen, strict=True) if one.verdict in _SICK]
    well = [where for where, one in zip(vantages, seen, strict=True) if one.verdict is Health.OK]
    runs = [report for one, report in zip(seen, reports, strict=True) if one.verdict in _TOLD]
    failing = [report for one, report in zip(seen, reports, strict=True) if one.verdict in _SICK]
    working = [report for one, report in zip(seen, reports, strict=True) if one.verdict is Health.OK]
    begins = f"fails from {', '.join(sick)}"
    if len(runs) > 1 and not any(_looked_for(name, a, b) for a in failing for b in runs if a is not b):
        elsewhere = [where for where in vantages if where not in sick]
        others = f" from {', '.join(elsewhere)}" if elsewhere else " from the others"
        return FaultDomain.UNKNOWN, f"{begins}; the same was not tested{others}"
    if {*map(_place, failing)} & {*map(_place, working)}:
        changed = "it changed between two runs (report diff)"
        return FaultDomain.UNKNOWN, f"{begins}, works from {', '.join(well)}: {changed}"
    if well:
        return FaultDomain.PATH, f"{begins} only, works from {', '.join(well)}: check the path"
    if len(runs) < 2:
        return FaultDomain.UNKNOWN, f"{begins}; not tested from anywhere else"
    common = set.intersection(*(set(one.findings) for one in seen if one.verdict in _SICK))
    if common:
        shared = ", ".join(finding for finding in _in_order(seen) if finding in common)
        return FaultDomain.SERVER, f"the same from everywhere ({shared}): check the server"
    return FaultDomain.PATH, _DIFFERENTLY


def _looked_for(name: str, here: Report, there: Report) -> bool:
    """Whether a problem of the member here would have shown there, as the same was sent."""
    tested = {
        seen.probe for each in there.members if each.name == name for seen in each.probes if seen.status in _TESTED
    }
    problems = [found for found in here.findings if name in found.members and found.severity is not Severity.INFO]
    shown_by = [{seen.probe for seen in found.evidence} - {"", POOL} for found in problems]
    return not problems or any(not probes or probes & tested for probes in shown_by)


def _in_order(seen: Sequence[SeenFrom]) -> dict[str, None]:
    return dict.fromkeys(finding for one in seen for finding in one.findings)


def _seen(name: str, report: Report) -> SeenFrom:
    verdict = next((member.verdict for member in report.members if member.name == name), None)
    worst_first: list[Finding] = sorted(report.findings, key=lambda finding: SEVERITY_ORDER.index(finding.severity))
    return SeenFrom(verdict=verdict, findings=tuple(finding.id for finding in worst_first if name in finding.members))


def _notes(reports: Sequence[Report], vantages: Sequence[str]) -> Iterator[str]:
    pools = dict.fromkeys(pool_of(report).pool or "" for report in reports)
    if len(pools) > 1:
        yield f"The reports are of different pools: {', '.join(pools)}."
    versions = dict.fromkeys(report.tool.version or "?" for report in reports)
    if len(versions) > 1:
        yield f"They were made with different versions of icapdiag: {', '.join(versions)}."
    runbooks = {report.tool.runbooks or "" for report in reports}
    if len(runbooks) > 1:
        yield "They were made with different runbooks."
    sent = [
        any(seen.probe == "eicar" and seen.status in _TESTED for each in report.members for seen in each.probes)
        for report in reports
    ]
    if any(sent) and not all(sent):
        without = [where for where, was_sent in zip(vantages, sent, strict=True) if not was_sent]
        yield f"Detection was not tested from {', '.join(without)}: EICAR was not sent from there."
    for where, report in zip(vantages, reports, strict=True):
        if not report.complete:
            yield f"The run from {where} is not complete."
