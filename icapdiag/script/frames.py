"""The output of a script, put together again from whatever a terminal, an editor or a ticket made of it.

Each line of a frame is ``~RUN.FRAME.LINE:TEXT~``: wrapped, indented, with prompts between and escape sequences around,
it can still be distinguished from anything else. Line 0 says how long the frame's data is and has its checksum.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct, field

MARK = re.compile(rb"~\s*[0-9a-f]{6}\s*\.\s*\d{1,6}\s*\.\s*\d{1,5}\s*:")
LARGEST = 64 * 1024 * 1024  # bytes of a file
_FRAMES = 20_000  # of all runs
_LINES = 4096  # of a frame
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)|[@-Z\\-_])")
_BLANKS = re.compile(rb"\s+")
# A line may be wrapped anywhere, and the wrapped part be indented; only its own alphabet and white space are in it.
_LINE = re.compile(rb"~([0-9a-f\s]{6,20})\.([0-9\s]{1,14})\.([0-9\s]{1,12}):([A-Za-z0-9+/=;._,%:\s-]{0,4000}?)~")
_VALUE = 400  # characters of a value of a head


class Frame(Struct, frozen=True):
    """``values`` are those of its head; ``data`` is what it holds, ``cut`` why not all of it, if so."""

    number: int
    values: Mapping[str, str]
    data: bytes
    cut: str = ""

    @property
    def kind(self) -> str:
        return self.values.get("f", "")

    def number_of(self, name: str) -> int | None:
        """A value that is a number, of at most 15 digits; None for any other."""
        text = self.values.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


class Run(Struct):
    """The frames of one run of a script, in order. ``strays``: lines of frames whose head is missing."""

    name: str
    frames: list[Frame] = field(default_factory=list)
    strays: int = 0

    @property
    def ended(self) -> bool:
        return any(frame.kind == "end" for frame in self.frames)

    def of(self, kind: str) -> Iterator[Frame]:
        """The frames of this kind."""
        return (frame for frame in self.frames if frame.kind == kind)


def is_output(head: bytes) -> bool:
    """Whether a file that begins with these bytes is what a script printed."""
    return MARK.search(_ESCAPES.sub(b"", head)) is not None


def read_runs(texts: Iterable[bytes]) -> list[Run]:
    """The runs in these files, each once however often it was pasted. Raises nothing."""
    lines: dict[str, dict[int, dict[int, bytes]]] = {}
    count = 0
    for text in texts:
        for found in _LINE.finditer(_ESCAPES.sub(b"", text[:LARGEST])):
            run, frame, line, words = (_BLANKS.sub(b"", part) for part in found.groups())
            if len(run) != 6 or not frame or not line or int(line) > _LINES:
                continue
            frames = lines.setdefault(run.decode("ascii"), {})
            number = int(frame)
            if number not in frames:
                if count >= _FRAMES:
                    continue
                count += 1
            own = frames.setdefault(number, {})
            if len(words) > len(own.get(int(line), b"")):  # the longer of two copies: the other one was cut
                own[int(line)] = words
    return [_run(name, frames) for name, frames in lines.items()]


def _run(name: str, frames: Mapping[int, Mapping[int, bytes]]) -> Run:
    run = Run(name)
    for number in sorted(frames):
        own = frames[number]
        if 0 in own:
            run.frames.append(_frame(number, own))
        else:
            run.strays += len(own)
    return run


def _frame(number: int, lines: Mapping[int, bytes]) -> Frame:
    head = lines[0].decode("latin-1")
    pairs = (part.partition("=") for part in head.split(";"))
    values = {name: value[:_VALUE] for name, _, value in pairs if name}
    wanted = int(values["len"]) if re.fullmatch(r"\d{1,8}", values.get("len", "")) else None
    whole, line = b"", 1
    while line in lines:
        whole += lines[line]
        line += 1
    lost = max(lines) >= line
    if wanted is None:
        cut = "its head is damaged"
    elif lost or len(whole) != wanted:
        cut = f"{len(whole):,} of {wanted:,} characters are there"
    elif "sum" in values and values["sum"] != str(cksum(head.rpartition(";sum=")[0].encode("latin-1") + whole)):
        cut = "its checksum is wrong"
    else:
        cut = ""
    return Frame(number, values, _decoded(values.get("code", ""), whole), cut)


def _decoded(code: str, text: bytes) -> bytes:
    """As far as it can be decoded."""
    try:
        if code == "b":
            return base64.b64decode(text[: len(text) // 4 * 4], validate=True)
        return bytes.fromhex(text[: len(text) // 2 * 2].decode("ascii"))
    except (binascii.Error, ValueError):
        return b""


def _table() -> list[int]:
    found = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ 0x04C11DB7 if value & 0x80000000 else value << 1
        found.append(value & 0xFFFFFFFF)
    return found


_CRC = _table()


def cksum(data: bytes) -> int:
    """What ``cksum`` prints for these bytes (POSIX, cksum)."""
    value = 0
    length = len(data)
    tail = length.to_bytes((length.bit_length() + 7) // 8, "little")
    for byte in data + tail:
        value = (value << 8 & 0xFFFFFFFF) ^ _CRC[value >> 24 ^ byte]
    return value ^ 0xFFFFFFFF
