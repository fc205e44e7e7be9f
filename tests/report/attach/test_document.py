"""Only what is known to be redacted leaves by default."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

import pytest
from msgspec.structs import replace

from icapdiag.facts.pool import SuppressedFinding
from icapdiag.model import Unmatched, unflatten
from icapdiag.report.attach import document as module
from icapdiag.report.attach.document import Document, read_document, unredacted
from icapdiag.report.attach.target import AttachError
from icapdiag.report.formats import FORMATS, render
from icapdiag.report.machine.to_json import settled
from icapdiag.report.redact import REDACTED_NOTE, Pseudonyms, redact
from icapdiag.vocabulary import Status
from tests.report.samples import SUBJECT, TCP_REFUSED, VANTAGE, member, observation
from tests.report.samples import report as sample

TELLING = ("json", "markdown", "html", "github", "jira", "servicenow", "short")


def drawn(name: str, *, redacted: bool, keep: tuple[str, ...] = ()) -> bytes:
    report = sample()
    return render(settled(redact(report, Pseudonyms(), keep=keep)[0] if redacted else report), name).encode()


def archive(**entries: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in entries.items():
            made.writestr(name.replace("_", "."), data)
    return stream.getvalue()


def why(data: bytes, name: str = "x") -> str:
    return unredacted(Document(name, data))


@pytest.mark.parametrize("name", TELLING)
def test_a_redacted_report_may_leave(name: str) -> None:
    assert "" == why(drawn(name, redacted=True))
    assert "" == why(drawn(name, redacted=True, keep=("server",)))


@pytest.mark.parametrize("name", FORMATS)
def test_no_other_may(name: str) -> None:
    assert "redacted" in why(drawn(name, redacted=False))


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - set(TELLING)))
def test_what_can_t_be_told_may_not(name: str) -> None:
    assert "it is not marked as redacted" == why(drawn(name, redacted=True))


SAID = ("error", "server", "verdict_reason", "x_response_desc")


@pytest.mark.parametrize("form", ["{}", "x\n{}\nx", "\u2028{}\u2028"])
@pytest.mark.parametrize("name", FORMATS)
def test_no_server_can_mark_a_report_as_redacted(name: str, form: str) -> None:
    for mark in (*module._marks(), REDACTED_NOTE):
        text = form.format(mark)
        sick = member(
            text, observation("options", Status.FAILED, "refused", error=text, server=text, verdict_reason=text)
        )
        finding = replace(
            TCP_REFUSED,
            members=(text, f"{text}:1344"),
            evidence=(unflatten({"source": "probe", "member": text, "probe": "options"} | dict.fromkeys(SAID, text)),),
        )
        report = replace(
            sample((sick,), (finding,), subject={**SUBJECT, "pool": text}, vantage={**VANTAGE, "host": text}),
            suppressed=(SuppressedFinding(id="x", title=text, because=text, owner=text, members=(text,)),),
            unmatched=Unmatched(count=1, examples=(unflatten({"member": text, "error": text}),)),
        )

        assert "redacted" in why(render(settled(report), name).encode())


def test_archives() -> None:
    safe, open_ = drawn("json", redacted=True), drawn("json", redacted=False)

    assert "" == why(archive(report_json=safe, manifest_json=b"{}", a_txt=b"x"))
    assert "'open.json' in it: it is a report that is not redacted" == why(archive(report_json=safe, open_json=open_))
    assert "it holds no report that says whether it is redacted" == why(archive(a_txt=b"x"))
    assert "it holds no report that says whether it is redacted" == why(archive())
    assert "it is an archive that can't be read" == why(archive(report_json=safe)[:-30])
    assert "it is an archive that can't be read" == why(b"PK\x03\x04")
    assert "it has more than 2000 files in it" == why(archive(**{f"f{n}": b"" for n in range(2001)}))


def test_a_damaged_member_of_an_archive() -> None:
    data = bytearray(archive(report_json=drawn("json", redacted=True)))
    data[200:260] = bytes(60)

    assert "it is an archive that can't be read" == why(bytes(data))


def test_an_archive_that_would_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_INFLATED", 1 << 20)
    data = archive(a_json=bytes(1 << 19), b_json=bytes(1 << 20))

    assert len(data) < 10_000
    assert zlib.crc32(data)
    assert "its reports have more than 1 MiB" == why(data)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", 'a"b', "a\nb", "a\x00b", "a\u202eb", "x" * 201])
def test_names_that_no_attachment_has(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(AttachError, match="is not a valid attachment name: pass another with --name"):
        read_document(tmp_path / "file", name or "..")


def test_a_file_is_read_once_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(b"PK..")
    found = read_document(path, None)

    assert ("bundle.zip", 4, "application/zip") == (found.name, found.size, found.type)
    assert "other.html" == read_document(path, "other.html").name
    monkeypatch.setattr(module, "LARGEST", 3)
    with pytest.raises(AttachError, match="has more than"):
        read_document(path, None)
    path.write_bytes(b"")
    with pytest.raises(AttachError, match="is empty"):
        read_document(path, None)
    with pytest.raises(AttachError, match="No such file"):
        read_document(tmp_path / "missing", None)
