"""The frames of one run as observations: what each step shows of its member, in the words of a live probe."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from icapdiag.facts import connection as sheets
from icapdiag.facts.answer import Answer
from icapdiag.facts.answered import answer_facts, verdict_facts
from icapdiag.facts.clock import clock_facts
from icapdiag.facts.connection import Endpoint, ProbeSheet, ProfileInForce, Transfer
from icapdiag.facts.refusal import Respmod, Services, ServiceTried, Variants, VariantTried
from icapdiag.facts.standard import EicarAgain, EicarOutcomes, Options, Sample
from icapdiag.facts.tls import TLS
from icapdiag.icap.client import Exchange
from icapdiag.icap.message import CapExceeded, NotICAP, PeerClosed, ProtocolError
from icapdiag.icap.product import SCANNERS, names_no_scanner, names_scanner
from icapdiag.model import Observation
from icapdiag.script.frames import Frame
from icapdiag.script.handshake import alerted, handshake, reason_of, without_messages
from icapdiag.script.plan import LIMITS, Plan, Step, Target, paths, steps
from icapdiag.vocabulary import Reason, Status, Verdict

_EXCERPT = 120
_UNREAD = {NotICAP: Reason.NOT_ICAP, PeerClosed: Reason.CLOSED, CapExceeded: Reason.TOO_LARGE}
_STATUS = {None: Status.OK, Reason.INTERRUPTED: Status.ERROR}  # a cut output says nothing of the server
_DOUBTFUL = frozenset({400, 405, 408, 411, 413, 417, 418, 500, 505})  # as in a check
_NAMES = {"options-user-agent": "user-agent"}
_CHANGED = (
    "no-preview", "preview-0", "preview-4", "tiny-body", "no-allow", "user-agent", "content-length", "unchanged",
)  # fmt: skip
_CHANGED_OPTIONS = ("no-encapsulated", "options-user-agent")


class Result(Struct, frozen=True, kw_only=True):
    """What became of one step."""

    status: Status
    reason: Reason | None = None
    error: str | None = None
    connected: bool = True
    answer: Answer
    transfer: Transfer
    took: float | None = None  # ms
    begun: float = 0.0  # s since 1970
    connected_ms: float | None = None


def seen_at(plan: Plan, number: int, frames: Sequence[Frame], name: str) -> list[Observation]:
    """The observations on the target of this number, in the order of a check. ``name``: the member's in the report."""
    return list(_Target(plan, number, frames, name).observations())


class _Target:
    def __init__(self, plan: Plan, number: int, frames: Sequence[Frame], name: str) -> None:
        self._plan, self._target, self._name = plan, plan.targets[number], name
        self._frames = {frame.values.get("s", ""): frame for frame in frames if frame.number_of("m") == number}
        self._steps: Mapping[str, Step] = {each.name: each for each in steps(plan, self._target)}
        self._profile = ProfileInForce(
            service_uri=plan.service_uri,
            profile_vendor=plan.vendor or None,
            profile_preview_size=plan.preview_size,
            profile_allow_204=plan.allow_204,
            profile_response_timeout=plan.crit_ms,
            profile_slow_response_warning_threshold=plan.warn_ms,
            timeout_ms=plan.timeout_ms,
            warn_ms=plan.warn_ms,
            crit_ms=plan.crit_ms,
        )
        self._results: dict[str, Result] = {}

    def observations(self) -> Iterator[Observation]:
        first = self._frames.get("tcp") or self._frames.get("options")
        if first is None:
            return
        blocked = ""
        if self._target.tls:
            found, blocked = self._tls(first, self._frames.get("tls"))
            yield from found
        for name in ("options", "clean", "eicar", "eicar-form"):
            result = None if blocked else self._result(name)
            if result is not None and name == "options" and not self._target.tls:
                yield self._tcp(result)
                blocked = "" if result.connected else "tcp"
            if blocked or result is None:
                yield from self._not_sent(name, blocked)
                continue
            yield self._asked(name, result)
            if _prevents(name, result):
                blocked = name
        yield from self._followed()

    def _not_sent(self, name: str, blocked: str) -> Iterator[Observation]:
        """Of a step that was not sent: why, if that is known."""
        if name == "eicar" and not self._plan.eicar:
            yield self._seen(name, Status.SKIPPED, "not-asked", Sample())
        elif blocked and name != "eicar-form":
            yield self._seen(name, Status.BLOCKED, blocked, _sheet(name))

    # --- the connection ----------------------------------------------------------------------------

    def _tcp(self, result: Result) -> Observation:
        family = "ipv6" if ":" in self._target.address else "ipv4"
        facts = sheets.TCP(family=family)
        if result.connected:
            facts.rtt_ms = result.connected_ms
            return self._seen("tcp", Status.OK, None, facts, result.connected_ms)
        facts.error = result.error
        return self._seen("tcp", Status.FAILED, result.reason, facts, result.took)

    def _tls(self, tcp: Frame, tls: Frame | None) -> tuple[list[Observation], str]:
        """The observations on connection and handshake, and the probe that prevents the others."""
        made = read_result(replace(self._target, tls=False), self._steps["options"], tcp)
        found = [self._tcp(made)]
        if not made.connected:
            return [*found, self._seen("tls", Status.BLOCKED, "tcp", TLS())], "tcp"
        if tls is None:
            return found, "tls"
        at = tls.number_of("at")
        shaken = handshake(self._target, tls.data, None if at is None else datetime.fromtimestamp(at / 1000, UTC))
        seen = self._seen("tls", shaken.status, shaken.reason, shaken.facts, _float(tls.number_of("took")))
        return [*found, seen], "" if shaken.status is Status.OK else "tls"

    # --- requests ----------------------------------------------------------------------------------

    def _result(self, name: str) -> Result | None:
        """What became of this step; None if it was not sent."""
        if name not in self._results and name in self._frames and name in self._steps:
            self._results[name] = read_result(self._target, self._steps[name], self._frames[name])
        return self._results.get(name)

    def _asked(self, name: str, result: Result) -> Observation:
        shared = {"error": result.error, "profile": self._profile, "transfer": result.transfer}
        if name == "options":
            facts: Options | Sample = Options(answer=result.answer, **shared)  # type: ignore[arg-type]
            assert isinstance(facts, Options)  # noqa: S101 - made above
            if result.answer.icap_status == 200:
                facts.offers_reqmod = "REQMOD" in (method.upper() for method in result.answer.methods or ())
                facts.offers_204 = "204" in (result.answer.allow or ())
            return self._seen(name, result.status, result.reason, facts, result.took)
        body = self._steps[name].body or b""
        form = self._steps[name].form
        facts = Sample(
            answer=result.answer,
            sample_form=None if form == "raw" else form,
            sample_sha256=hashlib.sha256(body).hexdigest(),
            sample_size=len(body),
            correlation_id=self._plan.correlation_id or None,
            **shared,  # type: ignore[arg-type]
        )
        options = self._results.get("options")
        before, now = None if options is None else options.answer.istag, result.answer.istag
        if before is not None and now is not None:
            facts.istag_changed = before.strip().strip('"') != now.strip().strip('"')
        return self._seen(name, result.status, result.reason, facts, result.took)

    # --- what only tells causes apart --------------------------------------------------------------

    def _followed(self) -> Iterator[Observation]:
        outcomes = EicarOutcomes()
        for name, step in (("eicar_whole", "eicar-whole"), ("eicar_beyond_preview", "eicar-beyond")):
            if (result := self._result(step)) is not None:
                setattr(outcomes, name, _became_of_eicar(result))
        if outcomes != EicarOutcomes():
            facts = EicarAgain(profile=self._profile, outcomes=outcomes)
            yield self._seen("eicar-again", Status.OK, None, facts)
        if (variants := self._variants()) is not None:
            yield self._seen("variants", Status.OK, None, variants)

        yield from self._elsewhere()

    def _elsewhere(self) -> Iterator[Observation]:
        """Other methods and other paths, where a request was refused."""
        clean, options = self._results.get("clean"), self._results.get("options")
        if (result := self._result("respmod")) is not None and clean is not None:
            status = result.answer.icap_status
            respmod = Respmod(
                refused_method="REQMOD",
                refused_status=clean.answer.icap_status,
                respmod_served=status is not None and 200 <= status < 300,
                respmod_status=status,
                respmod_verdict=None if status is None else result.answer.verdict or str(Verdict.UNKNOWN),
            )
            yield self._seen("respmod", Status.OK, None, respmod)
        tried: list[ServiceTried] = []
        for number, path in enumerate(paths(self._plan)):
            if (result := self._result(f"service-{number}")) is None:
                continue
            answer = result.answer
            reason = None if answer.icap_status is not None else result.reason
            product = answer.product if answer.product in SCANNERS else None
            tried.append(
                ServiceTried(
                    service_uri=path, icap_status=answer.icap_status, methods=answer.methods, service=answer.service,
                    product=product, reason=reason,
                )
            )  # fmt: skip
        if tried and options is not None:
            yield self._seen("services", Status.OK, None, services_facts(options.answer.icap_status or 0, tried))

    def _variants(self) -> Variants | None:
        found = Variants()
        tried: list[VariantTried] = []
        for method, base, names in (
            ("REQMOD", "clean", _CHANGED),
            ("OPTIONS", "options", _CHANGED_OPTIONS),
        ):
            refused = self._result(base)
            if refused is None or refused.status is Status.OK or not refused.connected or found.fixed_by:
                continue
            status = refused.answer.icap_status
            if status is not None and status >= 400 and status not in _DOUBTFUL:
                continue
            sent = [(self._changed_by(name), result) for name in names if (result := self._result(name)) is not None]
            if not sent:
                continue
            tried += [_tried(method, name, result) for name, result in sent]
            taken = [name for name, result in sent if result.status is Status.OK]
            if found.refused_method is None or taken:
                found.refused_method, found.refused_status = method, status
                found.refused_reason = None if status is not None else refused.reason
                found.accepted = tuple(dict.fromkeys(taken))
                found.rejected = tuple(dict.fromkeys(name for name, result in sent if name not in taken))
            fixes = [name for name in taken if name != "unchanged"]
            if fixes and "unchanged" not in taken:
                found.fixed_by = fixes[0]
        found.variants = tuple(tried)
        return found if tried else None

    def _changed_by(self, name: str) -> str:
        """The name that a check has for the change. A preview is the one offered if it is no longer than that."""
        return "preview-offered" if name.startswith("preview-") else _NAMES.get(name, name)

    def _seen(
        self, probe: str, status: Status, reason: str | None, facts: ProbeSheet, took: float | None = None
    ) -> Observation:
        target = self._target
        endpoint = Endpoint(host=target.host, port=target.port, tls=target.tls, address=target.address or None)
        return Observation(
            source="probe", probe=probe, pool=self._plan.pool, member=self._name, status=status,
            reason=None if reason is None else str(reason), elapsed_ms=took, facts=replace(facts, endpoint=endpoint),
        )  # fmt: skip


def services_facts(refused: int, tried: Sequence[ServiceTried]) -> Services:
    """What the paths that were tried have; ``refused``: the status of OPTIONS at the configured one."""
    taking = [
        each
        for each in tried
        if each.icap_status == 200 and (not each.methods or "REQMOD" in (method.upper() for method in each.methods))
    ]
    kinds: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    for each in taking:
        named = f"{each.service_uri} {each.service or ''}"
        scans = False if names_no_scanner(named) else (True if each.product or names_scanner(named) else None)
        kinds[scans].append(each.service_uri or "")
    return Services(
        missing="service" if refused >= 400 else "reqmod",
        services=tuple(tried),
        candidates=tuple(kinds[True]),
        unproven=tuple(kinds[None]),
        unscanning=tuple(kinds[False]),
    )


def read_result(target: Target, step: Step, frame: Frame) -> Result:
    """What became of a request, from the bytes that came back and how the connection ended."""
    data, said = without_messages(frame.data) if target.tls else (frame.data, b"")
    words, end = frame.values.get("said", ""), frame.values.get("end", "")
    begun, took = (frame.number_of("at") or 0) / 1000, _float(frame.number_of("took"))
    connected_ms, first = _float(frame.number_of("connected")), _float(frame.number_of("first"))
    if not target.tls and (end in {"unconnected", "killed"} or connected_ms is None) and not data:
        found = reason_of(words)
        reason = found or (Reason.TIMEOUT if end in {"killed", ""} else Reason.UNREACHABLE)
        error = "no connection in time" if end == "killed" else (words.strip("_").replace("_", " ")[-80:] or None)
        return Result(
            status=Status.FAILED, reason=reason, error=error, connected=False, answer=Answer(), transfer=Transfer(),
            took=took, begun=begun,
        )  # fmt: skip
    exchange = Exchange(step.request, limits=LIMITS)
    unread, failure, error = Answer(), None, None
    try:
        exchange.receive(data)
        if not exchange.done and end == "eof" and not frame.cut and reason_of(words) is None and alerted(said) is None:
            exchange.receive_eof()
    except ProtocolError as exc:
        unread = Answer(protocol_rule=exc.rule, peer=exc.peer if isinstance(exc, NotICAP) else None)
        failure = next((reason for kind, reason in _UNREAD.items() if isinstance(exc, kind)), Reason.PROTOCOL)
        error = exc.detail
    response = exchange.response or exchange.salvage()
    if failure is None:
        failure, error = _ending(exchange, end, words, said, frame.cut, took)
    elif failure is Reason.CLOSED and not data and (found := reason_of(words) or alerted(said)):
        failure = found
    answer = answer_facts(exchange, response) | unread
    answer.complete_body_sent = exchange.whole_body_sent
    if failure in {Reason.NOT_ICAP, Reason.PROTOCOL}:
        answer.peer_excerpt = data[:_EXCERPT].decode("latin-1")
    if response is not None and exchange.answering and step.body is not None:
        answer |= verdict_facts(response, step.body, method=step.request.method)
    return Result(
        status=_STATUS.get(failure, Status.FAILED),
        reason=failure,
        error=error,
        answer=answer,
        transfer=_transfer(
            exchange, step, begun, first, tls=target.tls, dated=response is not None and exchange.answering
        ),
        took=took,
        begun=begun,
        connected_ms=connected_ms,
    )


def _ending(
    exchange: Exchange, end: str, words: str, said: bytes, cut: str, took: float | None
) -> tuple[Reason | None, str | None]:
    """What kept a complete response with a status below 400 from arriving; None, None if one arrived."""
    response = exchange.response
    found: tuple[Reason | None, str | None] = None, None
    closed = Reason.CLOSED, "the peer closed before the end of its answer"
    if exchange.done and response is not None:
        if response.status >= 400:
            found = Reason.ICAP_STATUS, None
        elif not response.complete:
            found = closed
    elif cut:
        found = Reason.INTERRUPTED, f"the script's output is cut here: {cut}"
    elif (reason := reason_of(words) or alerted(said)) is not None:
        found = reason, (said.decode("latin-1").strip() or words.strip("_").replace("_", " "))[-160:]
    elif end == "limit":
        found = Reason.TOO_LARGE, f"more than {LIMITS.body_total:,} bytes in response to a short request"
    elif end == "eof":
        found = closed
    else:
        found = Reason.TIMEOUT, f"no complete answer within {(took or 0) / 1000:.3g} s"
    return found


def _transfer(exchange: Exchange, step: Step, begun: float, first: float | None, *, tls: bool, dated: bool) -> Transfer:
    request = step.request
    transfer = Transfer(
        bytes_sent=request.size_at_once + (request.size_withheld if exchange.continued else 0),
        bytes_received=exchange.received,
        continued=exchange.continued,
    )
    if first is None:
        return transfer
    transfer.first_byte_ms = first
    if dated:
        transfer.answer_ms, transfer.answer_clock = first, "application"
        transfer.answer_uncertain = tls or None  # there, the time includes that of the handshake
    response = exchange.response
    date = response.headers.get("Date") if dated and response is not None else None
    return transfer | clock_facts(date, begun, begun + first / 1000)


def _became_of_eicar(result: Result) -> str:
    """In the words of `EicarOutcomes`."""
    if result.status is not Status.OK:
        return "failed"
    match result.answer.verdict:
        case Verdict.ALLOWED:
            return "passed" if result.answer.complete_body_sent else "passed-unseen"
        case Verdict.BLOCKED:
            return "blocked"
        case Verdict.MODIFIED:
            return "modified"
    return "other"


def _tried(method: str, name: str, result: Result) -> VariantTried:
    status = result.answer.icap_status
    return VariantTried(
        method=method, variant=name, icap_status=status, icap_reason=result.answer.icap_reason,
        reason=None if status is not None else result.reason,
    )  # fmt: skip


def _prevents(name: str, result: Result) -> bool:
    """Whether what follows this step is not sent: after OPTIONS without an ICAP answer, after a clean body refused."""
    if result.status is Status.OK or name.startswith("eicar"):
        return False
    return name == "clean" or (result.answer.icap_status or 0) < 400


def _sheet(name: str) -> ProbeSheet:
    return Options() if name == "options" else Sample()


def _float(number: int | None) -> float | None:
    return None if number is None else float(number)
