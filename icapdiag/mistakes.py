"""Mistakes in files that people write: where each stands, what was written there, and all of them at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Protocol

from msgspec import Struct

Path = tuple[str | int, ...]

SHOWN = 60  # characters of the user's text that a message repeats
MOST_ERRORS = 1000
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_|-]{1,64}")
_USER_INFO = re.compile(r"^[^/]*@")


class Place(Protocol):
    """Where something stands: line and column, 1-based."""

    line: int
    column: int


class Located(Struct, frozen=True, kw_only=True):
    """One mistake, and where it stands. ``line`` and ``column`` are 1-based, None where the place is not known."""

    file: str
    line: int | None = None
    column: int | None = None
    path: str = ""  # "members[2].port", a heading, an option; "" for the whole file
    message: str

    def __str__(self) -> str:
        """``pool.yaml:7:5: members[2].port: what is wrong and what to do``, on one line whatever was written there."""
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part not in ("", None))
        return visible(": ".join(part for part in (place, self.path, self.message) if part))


class FileError(Exception):
    """Files that can't be used: ``errors`` holds every mistake found, not only the first."""

    def __init__(self, errors: Iterable[Located]) -> None:
        self.errors: tuple[Located, ...] = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))


def in_file_order(errors: Iterable[Located]) -> tuple[Located, ...]:
    """Each mistake once, sorted as a reader goes through the files."""
    return tuple(sorted(set(errors), key=lambda one: (one.file, one.line or 0, one.column or 0, one.path, one.message)))


def suggestion(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` when one of ``known`` looks like ``word``, whatever its letter case, else nothing."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word[:256].lower(), by_lower, n=1)
    return f"; did you mean '{by_lower[near[0]]}'?" if near else ""


def shown(text: str) -> str:
    """Quote hostile text for a message: escaped, at most 60 characters, without user-info of a URL (a secret)."""
    behind = text.rfind("@") + 1
    start = text.find("//", 0, behind)
    text = _USER_INFO.sub("***@", text if start < 0 else f"{text[:start]}//***@{text[behind:]}")
    return repr(text) if len(text) <= SHOWN else f"{text[:SHOWN]!r}…"


def bare(text: str) -> str:
    """Like `shown` without the quotation marks where nothing needs them: for numbers and plain words."""
    return text if _PLAIN_KEY.fullmatch(text) else shown(text)


def path_text(path: Path) -> str:
    """``("members", 2, "port")`` as ``members[2].port``; odd keys are quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{shown(part)}]"
    return text


class Problems:
    """The mistakes of one source. At most 1000 are kept; the rest are counted."""

    def __init__(self, file: str = "", raises: type[FileError] = FileError) -> None:
        self.file = visible(file)
        self._raises = raises
        self._errors: list[Located] = []
        self._more = 0

    def __bool__(self) -> bool:
        return bool(self._errors)

    @property
    def count(self) -> int:
        """How many were noted."""
        return len(self._errors) + self._more

    @property
    def full(self) -> bool:
        """Whether further mistakes are only counted, so that no work need go into their words."""
        return len(self._errors) >= MOST_ERRORS

    def add(self, place: Place | None, path: Path, message: str) -> None:
        """Note a mistake at ``place`` (None: nowhere in particular)."""
        line, column = (None, None) if place is None else (place.line, place.column)
        self._add(Located(file=self.file, line=line, column=column, path=path_text(path), message=message))

    def add_option(self, option: str, message: str) -> None:
        """Note a mistake of the command line: an option's name or a quoted argument, no file."""
        self._add(Located(file="", path=option, message=message))

    def _add(self, error: Located) -> None:
        if len(self._errors) < MOST_ERRORS:
            self._errors.append(error)
        else:
            self._more += 1

    def error(self) -> FileError:
        """All of them, sorted by position; those without a place come last."""
        ordered = sorted(self._errors, key=lambda error: (error.line is None, error.line or 0, error.column or 0))
        if self._more:
            rest = f"and {self._more} more mistakes: correct these first"
            ordered.append(Located(file=self.file, message=rest))
        return self._raises(ordered)

    def check(self) -> None:
        """Raise the error if anything was noted."""
        if self:
            raise self.error()


def visible(text: str) -> str:
    """The text with its unprintable characters escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
