"""The file to attach: its bytes, read once, whether it is known to be redacted, and its copy in a folder."""

from __future__ import annotations

import hashlib
import io
import mimetypes
import os
import zipfile
import zlib
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from msgspec.structs import replace

from icapdiag.report.attach.target import AttachError
from icapdiag.report.build import empty_report
from icapdiag.report.formats import render
from icapdiag.report.machine.from_json import NotAReport, read_report
from icapdiag.report.redact import REDACTED_NOTE

LARGEST = 100 << 20  # bytes of a file; Jira Cloud takes 1 GB at most, few let their users send as much
_NAME = 200  # bytes of its name
_ENTRIES = 2000  # of an archive
_INFLATED = 256 << 20  # bytes of the reports in an archive
_MARKED = ("markdown", "html", "github", "jira", "servicenow")  # formats that say so in one line


@dataclass(frozen=True, slots=True)
class Document:
    """``name`` is that of the attachment: a file name without a folder, quotes and controls."""

    name: str
    data: bytes = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def type(self) -> str:
        """The media type that its name stands for."""
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"


def read_document(path: Path, name: str | None) -> Document:
    """The file, under another name if one is given. Raises `AttachError`."""
    chosen = name or path.name
    odd = not chosen.isprintable() or not {'"', "/", "\\"}.isdisjoint(chosen) or chosen in {"", ".", ".."}
    if odd or len(chosen.encode()) > _NAME:
        raise AttachError(f"{chosen!r} is not a valid attachment name: pass another with --name")
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as error:
        raise AttachError(f"can't read {str(path)!r}: {error.strerror or error}") from None
    if len(data) > LARGEST:
        raise AttachError(f"{str(path)!r} has more than {LARGEST >> 20} MiB: make a smaller one")
    if not data:
        raise AttachError(f"{str(path)!r} is empty")
    return Document(chosen, data)


def copy(folder: Path, document: Document) -> Path:
    """Write it to a new file in a folder; its path. Raises `AttachError`, and leaves no part of a file."""
    path = folder / document.name
    try:
        with ExitStack() as undo:
            with path.open("xb") as stream:
                undo.callback(path.unlink, missing_ok=True)
                stream.write(document.data)
                stream.flush()
                os.fsync(stream.fileno())
            undo.pop_all()
    except FileExistsError:
        raise AttachError(f"{str(path)!r} already exists, and is not replaced: pass another name with --name") from None
    except OSError as error:
        raise AttachError(f"can't write {str(path)!r}: {error.strerror or error}") from None
    return path


def unredacted(document: Document) -> str:
    """Why the file must be taken for one that is not redacted; "" if it is marked as redacted.

    A report in JSON says so itself, an archive in each report that it holds, other formats in a line that
    no server can have written there. Whatever else it is: nobody knows what is in it.
    """
    if document.data.startswith(b"PK"):
        return _archive(document.data)
    said = _json(document.data)
    if said is not None:
        return said
    lines = {line.strip() for line in document.data.decode("utf-8", "replace").splitlines()}
    return "" if lines & _marks() else "it is not marked as redacted"


def _json(data: bytes) -> str | None:
    """The same of a report in JSON; None if it is none."""
    try:
        report = read_report(data)
    except NotAReport:
        return None
    return "" if report.redacted == REDACTED_NOTE else "it is a report that is not redacted"


def _archive(data: bytes) -> str:
    reports, room = 0, _INFLATED
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if len(archive.infolist()) > _ENTRIES:
                return f"it has more than {_ENTRIES} files in it"
            for info in (info for info in archive.infolist() if info.filename.lower().endswith(".json")):
                with archive.open(info) as stream:
                    entry = stream.read(room + 1)
                room -= len(entry)
                if room < 0:
                    return f"its reports have more than {_INFLATED >> 20} MiB"
                said = _json(entry)
                if said:
                    return f"{info.filename!r} in it: {said}"
                reports += said is not None
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        return "it is an archive that can't be read"
    return "" if reports else "it holds no report that says whether it is redacted"


@cache
def _marks() -> frozenset[str]:
    """The line of each format with which a redacted report, and no other, says that it is one."""
    marked = replace(empty_report(), redacted=REDACTED_NOTE)
    sentence = REDACTED_NOTE.partition(": ")[2].partition(".")[0]
    lines = (line.strip() for name in _MARKED for line in render(marked, name).splitlines())
    return frozenset(line for line in lines if sentence in line)
