"""What only a deep look finds out: previews, rules, sizes, connections, load. One sheet a probe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from icapdiag.facts.answer import VERDICTS, Deviation
from icapdiag.facts.connection import CLOCKS, ProbeSheet, ProfileInForce
from icapdiag.facts.load import Capacity, Load
from icapdiag.facts.sheet import ISTag, Record, Text, Word, about
from icapdiag.facts.standard import EicarOutcomes, Stopped


class PreviewCase(Record):
    """One upload with or without a preview."""

    nulls = frozenset({"preview", "reason"})
    case: Annotated[Word | None, about("upload", "which one")] = None
    preview: Annotated[int | None, about("preview", "length of the preview; null: none", "bytes")] = None
    body_size: Annotated[int | None, about("body", "length of the body", "bytes")] = None
    allow_204: Annotated[bool | None, about("Allow: 204", "the request had it")] = None
    status: Annotated[Word | None, about("status", "what became of it")] = None
    reason: Annotated[Word | None, about("reason", "why it failed")] = None
    icap_status: Annotated[int | None, about("ICAP status", "what it was answered with")] = None
    icap_reason: Annotated[Text | None, about("ICAP reason", "the words after it")] = None
    verdict: Annotated[Word | None, about("verdict", "on the body", values=VERDICTS)] = None
    verdict_reason: Annotated[Text | None, about("verdict's reason", "in the server's words")] = None
    continued: Annotated[bool | None, about("continued", "the server sent 100 Continue")] = None
    complete_body_sent: Annotated[bool | None, about("complete body sent", "the server got all of it")] = None
    answer_ms: Annotated[float | None, about("answer", "as answer_ms elsewhere", "ms", changes=True)] = None
    answer_clock: Annotated[Word | None, about("clock", "whose", values=CLOCKS, changes=True)] = None
    answer_uncertain: Annotated[bool | None, about("uncertain", "as elsewhere", changes=True)] = None
    bytes_received: Annotated[int | None, about("bytes received", "received in answer", "bytes", changes=True)] = None
    istag: Annotated[ISTag | None, about("ISTag", "of the answer", changes=True)] = None
    date: Annotated[Text | None, about("Date", "of the answer", changes=True)] = None
    x_violations_found: Annotated[Text | None, about("X-Violations-Found", "of the answer")] = None
    encapsulated: Annotated[Text | None, about("Encapsulated", "of the answer")] = None
    parts: Annotated[tuple[Word, ...] | None, about("encapsulated parts", "of the answer")] = None
    hop_by_hop: Annotated[tuple[Text, ...] | None, about("hop-by-hop headers", "in the encapsulated heads")] = None
    odd_headers: Annotated[tuple[Text, ...] | None, about("odd headers", "of the answer")] = None
    deviations: Annotated[tuple[Deviation, ...] | None, about("deviations", "what the answer breaks of RFC 3507")] = (
        None
    )
    deviation_rules: Annotated[tuple[Word, ...] | None, about("rules broken", "as slugs")] = None
    protocol_rule: Annotated[Word | None, about("protocol rule", "the rule at which reading stopped")] = None
    error: Annotated[Text | None, about("error", "the operating system's or the library's own words")] = None


class Preview(ProbeSheet):
    """preview: uploads with previews of the lengths that matter."""

    profile: ProfileInForce = msgspec.field(default_factory=ProfileInForce)
    cases: Annotated[
        tuple[PreviewCase, ...] | None,
        about(
            "uploads",
            "each upload: case, preview and body_size (bytes), allow_204, status, reason, and what the answer says",
        ),
    ] = None
    cases_ok: Annotated[
        tuple[Word, ...] | None,
        about(
            "answered",
            "uploads that were answered: whole (no preview), avi-preview (profile's preview_size, longer body),"
            " preview-0, preview-n (of the length offered in OPTIONS, body one byte longer), preview-n-exact (body of"
            " that length), preview-n-plus-1 (one byte more than offered), no-allow (no preview, no Allow: 204),"
            " no-allow-preview, eicar-beyond-preview and eicar-whole (EICAR in a ZIP archive)",
        ),
    ] = None
    cases_failed: Annotated[
        tuple[Word, ...] | None,
        about("failed", "uploads that were refused or not answered; not those answered 503"),
    ] = None
    cases_hung: Annotated[
        tuple[Word, ...] | None,
        about("hung", "those in which the server was sent a preview and never said a word"),
    ] = None
    cases_continued: Annotated[tuple[Word, ...] | None, about("continued", "those in which it sent 100 Continue")] = (
        None
    )
    cases_passed_unseen: Annotated[
        tuple[Word, ...] | None,
        about("passed unseen", "those that it called clean with the rest of the body not sent"),
    ] = None
    cases_cut: Annotated[
        tuple[Word, ...] | None,
        about("cut", "those that came back changed while the rest of the body was not sent; absent if none did"),
    ] = None
    continued: Annotated[bool | None, about("continued", "the server sent 100 Continue for the rest")] = None
    eicar: EicarOutcomes = msgspec.field(default_factory=EicarOutcomes)
    deviations: Annotated[tuple[Deviation, ...] | None, about("deviations", "each: rule, section, detail, seen")] = None
    deviation_rules: Annotated[tuple[Word, ...] | None, about("rules broken", "of RFC 3507, as slugs")] = None
    passes_unseen: Annotated[
        Word | None,
        about(
            "passes unseen",
            "how often uploads longer than the preview were called clean by the preview alone",
            values=("never", "sometimes", "always"),
        ),
    ] = None
    offered_preview: Annotated[int | None, about("offered preview", "Preview of its OPTIONS answer", "bytes")] = None
    stopped: Stopped = None


class RuleResult(Record):
    """How a member does by one rule."""

    nulls = frozenset({"detail", "seen"})
    rule: Annotated[Word | None, about("rule", "as a slug")] = None
    number: Annotated[int | None, about("number", "its number among the rules")] = None
    section: Annotated[Word | None, about("section", "of RFC 3507 unless it says otherwise")] = None
    result: Annotated[Word | None, about("result", "what was found", values=("pass", "deviates", "not-tested"))] = None
    detail: Annotated[Text | None, about("detail", "what deviates")] = None
    seen: Annotated[Text | None, about("seen", "the bytes, as ISO 8859-1")] = None
    breaks: Annotated[bool | None, about("breaks", "strict clients fail on it")] = None


class Conformance(ProbeSheet):
    """conformance: the rules of RFC 3507, one by one."""

    rules: Annotated[
        tuple[RuleResult, ...] | None,
        about("rules", "each rule of RFC 3507: rule, number, section, result, detail, seen, breaks"),
    ] = None
    rules_passed: Annotated[tuple[Word, ...] | None, about("rules kept", "rules that the member keeps to, by name")] = (
        None
    )
    rules_deviating: Annotated[tuple[Word, ...] | None, about("rules deviated from", "rules that it deviates from")] = (
        None
    )
    rules_not_tested: Annotated[tuple[Word, ...] | None, about("rules not tested", "of which nothing was seen")] = None
    rules_breaking: Annotated[
        tuple[Word, ...] | None, about("rules broken for clients", "those of them on which strict clients fail")
    ] = None


class SizedUpload(Record):
    """One upload of a certain size."""

    nulls = frozenset({"icap_status", "answer_ms", "answer_clock", "verdict", "reason"})
    size: Annotated[int | None, about("size", "of the body", "bytes")] = None
    status: Annotated[Word | None, about("status", "what became of it")] = None
    icap_status: Annotated[int | None, about("ICAP status", "what it was answered with")] = None
    answer_ms: Annotated[float | None, about("answer", "from the first byte sent on", "ms", changes=True)] = None
    answer_clock: Annotated[Word | None, about("clock", "whose", values=CLOCKS, changes=True)] = None
    verdict: Annotated[Word | None, about("verdict", "on the body", values=VERDICTS)] = None
    reason: Annotated[Word | None, about("reason", "why it failed")] = None
    read: Annotated[bool | None, about("read", "the server took all of it")] = None
    uncertain: Annotated[bool | None, about("uncertain", "our delays may make more than 5 % of it", changes=True)] = (
        None
    )
    form: Annotated[Word | None, about("form", "where EICAR stands in it")] = None


class Size(ProbeSheet):
    """size: bodies of growing size."""

    profile_buffer_size: Annotated[
        int | None,
        about("profile's buffer_size", "buffer_size of the ICAP profile: Avi hands over nothing longer", "KB"),
    ] = None
    max_size: Annotated[int | None, about("largest tried", "--max-size, or the profile's buffer_size", "bytes")] = None
    sizes_tried: Annotated[
        tuple[SizedUpload, ...] | None,
        about(
            "uploads by size",
            "each harmless upload: size (bytes of body), status, reason, icap_status, verdict, answer_ms (from the"
            " first byte sent on), answer_clock, uncertain, read (the server took all of it); the shortest first",
        ),
    ] = None
    eicar_sizes_tried: Annotated[
        tuple[SizedUpload, ...] | None,
        about("EICAR by size", "each upload with EICAR behind padding, the same way, and form"),
    ] = None
    eicar_form: Annotated[
        Word | None,
        about(
            "EICAR found in",
            "where the server finds EICAR in a small body: archive is behind padding, as the last file of a ZIP that is"
            " stored uncompressed, leading before it; none: in neither, so nothing can be said of longer ones",
            values=("archive", "leading", "none"),
        ),
    ] = None
    size_passed: Annotated[
        int | None,
        about("longest passed", "the longest harmless body that was treated as a small one is", "bytes"),
    ] = None
    size_failed: Annotated[
        int | None,
        about("shortest failed", "the shortest that was not, twice in a row or next to one; absent if none", "bytes"),
    ] = None
    size_failure: Annotated[
        Word | None,
        about(
            "failure",
            "what became of that body: status is an ICAP error, refused a verdict that blocks it, changed any other"
            " verdict, dropped a closed connection, silent no response in time, slow a body still being sent when time"
            " ran out, unacknowledged a body never fully acknowledged by the peer's kernel, broken an unreadable one",
            values=("status", "refused", "changed", "dropped", "silent", "slow", "unacknowledged", "broken"),
        ),
    ] = None
    size_failure_status: Annotated[int | None, about("failed with", "the ICAP status that it was answered with")] = None
    size_failure_reason: Annotated[
        Word | None,
        about("failure's reason", "why it failed, in the words of reason; absent if the answer is a verdict"),
    ] = None
    size_failure_rate: Annotated[
        int | None,
        about("rate", "of that body while it was slow: what the peer's kernel took", "bytes/s", changes=True),
    ] = None
    size_failure_held_back: Annotated[
        float | None,
        about(
            "held back by the server",
            "the share of that time for which the server's kernel had no room for more, as its process read too slowly",
            "%",
            changes=True,
        ),
    ] = None
    tiny_refused: Annotated[
        tuple[int, ...] | None,
        about(
            "tiny refused", "sizes of 0 and 1 bytes that were not treated as longer ones are, twice in a row", "bytes"
        ),
    ] = None
    tiny_failure: Annotated[
        Word | None,
        about(
            "tiny bodies' failure",
            "what became of the longest of these, in the words of size_failure",
            values=("status", "refused", "changed", "dropped", "silent", "slow", "unacknowledged", "broken"),
        ),
    ] = None
    tiny_failure_status: Annotated[int | None, about("tiny failed with", "the ICAP status of its answer")] = None
    mtu_black_hole: Annotated[bool | None, about("MTU black hole", "a lost body arrived in small packets")] = None
    segment_size: Annotated[int | None, about("segment size", "payload of the packets that were lost", "bytes")] = None
    size_read: Annotated[
        int | None,
        about("longest read", "the longest body that the server read beyond the preview", "bytes"),
    ] = None
    size_unread: Annotated[
        int | None,
        about("shortest unread", "the shortest that it passed on the preview alone; absent if none", "bytes"),
    ] = None
    eicar_found_size: Annotated[
        int | None, about("EICAR found up to", "the longest body in which it was found", "bytes")
    ] = None
    eicar_passed_size: Annotated[
        int | None,
        about("EICAR passed from", "the shortest in which it let EICAR pass; absent if it never did", "bytes"),
    ] = None
    stopped: Stopped = None


class Keepalive(ProbeSheet):
    """keepalive: two uploads on one connection, and how long an idle one stays open."""

    pair: Annotated[Word | None, about("pair", "sent on one connection", values=("eicar-clean", "clean-clean"))] = None
    capacity: Capacity = msgspec.field(default_factory=Capacity)
    reuse: Annotated[
        Word | None,
        about(
            "reuse",
            "what became of the second request: honoured is answered rightly; announced-close and closed, the server"
            " closed after the first answer, with and without saying so; desynchronised, see desync_signs",
            values=("honoured", "announced-close", "closed", "unanswered", "desynchronised"),
        ),
    ] = None
    desync_signs: Annotated[
        tuple[Word, ...] | None,
        about(
            "signs of desynchronisation",
            "signs of an answer to another request: bytes-left-over, body-of-first, verdict-of-first, unreadable",
        ),
    ] = None
    extra_bytes: Annotated[
        int | None,
        about("bytes left over", "came after the end of the first answer, before there was a second request", "bytes"),
    ] = None
    first_status: Annotated[int | None, about("first answer", "ICAP status of the first answer")] = None
    first_verdict: Annotated[Word | None, about("first verdict", "on the first body", values=VERDICTS)] = None
    extra_excerpt: Annotated[Text | None, about("left over", "the first of them")] = None
    closed_after_ms: Annotated[
        float | None,
        about(
            "closed after",
            "from the first answer to the server's close, without a second request",
            "ms",
            changes=True,
        ),
    ] = None
    second_status: Annotated[int | None, about("second answer", "ICAP status of the second answer")] = None
    second_verdict: Annotated[Word | None, about("second verdict", "on the second body", values=VERDICTS)] = None
    idle_waited_s: Annotated[
        float | None, about("left idle", "how long the connection was left idle, with --idle", "s", changes=True)
    ] = None
    idle_closed: Annotated[bool | None, about("closed while idle", "the server closed it in that time")] = None
    idle_close_s: Annotated[float | None, about("idle until close", "after how long", "s", changes=True)] = None


SHEETS: Mapping[str, type[ProbeSheet]] = {
    "conformance": Conformance,
    "preview": Preview,
    "size": Size,
    "keepalive": Keepalive,
    "load": Load,
}
