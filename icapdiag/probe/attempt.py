"""One run of a probe, kept within its time, and its bugs kept to itself."""

from __future__ import annotations

import traceback

import trio

from icapdiag.probe.base import NEVER, Context, Outcome, Probe, error, failed
from icapdiag.vocabulary import Reason

_GRACE = 0.3  # seconds after the deadline for a probe that keeps time itself to come back with what it read


async def attempt(context: Context, probe: Probe) -> Outcome:
    """Run the probe, watched by a clock that it can't outlast."""
    limit = context.time_for(probe.timeout(context.settings) if probe.timeout else NEVER)
    if limit <= 0:
        return error(Reason.DEADLINE, {"error": f"the member's {context.settings.deadline:g} s were used up"})
    try:
        with trio.fail_after(limit if probe.timeout else limit + _GRACE):
            return await probe.run(context)
    except trio.TooSlowError:
        await context.close()
        return failed(Reason.TIMEOUT, {"error": f"not finished within {limit:g} s"})
    except Exception as exc:  # noqa: BLE001 - a bug in one probe must not cost what the others learnt
        await context.close()
        where = traceback.extract_tb(exc.__traceback__)[-1]
        text = f"{type(exc).__name__}: {exc} ({where.filename.rpartition('/')[2]}:{where.lineno})"
        return error(Reason.BUG, {"error": text[:300]})
