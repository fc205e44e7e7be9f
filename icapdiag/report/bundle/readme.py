"""What stands in README.txt of a bundle."""

from __future__ import annotations

from collections.abc import Collection

from icapdiag.model import Report
from icapdiag.report.text.words import tally

_WHAT = (
    ("report.html", "the report, for a browser: one file, no network, no scripts needed"),
    ("report.md", "the same as Markdown"),
    ("report.json", "the same for programs: icapdiag report render report.json writes it in other formats"),
    ("pool.yaml", "the pool as it was in force: icapdiag check pool.yaml probes it"),
    ("vantage.json", "where the program ran"),
    ("versions.json", "what ran there"),
    ("transcripts/", "what each probe sent and received, in hex and text"),
    ("manifest.json", "size and SHA-256 of each file, and what was left out to keep the archive small"),
)
_REDACTED = (
    "Redacted: names, addresses and words that are not known to be harmless stand replaced by pseudonyms.",
    "The same pseudonym always stands for the same value. Transcripts are redacted in the same way, so their",
    "bytes are not exactly those that passed. The key to the pseudonyms is not in this archive.",
)
_PLAIN = (
    "*** NOT REDACTED ***",
    "Names, addresses, headers and all else that servers said are in this archive as they are.",
    "Do not attach it where everybody can read it.",
)


def readme(report: Report, files: Collection[str], *, redacted: bool) -> str:
    """Ends in a newline. ``files``: names of what may be in the archive."""
    present = [
        f"  {name:<15} {what}"
        for name, what in _WHAT
        if name == "manifest.json" or any(file.startswith(name) for file in files)
    ]
    lines = [
        "icapdiag diagnoses ICAP antivirus scanning behind Avi Load Balancer.",
        "",
        f"This is a bundle of one of its reports: {report.verdict.value}. {tally(report)}.",
        "",
        *(_REDACTED if redacted else _PLAIN),
        "",
        *present,
        "",
        "The EICAR test file is in none of these: where it was sent or received, its length and SHA-256 stand.",
    ]
    return "\n".join(lines) + "\n"
