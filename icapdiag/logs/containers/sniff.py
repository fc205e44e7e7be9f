"""What a file is, by its content and never by its name."""

# ruff: noqa: PLC0415 - what reads damaged records is imported where some line is no record: a large log needs none of it

from __future__ import annotations

import re
from enum import Enum, StrEnum, auto
from typing import Self

import msgspec


class Container(StrEnum):
    """In what a log can come: the value stands in reports, and ``label`` are the words for it."""

    label: str

    def __new__(cls, value: str, label: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member

    ENTRY = "entry", "one log entry"
    ARRAY = "array", "JSON array"
    LINES = "lines", "JSON Lines"
    ENVELOPE = "envelope", "API response {count, results}"
    ENVELOPES = "envelopes", "consecutive API responses"
    ICAP_LOG = "icap-log", "icap_log object"
    FRAGMENT = "fragment", "fragment of a log entry"
    CSV = "csv", "CSV export"
    SYSLOG = "syslog", "syslog"
    TEXT = "text", "text containing log entries"
    ANSWER = "answer", "raw ICAP response"
    CLIENT = "c-icap-client", "output of c-icap-client"
    HEADERS = "headers", "ICAP header block"
    C_ICAP_SERVER = "c-icap-server-log", "server log of c-icap"
    C_ICAP_ACCESS = "c-icap-access-log", "access log of c-icap"
    SQUID_CACHE = "squid-cache-log", "cache log of Squid"
    SQUID_ICAP = "squid-icap-log", "ICAP log of Squid"
    EMPTY = "empty", "empty"
    UNKNOWN = "unknown", "unknown"


class Kind(Enum):
    """By which reader an input is read."""

    EMPTY = auto()
    LINES = auto()  # one JSON object a line
    VALUES = auto()  # any other JSON
    CSV = auto()
    SYSLOG = auto()
    ANSWER = auto()  # begins with an ICAP status line
    TEXT = auto()
    FOREIGN = auto()  # another kind of file, see `foreign_kind`


_LINES_LOOKED_AT = 20
_FOREIGN = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ\x00", "compressed with xz"),
    (b"\x04\x22\x4d\x18", "compressed with lz4"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"%PDF-", "a PDF document"),
    ((b"\x89PNG", b"\xff\xd8\xff", b"GIF8"), "an image"),
    ((b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x0a\x0d\x0d\x0a"), "a packet capture"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\x00", "a database"),
    (b"PAR1", "a Parquet file"),
)
_DELIMITERS = ",;\t|"
_HEADER_NAMES = frozenset({"report_timestamp", "virtualservice", "icap_log", "significant_log", "client_ip", "log_id"})
_LIST = re.compile(rb'\[\s*(?:[\[\]{"]|-?\d[\d.eE+-]*\s*[,\]]|(?:true|false|null)\b|$)')
_BEGINS = re.compile(rb"[ \t,]*\{[ \t]*[\"'}]")
_REPLY = re.compile(rb'\{\s*"(?:count|results|next|previous|percent_remaining)"\s*:[^\n]*?(?:"results"|\n)')
_PLACE = re.compile(r"\(byte (\d+)\)")
_any = msgspec.json.Decoder(msgspec.Raw)
_ANSWER = re.compile(rb"\s*ICAP/\d", re.IGNORECASE)


def container_of_object(value: dict[str, object] | None) -> Container:
    """The container of a single object."""
    keys = set(value or ())
    if keys == {"icap_log"}:
        return Container.FRAGMENT
    if keys & {"request_logs", "action"} and "report_timestamp" not in keys:
        return Container.ICAP_LOG
    return Container.ANSWER if "protocol" in keys else Container.ENTRY


def foreign_kind(head: bytes) -> str:
    """What else the file is, in words; nothing if it can be a log."""
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            return name
    return "a tar archive" if head[257:262] == b"ustar" else ""


def kind_of(head: bytes) -> Kind:
    """The reader for an input that begins with ``head`` (UTF-8, without a byte order mark)."""
    stripped = head.lstrip(b" \t\r\n\f\v\x00,")
    if not stripped:
        return Kind.EMPTY
    if foreign_kind(head):
        return Kind.FOREIGN
    if _ANSWER.match(head):
        return Kind.ANSWER
    if not stripped.startswith((b"{", b"[")) and header_row(head):
        return Kind.CSV
    if stripped.startswith(b"["):
        return Kind.VALUES if _LIST.match(stripped) else Kind.TEXT
    return _kind_of_lines(stripped)


def _kind_of_lines(text: bytes) -> Kind:
    """The reader for a text that is not a list, by its first lines."""
    lines = [line for line in text[: 1 << 18].split(b"\n", _LINES_LOOKED_AT)[:_LINES_LOOKED_AT] if line.strip()]
    if len(lines) > 1 and all(map(_is_record, lines)):
        return Kind.LINES
    from icapdiag.logs.containers.classify import is_syslog
    from icapdiag.logs.damage.records import read_line

    braced = text.startswith(b"{")
    if not braced and any(is_syslog(line.strip()) for line in lines):
        return Kind.SYSLOG
    braces = [line for each in lines if (line := each.strip().rstrip(b",")).startswith(b"{")]
    if braced and len(lines) > 1 and (kind := _kind_by_first_value(text, lines)) is not None:
        return kind
    objects = [value for line in braces if (value := read_line(line.decode("utf-8", "replace"))) is not None]
    whole = sum(line.endswith(b"}") and len(line) > 2 for line in braces)  # be they damaged in between
    if any("results" in value for value in objects):
        return Kind.VALUES if braced else Kind.TEXT
    if objects and whole * 2 >= len(lines) > 1:
        return Kind.LINES
    return Kind.VALUES if braced else Kind.TEXT


def _kind_by_first_value(text: bytes, lines: list[bytes]) -> Kind | None:
    """Values if the first is sound and goes over several lines; lines if it is not, and most lines begin a record."""
    said = ""
    try:
        _any.decode(text)
    except (ValueError, RecursionError) as error:
        said = str(error)
    place = _PLACE.search(said)
    if place is None and said:  # it ends inside of its first value
        return None
    if not said or "trailing characters" in said:
        return Kind.VALUES if b"\n" in text[: int(place[1]) - 1 if place else None].rstrip() else None
    begin = sum(_BEGINS.match(line) is not None for line in lines)
    return Kind.LINES if 2 * begin >= len(lines) and not _REPLY.match(text) else None


def _is_record(line: bytes) -> bool:
    """Whether the line is an object, and no API response."""
    try:
        return "results" not in msgspec.json.decode(line, type=dict)
    except (ValueError, RecursionError):  # of msgspec and of bytes that are no UTF-8
        return False


def header_row(head: bytes) -> str:
    """The delimiter of the CSV header row that the input begins with, or nothing."""
    line = head.lstrip(b"\r\n ").split(b"\n", 1)[0][:65536].decode("utf-8", "replace").rstrip("\r")
    for delimiter in _DELIMITERS:
        names = {name.strip().strip('"').lstrip("\ufeff") for name in line.split(delimiter)}
        if len(names & _HEADER_NAMES) >= 2:
            return delimiter
    return ""
