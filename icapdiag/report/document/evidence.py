"""One line of evidence for a finding: the words of the server or of the operating system."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from icapdiag.facts.answer import Answer, Deviation
from icapdiag.facts.config import ObjectSheet
from icapdiag.facts.connection import DNS, Endpoint, Path, ProfileInForce, Transfer
from icapdiag.facts.deep import Keepalive, Preview, Size
from icapdiag.facts.engines import Engines
from icapdiag.facts.groups import PastedAnswer, ReportedGroup, RequestGroup
from icapdiag.facts.joined import JoinedMember, JoinedService, JoinedWhole
from icapdiag.facts.load import Load
from icapdiag.facts.logs import LogSummary
from icapdiag.facts.pool import ConfigurationObject, Difference
from icapdiag.facts.refusal import Respmod, Services, ServiceTried, Variants
from icapdiag.facts.scanner import ScannerEvent, ScannerRequests
from icapdiag.facts.sheet import Sheet
from icapdiag.facts.standard import EicarOutcomes, Options, Repeat, Sample
from icapdiag.facts.tls import TLS
from icapdiag.icap.header_table import EXPLANATIONS, SHOWN, fact_name
from icapdiag.model import Observation
from icapdiag.report.document import scanner, sources
from icapdiag.report.document.configuration import described, named
from icapdiag.report.document.measured import describe_measured
from icapdiag.report.document.pool import describe_difference
from icapdiag.report.document.words import count, milliseconds, safe_text, server_text
from icapdiag.text import visible
from icapdiag.vocabulary import Reason, Status

_HEADERS_SHOWN = 2
_ANSWERED = {"waf": "WAF", "rule": "WAF or a rule, most likely", "avi": "Avi itself"}
_DEVIATIONS_SHOWN = 2
_EXPLAINING = tuple(map(fact_name, EXPLANATIONS))  # of a request in a log, most telling first
_PEERS = {"unknown": "the peer does not speak ICAP", "echo": "the peer echoes what it receives"}
_SLOW_DNS = 1000.0  # ms that are worth a word
_SKEWED = 60.0  # seconds of difference between two clocks that are worth a word


def describe(seen: Observation) -> str:
    """An observation in words, most relevant first; its reason if there is nothing else."""
    match seen.facts:
        case ObjectSheet() as configured:
            own = list(described(configured))
        case JoinedMember() | JoinedService() | JoinedWhole() as together:
            own = list(sources.describe(together))
        case sheet:
            own = list(_own_words(sheet))
    said = "; ".join(part for part in own or _facts(seen.facts, seen.reason) if part)
    return said if said or own else server_text(seen.reason) or seen.status.value


def describe_group(group: ReportedGroup) -> str:
    """The same for a group of requests, or for a pasted response."""
    return "; ".join(part for part in _facts(group) if part) or server_text(group.reason) or safe_text(group.status)


def reason(group: ReportedGroup) -> str:
    """Why requests of a log ended as they did, in the words of the server, otherwise of the Service Engine."""
    words = next((said for name in _EXPLAINING if (said := server_text(getattr(group.answer, name)))), "")
    words = words or server_text(group.opswat_reason)
    if group.answered_by in _ANSWERED:  # before ICAP
        words = words or f"answered by {_ANSWERED[group.answered_by]}"
    codes = _joined(group.adf_codes, " ")
    if codes and group.status == Status.FAILED:
        return codes
    threats = [name for threat in group.answer.threats or () if (name := server_text(threat)) and name not in words]
    if threats:
        found = threats[0] + (f" and {len(threats) - 1} more" if len(threats) > 1 else "")
        return f"{words}: {found}" if words else found
    return words or codes or server_text(group.significance) or server_text(group.answer.verdict_reason)


def where(seen: Observation) -> str:
    """Whose observation it is: ``10.0.0.5:1344 eicar``; for a log how many requests, and whose.

    A name may have several addresses: there, the one that was dialled, too.
    """
    match seen.facts:
        case ObjectSheet() as configured:
            return named(configured.object, configured.object_name)
        case JoinedMember() | JoinedService() | JoinedWhole() as together:
            return sources.where(together, seen.member)
    return _where(seen)


def _where(seen: Observation) -> str:
    member = server_text(seen.member)
    match seen.facts:
        case ScannerEvent() | ScannerRequests() as there:
            return scanner.where(there, seen.member)
        case LogSummary() | PastedAnswer():
            return "the log as a whole" if isinstance(seen.facts, LogSummary) else "the ICAP response"
        case RequestGroup() as group:
            requests = count(group.count or 1, "request")
            return f"{requests} to {member}" if member else requests
        case ConfigurationObject(object=kind) as configured:
            words = () if kind == "suppression" else (kind, configured.object_name)
            return " ".join(server_text(word) for word in words if word) or "the pool file"
        case Difference():
            return member or "the pool"
    endpoint = seen.facts.part(Endpoint) or Endpoint()
    at = f"at {server_text(endpoint.address)}" if endpoint.address not in {None, endpoint.host} else ""
    return " ".join(word for word in (member, at, server_text(seen.probe)) if word)


def deviations(found: tuple[Deviation, ...] | None, limit: int | None = None) -> Iterator[str]:
    """How an answer deviates from the standard: the first ``limit`` deviations, safe to show."""
    for each in [each for each in found or () if each.detail][:limit]:
        section = safe_text(each.section)
        of = section if section.startswith("RFC") else f"RFC 3507 {section}"
        yield server_text(each.detail) + (f" ({of})" if section else "")


def _own_words(sheet: Sheet) -> Iterator[str]:
    """Text for facts other than those of a single answer; nothing for the others."""
    match sheet:
        case LogSummary():
            yield from _log(sheet)
        case ScannerEvent() | ScannerRequests():
            yield from scanner.describe(sheet)
        case RequestGroup() if sheet.part(PastedAnswer) is None:
            yield from _requests(sheet)
        case Difference():
            yield describe_difference(sheet)
        case Keepalive() | Size() | Load() | Repeat():
            yield from describe_measured(sheet)
        case Engines() | DNS():
            yield from _engines(sheet) if isinstance(sheet, Engines) else _look_up(sheet)
        case Path() if sheet.segments_sent:
            yield from _path(sheet)
        case Services() | Respmod():
            yield _services(sheet) if isinstance(sheet, Services) else _respmod(sheet)
        case Variants() if said := _variants(sheet):
            yield said
        case ConfigurationObject(object="suppression"):
            yield _suppression(sheet)
        case ConfigurationObject():
            yield from _configured(sheet)


def _log(sheet: LogSummary) -> Iterator[str]:
    """A log as a whole."""
    yield f"{sheet.entries_total:,} in all"
    yield f"{sheet.entries_icap:,} with ICAP"
    yield f"{sheet.entries_failed:,} failed"
    not_offered = sheet.unscanned_disabled or 0
    yield f"{sheet.unscanned_count - not_offered:,} passed unscanned after a failure"
    yield f"{sheet.entries_disabled:,} disabled" + (
        f", {count(not_offered, 'upload')} among them" if not_offered else ""
    )
    if sheet.throttled_at:
        yield f"exactly {sheet.throttled_at:,} entries in {count(sheet.throttled_s or 0, 'second')}, never more"


def _engines(sheet: Engines) -> Iterator[str]:
    failed = f" ({server_text(sheet.failed_step)}: {server_text(sheet.failed_because)})" if sheet.failed_step else ""
    seen = None if sheet.fails_from else sheet.seen_from
    parts = (("fails from", sheet.fails_from), ("works from", sheet.works_from), ("seen from", seen))
    for words, found in parts:
        if found:
            yield f"{words} {_joined(found)}" + (failed if found is sheet.fails_from else "")


def _look_up(sheet: DNS) -> Iterator[str]:
    """What was slow or failed in a name lookup."""
    if sheet.slowest_ms is not None and sheet.slowest_ms >= _SLOW_DNS:
        yield f"a DNS server took {milliseconds(sheet.slowest_ms)}"
    if sheet.silent_resolvers:
        yield f"no answer from {_joined(sheet.silent_resolvers)}"
    if sheet.closed_resolvers:
        yield f"nothing listens at {_joined(sheet.closed_resolvers)}"
    if sheet.answering_resolvers:
        yield f"{_joined(sheet.answering_resolvers)} answered for another name"
    if sheet.failing_resolvers and not sheet.error:
        yield f"{sheet.rcode or 'a failure'} from {_joined(sheet.failing_resolvers)}"
    if sheet.aaaa_unanswered_by:
        yield f"no answer for AAAA from {_joined(sheet.aaaa_unanswered_by)}"


def _path(sheet: Path) -> Iterator[str]:
    """Packet loss: how much, of how much."""
    sent, connections = count(sheet.segments_sent or 0, "segment"), count(sheet.connections or 0, "connection")
    yield f"{sheet.segments_lost or 0} of {sent} retransmitted, on {sheet.connections_lossy or 0} of {connections}"
    if sheet.syn_retries:
        yield f"{sheet.syn_retries} of them to connect"
    if sheet.answers_lost:
        yield f"{count(sheet.answers_lost, 'response')} retransmitted by the member"
    if sheet.answers_late:
        yield f"{count(sheet.answers_late, 'response')} at least 0.2 s later than the others"


def _facts(sheet: Sheet, reason: str | None = None) -> Iterator[str]:
    """Text for any sheet, by its parts."""
    answer, preview, tls = sheet.part(Answer), sheet.part(Preview), sheet.part(TLS)
    if preview is not None:
        yield from _previews(preview)
    if (eicar := sheet.part(EicarOutcomes)) is not None:
        yield from _of_eicar(eicar)
    if answer is not None:
        yield from _answer(answer)
        if peer := safe_text(answer.peer):
            yield _PEERS.get(peer, f"the peer speaks {peer}")
        if excerpt := server_text(answer.peer_excerpt):
            yield f"it sent: {excerpt}"
    if tls is not None:
        yield from _certificate(tls, reason)
    yield from _clocks(sheet)
    for each in (answer, preview):
        if each is not None:
            yield from deviations(each.deviations, _DEVIATIONS_SHOWN)
    error = server_text(sheet.error)
    if not (tls is not None and tls.verify_error and server_text(tls.verify_error) in error):
        yield error


def _answer(answer: Answer) -> Iterator[str]:
    if answer.icap_status is not None:
        yield f"ICAP {answer.icap_status} {server_text(answer.icap_reason)}".rstrip()
    if answer.http_status is not None:
        yield f"HTTP {answer.http_status} inside"
    if answer.verdict:
        yield f"verdict {safe_text(answer.verdict)}"
    if answer.threats:
        yield visible(f"threats: {_joined(answer.threats)}")
    present = [(header.name, text) for header in SHOWN if (text := server_text(getattr(answer, header.fact)))]
    yield from (f"{name}: {text}" for name, text in present[:_HEADERS_SHOWN])


def _joined(texts: tuple[str, ...] | None, between: str = ", ") -> str:
    return between.join(words for text in texts or () if (words := server_text(text)))


def _previews(preview: Preview) -> Iterator[str]:
    """Uploads with previews of several lengths."""
    missed = {"failed": preview.cases_failed, "allowed from the preview only": preview.cases_passed_unseen}
    missed["returned cut to the preview"] = preview.cases_cut
    for words, cases in missed.items():
        if cases:
            yield visible(f"{words}: {', '.join(cases)}")


def _of_eicar(eicar: EicarOutcomes) -> Iterator[str]:
    """EICAR partly behind a preview, and without one."""
    sent = {"EICAR behind the preview": eicar.eicar_beyond_preview, "without a preview": eicar.eicar_whole}
    for words, outcome in sent.items():
        if outcome and outcome != "not-asked":
            yield f"{words}: {safe_text(outcome)}"


def _certificate(tls: TLS, reason: str | None) -> Iterator[str]:
    if reason == Reason.TLS_EXPIRED and tls.cert_not_after:
        yield f"certificate valid until {safe_text(tls.cert_not_after)}"
    if reason == Reason.TLS_NOT_YET_VALID and tls.cert_not_before:
        yield f"certificate not valid before {safe_text(tls.cert_not_before)}"
    if reason == Reason.TLS_NAME and tls.cert_names:
        asked, wanted = server_text(tls.server_name), _joined(tls.wanted_names)
        words = f", not for {wanted}" if wanted else f", asked for {asked}" if asked else ""
        yield visible(f"certificate for {_joined(tls.cert_names)}{words}")
    yield server_text(tls.verify_error)


def _clocks(sheet: Sheet) -> Iterator[str]:
    """A server's clock that differs from ours, an answer that was too slow, an ISTag that changed."""
    times, profile, answer = sheet.part(Transfer), sheet.part(ProfileInForce), sheet.part(Answer)
    if times is None or answer is None:
        return
    skew, offset, doubt = times.clock_skew_s, times.clock_offset_s, times.clock_uncertainty_s
    if skew is not None and offset is not None and skew >= _SKEWED:
        known = f" (±{doubt:g} s)" if doubt is not None else ""
        yield f"its clock is {abs(offset):,.0f} s {'ahead' if offset > 0 else 'behind'}{known}"
    limit = None if profile is None else profile.warn_ms
    if times.answer_ms is not None and limit is not None and times.answer_ms > limit:
        yield f"answered after {milliseconds(times.answer_ms)}"
    tag, sample = server_text(answer.istag), sheet.part(Sample)
    if tag and answer.icap_status == 200 and sheet.part(Options) is not None:
        yield f"ISTag {tag}"
    if sample is not None and sample.istag_changed:
        yield f"ISTag {tag} differs from that of OPTIONS"


def _requests(group: RequestGroup) -> Iterator[str]:
    """A group of requests in a log."""
    yield safe_text(group.icap_action)
    code = "" if group.response_code is None else f"the client got {group.response_code}"
    outcome = "passed unscanned" if group.client_outcome == "unscanned" else ""
    yield ", ".join(part for part in (outcome, code) if part)
    yield f"answered by {_ANSWERED[group.answered_by]}" if group.answered_by in _ANSWERED else ""
    yield "RESPMOD, the response was scanned" if group.answer.method == "RESPMOD" else ""
    yield from _answer(group.answer)
    yield f"OPSWAT: {server_text(group.opswat_reason)}" if group.opswat_reason else ""
    yield f"resolution: {_joined(group.resolutions)}" if group.resolutions else ""
    yield f"NSX Defender score {group.nsx_score_max}" if group.nsx_score_max is not None else ""
    yield f"{group.nsx_pending:,} without a score yet" if group.nsx_pending else ""
    yield f"analysis: {_joined(group.nsx_tasks[:1])}" if group.nsx_tasks else ""
    yield _joined(group.adf_codes, " ")
    yield server_text(group.significance)
    if group.answer.complete_body_sent is False:
        yield "the body was not sent completely"
    if group.latency_max_ms is not None:
        yield f"{'took' if group.count == 1 else 'up to'} {milliseconds(group.latency_max_ms)}"


def _configured(found: ConfigurationObject) -> Iterator[str]:
    """An object of an Avi configuration, with Avi's names."""
    yield from map(server_text, found.broken_references or ())
    settings = {
        "fail_action": found.fail_action or found.group_fail_action,
        "buffer_size_exceed_action": found.buffer_size_exceed_action,
        "health monitor": found.monitor_type,
        "health monitor request": found.monitor_request,
        "ratio": found.ratio,
    }
    yield from (f"{name} {server_text(str(value))}" for name, value in settings.items() if value is not None)


def _suppression(accepted: ConfigurationObject) -> str:
    pattern = server_text(accepted.terms.member_pattern)
    at = f" at {pattern}" if pattern else ""
    terms = f"owner {server_text(accepted.terms.owner)}, until {server_text(accepted.terms.until)}"
    return f"{server_text(accepted.finding)}{at}: {server_text(accepted.terms.because)} ({terms})"


# --- looks into a refusal ---------------------------------------------------------------------------

_SERVICES_SHOWN = 4
_CHANGES = {
    "no-preview": "without Preview",
    "no-allow": "without Allow",
    "no-encapsulated": "without Encapsulated",
    "user-agent": "with a User-Agent",
    "content-length": "with a Content-Length",
    "host-without-port": "with no port in Host",
    "unchanged": "unchanged",
    "tiny-body": "with a body of 1 byte",
    "preview-offered": "with the offered Preview",
    "tls": "over TLS",
    "plain": "in clear text",
    "proxy-v1": "after a PROXY protocol line",
    "empty-line": "an empty line",
}


def _services(sheet: Services) -> str:
    """``REQMOD is accepted at /avscan (REQMOD, RESPMOD; C-ICAP/0.5.10)``, and which scan nothing; or that none does."""
    answers = sheet.services or ()
    kinds = (
        (sheet.candidates, "REQMOD is accepted at "),
        (sheet.unproven, "REQMOD is accepted, but scanning is not shown, at "),
        (sheet.unscanning, "REQMOD is accepted, but nothing is scanned, at "),
    )
    told = [
        words + _paths([answer for answer in answers if answer.service_uri in paths]) for paths, words in kinds if paths
    ]
    return "; ".join(told) or f"none of {len(answers)} common service paths accepts REQMOD"


def _paths(found: Sequence[ServiceTried]) -> str:
    told = []
    for each in found[:_SERVICES_SHOWN]:
        methods = ", ".join(visible(method) for method in (each.methods or ())[:_SERVICES_SHOWN])
        words = "; ".join(part for part in (methods, safe_text(each.service)) if part)
        told.append(safe_text(each.service_uri) + (f" ({words})" if words else ""))
    more = f" and {len(found) - _SERVICES_SHOWN} more" if len(found) > _SERVICES_SHOWN else ""
    return f"{', '.join(told)}{more}"


def _variants(sheet: Variants) -> str:
    """Which change makes the refused request accepted, if any; empty if none was tried."""
    method, status, fix = safe_text(sheet.refused_method), sheet.refused_status or 0, safe_text(sheet.fixed_by)
    if fix:
        failed = f"refused with {status}" if status else f"not answered ({safe_text(sheet.refused_reason)})"
        return f"{method}, {failed}, is accepted {_CHANGES.get(fix, fix)}; still rejected without it"
    helped = sheet.accepted or ()
    tried = dict.fromkeys(safe_text(each.variant) for each in sheet.variants or () if each.variant not in helped)
    changes = ", ".join(_CHANGES.get(name, name) for name in tried)
    said = [f"{f'refused with {status}' if status else 'no answer'} in every form tried: {changes}"] if tried else []
    said += ["an empty line gets a response, as if a request line had come before it"] if "empty-line" in helped else []
    return "; ".join(said)


def _respmod(sheet: Respmod) -> str:
    """What RESPMOD was answered with where REQMOD was refused."""
    got = "no answer" if sheet.respmod_status is None else f"ICAP {sheet.respmod_status}"
    if sheet.respmod_served and sheet.respmod_verdict:
        got += f" (verdict {safe_text(sheet.respmod_verdict)})"
    return f"REQMOD was refused with {sheet.refused_status or 0}, RESPMOD got {got}"
