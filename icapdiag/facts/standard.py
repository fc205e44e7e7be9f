"""What the standard probes find out by ICAP: OPTIONS, the samples, several rounds of them. One sheet a probe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import CLOCKS, NoAnswer, ProbeSheet, ProfileInForce, Transfer
from icapdiag.facts.sheet import ISTag, Record, SampleDigest, Word, about

Stopped = Annotated[
    Word | None,
    about(
        "stopped",
        "why there were fewer rounds, or fewer tries: enough is that all that was announced had been sent, error that"
        " this host failed",
        values=("busy", "deadline", "connection", "enough", "error"),
    ),
]


class Options(ProbeSheet):
    """options: what the service says about itself (RFC 3507, 4.10)."""

    moved = "address method; bytes_received complete_body_sent; reset_after_answer peer_excerpt error"
    profile: ProfileInForce = msgspec.field(default_factory=ProfileInForce)
    transfer: Transfer = msgspec.field(default_factory=Transfer)
    no_answer: NoAnswer = msgspec.field(default_factory=NoAnswer)
    answer: Answer = msgspec.field(default_factory=Answer)
    offers_reqmod: Annotated[bool | None, about("offers REQMOD", "OPTIONS lists REQMOD")] = None
    offers_204: Annotated[bool | None, about("offers 204", "the OPTIONS answer allows 204")] = None


class Sample(ProbeSheet):
    """clean, chunked, eicar and eicar-form, -zip, -pdf, -json: a small upload, and the verdict on it."""

    moved = Options.moved + "; odd_headers verdict verdict_reason threats decided_by"
    sample_sha256: Annotated[SampleDigest | None, about("sample's SHA-256", "of the body that was sent", "hex")] = None
    sample_size: Annotated[int | None, about("sample's size", "its length", "bytes")] = None
    sample_form: Annotated[
        Word | None,
        about(
            "form",
            "how the file was uploaded: multipart is an HTML form, json has it in base64, chunked is without its"
            " length; absent: as it is",
            values=("multipart", "zip", "pdf", "json", "chunked"),
        ),
    ] = None
    correlation_id: Annotated[
        Word | None, about("correlation id", "sent as a header, to find the request in the server's logs", changes=True)
    ] = None
    profile: ProfileInForce = msgspec.field(default_factory=ProfileInForce)
    transfer: Transfer = msgspec.field(default_factory=Transfer)
    no_answer: NoAnswer = msgspec.field(default_factory=NoAnswer)
    answer: Answer = msgspec.field(default_factory=Answer)
    istag_changed: Annotated[
        bool | None, about("ISTag changed", "ISTag is another than in the same member's OPTIONS answer a moment ago")
    ] = None
    offered_204: Annotated[bool | None, about("offered 204", "offers_204 of the same member's OPTIONS answer")] = None
    offered_preview: Annotated[int | None, about("offered preview", "Preview of its OPTIONS answer", "bytes")] = None
    options_answer_ms: Annotated[
        float | None, about("answer to OPTIONS", "answer_ms of the same member's OPTIONS answer", "ms", changes=True)
    ] = None


EICAR_OUTCOMES = ("not-asked", "failed", "passed-unseen", "passed", "blocked", "modified", "other")


class EicarOutcomes(Record):
    """What became of EICAR with a preview that it does not fit into, and without any."""

    eicar_beyond_preview: Annotated[
        Word | None,
        about(
            "EICAR behind the preview",
            "what became of EICAR behind the end of the preview; passed-unseen: that part was not asked for",
            values=EICAR_OUTCOMES,
        ),
    ] = None
    eicar_whole: Annotated[
        Word | None,
        about("EICAR without a preview", "the same for the same body without a preview", values=EICAR_OUTCOMES),
    ] = None


class EicarAgain(ProbeSheet):
    """eicar-again: EICAR, which has passed, once more."""

    profile: ProfileInForce = msgspec.field(default_factory=ProfileInForce)
    outcomes: EicarOutcomes = msgspec.field(default_factory=EicarOutcomes)


class RepeatedStep(Record):
    """What came of one step over several rounds."""

    nulls = frozenset({"min_ms", "avg_ms", "p95_ms", "max_ms"})
    step: Annotated[Word | None, about("step", "the probe that was repeated")] = None
    sent: Annotated[int | None, about("sent", "how often")] = None
    lost: Annotated[int | None, about("lost", "how often nothing came")] = None
    loss_percent: Annotated[float | None, about("loss", "the share of these", "%")] = None
    min_ms: Annotated[float | None, about("min", "the shortest time", "ms", changes=True)] = None
    avg_ms: Annotated[float | None, about("average", "the mean", "ms", changes=True)] = None
    p95_ms: Annotated[float | None, about("p95", "95 in 100 took no longer", "ms", changes=True)] = None
    max_ms: Annotated[float | None, about("max", "the longest", "ms", changes=True)] = None
    clock: Annotated[Word | None, about("clock", "whose these are by", values=(*CLOCKS, "both"), changes=True)] = None
    uncertain: Annotated[bool | None, about("uncertain", "our delays may make more than 5 % of it", changes=True)] = (
        None
    )


class Repeat(ProbeSheet):
    """repeat: the harmless steps again and again."""

    samples: Annotated[
        tuple[RepeatedStep, ...] | None,
        about(
            "steps",
            "each step of several rounds: step, sent, lost, loss_percent, min_ms, avg_ms, p95_ms, max_ms, clock"
            " (kernel, application or both)",
        ),
    ] = None
    istags: Annotated[
        tuple[ISTag, ...] | None, about("ISTags", "those of all answers, each once, 20 at most", changes=True)
    ] = None
    istags_distinct: Annotated[int | None, about("distinct ISTags", "how many there were", changes=True)] = None
    istag_answers: Annotated[
        int | None, about("answers with ISTag", "how many answers were compared", changes=True)
    ] = None
    istag_switches: Annotated[
        int | None,
        about(
            "ISTag switches",
            "answers whose tag is another than that of the answer before: an update is one, backends that take turns"
            " are many",
            changes=True,
        ),
    ] = None
    stopped: Stopped = None


EICAR_FORMS = {"eicar-form": "multipart", "eicar-zip": "zip", "eicar-pdf": "pdf", "eicar-json": "json"}
"""The probes that send EICAR in another form, with its name."""

SHEETS: Mapping[str, type[ProbeSheet]] = {
    "options": Options,
    "clean": Sample,
    "chunked": Sample,
    "eicar": Sample,
    **dict.fromkeys(EICAR_FORMS, Sample),
    "eicar-again": EicarAgain,
    "repeat": Repeat,
}
