"""Turns the user's arguments into files: paths, patterns that no shell expanded, ``-`` for standard input."""

from __future__ import annotations

import glob
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from icapdiag.logs.opening.compression import ZSTD_MAGIC, has_zstd

STDIN = "-"
NO_ZSTD = "is compressed with zstd, which needs the extra: pip install 'icapdiag[zstd]'"


class InputError(Exception):
    """Inputs that can't be opened; ``errors`` has one line for each."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(self.errors))


def expand_inputs(inputs: Iterable[str]) -> tuple[str, ...]:
    """Paths to read, in order, each file once; ``-`` stays as it is.

    Raises `InputError` with all problems: no such file, a directory, a pattern without
    a match, no permission, zstd without its library.
    """
    paths: dict[str, str] = {}  # by what they really are
    errors: list[str] = []
    for text in inputs:
        for path in _matches(text, errors):
            if error := _refusal(path):
                errors.append(error)
            else:
                paths.setdefault(path if path == STDIN else os.path.realpath(path), path)
    if errors:
        raise InputError(errors)
    return tuple(paths.values())


def _matches(text: str, errors: list[str]) -> list[str]:
    if text == STDIN or _exists(text) or not glob.has_magic(text):
        return [text]
    found = sorted(path for path in glob.glob(text, recursive=True) if not Path(path).is_dir())  # noqa: PTH207 - keeps the form the user typed
    if not found:
        errors.append(f"{text}: no file matches this pattern")
    return found


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # a name too long, or with a NUL
        return False


def _refusal(path: str) -> str:
    """Why the file can't be read, or "". A FIFO is not opened here, as that would consume its first bytes."""
    if path == STDIN:
        return "standard input is closed" if sys.stdin is None else ""
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode):
            return f"{path}: is a directory; name the files in it, e.g. '{path.rstrip('/')}/*.json'"
        if not stat.S_ISREG(mode):
            return ""
        with Path(path).open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        return f"{path}: {os.strerror(error.errno) if error.errno else error}"
    except ValueError as error:
        return f"{path!r}: {error}"
    return f"{path}: {NO_ZSTD}" if magic == ZSTD_MAGIC and not has_zstd() else ""
