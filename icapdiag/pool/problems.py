"""Collecting mistakes: paths, safe quotation of what was written, order and bounds."""

from __future__ import annotations

import re
from typing import Protocol

from icapdiag.pool.model import Located, PoolError

Path = tuple[str | int, ...]

SHOWN = 60  # characters of the user's text that a message repeats
MOST_ERRORS = 1000
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_USER_INFO = re.compile(r"//.*@|^[^/]*@", re.DOTALL)


class Place(Protocol):
    """Where something stands: line and column, 1-based."""

    line: int
    column: int


def shown(text: str) -> str:
    """Quote hostile text for a message: escaped, at most 60 characters, without user-info of a URL (a secret)."""
    text = _USER_INFO.sub(lambda found: "//***@" if found[0].startswith("//") else "***@", text)
    return repr(text) if len(text) <= SHOWN else f"{text[:SHOWN]!r}…"


def bare(text: str) -> str:
    """Like `shown` without the quotation marks where nothing needs them: for numbers and plain words."""
    return text if _PLAIN_KEY.fullmatch(text) else shown(text)


def visible(text: str) -> str:
    """A file name with its unprintable characters escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


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

    def __init__(self, file: str = "") -> None:
        self.file = visible(file)
        self._errors: list[Located] = []
        self._more = 0

    def __bool__(self) -> bool:
        return bool(self._errors)

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
        self._add(Located(file="", line=None, column=None, path=option, message=message))

    def _add(self, error: Located) -> None:
        if len(self._errors) < MOST_ERRORS:
            self._errors.append(error)
        else:
            self._more += 1

    def error(self) -> PoolError:
        """All of them, sorted by position; those without a place come last."""
        ordered = sorted(self._errors, key=lambda error: (error.line is None, error.line or 0, error.column or 0))
        if self._more:
            rest = f"and {self._more} more mistakes: correct these first"
            ordered.append(Located(file=self.file, line=None, column=None, path="", message=rest))
        return PoolError(ordered)

    def check(self) -> None:
        """Raise `PoolError` if anything was noted."""
        if self:
            raise self.error()


def fatal(file: str, message: str, line: int | None = None, column: int | None = None) -> PoolError:
    """The error for a file that can't be read any further."""
    return PoolError([Located(file=visible(file), line=line, column=column, path="", message=message)])
