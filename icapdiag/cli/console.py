"""The three standard streams, none of which can be trusted to be there."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import BinaryIO, NoReturn

from icapdiag.text import visible
from icapdiag.vocabulary import ExitStatus


def complain(*lines: str) -> None:
    """Write lines to stderr, each made safe for a terminal; continue where stderr is closed."""
    if sys.stderr is None:
        return
    with suppress(OSError, ValueError):
        for line in lines:
            sys.stderr.write(visible(line, None) + "\n")
        sys.stderr.flush()


def remark(what: object, error: OSError | None = None) -> None:
    """Write ``icapdiag: what: reason`` to stderr, the reason being that of the operating system."""
    complain(f"icapdiag: {what}" + (f": {error.strerror or error}" if error is not None else ""))


def fail(what: object, error: OSError | None = None) -> NoReturn:
    """`remark`, and end the command: something that the user named can't be used."""
    remark(what, error)
    raise SystemExit(int(ExitStatus.USAGE))


def stop_with(problems: Iterable[object], status: ExitStatus = ExitStatus.USAGE) -> NoReturn:
    """Write problems that name their own place, as FILE:LINE, to stderr and end the command with ``status``."""
    complain(*(str(problem) for problem in problems))
    raise SystemExit(int(status))


def write_stdout(text: str, encoding: str | None = None) -> None:
    """Write ``text``, which must be safe to show, and make sure that it went out.

    ``encoding`` None is the terminal's; what that can't express is written as an escape.
    Raises OSError; a reader that went away ends the command quietly with 128 + SIGPIPE.
    """
    stream = sys.stdout
    if stream is None:
        raise OSError("standard output is closed")
    try:
        stream.flush()
        _write_all(stream.buffer, text.encode(encoding or stream.encoding or "utf-8", "backslashreplace"))
        stream.buffer.flush()
    except BrokenPipeError:
        _forget_stdout()
        raise SystemExit(int(ExitStatus.BROKEN_PIPE)) from None
    except OSError:
        _forget_stdout()
        raise


def _write_all(stream: BinaryIO, data: bytes) -> None:
    """An unbuffered stdout (PYTHONUNBUFFERED) writes a part only when its reader goes away, and does not say so."""
    rest = memoryview(data)
    while rest:
        written = stream.write(rest)
        if not written:  # None: it does not block, and is full
            raise OSError("standard output accepts no more data")
        rest = rest[written:]


def print_text(text: str) -> None:
    """`write_stdout` for commands whose only result is this text: failing to write it ends them."""
    try:
        write_stdout(text)
    except OSError as error:
        fail("can't write to standard output", error)


def wants_color() -> bool:
    """Whether stdout is a terminal that shows colour and whose user did not ask for none (no-color.org)."""
    return _is_terminal(sys.stdout) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def shows_unicode() -> bool:
    """Whether stdout takes more than ASCII: bars of block characters."""
    return sys.stdout is not None and (sys.stdout.encoding or "utf-8").lower().startswith("utf")


def terminal_width(fallback: int) -> int:
    """COLUMNS, or the columns of the terminal that stdout is; else ``fallback``."""
    return shutil.get_terminal_size((fallback, 24)).columns


def stderr_is_terminal() -> bool:
    """Whether progress has somebody to look at it and can be erased again."""
    return _is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"


def stdout_is_terminal() -> bool:
    """Whether stdout can show more than plain text."""
    return _is_terminal(sys.stdout) and os.environ.get("TERM") != "dumb"


def stdin_is_terminal() -> bool:
    """Whether somebody can answer: a pager needs that."""
    return _is_terminal(sys.stdin)


def _is_terminal(stream: object) -> bool:
    with suppress(OSError, ValueError):  # ValueError: closed
        return stream is not None and bool(getattr(stream, "isatty", bool)())
    return False


def _forget_stdout() -> None:
    """Keep the interpreter from flushing, and failing, once more at its end."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
