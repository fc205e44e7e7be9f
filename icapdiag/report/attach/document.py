"""The file to attach: its bytes, read once, its name, and its copy in a folder."""

from __future__ import annotations

import hashlib
import mimetypes
import os
import re
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from icapdiag.bounded import read_file
from icapdiag.files import NEW
from icapdiag.files import folder as open_folder
from icapdiag.report.attach.target import AttachError

LARGEST = 100 << 20  # bytes of a file; Jira Cloud takes 1 GB at most, few let their users send as much
_NAME = 200  # bytes of its name
# It may be saved and typed anywhere: no option, no hidden file, no device of Windows, nothing that Windows can't store.
_DEVICE = r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|$)"
_VALID = re.compile(rf'(?![-. ]|.*[. ]$|{_DEVICE})[^"*/:<>?\\|]+', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Document:
    """``name``: of the attachment; a file name without a folder, quotes or control characters."""

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
        """The media type for its name."""
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"


def read_document(path: Path, name: str | None) -> Document:
    """The file, under another name if one is given. Raises `AttachError`."""
    chosen = path.name if name is None else name
    if not chosen.isprintable() or not _VALID.fullmatch(chosen) or len(chosen.encode()) > _NAME:
        raise AttachError(f"{chosen!r} is not a valid attachment name: pass a different one with --name")
    try:
        data = read_file(path, LARGEST)
    except OSError as error:
        raise AttachError(f"can't read {str(path)!r}: {error.strerror or error}") from None
    if len(data) > LARGEST:
        raise AttachError(f"{str(path)!r} is larger than {LARGEST >> 20} MiB: make it smaller")
    if not data:
        raise AttachError(f"{str(path)!r} is empty")
    return Document(chosen, data)


def copy(folder: Path, document: Document) -> Path:
    """Write it to a new file in a folder, and return its path. Raises `AttachError`; a partial file is removed."""
    path = folder / document.name
    try:
        with open_folder(folder) as here, ExitStack() as undo:
            descriptor = os.open(document.name, NEW, 0o666, dir_fd=here)
            undo.callback(os.unlink, document.name, dir_fd=here)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(document.data)
                stream.flush()
                os.fsync(descriptor)
            undo.pop_all()
    except FileExistsError:
        raise AttachError(
            f"{str(path)!r} already exists and will not be replaced: pass a different name with --name"
        ) from None
    except OSError as error:
        raise AttachError(f"can't write {str(path)!r}: {error.strerror or error}") from None
    return path
