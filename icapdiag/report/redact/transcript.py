"""What was sent and received, with pseudonyms: bytes of a server are text where they can be read as one, or go."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from icapdiag.icap.samples import EICAR_MARK
from icapdiag.report.untyped import Facts, JSONValue

_NUMBERS = ("connection", "at_ms", "until_ms", "size", "pieces", "body_size")
_DIRECTIONS = frozenset({"sent", "received", "event"})
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def redacted_transcript(
    transcript: Sequence[Facts], redacted: Callable[[str], str], own: Callable[[str], str]
) -> Iterator[Facts]:
    """``redacted`` is told each text of the wire, ``own`` those of events, which are ours.
    Whatever is none of a transcript's own fields is left out.

    Sizes stay those of the bytes that passed.
    """
    for entry in transcript:
        direction = entry.get("direction")
        if direction not in _DIRECTIONS:
            continue
        text = entry.get("text")
        sheet: dict[str, JSONValue] = {"direction": direction}
        sheet |= {name: entry[name] for name in _NUMBERS if _is_number(entry.get(name))}
        if isinstance(text, str):
            sheet["text"] = own(text) if direction == "event" else _wire(text, redacted)
        digest = entry.get("body_sha256")
        if direction == "sent" and isinstance(digest, str) and _SHA256.fullmatch(digest):
            sheet["body_sha256"] = digest  # of a body of ours
        yield sheet


def _is_number(value: JSONValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wire(text: str, redacted: Callable[[str], str]) -> str:
    """Bytes as ISO 8859-1 text, and the same of what stands for them."""
    parts = text.split(EICAR_MARK)
    return EICAR_MARK.join("".join(_runs(part, redacted)) for part in parts)


def _runs(text: str, redacted: Callable[[str], str]) -> Iterator[str]:
    """Lines that can be read are redacted together, as a name may be in one only with what stands before it."""
    readable: list[str] = []
    for line in re.split("(?<=\n)", text):
        found = _decoded(line)
        if found is not None:
            readable.append(found)
            continue
        if readable:
            yield _encoded(redacted("".join(readable)))
            readable = []
        ending = line[len(line.rstrip("\r\n")) :]
        yield f"[{len(line) - len(ending)} bytes that are no text]{ending}"
    if readable:
        yield _encoded(redacted("".join(readable)))


def _decoded(line: str) -> str | None:
    """As UTF-8; None for what is no text."""
    try:
        text = line if line.isascii() else line.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return None
    return None if _CONTROLS.search(text) else text


def _encoded(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("latin-1")
