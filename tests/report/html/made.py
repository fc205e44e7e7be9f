"""Reports with everything that the page can show, built by hand, and pages of any size."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from icapdiag.facts.pool import ComparedFact, ValueGroup
from icapdiag.model import Facts, Finding, JSONValue, Report, Unmatched, unflatten
from icapdiag.report.build import ProbedMember
from icapdiag.report.machine.to_json import settled
from icapdiag.vocabulary import Severity, Status
from tests.report import log_samples, samples
from tests.report.samples import observation

KIB = 1024
PROFILE: dict[str, Any] = {"profile_slow_response_warning_threshold": 400, "profile_response_timeout": 60_000}
SLOW = "10.0.0.4"
FULL_SUBJECT: Facts = {
    "pool": "ICAP-POOL-GROUP",
    "service_uri": "/avscan",
    "source": "pool.yaml",
    "vendor": "ICAP_VENDOR_OPSWAT",
    "preview_size": 5000,
    "allow_204": True,
    "response_timeout": 60_000,
}
ODD = Finding(
    id="members-differ-in-preview",
    severity=Severity.WARNING,
    title="One member takes another preview than the others",
    members=(f"{SLOW}:1344",),
    count=1,
    evidence=(
        unflatten({"source": "probe", "probe": "pool", "member": f"{SLOW}:1344", "fact": "preview", "kind": "outlier"}),
    ),
    meaning="A Service Engine sends `Preview: 0` to this one alone.",
    remedy=("On the ICAP server: set the same preview on all members.",),
    runbook="runbooks/members-differ-in-preview.md",
)


def rung(size: int, ms: float | None, *, reason: str | None = None) -> dict[str, JSONValue]:
    """One step of the size ladder; ``ms`` None: no answer."""
    return {
        "size": size,
        "status": "ok" if reason is None else "failed",
        "icap_status": None if ms is None else 204,
        "answer_ms": ms,
        "answer_clock": "kernel",
        "verdict": None if ms is None else "allowed",
        "reason": reason,
    }


def step(concurrency: int, ms: float, errors: int = 0) -> dict[str, JSONValue]:
    """One step of the load ramp; ``ms`` is its median."""
    return {
        "concurrency": concurrency,
        "requests": concurrency * 10,
        "errors": errors,
        "p50_ms": ms,
        "p95_ms": ms * 2,
        "max_ms": ms * 3,
    }


def answering(host: str, ms: float, *, breaks_at: int | None = None, errors: int = 0) -> ProbedMember:
    """A member that answers in ``ms``, with rounds, a size ladder that may break, and a load ramp."""
    ladder: list[JSONValue] = [
        rung(size, None if breaks_at is not None and size >= breaks_at else ms + size / 1e5, reason=why)
        for size in (0, 1, KIB, 1400, 64 * KIB, KIB * KIB, 4 * KIB * KIB)
        for why in ("reset" if breaks_at is not None and size >= breaks_at else None,)
    ]
    figures: list[JSONValue] = [
        {"step": name, "sent": 5, "lost": 0, "loss_percent": 0.0, "min_ms": ms / 2, "avg_ms": ms, "p95_ms": ms * 2,
         "max_ms": ms * 2.5, "uncertain": False}
        for name in ("tcp", "options", "clean")
    ]  # fmt: skip
    load: list[JSONValue] = [step(1, ms), step(4, ms * 2), step(16, ms * 6, errors)]
    return samples.member(
        host,
        observation("dns", Status.SKIPPED, "literal-address"),
        observation("tcp", address=host, local_address="10.0.0.9", rtt_ms=0.3),
        observation("options", address=host, icap_status=200, answer_ms=ms / 2, **PROFILE),
        observation("clean", address=host, icap_status=204, verdict="allowed", answer_ms=ms, **PROFILE),
        observation(
            "eicar", address=host, icap_status=200, verdict="blocked", answer_ms=ms, threats=["Eicar-Test-Signature"]
        ),
        observation("repeat", address=host, samples=figures),
        observation("size", address=host, sizes_tried=ladder),
        observation("load", address=host, steps=load),
        observation(
            "conformance",
            address=host,
            rules=[
                rule("status-line", "pass"),
                rule("options", "deviates", "OPTIONS is refused"),
                rule("encapsulated", "deviates", "the offsets are wrong", breaks=True),
                rule("preview", "not-tested"),
            ],
        ),
    )


def rule(name: str, result: str, detail: str = "", *, breaks: bool = False) -> dict[str, JSONValue]:
    """What one member does with one rule of RFC 3507: pass, deviates or not-tested."""
    return {"rule": name, "result": result, "detail": detail, "seen": detail and "ICAP/1.0 200 OK", "breaks": breaks}


def difference(fact: str, kind: str, *groups: tuple[str, tuple[str, ...]]) -> ComparedFact:
    """One fact side by side, as the comparison of the members has it."""
    return ComparedFact(
        fact=fact,
        kind=kind,
        value_groups=tuple(ValueGroup(value=value, members=members) for value, members in groups),
        outliers=tuple(name for _, members in groups[1:] for name in members) if kind == "outlier" else (),
    )


def pool_report() -> Report:
    """Five members: one refuses, one is slow and an outlier, one breaks with large bodies, two are well."""
    hosts = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    well = tuple(f"{host}:1344" for host in hosts)
    members = (
        answering("10.0.0.1", 4.0),
        answering("10.0.0.2", 5.0, errors=3),
        answering("10.0.0.3", 6.0, breaks_at=KIB * KIB),
        answering(SLOW, 800.0),
        samples.REFUSED,
    )
    built = samples.report(
        members,
        (samples.TCP_REFUSED, ODD),
        subject=FULL_SUBJECT,
        unmatched=Unmatched(count=1, examples=(samples.TCP_REFUSED.evidence[0],)),
        notes=("TLS was not verified on 1 member.",),
    )
    comparison = (
        difference("preview", "outlier", ("1024", well), ("0", (f"{SLOW}:1344",))),
        difference("istag", "two-groups", ('"a"', well[:2]), ('"b"', (well[2], f"{SLOW}:1344"))),
        difference("allow", "same", ("204", (*well, f"{SLOW}:1344"))),
    )
    return settled(replace(built, comparison=comparison))


def log_report() -> Report:
    """A log with groups, a time line and one raw answer."""
    return settled(
        log_samples.log_report((log_samples.BLOCKED, log_samples.FAILED, log_samples.DISABLED, log_samples.ANSWER))
    )


def large_report(members: int = 1000, sick_each: int = 10) -> Report:
    """A pool of that many members, every ``sick_each``-th of which refuses connections or is slow."""
    made = []
    refused: list[str] = []
    for number in range(members):
        host = f"10.{number // 62500}.{number // 250 % 250}.{number % 250 + 1}"
        if number % sick_each == 0:
            refused.append(f"{host}:1344")
            made.append(samples.member(host, *samples.REFUSED.observations))
        else:
            made.append(answering(host, 3.0 + number % 40))
    down = replace(samples.TCP_REFUSED, members=tuple(refused), count=len(refused))
    everyone = tuple(member.name for member in made)
    built = samples.report(made, (down, replace(ODD, members=everyone[1:2])), subject=FULL_SUBJECT)
    comparison = (difference("preview", "outlier", ("1024", everyone[2:]), ("0", everyone[1:2])),)
    return settled(replace(built, comparison=comparison))
