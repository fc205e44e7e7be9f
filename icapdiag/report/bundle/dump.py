"""A probe's transcript for people: hex and text side by side."""

from __future__ import annotations

from collections.abc import Iterator

from icapdiag.model import Facts, JSONValue, MemberReport, Observation
from icapdiag.report.text.words import endpoint
from icapdiag.text import visible

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
