"""Fields of the uploads that try out previews, and of the rules of RFC 3507 that a member was held to."""

from __future__ import annotations

from icapdiag.runbook.field import ICAP, LIVE, RECORDS, TEXT, TEXTS, Field, table

_EICAR = ("not-asked", "failed", "passed-unseen", "passed", "blocked", "modified", "other")
_ANSWERED = (
    "uploads that were answered: whole (no preview), avi-preview (profile's preview_size, longer body), preview-0,"
    " preview-n (of the length offered in OPTIONS, body one byte longer), preview-n-exact (body of that length),"
    " preview-n-plus-1 (one byte more than offered), no-allow (no preview, no Allow: 204), no-allow-preview,"
    " eicar-beyond-preview and eicar-whole (EICAR in a ZIP archive)"
)

FIELDS = table(
    LIVE,
    ICAP,
    (
        ("encapsulated", TEXT, "", "header Encapsulated of the answer"),
        ("parts", TEXTS, "", "encapsulated parts of the answer, such as req-hdr"),
        ("hop_by_hop", TEXTS, "", "headers inside the encapsulated heads that are for one connection only"),
        ("odd_headers", TEXTS, "", "headers of the answer that no RFC knows, with names that do not begin with X-"),
    ),
)
FIELDS += table(
    LIVE,
    ("preview",),
    (
        (
            "cases",
            RECORDS,
            "",
            "each upload: case, preview and body_size (bytes), allow_204, status, reason, and what the answer says",
        ),
        (
            "cases_ok",
            TEXTS,
            "",
            _ANSWERED,
        ),
        ("cases_failed", TEXTS, "", "uploads that were refused or not answered; not those answered 503"),
        ("cases_hung", TEXTS, "", "those in which the server was sent a preview and never said a word"),
        ("cases_continued", TEXTS, "", "those in which it sent 100 Continue"),
        ("cases_passed_unseen", TEXTS, "", "those that it called clean with the rest of the body not sent"),
    ),
)
FIELDS += [
    Field(
        "passes_unseen",
        TEXT,
        "",
        "how often uploads longer than the preview were called clean by the preview alone",
        LIVE,
        ("preview",),
        ("never", "sometimes", "always"),
    ),
    Field(
        "eicar_beyond_preview",
        TEXT,
        "",
        "what became of EICAR behind the end of the preview; passed-unseen: that part was not asked for",
        LIVE,
        ("preview",),
        _EICAR,
    ),
    Field("eicar_whole", TEXT, "", "the same for the same body without a preview", LIVE, ("preview",), _EICAR),
]

FIELDS += table(
    LIVE,
    ("conformance",),
    (
        ("rules", RECORDS, "", "each rule of RFC 3507: rule, number, section, result, detail, seen, breaks"),
        ("rules_passed", TEXTS, "", "rules that the member keeps to, by name"),
        ("rules_deviating", TEXTS, "", "rules that it deviates from"),
        ("rules_breaking", TEXTS, "", "those of them on which strict clients fail"),
        ("rules_not_tested", TEXTS, "", "rules that nothing was seen of"),
    ),
)
