"""64 KiB of what a hostile server, log or file can write: none of our own patterns takes long over it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from icapdiag.avi.addresses import split_uri
from icapdiag.icap.message import ProtocolError
from icapdiag.icap.response import ResponseReader
from icapdiag.icap.samples import eicar
from icapdiag.icap.verdict import judge
from icapdiag.logs.blocks.summarise import Layout
from icapdiag.logs.reading import read_logs
from icapdiag.mistakes import FileError, shown
from icapdiag.probe.recorder import without_eicar
from icapdiag.yamltree import read_yaml
from tests.logs.reading import read

SIZE = 64 * 1024 - 256  # with a status line it is a head of the largest size that is read


def filled(piece: str, before: str = "", after: str = "") -> str:
    return before + piece * (SIZE // len(piece)) + after


def answer(head: str) -> None:
    reader = ResponseReader()
    try:
        response = reader.feed(f"ICAP/1.0 200 OK\r\n{head}\r\n\r\n".encode("latin-1")) or reader.salvage()
    except ProtocolError:
        return
    if response:
        judge(response)


def yaml(text: str) -> None:
    with pytest.raises(FileError) as caught:
        read_yaml(text, "pool.yaml")
    assert len(str(caught.value)) < 300


def transcript(text: str) -> None:
    """The test file, each byte in a chunk of its own with a long extension, and at last another byte."""
    assert without_eicar([text.join(map(chr, eicar()[:40])).encode(), b"!"])


TEXTS: list[tuple[Callable[[str], object], str]] = [
    (answer, filled('"', "ISTag: ")),
    (answer, filled('"" Encapsulated: ', "ISTag: ", "\r\n\tx")),
    (answer, filled("a=", "Encapsulated: ")),
    (answer, filled("-", "Encapsulated: ", "=")),
    (answer, filled("virus ", "X-Response-Desc: ")),
    (answer, filled("type = ", "X-Infection-Found: ")),
    (answer, filled("\n\t1", "X-Violations-Found: 1")),
    (answer, filled("URL category ", "X-Response-Desc: ")),
    (shown, filled("//a", "http:")),
    (shown, filled("@//", "a")),
    (yaml, filled(":", "members: {[")),
    (yaml, filled(":", "members: {[", "]")),
    (yaml, filled("[:", "members: {")),
    (transcript, "\r\n" + "A" * 100 + "\r\n"),
    (split_uri, filled("@", "icap://")),
    (split_uri, filled("[", "icap://")),
]


def seconds(function: Callable[[], object]) -> float:
    started = time.process_time()
    function()
    return time.process_time() - started


@pytest.mark.parametrize(("function", "text"), TEXTS)
def test_text_of_a_server_or_a_file(function: Callable[[str], object], text: str) -> None:
    assert seconds(lambda: function(text)) < 0.1


ENTRY = '{"report_timestamp": "2026-03-09T16:00:00Z", "icap_log": {"action": "ICAP_PASSED"}}'


@pytest.mark.parametrize(
    "text",
    [
        filled(" ", "{", f'"count": 1, "results": [{ENTRY}]}}'),
        filled("\n", "{"),
        filled(" ", '{"count": 1,', "x"),
        filled('\\"', "[" * 300),
        filled('"\\', f"{ENTRY}\n" + "[" * 300),
        filled("{ ", "", ENTRY),
        filled("<"),
        filled("\t", "", "<html>"),
        filled('"action": ', "{"),
        filled("//"),
        filled("/*", ENTRY),
        filled("ICAP/1.0 "),
        filled("> ", "", "ICAP/1.0 200 OK"),
    ],
)  # fmt: skip
def test_a_log(tmp_path: Path, text: str) -> None:
    (tmp_path / "log").write_text(text)

    assert seconds(lambda: read_logs([str(tmp_path / "log")])) < 0.5


@pytest.mark.parametrize(
    "text", [filled(" ", '{"count": 1', "x"), filled(" ", "{"), filled('\\"', '{"a": "', '"}'), filled("[", "[")]
)
def test_a_long_log(text: str) -> None:
    assert seconds(lambda: read(text.encode(), Layout.VALUES)) < 0.1
