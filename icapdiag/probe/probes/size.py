"""size: sends bodies of growing size, until the server fails or stops scanning, or the path loses them."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType

import trio
from msgspec.structs import replace

from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import Transfer
from icapdiag.icap.message import Limits
from icapdiag.icap.samples import clean_body, eicar_before_padding, eicar_behind_padding
from icapdiag.probe.base import Context, Failure, Outcome, Probe, failed, ok
from icapdiag.probe.connection.connect import ConnectError, open_connection
from icapdiag.probe.connection.exchange import Transaction, exchange_messages
from icapdiag.probe.connection.stream import transport_of
from icapdiag.probe.connection.tcp import TCPInfo, hold_back, tcp_info, unacknowledged_bytes
from icapdiag.probe.messages import Message, Planned, icap_message
from icapdiag.probe.probes.sample import scan_request
from icapdiag.probe.probes.size_search import CLEAN_EXTRA, EICAR_MOST, Ending, Sample, SizeSearch, Upload, upload_sizes
from icapdiag.vocabulary import Reason, Status

_KB = 1024  # bytes in a KB of Avi's buffer_size: 51,200 of them are its 50 MiB
_ANSWERS = 6  # timeouts that the search may take of its own
_PASSES = 4  # times that the largest body may go over a slow path
SAMPLES = MappingProxyType({"clean": clean_body, "archive": eicar_behind_padding, "leading": eicar_before_padding})

_KEPT = 4096  # bytes of an answer's body, to tell an echo from a rewrite
_UNSENT = 128 * 1024  # bytes
_MARGIN = 1024 * 1024  # bytes that an answer may be longer than what was sent
_SLOWEST = 1024 * 1024  # bytes per second that a path should take at the least
_STILL = 0.25  # of the time; who took nothing more for longer does not take it slowly
_LOST = 2  # retransmission timeouts in a row, with nothing back: no mere loss


def most(context: Context) -> int:
    """The largest body to send, in bytes: no larger one reaches the server through this profile."""
    return min(context.settings.max_size, context.pool.profile.buffer_size * _KB)


async def _run(context: Context) -> Outcome:
    await context.close()
    usual = context.found("clean", Answer).verdict
    search = SizeSearch(partial(send_upload, context), usual=usual, preview=context.preview_size, most=most(context))
    found = await search.run(eicar=context.settings.eicar)
    facts = replace(found.facts(), profile_buffer_size=context.pool.profile.buffer_size, max_size=most(context))
    if found.ours is not None:
        return failed(Failure(found.ours, status=Status.ERROR), facts)
    if not found.clean:
        return failed(Failure(Reason.TIMEOUT, "there was no time for an upload"), facts)
    return ok(facts)


def _plan(context: Context) -> tuple[Planned, ...]:
    sizes = upload_sizes(most(context))
    planned = [context.connections(_message(context, "clean", size)) for size in sizes]
    top = _at_most(_message(context, "clean", sizes[-1]))
    planned.append(context.connections(*(top,) * CLEAN_EXTRA, condition="to narrow a limit down, once one is found"))
    if context.settings.eicar:
        virus = (_at_most(_message(context, "archive", max(sizes[-1], 4096))),) * EICAR_MOST
        planned.append(context.connections(*virus, condition="with EICAR, if the server passes harmless bodies"))
    return tuple(planned)


def _message(context: Context, sample: Sample, size: int) -> Message:
    body = SAMPLES[sample](size)
    return icap_message(scan_request(context, body), body)


def _at_most(message: Message) -> Message:
    """The message with the largest size, as the actual sizes depend on the search."""
    return replace(message, what=f"{message.what}, this long at most", body_sha256=None)


def upload_timeout(timeout: float, size: int) -> float:
    """How many seconds an upload of this size may take if a small one may take ``timeout``."""
    return timeout + size / _SLOWEST


async def send_upload(context: Context, sample: Sample, size: int, segment: int | None = None) -> Upload:
    """Send one body, when the rate allows it; ``segment`` as of `tcp.connect`."""
    await context.wait_for_rate()
    wanted = upload_timeout(context.settings.timeout, size)
    limit, body = context.time_for(wanted), SAMPLES[sample](size)
    info: TCPInfo | None = None
    lost: Ending = "silent"
    rate: int | None = None
    held_back: float | None = None
    try:
        stream = await open_connection(context, segment=segment)
    except ConnectError as exc:
        result = Transaction(failure=exc.failure, transfer=Transfer(), answer=Answer())
    else:
        try:
            if (transport := transport_of(stream)) is not None:
                hold_back(transport.socket, _UNSENT)
            limits = Limits(body_kept=_KEPT, body_total=len(body) + _MARGIN)
            request = scan_request(context, body)
            result = sent = await exchange_messages(stream, request, timeout=limit, limits=limits, sent_body=body)
            info = None if transport is None else tcp_info(transport.socket)
            queued = 0 if transport is None else unacknowledged_bytes(transport.socket)
        finally:
            await trio.aclose_forcefully(stream)
        if sent.sending and sent.idle < _STILL * limit:
            lost = "slow"
            rate = round(max(0, (sent.transfer.bytes_sent or 0) - queued) / limit) if limit else None
            held_back = round(100 * info.held_back_us / info.busy_us, 1) if info and info.busy_us else None
        if info is not None and info.unacknowledged and info.timeouts >= _LOST:
            lost = "unacknowledged"
    timed_out = result.reason is Reason.TIMEOUT
    return Upload(
        sample=sample,
        size=size,
        status=result.status,
        reason=result.reason,
        icap_status=result.answer.icap_status,
        verdict=result.answer.verdict,
        answer_ms=result.transfer.answer_ms,
        answer_clock=result.transfer.answer_clock,
        uncertain=result.transfer.answer_uncertain,
        read=result.answer.icap_status is not None and result.answer.complete_body_sent is True,
        out_of_time=timed_out and limit < wanted,
        segment=None if info is None else info.segment_size,
        rate=rate if timed_out else None,
        held_back=held_back if timed_out else None,
        lost=lost if timed_out else "",
    )


PROBE: Probe = Probe(
    name="size",
    run=_run,
    sends="harmless uploads from 0 bytes to --max-size, one after the other, and more to narrow a limit down; "
    "with --eicar also the test virus in archives of such sizes",
    plan=_plan,
    virus=True,
    depth="deep",
    needs=("tcp", "tls", "options", "clean"),
    more_time=lambda settings: _ANSWERS * settings.timeout + _PASSES * upload_timeout(0.0, settings.max_size),
)
