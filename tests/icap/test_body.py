"""Bodies that are written piece by piece: the same bytes, however they are cut, and never all at once."""

from __future__ import annotations

import hashlib
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icapdiag.icap.body import CHUNK, Body, ChunkedReader, Chunks, Filling
from icapdiag.icap.client import Exchange, State
from icapdiag.icap.message import LIMITS, Response
from icapdiag.icap.request import PreparedRequest, avi_reqmod, http_post
from icapdiag.icap.samples import (
    ARCHIVE_LEAST,
    clean_body,
    eicar,
    eicar_before_padding,
    eicar_behind_padding,
)
from icapdiag.icap.server import RequestReader
from icapdiag.icap.verdict import judge
from tests.icap.feeding import pieces, read_response

BODY = Body((b"first", Filling(b"abc", 7), b"", b"last", Filling(b"-", 3)))
WHOLE = b"firstabcabcalast---"
HEAD = http_post("www.example.test", "/upload", len(WHOLE))
CONTINUE = b"ICAP/1.0 100 Continue\r\n\r\n"
CLEAN = b'ICAP/1.0 204 Unmodified\r\nISTag: "t"\r\n\r\n'


def reqmod(preview: int | None, body: Body | bytes = BODY) -> PreparedRequest:
    return avi_reqmod("10.0.0.5", 1344, "/s", http_request=HEAD, body=body, preview_size=preview)


@pytest.mark.parametrize("start", range(len(WHOLE) + 2))
@pytest.mark.parametrize("size", [1, 2, 5, 64])
def test_every_part_in_every_size_of_piece(start: int, size: int) -> None:
    for stop in (None, *range(start, len(WHOLE) + 2)):
        found = list(BODY.pieces(start, stop, size))

        assert WHOLE[start:stop] == b"".join(found)
        assert all(0 < len(piece) <= size for piece in found)


@given(st.lists(st.binary(max_size=9) | st.builds(Filling, st.binary(min_size=1, max_size=4), st.integers(0, 20))))
def test_any_body_is_its_parts_in_a_row(parts: list[bytes | Filling]) -> None:
    whole = b"".join(
        part if isinstance(part, bytes) else (part.pattern * (part.length + 1))[: part.length] for part in parts
    )
    body = Body(tuple(parts))

    assert (len(whole), whole[:5], hashlib.sha256(whole).hexdigest()) == (len(body), body.head(5), body.sha256())
    assert whole == b"".join(body.pieces(size=3))
    assert (True, True, False) == (body.startswith(whole), body.startswith(whole[:3]), body.startswith(whole + b"x"))


@pytest.mark.parametrize("start", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 16])
def test_chunks_are_as_long_as_they_say_and_read_back(start: int) -> None:
    body = Body((b"#" * 17, Filling(b"0123456789", 3 * CHUNK - 2), b"end"))
    chunks = Chunks(body, start)
    reader, buffer = ChunkedReader(LIMITS), bytearray()
    sizes = []
    for piece in chunks:
        sizes.append(len(piece))
        buffer += piece
        reader.feed(buffer)

    assert (True, b"".join(body.pieces(start))) == (reader.done, bytes(reader.body))
    assert sum(sizes) == chunks.size
    assert max(sizes) <= CHUNK + len(b"10000\r\n\r\n")


@pytest.mark.parametrize("preview", [None, 0, 4, 10, len(WHOLE), 5000])
def test_a_server_reads_a_stream_as_it_reads_the_bytes(preview: int | None) -> None:
    streamed, given = Exchange(reqmod(preview)), Exchange(reqmod(preview, WHOLE))
    for step in (1, 7, 1000):
        reader = RequestReader()
        exchange = Exchange(reqmod(preview))
        for piece in pieces(b"".join(exchange.pieces()), step):
            reader.feed(piece)
        request = reader.next_request()
        if exchange.request.withholds:
            assert request is not None
            assert WHOLE[:preview] == request.body
            exchange.receive(CONTINUE)
            for piece in pieces(b"".join(exchange.pieces()), step):
                reader.feed(piece)
            request = reader.next_body()
        assert request is not None
        assert WHOLE == request.body
    for exchange in (streamed, given):
        b"".join(exchange.pieces())
        exchange.receive(CONTINUE + CLEAN)
    assert (given.state, given.whole_body_sent) == (streamed.state, streamed.whole_body_sent)
    assert [found.rule for found in given.deviations] == [found.rule for found in streamed.deviations]
    ours, theirs = streamed.request, given.request
    assert (theirs.preview, theirs.ieof, theirs.withholds) == (ours.preview, ours.ieof, ours.withholds)


@pytest.mark.parametrize("body", [BODY, WHOLE])
@pytest.mark.parametrize("preview", [None, 4, 5000])
def test_sizes_are_those_of_what_goes_out(preview: int | None, body: Body | bytes) -> None:
    exchange = Exchange(reqmod(preview, body))

    assert exchange.request.size_at_once == len(b"".join(exchange.pieces()))
    exchange.receive(CONTINUE)
    assert exchange.request.size_withheld == len(b"".join(exchange.pieces()))
    assert b"" == b"".join(exchange.pieces())


@pytest.mark.parametrize("cut", range(len(CONTINUE + CLEAN) + 1))
def test_the_stream_is_released_once_wherever_the_answers_are_cut(cut: int) -> None:
    exchange = Exchange(reqmod(4))
    sent = b"".join(exchange.pieces())
    assert (State.PREVIEW, True) == (exchange.state, sent.endswith(b"4\r\nfirs\r\n0\r\n\r\n"))

    answers = CONTINUE + CLEAN
    exchange.receive(answers[:cut])
    early = b"".join(exchange.pieces())
    exchange.receive(answers[cut:])
    late = b"".join(exchange.pieces())

    assert (b"".join(Chunks(BODY, 4)), not (early and late)) == (early + late, True)
    assert (True, bool(early), []) == (exchange.done, cut >= len(CONTINUE), list(exchange.deviations))


def test_what_was_released_before_the_first_was_taken_comes_behind_it() -> None:
    exchange = Exchange(reqmod(4))
    exchange.receive(CONTINUE)

    wire = b"".join(exchange.pieces())

    assert exchange.request.first + b"".join(Chunks(BODY, 4)) == wire


@pytest.mark.parametrize(
    ("body", "size", "expected"),
    [(WHOLE[:6], len(WHOLE), "allowed"), (b"fIrst!", len(WHOLE), "modified"), (WHOLE[:6], 99, "modified")],
)
def test_an_echo_of_a_stream_is_told_from_a_rewrite(body: bytes, size: int, expected: str) -> None:
    answer = read_response(b'ICAP/1.0 200 OK\r\nISTag: "t"\r\nEncapsulated: req-hdr=0, req-body=%d\r\n\r\n' % len(HEAD))
    echoed = Response(
        version=answer.version,
        status=200,
        reason="OK",
        headers=answer.headers,
        encapsulated=answer.encapsulated,
        body_name="req-body",
        body=body,
        body_size=size,
    )

    assert expected == judge(echoed, sent_body=BODY, method="REQMOD").verdict


@pytest.mark.parametrize("size", [ARCHIVE_LEAST, ARCHIVE_LEAST + 1, 4096, 200_001])
def test_the_archive_is_one_and_holds_the_test_file_last(size: int) -> None:
    data = b"".join(eicar_behind_padding(size).pieces())
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        names = [entry.filename for entry in archive.infolist()]
        assert (size, ["readme.txt", "eicar.com"], eicar()) == (len(data), names, archive.read("eicar.com"))
        assert {zipfile.ZIP_STORED} == {entry.compress_type for entry in archive.infolist()}


def test_samples_have_the_size_asked_for() -> None:
    assert [0, 1, 100_000] == [len(clean_body(size)) for size in (0, 1, 100_000)]
    before = b"".join(eicar_before_padding(500).pieces())
    assert (eicar(), b" " * 432) == (before[:68], before[68:])
    with pytest.raises(ValueError, match="at least"):
        eicar_behind_padding(ARCHIVE_LEAST - 1)
