"""No file is ever written where a link of somebody else's leads, whoever runs the program."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from icapdiag import files
from icapdiag.cli.output import OutputError, place_for
from icapdiag.files import is_stream, locked, write_data
from icapdiag.report.attach.document import Document, copy
from icapdiag.report.attach.target import AttachError
from tests.users import NOBODY, STRANGER, as_root, done_as, shared_folder


@pytest.fixture
def shared() -> Iterator[Path]:
    with shared_folder() as folder:
        yield folder


def link(path: Path, target: Path, owner: int) -> None:
    path.symlink_to(target)
    os.lchown(path, owner, owner)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("there", [False, True], ids=["dangling", "leading"])
def test_a_link_is_no_place_for_an_output(tmp_path: Path, there: bool, force: bool) -> None:
    target, path = tmp_path / "elsewhere" / "target", tmp_path / "r.json"
    target.parent.mkdir()
    if there:
        target.write_text("old")
    path.symlink_to(target)

    with pytest.raises(OutputError, match=r"'.*r.json' can't be written: it is a symbolic link, .* name the file"):
        place_for(str(path), force=force)
    with pytest.raises(OSError, match="it is a symbolic link"):
        write_data(path, b"new", force=force)
    assert (["old"] if there else []) == [file.read_text() for file in target.parent.iterdir()]
    assert path.is_symlink()


def test_a_link_that_comes_at_the_last_moment_is_replaced_and_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: (tmp_path / "r.json").symlink_to("target"))
    write_data(tmp_path / "r.json", b"new", force=True)
    monkeypatch.setattr(os, "fsync", lambda _: (tmp_path / "s.json").symlink_to("target"))
    with pytest.raises(FileExistsError):
        write_data(tmp_path / "s.json", b"new", force=False)

    assert ["r.json", "s.json"] == sorted(file.name for file in tmp_path.iterdir())
    assert not (tmp_path / "r.json").is_symlink()


@as_root
@pytest.mark.parametrize(
    ("user", "owner", "goes"),
    [(0, 0, True), (0, NOBODY, False), (NOBODY, NOBODY, True), (NOBODY, 0, True), (NOBODY, STRANGER, False)],
)
def test_on_the_way_only_links_of_ones_own_and_of_root_are_followed(
    shared: Path, user: int, owner: int, goes: bool
) -> None:
    (shared / "reports").mkdir()
    os.chown(shared / "reports", user, user)
    link(shared / "current", Path("reports"), owner)
    link(shared / "absolute", shared / "current", owner)

    for name, says in (("current", "'current' on the way"), ("absolute/.", "'absolute' on the way")):
        said = done_as(user, partial(write_data, shared / name / "r.json", b"new", force=True))
        assert (None if goes else f"{says} is a symbolic link of another user") == said
    assert (["r.json"] if goes else []) == [file.name for file in (shared / "reports").iterdir()]


@as_root
def test_a_copy_for_a_ticket_takes_no_other_way(shared: Path) -> None:
    (shared / "reports").mkdir()
    link(shared / "current", Path("reports"), NOBODY)

    with pytest.raises(AttachError, match="'current' on the way is a symbolic link of another user"):
        copy(shared / "current", Document("r.json", b"new"))
    assert [] == list((shared / "reports").iterdir())


@as_root
def test_a_pipe_that_another_user_laid_gets_nothing(shared: Path) -> None:
    os.mkfifo(shared / "r.json", 0o666)
    os.chown(shared / "r.json", NOBODY, NOBODY)
    reader = os.open(shared / "r.json", os.O_RDONLY | os.O_NONBLOCK)

    os.chown(shared, STRANGER, STRANGER)
    assert "it is a pipe of another user" == done_as(0, lambda: write_data(shared / "r.json", b"new"))
    assert None is done_as(NOBODY, lambda: write_data(shared / "r.json", b"new"))
    assert b"new" == os.read(reader, 9)
    os.close(reader)


@as_root
def test_a_file_of_another_user_does_not_say_who_may_write(shared: Path) -> None:
    (shared / "r.json").write_text("old")
    (shared / "r.json").chmod(0o666)
    os.chown(shared / "r.json", NOBODY, NOBODY)
    write_data(shared / "r.json", b"new", mode=0o600)

    about = (shared / "r.json").stat()
    assert (0, 0o600) == (about.st_uid, stat.S_IMODE(about.st_mode))


@pytest.mark.parametrize("name", ["/dev/fd/../shm/x", "/dev/fd/1/x", "/proc/self/fd/../cwd/x", "/dev/stdoutx"])
def test_what_only_begins_like_a_stream_is_none(name: str) -> None:
    assert not is_stream(Path(name))


def test_a_name_may_lead_over_links_in_a_circle_and_back(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "folder").mkdir()
    (tmp_path / "up").symlink_to("folder/../folder")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        write_data(tmp_path / "a" / "r.json", b"x")
    with pytest.raises(NotADirectoryError):
        write_data(Path("/dev/null/r.json"), b"x")
    write_data(tmp_path / "up" / ".." / "up" / "r.json", b"x")

    assert b"x" == (tmp_path / "folder" / "r.json").read_bytes()


def test_a_lock_is_its_owners_and_the_wait_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "state" / "icapdiag" / "file"
    monkeypatch.setattr(files, "_LOCK_WAIT", 0.0)
    with locked(file), pytest.raises(TimeoutError, match="another process has locked"), locked(file):
        pass
    assert (0o600, 0o700, 0o700) == tuple(stat.S_IMODE(p.stat().st_mode) for p in (file, *file.parents[:2]))
    (file.parent / "link").symlink_to("nowhere")
    with pytest.raises(OSError, match="it is a symbolic link"), locked(file.parent / "link"):
        pass
    assert ["file", "link"] == sorted(each.name for each in file.parent.iterdir())


def test_who_waits_for_a_lock_gets_it(tmp_path: Path) -> None:
    waiting, got = threading.Event(), threading.Event()

    def wait() -> None:
        waiting.set()
        with locked(tmp_path / "file"):
            got.set()

    with locked(tmp_path / "file"):
        thread = threading.Thread(target=wait)
        thread.start()
        assert waiting.wait(10)
        assert not got.is_set()
    thread.join(10)
    assert got.is_set()
