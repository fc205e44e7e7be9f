"""What every part of the program passes on: observations in, findings and reports out.

Data that nobody changes once it is made, without behaviour that needs anything else of ours, so that collecting
(``probe``), judging (``runbook``) and drawing (``report``) never import each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, field

from icapdiag.facts.config import Place
from icapdiag.facts.connection import TranscriptEntry
from icapdiag.facts.fields import sheet_type
from icapdiag.facts.groups import ReportedGroup
from icapdiag.facts.logs import Bucket
from icapdiag.facts.pool import ComparedFact, RuleOverview, SuppressedFinding
from icapdiag.facts.run import Configuration, Subject, Tool, Vantage
from icapdiag.facts.scanner import ReportedEvent, ReportedRequests
from icapdiag.facts.sheet import (
    FindingID,
    HostName,
    JSONValue,
    MemberName,
    Moment,
    Note,
    Ordinal,
    OwnText,
    PoolName,
    Record,
    RunbookID,
    Sheet,
    Text,
    Whole,
    Word,
    about,
    facts_of,
    from_plain,
    to_plain,
)
from icapdiag.vocabulary import CauseStatus, Effect, Health, Severity, Status

__all__ = ["JSONValue"]

SCHEMA_VERSION = 1

Facts = Mapping[str, JSONValue]
OFFERS = {  # a fact of clean and eicar in evidence: that of the same member's OPTIONS answer
    "offered_204": "offers_204",
    "offered_preview": "preview",
    "options_answer_ms": "answer_ms",
}

RunMoment = Annotated[
    Moment,
    Meta(extra_json_schema={"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}),
]
Milliseconds = Annotated[float, Meta(ge=0, lt=1e12, extra={"is": "a duration in milliseconds"})]
Port = Annotated[int, Meta(ge=1, le=65535)]


class Observation(Record, kw_only=True):
    """One fact sheet about one member (``check``) or one request (``explain``).

    ``facts`` are of the class that `sheet_type` has for ``source`` and ``probe``.
    ``reason`` is a `Reason`; for ``blocked`` the name of the probe that blocked it;
    for ``skipped`` a word such as ``disabled`` or ``not-asked``; None for ``ok``.
    """

    nulls = frozenset({"reason", "elapsed_ms"})
    required = frozenset({"probe", "status", "reason", "elapsed_ms", "facts"})

    source: Annotated[Word, about("source", "where it comes from: probe, log, config or scanner")]
    probe: Annotated[Word, about("probe", "which one; empty for logs, and for a member that is disabled")]
    pool: Annotated[PoolName, about("pool", "its name")]
    member: Annotated[MemberName, about("member", "its name")]
    status: Annotated[Status, about("status", "the result of the probe")]
    reason: Annotated[
        Word | None,
        about(
            "reason",
            "failed, error: a word of a closed vocabulary; blocked: the probe that failed before; skipped: why",
        ),
    ] = None
    elapsed_ms: Annotated[Milliseconds | None, about("took", "null if it never ran", "ms", changes=True)] = None
    facts: Sheet
    transcript: Annotated[
        tuple[TranscriptEntry, ...],
        about(
            "transcript",
            "check --transcript: what was sent and received, in order; absent where there is nothing",
            changes=True,
        ),
    ] = ()


class Cause(Record, kw_only=True):
    """One explanation of a finding, weighed by the facts."""

    required = frozenset({"id", "title", "status"})

    id: Annotated[OwnText, about("cause", "its name in the runbook")]
    title: Annotated[OwnText, about("title", "of the cause")]
    status: Annotated[CauseStatus, about("status", "how certain it is")]
    members: Annotated[tuple[MemberName, ...] | None, about("members", "at which it has this status")] = None
    facts: Annotated[tuple[Text, ...] | None, about("facts", "the facts behind this status")] = None


class Steps(Record, kw_only=True):
    """What to do about a finding, in this order."""

    now: Annotated[tuple[Note, ...] | None, about("now", "what stops the harm")] = None
    fix: Annotated[tuple[Note, ...] | None, about("fix", "of the causes that are not ruled out")] = None
    check: Annotated[tuple[Note, ...] | None, about("check", "what confirms the cause, and shows that it is fixed")] = (
        None
    )


FindingEffect = Annotated[
    Effect | None, about("effect", "what it means for requests behind the load balancer, as far as it is known")
]
FindingCauses = Annotated[tuple[Cause, ...] | None, about("causes", "the most certain first")]
FindingPlaces = Annotated[
    tuple[Place, ...] | None,
    about("places", "lint: the objects and fields that it is about, as they stand in the files"),
]
FindingSteps = Annotated[Steps | None, about("steps", "what to do")]


class Finding(Record, kw_only=True):
    """A runbook and the observations that matched it."""

    nulls = frozenset({"first_seen", "last_seen"})
    required = frozenset(
        {"id", "severity", "title", "members", "count", "first_seen", "last_seen", "evidence", "meaning", "remedy",
         "runbook"}
    )  # fmt: skip

    id: Annotated[FindingID, about("finding", "the runbook's file name; never reused")]
    severity: Annotated[Severity, about("severity", "how bad it is for users behind the load balancer")]
    title: Annotated[OwnText, about("title", "of the runbook")]
    members: Annotated[tuple[MemberName, ...], about("members", "where it was found")]
    count: Annotated[Ordinal, about("count", "observations that matched", changes=True)]
    first_seen: Annotated[Moment | None, about("first seen", "in a log, when", "ISO 8601, UTC", changes=True)] = None
    last_seen: Annotated[Moment | None, about("last seen", "in a log, when", "ISO 8601, UTC", changes=True)] = None
    evidence: Annotated[tuple[Observation, ...], about("evidence", "the first few that matched, flat")] = ()
    meaning: Annotated[OwnText, about("meaning", 'the runbook\'s "What it means"')] = ""
    remedy: Annotated[tuple[Note, ...], about("remedy", "first steps, most useful first")] = ()
    runbook: Annotated[OwnText, about("runbook", "runbooks/<id>.md")] = ""
    effect: FindingEffect = None
    causes: FindingCauses = None
    steps: FindingSteps = None
    places: FindingPlaces = None
    by_fail_action: Annotated[
        bool | None,
        about("by fail_action", "requests fail there, and effect is what fail_action makes of that; absent otherwise"),
    ] = None
    because_of: Annotated[
        tuple[RunbookID, ...] | None, about("because of", "findings that this one is only a consequence of")
    ] = None


class Verification(Record, kw_only=True):
    """How to see for oneself: what the commands show, and the commands, a line each."""

    required = frozenset({"shows", "commands"})

    shows: Annotated[OwnText, about("shows", "what the commands are for")] = ""
    commands: Annotated[
        OwnText,
        about("commands", "of a shell, with {host}, {port}, {service} and {service_uri} of a member; empty for none"),
    ] = ""


class Problem(Record, kw_only=True):
    """A finding at members with the same causes, and what follows from it there."""

    required = frozenset({"finding", "severity", "title", "members", "count"})

    finding: Annotated[FindingID, about("finding", "the root")]
    severity: Annotated[Severity, about("severity", "of the finding")]
    title: Annotated[OwnText, about("title", "of the finding")]
    members: Annotated[tuple[MemberName, ...], about("members", "where it was found")]
    count: Annotated[Ordinal, about("count", "observations that matched", changes=True)]
    effect: FindingEffect = None
    causes: FindingCauses = None
    steps: FindingSteps = None
    places: FindingPlaces = None
    consequences: Annotated[tuple[RunbookID, ...] | None, about("consequences", "findings that it explains")] = None
    verify: Annotated[tuple[Verification, ...] | None, about("verify", "commands that show the problem")] = None
    escalate: Annotated[
        tuple[OwnText, ...] | None, about("escalate with", "what the vendor's support needs to know")
    ] = None


class MemberReport(Record, kw_only=True):
    """One pool member with everything that was tried on it, in order."""

    nulls = frozenset({"line"})
    required = frozenset({"name", "address", "port", "verdict", "probes"})

    name: Annotated[MemberName, about("member", "its name")]
    address: Annotated[HostName, about("host", "as configured: an address or a DNS name")]
    port: Annotated[Port, about("port", "TCP")]
    line: Annotated[Ordinal | None, about("line", "of the pool file, from 1; null where there is none")] = None
    verdict: Annotated[Health, about("verdict", "on the member")]
    probes: Annotated[tuple[Observation, ...], about("probes", "in order")]


class Unmatched(Record, kw_only=True):
    """Failed observations that no runbook explains: gaps made visible."""

    required = frozenset({"count", "examples"})

    count: Annotated[Whole, about("count", "how many")] = 0
    examples: Annotated[tuple[Observation, ...], about("examples", "the first few, flat")] = ()


class Report(Record, kw_only=True):
    """What every output format is drawn from (design section 7), in the order in which it is published."""

    required = frozenset(
        {"schema_version", "tool", "command", "started_at", "finished_at", "complete", "vantage", "subject", "verdict",
         "members", "groups", "findings", "unmatched", "notes"}
    )  # fmt: skip

    redacted: Annotated[OwnText | None, about("redacted", "how; absent if the report is not redacted")] = None
    schema_version: Annotated[int, about("schema version", "of this document")] = SCHEMA_VERSION
    tool: Annotated[Tool, about("tool", "the program that made the report")] = field(default_factory=Tool)
    command: Annotated[Text, about("command", "the one that collected: check, explain, lint")]
    started_at: Annotated[RunMoment, about("started", "when the run began", "ISO 8601, UTC", changes=True)]
    finished_at: Annotated[RunMoment, about("finished", "when it ended", "ISO 8601, UTC", changes=True)]
    complete: Annotated[bool, about("complete", "false: interrupted, or some probe ended in error")]
    vantage: Annotated[Vantage, about("vantage", "where the program ran")]
    subject: Annotated[Subject, about("subject", "what was looked at")]
    configuration: Annotated[
        Configuration, about("configuration", "check: the pool with all defaults, and the options of the run")
    ] = field(default_factory=Configuration)
    verdict: Annotated[
        Health, about("verdict", "on the whole", values=("ok", "warning", "critical", "unknown"), closed=True)
    ]
    members: Annotated[tuple[MemberReport, ...], about("members", "check: of the pool, in order")] = ()
    comparison: Annotated[
        tuple[ComparedFact, ...],
        about(
            "comparison",
            "the members side by side, one fact each; empty for one member, for a pool with compare: false, and for"
            " explain",
        ),
    ] = ()
    conformance: Annotated[
        tuple[RuleOverview, ...],
        about(
            "conformance",
            "rules of RFC 3507 that each member was checked against; empty unless the probe conformance ran"
            " (--depth deep)",
        ),
    ] = ()
    groups: Annotated[
        tuple[ReportedGroup, ...],
        about(
            "groups",
            "requests of a log with the same outcome, most frequent first, and one for each raw ICAP response;"
            " empty for check",
        ),
    ] = ()
    scanner_events: Annotated[
        tuple[ReportedEvent, ...] | None,
        about("scanner's messages", "of a scanner's own log, by what they say; absent where there is none"),
    ] = None
    scanner_requests: Annotated[
        tuple[ReportedRequests, ...] | None,
        about("scanner's requests", "of an access log of c-icap or an ICAP log of Squid; absent where there is none"),
    ] = None
    timeline: Annotated[tuple[Bucket, ...], about("timeline", "of a log, oldest first; empty for check")] = ()
    findings: Annotated[tuple[Finding, ...], about("findings", "worst first")] = ()
    problems: Annotated[
        tuple[Problem, ...] | None, about("problems", "findings with what follows from them, worst first")
    ] = None
    suppressed: Annotated[
        tuple[SuppressedFinding, ...],
        about("suppressed", "findings that the pool file accepts: they count for no verdict and no exit status"),
    ] = ()
    unmatched: Annotated[Unmatched, about("unmatched", "failed observations that no runbook explains")] = field(
        default_factory=Unmatched
    )
    notes: Annotated[tuple[Note, ...], about("notes", "what the reader must know about this run")] = ()
    not_tested: Annotated[
        tuple[Note, ...] | None,
        about("not tested", "check: what was not tested, each with the reason or the option that tests it"),
    ] = None


def sheet_of(source: str, probe: str, facts: Mapping[str, Any]) -> Sheet:
    """The sheet of an observation of this source and probe, of facts by name.

    Raises TypeError for a fact that the sheet does not have, and msgspec.ValidationError for one of another type.
    """
    cls = sheet_type(source, probe)
    if strange := facts.keys() - {fact.key for fact in facts_of(cls)}:
        raise TypeError(f"{cls.__name__} has no {', '.join(sorted(strange))}")
    return from_plain(cls, to_plain(facts))


def flatten(observation: Observation) -> dict[str, JSONValue]:
    """The flat record that conditions look at: the observation's own fields, and its facts.

    A fact never hides a field of the observation itself. What the member offered, of which a part may be null, is last.
    """
    flat = {
        **to_plain(observation.facts),
        "source": observation.source,
        "probe": observation.probe,
        "pool": observation.pool,
        "member": observation.member,
        "status": str(observation.status),
        "reason": observation.reason if observation.reason is None else str(observation.reason),
        "elapsed_ms": observation.elapsed_ms,
    }
    if "options_answer_ms" in flat:
        flat |= {name: flat.pop(name, None) for name in OFFERS}
    return flat


def unflatten(record: Mapping[str, Any]) -> Observation:
    """The observation that `flatten` made ``record`` of. Raises msgspec.ValidationError where it can't be one."""
    source, probe = str(record.get("source", "")), str(record.get("probe", ""))
    reason = record.get("reason")
    return Observation(
        source=source,
        probe=probe,
        pool=str(record.get("pool", "")),
        member=str(record.get("member", "")),
        status=Status(str(record.get("status", Status.OK))),
        reason=None if reason is None else str(reason),
        elapsed_ms=record.get("elapsed_ms"),
        facts=from_plain(sheet_type(source, probe), record),
    )
