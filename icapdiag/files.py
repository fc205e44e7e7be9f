"""Files that the program writes: whole or not at all, and never where a symbolic link of somebody else's leads.

The last part of a name is never followed if it is a link. On the way to it a link is followed if it is this user's or
root's. fs.protected_symlinks has a say in the last part only and may be off, so this does not rely on it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath

PRIVATE = 0o600
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEVICE = os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC  # no wait for who reads a FIFO
_LINKS = 40  # on the way to one file, as in the kernel
_LOCK_WAIT = 60.0  # seconds that another run may hold a lock
_LOCK_STEP = 0.05  # seconds
_NO_LOCKS = frozenset({errno.EBADF, errno.ENOLCK, errno.ENOTSUP})  # what a file system without them answers
_TEMPORARY = re.compile(r"\.icapdiag-[0-9a-f]{16}")
_STREAM = re.compile(r"/dev/(?:stdout|stderr)|(?:/dev|/proc/self)/fd/[0-9]+")


def is_stream(path: Path) -> bool:
    """Whether it names what this process has open: such a file is never replaced."""
    return _STREAM.fullmatch(str(path)) is not None


@contextmanager
def folder(path: Path, *, make: bool = False) -> Iterator[int]:
    """A descriptor (O_PATH) of the folder; ``make``: with mode 0700 if it is not there.

    Raises OSError, also for a symbolic link of another user's on the way.
    """
    here, todo, links = os.open(path.anchor or ".", _FOLDER), [*reversed(path.parts)], 0
    try:
        while todo:
            part = todo.pop()  # where it is absolute, it doesn't matter where we are
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o700, dir_fd=here)
            try:
                there = os.open(part, _FOLDER, dir_fd=here)
            except NotADirectoryError:
                links += 1
                if links > _LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
                todo.extend(reversed(PurePath(_link(part, here)).parts))
            else:
                os.close(here)
                here = there
        yield here
    finally:
        os.close(here)


def _link(name: str, here: int) -> str:
    """Where it leads: found out from the link itself, so that nobody can put another in its place meanwhile."""
    descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISLNK(about.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if about.st_uid not in {0, os.geteuid()}:
            raise PermissionError(errno.EACCES, f"{name!r} on the way is a symbolic link of another user")
        return os.readlink("", dir_fd=descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def place(path: Path, *, make: bool = False) -> Iterator[tuple[int, os.stat_result | None]]:
    """The folder of the file (see `folder`) and what is there by its name, None if nothing.

    Raises OSError, also for a symbolic link, and for a pipe that another user laid in a folder for everybody.
    """
    with folder(path.parent, make=make) as here:
        try:
            about = os.stat(path.name, dir_fd=here, follow_symlinks=False)
        except FileNotFoundError:
            about = None
        if about is not None and stat.S_ISLNK(about.st_mode):
            raise OSError(errno.ELOOP, "it is a symbolic link, which is not followed: name the file itself")
        if about is not None and stat.S_ISFIFO(about.st_mode) and about.st_uid != os.geteuid():
            shared = os.fstat(here)  # as fs.protected_fifos has it
            if shared.st_mode & stat.S_IWOTH and about.st_uid != shared.st_uid:
                raise PermissionError(errno.EACCES, "it is a pipe of another user")
        yield here, about


def write_data(
    path: Path,
    data: bytes | Iterable[bytes],
    *,
    force: bool = True,
    mode: int | None = None,
    check: Callable[[Path], None] | None = None,
) -> None:
    """Put ``data``, or its pieces, into the file at once: readers see the old file or the new one, never a part.

    Devices, pipes and streams are written to directly. A file of ours keeps its mode; another gets ``mode``, or what
    the umask leaves. ``check`` is given a file with all of it, and what it raises leaves no new file behind.
    Raises OSError; FileExistsError for a file that is there where ``force`` is False.
    """
    pieces = (data,) if isinstance(data, bytes) else data
    if is_stream(path):
        with path.open("ab") as stream:
            stream.writelines(pieces)
        return
    with place(path) as (here, about):
        if about is not None and not stat.S_ISREG(about.st_mode):
            device = os.open(path.name, _DEVICE, dir_fd=here)
            os.set_blocking(device, True)
            with os.fdopen(device, "wb") as stream:
                stream.writelines(pieces)
            return
        if about is not None and not force:
            raise _exists()
        if about is not None and not os.access(path.name, os.W_OK, dir_fd=here):
            raise PermissionError(errno.EACCES, "the file is read-only")  # a rename would not care
        if about is not None and about.st_uid == os.geteuid():
            mode = stat.S_IMODE(about.st_mode)
        temporary = f".icapdiag-{os.urandom(8).hex()}"
        descriptor = os.open(temporary, NEW, PRIVATE, dir_fd=here)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.writelines(pieces)
                stream.flush()
                os.fsync(descriptor)
                if check is not None:
                    check(Path(f"/proc/self/fd/{descriptor}"))
                os.fchmod(descriptor, 0o666 & ~_umask() if mode is None else mode)
            _rename(temporary, path.name, here, force=force)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=here)
            raise


def is_temporary(name: str) -> bool:
    """Whether `write_data` gives files such names until they are complete."""
    return _TEMPORARY.fullmatch(name) is not None


def remove_temporaries(path: Path) -> None:
    """Delete what `write_data` left in the folder when its process was killed. Raises OSError."""
    with suppress(FileNotFoundError):
        for each in path.iterdir():
            if is_temporary(each.name):
                each.unlink(missing_ok=True)


def _rename(temporary: str, name: str, here: int, *, force: bool) -> None:
    """Rename, unless (without ``force``) a file of that name has come by now. Raises OSError."""
    if not force:
        try:
            os.link(temporary, name, src_dir_fd=here, dst_dir_fd=here)
        except FileExistsError:
            raise _exists() from None
        except OSError:  # a file system without hard links
            with suppress(FileNotFoundError):
                os.stat(name, dir_fd=here, follow_symlinks=False)
                raise _exists() from None
        else:
            os.unlink(temporary, dir_fd=here)
            return
    os.replace(temporary, name, src_dir_fd=here, dst_dir_fd=here)


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """The file, open for reading and writing by no other run; made, with its folders, for its owner only.

    Raises OSError, TimeoutError if another run does not let go of it.
    """
    with place(path, make=True) as (here, _):
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path.name, flags, PRIVATE, dir_fd=here)
    try:
        end = time.monotonic() + _LOCK_WAIT
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise TimeoutError(errno.ETIMEDOUT, f"another process has locked {path}") from None
                time.sleep(_LOCK_STEP)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def locked_folder(path: Path) -> Iterator[None]:
    """Keep other runs that ask for the same out of the folder, which is made, with its parents, if it is not there.

    Raises OSError; BlockingIOError while another run has it. A file system without locks on folders, such as NFS,
    keeps nobody out.
    """
    path.mkdir(parents=True, mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(descriptor)


def _exists() -> FileExistsError:
    return FileExistsError(errno.EEXIST, "the file exists (--force replaces it)")


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
