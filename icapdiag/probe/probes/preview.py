"""preview: does the server handle previews and 204 (RFC 3507, 4.5 and 4.6) as uploads through Avi need it?

Each case is one upload on its own connection: the whole body at once, then previews of several
lengths. A failed case does not stop the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from icapdiag.facts import from_plain, to_plain
from icapdiag.facts.answer import Answer, Deviation
from icapdiag.facts.connection import Transfer
from icapdiag.facts.deep import Preview, PreviewCase
from icapdiag.facts.standard import EicarOutcomes
from icapdiag.icap.message import BUSY
from icapdiag.icap.request import PreparedRequest
from icapdiag.icap.samples import ARCHIVE_LEAST, CLEAN, clean_body, eicar_behind_padding
from icapdiag.probe.base import Context, Failure, Outcome, Probe, failed, ok
from icapdiag.probe.connection.answer import profile_facts
from icapdiag.probe.connection.exchange import Transaction, transact
from icapdiag.probe.messages import Planned, icap_message
from icapdiag.probe.probes.sample import upload_request
from icapdiag.vocabulary import Reason, Status, Verdict

LONGEST = 16_384  # bytes of an offered preview that is tried; the longest known offer, ESET's
_CASES = 10
_TIMEOUT = 3.0  # seconds for a case, or this many times as long as the slowest answer so far:
_SLOWER = 4.0
_UNCONNECTED = 2  # cases in a row without a connection, after which no more are tried
_UNKEPT = f"if OPTIONS offers a preview of 1 to {LONGEST:,} bytes; shown is the longest"


class Case(Struct, frozen=True):
    """One upload. ``preview``: the value of the header Preview in bytes, None without it."""

    name: str
    body: bytes
    preview: int | None
    allow_204: bool = True

    @property
    def beyond(self) -> bool:
        """Whether a part of the body waits for a 100 Continue."""
        return self.preview is not None and self.preview < len(self.body)


def cases(context: Context, offered: int | None) -> Iterator[Case]:
    """All cases for a server that offers a preview of ``offered`` bytes in OPTIONS; None: it offers none."""
    ours = context.preview_size
    usual = ours or 0  # of what uploads come with
    yield Case("whole", _clean(usual + len(CLEAN)), None)
    if ours is not None:
        yield Case("avi-preview", _clean(ours + len(CLEAN)), ours)
    if ours != 0:
        yield Case("preview-0", CLEAN, 0)
    if offered is not None and 0 < offered <= LONGEST:
        if offered != ours:
            yield Case("preview-n", _clean(offered + 1), offered)
        yield Case("preview-n-exact", _clean(offered), offered)
        if offered + 1 != ours:
            yield Case("preview-n-plus-1", _clean(offered + 2), offered + 1)
    yield Case("no-allow", CLEAN, None, allow_204=False)
    yield Case("no-allow-preview", _clean(usual + len(CLEAN)), usual, allow_204=False)
    if context.settings.eicar:
        archive = eicar_behind_padding(ARCHIVE_LEAST + usual).head(ARCHIVE_LEAST + usual)
        yield Case("eicar-beyond-preview", archive, usual)
        yield Case("eicar-whole", archive, None)


def _clean(size: int) -> bytes:
    return clean_body(size).head(size)


def _request(context: Context, case: Case) -> PreparedRequest:
    return upload_request(context, case.body, preview_size=case.preview, allow_204=case.allow_204)


async def _run(context: Context) -> Outcome:
    await context.close()
    offered = context.found("options", Answer).preview
    slowest = (context.found("clean", Transfer).answer_ms or 0.0) / 1000
    known = Preview(profile=profile_facts(context), offered_preview=offered)
    done: list[tuple[Case, Transaction]] = []
    unconnected = 0
    for case in cases(context, offered):
        await context.wait_for_rate()
        if context.time_for(_TIMEOUT) <= 0:
            known.stopped = "deadline"
            break
        timeout = min(context.settings.timeout, max(_TIMEOUT, _SLOWER * slowest))
        result = await transact(context, _request(context, case), sent_body=case.body, timeout=timeout)
        done.append((case, result))
        if result.answer.icap_status in BUSY:
            known.stopped = "busy"  # RFC 3507, 4.3.3: a client should not press a server that says so
            break
        unconnected = 0 if result.transfer.bytes_sent else unconnected + 1
        if unconnected == _UNCONNECTED:
            known.stopped = "connection"
            break
        if result.status is Status.OK:
            slowest = max(slowest, (result.transfer.answer_ms or 0.0) / 1000)
    return _outcome(done, known | _summary(done))


def _outcome(done: Sequence[tuple[Case, Transaction]], facts: Preview) -> Outcome:
    """Ok if any case was answered: failures of the others are the findings of this probe."""
    ours = next((result.failure for _, result in done if result.status is Status.ERROR), None)
    if ours is not None:
        return failed(ours, facts)
    if not done:
        return failed(Failure(Reason.DEADLINE, "the member's time was used up", Status.ERROR), facts)
    if all(result.status is Status.FAILED for _, result in done):
        return Outcome(Status.FAILED, done[0][1].reason, facts)
    return ok(facts)


def _summary(done: Sequence[tuple[Case, Transaction]]) -> Preview:
    """The cases as records, and grouped by result."""
    withheld = [(case, result) for case, result in done if case.beyond and result.status is Status.OK]
    hung = [case for case, result in done if result.reason == Reason.TIMEOUT and not result.transfer.bytes_received]
    harmless = [(case, result) for case, result in withheld if not case.name.startswith("eicar")]
    cut = tuple(case.name for case, result in harmless if _before_its_end(result, Verdict.MODIFIED))
    unseen = tuple(case.name for case, result in withheld if _passed_unseen(result))
    often = "never" if not unseen else "always" if len(unseen) == len(withheld) else "sometimes"
    deviations: dict[str, Deviation] = {}  # each rule that was broken, once: with the first case that shows it
    for case, result in done:
        for found in result.answer.deviations or ():
            deviations.setdefault(str(found.rule), replace(found, case=case.name))
    return Preview(
        cases=tuple(_record(case, result) for case, result in done),
        cases_ok=tuple(case.name for case, result in done if result.status is Status.OK),
        cases_failed=tuple(case.name for case, result in done if _failed(result)),
        cases_hung=tuple(case.name for case in hung if case.beyond),
        cases_continued=tuple(case.name for case, result in done if result.transfer.continued),
        cases_passed_unseen=unseen,
        cases_cut=cut or None,
        continued=any(case.beyond and result.transfer.continued for case, result in done),
        passes_unseen=often if withheld else None,
        eicar=EicarOutcomes(
            eicar_beyond_preview=_eicar(done, "eicar-beyond-preview"), eicar_whole=_eicar(done, "eicar-whole")
        ),
        deviations=tuple(deviations.values())[:20],
        deviation_rules=tuple(deviations),
    )


def _record(case: Case, result: Transaction) -> PreviewCase:
    """How the case was sent, with the facts of the answer and the transfer that the record has."""
    told = from_plain(PreviewCase, {**to_plain(result.answer), **to_plain(result.transfer)})
    return replace(
        told,
        case=case.name,
        preview=case.preview,
        body_size=len(case.body),
        allow_204=case.allow_204,
        status=result.status,
        reason=result.reason,
        error=result.error,
    )


def _failed(result: Transaction) -> bool:
    """Whether a case failed because of what was sent, not because of overload."""
    return result.status is Status.FAILED and result.answer.icap_status not in BUSY


def _passed_unseen(result: Transaction) -> bool:
    """Whether the body was reported clean before all of it was sent."""
    return _before_its_end(result, Verdict.ALLOWED)


def _before_its_end(result: Transaction, verdict: Verdict) -> bool:
    """Whether this verdict came before the whole body was sent."""
    return result.answer.verdict == verdict and result.answer.complete_body_sent is False


def _eicar(done: Sequence[tuple[Case, Transaction]], name: str) -> str:
    """What happened to EICAR in this case; ``not-asked`` if it was not requested."""
    result = next((result for case, result in done if case.name == name), None)
    return "not-asked" if result is None else became_of_eicar(result)


def became_of_eicar(result: Transaction) -> str:
    """What happened to EICAR in this exchange, in one word."""
    if result.status is not Status.OK:
        return "failed"
    if _passed_unseen(result):
        return "passed-unseen"
    verdict = str(result.answer.verdict)
    return {"allowed": "passed", "blocked": "blocked", "modified": "modified"}.get(verdict, "other")


def _plan(context: Context) -> tuple[Planned, ...]:
    sure = {case.name for case in cases(context, None)}
    return tuple(
        context.connections(
            icap_message(_request(context, case), case.body), condition="" if case.name in sure else _UNKEPT
        )
        for case in cases(context, LONGEST)
    )


PROBE: Probe = Probe(
    name="preview",
    run=_run,
    sends="up to 10 harmless REQMODs with previews of various lengths or none, each on its own connection; "
    "with --eicar two of them have EICAR in a ZIP archive",
    plan=_plan,
    virus=True,
    depth="deep",
    needs=("tcp", "tls", "options", "clean"),
    more_time=lambda settings: _CASES * min(settings.timeout, _TIMEOUT),
)
