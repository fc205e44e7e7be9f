"""Texts of a bundle other than the report's formats: README.txt, pool.yaml, transcripts in hex and text."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator

from icapdiag.facts.connection import TranscriptEntry
from icapdiag.facts.run import Configuration, ConfiguredMember, ProfileSettings
from icapdiag.facts.sheet import Record, facts_of, values_of
from icapdiag.model import MemberReport, Observation, Report
from icapdiag.report.document.words import endpoint, tally
from icapdiag.text import visible

_WHAT = (
    ("report.html", "the report for a browser: one file, no network or scripts needed"),
    ("report.md", "the same as Markdown"),
    ("report.json", "the same for programs; icapdiag report render report.json converts it to other formats"),
    ("pool.yaml", "the pool as tested; icapdiag check pool.yaml tests it again"),
    ("vantage.json", "where the program ran"),
    ("versions.json", "what ran there"),
    ("transcripts/", "what each probe sent and received, in hex and text"),
    ("manifest.json", "size and SHA-256 of each file, and what was left out to keep the archive small"),
)
_REDACTED = (
    "Transcripts are redacted in the same way as the report, so their bytes are not exactly those sent and received.",
    "The key to the pseudonyms is not in this archive.",
)
_PLAIN = (
    "*** NOT REDACTED ***",
    "This archive contains names, addresses, headers and everything else that servers sent, unchanged.",
    "Do not attach it where everyone can read it.",
)


def readme(report: Report, files: Collection[str], *, redacted: bool) -> str:
    """Ends in a newline. ``files``: names of the files that may be in the archive."""
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
        "None of these files contains the EICAR test file: its length and SHA-256 replace it.",
    ]
    return "\n".join(lines) + "\n"


_FILES = ("ca_file", "cert_file")


def pool_yaml(configuration: Configuration) -> str:
    """A pool file, valid if the configuration came from one; "" without a configuration.

    TLS files are in comments: they don't exist where this is read.
    """
    if not configuration.members:
        return ""
    own = dict(_fields(configuration))
    lines = ["# The pool as tested, with all defaults. Certificate files are not included."]
    lines += [f"pool: {own['pool']}"] if "pool" in own else []
    if configuration.profile is not None:
        units = {fact.key: fact.unit for fact in facts_of(ProfileSettings)}
        lines.append("profile:")
        lines += [
            f"  {name}: {value}{f'  # {units[name]}' if units[name] else ''}"
            for name, value in _fields(configuration.profile)
        ]
    if configuration.samples is not None:
        lines.append(f"samples: [{', '.join(map(_value, configuration.samples))}]")
    lines += [f"compare: {own['compare']}"] if "compare" in own else []
    lines += ["members:", *(line for member in configuration.members for line in _member(member))]
    if configuration.suppressions:
        lines += ["suppressions:", *(f"  - {_flow(each)}" for each in configuration.suppressions)]
    return "\n".join(lines) + "\n"


def _member(member: ConfiguredMember) -> Iterator[str]:
    if member.tls is not None:
        yield from (f"  # {name}: {visible(file)}" for name in _FILES if (file := getattr(member.tls, name)))
    fields = [f"{name}: {value}" for name, value in _fields(member) if name != "enabled" or member.enabled is False]
    fields += [] if member.tls is None else [f"tls: {_flow(member.tls)}"]
    yield f"  - {{{', '.join(fields)}}}"


def _flow(record: Record) -> str:
    return f"{{{', '.join(f'{name}: {value}' for name, value in _fields(record) if name not in _FILES)}}}"


def _fields(record: Record) -> Iterator[tuple[str, str]]:
    """The fields that are neither empty nor records."""
    for fact, value in values_of(record):
        if isinstance(value, str | int | float) and value != "":
            yield fact.key, _value(value)


def _value(value: str | float) -> str:
    """A JSON string, which is a YAML string too; unquoted, a name may be read as a number."""
    return json.dumps(value, ensure_ascii=True)


ROW = 16  # bytes
_INDENT = "    "


def dump(member: MemberReport, probe: Observation) -> str:
    """Ends in a newline. Bytes are those of the report, which has pseudonyms in them if it is redacted."""
    status = f"{probe.status.value} ({visible(str(probe.reason))})" if probe.reason else probe.status.value
    head = [
        f"member  {visible(endpoint(member))}",
        f"probe   {visible(probe.probe)}: {status}",
        "",
        "Times are in ms since the probe began. Sizes are of all that was sent and received; the beginning is shown.",
        "",
    ]
    return "\n".join([*head, *(line for entry in probe.transcript for line in _entry(entry))]) + "\n"


def _entry(entry: TranscriptEntry) -> Iterator[str]:
    line = f"connection {entry.connection}" if entry.connection else ""
    begin = f"{_milliseconds(entry.at_ms):>12}  {line:<14}"
    if entry.direction == "event":
        yield f"{begin}  {visible(entry.text, None)}"
        return
    yield f"{begin}  {'sent' if entry.direction == 'sent' else 'received'} {_sizes(entry)}"
    yield from hex_rows(entry.text.encode("latin-1", "replace"))
    if entry.body_size is not None:
        known = f", SHA-256 {visible(entry.body_sha256)}" if entry.body_sha256 else ""
        yield f"{_INDENT}and {entry.body_size} bytes of the body, in chunks{known}"


def _sizes(entry: TranscriptEntry) -> str:
    parts = [f"{entry.size} bytes"] if entry.size is not None else []
    if entry.pieces and entry.pieces > 1:
        parts.append(f"in {entry.pieces} pieces, the last at {_milliseconds(entry.until_ms)}")
    return " ".join(parts)


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def hex_rows(data: bytes) -> Iterator[str]:
    """As `hexdump -C` has it, indented."""
    for at in range(0, len(data), ROW):
        row = data[at : at + ROW]
        half = ROW // 2
        digits = f"{row[:half].hex(' ')}  {row[half:].hex(' ')}".strip()
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{_INDENT}{at:08x}  {digits:<48}  |{shown}|"
