"""Facts of a log as a whole, and of the inputs that were read."""

from __future__ import annotations

from typing import Annotated

import msgspec

from icapdiag.facts.sheet import (
    FileName,
    Moment,
    Ordinal,
    Record,
    Sheet,
    Text,
    Whole,
    Word,
    about,
)

WITHOUT_ICAP = ("upload", "no-body", "waf", "rule", "unanswered", "dns", "mixed")


class LogSummary(Sheet):
    """A log as a whole."""

    nulls = frozenset({"first_seen", "last_seen", "span_s", "failed_share"})

    entries_total: Annotated[int, about("entries", "log entries read", "entries", changes=True)] = 0
    entries_icap: Annotated[int, about("with ICAP", "those with an icap_log", "entries", changes=True)] = 0
    entries_passed: Annotated[int, about("passed", "those with action ICAP_PASSED", "entries", changes=True)] = 0
    entries_modified: Annotated[int, about("modified", "those with action ICAP_MODIFIED", "entries", changes=True)] = 0
    entries_blocked: Annotated[int, about("blocked", "those with action ICAP_BLOCKED", "entries", changes=True)] = 0
    entries_failed: Annotated[int, about("failed", "those with action ICAP_FAILED", "entries", changes=True)] = 0
    entries_disabled: Annotated[int, about("disabled", "those with action ICAP_DISABLED", "entries", changes=True)] = 0
    without_icap: Annotated[
        Word | None,
        about(
            "requests without ICAP",
            "of a log without an icap_log, what became of its requests: upload, some uploads passed, or may have;"
            " otherwise none did: no-body, no request had a body; waf, WAF answered them; rule, WAF or a policy rule;"
            " unanswered; dns, they are no HTTP requests; mixed, several of these",
            values=WITHOUT_ICAP,
            closed=True,
        ),
    ] = None
    only_significant: Annotated[
        bool | None, about("only significant", "all entries are significant and none passed: exported without nf=true")
    ] = None
    first_seen: Annotated[Moment | None, about("first seen", "time of the first one", "ISO 8601", changes=True)] = None
    last_seen: Annotated[Moment | None, about("last seen", "time of the last one", "ISO 8601", changes=True)] = None
    span_s: Annotated[float | None, about("span", "from the first entry to the last", "s", changes=True)] = None
    failed_share: Annotated[
        float | None, about("failed share", "failed entries among those that went through ICAP", "0 to 1", changes=True)
    ] = None
    unscanned_count: Annotated[
        int,
        about("unscanned", "requests that passed without a scan: the sum of the next three", "requests", changes=True),
    ] = 0
    unscanned_failed: Annotated[
        int | None,
        about("unscanned, ICAP failed", "because ICAP failed and the profile fails open", "requests", changes=True),
    ] = None
    unscanned_too_large: Annotated[
        int | None,
        about("unscanned, too large", "because the body was larger than buffer_size", "requests", changes=True),
    ] = None
    unscanned_disabled: Annotated[
        int | None,
        about("unscanned, not offered", "because the upload was not offered to ICAP", "requests", changes=True),
    ] = None

    throttled_at: Annotated[
        int | None,
        about(
            "log ceiling",
            "the number of entries per second, of one virtual service and Service Engine, that many seconds reach and"
            " none exceeds: most likely log throttling, so the counts are minimums",
            "1/s",
            changes=True,
        ),
    ] = None
    throttled_s: Annotated[
        int | None, about("seconds at the ceiling", "number of seconds with that many entries", "s", changes=True)
    ] = None


class EntryCounts(LogSummary):
    """A log as a whole, in a report."""

    moved = "entries_disabled entries_other icap_requests"
    entries_other: Annotated[int, about("other", "those with an unknown action", "entries", changes=True)] = 0
    icap_requests: Annotated[
        int, about("ICAP requests", "requests to ICAP servers; more than entries if Avi retried", changes=True)
    ] = 0
    by_outcome: Annotated[
        dict[Word, int] | None,
        about(
            "by outcome",
            "by what the client got, where Avi sent several ICAP requests for one",
            "entries",
            changes=True,
        ),
    ] = None
    filtered: Annotated[int, about("left out", "entries left out by the filters", "entries", changes=True)] = 0
    groups: Annotated[int, about("groups", "groups of requests with the same outcome", changes=True)] = 0


class Bucket(Record):
    """Requests of one time span, by what the client got."""

    required = frozenset({"start", "step_s"})
    start: Annotated[Moment, about("start", "its beginning", "ISO 8601")] = ""
    step_s: Annotated[Ordinal, about("step", "its length", "s")] = 1
    requests: Annotated[Whole, about("requests", "how many in all", "requests")] = 0
    passed: Annotated[Whole, about("passed", "passed after a scan", "requests")] = 0
    modified: Annotated[Whole, about("modified", "passed as modified by an ICAP server", "requests")] = 0
    blocked: Annotated[Whole, about("blocked", "blocked because of the content", "requests")] = 0
    unscanned: Annotated[Whole, about("unscanned", "passed without a scan", "requests")] = 0
    refused_500: Annotated[Whole, about("refused (500)", "refused because ICAP failed", "requests")] = msgspec.field(
        default=0, name="refused-500"
    )
    refused_413: Annotated[Whole, about("refused (413)", "refused because the body was too large", "requests")] = (
        msgspec.field(default=0, name="refused-413")
    )
    disabled: Annotated[Whole, about("disabled", "not meant to be scanned", "requests")] = 0
    unknown: Annotated[Whole, about("unknown", "not known", "requests")] = 0


class Remark(Record):
    """What was corrected, or could not be read, and where."""

    nulls = frozenset({"line", "column", "offset"})
    required = nulls
    what: Annotated[Text | None, about("correction", "what was corrected")] = None
    kind: Annotated[
        Word | None, about("kind", "of a problem", values=("unreadable", "skipped", "input"), closed=True)
    ] = None
    reason: Annotated[Text | None, about("reason", "why it could not be read")] = None
    line: Annotated[Ordinal | None, about("line", "of the input, from 1")] = None
    column: Annotated[Ordinal | None, about("column", "of that line, from 1")] = None
    offset: Annotated[Whole | None, about("offset", "from the start, after decompression", "bytes")] = None
    excerpt: Annotated[Text | None, about("excerpt", "the text at that place")] = None


class RecordCounts(Record):
    """Records of one input or of all: read + skipped + unreadable = total."""

    required = frozenset({"total", "read", "skipped", "unreadable"})
    total: Annotated[Whole, about("records", "how many in all")] = 0
    read: Annotated[Whole, about("read", "log entries and ICAP responses")] = 0
    skipped: Annotated[Whole, about("skipped", "alerts and other records that are not log entries")] = 0
    unreadable: Annotated[Whole, about("unreadable", "what could not be read")] = 0


class LogSource(RecordCounts):
    """One input that was read."""

    moved = "bytes total read skipped unreadable keys_not_checked"
    required = RecordCounts.required | {
        "name", "container", "label", "compressed", "bytes", "corrections", "corrections_total", "problems",
        "problems_total",
    }  # fmt: skip
    name: Annotated[FileName, about("input", "its name")] = ""
    container: Annotated[Word, about("container", "recognised from the content, not from the file's name")] = ""
    label: Annotated[Word, about("content", "the container in words")] = ""
    compressed: Annotated[Word, about("compressed", "gzip, zstd; empty for none")] = ""
    bytes: Annotated[Whole, about("size", "after decompression", "bytes")] = 0
    corrections: Annotated[tuple[Remark, ...], about("corrections", "the first few")] = ()
    corrections_total: Annotated[Whole, about("corrections in all", "how many")] = 0
    problems: Annotated[tuple[Remark, ...], about("problems", "the first few")] = ()
    problems_total: Annotated[Whole, about("problems in all", "how many")] = 0
    matching: Annotated[
        Ordinal | None, about("matching", "entries that matched the query, as an API response says (count)")
    ] = None
    more: Annotated[bool | None, about("more", "the API response names a next page")] = None
    percent_remaining: Annotated[
        float | None, about("remaining", "part of the time span not searched yet (percent_remaining)", "%")
    ] = None
    cut_off: Annotated[bool | None, about("cut off", "the end of the input is missing")] = None
    keys_not_checked: Annotated[
        Ordinal | None,
        about("keys not checked", "of a large input, records in which only actions were checked for duplicate keys"),
    ] = None
