"""Every fact of every class: said what it is, in the schema, redacted by its kind."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from inspect import get_annotations
from typing import Any

import pytest
from msgspec.structs import replace

from icapdiag.facts.connection import ProbeSheet
from icapdiag.facts.run import PoolSubject, ProbingVantage
from icapdiag.facts.sheet import FactField, Record, attributes_of, facts_of, parts_of
from icapdiag.model import Cause, Finding, MemberReport, Observation, Problem, Report, Steps, Unmatched, Verification
from icapdiag.report.machine.schema import schema
from icapdiag.report.machine.to_json import to_plain
from icapdiag.report.redact import NAMELESS, Pseudonyms, redact
from icapdiag.vocabulary import CauseStatus, Health, Severity, Status
from tests.facts.classes import every_class

CLASSES: tuple[type[Record], ...] = (
    *every_class(),
    Report,
    MemberReport,
    Observation,
    Finding,
    Cause,
    Steps,
    Problem,
    Unmatched,
    Verification,
)
OWN = tuple((cls, name, fact) for cls in CLASSES for name, fact in attributes_of(cls) if fact is not None)
CANARY = "Zq7Xk9vT"

# Who or what is named: to take a kind away, or to make a weaker one of it, is to let names out.
IDENTITIES = {
    "Answer.istag": "istag",
    "Answer.x_fsecure_infected_filename": "file",
    "CaptureFileRead.name": "file",
    "CaptureSubject.inputs": "file",
    "Captured.clients": "address",
    "Cause.members": "member",
    "CertificateLink.issuer": "subject",
    "CertificateLink.subject": "subject",
    "ComparedFact.outliers": "member",
    "ComparedFact.unknown": "member",
    "Configuration.pool": "pool",
    "Configuration.source": "file",
    "ConfigurationObject.same_server_as": "member",
    "ConfiguredMember.host": "host",
    "ConfiguredMember.name": "member",
    "ConfiguredSuppression.member": "pattern",
    "ConfiguredSuppression.owner": "person",
    "DNS.aaaa_unanswered_by": "address",
    "DNS.addresses": "address",
    "DNS.addresses_not_tested": "address",
    "DNS.resolvers": "address",
    "Engines.seen_from": "engine",
    "Engines.fails_from": "engine",
    "Engines.works_from": "engine",
    "DNS.silent_resolvers": "address",
    "DNS.answering_resolvers": "address",
    "DNS.closed_resolvers": "address",
    "DNS.failing_resolvers": "address",
    "DNSRecord.address": "address",
    "DNSRecord.resolver": "address",
    "Difference.majority_members": "member",
    "Difference.same_as": "member",
    "Endpoint.address": "address",
    "Endpoint.host": "host",
    "Filters.client": "address",
    "Filters.member": "member",
    "Filters.pool": "pool",
    "Filters.request_id": "request",
    "Filters.se": "engine",
    "Filters.vs": "service",
    "Finding.members": "member",
    "ScriptRun.host": "engine",
    "ScriptSubject.inputs": "file",
    "Event.member": "member",
    "EvidenceSource.name": "file",
    "EvidenceSource.seen_from": "host",
    "JoinedMember.engines_failing": "engine",
    "JoinedMember.engines_working": "engine",
    "JoinedMember.host": "host",
    "JoinedMember.hosts_failing": "host",
    "JoinedMember.hosts_working": "host",
    "JoinedMember.istag_before": "istag",
    "JoinedMember.istag_now": "istag",
    "JoinedMember.monitor_down": "engine",
    "JoinedMember.script_failing": "engine",
    "JoinedMember.script_working": "engine",
    "JoinedService.virtualservices": "service",
    "JoinedSubject.inputs": "file",
    "JoinedSubject.member_names": "member",
    "JoinedSubject.pool": "pool",
    "JoinedSubject.scanning_services": "service",
    "JoinedWhole.members_failing": "member",
    "LintSubject.inputs": "file",
    "LintSubject.profiles": "profile",
    "LintSubject.without_icap": "service",
    "LogSource.name": "file",
    "LogSubject.inputs": "file",
    "MemberDeviation.member": "member",
    "MemberReport.address": "host",
    "MemberReport.name": "member",
    "NetworkInterface.addresses": "address",
    "ObjectSheet.file": "file",
    "ObjectSheet.icap_profile": "profile",
    "ObjectSheet.virtualservices": "service",
    "Observation.member": "member",
    "Observation.pool": "pool",
    "Place.file": "file",
    "PoolSheet.server_name": "host",
    "PoolSubject.pool": "pool",
    "PoolSubject.source": "file",
    "Problem.members": "member",
    "PreviewCase.istag": "istag",
    "ProbingVantage.resolvers": "address",
    "ProfileSettings.name": "profile",
    "ProfileSheet.server_preview_of": "member",
    "PoolSheet.server_connections_of": "member",
    "ProfileSheet.shares_servers_with": "profile",
    "ReportedGroup.by_member": "member",
    "ReportedGroup.by_pool": "pool",
    "ReportedGroup.by_service_engine": "engine",
    "ReportedGroup.by_user": "person",
    "ReportedGroup.by_virtualservice": "service",
    "ReportedGroup.last_by_virtualservice": "service",
    "ReportedGroup.member": "member",
    "RequestGroup.clients": "address",
    "RequestGroup.http_hosts": "host",
    "RequestGroup.members": "member",
    "RequestGroup.pool_uuids": "pool",
    "RequestGroup.pools": "pool",
    "RequestGroup.only_service_engine": "engine",
    "RequestGroup.request_ids": "request",
    "RequestGroup.service_engines": "engine",
    "RequestGroup.users": "person",
    "RequestGroup.virtualservices": "service",
    "Repeat.istags": "istag",
    "ReportedGroup.by_client": "address",
    "ReportedGroup.by_host": "host",
    "Route.gateway": "address",
    "Route.interface": "interface",
    "RuleOverview.not_tested": "member",
    "RuleOverview.passed": "member",
    "RunOptions.interface": "interface",
    "RunOptions.resolvers": "address",
    "RunOptions.source": "address",
    "ServerSheet.host": "host",
    "Setting.file": "file",
    "ServerSheet.same_server_as": "member",
    "ServiceSummary.children_without_icap": "service",
    "ServiceSummary.name": "service",
    "VirtualServiceSheet.children_without_icap": "service",
    "VirtualServiceSheet.siblings_without_icap": "service",
    "ServiceSummary.profile": "profile",
    "ReportedEvent.member": "member",
    "ReportedRequests.by_peer": "address",
    "ReportedRequests.member": "member",
    "ScannerEvent.log": "file",
    "ScannerEvent.peers": "address",
    "ScannerRequests.log": "file",
    "ScannerRequests.peers": "address",
    "SuppressedFinding.members": "member",
    "TCP.interface": "interface",
    "TCP.local_address": "address",
    "TCP.route_gateway": "address",
    "TCP.route_interface": "interface",
    "TLS.cert_issuer": "subject",
    "TLS.cert_names": "host",
    "TLS.cert_sha256": "certificate",
    "TLS.cert_subject": "subject",
    "TLS.server_name": "host",
    "TLS.wanted_names": "host",
    "TLSSettings.ca_file": "file",
    "TLSSettings.cert_file": "file",
    "TLSSettings.server_name": "host",
    "Terms.member_pattern": "pattern",
    "Terms.owner": "person",
    "ValueGroup.members": "member",
    "Vantage.host": "host",
    "Vantage.source_address": "address",
    "Vantage.source_addresses": "address",
    "VirtualServiceSheet.overridden_by": "service",
}
SETTINGS = {"crit_ms", "expected_latency_ms", "step_s", "timeout_ms", "ttl_s", "warn_ms"}  # times that nobody measures


published = cache(schema)


def test_what_names_somebody_is_of_the_kind_that_it_was() -> None:
    assert IDENTITIES == {
        f"{_owner(cls, name).__name__}.{fact.key}": fact.kind
        for cls, name, fact in OWN
        if fact.kind and fact.kind not in NAMELESS
    }


def _owner(cls: type[Record], name: str) -> type:
    """The class that declares the attribute."""
    return next(each for each in reversed(cls.__mro__) if name in get_annotations(each))


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_each_is_said_what_it_is(cls: type[Record]) -> None:
    for fact in facts_of(cls):
        assert fact.label, fact
        assert fact.meaning, fact
        assert not fact.meaning.endswith("."), fact


def test_times_that_are_measured_are_no_news_in_another_run() -> None:
    assert SETTINGS == {fact.key for _, _, fact in OWN if fact.key.endswith(("_ms", "_s")) and not fact.changes}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_each_is_in_the_schema(cls: type[Record]) -> None:
    for fact in _own(cls):
        known = next(found for each in _definitions(cls) if (found := each.get("properties", {}).get(fact.key)))
        if fact.key == "schema_version":
            assert {"const": 1} == known
        else:
            assert fact.label == known["title"]
            assert known["description"].startswith(fact.meaning)
            assert {"$ref", "anyOf", "type", "enum"} & known.keys()


def _own(cls: type[Record]) -> list[FactField]:
    return [fact for _, fact in attributes_of(cls) if fact is not None]


def _definitions(cls: type[Record]) -> Iterator[dict[str, Any]]:
    """Of the class itself, of one that is written in its place, and of those that it is one of."""
    if cls is Report:
        yield published()
    names = (*(each.__name__ for each in (cls, *cls.__subclasses__(), *cls.__mro__)), "Evidence")
    yield from (published()["$defs"][name] for name in names if name in published()["$defs"])


def test_every_definition_is_of_a_class() -> None:
    assert set() == set(published()["$defs"]) - {cls.__name__ for cls in CLASSES} - {"Evidence", "Reason"}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_each_text_is_redacted(cls: type[Record]) -> None:
    """A canary as its value, where the class can stand in a report, is in no redacted one."""
    for name, fact in attributes_of(cls):
        if fact is None or not fact.kind or (cls, name) == (Finding, "id"):  # a finding's own id stays
            continue
        value: Any = {CANARY: 1} if fact.mapping else (CANARY,) if fact.many else CANARY
        report = _holding(replace(_empty(cls), **{name: value}))
        if fact.kind == "own":  # a text of ours, in which what is a name elsewhere is replaced
            report = replace(report, configuration=replace(report.configuration, pool=CANARY))
        assert CANARY in repr(report)

        redacted, replaced = redact(report, Pseudonyms())

        assert CANARY.lower() not in repr(to_plain(redacted)).lower(), fact
        if fact.kind not in NAMELESS:
            expected = "host" if fact.kind == "address" else fact.kind
            assert expected in {each.kind for each in replaced if each.value.lower() == CANARY.lower()}, fact


EMPTY: dict[type[Record], Record] = {
    Observation: Observation(source="probe", probe="tcp", pool="p", member="m", status=Status.OK, facts=ProbeSheet()),
    Finding: Finding(id="x", severity=Severity.INFO, title="", members=(), count=1),
    Cause: Cause(id="c", title="", status=CauseStatus.POSSIBLE),
    Problem: Problem(finding="x", severity=Severity.INFO, title="", members=(), count=1),
    MemberReport: MemberReport(name="m", address="10.0.0.1", port=1344, verdict=Health.OK, probes=()),
    Report: Report(
        command="check",
        started_at="2026-01-01T00:00:00.000Z",
        finished_at="2026-01-01T00:00:01.000Z",
        complete=True,
        verdict=Health.OK,
        vantage=ProbingVantage(),
        subject=PoolSubject(),
    ),
}


def _empty(cls: type[Record]) -> Any:
    return EMPTY[cls] if cls in EMPTY else cls()


def _holding(record: Record) -> Report:
    """A report that has the record at the first place where one of its class can stand."""
    while not isinstance(record, Report):
        holder, name, many = _holders()[type(record)]
        record = replace(_empty(holder), **{name: (record,) if many else record})
    return record


@cache
def _holders() -> dict[type[Record], tuple[type[Record], str, bool]]:
    """Where each class can stand, nearest to the report: class, attribute, whether it is a list."""
    found: dict[type[Record], tuple[type[Record], str, bool]] = {}
    waiting: list[type[Record]] = [Report]
    while waiting:
        holder = waiting.pop(0)
        held = [(part, name, False) for part, name in parts_of(holder).items()]
        held += [(fact.type, name, fact.many) for name, fact in attributes_of(holder) if fact is not None]
        for target, name, many in held:
            for cls in CLASSES:
                if issubclass(cls, target) and cls not in found and cls is not Report:
                    found[cls] = (holder, name, many)
                    waiting.append(cls)
    return found


def test_facts_of_parts_are_those_of_the_sheet() -> None:
    for cls in CLASSES:
        own = {fact.key for _, fact in attributes_of(cls) if fact is not None}
        parts = {fact.key for part in parts_of(cls) for fact in facts_of(part)}
        assert own | parts == {fact.key for fact in facts_of(cls)}
