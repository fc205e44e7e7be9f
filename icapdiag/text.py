"""Text that others wrote, made safe for the place where it is shown.

Servers, logs and files speak to a terminal through us. Nothing is stripped: what could
drive the terminal, hide or reorder text is shown as an escape (``\\x1b``, ``\\u202e``).
"""

from __future__ import annotations

import re

SHOWN_LENGTH = 200  # characters of one value that a reader gets to see

# C0, DEL, C1, soft hyphen; Arabic letter mark; zero-width and directional marks; line and paragraph
# separators; bidi embeddings, overrides and isolates; invisible operators; BOM; annotation marks;
# lone surrogates; tags (invisible ASCII look-alikes).
UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def _escape(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def visible(text: str, limit: int | None = SHOWN_LENGTH) -> str:
    """``text`` on one line, without anything a terminal would act on, at most ``limit`` characters.

    Longer text ends in ``…``. ``limit`` counts what is shown, escapes included; None: unlimited.
    """
    if limit is not None and len(text) > limit:
        text = text[: limit + 1]  # bounds the work; one more, so that the cut below is seen
    shown = UNSAFE.sub(_escape, text)
    if limit is not None and len(shown) > limit:
        return shown[: limit - 1] + "…"
    return shown


def visible_lines(text: str) -> str:
    """``text`` of any length with its line ends kept and everything else as `visible` has it."""
    return "\n".join(visible(line, None) for line in text.split("\n"))


def from_wire(text: str) -> str:
    """Header text for a reader: UTF-8 that was decoded as ISO 8859-1 is read as UTF-8 again.

    ICAP gives header text no encoding; the reader of messages takes ISO 8859-1, so that no byte
    is lost, and servers write UTF-8. Text that is not valid UTF-8 stays as it is.
    """
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text
