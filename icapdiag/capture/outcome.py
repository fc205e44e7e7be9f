"""What became of a transaction or of a connection, in the words and the facts of a live probe."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from icapdiag.capture.connection import CLIENT, SERVER, Connection
from icapdiag.capture.conversation import Transaction
from icapdiag.capture.handshake import ALERTS, Alert, Handshake
from icapdiag.facts.answer import Answer
from icapdiag.facts.answered import answer_facts, verdict_facts
from icapdiag.facts.capture import Upload
from icapdiag.facts.clock import clock_facts
from icapdiag.facts.connection import NoAnswer, ProfileInForce, Transfer
from icapdiag.facts.standard import Options, Sample
from icapdiag.icap.body import Body, Filling
from icapdiag.icap.message import CapExceeded, NotICAP, PeerClosed, ProtocolError, Request, Response
from icapdiag.icap.samples import CLEAN, eicar
from icapdiag.vocabulary import Reason, Status, Verdict

LONG = 10_000_000_000  # ns without an answer, at the end of a capture, that are no mere cut
PATIENCE = 1_000_000_000  # ns after which a client that closes had waited for an answer
_CONNECTING = 3_000_000_000  # ns without an answer to a SYN
_CLOSING = 900_000_000  # ns in which a process that has the connection reads the end of it
_EICAR_FILE = 128  # bytes: EICAR may be followed by blanks up to that (eicar.org)
_ENDLESS = 4 << 20  # bytes of a response beyond the length of its request
_WORD = 120  # bytes of an excerpt
_URI = re.compile(r"[a-z]{1,10}://[^/?#]*(/[^?#]*)?", re.IGNORECASE)
_UNREAD = {NotICAP: Reason.NOT_ICAP, PeerClosed: Reason.CLOSED, CapExceeded: Reason.TOO_LARGE}
_DATE_SPAN = 86400.0 * 3660


class Ending(NamedTuple):
    """``status`` None: the capture does not show what became of it."""

    status: Status | None
    reason: Reason | None = None
    error: str | None = None


UNFINISHED = Ending(None)


def seconds(span: int) -> str:
    """Of ns, for a sentence."""
    return f"{span / 1e9:.3g} s"


# --- transactions ----------------------------------------------------------------------------------


def ending_of(connection: Connection, current: Transaction) -> Ending:
    """What became of a request."""
    waited = (current.done or current.begun) - current.begun
    given_up = connection.client_closed
    if given_up is not None and _is_late(current, given_up):
        return _silent(given_up - current.begun, PATIENCE, "; then the client closed")
    by_client = current.ending in {"client-closed", "client-reset"}
    if by_client and _is_endless(current):
        found = Ending(Status.FAILED, Reason.TOO_LARGE, "the client closed inside an endless response")
    elif by_client:
        found = _silent(waited, PATIENCE, "; then the client closed")
    elif current.ending == "end":
        found = _silent(waited, LONG, ", where the capture ends")
    elif current.ending == "reset":
        found = Ending(Status.FAILED, Reason.RESET, "the server reset the connection")
    elif current.ending in {"closed", "unreadable"}:
        found = _unread(current.error)
    else:
        found = _answered(current.response)
    return found


def _answered(response: Response | None) -> Ending:
    """By a complete answer, or one whose end is missing from the capture."""
    if response is None or response.status < 200:
        return UNFINISHED
    return Ending(Status.FAILED, Reason.ICAP_STATUS) if response.status >= 400 else Ending(Status.OK)


def _is_late(current: Transaction, given_up: int) -> bool:
    """Whether the answer began when the client had closed its half after waiting for it."""
    return current.answer_begun is not None and current.answer_begun >= given_up >= current.begun + PATIENCE


def _is_endless(current: Transaction) -> bool:
    """Whether far more came back than was sent."""
    return current.exchange is not None and current.exchange.received > current.sent_bytes + _ENDLESS


def _silent(waited: int, least: int, then: str) -> Ending:
    """No complete answer came in the time that the client waited, ns; less than ``least`` says nothing."""
    if waited < least:
        return UNFINISHED
    return Ending(Status.FAILED, Reason.TIMEOUT, f"no complete answer within {seconds(waited)}{then}")


def _unread(error: ProtocolError | None) -> Ending:
    if error is None:
        return Ending(Status.FAILED, Reason.CLOSED, "the peer closed before the end of its answer")
    kinds = (reason for kind, reason in _UNREAD.items() if isinstance(error, kind))
    return Ending(Status.FAILED, next(kinds, Reason.PROTOCOL), error.detail)


def service_of(request: Request | None) -> str:
    """The path of the ICAP URI; empty where it is not known."""
    if request is None:
        return ""
    found = _URI.match(request.uri)
    return ((found[1] or "/") if found else request.uri)[:200]


def body_kind(request: Request | None) -> str:
    """``clean`` for our own harmless text, ``eicar`` and ``eicar-form`` for the test file, else ``upload``."""
    if request is None or not request.body:
        return "upload"
    body, test = request.body, eicar()
    if body == CLEAN:
        return "clean"
    if body.startswith(test) and request.body_size <= _EICAR_FILE:
        return "eicar"
    return "eicar-form" if b"\r\n\r\n" + test + b"\r\n" in body else "upload"


def transaction_facts(
    connection: Connection, current: Transaction, ending: Ending, profile: ProfileInForce
) -> tuple[str, Options | Sample]:
    """The probe that would have sent the request, and its facts."""
    exchange, request = current.begin_answer(), current.request
    response = current.response
    whole = response is not None and exchange.answering
    answer = answer_facts(exchange, response)
    answer.method = current.method
    if request is None or current.missing:  # nothing is known of what the server was to answer
        answer.deviations = answer.deviation_rules = None
    if isinstance(current.error, ProtocolError) and current.ending != "closed":
        answer.protocol_rule = current.error.rule
    if isinstance(current.error, NotICAP):
        answer.peer = current.error.peer
    if ending.reason in {Reason.NOT_ICAP, Reason.PROTOCOL} and current.error is not None:
        answer.peer_excerpt = current.error.seen.decode("latin-1")[:_WORD]
    lost = connection.streams[CLIENT]
    acknowledged = lost.acked is not None and lost.next is not None and lost.acked >= lost.next
    if request is not None:
        answer.complete_body_sent = current.body_sent and (acknowledged or whole)
    shared = {
        "error": ending.error,
        "profile": ProfileInForce(
            service_uri=service_of(request) or profile.service_uri,
            profile_vendor=profile.profile_vendor,
            profile_allow_204=None if request is None else "204" in request.headers.tokens("Allow"),
            warn_ms=profile.warn_ms,
            crit_ms=profile.crit_ms,
        ),
        "transfer": _transfer(current, whole=whole),
        "no_answer": _no_answer(connection, current, ending, acknowledged=acknowledged),
    }
    if current.method == "OPTIONS":
        facts = Options(answer=answer, **shared)  # type: ignore[arg-type]
        if whole and response is not None and response.status == 200:
            facts.offers_reqmod = "REQMOD" in (name.upper() for name in response.headers.tokens("Methods"))
            facts.offers_204 = "204" in response.headers.tokens("Allow")
        return "options", facts
    if whole and response is not None:
        answer |= _judged(current, answer)
    probe = body_kind(request)
    if probe == "upload":
        return probe, Upload(answer=answer, **shared)  # type: ignore[arg-type]
    sample = Sample(answer=answer, **shared)  # type: ignore[arg-type]
    if request is not None:
        sample.sample_size = request.body_size
        sample.sample_sha256 = hashlib.sha256(request.body).hexdigest() if probe != "eicar-form" else None
        sample.sample_form = "multipart" if probe == "eicar-form" else None
        if request.http_request is not None:
            sample.correlation_id = (request.http_request.headers.get("X-Correlation-ID") or "")[:64] or None
    return probe, sample


def _judged(current: Transaction, answer: Answer) -> Answer:
    """The verdict on the body. Where the capture lacks a part of it, nothing is said of what came back."""
    request, response = current.request, current.response
    assert response is not None  # noqa: S101 - who calls has looked
    original: Body | None = None
    if request is not None and current.body_sent and not current.missing:
        filling = Filling(b"\0", max(0, request.body_size - len(request.body)))
        original = Body((request.body, filling) if filling.length else (request.body,))
    elif request is not None and request.body_name == "null-body" and not current.missing:
        original = Body(())
    found = verdict_facts(response, original, method=current.method)
    if (
        original is None
        and found.verdict == Verdict.MODIFIED
        and set(found.decided_by or ()) <= {"Encapsulated", "body"}
    ):
        return Answer()  # an echo looks like a rewrite
    return found


def _transfer(current: Transaction, *, whole: bool) -> Transfer:
    exchange = current.begin_answer()
    transfer = Transfer(
        bytes_sent=current.sent_bytes,
        bytes_received=exchange.received,
        continued=exchange.continued,
        reset_after_answer=current.reset_after or None,
    )
    if current.first_byte is None or current.request is None:
        return transfer
    transfer.first_byte_ms = _ms(current.first_byte - current.begun)
    if whole and current.answer_begun is not None:
        transfer.answer_ms = _ms(current.answer_begun - current.begun)
        transfer.answer_clock = "kernel"
    response = current.response
    date = response.headers.get("Date") if whole and response is not None else None
    skew = clock_facts(date, current.begun / 1e9, current.first_byte / 1e9)
    if skew.clock_offset_s is not None and abs(skew.clock_offset_s) > _DATE_SPAN:
        return transfer  # the capture's clock counts from some other day
    return transfer | skew


def _ms(span: int) -> float:
    return round(max(0, span) / 1e6, 3)


def _no_answer(connection: Connection, current: Transaction, ending: Ending, *, acknowledged: bool) -> NoAnswer:
    """Of a request that got nothing in time."""
    late = connection.client_closed is not None and _is_late(current, connection.client_closed)
    if ending.reason is not Reason.TIMEOUT or not connection.server_packets:
        return NoAnswer()
    if current.first_byte is not None and not late:
        return NoAnswer()
    facts = NoAnswer(request_acknowledged=acknowledged)
    if connection.client_closed is not None:
        if late:
            facts.close_reaction = "answered"
        elif connection.closed_by == SERVER or connection.server_closed is not None:
            facts.close_reaction = "closed"
        elif connection.reset_by == SERVER:
            facts.close_reaction = "reset"
        elif connection.watched - connection.client_closed >= _CLOSING:
            facts.close_reaction = "none"
    return facts


# --- connections -----------------------------------------------------------------------------------


def connecting(connection: Connection, end: int) -> Ending:
    """What became of the attempt to connect; ``end``: of the capture, ns."""
    if connection.refused:
        return Ending(Status.FAILED, Reason.REFUSED, "Connection refused")
    if connection.answered and _is_dropped(connection):
        return Ending(Status.FAILED, Reason.RESET, "the server reset the connection before any request")
    if connection.answered:
        return Ending(Status.OK)
    if (error := connection.unreachable) is not None and not error.too_big:
        reason = Reason.PROHIBITED if error.prohibited else Reason.UNREACHABLE
        return Ending(Status.FAILED, reason, f"ICMP: {error.words}")
    waited = max(connection.last, end) - connection.started
    if connection.syns > 1 or waited >= _CONNECTING:
        times = f"{connection.syns} SYNs" if connection.syns > 1 else "the SYN"
        return Ending(Status.FAILED, Reason.TIMEOUT, f"no answer to {times}")
    return UNFINISHED


def _is_dropped(connection: Connection) -> bool:
    """Whether the server reset a connection on which neither side had said or ended anything."""
    quiet = connection.streams[CLIENT].segments == 0 and connection.streams[SERVER].segments == 0
    return quiet and connection.reset_by == SERVER and connection.client_closed is None


_CERTIFICATE_ALERTS = {45: Reason.TLS_EXPIRED, 42: Reason.TLS_UNTRUSTED, 46: Reason.TLS_UNTRUSTED,
                       48: Reason.TLS_UNTRUSTED, 44: Reason.TLS_UNTRUSTED}  # fmt: skip


def handshaking(connection: Connection, found: Handshake, end: int) -> Ending:
    """What became of a TLS handshake, as far as it is in clear."""
    if found.clear_text:
        return Ending(Status.FAILED, Reason.TLS_NOT_TLS, "the server answered in clear text")
    alerts = (alert for alert in found.alerts if alert.code)
    if (alert := next(alerts, None)) is not None:
        return _alerted(alert)
    if found.data_sent:
        return _dismissed(connection) if found.dismissed else Ending(Status.OK)
    gave_up = connection.client_closed
    if gave_up is None or (connection.server_closed or gave_up) < gave_up:
        if connection.reset_by == SERVER:
            return Ending(Status.FAILED, Reason.RESET, "the server reset the connection in the handshake")
        if connection.server_closed is not None:
            return Ending(Status.FAILED, Reason.CLOSED, "the server closed in the handshake")
        gave_up = connection.last if connection.over else end
    return _broken_off(connection, found, gave_up - connection.started)


def _dismissed(connection: Connection) -> Ending:
    """After its handshake the server has sent an alert, or the announcement that it closes, and nothing else."""
    first = connection.reset_by if connection.closed_by is None else connection.closed_by
    if first != SERVER:
        return Ending(Status.OK)
    words = "the server ended the connection after the handshake with an alert, which TLS 1.3 encrypts"
    return Ending(Status.FAILED, Reason.TLS_HANDSHAKE, words)


def _alerted(alert: Alert) -> Ending:
    words = ALERTS.get(alert.code or 0, f"alert {alert.code}")
    if alert.by_server:
        reason = Reason.TLS_CLIENT_CERTIFICATE if alert.code == 116 else Reason.TLS_HANDSHAKE
        return Ending(Status.FAILED, reason, f"alert of the server: {words}")
    reason = _CERTIFICATE_ALERTS.get(alert.code or 0, Reason.TLS_HANDSHAKE)
    return Ending(Status.FAILED, reason, f"alert of the client: {words}")


def _broken_off(connection: Connection, found: Handshake, waited: int) -> Ending:
    """The client ended it, or nothing more came."""
    if not found.answered and waited >= PATIENCE:
        return Ending(Status.FAILED, Reason.TIMEOUT, f"no TLS handshake within {seconds(waited)}")
    if not found.answered or not connection.over:
        return UNFINISHED
    sealed = any(alert.code is None and not alert.by_server for alert in found.alerts)
    words = "the client ended the handshake" + (" with an alert, which TLS 1.3 encrypts" if sealed else "")
    return Ending(Status.FAILED, Reason.TLS_HANDSHAKE, words)
