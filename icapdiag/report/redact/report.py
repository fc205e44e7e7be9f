"""The whole report with pseudonyms: first all names in it are learnt, then every text is gone through."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from ipaddress import ip_address

from msgspec import Struct
from msgspec.structs import replace

from icapdiag.report.redact.pseudonyms import Pseudonyms, stands_for_itself
from icapdiag.report.redact.texts import Texts, says_nothing
from icapdiag.report.redact.transcript import redacted_transcript
from icapdiag.report.untyped import Facts, Finding, JSONValue, MemberReport, Observation, Report

# What a fact of this name holds, as a whole. Facts of other names are texts, gone through word by word.
_KINDS = {
    "member": "member", "members": "member", "host": "host", "server_name": "host", "cert_names": "host",
    "source_address": "address", "source_addresses": "address", "local_address": "address", "address": "address",
    "addresses": "address", "resolvers": "address", "resolver": "address", "interface": "interface",
    "pool": "pool", "pools": "pool", "pool_group": "pool", "virtualservice": "service", "virtualservices": "service",
    "service_engine": "engine", "service_engines": "engine", "request_id": "request", "request_ids": "request",
    "inputs": "file", "file": "file", "file_name": "file", "istag": "istag", "istags": "istag",
    "x_fsecure_infected_filename": "file",
    "owner": "person", "member_pattern": "pattern", "cert_sha256": "certificate", "cert_serial": "certificate",
}  # fmt: skip
_OF_SUBJECT = {"source": "file", "name": "file"}  # a pool file, and the log files
_OF_CONFIGURATION: dict[str, dict[str, str]] = {
    "profile": {"name": "profile"},
    "members": {"name": "member", "ca_file": "file", "cert_file": "file"},
    "options": {"source": "address"},
}
# Ours, and the same for everybody. Other words of ours are known to be harmless, and need no list.
_OURS = {"sample_sha256": re.compile(r"[0-9a-f]{64}"), "runbooks": re.compile(r"[0-9a-f]{8,64}")}  # a digest of them
_IDS = frozenset({"findings", "finding", "id"})
# Every field of the report is redacted or named here, which a test holds.
PLAIN = frozenset({"started_at", "finished_at", "complete", "verdict", "schema_version"})
_NO_KINDS: dict[str, str] = {}
KEPT_NOTE = "Kept as they are in this redacted report, as asked for: {}."
REDACTED_NOTE = (
    "Redacted: names, addresses and words that are not known to be harmless stand replaced by pseudonyms. "
    "The same pseudonym always stands for the same value; addresses of one network stay in one network."
)


class Replaced(Struct, frozen=True):
    """One value that was replaced. ``pseudonym`` may be ``[removed]``; ``where``: the fact that had it first."""

    kind: str
    value: str
    pseudonym: str
    count: int
    where: str


def redact(
    report: Report, pseudonyms: Pseudonyms, *, keep: Collection[str] = ()
) -> tuple[Report, tuple[Replaced, ...]]:
    """The report with pseudonyms, and what was replaced, in the order of the report.

    ``keep`` names facts whose values stay, wherever they stand: what identifies somebody is left in them.
    ``pseudonyms`` grows by what is new in this report.
    """
    return _Redaction(report, pseudonyms, frozenset(keep)).run()


def kept_values(report: Report, keep: Collection[str]) -> set[str]:
    """Names and addresses that stay, as their facts are to be kept."""
    kept = {value for value, _, fact in _named_facts(report) if fact in keep}
    return kept | {address for address, _ in map(_endpoint, kept) if address}


def known_values(report: Report, keep: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """Every name and address that the report gives as such and that is to be replaced, with its kind."""
    kept = kept_values(report, keep)
    for name, kind in _names(report):
        if name not in kept and not (kind == "address" and stands_for_itself(name)):
            yield name, kind


def identifying(report: Report) -> dict[str, str]:
    """The names and addresses that the report gives as such, with their kinds, but for those that could be any word."""
    return {name: kind for name, kind in _names(report) if not says_nothing(name)}


class _Redaction:
    def __init__(self, report: Report, pseudonyms: Pseudonyms, keep: frozenset[str]) -> None:
        self._report = report
        self._keep = keep
        self._found: dict[tuple[str, str], Replaced] = {}
        self._where = ""
        self._ids = {finding.id for finding in report.findings}
        kept = kept_values(report, keep)
        self._names = {name: kind for name, kind in _names(report) if name not in kept}
        hosts = frozenset(name for name, kind in self._names.items() if kind == "host")
        spoken = {
            name: kind
            for name, kind in self._names.items()
            if not says_nothing(name) or (name in hosts and "." in name)  # scan.lan is no word
        }
        self._texts = Texts(pseudonyms, spoken, self._note, hosts)
        # In a note of ours a name that could be any word is still a name.
        self._notes = Texts(pseudonyms, self._names, self._note)

    def run(self) -> tuple[Report, tuple[Replaced, ...]]:
        report = self._report
        redacted = replace(
            report,
            members=tuple(self._member(member) for member in report.members),
            subject={self._key(name): self._value(name, value, _OF_SUBJECT) for name, value in report.subject.items()},
            configuration={
                self._key(name): self._value(name, value, _OF_CONFIGURATION.get(name, _OF_SUBJECT))
                for name, value in report.configuration.items()
            },
            command=self._texts.of(report.command),
            tool=self._facts(report.tool),
            vantage=self._facts(report.vantage),
            comparison=self._sheets(report.comparison),
            conformance=self._sheets(report.conformance),
            groups=self._sheets(report.groups),
            timeline=self._sheets(report.timeline),
            findings=tuple(self._finding(finding) for finding in report.findings),
            suppressed=self._sheets(report.suppressed),
            unmatched=replace(report.unmatched, examples=self._sheets(report.unmatched.examples)),
            notes=(
                *self._own_notes(),
                REDACTED_NOTE,
                *([KEPT_NOTE.format(", ".join(sorted(self._keep)))] if self._keep else ()),
            ),
        )
        return redacted, tuple(self._found.values())

    def _own_notes(self) -> Iterator[str]:
        self._where = "notes"
        yield from (self._notes.of(note) for note in self._report.notes)

    def _note(self, kind: str, value: str, pseudonym: str) -> None:
        key = (kind, value)
        known = self._found.get(key)
        if known is None:
            self._found[key] = Replaced(kind, value, pseudonym, 1, self._where)
        else:
            self._found[key] = replace(known, count=known.count + 1)

    def _member(self, member: MemberReport) -> MemberReport:
        return replace(
            member,
            name=self._named("member", member.name, "member"),
            address=self._named("host", member.address, "host"),
            probes=tuple(self._observation(probe) for probe in member.probes),
        )

    def _observation(self, observation: Observation) -> Observation:
        self._where = "reason"
        return replace(
            observation,
            probe=self._texts.of(observation.probe),
            reason=None if observation.reason is None else self._texts.of(str(observation.reason)),
            pool=self._named("pool", observation.pool, "pool"),
            member=self._named("member", observation.member, "member"),
            facts=self._facts(observation.facts),
            transcript=self._transcript(observation.transcript),
        )

    def _transcript(self, transcript: tuple[Facts, ...]) -> tuple[Facts, ...]:
        self._where = "transcript"
        return tuple(redacted_transcript(transcript, self._texts.of, self._notes.of))

    def _finding(self, finding: Finding) -> Finding:
        self._where = f"finding {finding.id}"
        return replace(
            finding,
            title=self._texts.of_own(finding.title),
            members=tuple(self._named("member", name, "member") for name in finding.members),
            first_seen=None if finding.first_seen is None else self._texts.of(finding.first_seen),
            last_seen=None if finding.last_seen is None else self._texts.of(finding.last_seen),
            evidence=tuple(self._facts(evidence) for evidence in finding.evidence),
            meaning=self._texts.of_own(finding.meaning),
            remedy=tuple(self._texts.of_own(step) for step in finding.remedy),
            runbook=self._texts.of_own(finding.runbook),
        )

    def _facts(self, facts: Facts) -> dict[str, JSONValue]:
        return {self._key(name): self._value(name, value) for name, value in facts.items()}

    def _sheets(self, sheets: tuple[Facts, ...]) -> tuple[Facts, ...]:
        return tuple(self._facts(sheet) for sheet in sheets)

    def _key(self, name: str) -> str:
        self._where = "the name of a fact"
        return self._texts.of(name)

    def _value(self, fact: str, value: JSONValue, kinds: Mapping[str, str] = _NO_KINDS) -> JSONValue:
        match value:
            case str() if fact in self._keep or self._is_ours(fact, value):
                return value
            case str():
                kind = kinds.get(fact) or _KINDS.get(fact)
                return self._named(kind, value, fact) if kind else self._text(value, fact)
            case Mapping():
                if fact in self._keep:
                    return value
                return {self._key(name): self._value(name, item, kinds) for name, item in value.items()}
            case list() | tuple():
                return [self._value(fact, item, kinds) for item in value]
            case _:
                return value

    def _is_ours(self, fact: str, value: str) -> bool:
        if fact in _IDS:
            return value in self._ids
        return fact in _OURS and _OURS[fact].fullmatch(value) is not None

    def _text(self, value: str, fact: str) -> str:
        self._where = fact
        return self._texts.of(value)

    def _named(self, kind: str, value: str, fact: str) -> str:
        """The pseudonym of a whole value; an address is one wherever it stands."""
        self._where = fact
        if not value or fact in self._keep:
            return value
        address, port = _endpoint(value)
        if kind in {"address", "host"}:
            if address:
                shown = self._texts.named("address", address)
                return f"[{shown}]:{port}" if port and ":" in shown else f"{shown}:{port}" if port else shown
            return self._texts.named("host", value)
        return self._texts.named(self._names.get(value, kind), value)


def _names(report: Report) -> Iterator[tuple[str, str]]:
    """Whatever the report gives as the name or address of something, with its kind; the first kind counts."""
    seen: set[str] = set()
    for value, kind, _ in _named_facts(report):
        address, _ = _endpoint(value)
        name = address or value
        if name and name not in seen:
            seen.add(name)
            yield name, "address" if address else "host" if kind == "address" else kind


def _named_facts(report: Report) -> Iterator[tuple[str, str, str]]:
    """Value, kind, fact."""
    for member in report.members:
        yield member.name, "member", "member"
        yield member.address, "host", "host"
    for name, value in report.subject.items():
        yield from _in(value, name, _OF_SUBJECT)
    for name, value in report.configuration.items():
        yield from _in(value, name, _OF_CONFIGURATION.get(name, _OF_SUBJECT))
    sources = (
        report.vantage,
        *report.comparison,
        *report.conformance,
        *report.groups,
        *report.timeline,
        *report.suppressed,
        *(probe.facts for member in report.members for probe in member.probes),
        *(evidence for finding in report.findings for evidence in finding.evidence),
        *report.unmatched.examples,
    )
    for facts in sources:
        yield from _in(facts, "")


def _in(value: JSONValue, fact: str, kinds: Mapping[str, str] = _NO_KINDS) -> Iterator[tuple[str, str, str]]:
    match value:
        case str():
            kind = kinds.get(fact) or _KINDS.get(fact)
            if value and kind:
                yield value, kind, fact
        case Mapping():
            for name, item in value.items():
                yield from _in(item, name, kinds)
        case list() | tuple():
            for item in value:
                yield from _in(item, fact, kinds)


def _endpoint(text: str) -> tuple[str, str]:
    """The address in ``address``, ``address:port`` or ``[address]:port``, and its port; both may be ""."""
    host, port = text, ""
    if text.startswith("[") and "]" in text:
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return "", ""
    return host, port
