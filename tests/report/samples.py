"""Reports built by hand, for the renderers' tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from icapdiag.facts.run import PoolSubject, ProbingVantage
from icapdiag.facts.sheet import JSONValue, from_plain
from icapdiag.model import Finding, Observation, Report, Unmatched, sheet_of, unflatten
from icapdiag.report.build import ProbedMember, build_check_report
from icapdiag.vocabulary import Severity, Status

START = datetime(2026, 1, 1, 0, 0, 0, 123_456, tzinfo=UTC)
END = datetime(2026, 1, 1, 0, 0, 1, 623_456, tzinfo=UTC)
VANTAGE: dict[str, JSONValue] = {
    "host": "jump1",
    "source_address": "10.0.0.9",
    "source_addresses": ["10.0.0.9"],
    "platform": "Linux 6.1 x86_64",
    "python": "3.11.7",
    "icapdiag": "0.1.0",
    "interfaces": [],
    "resolvers": ["10.0.0.53"],
    "resolvers_given": False,
    "clock_synchronised": True,
    "clock_max_error_ms": 1.5,
    "routes": [{"interface": "eth0", "gateway": "10.0.0.1", "members": 3}],
    "caveat": "This host stands in for the Service Engine.",
}
SUBJECT: dict[str, JSONValue] = {"pool": "ICAP-POOL-GROUP", "service_uri": "/avscan", "source": "pool.yaml"}

NO_UNMATCHED = Unmatched()


def observation(
    probe: str,
    status: Status = Status.OK,
    reason: str | None = None,
    *,
    member: str = "10.0.0.5:1344",
    elapsed_ms: float | None = 0.42,
    **facts: JSONValue,
) -> Observation:
    return Observation(
        source="probe",
        probe=probe,
        pool="ICAP-POOL-GROUP",
        member=member,
        status=status,
        reason=reason,
        elapsed_ms=None if status in (Status.BLOCKED, Status.SKIPPED) else elapsed_ms,
        facts=sheet_of("probe", probe, facts),
    )


def member(host: str, *observations: Observation) -> ProbedMember:
    name = f"{host}:1344"
    return ProbedMember(
        name=name, host=host, port=1344, observations=tuple(replace(o, member=name) for o in observations)
    )


HEALTHY = member(
    "10.0.0.5",
    observation("dns", Status.SKIPPED, "not-asked"),
    observation("tcp", address="10.0.0.5", local_address="10.0.0.9"),
    observation("tls", Status.SKIPPED, "not-asked"),
    observation("options", elapsed_ms=1.26, address="10.0.0.5", icap_status=200),
    observation("clean", elapsed_ms=12.6, address="10.0.0.5", icap_status=204, verdict="allowed"),
    observation(
        "eicar",
        elapsed_ms=15.2,
        address="10.0.0.5",
        icap_status=200,
        verdict="blocked",
        threats=["Eicar-Test-Signature"],
    ),
)
REFUSED = member(
    "10.0.0.6",
    observation("dns", Status.SKIPPED, "not-asked"),
    observation("tcp", Status.FAILED, "refused", address="10.0.0.6", error="[Errno 111] Connection refused"),
    observation("tls", Status.SKIPPED, "not-asked"),
    *(observation(probe, Status.BLOCKED, "tcp", address="10.0.0.6") for probe in ("options", "clean", "eicar")),
)
DISABLED = member("10.0.0.7", observation("", Status.SKIPPED, "disabled"))
NAMED = member(
    "icap.example.com",
    observation("dns", elapsed_ms=2.0, addresses=["10.0.1.1", "10.0.1.2"]),
    observation("tcp", address="10.0.1.1"),
    observation("options", Status.FAILED, "icap-status", address="10.0.1.1", icap_status=404),
    observation("clean", Status.FAILED, "icap-status", address="10.0.1.1", icap_status=500, verdict="error"),
    observation("tcp", Status.FAILED, "timeout", address="10.0.1.2", elapsed_ms=5000.0),
    observation("options", Status.BLOCKED, "tcp", address="10.0.1.2"),
    observation("clean", Status.BLOCKED, "tcp", address="10.0.1.2"),
)
UNTESTED = member("10.0.0.8", observation("tcp", Status.ERROR, "interrupted", elapsed_ms=None))

TCP_REFUSED = Finding(
    id="tcp-refused",
    severity=Severity.CRITICAL,
    title="The server refuses TCP connections",
    members=("10.0.0.6:1344",),
    count=1,
    evidence=(
        unflatten(
            {
                "source": "probe",
                "probe": "tcp",
                "pool": "ICAP-POOL-GROUP",
                "member": "10.0.0.6:1344",
                "status": "failed",
                "reason": "refused",
                "elapsed_ms": 0.42,
                "error": "[Errno 111] Connection refused",
            }
        ),
    ),
    meaning="Nothing listens on the port: the ICAP service is\nstopped, or it listens elsewhere.",
    remedy=("On the ICAP server: start the service, then run `ss -ltn`.", "On Avi: check the port of the pool member."),
    runbook="runbooks/tcp-refused.md",
)


def report(
    members: Sequence[ProbedMember] = (HEALTHY, REFUSED, DISABLED),
    findings: tuple[Finding, ...] = (TCP_REFUSED,),
    *,
    unmatched: Unmatched = NO_UNMATCHED,
    complete: bool = True,
    notes: Sequence[str] = (),
    subject: Mapping[str, JSONValue] = SUBJECT,
    vantage: Mapping[str, JSONValue] = VANTAGE,
) -> Report:
    return build_check_report(
        subject=from_plain(PoolSubject, subject),
        vantage=from_plain(ProbingVantage, vantage),
        members=members,
        findings=findings,
        unmatched=unmatched,
        started_at=START,
        finished_at=END,
        complete=complete,
        notes=notes,
    )
