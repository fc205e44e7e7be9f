"""The texts of a bundle that no format draws: README.txt, pool.yaml, a probe's transcript in hex and text."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping

from icapdiag.report.text.words import endpoint, tally
from icapdiag.report.untyped import Facts, JSONValue, MemberReport, Observation, Report
from icapdiag.text import visible

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


_PROFILE = (
    "name", "description", "service_uri", "vendor", "enable_preview", "preview_size", "allow_204", "response_timeout",
    "slow_response_warning_threshold", "buffer_size", "buffer_size_exceed_action", "fail_action", "pool_group_ref",
    "cloud_ref", "tenant_ref", "default_port",
)  # fmt: skip
_UNITS = {"preview_size": "bytes", "buffer_size": "KB", "response_timeout": "ms",
          "slow_response_warning_threshold": "ms"}  # fmt: skip
_MEMBER = ("host", "port", "name")
_TLS = ("verify", "server_name")
_FILES = ("ca_file", "cert_file")
_SUPPRESSION = ("finding", "member", "reason", "owner", "until")


def pool_yaml(configuration: Facts) -> str:
    """A text that the pool reader takes, if the configuration is one that it gave; "" if there is none.

    TLS files stand in comments: they are not at hand where this is read.
    """
    members = configuration.get("members")
    if not isinstance(members, list | tuple) or not members:
        return ""
    lines = ["# The pool as it was in force, with all defaults. Files of TLS settings are not part of this."]
    lines += _scalars(configuration, ("pool",), "")
    profile = configuration.get("profile")
    if isinstance(profile, Mapping):
        lines += ["profile:", *_scalars(profile, _PROFILE, "  ")]
    samples = configuration.get("samples")
    if isinstance(samples, list | tuple):
        lines.append(f"samples: [{', '.join(_value(sample) for sample in samples if isinstance(sample, str))}]")
    lines += [*_scalars(configuration, ("compare",), ""), "members:"]
    lines += [line for member in members if isinstance(member, Mapping) for line in _member(member)]
    suppressions = configuration.get("suppressions")
    if isinstance(suppressions, list | tuple) and suppressions:
        lines.append("suppressions:")
        lines += [f"  - {_flow(each, _SUPPRESSION)}" for each in suppressions if isinstance(each, Mapping)]
    return "\n".join(lines) + "\n"


def _member(member: Facts) -> Iterator[str]:
    fields = _fields(member, _MEMBER)
    if member.get("enabled") is False:
        fields.append("enabled: false")
    tls = member.get("tls")
    if isinstance(tls, Mapping):
        fields.append(f"tls: {_flow(tls, _TLS)}")
        for name in _FILES:
            file = tls.get(name)
            if isinstance(file, str) and file:
                yield f"  # {name}: {visible(file)}"
    yield f"  - {{{', '.join(fields)}}}"


def _scalars(facts: Facts, names: tuple[str, ...], indent: str) -> list[str]:
    lines = []
    for field in _fields(facts, names):
        unit = _UNITS.get(field.partition(":")[0])
        lines.append(f"{indent}{field}{f'  # {unit}' if unit else ''}")
    return lines


def _flow(facts: Facts, names: tuple[str, ...]) -> str:
    return f"{{{', '.join(_fields(facts, names))}}}"


def _fields(facts: Facts, names: tuple[str, ...]) -> list[str]:
    """What is there, and not empty."""
    return [
        f"{name}: {_value(facts[name])}"
        for name in names
        if isinstance(facts.get(name), str | int | float) and facts[name] != ""
    ]


def _value(value: JSONValue) -> str:
    """A JSON string is a YAML string; bare, a name may be a number."""
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
        "Times are in ms since the probe began. Sizes are those of what passed, of which the beginning is shown.",
        "",
    ]
    return "\n".join([*head, *(line for entry in probe.transcript for line in _entry(entry))]) + "\n"


def _entry(entry: Facts) -> Iterator[str]:
    at = _number(entry.get("at_ms"))
    connection = entry.get("connection")
    line = f"connection {connection}" if connection and isinstance(connection, int) else ""
    text = entry.get("text")
    text = text if isinstance(text, str) else ""
    direction = entry.get("direction")
    if direction == "event":
        yield f"{at:>12}  {line:<14}  {visible(text, None)}"
        return
    yield f"{at:>12}  {line:<14}  {'sent' if direction == 'sent' else 'received'} {_sizes(entry)}"
    yield from hex_rows(text.encode("latin-1", "replace"))
    if isinstance(entry.get("body_size"), int):
        digest = entry.get("body_sha256")
        known = f", SHA-256 {visible(digest)}" if isinstance(digest, str) else ""
        yield f"{_INDENT}and {entry['body_size']} bytes of the body, in chunks{known}"


def _sizes(entry: Facts) -> str:
    size, pieces, until = entry.get("size"), entry.get("pieces"), _number(entry.get("until_ms"))
    parts = [f"{size} bytes"] if isinstance(size, int) else []
    if isinstance(pieces, int) and pieces > 1:
        parts.append(f"in {pieces} pieces, the last at {until}")
    return " ".join(parts)


def _number(value: JSONValue) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) and not isinstance(value, bool) else ""


def hex_rows(data: bytes) -> Iterator[str]:
    """As `hexdump -C` has it, indented."""
    for at in range(0, len(data), ROW):
        row = data[at : at + ROW]
        half = ROW // 2
        digits = f"{row[:half].hex(' ')}  {row[half:].hex(' ')}".strip()
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{_INDENT}{at:08x}  {digits:<48}  |{shown}|"
