"""Wrappings: gzip and zstd in every state, encodings, streams that can't be read twice."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import sys
import threading
import tracemalloc
import zlib
from pathlib import Path
from types import ModuleType

import pytest

from icapdiag.logs.opening.inputs import InputError
from icapdiag.logs.opening.source import HEAD, Source, encoding_of, open_source, to_text
from icapdiag.logs.reading import read_logs
from tests.logs.samples import ENTRIES, containers, read

TEXT = containers()["jsonl"]
DATA = TEXT.encode()
BIG = DATA * 400  # more than the head


def source(data: bytes) -> tuple[bytes, Source]:
    """All bytes of a source made of these, and the source."""
    result = Source("x", io.BytesIO(data).read)
    return result.readall(), result


def zstd(data: bytes) -> bytes:
    zstandard = pytest.importorskip("zstandard")
    return bytes(zstandard.ZstdCompressor().compress(data))


class TestGzip:
    @pytest.mark.parametrize("data", [DATA, BIG, b"x"], ids=["small", "big", "tiny"])
    def test_one_member(self, data: bytes) -> None:
        out, stream = source(gzip.compress(data))
        assert data == out
        assert ("gzip", []) == (stream.compressed, stream.faults)

    def test_members_one_after_the_other(self) -> None:
        out, stream = source(gzip.compress(DATA) + gzip.compress(BIG) + gzip.compress(b"") + gzip.compress(DATA))
        assert DATA + BIG + DATA == out
        assert [] == stream.faults

    def test_zero_bytes_between_and_behind_members(self) -> None:
        out, stream = source(gzip.compress(DATA) + bytes(40_000) + gzip.compress(DATA) + bytes(5))
        assert DATA * 2 == out
        assert [] == stream.faults

    def test_garbage_behind_a_member(self) -> None:
        out, stream = source(gzip.compress(DATA) + b"and this is no gzip")
        assert DATA == out
        assert ["data after the first gzip member is not gzip and was left out"] == stream.faults

    @pytest.mark.parametrize("kept", [-1, -7, -9, -300])
    def test_a_cut_member_gives_what_came_before(self, kept: int) -> None:
        packed = gzip.compress(os.urandom(5000) + BIG)
        out, stream = source(packed[:kept])
        assert len(out) > 4000
        assert 1 == len(stream.faults)
        assert "cut off" in stream.faults[0]

    def test_a_cut_header(self) -> None:
        out, stream = source(gzip.compress(DATA)[:6])
        assert b"" == out
        assert ["the file is cut inside a gzip header"] == stream.faults

    def test_a_wrong_checksum_loses_nothing(self) -> None:
        packed = bytearray(gzip.compress(DATA))
        packed[-6] ^= 1
        out, stream = source(bytes(packed))
        assert DATA == out
        assert ["a gzip checksum is wrong; the data was read anyway"] == stream.faults

    def test_damage_in_the_middle_gives_what_came_before(self) -> None:
        packed = bytearray(gzip.compress(os.urandom(200_000)))
        packed[100_000:100_100] = bytes(100)
        out, stream = source(bytes(packed))
        assert len(out) > 50_000
        assert [] != stream.faults

    def test_all_optional_header_fields(self) -> None:
        raw = zlib.compressobj(wbits=-15)
        body = raw.compress(DATA) + raw.flush()
        head = b"\x1f\x8b\x08\x1e" + bytes(6) + b"\x03\x00abc" + b"name\0" + b"comment\0" + b"\x01\x02"
        tail = zlib.crc32(DATA).to_bytes(4, "little") + len(DATA).to_bytes(4, "little")
        assert (DATA, []) == ((found := source(head + body + tail))[0], found[1].faults)

    def test_an_endless_header(self) -> None:
        out, stream = source(b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 500_000)
        assert b"" == out
        assert ["the file is cut inside a gzip header"] == stream.faults

    def test_gzip_in_gzip_and_no_deeper(self) -> None:
        twice = gzip.compress(gzip.compress(DATA))
        out, stream = source(twice)
        assert (DATA, "gzip, gzip") == (out, stream.compressed)
        out, stream = source(gzip.compress(twice))
        assert gzip.compress(DATA)[:4] == out[:4]
        assert ["compressed more than 2 times; the innermost data was not unpacked"] == stream.faults

    def test_a_bomb_takes_no_memory(self) -> None:
        bomb = gzip.compress(bytes(200 << 20), 6)
        tracemalloc.start()
        stream = Source("x", io.BytesIO(bomb).read)
        size = sum(iter(lambda: len(stream.read(1 << 20) or b""), 0))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert 200 << 20 == size
        assert peak < 16 << 20


class TestZstd:
    def test_frames_one_after_the_other(self) -> None:
        skippable = b"\x53\x2a\x4d\x18\x03\x00\x00\x00abc"
        out, stream = source(skippable + zstd(DATA) + zstd(BIG) + skippable + zstd(DATA))
        assert DATA + BIG + DATA == out
        assert ("zstd", []) == (stream.compressed, stream.faults)

    def test_a_cut_frame_is_noticed(self) -> None:
        out, stream = source(zstd(os.urandom(400_000))[:-1000])
        assert len(out) > 100_000
        assert ["the zstd data is cut off; what came before the cut was read"] == stream.faults

    def test_garbage_behind_a_frame(self) -> None:
        out, stream = source(zstd(DATA) + b"garbage")
        assert DATA == out
        assert ["data after frame 1 is not zstd and was left out"] == stream.faults

    def test_damage(self) -> None:
        packed = bytearray(zstd(os.urandom(10) + DATA))
        packed[20:40] = bytes(20)
        _, stream = source(bytes(packed))
        assert "damaged" in stream.faults[0]

    def test_zstd_of_gzip(self) -> None:
        out, stream = source(zstd(gzip.compress(DATA)))
        assert (DATA, "zstd, gzip") == (out, stream.compressed)

    def test_without_its_library(self, monkeypatch: pytest.MonkeyPatch) -> None:
        packed = zstd(DATA)
        monkeypatch.setitem(sys.modules, "zstandard", None)
        monkeypatch.setitem(sys.modules, "compression.zstd", None)
        with pytest.raises(InputError, match=r"icapdiag\[zstd\]"):
            source(packed)

    def test_by_the_standard_library_where_it_has_zstd(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As Python 3.14 has it: the same interface, in another module."""
        zstandard = pytest.importorskip("zstandard")
        module = ModuleType("compression.zstd")
        vars(module).update(
            ZstdDecompressor=lambda: zstandard.ZstdDecompressor().decompressobj(), ZstdError=zstandard.ZstdError
        )
        packed = zstd(BIG)
        monkeypatch.setitem(sys.modules, "compression", ModuleType("compression"))
        monkeypatch.setitem(sys.modules, "compression.zstd", module)
        monkeypatch.setitem(sys.modules, "zstandard", None)
        assert BIG == source(packed)[0]


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
    @pytest.mark.parametrize("marked", [True, False])
    def test_wide_encodings(self, encoding: str, marked: bool) -> None:
        data = TEXT + '{"vs_name": "dé\U0001f600"}\n'
        mark = "\ufeff" if marked else ""
        out, stream = source((mark + data).encode(encoding))
        assert (data.encode(), encoding) == (out, stream.encoding)

    def test_a_mark_of_utf8(self) -> None:
        out, stream = source(codecs.BOM_UTF8 + DATA)
        assert (DATA, "utf-8", 3) == (out, stream.encoding, stream.mark)

    @pytest.mark.parametrize("data", [b"", b"{", b"a\0", b"\0\0\0\0\0\0\0\0", b"{}\0\0\0\0\0\0\0\0", b"\xff\xfd", DATA])
    def test_what_is_no_wide_encoding(self, data: bytes) -> None:
        assert "utf-8" == encoding_of(data)[0]

    def test_stray_windows_bytes(self) -> None:
        assert ("a “b” é", 2) == to_text(b"a \x93b\x94 \xc3\xa9")
        assert ("plain é", None) == to_text("plain é".encode())

    def test_it_is_said(self, tmp_path: Path) -> None:
        _, report = read(tmp_path / "log", TEXT.encode("utf-16"))
        assert ["read as UTF-16-LE"] == [repair.what for repair in report.repairs]
        _, report = read(tmp_path / "log", codecs.BOM_UTF8 + DATA)
        assert ["a byte order mark was left out"] == [repair.what for repair in report.repairs]


class TestStreams:
    def test_standard_input(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(BIG)))
        reading = read_logs(["-"])
        (report,) = reading.sources
        assert ("<stdin>", 400 * len(ENTRIES), len(BIG)) == (report.name, report.read, report.bytes)

    @pytest.mark.parametrize("data", [DATA, BIG, gzip.compress(BIG), TEXT.encode("utf-16")])
    def test_a_fifo(self, tmp_path: Path, data: bytes) -> None:
        name = tmp_path / "fifo"
        os.mkfifo(name)
        writer = threading.Thread(target=name.write_bytes, args=(data,))
        writer.start()
        reading = read_logs([str(name)])
        writer.join()
        assert reading.records.read in {len(ENTRIES), 400 * len(ENTRIES)}
        assert reading.records.read == reading.records.total

    def test_the_head_comes_out_again(self, tmp_path: Path) -> None:
        name = tmp_path / "log"
        name.write_bytes(BIG)
        with open_source(str(name)) as stream:
            assert BIG[:HEAD] == stream.head
            assert not stream.whole
            assert stream.fd is not None
            assert BIG == stream.readall()
        with open_source(str(name)) as stream:
            assert b"".join(iter(lambda: stream.read(4097) or b"", b"")) == BIG

    def test_an_error_of_the_system_ends_the_input(self) -> None:
        pieces = iter([DATA])

        def read_twice(_size: int) -> bytes:
            for piece in pieces:
                return piece
            raise OSError(5, "Input/output error")

        stream = Source("x", read_twice)
        assert DATA == stream.readall()
        assert ["reading failed: Input/output error"] == stream.faults

    def test_a_file_that_is_gone(self) -> None:
        with pytest.raises(InputError, match=r"nosuch: No such file"), open_source("nosuch"):
            pass

    def test_stop_ends_the_input(self, tmp_path: Path) -> None:
        name = tmp_path / "log"
        name.write_bytes(BIG)
        asked = iter([False, False, False])
        reading = read_logs([str(name), str(tmp_path / "log")], stop=lambda: next(asked, True))
        assert reading.records.read == reading.records.total < 400 * len(ENTRIES)
