"""What makes two requests the same kind: the key of a group, and the facts that go with it."""

from __future__ import annotations

import re

from msgspec import Struct
from msgspec.structs import replace

from icapdiag.avi.addresses import split_uri
from icapdiag.avi.entry import DetailedEntry, IcapLog, LogEntry, NsxDefenderLog, RequestLog
from icapdiag.avi.vocabulary import (
    BLOCKED,
    BODY_SIZE,
    DISABLED,
    FAILED,
    FORBIDDEN,
    METHODS,
    MODIFIED,
    PASSED,
    WAF_REJECTED,
    WITH_BODY,
    concerns_icap,
    is_unknown,
)
from icapdiag.facts import Answer
from icapdiag.facts.groups import ACTIONS, RequestGroup
from icapdiag.icap.product import NO_ENGINE, UNKNOWN_PRODUCT
from icapdiag.icap.verdict import Judgement
from icapdiag.logs.counting.logged_answer import NO_HEADERS, LoggedAnswer
from icapdiag.logs.counting.timeline import UNSCANNED, UNSETTLED
from icapdiag.vocabulary import Status

_WORDS_KEPT = 200
_CODES_KEPT = 20
_PREVIEW = re.compile(r"^Preview:[ \t]*([0-9]{1,10})", re.IGNORECASE | re.MULTILINE)
UPLOAD = "upload"
AVI = "avi"
_REDIRECTION, _SERVER_ERROR = 300, 500  # the first HTTP status of these


class Signature(Struct, frozen=True, gc=False, kw_only=True):
    """What the requests of a group have in common. Names of threats are no part of it.

    ``action`` is the ICAP request's own, ``entry_action`` that of the whole HTTP request. The client's
    status is kept as its class (200, 300, 400) where it is the application's own answer, no error of the server, and no
    threat was named.
    """

    action: str | None = None
    entry_action: str | None = None
    outcome: str = "unknown"
    response_code: int | None = None
    adf_codes: tuple[str, ...] = ()
    significance: tuple[str, ...] = ()  # the parts that speak of ICAP
    icap_status: int | None = None
    http_status: int | None = None
    icap_method: str | None = None
    complete_body_sent: bool | None = None
    vendor: str | None = None
    verdict: str | None = None
    verdict_reason: str | None = None  # names of threats replaced
    response_info: str | None = None
    response_desc: str | None = None
    blocked_reason: str | None = None
    opswat_reason: str | None = None
    no_engine: bool = False  # by the server's ISTag
    product: str | None = None  # that its headers name
    request_body: str | None = None  # yes, no, unknown: of a request that ICAP was disabled for
    answered_by: str | None = None  # waf, a rule that may be WAF's, or avi: such a request went no further
    nsx: str | None = None  # of NSX Defender: a task that is pending, or its score in tens
    other: bool = False  # stands for all that came when there were too many groups

    @property
    def status(self) -> Status:
        """Whether ICAP did its work, whatever it decided."""
        if self.action == FAILED or self.outcome in {"unscanned", "refused-500", "refused-413"}:
            return Status.FAILED
        known = {PASSED, MODIFIED, BLOCKED, DISABLED}
        failed = self.action not in known and self.icap_status is not None and self.icap_status >= 400
        return Status.FAILED if failed else Status.OK


def reason_of(signature: Signature) -> str:
    """Why requests ended as they did, in one text: codes of a failure, else the server's or MetaDefender's words."""
    adf_codes = " ".join(signature.adf_codes)[:_WORDS_KEPT]
    if signature.status is Status.FAILED and adf_codes:
        return adf_codes
    said = (signature.response_desc, signature.blocked_reason, signature.opswat_reason, signature.verdict_reason)
    words = next(filter(None, said), "")
    return words or adf_codes or ", ".join(signature.significance)[:_WORDS_KEPT]


def other_signature(signature: Signature) -> Signature:
    """What is kept of a signature when there are too many groups: there are few of these."""
    return Signature(
        action=signature.action if signature.action in ACTIONS else None,
        entry_action=signature.entry_action if signature.entry_action in ACTIONS else None,
        outcome=signature.outcome,
        other=True,
    )


def body_of(entry: LogEntry) -> str:
    """Whether a request had a body: yes, no, or unknown where the log does not have its method."""
    if not isinstance(entry, DetailedEntry) or entry.method is None:
        return "unknown"
    return "yes" if entry.method.upper() in WITH_BODY and entry.request_length != 0 else "no"


def answered_by(entry: LogEntry) -> str | None:
    """Who answered in the place of the application: waf, rule where WAF or a rule did so most likely, or avi.

    What the application itself answered went there (``server_response_code``). A log may be without that code
    altogether: see `UNSETTLED`.
    """
    if isinstance(entry, DetailedEntry) and entry.waf_log is not None and entry.waf_log.status == WAF_REJECTED:
        return "waf"
    if entry.server_response_code or not entry.response_code:
        return None
    if entry.response_code == FORBIDDEN:
        return "rule"
    return AVI if entry.response_code >= _REDIRECTION else None


def without_icap(entry: LogEntry) -> str:
    """What became of an entry without ICAP: one of `icapdiag.facts.logs.WITHOUT_ICAP`, but not mixed.

    A request that the client gave up has no response_code.
    """
    if isinstance(entry, DetailedEntry) and not entry.response_code:
        return "dns" if entry.dns_fqdn else "unanswered" if entry.method else UPLOAD
    by = answered_by(entry)
    return by if by in {"waf", "rule"} else "no-body" if body_of(entry) == "no" else UPLOAD


def disabled_outcome(entry: LogEntry) -> str:
    """What the client got where ICAP was disabled: an upload that the application answered passed unscanned."""
    by = answered_by(entry)
    if not entry.response_code or by in {"waf", "rule"} or body_of(entry) != "yes":
        return "disabled"
    return UNSETTLED if by else UNSCANNED


def client_outcome(
    action: str | None, response_code: int | None, codes: tuple[str, ...], *, by_application: bool = False
) -> str:
    """What the client got, as far as the log shows; one of `timeline.OUTCOMES`.

    A failure with fail_action OPEN lets the request pass unscanned, with CLOSED the client gets 500;
    a body over buffer_size is let pass or refused with 413. ``by_application``: the entry has a code of the application
    (``server_response_code``), so the request went there, whatever the client got. 403 after a failure is otherwise
    WAF's or a rule's, or not known, as which of them came first differs from version to version. See
    `disabled_outcome` where ICAP was disabled.
    """
    too_large = BODY_SIZE in codes and action != BLOCKED
    if action == FAILED or too_large:
        if by_application:
            return UNSCANNED
        if not response_code or (response_code == FORBIDDEN and action == FAILED):
            return "unknown"  # without a code: not logged, or the client went away
        if response_code == 413 and too_large:
            return "refused-413"
        return "refused-500" if response_code == 500 and action == FAILED else UNSCANNED
    return {PASSED: "passed", MODIFIED: "modified", BLOCKED: "blocked", DISABLED: "disabled"}.get(
        action or "", "unknown"
    )


def signature_of(
    entry: LogEntry, log: IcapLog, request: RequestLog, answer: LoggedAnswer | None
) -> tuple[Signature, Judgement | None]:
    """The signature of a request, and the verdict that is in it.

    ``answer`` is what came back, None if the log has no headers of it.
    """
    entry_action = log.action or request.action
    adf_codes = codes(entry)
    outcome = outcome_of(entry, log, adf_codes)
    bare = entry_action == DISABLED and not log.request_logs
    judgement = judgement_of(request, answer, entry_action)
    reason = request.reason or (request.opswat_log.reason if request.opswat_log else None)
    headers = answer.facts if answer else {}
    threats = judgement.threats if judgement else ()
    code = entry.response_code
    if code is not None and code < _SERVER_ERROR and outcome in {"passed", "modified"} and not threats:
        code = code // 100 * 100
    signature = Signature(
        action=_word(request.action or log.action),
        entry_action=_word(entry_action),
        outcome=outcome,
        response_code=code,
        adf_codes=adf_codes,
        significance=_icap_parts(entry.significance),
        icap_status=request.icap_response_code or None,  # 0: there was no answer
        http_status=request.http_response_code,
        icap_method=_word(request.icap_method),
        complete_body_sent=request.complete_body_sent,
        vendor=_word(request.vendor),
        verdict=judgement.verdict if judgement else None,
        verdict_reason=_without(judgement.reason, threats) if judgement else None,
        response_info=_without(headers.get("x_response_info"), threats),
        response_desc=_without(headers.get("x_response_desc"), threats),
        blocked_reason=_without(headers.get("x_blocked_reason"), threats),
        opswat_reason=_word(reason),
        no_engine=NO_ENGINE in str(headers.get("istag", "")),
        product=_word(str(named)) if (named := headers.get("product")) not in {None, UNKNOWN_PRODUCT} else None,
        request_body=body_of(entry) if bare else None,
        answered_by=answered_by(entry) if bare else None,
        nsx=nsx_of(request.nsx_defender_log),
    )
    return signature, judgement


def outcome_of(entry: LogEntry, log: IcapLog, adf_codes: tuple[str, ...]) -> str:
    """What the client got."""
    requests = log.request_logs or ()
    action = log.action or (requests[-1].action if requests else None)
    if action == DISABLED and not requests and BODY_SIZE not in adf_codes:
        return disabled_outcome(entry)
    return client_outcome(action, entry.response_code, adf_codes, by_application=bool(entry.server_response_code))


def sheet_for(entry: LogEntry, request: RequestLog, signature: Signature, judgement: Judgement | None) -> RequestGroup:
    """The facts of a group, as its first request shows them."""
    if signature.other:
        return RequestGroup(icap_action=signature.action, client_outcome=signature.outcome)
    place = split_uri(request.icap_absolute_uri)
    logged = request.icap_headers_received_from_server
    answer = replace(Answer(), **LoggedAnswer(logged).facts) if logged else Answer()
    answer.method = METHODS.get(request.icap_method or "")
    answer.complete_body_sent = signature.complete_body_sent
    answer.icap_status, answer.http_status = signature.icap_status, signature.http_status
    if judgement:
        answer.verdict, answer.verdict_reason = judgement.verdict, judgement.reason
        answer.decided_by = tuple(judgement.decided_by)
    return RequestGroup(
        icap_action=signature.action,
        client_outcome=signature.outcome,
        adf_codes=signature.adf_codes,
        unknown_codes=tuple(filter(is_unknown, signature.adf_codes)) or None,
        significance=(entry.significance or "")[:_WORDS_KEPT] or None,
        icap_method=signature.icap_method,
        vendor=signature.vendor,
        opswat_reason=signature.opswat_reason,
        service_uri=place[2][:_WORDS_KEPT] if place else None,
        request_body=signature.request_body,
        answered_by=signature.answered_by,
        answer=answer,
    )


def judgement_of(request: RequestLog, answer: LoggedAnswer | None, entry_action: str | None) -> Judgement | None:
    """The verdict of the logged answer; None where nothing came back."""
    status = request.icap_response_code or None
    if answer is None or not request.icap_headers_received_from_server:
        if status is None:
            return None
        answer = NO_HEADERS
    method = METHODS.get(request.icap_method or "", "REQMOD")
    modified = (request.action or entry_action) == MODIFIED
    return answer.judgement(status, request.http_response_code, method, modified=modified)


def codes(entry: LogEntry) -> tuple[str, ...]:
    """The codes of significant_log that concern ICAP or the server side, sorted."""
    found = {code[:_WORDS_KEPT] for code in entry.significant_log or () if concerns_icap(code)}
    return tuple(sorted(found)[:_CODES_KEPT])


def preview_of(request: RequestLog) -> int | None:
    """The Preview that the Service Engine announced, in bytes."""
    found = _PREVIEW.search(request.icap_headers_sent_to_server or "")
    return int(found[1]) if found else None


def nsx_of(log: NsxDefenderLog | None) -> str | None:
    """What NSX Defender says: ``pending`` of a task without a score, otherwise the score in tens; None for nothing."""
    if log is None:
        return None
    if log.score is None:
        return "pending" if log.task_uuid or log.status_url else None
    return f"{min(max(log.score, 0), 100) // 10 * 10}"


def _word(text: str | None) -> str | None:
    return text[:_WORDS_KEPT] if text else None


def _icap_parts(significance: str | None) -> tuple[str, ...]:
    if not significance or "icap" not in significance.lower():
        return ()
    parts = (part.strip()[:_WORDS_KEPT] for part in significance.split(","))
    return tuple(part for part in parts if "icap" in part.lower())[:_CODES_KEPT]


def _without(text: object, threats: tuple[str, ...]) -> str | None:
    """Text with the names of threats replaced: a thousand names make one group."""
    if not isinstance(text, str):
        return None
    for name in threats:
        text = text.replace(name, "…")
    return text[:_WORDS_KEPT]
