"""keepalive: two uploads on one connection. Does it stay open, and is the second answer the second's?"""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from icapdiag.icap.request import PreparedRequest
from icapdiag.icap.samples import eicar
from icapdiag.model import JSONValue
from icapdiag.probe.base import Context, Facts, Outcome, Probe, Settings, ok
from icapdiag.probe.connection.answer import verdict_facts
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


@dataclass(slots=True)
class _Rest:
    """What came after an answer that was complete. ``ended`` tells whether the server closed, ``after`` how many s."""

    data: bytes = b""
    size: int = 0
    ended: bool = False
    after: float = 0.0


@dataclass(slots=True)
class _Pair:
    """How the two uploads on one connection went. ``reuse`` and ``signs`` as the facts of these names."""

    first: ExchangeResult
    left_over: _Rest
    reuse: str
    second: ExchangeResult | None = None
    signs: list[JSONValue] = field(default_factory=list)


async def _run(context: Context) -> Outcome:
    await context.close()
    facts: Facts = {"pair": "eicar-clean" if context.settings.eicar else "clean-clean", **capacity_facts(context)}
    try:
        stream = await open_connection(context)
    except ConnectError as exc:
        return Outcome(exc.outcome.status, exc.outcome.reason, {**facts, **exc.outcome.facts})
    try:
        first = await exchange_messages(
            stream, _requests(context)[0], timeout=context.time_for(context.settings.timeout)
        )
        if first.response is None or not first.exchange.done or not first.response.complete:
            return Outcome(first.outcome.status, first.outcome.reason, {**facts, **first.outcome.facts})
        pair = await _second(context, stream, first)
        facts |= _pair_facts(context, pair)
        if pair.reuse == "honoured" and context.settings.idle:
            facts |= await _idle_facts(context, stream)
    finally:
        await trio.aclose_forcefully(stream)
    return ok(facts)


def _requests(context: Context) -> tuple[PreparedRequest, PreparedRequest]:
    """Both without ``Connection: close``; the first one's answer has to be known again.

    Where it may not be EICAR, whose answer is a block, it is sent without a preview and without Allow: 204, so that
    the answer brings the body back (RFC 3507, 4.6).
    """
    if context.settings.eicar:
        first = scan_request(context, eicar(), close=False)
    else:
        first = scan_request(context, _FIRST, preview=False, allow=False, close=False)
    return first, scan_request(context, _SECOND, close=False)


async def _second(context: Context, stream: trio.abc.Stream, first: ExchangeResult) -> _Pair:
    rest = await _listen(stream, _SETTLED)
    rest.data, rest.size = first.exchange.excess + rest.data, len(first.exchange.excess) + rest.size
    announced = first.response is not None and "close" in (first.response.headers.get("Connection") or "").lower()
    pair = _Pair(first, rest, "announced-close" if announced else "closed" if rest.ended else "honoured")
    if rest.data.strip(b"\r\n"):
        pair.signs.append("bytes-left-over")
    if pair.reuse == "honoured":
        request = _requests(context)[1]
        pair.second = result = await exchange_messages(
            stream, request, timeout=context.time_for(context.settings.timeout)
        )
        pair.signs += _signs(context, first, result)
        if result.outcome.reason in {Reason.CLOSED, Reason.RESET} and not result.exchange.received:
            pair.reuse = "closed"
        elif result.outcome.reason is Reason.TIMEOUT:
            pair.reuse = "unanswered"
    if pair.signs:
        pair.reuse = "desynchronised"
    return pair


def _signs(context: Context, first: ExchangeResult, second: ExchangeResult) -> list[JSONValue]:
    """What shows that the second answer is not the second request's."""
    if second.outcome.reason in {Reason.NOT_ICAP, Reason.PROTOCOL}:
        return ["unreadable"]
    if second.response is None or not second.head_read:
        return []
    if second.response.body and second.response.body == _FIRST:
        return ["body-of-first"]
    alone, _ = context.outcomes.get("clean", (None, 0.0))
    verdicts = [_verdict(first, eicar() if context.settings.eicar else _FIRST), _verdict(second, _SECOND)]
    blocked = verdicts == [Verdict.BLOCKED, Verdict.BLOCKED]
    if blocked and alone is not None and alone.facts.get("verdict") == Verdict.ALLOWED:
        return ["verdict-of-first"]
    return []


def _verdict(result: ExchangeResult, body: bytes) -> JSONValue:
    return verdict_facts(result.response, body)["verdict"] if result.response is not None and result.head_read else None


def _pair_facts(context: Context, pair: _Pair) -> Facts:
    first, second = pair.first, pair.second
    facts: Facts = {
        "reuse": pair.reuse,
        "desync_signs": pair.signs,
        "extra_bytes": pair.left_over.size,
        "first_status": first.response.status if first.response else None,
        "first_verdict": _verdict(first, eicar() if context.settings.eicar else _FIRST),
    }
    if pair.left_over.data:
        facts["extra_excerpt"] = pair.left_over.data[:_EXCERPT].decode("latin-1")
    if pair.left_over.ended:
        facts["closed_after_ms"] = round(pair.left_over.after * 1000, 3)
    if second is not None and second.response is not None and second.head_read:
        facts["second_status"] = second.response.status
        facts["second_verdict"] = _verdict(second, _SECOND)
    return facts


async def _idle_facts(context: Context, stream: trio.abc.Stream) -> Facts:
    """After how many seconds without a request the server closes, should it do so in time."""
    started = trio.current_time()
    rest = await _listen(stream, context.time_for(context.settings.idle))
    facts: Facts = {"idle_waited_s": round(trio.current_time() - started, 1), "idle_closed": rest.ended}
    return facts | ({"idle_close_s": round(rest.after, 1)} if rest.ended else {})


async def _listen(stream: trio.abc.Stream, seconds: float) -> _Rest:
    """Read for so many seconds, or to the end of the stream."""
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
    first, second = _requests(context)
    messages = (*context.handshakes(), icap_message(first, eicar() if context.settings.eicar else _FIRST))
    return (
        Planned(to=context.peer, connections=1, messages=messages),
        Planned(
            to=context.peer,
            messages=(icap_message(second, _SECOND),),
            condition="on the same connection if it stays open",
        ),
    )


def _more_time(settings: Settings) -> float:
    return _ALLOWANCE + settings.idle


PROBE: Probe = Probe(
    name="keepalive",
    run=_run,
    plan=_plan,
    sends="two REQMODs on one connection, harmless lines of text, with --eicar EICAR and then a harmless one; "
    "with --idle SECONDS, silence to see when the server closes",
    depth="deep",
    connects=True,
    needs=("tcp", "tls", "options", "clean"),
    more_time=_more_time,
)
