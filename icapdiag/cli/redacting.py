"""Reports that may leave, and the key that tells what stands for what in them. The key never leaves this host."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from icapdiag.cli.console import fail, remark
from icapdiag.cli.options import Redaction
from icapdiag.cli.state import state_folder
from icapdiag.files import PRIVATE, locked, place, write_data
from icapdiag.model import Report
from icapdiag.report.redact import Pseudonyms, Replaced, redact
from icapdiag.report.redact.pseudonyms import KeyFileError

_LARGEST = 64 * 1024 * 1024  # bytes of a key file
_OTHERS = 0o077


def redacted(report: Report, redaction: Redaction) -> tuple[Report, tuple[Replaced, ...]]:
    """The report as it may leave, and what was replaced in it. The key grows by that.

    A key that can't be read, or that others can read, ends the command.
    """
    key = redaction.key or default_key()
    try:
        with locked(key.with_name(f".{key.name}.lock")):  # two runs at once must not give one pseudonym to two values
            pseudonyms = _load(key)
            found = redact(report, pseudonyms, keep=redaction.keep)
            write_data(key, pseudonyms.dumps().encode(), mode=PRIVATE)
    except OSError as error:
        fail(f"can't keep the pseudonyms in {key}: {error.strerror or error}; see --pseudonyms")
    return found


def say_what(replaced: Sequence[Replaced], redaction: Redaction) -> None:
    """On stderr: how much was replaced, and where the key is."""
    counts = Counter(each.kind for each in replaced)
    listed = ", ".join(f"{number} {kind}" for kind, number in counts.most_common()) or "nothing"
    key = redaction.key or default_key()
    remark(f"replaced by pseudonyms: {listed}. Their key is {key}: keep it to yourself.")


def default_key() -> Path:
    """``pseudonyms.json`` in the state folder; a user without one ends the command."""
    try:
        return state_folder() / "pseudonyms.json"
    except OSError as error:
        fail(f"can't keep the pseudonyms: {error.strerror}, or give --pseudonyms FILE")


def _load(key: Path) -> Pseudonyms:
    try:
        with place(key) as (folder, _):
            descriptor = os.open(key.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        with os.fdopen(descriptor, "rb") as stream:
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
