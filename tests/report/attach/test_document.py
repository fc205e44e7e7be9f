"""The file that is attached: which names it may have, that it is read once and whole, and its copy in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from icapdiag.report.attach import document as module
from icapdiag.report.attach.document import Document, copy, read_document
from icapdiag.report.attach.target import AttachError
from tests.report.attach.sending import ZIP

REFUSED = (
    *(
        "",
        ".",
        "..",
        " ",
        "a/b",
        "a\\b",
        'a"b',
        "a:b",
        "a|b",
        "a*b",
        "a?b",
        "<a>",
        "x" * 201,
        "-rf",
        "--name=x",
        ".bashrc",
    ),
    *(
        " a",
        "a ",
        "a.",
        "a\nb",
        "a\tb",
        "a\x00b",
        "a\x7fb",
        "a\x1b[2Jb",
        "a\u202eb",
        "a\u2028b",
        "a\u200bb",
        "a\udcffb",
    ),
    *("CON", "con.txt", "Prn", "aux.tar.gz", "NUL ", "nul .zip", "COM1", "com¹.md", "lpt9.html", "conin$", "CONOUT$"),
)


@pytest.mark.parametrize("name", REFUSED)
def test_names_that_no_attachment_has(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(AttachError, match="is not a valid attachment name: pass a different one with --name"):
        read_document(tmp_path / "file", name)


@pytest.mark.parametrize("name", ["-rf", ".bashrc", " ", "con.txt", "a\nb"])
def test_nor_has_a_file_that_is_called_so(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(AttachError, match="is not a valid attachment name"):
        read_document(tmp_path / name, None)
    assert "r.txt" == read_document(tmp_path / name, "r.txt").name


@pytest.mark.parametrize(
    "name", ["a", "share.html", "a b-c.tar.gz", "console.md", "com10", "Größe.md", "_x", "a..b", "報告.md"]
)
def test_names_that_one_may_have(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert name == read_document(tmp_path / name, None).name


def test_a_file_is_read_once_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(b"PK..")
    found = read_document(path, None)

    assert ("bundle.zip", 4, "application/zip") == (found.name, found.size, found.type)
    assert "other.html" == read_document(path, "other.html").name
    monkeypatch.setattr(module, "LARGEST", 3)
    with pytest.raises(AttachError, match="is larger than"):
        read_document(path, None)
    path.write_bytes(b"")
    with pytest.raises(AttachError, match="is empty"):
        read_document(path, None)
    with pytest.raises(AttachError, match="No such file"):
        read_document(tmp_path / "missing", None)


def test_a_copy_is_a_new_file(tmp_path: Path) -> None:
    path = copy(tmp_path, ZIP)

    assert (tmp_path / "bundle.zip", ZIP.data) == (path, path.read_bytes())
    with pytest.raises(AttachError, match="already exists and will not be replaced"):
        copy(tmp_path, Document("bundle.zip", b"other"))
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(AttachError, match="exists"):
        copy(tmp_path, Document("link", b"other"))
    with pytest.raises(AttachError, match="No such file"):
        copy(tmp_path / "nowhere", ZIP)
    assert (ZIP.data, False) == (path.read_bytes(), (tmp_path / "target").exists())


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(AttachError, match="No space left on device"):
        copy(tmp_path, ZIP)

    assert [] == list(tmp_path.iterdir())
