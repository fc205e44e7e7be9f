"""Which files were written as redacted: kept for one user, within bounds, and believed only where nobody else wrote."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from icapdiag.cli import state
from icapdiag.cli.state import is_redacted, remember_redacted, state_folder
from tests.users import NOBODY, STRANGER, as_root, done_as, shared_folder


@pytest.fixture
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "icapdiag" / "redacted.sha256"


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with shared_folder() as folder:
        monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
        yield folder


def known(data: bytes) -> bool:
    return is_redacted(hashlib.sha256(data).hexdigest())


def noted(data: bytes = b"x") -> bool:
    remember_redacted(data, "FILE")
    return known(data)


def test_what_was_written_is_known_and_nothing_else(register: Path) -> None:
    assert not known(b"a")
    assert noted(b"a")
    assert (False, False) == (known(b"a\n"), known(b""))
    assert (0o600, 0o700) == (register.stat().st_mode & 0o777, register.parent.stat().st_mode & 0o777)


def test_the_latest_are_known(register: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "_MOST", 3)
    for data in (b"a", b"b", b"c", b"a", b"d"):
        remember_redacted(data, "FILE")
    assert [True, False, True, True] == [known(data) for data in (b"a", b"b", b"c", b"d")]
    assert 3 * 65 == register.stat().st_size


def test_runs_at_the_same_time_lose_nothing(register: Path) -> None:
    texts = [str(number).encode() for number in range(64)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda data: remember_redacted(data, "FILE"), texts))
    assert all(map(known, texts))
    assert 64 * 65 == register.stat().st_size


def test_a_line_that_was_cut_short_costs_no_other(register: Path) -> None:
    noted(b"a")
    register.write_bytes(register.read_bytes() + b"0123abc\0\0")
    assert noted(b"b")
    assert known(b"a")


@pytest.mark.parametrize("there", [False, True])
def test_a_link_is_no_register(register: Path, capfd: pytest.CaptureFixture[str], there: bool) -> None:
    elsewhere = register.with_name("elsewhere")
    register.parent.mkdir(parents=True)
    register.symlink_to(elsewhere)
    if there:
        elsewhere.write_text(hashlib.sha256(b"x").hexdigest() + "\n")
    before = elsewhere.read_bytes() if there else None
    with pytest.raises(OSError, match="it is a symbolic link"):
        noted()
    assert before == (elsewhere.read_bytes() if elsewhere.exists() else None)
    assert (
        "icapdiag: can't note that FILE is redacted, so report attach will need --unredacted for it: it is a symbolic "
        "link, which is not followed: name the file itself\n" == capfd.readouterr().err
    )


def test_a_register_that_others_can_write_is_not_believed(register: Path) -> None:
    noted()
    register.chmod(0o622)
    with pytest.raises(PermissionError, match="is not a file that only this user can write: remove it"):
        known(b"x")


@as_root
@pytest.mark.parametrize("owner", [NOBODY, STRANGER])
def test_nor_is_one_of_somebody_else(register: Path, owner: int) -> None:
    noted()
    os.chown(register, owner, owner)
    with pytest.raises(PermissionError, match="is not a file that only this user can write"):
        noted()


@as_root
def test_another_user_has_a_register_of_their_own(shared: Path) -> None:
    assert True is done_as(NOBODY, noted)
    assert NOBODY == (shared / "state" / "icapdiag" / "redacted.sha256").stat().st_uid
    assert "Permission denied" == done_as(STRANGER, noted)


@as_root
def test_a_state_folder_that_a_link_of_somebody_else_makes(shared: Path) -> None:
    (shared / "elsewhere").mkdir(mode=0o777)
    (shared / "state").symlink_to("elsewhere")
    os.lchown(shared / "state", STRANGER, STRANGER)
    assert "'state' on the way is a symbolic link of another user" == done_as(NOBODY, noted)
    assert [] == list((shared / "elsewhere").iterdir())


@as_root
def test_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_STATE_HOME")
    assert "no home folder: set HOME or XDG_STATE_HOME" == done_as(STRANGER, noted)


def test_where_the_state_folder_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_STATE_HOME", value)
        assert tmp_path / ".local" / "state" / "icapdiag" == state_folder()
