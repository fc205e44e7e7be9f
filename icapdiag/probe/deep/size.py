"""size: bodies of growing size, to the size where the server fails, stops scanning, or the path loses them."""

from __future__ import annotations

from dataclasses import replace

from icapdiag.model import JSONValue
from icapdiag.probe.base import Context, Facts, Message, Outcome, Planned, Probe, Settings, error, failed, ok
from icapdiag.probe.connection.message import handshakes, icap_message
from icapdiag.probe.deep.ladder import CLEAN_EXTRA, EICAR_MOST, Climb, Climber, by_size, rungs
from icapdiag.probe.deep.rung import SAMPLES, Rung, Sample, patience, small_verdict, upload
from icapdiag.probe.standard.sample import scan_request
from icapdiag.vocabulary import Reason

_KB = 1024  # bytes in a KB of Avi's buffer_size: 51,200 of them are its 50 MiB
_ANSWERS = 6  # timeouts that the ladder may take of its own
_PASSES = 4  # times that the largest body may go over a slow path


def most(context: Context) -> int:
    """The largest body to send, in bytes: no larger one reaches the server through this profile."""
    return min(context.settings.max_size, context.pool.profile.buffer_size * _KB)


def _preview(context: Context) -> int | None:
    profile = context.pool.profile
    return profile.preview_size if profile.enable_preview else None


async def _run(context: Context) -> Outcome:
    await context.close()
    clean = context.outcomes.get("clean")
    usual = small_verdict(clean[0].facts) if clean else None

    async def send(sample: Sample, size: int, segment: int | None) -> Rung:
        return await upload(context, sample, size, segment=segment)

    climber = Climber(send, usual=usual, preview=_preview(context), most=most(context))
    found = await climber.climb(eicar=context.settings.eicar)
    facts = _facts(context, found)
    if found.ours is not None:
        return error(found.ours, facts)
    if not found.clean:
        return failed(Reason.TIMEOUT, facts | {"error": "there was no time for an upload"})
    return ok(facts)


def _facts(context: Context, found: Climb) -> Facts:
    records: list[JSONValue] = [rung.record() for rung in by_size(found.clean)]
    facts: Facts = {
        "profile_buffer_size": context.pool.profile.buffer_size,
        "max_size": most(context),
        "ladder": records,
    }
    if found.eicar:
        facts["eicar_ladder"] = [{**rung.record(), "form": rung.sample} for rung in by_size(found.eicar)]
        facts["eicar_form"] = found.form or "none"
    if found.passed >= 0:
        facts["size_passed"] = found.passed
    if found.failed is not None:
        facts |= {
            "size_failed": found.failed.size,
            "size_failure": found.failure,
            "size_failure_status": found.failed.icap_status,
            "size_failure_reason": None if found.failed.reason is None else str(found.failed.reason),
        }
    if found.failure == "unacknowledged":
        facts |= {"mtu_black_hole": found.cured, "segment_size": found.failed.segment if found.failed else None}
    if found.unread is not None:
        facts |= {"size_read": found.unread.below, "size_unread": found.unread.above}
    if found.missed is not None:
        facts |= {"eicar_found_size": found.missed.below, "eicar_passed_size": found.missed.above}
    if found.stopped:
        facts["stopped"] = found.stopped
    return {name: value for name, value in facts.items() if value is not None}


def _plan(context: Context) -> tuple[Planned, ...]:
    sizes = rungs(most(context))
    planned = [_planned(context, (_message(context, "clean", size),)) for size in sizes]
    top = _at_most(_message(context, "clean", sizes[-1]))
    planned.append(
        _planned(context, (top,) * CLEAN_EXTRA, "to narrow a limit down, once one is found"),
    )
    if context.settings.eicar:
        virus = _at_most(_message(context, "archive", max(sizes[-1], 4096)))
        planned.append(_planned(context, (virus,) * EICAR_MOST, "with EICAR, if the server passes harmless bodies"))
    return tuple(planned)


def _planned(context: Context, messages: tuple[Message, ...], condition: str = "") -> Planned:
    return Planned(
        to=context.peer,
        connections=len(messages),
        messages=tuple(each for message in messages for each in (*handshakes(context), message)),
        condition=condition,
    )


def _message(context: Context, sample: Sample, size: int) -> Message:
    body = SAMPLES[sample](size)
    return icap_message(scan_request(context, body), body)


def _at_most(message: Message) -> Message:
    """The message as the largest of those whose size is found on the way."""
    return replace(message, what=f"{message.what}, this long at most", body_sha256=None)


def _more_time(settings: Settings) -> float:
    return _ANSWERS * settings.timeout + _PASSES * patience(0.0, settings.max_size)


PROBE = Probe(
    name="size",
    run=_run,
    sends="harmless uploads from 0 bytes to --max-size, one after the other, and more to narrow a limit down; "
    "with --eicar also the test virus in archives of such sizes",
    plan=_plan,
    virus=True,
    depth="deep",
    needs=("tcp", "tls", "options", "clean"),
    more_time=_more_time,
)
