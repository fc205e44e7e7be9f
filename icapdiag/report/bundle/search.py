"""Searches a finished archive for what must not be in it, in any encoding."""

from __future__ import annotations

import base64
import binascii
import html
import re
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from urllib.parse import unquote_plus

from icapdiag.icap.samples import eicar
from icapdiag.report.build import empty_report
from icapdiag.report.bundle.texts import readme
from icapdiag.report.formats import render
from icapdiag.report.machine.schema import schema_text
from icapdiag.report.redact.known import WORD, vocabulary
from icapdiag.report.redact.texts import says_nothing

_LEAST = 4  # characters of a name that is looked for
_CODED = 6  # and of one that is looked for in what looks like base64 or hex
_WHOLE = 8  # characters of a name that may be a part of another word
_HEX = re.compile(rb"(?:[0-9a-f]{2}){6,}", re.IGNORECASE)
_ROW = re.compile(rb"^ +([0-9a-f]{8})  ((?:[0-9a-f]{2} {1,2}){1,16}) *\|.*\n", re.MULTILINE)
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{8,}")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})")
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")
_READ = frozenset({"", "dump"})  # forms that people read as words
_WEB_SAFE = bytes.maketrans(b"-_", b"+/")


@dataclass(frozen=True, slots=True)
class Hit:
    """What was found, without the value itself, as others may see the message."""

    file: str
    kind: str
    form: str  # "" as it is


def search(archive: Path, secrets: Mapping[str, str], words: Collection[str] = ()) -> tuple[Hit, ...]:
    """Where one of the ``secrets`` (values and their kinds) occurs in a file of the archive, or in a file's name.

    ``words``: single words that were replaced; searched as whole words, and not in report.html, whose markup
    contains ordinary words. Raises OSError and zipfile.BadZipFile.
    """
    looked_for = _LookedFor(secrets, words)
    forms: dict[tuple[str, str], str] = {}  # the first one, by file and kind
    with zipfile.ZipFile(archive) as opened:
        if opened.comment:
            forms["", "comment"] = ""
        for info in opened.infolist():
            for part in (info.filename.encode(), opened.read(info)):
                for kind, form in looked_for.found(info.filename, part):
                    forms.setdefault((info.filename, kind), form)
    return tuple(Hit(file, kind, form) for (file, kind), form in forms.items())


def holding(secrets: Mapping[str, str], words: Collection[str] = ()) -> Callable[[str], bool]:
    """Whether one of these occurs in a text of a report, in any encoding."""
    looked_for = _LookedFor(secrets, words)

    def is_in(text: str) -> bool:
        sides = {text.encode("utf-8", "backslashreplace"), text.encode("latin-1", "replace")}
        return any(True for side in sides for _ in looked_for.found(".md", side))

    return is_in


class _LookedFor:
    def __init__(self, secrets: Mapping[str, str], words: Collection[str]) -> None:
        wanted = {value.lower(): kind for value, kind in secrets.items() if len(value) >= _LEAST}
        wanted[eicar().decode().lower()] = "EICAR test file"
        self._finder = _Finder(wanted)
        self._words = {word.lower() for word in words} - vocabulary() - own_words()

    def found(self, file: str, data: bytes) -> Iterator[tuple[str, str]]:
        """Kind and form of each."""
        for form, text in _forms(file, data):
            for kind in self._finder.kinds(text, _CODED if form in {"hex", "base64"} else _LEAST):
                yield kind, form
            if form in _READ and file != "report.html" and self._words & set(WORD.findall(text)):
                yield "word", form


class _Finder:
    """Finds any of thousands of values in a text, in a time nearly independent of their number."""

    def __init__(self, wanted: Mapping[str, str]) -> None:
        """Each value has at least `_LEAST` characters."""
        self._wanted = wanted
        lengths: dict[str, set[int]] = {}
        for value in wanted:
            lengths.setdefault(value[:_LEAST], set()).add(len(value))
        self._lengths = {prefix: tuple(sorted(found)) for prefix, found in lengths.items()}
        self._prefix = re.compile(f"(?={_one_of(sorted(lengths))})" if lengths else "(?!)")

    def kinds(self, text: str, least: int) -> set[str]:
        """The kinds of the values of at least ``least`` characters that occur in it."""
        found: set[str] = set()
        for place in self._prefix.finditer(text):
            start = place.start()
            for length in self._lengths[text[start : start + _LEAST]]:
                value = text[start : start + length]
                if (
                    length >= least
                    and value in self._wanted
                    and (_is_part_enough(value) or _stands_alone(text, start, start + length))
                ):
                    found.add(self._wanted[value])
        return found


def _one_of(prefixes: Sequence[str]) -> str:
    """A pattern for any of these texts of one length, which branches character by character."""
    if not prefixes or not prefixes[0]:
        return ""
    branches = (
        f"{re.escape(first)}{_one_of([prefix[1:] for prefix in group])}"
        for first, group in groupby(prefixes, key=lambda prefix: prefix[0])
    )
    return f"(?:{'|'.join(branches)})"


def _is_part_enough(value: str) -> bool:
    """Whether it also counts inside longer words. 10.0.0.1 is not found in 110.0.0.12."""
    return len(value) >= _WHOLE and any(map(str.isalpha, value))


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether no letter or digit is before or after it."""
    return not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum())


def _forms(name: str, data: bytes) -> Iterator[tuple[str, str]]:
    """The text in lower case, and its decoded forms."""
    rows = b"".join(_row(found) for found in _ROW.finditer(data))
    if rows:
        yield "dump", rows.decode("utf-8", "replace").lower()
    data = _ROW.sub(b"", data)
    text = data.decode("utf-8", "replace").lower()
    yield "", text
    if name.endswith((".html", ".md")) and "&" in text:
        yield "HTML", html.unescape(text).lower()
    if "\\" in text:
        yield (
            "JSON",
            _ESCAPED.sub(_character, text).replace("\\\\", "\\").replace('\\"', '"').replace("\\/", "/").lower(),
        )
    if _PERCENT.search(text):
        yield "URL", unquote_plus(text, errors="replace").lower()
    runs = b"\n".join(binascii.unhexlify(found[0][: len(found[0]) // 2 * 2]) for found in _HEX.finditer(data))
    if runs:
        yield "hex", runs.decode("utf-8", "replace").lower()
    decoded = b"\n".join(_unbased(_BASE64.findall(data)))
    if decoded:
        yield "base64", decoded.decode("latin-1").lower()


def _row(found: re.Match[bytes]) -> bytes:
    """The text in a row of a dump; the first row starts a new one."""
    return (b"" if int(found[1], 16) else b"\n") + bytes.fromhex(found[2].decode())


def _character(found: re.Match[str]) -> str:
    return chr(int(found[1] or found[2], 16))


def _unbased(runs: Iterable[bytes]) -> Iterator[bytes]:
    """Base64 decoded at each of the four possible alignments."""
    for run in runs:
        plain = run.translate(_WEB_SAFE)
        for start in range(4):
            whole = plain[start : start + (len(plain) - start) // 4 * 4]
            rest = plain[start + len(whole) :]
            if len(rest) > 1:
                whole += rest + b"=" * (4 - len(rest))
            yield base64.b64decode(whole)


@cache
def own_words() -> frozenset[str]:
    """A report's own words: names of fields and formats."""
    return frozenset(WORD.findall(_own_text()))


@cache
def _own_text() -> str:
    empty = empty_report()
    files = ("report", "pool.yaml", "versions", "vantage", "transcripts/")
    texts = (
        schema_text(),  # names of fields
        *(render(empty, name) for name in ("json", "markdown")),
        *(readme(empty, files, redacted=redacted) for redacted in (True, False)),
        "manifest sha256 dropped connection pieces",
    )
    return "\n".join(texts).lower()


def worth_looking_for(values: Iterable[tuple[str, str]], allowed: Collection[str]) -> dict[str, str]:
    """Kinds by value, without what redaction keeps, the report's own words and what is ``allowed``."""
    lowered = {text.lower() for text in allowed}
    return {
        value: kind
        for value, kind in values
        if (kind == "address" or not says_nothing(value))
        and value.lower() not in lowered
        and value.lower() not in _own_text()
    }
