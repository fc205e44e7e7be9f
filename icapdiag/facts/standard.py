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
        "why there were fewer rounds or attempts: enough, all announced connections were used; error, this host failed",
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
    offers_204: Annotated[bool | None, about("offers 204", "the OPTIONS response allows 204")] = None


class Sample(ProbeSheet):
    """clean, chunked, eicar and eicar-form, -zip, -pdf, -json: a small upload, and the verdict on it."""

    moved = Options.moved + "; odd_headers verdict verdict_reason threats decided_by"
    sample_sha256: Annotated[SampleDigest | None, about("sample's SHA-256", "of the body that was sent", "hex")] = None
    sample_size: Annotated[int | None, about("sample's size", "its length", "bytes")] = None
    sample_form: Annotated[
        Word | None,
        about(
            "form",
            "how the file was uploaded: multipart, an HTML form; json, base64 in JSON; chunked, without a length;"
            " absent: the plain file",
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
        bool | None,
        about("ISTag changed", "ISTag differs from the one in the same member's OPTIONS response just before"),
    ] = None
    offered_204: Annotated[bool | None, about("offered 204", "offers_204 of the same member's OPTIONS response")] = None
    offered_preview: Annotated[int | None, about("offered preview", "Preview of its OPTIONS response", "bytes")] = None
    options_answer_ms: Annotated[
        float | None,
        about("response time of OPTIONS", "answer_ms of the same member's OPTIONS response", "ms", changes=True),
    ] = None


EICAR_OUTCOMES = ("not-asked", "failed", "passed-unseen", "passed", "blocked", "modified", "other")


class EicarOutcomes(Record):
    """What happened to EICAR placed behind the preview, and without a preview."""

    eicar_beyond_preview: Annotated[
        Word | None,
        about(
            "EICAR behind the preview",
            "what happened to EICAR placed behind the preview; passed-unseen: the server did not ask for that part",
            values=EICAR_OUTCOMES,
        ),
    ] = None
    eicar_whole: Annotated[
        Word | None,
        about("EICAR without a preview", "what happened to the same body without a preview", values=EICAR_OUTCOMES),
    ] = None


class EicarAgain(ProbeSheet):
    """eicar-again: EICAR again, after it has passed."""

    profile: ProfileInForce = msgspec.field(default_factory=ProfileInForce)
    outcomes: EicarOutcomes = msgspec.field(default_factory=EicarOutcomes)


class RepeatedStep(Record):
    """Results of one step over several rounds."""

    nulls = frozenset({"min_ms", "avg_ms", "p95_ms", "max_ms"})
    step: Annotated[Word | None, about("step", "the probe that was repeated")] = None
    sent: Annotated[int | None, about("sent", "number of requests")] = None
    lost: Annotated[int | None, about("lost", "number without an answer")] = None
    loss_percent: Annotated[float | None, about("loss", "the share of requests without an answer", "%")] = None
    min_ms: Annotated[float | None, about("min", "the shortest time", "ms", changes=True)] = None
    avg_ms: Annotated[float | None, about("average", "the mean", "ms", changes=True)] = None
    p95_ms: Annotated[float | None, about("p95", "95th percentile", "ms", changes=True)] = None
    max_ms: Annotated[float | None, about("max", "the longest", "ms", changes=True)] = None
    clock: Annotated[
        Word | None, about("clock", "what the times were measured with", values=(*CLOCKS, "both"), changes=True)
    ] = None
    uncertain: Annotated[
        bool | None, about("uncertain", "the times may include more than 5 % of client-side delay", changes=True)
    ] = None


class Repeat(ProbeSheet):
    """repeat: the harmless steps, repeated."""

    samples: Annotated[
        tuple[RepeatedStep, ...] | None,
        about(
            "steps",
            "each step of several rounds: step, sent, lost, loss_percent, min_ms, avg_ms, p95_ms, max_ms, clock"
            " (kernel, application or both)",
        ),
    ] = None
    istags: Annotated[
        tuple[ISTag, ...] | None, about("ISTags", "the distinct ISTags of all answers, 20 at most", changes=True)
    ] = None
    istags_distinct: Annotated[int | None, about("distinct ISTags", "their number", changes=True)] = None
    istag_answers: Annotated[
        int | None, about("answers with ISTag", "how many answers were compared", changes=True)
    ] = None
    istag_switches: Annotated[
        int | None,
        about(
            "ISTag switches",
            "answers whose ISTag differs from the previous one: an update causes one, alternating backends cause many",
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
