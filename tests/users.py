"""Work done as another user, in a folder where everybody may write."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOBODY, STRANGER = 65_534, 54_321  # user ids; the second is in no /etc/passwd

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users")


@contextmanager
def shared_folder() -> Iterator[Path]:
    """As /tmp is: the tests' own folders are closed to other users."""
    folder = Path(tempfile.mkdtemp(prefix="icapdiag-test-"))
    folder.chmod(0o1777)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def unprivileged(work: Callable[[], bool | str | None]) -> object:
    """`done_as` a user who may not do everything: nobody, where root runs the tests."""
    return done_as(os.geteuid() or NOBODY, work)


def done_as(user: int, work: Callable[[], bool | str | None]) -> object:
    """What ``work`` returns in a process of this user, or the text of the OSError that it raises."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
            try:
                result = work()
            except OSError as error:
                result = error.strerror
            os.write(writing, json.dumps(result).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        data = stream.read()
    os.waitpid(pid, 0)
    return json.loads(data)
