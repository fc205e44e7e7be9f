"""preview: does the server keep to previews and 204 (RFC 3507, 4.5 and 4.6), as an upload through Avi needs it to?

Each case is one upload on a connection of its own: the whole body at once, then previews of the
lengths that matter. One that fails does not end the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from icapdiag.icap.request import PreparedRequest, avi_reqmod
from icapdiag.icap.samples import ARCHIVE_LEAST, CLEAN, clean_body, eicar_behind_padding
from icapdiag.model import JSONValue
from icapdiag.probe.base import Context, Facts, Outcome, Probe, Settings
from icapdiag.probe.connection.answer import profile_facts
from icapdiag.probe.connection.exchange import transact
from icapdiag.probe.messages import Planned, icap_message
from icapdiag.probe.probes.sample import upload_head
from icapdiag.vocabulary import Reason, Status, Verdict

LONGEST = 16_384  # bytes of an offered preview that is tried; the longest known offer, ESET's
_CASES = 10
_TIMEOUT = 3.0  # seconds for a case, or this many times as long as the slowest answer so far:
_SLOWER = 4.0
_BUSY = 503
_UNCONNECTED = 2  # cases in a row without a connection, after which no more are tried
_UNKEPT = f"if OPTIONS offers a preview of 1 to {LONGEST:,} bytes; shown is the longest"
# What a record of a case takes from the facts of its transaction, besides what says how it was sent.
_KEPT = ("icap_status", "icap_reason", "verdict", "verdict_reason", "continued", "complete_body_sent", "answer_ms",
         "answer_clock", "answer_uncertain", "bytes_received", "istag", "date", "x_violations_found", "encapsulated",
         "parts", "hop_by_hop", "odd_headers", "deviations", "deviation_rules", "protocol_rule", "error")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """One upload. ``preview`` is what the Preview header announces in bytes, None for none."""

    name: str
    body: bytes
    preview: int | None
    allow_204: bool = True

    @property
    def beyond(self) -> bool:
        """Whether a part of the body waits for a 100 Continue."""
        return self.preview is not None and self.preview < len(self.body)


def cases(context: Context, offered: int | None) -> Iterator[Case]:
    """All cases for a server that offers a preview of so many bytes in OPTIONS, None for none."""
    profile = context.pool.profile
    ours = profile.preview_size if profile.enable_preview else None
    usual = ours or 0  # of what uploads come with
    yield Case("whole", _clean(usual + len(CLEAN)), None)
    if ours is not None:
        yield Case("avi-preview", _clean(ours + len(CLEAN)), ours)
    if ours != 0:
        yield Case("preview-0", CLEAN, 0)
    if offered is not None and 0 < offered <= LONGEST:
        yield from _offered(offered, ours)
    yield Case("no-allow", CLEAN, None, allow_204=False)
    yield Case("no-allow-preview", _clean(usual + len(CLEAN)), usual, allow_204=False)
    if context.settings.eicar:
        archive = eicar_behind_padding(ARCHIVE_LEAST + usual).head(ARCHIVE_LEAST + usual)
        yield Case("eicar-beyond-preview", archive, usual)
        yield Case("eicar-whole", archive, None)


def _clean(size: int) -> bytes:
    return clean_body(size).head(size)


def _offered(offered: int, ours: int | None) -> Iterator[Case]:
    if offered != ours:
        yield Case("preview-n", _clean(offered + 1), offered)
    yield Case("preview-n-exact", _clean(offered), offered)
    if offered + 1 != ours:
        yield Case("preview-n-plus-1", _clean(offered + 2), offered + 1)


def _request(context: Context, case: Case) -> PreparedRequest:
    return avi_reqmod(
        context.address or context.member.host,
        context.member.port,
        context.pool.profile.service_uri,
        http_request=upload_head(context, case.body),
        body=case.body,
        preview_size=case.preview,
        allow_204=case.allow_204,
    )


async def _run(context: Context) -> Outcome:
    await context.close()
    offered = _number(_facts_of(context, "options").get("preview"))
    slowest = float(_number(_facts_of(context, "clean").get("answer_ms")) or 0) / 1000
    done: list[tuple[Case, Outcome]] = []
    stopped, unconnected = "", 0
    for case in cases(context, offered):
        await context.wait_for_rate()
        if context.time_for(_TIMEOUT) <= 0:
            stopped = "deadline"
            break
        timeout = min(context.settings.timeout, max(_TIMEOUT, _SLOWER * slowest))
        outcome = await transact(context, _request(context, case), sent_body=case.body, timeout=timeout)
        done.append((case, outcome))
        if outcome.facts.get("icap_status") == _BUSY:
            stopped = "busy"  # RFC 3507, 4.3.3: a client should not press a server that says so
            break
        unconnected = 0 if outcome.facts.get("bytes_sent") else unconnected + 1
        if unconnected == _UNCONNECTED:
            stopped = "connection"
            break
        if outcome.status is Status.OK:
            slowest = max(slowest, float(_number(outcome.facts.get("answer_ms")) or 0) / 1000)
    facts: Facts = {**profile_facts(context), **_summary(done)}
    if offered is not None:
        facts["offered_preview"] = offered
    if stopped:
        facts["stopped"] = stopped
    return _outcome(done, facts)


def _outcome(done: Sequence[tuple[Case, Outcome]], facts: Facts) -> Outcome:
    """Ok when any case was answered: what did not work in the others is what the probe is there to find out."""
    ours = next((outcome for _, outcome in done if outcome.status is Status.ERROR), None)
    if ours is not None:
        return Outcome(ours.status, ours.reason, facts | {"error": ours.facts.get("error", "")})
    if not done:
        return Outcome(Status.ERROR, Reason.DEADLINE, facts | {"error": "the member's time was used up"})
    if all(outcome.status is Status.FAILED for _, outcome in done):
        return Outcome(Status.FAILED, done[0][1].reason, facts)
    return Outcome(Status.OK, None, facts)


def _summary(done: Sequence[tuple[Case, Outcome]]) -> Facts:
    """The cases as records, and by what became of them."""
    withheld = [(case, outcome) for case, outcome in done if case.beyond and outcome.status is Status.OK]
    unseen = [case.name for case, outcome in withheld if _passed_unseen(outcome)]
    facts: Facts = {
        "cases": [_record(case, outcome) for case, outcome in done],
        "cases_ok": [case.name for case, outcome in done if outcome.status is Status.OK],
        "cases_failed": [case.name for case, outcome in done if _failed(outcome)],
        "cases_hung": [case.name for case, outcome in done if case.beyond and _hung(outcome)],
        "cases_continued": [case.name for case, outcome in done if outcome.facts.get("continued") is True],
        "cases_passed_unseen": unseen,
        "continued": any(case.beyond and outcome.facts.get("continued") is True for case, outcome in done),
        "eicar_beyond_preview": _eicar(done, "eicar-beyond-preview"),
        "eicar_whole": _eicar(done, "eicar-whole"),
        **_deviations(done),
    }
    if withheld:
        facts["passes_unseen"] = "never" if not unseen else "always" if len(unseen) == len(withheld) else "sometimes"
    return facts


def _record(case: Case, outcome: Outcome) -> dict[str, JSONValue]:
    record: dict[str, JSONValue] = {
        "case": case.name,
        "preview": case.preview,
        "body_size": len(case.body),
        "allow_204": case.allow_204,
        "status": outcome.status.value,
        "reason": None if outcome.reason is None else str(outcome.reason),
    }
    return record | {name: outcome.facts[name] for name in _KEPT if name in outcome.facts}


def _deviations(done: Sequence[tuple[Case, Outcome]]) -> Facts:
    """Each rule that was broken, once: with the first case that shows it."""
    found: dict[str, JSONValue] = {}
    for case, outcome in done:
        listed = outcome.facts.get("deviations")
        for item in listed if isinstance(listed, list) else ():
            if isinstance(item, dict):
                found.setdefault(str(item.get("rule")), {**item, "case": case.name})
    return {"deviations": list(found.values())[:20], "deviation_rules": list(found)}


def _failed(outcome: Outcome) -> bool:
    """By what was sent: an overload says nothing of it."""
    return outcome.status is Status.FAILED and outcome.facts.get("icap_status") != _BUSY


def _hung(outcome: Outcome) -> bool:
    return outcome.reason == Reason.TIMEOUT and not outcome.facts.get("bytes_received")


def _passed_unseen(outcome: Outcome) -> bool:
    """Whether the body was called clean while the rest of it was still here."""
    facts = outcome.facts
    return facts.get("verdict") == Verdict.ALLOWED and facts.get("complete_body_sent") is False


def _eicar(done: Sequence[tuple[Case, Outcome]], name: str) -> str:
    """What became of EICAR in this case; ``not-asked`` if it was not to be sent."""
    outcome = next((outcome for case, outcome in done if case.name == name), None)
    if outcome is None:
        return "not-asked"
    if outcome.status is not Status.OK:
        return "failed"
    if _passed_unseen(outcome):
        return "passed-unseen"
    verdict = str(outcome.facts.get("verdict"))
    return {"allowed": "passed", "blocked": "blocked", "modified": "modified"}.get(verdict, "other")


def _facts_of(context: Context, probe: str) -> Facts:
    found = context.outcomes.get(probe)
    return dict(found[0].facts) if found else {}


def _number(value: JSONValue) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _plan(context: Context) -> tuple[Planned, ...]:
    sure = {case.name for case in cases(context, None)}
    return tuple(
        Planned(
            to=context.peer,
            connections=1,
            messages=(*context.handshakes(), icap_message(_request(context, case), case.body)),
            condition="" if case.name in sure else _UNKEPT,
        )
        for case in cases(context, LONGEST)
    )


def _allowance(settings: Settings) -> float:
    return _CASES * min(settings.timeout, _TIMEOUT)


PROBE: Probe = Probe(
    name="preview",
    run=_run,
    sends="up to 10 harmless REQMODs with previews of various lengths or none, each on its own connection; "
    "with --eicar two of them have EICAR in a ZIP archive",
    plan=_plan,
    virus=True,
    depth="deep",
    needs=("tcp", "tls", "options", "clean"),
    more_time=_allowance,
)
