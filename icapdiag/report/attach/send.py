"""Put a file where it belongs, once: never over another, and never twice because an answer was lost."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from icapdiag.report.attach.document import Document
from icapdiag.report.attach.errors import AnswerLostError, AttachError, UnreadableError
from icapdiag.report.attach.systems import System

_SETTLING = 2.0  # seconds that a server gets to finish what it did not answer
_ATTEMPTS = 2


def send(system: System, document: Document) -> str:
    """Attach it; in which words to say where it is now. Raises `AttachError`."""
    system.check(document)
    if system.there(document) is not None:
        raise AttachError(
            f"{system.name} has {document.name} already, and nothing is replaced: give another name with --name"
        )
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return system.put(document)
        except AnswerLostError as error:
            if _arrived(system, document, error):
                return f"{system.name} (it is there, although its answer was lost)"
            if attempt == _ATTEMPTS or isinstance(error, UnreadableError):
                raise AttachError(f"{error}; {document.name} is not at {system.name}: look at it") from None
    raise AssertionError("the last attempt returns or raises")


def _arrived(system: System, document: Document, error: AnswerLostError) -> bool:
    """Whether the file is there after all, by name and size. Raises `AttachError` if that can't be found out."""
    unknown = f"{error}; whether {document.name} arrived is not known: look at {system.name} before you try again"
    if not system.client.deadline.pause(_SETTLING):
        raise AttachError(unknown) from None
    try:
        size = system.there(document)
    except AttachError:
        raise AttachError(unknown) from None
    if size is None:
        return False
    if size != document.size:
        raise AttachError(f"{error}; {system.name} has {document.name} with another size: look at it") from None
    return True


def copy(folder: Path, document: Document) -> Path:
    """Put it into a folder, as a new file; its path. Raises `AttachError`."""
    path = folder / document.name
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        raise AttachError(f"{str(path)!r} exists, and nothing is replaced: give another name with --name") from None
    except OSError as error:
        raise AttachError(f"can't write {str(path)!r}: {error.strerror or error}") from None
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(document.data)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException as error:
        with suppress(OSError):
            path.unlink()
        if isinstance(error, OSError):
            raise AttachError(f"can't write {str(path)!r}: {error.strerror or error}") from None
        raise
    return path
