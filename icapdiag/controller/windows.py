"""The spans of time in which a log has been fetched, each a file that is written whole and then named.

A pull that was killed goes on after the last of them. Names say from when to when (µs since 1970) and how many entries.
"""

from __future__ import annotations

import re
import shutil
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from icapdiag.files import PRIVATE, write_data

_NAME = re.compile(r"([0-9]{16,17})-([0-9]{16,17})-([0-9]{1,9})\.jsonl\.gz")
_PIECE = 1 << 20
_LEVEL = 3  # of zlib: three times as fast as 6, for a tenth more
_GZIP = 31  # zlib's number for gzip's own head and tail, which then has no time


class Window(Struct, frozen=True):
    """``start`` ≤ time < ``end``, in µs since 1970, and the number of entries. ``partial``: some are missing."""

    start: int
    end: int
    entries: int
    partial: bool = False

    @property
    def name(self) -> str:
        """Of its file. A partial one has a name that `Windows.done` does not take, so it is fetched again."""
        return f"{self.start:016}-{self.end:016}-{self.entries}{'-partial' * self.partial}.jsonl.gz"


class Windows:
    """The files of one virtual service, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def done(self, start: int) -> list[Window]:
        """Those that follow each other from ``start`` on. Raises OSError."""
        found: dict[int, Window] = {}
        with suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                if named := _NAME.fullmatch(path.name):
                    window = Window(int(named[1]), int(named[2]), int(named[3]))
                    found[window.start] = window
        row: list[Window] = []
        at = start
        while at in found and found[at].end > at:
            row.append(found[at])
            at = row[-1].end
        return row

    def add(self, window: Window, lines: Sequence[bytes]) -> None:
        """Keep the entries of a span, one a line. Raises OSError."""
        self._folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
        text = b"".join([line + b"\n" for line in lines])
        write_data(self._folder / window.name, packer.compress(text) + packer.flush(), mode=PRIVATE)

    def join(self, row: Sequence[Window], path: Path) -> int:
        """One file of them all, as gzip allows, and how many entries it has. Raises OSError."""
        path.parent.mkdir(mode=0o700, exist_ok=True)
        full = [window for window in row if window.entries]
        write_data(path, self._pieces(full), mode=PRIVATE)
        return sum(window.entries for window in full)

    def _pieces(self, row: Sequence[Window]) -> Iterator[bytes]:
        if not row:
            packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
            yield packer.flush()
        for window in row:
            with (self._folder / window.name).open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece

    def remove(self) -> None:
        """Delete them."""
        shutil.rmtree(self._folder, ignore_errors=True)
