"""keepalive: two uploads on one connection. Does it stay open, and does the second answer belong to the second?"""

from __future__ import annotations

import trio
from msgspec import Struct
from msgspec.structs import replace

from icapdiag.facts.answer import Answer
from icapdiag.facts.deep import Keepalive
from icapdiag.icap.request import PreparedRequest
from icapdiag.icap.samples import eicar
from icapdiag.probe.base import Context, Outcome, Probe, failed, ok
from icapdiag.probe.connection.connect import ConnectError, open_connection
from icapdiag.probe.connection.exchange import ExchangeResult, exchange_messages, receive_recorded
from icapdiag.probe.messages import Planned, icap_message
from icapdiag.probe.probes.load import capacity_facts
from icapdiag.probe.probes.sample import scan_request
from icapdiag.vocabulary import Reason, Verdict

_FIRST = b"icapdiag: the first of two harmless lines on one connection.\n"
_SECOND = b"icapdiag: the second of two harmless lines, with a text of its own.\n"
_SETTLED = 0.25  # seconds after an answer in which a server that closes, or has more to say, does so
_ALLOWANCE = 2.0  # seconds that the member's deadline is put off for this probe
_READ = 4096
_EXCERPT = 120


class _Rest(Struct):
    """What came after a complete answer, within ``after`` seconds. ``ended``: the server closed."""

    data: bytes = b""
    size: int = 0
    ended: bool = False
    after: float = 0.0


async def _run(context: Context) -> Outcome:
    await context.close()
    pair = "eicar-clean" if context.settings.eicar else "clean-clean"
    facts = Keepalive(pair=pair, capacity=capacity_facts(context))
    try:
        stream = await open_connection(context)
    except ConnectError as exc:
        return failed(exc.failure, facts)
    try:
        first = await _ask(context, stream, *_first(context))
        if first.response is None or not first.exchange.done or not first.response.complete:
            return Outcome(first.status, first.reason, replace(facts, error=first.error))
        facts |= await _after(context, stream, first)
        if facts.reuse == "honoured" and context.settings.idle:
            idle = await _listen(stream, context.time_for(context.settings.idle))
            facts.idle_waited_s, facts.idle_closed = round(idle.after, 1), idle.ended
            facts.idle_close_s = round(idle.after, 1) if idle.ended else None
    finally:
        await trio.aclose_forcefully(stream)
    return ok(facts)


def _first(context: Context) -> tuple[PreparedRequest, bytes]:
    """The first request and its body: without ``Connection: close``, and with a recognisable answer.

    If EICAR (which is blocked) may not be sent, it has no preview and no Allow: 204, so that the answer
    returns the body (RFC 3507, 4.6).
    """
    virus = context.settings.eicar
    body = eicar() if virus else _FIRST
    return scan_request(context, body, preview=virus, allow=virus, close=False), body


def _second(context: Context) -> tuple[PreparedRequest, bytes]:
    return scan_request(context, _SECOND, close=False), _SECOND


async def _ask(context: Context, stream: trio.abc.Stream, request: PreparedRequest, body: bytes) -> ExchangeResult:
    return await exchange_messages(stream, request, timeout=context.time_for(context.settings.timeout), sent_body=body)


async def _after(context: Context, stream: trio.abc.Stream, first: ExchangeResult) -> Keepalive:
    """What happens to the connection after the first answer, and to the second request on it."""
    rest = await _listen(stream, _SETTLED)
    left_over = first.exchange.excess + rest.data
    announced = first.response is not None and "close" in (first.response.headers.get("Connection") or "").lower()
    facts = Keepalive(
        reuse="announced-close" if announced else "closed" if rest.ended else "honoured",
        extra_bytes=len(first.exchange.excess) + rest.size,
        extra_excerpt=left_over[:_EXCERPT].decode("latin-1") or None,
        closed_after_ms=round(rest.after * 1000, 3) if rest.ended else None,
        first_status=first.answer.icap_status,
        first_verdict=first.answer.verdict,
    )
    signs = ["bytes-left-over"] if left_over.strip(b"\r\n") else []
    if facts.reuse == "honoured":
        second = await _ask(context, stream, *_second(context))
        signs += _signs(context, first, second)
        if second.reason in {Reason.CLOSED, Reason.RESET} and not second.exchange.received:
            facts.reuse = "closed"
        elif second.reason is Reason.TIMEOUT:
            facts.reuse = "unanswered"
        if second.exchange.answering:
            facts.second_status = second.answer.icap_status
            facts.second_verdict = second.answer.verdict
    if signs:
        facts.reuse = "desynchronised"
    facts.desync_signs = tuple(signs)
    return facts


def _signs(context: Context, first: ExchangeResult, second: ExchangeResult) -> list[str]:
    """The signs that the second answer does not belong to the second request."""
    if second.reason in {Reason.NOT_ICAP, Reason.PROTOCOL}:
        return ["unreadable"]
    if second.response is None or not second.exchange.answering:
        return []
    if second.response.body and second.response.body == _FIRST:
        return ["body-of-first"]
    blocked = first.answer.verdict == second.answer.verdict == Verdict.BLOCKED
    if blocked and context.found("clean", Answer).verdict == Verdict.ALLOWED:
        return ["verdict-of-first"]
    return []


async def _listen(stream: trio.abc.Stream, seconds: float) -> _Rest:
    """Read for the given time, or to the end of the stream."""
    rest = _Rest()
    started = trio.current_time()
    with trio.move_on_after(seconds):
        while not rest.ended:
            try:
                data = await receive_recorded(stream, _READ)
            except trio.BrokenResourceError:
                data = b""
            rest.data = (rest.data + data)[:_EXCERPT]
            rest.size += len(data)
            rest.ended = not data
    rest.after = trio.current_time() - started
    return rest


def _plan(context: Context) -> tuple[Planned, ...]:
    again = icap_message(*_second(context))
    kept = Planned(to=context.peer, messages=(again,), condition="on the same connection if it stays open")
    return context.connections(icap_message(*_first(context))), kept


PROBE: Probe = Probe(
    name="keepalive",
    run=_run,
    plan=_plan,
    sends="two REQMODs on one connection, harmless lines of text, with --eicar EICAR and then a harmless one; "
    "with --idle SECONDS, silence to see when the server closes",
    depth="deep",
    connects=True,
    needs=("tcp", "tls", "options", "clean"),
    more_time=lambda settings: _ALLOWANCE + settings.idle,
)
