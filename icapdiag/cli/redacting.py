"""Reports that may leave, and the key that tells what stands for what in them. The key never leaves this host."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from icapdiag.cli.console import fail, remark
from icapdiag.cli.options import Redaction
from icapdiag.cli.signals import uninterrupted
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
    with _pseudonyms(redaction) as pseudonyms:
        return redact(report, pseudonyms, keep=redaction.keep)


def insist_on_key(redaction: Redaction) -> None:
    """Try what `redacted` will need; what can't be had ends the command."""
    with _pseudonyms(redaction):
        pass


@contextmanager
def _pseudonyms(redaction: Redaction) -> Iterator[Pseudonyms]:
    """Those of the key, which is written back afterwards."""
    key = redaction.key or default_key()
    try:
        with locked(key.with_name(f".{key.name}.lock")):  # two runs at once must not give one pseudonym to two values
            pseudonyms = _load(key)
            yield pseudonyms
            with uninterrupted():
                write_data(key, pseudonyms.dumps().encode(), mode=PRIVATE)
    except OSError as error:
        fail(f"can't keep the pseudonyms in {key}: {error.strerror or error}; see --pseudonyms")


def say_what(replaced: Sequence[Replaced], redaction: Redaction) -> None:
    """On stderr: how much was replaced, and where the key is."""
    counts = Counter(each.kind for each in replaced)
    listed = ", ".join(f"{number} {kind}" for kind, number in counts.most_common()) or "nothing"
    key = redaction.key or default_key()
    remark(f"replaced by pseudonyms: {listed}. The mapping is in {key}; do not share it.")


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
            if not stat.S_ISREG(mode):
                fail(f"{key} is not a regular file")
            data = stream.read(_LARGEST + 1)
    except FileNotFoundError:
        return Pseudonyms()
    except OSError as error:
        fail(f"can't read {key}", error)
    if mode & _OTHERS:
        fail(f"{key} can be read by others, and tells what stands for what: chmod 600 {key}")
    try:
        return Pseudonyms.loads(data[:_LARGEST].decode("utf-8"))
    except (KeyFileError, UnicodeDecodeError) as error:
        fail(f"{key}: {error}; move it away, or pass a different file with --pseudonyms")
