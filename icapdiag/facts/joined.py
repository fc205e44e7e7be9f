"""What several sources say of the same member, virtual service and time, side by side: facts of `icapdiag diagnose`.

A *source* is a log, a configuration, a check, a packet capture, the output of a script, or what the Controller says.
Absent: that source is not there, or does not show it.
"""

from __future__ import annotations

from typing import Annotated

from icapdiag.facts.answer import ServiceURI
from icapdiag.facts.config import LintSubject
from icapdiag.facts.config.services import REASONS, SCANNED
from icapdiag.facts.groups import OUTCOMES
from icapdiag.facts.run import LogSubject, PoolSubject, Subject
from icapdiag.facts.sheet import (
    FileName,
    HostName,
    ISTag,
    MemberName,
    Moment,
    PoolName,
    Record,
    ServiceEngine,
    Sheet,
    Text,
    VirtualService,
    Word,
    about,
)

JOINED = "joined"  # source of such observations
MEMBER, SERVICE, WHOLE = "member", "service", "whole"  # their probes: what an observation is about
KINDS = ("log", "configuration", "check", "capture", "script", "controller")
STATES = ("ok", "failing", "mixed")
LOGGED = ("ok", "failing", "recovered")
SCANNING = ("yes", "no", "partly", "refused", "unknown")

# Facts that several classes have.
FailAction = Annotated[
    Word | None, about("fail_action", "of the ICAP profile, where a source says so: ICAP_FAIL_OPEN or ICAP_FAIL_CLOSED")
]
Outcome = Annotated[
    Word | None, about("client got", "what clients got for requests that failed, as logged", values=OUTCOMES)
]
Logged = Annotated[
    Word | None,
    about(
        "log",
        "requests to it in the log: recovered, they failed and succeed since, for ten times as long as between two"
        " failures and a minute at least",
        values=LOGGED,
    ),
]
LogRequests = Annotated[int | None, about("logged requests", "ICAP requests in the log", changes=True)]
LogFailures = Annotated[int | None, about("logged failures", "of these, those that failed", changes=True)]


class JoinedMember(Sheet):
    """A member by all sources."""

    host: Annotated[HostName | None, about("host", "address or name")] = None
    port: Annotated[int | None, about("port", "TCP")] = None
    service_uri: ServiceURI = None
    fail_action: FailAction = None
    client_outcome: Outcome = None

    probed: Annotated[
        Word | None, about("check", "from this host: a harmless upload is answered, or a step fails", values=STATES)
    ] = None
    probed_eicar: Annotated[
        Word | None,
        about("EICAR", "in that check: blocked, or missed: allowed", values=("blocked", "missed")),
    ] = None
    probed_reason: Annotated[Word | None, about("check's reason", "why the first step fails")] = None
    probed_step: Annotated[Word | None, about("failing step", "of the check: the first")] = None
    probed_at: Annotated[Moment | None, about("checked", "when", "ISO 8601", changes=True)] = None
    hosts_working: Annotated[tuple[HostName, ...] | None, about("works from", "hosts whose checks it passes")] = None
    hosts_failing: Annotated[tuple[HostName, ...] | None, about("fails from", "hosts whose checks it fails")] = None

    scripted: Annotated[Word | None, about("script", "on Service Engines, by icapdiag's script", values=STATES)] = None
    scripted_eicar: Annotated[
        Word | None, about("EICAR by script", "blocked, or missed: allowed", values=("blocked", "missed"))
    ] = None
    script_reason: Annotated[Word | None, about("script's reason", "why the first step fails there")] = None
    script_step: Annotated[Word | None, about("script's failing step", "the first")] = None
    script_working: Annotated[
        tuple[ServiceEngine, ...] | None, about("works from SE", "Service Engines where it works by the script")
    ] = None
    script_failing: Annotated[
        tuple[ServiceEngine, ...] | None, about("fails from SE", "Service Engines where it fails by the script")
    ] = None
    scripted_at: Annotated[Moment | None, about("script ran", "when", "ISO 8601", changes=True)] = None

    captured: Annotated[Word | None, about("capture", "requests to it in a capture", values=STATES)] = None
    capture_reason: Annotated[Word | None, about("capture's reason", "why the first request fails there")] = None
    capture_step: Annotated[Word | None, about("capture's failing step", "the first")] = None
    captured_at: Annotated[Moment | None, about("captured", "the last packet", "ISO 8601", changes=True)] = None

    logged: Logged = None
    log_requests: LogRequests = None
    log_failures: LogFailures = None
    adf_codes: Annotated[tuple[Word, ...] | None, about("ADF codes", "of the logged failures")] = None
    first_failure: Annotated[Moment | None, about("first failure", "in the log", "ISO 8601", changes=True)] = None
    last_failure: Annotated[Moment | None, about("last failure", "in the log", "ISO 8601", changes=True)] = None
    last_success: Annotated[Moment | None, about("last success", "in the log", "ISO 8601", changes=True)] = None
    engines_failing: Annotated[
        tuple[ServiceEngine, ...] | None, about("failing SEs", "Service Engines with logged failures there")
    ] = None
    engines_working: Annotated[
        tuple[ServiceEngine, ...] | None, about("working SEs", "Service Engines without a logged failure there")
    ] = None
    engines_meanwhile: Annotated[
        bool | None,
        about(
            "works for others in the same minutes",
            "the log has failures and successes of the same minutes, at least one of each a minute",
        ),
    ] = None
    one_engine: Annotated[
        bool | None, about("one SE only", "it fails from one Service Engine, and works from another")
    ] = None
    works_meanwhile: Annotated[
        bool | None,
        about(
            "check works between these failures",
            "a check from this host works within a series of failures from others (capture, scripts, log), at least one"
            " a minute, none of which succeeds",
        ),
    ] = None
    not_selected: Annotated[
        int | None,
        about(
            "not selected",
            "requests of the log that failed without a server of its pool: none could be selected",
            changes=True,
        ),
    ] = None
    configured: Annotated[
        bool | None, about("configured", "false: the configuration has other servers, and not this one")
    ] = None
    others_ok: Annotated[
        int | None, about("other members ok", "other members of its pool group that work by the latest source")
    ] = None

    monitored: Annotated[
        Word | None,
        about("health monitor", "as the Controller says; mixed: not the same on all Service Engines",
              values=("up", "down", "mixed")),
    ] = None  # fmt: skip
    monitor_reason: Annotated[Text | None, about("monitor's reason", "why it is down")] = None
    monitor_since: Annotated[Moment | None, about("monitor since", "its latest change", "ISO 8601", changes=True)] = (
        None
    )
    monitor_down: Annotated[
        tuple[ServiceEngine, ...] | None, about("down on SE", "Service Engines that have it marked down")
    ] = None
    out_of_use: Annotated[
        bool | None,
        about("out of use", "health monitors have it marked down, no request failed there since, and others work"),
    ] = None
    monitored_at: Annotated[Moment | None, about("monitor read", "when", "ISO 8601", changes=True)] = None

    changed_objects: Annotated[
        tuple[Text, ...] | None,
        about("changed objects", "of the configuration, in the 15 minutes before the first logged failure"),
    ] = None
    change_lead_s: Annotated[
        int | None,
        about(
            "change before failure", "from the last of these changes to the first failure", "s", zero="0", changes=True
        ),
    ] = None
    worked_before: Annotated[
        bool | None, about("worked before", "the log shows successes, of any member, before the first failure")
    ] = None

    istag_before: Annotated[ISTag | None, about("ISTag before", "of an earlier source")] = None
    istag_now: Annotated[ISTag | None, about("ISTag now", "of the latest source that shows it")] = None
    istag_replaced: Annotated[bool | None, about("ISTag replaced", "it differs between these sources")] = None
    service_before: Annotated[
        Text | None, about("Service before", "header of its OPTIONS answer, by an earlier source")
    ] = None
    service_now: Annotated[Text | None, about("Service now", "header of its latest OPTIONS answer")] = None
    service_replaced: Annotated[bool | None, about("Service replaced", "it differs between these sources")] = None
    blocked_before: Annotated[
        bool | None, about("blocked before", "it blocked EICAR, or a virus, by an earlier source")
    ] = None
    changed_after: Annotated[
        Moment | None, about("changed after", "the latest time with the ISTag before", "ISO 8601", changes=True)
    ] = None
    changed_before: Annotated[
        Moment | None, about("changed before", "the earliest time with the other one", "ISO 8601", changes=True)
    ] = None


class JoinedService(Sheet):
    """A virtual service by its configuration and the log."""

    virtualservices: Annotated[tuple[VirtualService, ...] | None, about("virtual service", "its name")] = None
    scanned: Annotated[Word | None, about("scanned", "uploads reach ICAP by the configuration", values=SCANNED)] = None
    why: Annotated[Word | None, about("why", "they do not, or nobody can say", values=REASONS)] = None
    log_entries: Annotated[int | None, about("logged entries", "of all requests", changes=True)] = None
    log_scanned: Annotated[
        int | None, about("scanned entries", "those that ICAP passed, modified or blocked", changes=True)
    ] = None
    log_failures: LogFailures = None
    fail_action: FailAction = None
    log_past: Annotated[
        bool | None, about("past ICAP", "uploads went past ICAP in the log since it was asked about the last one")
    ] = None
    log_uploads: Annotated[
        Word | None, about("uploads", "at the end of the log, of those that were sent to ICAP", values=SCANNING)
    ] = None
    log_uploads_at: Annotated[Moment | None, about("uploads until", "the last of them", "ISO 8601", changes=True)] = (
        None
    )


class JoinedWhole(Sheet):
    """All sources together."""

    scanning: Annotated[
        Word | None,
        about("scanning", "whether uploads are scanned, by the latest source that shows it", values=SCANNING),
    ] = None
    fail_action: FailAction = None
    client_outcome: Outcome = None
    logged: Logged = None
    log_entries: Annotated[int | None, about("logged entries", "of all requests", changes=True)] = None
    log_requests: LogRequests = None
    log_failures: LogFailures = None
    throttled_at: Annotated[
        int | None, about("log ceiling", "entries a second that the log never exceeds", "1/s", changes=True)
    ] = None
    measured_requests: Annotated[
        int | None, about("measured requests", "ICAP requests, as Service Engines counted them", changes=True)
    ] = None
    measured_failures: Annotated[
        int | None, about("measured failures", "ICAP failures, as Service Engines counted them", changes=True)
    ] = None
    failures_not_logged: Annotated[
        int | None, about("failures not logged", "measured failures less logged ones", zero="0", changes=True)
    ] = None
    failures_hidden: Annotated[
        bool | None,
        about(
            "log hides failures",
            "of 100 measured failures or more, the log has a hundredth at most, or a tenth at most and of its requests"
            " a tenth of the measured share",
        ),
    ] = None
    failures_go_on: Annotated[
        bool | None, about("failures go on", "they were measured in the last ten minutes of the time that was measured")
    ] = None
    servers_shared: Annotated[
        int | None,
        about("servers in both", "servers of the log that are in the pool, or were checked", zero="0"),
    ] = None
    hosts_shared: Annotated[int | None, about("hosts in both", "the same, without regard to ports", zero="0")] = None
    configuration_findings: Annotated[
        tuple[Word, ...] | None, about("findings in the configuration", "ids of these")
    ] = None
    failing_findings: Annotated[
        tuple[Word, ...] | None, about("findings of failures", "ids of those of the log that say why requests failed")
    ] = None
    blocked_unscanned: Annotated[
        int | None,
        about("blocked without a scan", "requests that the scanner blocked because it could not scan", changes=True),
    ] = None
    blocked_because: Annotated[tuple[Text, ...] | None, about("blocked because", "as logged, for these requests")] = (
        None
    )
    blocked_findings: Annotated[tuple[Word, ...] | None, about("their findings", "that explain these requests")] = None
    members_failing: Annotated[
        tuple[MemberName, ...] | None, about("failing members", "those that fail by the latest source")
    ] = None
    members_working: Annotated[int | None, about("working members", "those that work by the latest source")] = None


SHEETS: dict[str, type[Sheet]] = {MEMBER: JoinedMember, SERVICE: JoinedService, WHOLE: JoinedWhole}


class EvidenceSource(Record):
    """One source, and what it covers."""

    required = frozenset({"kind", "name"})
    kind: Annotated[Word, about("kind", "what it is", values=KINDS)] = ""
    name: Annotated[FileName, about("source", "the file or folder, or the pool that was checked")] = ""
    seen_from: Annotated[HostName | None, about("seen from", "the host that saw it; absent: Avi itself")] = None
    first_seen: Annotated[Moment | None, about("from", "the first time in it", "ISO 8601", changes=True)] = None
    last_seen: Annotated[Moment | None, about("to", "the last time in it", "ISO 8601", changes=True)] = None
    complete: Annotated[bool | None, about("complete", "false: it is only a part")] = None


class Event(Record):
    """Something that happened at a time, by one source."""

    required = frozenset({"time", "source", "what"})
    time: Annotated[Moment, about("time", "when", "ISO 8601", changes=True)] = ""
    source: Annotated[Word, about("source", "that shows it", values=KINDS)] = ""
    what: Annotated[Text, about("event", "what happened")] = ""
    member: Annotated[MemberName | None, about("member", "at which")] = None


class JoinedSubject(Subject):
    """diagnose: several sources, joined."""

    required = frozenset({"evidence"})
    evidence: Annotated[tuple[EvidenceSource, ...], about("evidence", "the sources, in the order of time")] = ()
    inputs: Annotated[tuple[FileName, ...], about("inputs", "as given on the command line")] = ()
    pool: Annotated[PoolName | None, about("pool", "its name")] = None
    scanning: Annotated[
        Word | None,
        about("scanning", "whether uploads are scanned, by the latest source that shows it", values=SCANNING),
    ] = None
    scanning_by: Annotated[Word | None, about("shown by", "the source that shows it", values=KINDS)] = None
    scanning_at: Annotated[Moment | None, about("shown at", "the time of that", "ISO 8601", changes=True)] = None
    detection_tested: Annotated[bool | None, about("detection tested", "EICAR was sent, or a virus was blocked")] = None
    whole: Annotated[JoinedWhole | None, about("whole", "all sources together")] = None
    scanning_services: Annotated[
        tuple[VirtualService, ...] | None, about("virtual services", "that this holds for; absent: all")
    ] = None
    joined_members: Annotated[tuple[JoinedMember, ...], about("members", "each by all sources")] = ()
    member_names: Annotated[tuple[MemberName, ...], about("member names", "in the order of members")] = ()
    events: Annotated[tuple[Event, ...], about("events", "on one axis of time")] = ()
    log: Annotated[LogSubject | None, about("log", "what was read of logs")] = None
    configuration: Annotated[LintSubject | None, about("configuration", "what was looked at of it")] = None
    tested: Annotated[PoolSubject | None, about("tested", "the pool of check, capture or script")] = None
