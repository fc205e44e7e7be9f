"""Reports that may leave, and the key that tells what stands for what in them. The key never leaves this host."""

from __future__ import annotations

import fcntl
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from icapdiag.cli.console import fail, remark
from icapdiag.cli.options import Redaction
from icapdiag.model import Report
from icapdiag.report.redact import Pseudonyms, Replaced, redact
from icapdiag.report.redact.pseudonyms import KeyFileError

_LARGEST = 64 * 1024 * 1024  # bytes of a key file
_PRIVATE = 0o600
_OTHERS = 0o077


def redacted(report: Report, redaction: Redaction) -> tuple[Report, tuple[Replaced, ...]]:
    """The report as it may leave, and what was replaced in it. The key grows by that.

    A key that can't be read, or that others can read, ends the command.
    """
    key = redaction.key or default_key()
    with _locked(key):
        pseudonyms = _load(key)
        found, replaced = redact(report, pseudonyms, keep=redaction.keep)
        _save(key, pseudonyms)
    return found, replaced


def say_what(replaced: Sequence[Replaced], redaction: Redaction) -> None:
    """On stderr: how much was replaced, and where the key is."""
    counts = Counter(each.kind for each in replaced)
    listed = ", ".join(f"{number} {kind}" for kind, number in counts.most_common()) or "nothing"
    key = redaction.key or default_key()
    remark(f"replaced by pseudonyms: {listed}. Their key is {key}: keep it to yourself.")


def default_key() -> Path:
    """``$XDG_STATE_HOME/icapdiag/pseudonyms.json``, below ~/.local/state as a rule."""
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"
    return base / "icapdiag" / "pseudonyms.json"


@contextmanager
def _locked(key: Path) -> Iterator[None]:
    """Two runs at once must not give one pseudonym to two values."""
    try:
        key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(key.with_name(f".{key.name}.lock"), os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, _PRIVATE)
    except OSError as error:
        _can_not_keep(key, error)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _load(key: Path) -> Pseudonyms:
    try:
        with key.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            data = stream.read(_LARGEST + 1)
    except FileNotFoundError:
        return Pseudonyms()
    except OSError as error:
        fail(f"can't read {key}", error)
    if stat.S_ISREG(mode) and mode & _OTHERS:
        fail(f"{key} can be read by others, and tells what stands for what: chmod 600 {key}")
    try:
        return Pseudonyms.loads(data[:_LARGEST].decode("utf-8"))
    except (KeyFileError, UnicodeDecodeError) as error:
        fail(f"{key}: {error}; move it away, or name another file with --pseudonyms")


def _save(key: Path, pseudonyms: Pseudonyms) -> None:
    """At once and for nobody else's eyes."""
    temporary = key.with_name(f".{key.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, _PRIVATE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(pseudonyms.dumps())
        temporary.replace(key)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        _can_not_keep(key, error)


def _can_not_keep(key: Path, error: OSError) -> NoReturn:
    fail(f"can't keep the pseudonyms in {key}: {error.strerror or error}; see --pseudonyms")
