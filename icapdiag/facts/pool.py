"""Facts of a pool as a whole: how its members compare, the rules that they keep to, its configuration."""

from __future__ import annotations

from typing import Annotated

import msgspec

from icapdiag.facts.connection import ProbeSheet
from icapdiag.facts.sheet import (
    MemberName,
    MemberPattern,
    Moment,
    Ordinal,
    Person,
    Record,
    RunbookID,
    Sheet,
    Text,
    Word,
    about,
)
from icapdiag.vocabulary import Severity

COMPARED = ("product", "service", "service_id", "server", "istag", "methods", "allow", "preview", "max_connections",
             "options_ttl", "transfer_preview", "transfer_ignore", "transfer_complete", "x_include", "options_status",
             "clean_status", "clean_verdict", "eicar_verdict", "transport", "tls_version", "cipher", "cert_issuer",
             "cert_sha256", "cert_days_left", "family", "source_address", "route", "rtt", "scan_time", "clock_offset",
             "tcp_outcome", "tls_outcome", "options_outcome", "clean_outcome", "eicar_outcome", "address",
             "identity")  # fmt: skip
DIFFERENCES = ("outlier", "two-groups", "several-groups", "all-different", "same-server")
SUPPRESSION_STATES = ("expired", "unused", "no-such-member")


class ValueGroup(Record):
    """The members that have one value in common."""

    nulls = required = frozenset({"value", "members"})
    value: Annotated[Text | None, about("value", "(none): no value; (changes): several values")] = None
    count: Annotated[int | None, about("count", "number of members", "members")] = None
    members: Annotated[tuple[MemberName, ...] | None, about("members", "their names")] = None


class Difference(ProbeSheet):
    """pool: one fact in which members differ, or are equal and should not be; about one of them or about all."""

    fact: Annotated[
        Word | None,
        about("fact", "what differs between the members, or is equal and should not be", values=COMPARED),
    ] = None
    kind: Annotated[
        Word | None,
        about(
            "kind",
            "how the values are distributed: outlier, one member differs from a majority, and the observation is about"
            " it; same-server, about a member that shares its server; the others are about no single member",
            values=DIFFERENCES,
        ),
    ] = None
    values: Annotated[tuple[Text, ...] | None, about("values", "the most frequent first, 20 at most")] = None
    value_groups: Annotated[tuple[ValueGroup, ...] | None, about("members by value", "each: value, count, members")] = (
        None
    )
    majority_value: Annotated[Text | None, about("majority's value", "the value of the majority, with outlier")] = None
    majority_members: Annotated[tuple[MemberName, ...] | None, about("majority", "its members, 20 at most")] = None
    majority_count: Annotated[int | None, about("majority size", "number of its members", "members")] = None
    value: Annotated[
        Text | None,
        about("value", "of the outlier; (none) without one, (changes) if it has several"),
    ] = None
    same_as: Annotated[
        tuple[MemberName, ...] | None,
        about("same server as", "other members that are, or likely are, the same server"),
    ] = None


class ComparedFact(Record):
    """The members compared by one fact."""

    required = frozenset({"fact", "kind", "value_groups", "outliers", "unknown"})
    fact: Annotated[Word, about("fact", "which one", values=COMPARED)] = ""
    kind: Annotated[
        Word, about("kind", "how the values are distributed", values=("same", *DIFFERENCES), closed=True)
    ] = ""
    value_groups: Annotated[tuple[ValueGroup, ...], about("members by value", "the largest group first")] = ()
    outliers: Annotated[tuple[MemberName, ...], about("outliers", "with outlier: members outside the majority")] = ()
    unknown: Annotated[
        tuple[MemberName, ...],
        about("unknown", "members without a result; NAME at ADDRESS for one address of several"),
    ] = ()


class PoolFigures(Record):
    """Figures of the pool for conditions about one of its members: ``pool.members`` and so on."""

    members: Annotated[int | None, about("members", "of the pool, including disabled ones")] = None
    other_members: Annotated[int | None, about("other members", "enabled members other than this one")] = None
    other_members_ok: Annotated[
        int | None,
        about(
            "other members ok",
            "those of them without a critical finding, whose samples had the expected verdict; unknown where there is"
            " none and some were not tested",
        ),
    ] = None
    other_members_untested: Annotated[
        int | None,
        about("other members untested", "where none is ok: those at which no upload was tested, and nothing failed"),
    ] = None


class LoggedPoolFigures(Record):
    """The same in a log, beside the members that a record is about."""

    other_members_answering: Annotated[
        int | None, about("other members answering", "of a log: those that answered, without a critical finding")
    ] = None
    answering_otherwise: Annotated[
        bool | None, about("answering otherwise", "of a log: all members that it is about answered other requests well")
    ] = None
    scanned_uploads: Annotated[
        tuple[Text, ...] | None,
        about(
            "scanned in this log",
            "a few uploads to the same virtual service that went through ICAP, if none had the same method and path",
        ),
    ] = None
    same_uploads_scanned: Annotated[
        tuple[Text, ...] | None,
        about("scanned at other times", "uploads with the same method and path that went through ICAP"),
    ] = None


class MemberDeviation(Record):
    """A member that deviates from a rule."""

    nulls = frozenset({"detail", "seen"})
    required = frozenset({"member", "detail", "seen", "breaks"})
    member: Annotated[MemberName | None, about("member", "its name")] = None
    detail: Annotated[Text | None, about("detail", "how it deviates")] = None
    seen: Annotated[Text | None, about("seen", "the bytes, as ISO 8859-1")] = None
    breaks: Annotated[bool | None, about("breaks", "strict clients fail on it; false: tolerated")] = None


class RuleOverview(Record):
    """One rule of RFC 3507: each member that was checked against it is named once."""

    required = frozenset(
        {"rule", "number", "section", "asks", "tolerance", "takes", "passed", "deviating", "not_tested"}
    )
    rule: Annotated[Word, about("rule", "as a slug")] = ""
    number: Annotated[Ordinal, about("number", "its number among the rules")] = 1
    section: Annotated[Word, about("section", "of RFC 3507 unless it says otherwise")] = ""
    asks: Annotated[Word, about("asks", "what it requires")] = ""
    tolerance: Annotated[Word, about("tolerance", "how clients react to a server that deviates")] = ""
    takes: Annotated[Word, about("takes", "what a test of it requires")] = ""
    passed: Annotated[tuple[MemberName, ...], about("kept by", "members that keep to it")] = ()
    deviating: Annotated[tuple[MemberDeviation, ...], about("deviating", "members that do not")] = ()
    not_tested: Annotated[tuple[MemberName, ...], about("not tested", "members without a response that shows it")] = ()


class Terms(Record):
    """Who accepts a finding, at which members, why and until when."""

    nulls = frozenset({"member_pattern"})
    member_pattern: Annotated[
        MemberPattern | None,
        about("members", "names of the members where it applies; absent: all"),
    ] = None
    owner: Annotated[Person | None, about("owner", "who is responsible")] = None
    because: Annotated[Text | None, about("because", "the reason given")] = None
    until: Annotated[Moment | None, about("until", "its last day, UTC", "ISO 8601")] = None


class SuppressedFinding(Terms):
    """A finding that a suppression in the pool file accepts."""

    required = frozenset({"id", "severity", "title", "members", "count", "member_pattern", "owner", "because", "until"})
    id: Annotated[RunbookID, about("finding", "id of the runbook")] = ""
    severity: Annotated[Severity, about("severity", "of the finding without the suppression")] = Severity.INFO
    title: Annotated[Text, about("title", "of the runbook")] = ""
    members: Annotated[tuple[MemberName, ...], about("members", "where it was found")] = ()
    count: Annotated[Ordinal, about("count", "observations that matched")] = 1


class ConfigurationObject(Sheet):
    """An object of an Avi configuration, or a suppression of a pool file."""

    object: Annotated[
        Word | None,
        about(
            "object",
            "type of Avi object: icapprofile, poolgroup, pool, server, virtualservice; suppression of a pool file",
        ),
    ] = None
    finding: Annotated[RunbookID | None, about("finding", "id of the finding that a suppression accepts")] = None
    suppression: Annotated[
        Word | None,
        about(
            "suppression",
            "what is wrong with a suppression in the pool file: it has expired, its finding did not occur, or its"
            " members are not in the pool",
            values=SUPPRESSION_STATES,
        ),
    ] = None
    terms: Terms = msgspec.field(default_factory=Terms)
    object_name: Annotated[Text | None, about("name", "its name")] = None
    icap_profiles: Annotated[int | None, about("ICAP profiles", "ICAP profiles that a virtual service refers to")] = (
        None
    )
    icap_rules: Annotated[int | None, about("ICAP rules", "reachable rules with the ICAP action")] = None
    fail_action: Annotated[
        Word | None,
        about("fail_action", "fail_action of an ICAP profile: ICAP_FAIL_OPEN (default) or ICAP_FAIL_CLOSED"),
    ] = None
    buffer_size_exceed_action: Annotated[
        Word | None, about("buffer_size_exceed_action", "action for bodies larger than buffer_size")
    ] = None
    group_fail_action: Annotated[
        Word | None,
        about("group's fail_action", "type of fail_action of a pool group or pool; absent if none is set"),
    ] = None
    broken_references: Annotated[
        tuple[Text, ...] | None,
        about("broken references", "references into another cloud or tenant"),
    ] = None
    monitor_type: Annotated[
        Word | None, about("monitor", "type of the pool's health monitor, such as HEALTH_MONITOR_TCP")
    ] = None
    monitor_request: Annotated[Text | None, about("monitor request", "what the health monitor sends, if anything")] = (
        None
    )
    enabled: Annotated[bool | None, about("enabled", "the object or server is enabled")] = None
    ratio: Annotated[int | None, about("ratio", "weight of a pool or server in its group; 0: no traffic", zero="0")] = (
        None
    )
    same_server_as: Annotated[
        tuple[MemberName, ...] | None,
        about("same server as", "other entries of the pool group with the same address and port"),
    ] = None
