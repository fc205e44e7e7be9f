"""The state folder of this user, and which redacted files were written: `report attach` lets those leave.

They are known by their SHA-256 and not by what they say: a server, or a person, can write any line into a file.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from pathlib import Path

from icapdiag.cli.console import remark
from icapdiag.files import locked

_MOST = 10_000  # files that are remembered: the latest
_LINE = 65  # bytes of one in the register: its digest and a newline
_DIGEST = re.compile(rb"^[0-9a-f]{64}$", re.MULTILINE)
_OTHERS_WRITE = 0o022


def state_folder() -> Path:
    """``$XDG_STATE_HOME/icapdiag``, below ~/.local/state as a rule. Raises OSError where this user has no home."""
    state = os.environ.get("XDG_STATE_HOME", "")
    try:
        return (Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state") / "icapdiag"
    except RuntimeError:
        raise FileNotFoundError(0, "no home folder: set HOME or XDG_STATE_HOME") from None


def remember_redacted(data: bytes, name: object) -> None:
    """Let what was written to ``name`` leave later; what hinders that is said on stderr."""
    digest = hashlib.sha256(data).hexdigest().encode()
    try:
        with locked(_register()) as register:
            known = [each for each in _digests(register) if each != digest]
            _write(register, b"".join(each + b"\n" for each in [*known, digest][-_MOST:]))
    except OSError as error:
        remark(f"can't note that {name} is redacted, so report attach will need --unredacted for it", error)


def is_redacted(sha256: str) -> bool:
    """Whether a file with this digest, in hex, was written as redacted by this user on this host. Raises OSError."""
    with locked(_register()) as register:
        return sha256.encode() in _digests(register)


def _register() -> Path:
    return state_folder() / "redacted.sha256"


def _digests(register: int) -> list[bytes]:
    """Oldest first. Raises PermissionError for a register that others may have written."""
    about = os.fstat(register)
    if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & _OTHERS_WRITE:
        raise PermissionError(0, f"{_register()} is not a file that only this user can write: remove it")
    return _DIGEST.findall(os.pread(register, _MOST * _LINE, 0))


def _write(register: int, lines: bytes) -> None:
    """In place, as the lock is on the file. One that is cut short spoils one line, as all are of one length."""
    written = os.pwrite(register, lines, 0)
    os.ftruncate(register, written)
    if written < len(lines):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
