"""One upload of a given size on a connection of its own, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import trio

from icapdiag.icap.body import Body
from icapdiag.icap.limits import Limits
from icapdiag.icap.samples import clean_body, eicar_before_padding, eicar_behind_padding
from icapdiag.model import JSONValue
from icapdiag.probe.base import Context, Outcome
from icapdiag.probe.connection.answer import verdict_facts
from icapdiag.probe.connection.conversation import Conversation, converse
from icapdiag.probe.connection.dial import hold_back, unacknowledged
from icapdiag.probe.connection.opening import NotOpened, opened
from icapdiag.probe.connection.wire import beneath
from icapdiag.probe.standard.sample import scan_request
from icapdiag.vocabulary import Reason, Status, Verdict

Sample = Literal["clean", "archive", "leading"]
SAMPLES = MappingProxyType({"clean": clean_body, "archive": eicar_behind_padding, "leading": eicar_before_padding})
SMALL_SEGMENT = 536  # bytes that any IPv4 path takes (RFC 9293, 3.7.1)

Ending = Literal["", "status", "dropped", "silent", "slow", "unacknowledged", "broken", "refused", "changed"]
_DROPPED = {Reason.RESET, Reason.CLOSED, Reason.REFUSED, Reason.UNREACHABLE, Reason.PROHIBITED}
_KEPT = 4096  # bytes of an answer's body, to tell an echo from a rewrite
_UNSENT = 128 * 1024  # bytes
_MARGIN = 1024 * 1024  # bytes that an answer may be longer than what was sent
_SLOWEST = 1024 * 1024  # bytes per second that a path should take at the least
_STILL = 0.25  # of the time; who took nothing more for longer does not take it slowly
_LOST = 2  # retransmission timeouts in a row, with nothing back: no mere loss
_BUSY = {503, 506}
_REFUSALS = {Verdict.BLOCKED, Verdict.UNSCANNABLE, Verdict.ERROR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """What became of one upload; ``size`` in bytes. ``reason``, ``verdict`` as in observations, None if there is none.

    ``answer_ms`` runs from the first byte sent to the answer's arrival, by ``answer_clock``: the upload is
    in it where the server waits for all of it. ``read``: the server asked for the whole body, and took it.
    ``segment`` are the bytes of payload that a packet of this connection had at the most.
    """

    sample: Sample
    size: int
    status: Status
    reason: str | None = None
    icap_status: int | None = None
    verdict: str | None = None
    answer_ms: JSONValue = None
    answer_clock: JSONValue = None
    uncertain: bool = False
    read: bool = False
    out_of_time: bool = False  # the member's time ended before its own
    segment: int | None = None
    lost: Ending = ""  # how it failed, where the status and the reason do not say it

    @property
    def busy(self) -> bool:
        return self.icap_status in _BUSY

    def ending(self, usual: str | None) -> Ending:
        """How it differs from a small body that is passed on, whose verdict is ``usual``; "" if it does not."""
        if self.status is Status.FAILED:
            if self.reason == Reason.ICAP_STATUS:
                return "status"
            return self.lost or ("dropped" if self.reason in _DROPPED else "broken")
        if self.verdict == usual:
            return ""
        return "refused" if self.verdict in _REFUSALS else "changed"

    def record(self) -> dict[str, JSONValue]:
        """For the report."""
        record: dict[str, JSONValue] = {
            "size": self.size,
            "status": str(self.status),
            "icap_status": self.icap_status,
            "answer_ms": self.answer_ms,
            "answer_clock": self.answer_clock,
            "verdict": self.verdict,
            "reason": self.reason if self.reason is None else str(self.reason),
            "read": self.read,
        }
        return record | {"uncertain": True} if self.uncertain else record


def patience(timeout: float, size: int) -> float:
    """Seconds that an upload of so many bytes may take where a small one may take ``timeout``."""
    return timeout + size / _SLOWEST


async def upload(context: Context, sample: Sample, size: int, *, segment: int | None = None) -> Rung:
    """Send one body, when it has its turn; ``segment`` as of `dial.connect`."""
    await context.turn()
    wanted = patience(context.settings.timeout, size)
    limit = context.time_for(wanted)
    try:
        stream = await opened(context, segment=segment)
    except NotOpened as exc:
        return _unsent(sample, size, exc.outcome, out_of_time=limit < wanted)
    wire = beneath(stream)
    if wire is not None:
        hold_back(wire.socket, _UNSENT)
    body = SAMPLES[sample](size)
    limits = Limits(body_kept=_KEPT, body_total=size + _MARGIN)
    try:
        talk = await converse(stream, scan_request(context, body), timeout=limit, limits=limits)
        return _reached(sample, talk, stream, body, limit=limit, short=limit < wanted)
    finally:
        await trio.aclose_forcefully(stream)


def _unsent(sample: Sample, size: int, outcome: Outcome, *, out_of_time: bool) -> Rung:
    late = out_of_time and outcome.reason is Reason.TIMEOUT
    lost: Ending = "silent" if outcome.reason is Reason.TIMEOUT else ""
    return Rung(
        sample=sample, size=size, status=outcome.status, reason=outcome.reason, out_of_time=late, lost=lost
    )  # fmt: skip


def _reached(
    sample: Sample, talk: Conversation, stream: trio.abc.Stream, body: Body, *, limit: float, short: bool
) -> Rung:
    facts, response = talk.facts, talk.response
    verdict: JSONValue = None
    if response is not None and talk.head_read:
        verdict = verdict_facts(response, body)["verdict"]
    timed_out = talk.outcome.reason is Reason.TIMEOUT
    wire = beneath(stream)
    state = unacknowledged(wire.socket) if wire is not None else None
    lost: Ending = ""
    if timed_out:
        lost = "slow" if talk.sending and talk.idle < _STILL * limit else "silent"
        if state is not None and state.segments and state.timeouts >= _LOST:
            lost = "unacknowledged"
    return Rung(
        sample=sample,
        size=len(body),
        status=talk.outcome.status,
        reason=talk.outcome.reason,
        icap_status=response.status if response is not None else None,
        verdict=str(verdict) if verdict is not None else None,
        answer_ms=facts.get("answer_ms"),
        answer_clock=facts.get("answer_clock"),
        uncertain=facts.get("answer_uncertain") is True,
        read=response is not None and facts["complete_body_sent"] is True,
        out_of_time=timed_out and short,
        segment=state.segment_size if state is not None else None,
        lost=lost,
    )


def small_verdict(facts: Mapping[str, JSONValue]) -> str | None:
    """The verdict on the clean sample, out of its facts."""
    verdict = facts.get("verdict")
    return verdict if isinstance(verdict, str) else None
