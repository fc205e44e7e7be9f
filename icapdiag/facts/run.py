"""What is known of a run: where it looked from, what at, with which options."""

from __future__ import annotations

from typing import Annotated, ClassVar

from icapdiag.facts.logs import EntryCounts, LogSource, RecordCounts
from icapdiag.facts.sheet import (
    Address,
    FileName,
    HostName,
    Interface,
    MemberName,
    MemberPattern,
    Moment,
    Person,
    PoolName,
    ProfileName,
    Record,
    RequestID,
    RunbookID,
    RunbooksDigest,
    ServiceEngine,
    Text,
    VirtualService,
    Word,
    about,
)


class Tool(Record):
    """The program that made the report."""

    required = frozenset({"name", "version"})
    name: Annotated[Word | None, about("program", "its name", values=("icapdiag",), closed=True)] = None
    version: Annotated[Word | None, about("version", "of the program")] = None
    runbooks: Annotated[
        RunbooksDigest | None, about("runbooks", "digest of the runbooks; it differs where other runbooks were used")
    ] = None


class NetworkInterface(Record):
    """An interface through which connections were made."""

    nulls = frozenset({"mtu"})
    required = frozenset({"name", "mtu", "addresses"})
    name: Annotated[Word | None, about("interface", "its name")] = None
    mtu: Annotated[int | None, about("MTU", "of the interface", "bytes")] = None
    addresses: Annotated[tuple[Address, ...] | None, about("addresses", "this host's addresses on it")] = None


class Route(Record):
    """A route to members."""

    nulls = frozenset({"gateway"})
    required = frozenset({"interface", "gateway", "members"})
    interface: Annotated[Interface | None, about("interface", "through which it leaves")] = None
    gateway: Annotated[Address | None, about("gateway", "the next hop; null: the member is on the same network")] = None
    members: Annotated[int | None, about("members", "number of members reached by it")] = None


class Vantage(Record):
    """Where the program ran. For check it stands in for the Service Engine and is not the Service Engine."""

    nulls: ClassVar[frozenset[str]] = frozenset({"host", "source_address"})
    required = frozenset({"host", "source_address"})
    host: Annotated[HostName | None, about("host", "its name")] = None
    source_address: Annotated[Address | None, about("source address", "of this host; null: no connection was made")] = (
        None
    )
    source_addresses: Annotated[tuple[Address, ...], about("source addresses", "of this host on the connections")] = ()
    platform: Annotated[Word | None, about("platform", "operating system, release, processor")] = None
    python: Annotated[Word | None, about("Python", "its version")] = None
    icapdiag: Annotated[Word | None, about("icapdiag", "its version")] = None


class ProbingVantage(Vantage):
    """Of a check: also the routes and the clock, as the kernel reports them."""

    nulls = Vantage.nulls | {"clock_synchronised", "clock_max_error_ms"}
    interfaces: Annotated[tuple[NetworkInterface, ...] | None, about("interfaces", "with these source addresses")] = (
        None
    )
    resolvers: Annotated[tuple[Address, ...] | None, about("resolvers", "DNS servers that are queried")] = None
    resolvers_given: Annotated[bool | None, about("resolvers given", "with --resolver, not from this host")] = None
    clock_synchronised: Annotated[
        bool | None, about("clock synchronised", "as reported by the kernel; null: unknown")
    ] = None
    clock_max_error_ms: Annotated[
        float | None, about("clock's error", "the kernel's bound on the clock's error", "ms", changes=True)
    ] = None
    routes: Annotated[tuple[Route, ...] | None, about("routes", "to the members, most used first")] = None
    caveat: Annotated[Text | None, about("caveat", "what can differ from the Service Engine")] = None


class CaptureVantage(ProbingVantage):
    """Of a capture: where it was made. The host is that of the packets, not the one that read them."""

    place: Annotated[
        Word | None,
        about(
            "capture's place",
            "at which end of the ICAP connections it was made, by the times of the handshakes",
            values=("client", "server", "between", "unknown"),
        ),
    ] = None
    avi_form: Annotated[
        bool | None, about("Avi's form", "the requests have the headers of a Service Engine, in its order")
    ] = None


class ScriptVantage(ProbingVantage):
    """Of a script's output: where the script ran. The host is that one, not the one that read the output."""

    namespace: Annotated[
        Word | None, about("namespace", "the network namespace that the script ran in; absent: the host's own")
    ] = None
    shell: Annotated[Word | None, about("shell", "the version of bash that ran it")] = None


class Filters(Record):
    """Filters of a run of explain: entries that do not match are not counted."""

    nulls = frozenset({"since", "until", "pool", "member"})
    since: Annotated[Moment | None, about("since", "the earliest", "ISO 8601")] = None
    until: Annotated[Moment | None, about("until", "the latest", "ISO 8601")] = None
    pool: Annotated[PoolName | None, about("pool", "only this one")] = None
    member: Annotated[MemberName | None, about("member", "only this one")] = None
    actions: Annotated[tuple[Word, ...], about("actions", "only these")] = ()
    vs: Annotated[VirtualService | None, about("virtual service", "only this one")] = None
    client: Annotated[Address | None, about("client", "only this one")] = None
    method: Annotated[Word | None, about("method", "only this one")] = None
    path: Annotated[Text | None, about("path", "only this one")] = None
    request_id: Annotated[RequestID | None, about("request id", "only this one")] = None
    se: Annotated[ServiceEngine | None, about("Service Engine", "only this one")] = None
    rule: Annotated[Text | None, about("rule", "only this one")] = None
    content_type: Annotated[Text | None, about("content type", "only this one")] = None
    reason: Annotated[Text | None, about("reason", "only this one")] = None


class Subject(Record):
    """What was looked at."""


class PoolSubject(Subject):
    """check: a pool."""

    pool: Annotated[PoolName | None, about("pool", "its name")] = None
    service_uri: Annotated[Text | None, about("service_uri", "the path of the ICAP service")] = None
    source: Annotated[FileName | None, about("source", "the pool file, or the URLs of the command line")] = None
    vendor: Annotated[Word | None, about("vendor", "of the profile")] = None
    preview_size: Annotated[int | None, about("preview_size", "of the profile", "bytes")] = None
    allow_204: Annotated[bool | None, about("allow_204", "of the profile")] = None
    response_timeout: Annotated[int | None, about("response_timeout", "of the profile", "ms")] = None
    warn_ms: Annotated[int | None, about("slow above", "a response above this is slow", "ms")] = None
    crit_ms: Annotated[int | None, about("too slow above", "a response above this is too slow", "ms")] = None


class CaptureFileRead(Record):
    """A packet capture that was read."""

    required = frozenset({"name", "packets"})
    name: Annotated[FileName | None, about("file", "its name")] = None
    format: Annotated[Word | None, about("format", "pcap or pcapng", values=("pcap", "pcapng"))] = None
    compressed: Annotated[Word | None, about("compressed", "how, if it is")] = None
    packets: Annotated[int | None, about("packets", "read")] = None
    bytes: Annotated[int | None, about("bytes", "read, not compressed", "bytes")] = None
    first_seen: Annotated[Moment | None, about("first packet", "its time", "ISO 8601")] = None
    last_seen: Annotated[Moment | None, about("last packet", "its time", "ISO 8601")] = None
    dropped: Annotated[int | None, about("dropped", "packets that the capturing program lost, as it says")] = None
    cut: Annotated[int | None, about("cut packets", "of which only the beginning was captured")] = None
    faults: Annotated[tuple[Text, ...] | None, about("faults", "what could not be read")] = None


class CaptureSubject(PoolSubject):
    """explain: packet captures, with the members that they show."""

    required = frozenset({"captures"})
    inputs: Annotated[tuple[FileName, ...], about("inputs", "as given on the command line")] = ()
    captures: Annotated[tuple[CaptureFileRead, ...], about("captures", "one for each file read")] = ()
    packets: Annotated[int | None, about("packets", "of all files")] = None
    requests: Annotated[int | None, about("requests", "of ICAP, in all files")] = None
    connections: Annotated[int | None, about("connections", "to the members")] = None
    filters: Annotated[Filters | None, about("filters", "entries that do not match are not counted")] = None


class ScriptRun(Record):
    """One run of a script on a Service Engine."""

    required = frozenset({"host"})
    host: Annotated[ServiceEngine | None, about("Service Engine", "the name of the host that ran it")] = None
    namespace: Annotated[Word | None, about("namespace", "the network namespace; absent: the host's own")] = None
    shell: Annotated[Word | None, about("shell", "the version of bash")] = None
    user: Annotated[int | None, about("user id", "of who ran it; 0: root")] = None
    started_at: Annotated[Moment | None, about("started", "by the clock of that host", "ISO 8601", changes=True)] = None
    finished_at: Annotated[Moment | None, about("finished", "by the clock of that host", "ISO 8601", changes=True)] = (
        None
    )
    frames: Annotated[int | None, about("parts read", "of its output")] = None
    cut: Annotated[int | None, about("parts cut", "of which a piece is missing or damaged")] = None
    ended: Annotated[bool | None, about("has its end", "the last part of its output is there")] = None


class ScriptSubject(PoolSubject):
    """explain: what icapdiag's script printed on a Service Engine."""

    required = frozenset({"scripts"})
    inputs: Annotated[tuple[FileName, ...], about("inputs", "as given on the command line")] = ()
    scripts: Annotated[tuple[ScriptRun, ...], about("scripts", "one for each run of the script")] = ()


class LogSubject(Subject):
    """explain: files."""

    inputs: Annotated[tuple[FileName, ...], about("inputs", "as given on the command line")] = ()
    sources: Annotated[tuple[LogSource, ...], about("sources", "one for each file read")] = ()
    records: Annotated[RecordCounts | None, about("records", "of all files")] = None
    entries: Annotated[EntryCounts | None, about("entries", "the log as a whole")] = None
    filters: Annotated[Filters | None, about("filters", "entries that do not match are not counted")] = None


class ProfileSettings(Record):
    """The ICAP profile in force, with Avi's names and units."""

    nulls = frozenset({"preview_size"})
    service_uri: Annotated[Text | None, about("service_uri", "the path of the ICAP service")] = None
    name: Annotated[ProfileName | None, about("name", "of the profile")] = None
    description: Annotated[Text | None, about("description", "of the profile")] = None
    vendor: Annotated[Word | None, about("vendor", "such as ICAP_VENDOR_OPSWAT")] = None
    enable_preview: Annotated[bool | None, about("enable_preview", "previews are sent")] = None
    preview_size: Annotated[int | None, about("preview_size", "of a preview", "bytes")] = None
    allow_204: Annotated[bool | None, about("allow_204", "204 is allowed")] = None
    response_timeout: Annotated[int | None, about("response_timeout", "how long Avi waits", "ms")] = None
    slow_response_warning_threshold: Annotated[
        int | None, about("slow_response_warning_threshold", "slow above this", "ms")
    ] = None
    buffer_size: Annotated[int | None, about("buffer_size", "largest body that is sent to ICAP", "KB")] = None
    buffer_size_exceed_action: Annotated[Word | None, about("buffer_size_exceed_action", "action for larger ones")] = (
        None
    )
    fail_action: Annotated[Word | None, about("fail_action", "what happens to requests when ICAP fails")] = None
    pool_group_ref: Annotated[Text | None, about("pool_group_ref", "the pool group")] = None
    cloud_ref: Annotated[Text | None, about("cloud_ref", "the cloud")] = None
    tenant_ref: Annotated[Text | None, about("tenant_ref", "the tenant")] = None
    default_port: Annotated[int | None, about("default_port", "of members without one", zero="0")] = None
    stated: Annotated[
        tuple[Word, ...] | None,
        about("stated", "settings that the source gives; the others are Avi's defaults"),
    ] = None


class TLSSettings(Record):
    """How a member is reached by TLS."""

    nulls = frozenset({"server_name", "ca_file", "cert_file"})
    verify: Annotated[bool | None, about("verify", "the certificate is checked")] = None
    server_name: Annotated[HostName | None, about("server_name", "the name that it must have")] = None
    ca_file: Annotated[FileName | None, about("ca_file", "trusted CAs")] = None
    cert_file: Annotated[FileName | None, about("cert_file", "the client certificate")] = None


class ConfiguredMember(Record):
    """A member as configured."""

    nulls = frozenset({"tls"})
    required = frozenset({"host", "port", "name", "enabled", "tls"})
    host: Annotated[HostName | None, about("host", "an address or a name")] = None
    port: Annotated[int | None, about("port", "TCP")] = None
    name: Annotated[MemberName | None, about("name", "in reports")] = None
    enabled: Annotated[bool | None, about("enabled", "it is probed")] = None
    tls: Annotated[TLSSettings | None, about("tls", "null: none")] = None


class ConfiguredSuppression(Record):
    """A suppression as configured."""

    finding: Annotated[RunbookID | None, about("finding", "that is accepted")] = None
    member: Annotated[MemberPattern | None, about("member", "at these members; absent: at all")] = None
    reason: Annotated[Text | None, about("reason", "why")] = None
    owner: Annotated[Person | None, about("owner", "who is responsible")] = None
    until: Annotated[Moment | None, about("until", "its last day", "ISO 8601")] = None


class RunOptions(Record):
    """The options of a check. Times are in seconds, or in ms where the name says so."""

    nulls = frozenset({"rate", "warn_ms", "crit_ms", "family", "expected_rps", "expected_latency_ms"})
    probes: Annotated[tuple[Word, ...] | None, about("probes", "that were chosen")] = None
    eicar: Annotated[bool | None, about("eicar", "EICAR was sent")] = None
    connect_timeout: Annotated[float | None, about("connect_timeout", "for a handshake", "s")] = None
    timeout: Annotated[float | None, about("timeout", "for a transaction", "s")] = None
    dns_timeout: Annotated[float | None, about("dns_timeout", "for a name", "s")] = None
    deadline: Annotated[float | None, about("deadline", "for a member", "s")] = None
    pace: Annotated[float | None, about("pace", "between two members", "s")] = None
    rate: Annotated[float | None, about("rate", "new connections at most", "1/s")] = None
    warn_ms: Annotated[int | None, about("warn", "slow above this; null: from the profile", "ms")] = None
    crit_ms: Annotated[int | None, about("crit", "too slow above this; null: from the profile", "ms")] = None
    correlation_id: Annotated[Word | None, about("correlation_id", "sent with samples", changes=True)] = None
    resolvers: Annotated[tuple[Address, ...] | None, about("resolvers", "that were given")] = None
    resolver_port: Annotated[int | None, about("resolver_port", "of those without one")] = None
    count: Annotated[int | None, about("count", "rounds")] = None
    pause: Annotated[float | None, about("pause", "between rounds", "s")] = None
    source: Annotated[Address | None, about("source", "source address; empty: the kernel's choice")] = None
    interface: Annotated[Interface | None, about("interface", "through which connections must leave")] = None
    family: Annotated[int | None, about("family", "4 or 6; null: both")] = None
    max_addresses: Annotated[int | None, about("max_addresses", "addresses of a name to probe, at most")] = None
    idle: Annotated[float | None, about("idle", "how long a connection is left idle", "s")] = None
    load_ceiling: Annotated[int | None, about("load_ceiling", "most parallel scans")] = None
    expected_rps: Annotated[float | None, about("expected_rps", "requests to be handled", "1/s")] = None
    expected_latency_ms: Annotated[float | None, about("expected_latency", "of a scan", "ms")] = None
    max_size: Annotated[int | None, about("max_size", "of a body", "bytes")] = None
    transcript: Annotated[bool | None, about("transcript", "what was sent and received was recorded")] = None


class Configuration(Record):
    """check: the pool as it was in force, with all defaults, and the options of the run; without keys."""

    pool: Annotated[PoolName | None, about("pool", "its name")] = None
    source: Annotated[FileName | None, about("source", "the pool file, or the URLs of the command line")] = None
    profile: Annotated[ProfileSettings | None, about("profile", "Avi's names and units")] = None
    samples: Annotated[tuple[Word, ...] | None, about("samples", "that were to be sent")] = None
    compare: Annotated[bool | None, about("compare", "members are compared")] = None
    members: Annotated[tuple[ConfiguredMember, ...] | None, about("members", "in order")] = None
    suppressions: Annotated[tuple[ConfiguredSuppression, ...] | None, about("suppressions", "in order")] = None
    options: Annotated[RunOptions | None, about("options", "of the run")] = None
