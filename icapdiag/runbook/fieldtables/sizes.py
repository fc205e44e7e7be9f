"""Fields of the size ladder: how long a body may be, and what becomes of longer ones."""

from __future__ import annotations

from icapdiag.runbook.field import BOOLEAN, INTEGER, LIVE, RECORDS, TEXT, Field, table

_SIZE = ("size",)
FIELDS = table(
    LIVE,
    _SIZE,
    (
        ("max_size", INTEGER, "bytes", "the longest body to be tried: --max-size, or buffer_size"),
        ("profile_buffer_size", INTEGER, "KB", "buffer_size of the ICAP profile: Avi hands over nothing longer"),
        ("eicar_ladder", RECORDS, "", "each upload with EICAR behind padding, the same way, and form"),
        ("size_passed", INTEGER, "bytes", "the longest harmless body that was treated as a small one is"),
        ("size_failed", INTEGER, "bytes", "the shortest that was not, twice in a row or next to one; absent if none"),
        ("size_failure_status", INTEGER, "", "the ICAP status that it was answered with"),
        ("size_failure_reason", TEXT, "", "why it failed, in the words of reason; absent if the answer is a verdict"),
        ("size_read", INTEGER, "bytes", "the longest body of which the server asked for more than the preview"),
        ("size_unread", INTEGER, "bytes", "the shortest that it passed on the preview alone; absent if none"),
        ("eicar_found_size", INTEGER, "bytes", "the longest body in which the server found EICAR"),
        ("eicar_passed_size", INTEGER, "bytes", "the shortest in which it let EICAR pass; absent if it never did"),
        ("mtu_black_hole", BOOLEAN, "", "a body that got lost on the way arrived in small packets"),
        ("segment_size", INTEGER, "bytes", "payload of the packets that got lost, at the most"),
    ),
)
FIELDS += [
    Field(
        "ladder",
        RECORDS,
        "",
        "each harmless upload: size (bytes of body), status, reason, icap_status, verdict, answer_ms (from the"
        " first byte sent on), answer_clock, uncertain, read (the server took all of it); the shortest first",
        LIVE,
        _SIZE,
    ),
    Field(
        "size_failure",
        TEXT,
        "",
        "what became of that body: status is an ICAP error, refused another verdict that keeps it back, changed any"
        " other one, dropped a closed connection, silent no answer in time, slow one still being sent by then,"
        " unacknowledged one of which the peer's kernel never confirmed a part, broken an answer that can't be read",
        LIVE,
        _SIZE,
        ("status", "refused", "changed", "dropped", "silent", "slow", "unacknowledged", "broken"),
    ),
    Field(
        "eicar_form",
        TEXT,
        "",
        "where the server finds EICAR in a small body: archive is behind padding, as the last file of a ZIP that is"
        " stored uncompressed, leading before it; none: in neither, so nothing can be said of longer ones",
        LIVE,
        _SIZE,
        ("archive", "leading", "none"),
    ),
]
