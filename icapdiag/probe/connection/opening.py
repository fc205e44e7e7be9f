"""A connection of a probe's own to the member, with TLS where it has that."""

from __future__ import annotations

import trio

from icapdiag.probe.base import Context, Outcome, error, failed
from icapdiag.probe.connection.dial import dial
from icapdiag.probe.connection.failures import describe, os_failure, stream_failure
from icapdiag.probe.connection.handshake import handshake
from icapdiag.vocabulary import Reason


class NotOpened(Exception):
    """There is no connection; ``outcome`` says why, as a probe would."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome.facts.get("error", outcome.reason))


async def opened(context: Context, *, segment: int | None = None) -> trio.abc.Stream:
    """Connect within the settings' ``connect_timeout``; the caller closes. Raises `NotOpened`.

    ``segment`` is as of `dial.connect`.
    """
    stream: trio.abc.Stream | None = None
    try:
        with trio.fail_after(context.time_for(context.settings.connect_timeout)):
            stream = raw = await dial(context, segment=segment)
            return await handshake(context, raw) if context.member.tls else raw
    except trio.TooSlowError:
        outcome = failed(Reason.TIMEOUT, {"error": "no connection in time"})
    except trio.BrokenResourceError as exc:
        outcome = stream_failure(exc)
    except OSError as exc:
        # Once connected, what fails here is a file of the TLS settings.
        outcome = (
            os_failure(exc, context.address)
            if stream is None
            else error(Reason.CONFIGURATION, {"error": describe(exc)})
        )
    except trio.Cancelled:
        if stream is not None:
            await trio.aclose_forcefully(stream)
        raise
    if stream is not None:
        await trio.aclose_forcefully(stream)
    raise NotOpened(outcome)
