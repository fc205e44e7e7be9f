"""Facts of the deep probes: previews, rules, sizes, connections, load. One sheet per probe."""

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
    status: Annotated[Word | None, about("status", "the result")] = None
    reason: Annotated[Word | None, about("reason", "why it failed")] = None
    icap_status: Annotated[int | None, about("ICAP status", "of the response")] = None
    icap_reason: Annotated[Text | None, about("ICAP reason", "the text after the status code")] = None
    verdict: Annotated[Word | None, about("verdict", "on the body", values=VERDICTS)] = None
    verdict_reason: Annotated[Text | None, about("verdict's reason", "in the server's words")] = None
    continued: Annotated[bool | None, about("continued", "the server sent 100 Continue")] = None
    complete_body_sent: Annotated[bool | None, about("complete body sent", "the whole body was sent")] = None
    answer_ms: Annotated[float | None, about("response time", "see answer_ms", "ms", changes=True)] = None
    answer_clock: Annotated[Word | None, about("clock", "see answer_clock", values=CLOCKS, changes=True)] = None
    answer_uncertain: Annotated[bool | None, about("uncertain", "see answer_uncertain", changes=True)] = None
    bytes_received: Annotated[int | None, about("bytes received", "in response", "bytes", changes=True)] = None
    istag: Annotated[ISTag | None, about("ISTag", "of the answer", changes=True)] = None
    date: Annotated[Text | None, about("Date", "of the answer", changes=True)] = None
    x_violations_found: Annotated[Text | None, about("X-Violations-Found", "of the answer")] = None
    encapsulated: Annotated[Text | None, about("Encapsulated", "of the answer")] = None
    parts: Annotated[tuple[Word, ...] | None, about("encapsulated parts", "of the answer")] = None
    hop_by_hop: Annotated[tuple[Text, ...] | None, about("hop-by-hop headers", "in the encapsulated headers")] = None
    odd_headers: Annotated[tuple[Text, ...] | None, about("non-standard headers", "of the response")] = None
    deviations: Annotated[
        tuple[Deviation, ...] | None, about("deviations", "rules of RFC 3507 that the response breaks")
    ] = None
    deviation_rules: Annotated[tuple[Word, ...] | None, about("rules broken", "as slugs")] = None
    protocol_rule: Annotated[
        Word | None, about("protocol rule", "the rule that the response broke so that it can't be read")
    ] = None
    error: Annotated[Text | None, about("error", "the operating system's or the library's own words")] = None


class Preview(ProbeSheet):
    """preview: uploads with previews of several lengths."""

    profile: ProfileInForce = msgspec.field(default_factory=ProfileInForce)
    cases: Annotated[
        tuple[PreviewCase, ...] | None,
        about(
            "uploads",
            "each upload: case, preview and body_size (bytes), allow_204, status, reason, and facts of the response",
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
        about("hung", "uploads whose preview the server never answered"),
    ] = None
    cases_continued: Annotated[
        tuple[Word, ...] | None, about("continued", "uploads in which the server sent 100 Continue")
    ] = None
    cases_passed_unseen: Annotated[
        tuple[Word, ...] | None,
        about("passed unseen", "uploads reported clean although only the preview had been sent"),
    ] = None
    cases_cut: Annotated[
        tuple[Word, ...] | None,
        about("cut", "uploads that came back modified although only the preview had been sent; absent if none"),
    ] = None
    continued: Annotated[bool | None, about("continued", "the server sent 100 Continue for the rest")] = None
    eicar: EicarOutcomes = msgspec.field(default_factory=EicarOutcomes)
    deviations: Annotated[tuple[Deviation, ...] | None, about("deviations", "each: rule, section, detail, seen")] = None
    deviation_rules: Annotated[tuple[Word, ...] | None, about("rules broken", "of RFC 3507, as slugs")] = None
    passes_unseen: Annotated[
        Word | None,
        about(
            "passes unseen",
            "how often uploads longer than the preview were reported clean after only the preview",
            values=("never", "sometimes", "always"),
        ),
    ] = None
    offered_preview: Annotated[int | None, about("offered preview", "Preview of its OPTIONS answer", "bytes")] = None
    stopped: Stopped = None


class RuleResult(Record):
    """Whether a member keeps to one rule."""

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
    rules_passed: Annotated[
        tuple[Word, ...] | None, about("rules kept", "names of the rules that the member keeps to")
    ] = None
    rules_deviating: Annotated[tuple[Word, ...] | None, about("rules deviated from", "rules that it deviates from")] = (
        None
    )
    rules_not_tested: Annotated[tuple[Word, ...] | None, about("rules not tested", "rules that no response showed")] = (
        None
    )
    rules_breaking: Annotated[
        tuple[Word, ...] | None, about("breaking deviations", "those on which strict clients fail")
    ] = None


class SizedUpload(Record):
    """One upload of a certain size."""

    nulls = frozenset({"icap_status", "answer_ms", "answer_clock", "verdict", "reason"})
    size: Annotated[int | None, about("size", "of the body", "bytes")] = None
    status: Annotated[Word | None, about("status", "the result")] = None
    icap_status: Annotated[int | None, about("ICAP status", "of the response")] = None
    answer_ms: Annotated[float | None, about("response time", "from the first byte sent", "ms", changes=True)] = None
    answer_clock: Annotated[Word | None, about("clock", "see answer_clock", values=CLOCKS, changes=True)] = None
    verdict: Annotated[Word | None, about("verdict", "on the body", values=VERDICTS)] = None
    reason: Annotated[Word | None, about("reason", "why it failed")] = None
    read: Annotated[bool | None, about("read", "the server read the whole body")] = None
    uncertain: Annotated[
        bool | None, about("uncertain", "the time may include more than 5 % of client-side delay", changes=True)
    ] = None
    form: Annotated[Word | None, about("form", "where EICAR is in the body")] = None


class Size(ProbeSheet):
    """size: bodies of growing size."""

    profile_buffer_size: Annotated[
        int | None,
        about("profile's buffer_size", "buffer_size of the ICAP profile: Avi sends nothing larger to ICAP", "KB"),
    ] = None
    max_size: Annotated[int | None, about("largest tried", "--max-size, or the profile's buffer_size", "bytes")] = None
    sizes_tried: Annotated[
        tuple[SizedUpload, ...] | None,
        about(
            "uploads by size",
            "each harmless upload: size (bytes of body), status, reason, icap_status, verdict, answer_ms (from the"
            " first byte sent), answer_clock, uncertain, read (the server read the whole body); smallest first",
        ),
    ] = None
    eicar_sizes_tried: Annotated[
        tuple[SizedUpload, ...] | None,
        about("EICAR by size", "each upload with EICAR after padding, in the same way, and form"),
    ] = None
    eicar_form: Annotated[
        Word | None,
        about(
            "EICAR detected in",
            "where the server detects EICAR in a small body: archive, after padding as the last file of an uncompressed"
            " ZIP; leading, before the padding; none, in neither, so longer bodies can't be tested",
            values=("archive", "leading", "none"),
        ),
    ] = None
    size_passed: Annotated[
        int | None,
        about("largest passed", "the largest harmless body that was treated like a small one", "bytes"),
    ] = None
    size_failed: Annotated[
        int | None,
        about("smallest failed", "the smallest that was not, twice in a row or next to one; absent if none", "bytes"),
    ] = None
    size_failure: Annotated[
        Word | None,
        about(
            "failure",
            "how it failed: status, an ICAP error; refused, a verdict that blocks it; changed, any other verdict;"
            " dropped, a closed connection; silent, no response in time; slow, still being sent at the timeout;"
            " unacknowledged, never fully acknowledged by the peer's kernel; broken, an unreadable response",
            values=("status", "refused", "changed", "dropped", "silent", "slow", "unacknowledged", "broken"),
        ),
    ] = None
    size_failure_status: Annotated[int | None, about("failed with", "the ICAP status of the response")] = None
    size_failure_reason: Annotated[
        Word | None,
        about("failure's reason", "why it failed, one of the values of reason; absent if the server sent a verdict"),
    ] = None
    size_failure_rate: Annotated[
        int | None,
        about("rate", "at which the peer's kernel received that body while it was slow", "bytes/s", changes=True),
    ] = None
    size_failure_held_back: Annotated[
        float | None,
        about(
            "held back by the server",
            "the share of that time in which the server's receive buffer was full, as its process read too slowly",
            "%",
            changes=True,
        ),
    ] = None
    tiny_refused: Annotated[
        tuple[int, ...] | None,
        about(
            "tiny bodies refused",
            "sizes of 0 and 1 bytes that were not treated like larger ones, twice in a row",
            "bytes",
        ),
    ] = None
    tiny_failure: Annotated[
        Word | None,
        about(
            "tiny bodies' failure",
            "how the largest of these failed, one of the values of size_failure",
            values=("status", "refused", "changed", "dropped", "silent", "slow", "unacknowledged", "broken"),
        ),
    ] = None
    tiny_failure_status: Annotated[int | None, about("tiny bodies failed with", "the ICAP status of the response")] = (
        None
    )
    mtu_black_hole: Annotated[
        bool | None, about("MTU black hole", "the body that was lost arrived when it was sent in small packets")
    ] = None
    segment_size: Annotated[int | None, about("segment size", "payload of the packets that were lost", "bytes")] = None
    size_read: Annotated[
        int | None,
        about("largest read", "the largest body that the server read beyond the preview", "bytes"),
    ] = None
    size_unread: Annotated[
        int | None,
        about("smallest unread", "the smallest that it passed after only the preview; absent if none", "bytes"),
    ] = None
    eicar_found_size: Annotated[
        int | None, about("EICAR detected up to", "the largest body in which it was detected", "bytes")
    ] = None
    eicar_passed_size: Annotated[
        int | None,
        about("EICAR passed from", "the smallest body in which EICAR passed; absent if none", "bytes"),
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
            "what happened to the second request: honoured, answered correctly; announced-close and closed, the server"
            " closed after the first answer, with and without Connection: close; desynchronised, see desync_signs",
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
        about(
            "bytes left over", "received after the end of the first answer, before the second request was sent", "bytes"
        ),
    ] = None
    first_status: Annotated[int | None, about("first answer", "ICAP status of the first answer")] = None
    first_verdict: Annotated[Word | None, about("first verdict", "on the first body", values=VERDICTS)] = None
    extra_excerpt: Annotated[Text | None, about("left over", "the first bytes left over")] = None
    closed_after_ms: Annotated[
        float | None,
        about(
            "closed after",
            "from the first answer until the server closed, without a second request",
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
