"""One direction put in order: any order, repeats and overlaps give the same bytes; gaps are said."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from icapdiag.capture.stream import Piece, Stream

DATA = bytes(range(200))


def text(pieces: list[Piece]) -> list[bytes | int]:
    """The bytes between gaps, and the gaps."""
    found: list[bytes | int] = []
    for piece in pieces:
        if piece.gap:
            found.append(piece.gap)
        elif found and isinstance(found[-1], bytes):
            found[-1] += piece.data
        else:
            found.append(piece.data)
    return found


def fed(segments: list[tuple[int, bytes]], start: int = 1000) -> tuple[Stream, list[Piece]]:
    stream = Stream()
    stream.start(start - 1)
    pieces: list[Piece] = []
    for number, (at, data) in enumerate(segments):
        pieces += stream.add(number, (start + at) % 2**32, data, 0)
    return stream, pieces + stream.flush()


@st.composite
def shuffled(draw: st.DrawFn) -> list[tuple[int, bytes]]:
    """The data in segments, in any order, some of them twice, some overlapping."""
    cuts = sorted(draw(st.sets(st.integers(1, len(DATA) - 1), max_size=12)))
    edges = [0, *cuts, len(DATA)]
    segments = [(one, DATA[one:two]) for one, two in pairwise(edges)]
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(DATA) - 1))
        segments.append((at, DATA[at : at + draw(st.integers(1, 60))]))
    return draw(st.permutations(segments))


@given(shuffled(), st.sampled_from([1000, 2**32 - 50, 2**31 - 10, 0]))
def test_any_order_gives_the_bytes(segments: list[tuple[int, bytes]], start: int) -> None:
    stream, pieces = fed(segments, start)

    assert [DATA] == text(pieces)
    assert (0, 0) == (stream.missing, stream.differing)


@given(shuffled(), st.integers(0, 12))
def test_what_is_missing_is_said(segments: list[tuple[int, bytes]], left_out: int) -> None:
    kept = segments[:left_out] + segments[left_out + 1 :]
    there = set[int]()
    for at, data in kept:
        there |= set(range(at, at + len(data)))
    stream, pieces = fed(kept)
    position, bytes_read = 0, dict[int, int]()
    for piece in pieces:
        for offset, byte in enumerate(piece.data):
            bytes_read[position + offset] = byte
        position += piece.gap + len(piece.data)

    assert {at: DATA[at] for at in there} == bytes_read
    assert stream.missing == sum(piece.gap for piece in pieces)


def test_first_bytes_count() -> None:
    stream = Stream()
    stream.start(99)
    assert [] == stream.add(0, 105, b"second", 0)
    assert [] == stream.add(1, 105, b"SECOND", 0)
    assert [b"firstsecond"] == text(stream.add(2, 100, b"first", 0))
    assert [] == stream.add(3, 100, b"FIRSTSECOND", 0)
    assert (2, 1, 1) == (stream.resent, stream.differing, stream.out_of_order)


def test_a_keep_alive_is_no_repeat() -> None:
    stream, _ = fed([(0, b"abc"), (2, b"c")])

    assert 0 == stream.resent


def test_an_acknowledged_gap_is_the_captures() -> None:
    stream = Stream()
    stream.start(99)
    assert [] == stream.add(0, 110, b"beyond", 0)
    assert [] == stream.add(1, 116, b" the gap", 0)
    assert [10, b"beyond the gap"] == text(stream.acknowledged(124))


def test_a_gap_behind_which_too_much_waits_is_given_up() -> None:
    stream = Stream()
    stream.start(99)
    pieces: list[Piece] = []
    for number in range(2000):
        pieces += stream.add(number, 200 + number * 1000, b"x" * 1000, 0)

    assert [100] == text(pieces)[:1]
    assert 2_000_000 == sum(len(piece.data) for piece in pieces)


def test_a_packet_that_was_captured_twice_counts_once() -> None:
    stream = Stream()

    assert [False, True, False, False] == [
        stream.is_twice(0, 1, 10, 77),
        stream.is_twice(50_000_000, 1, 10, 77),
        stream.is_twice(60_000_000, 1, 10, 78),  # sent again: another identification
        stream.is_twice(61_000_000, 2, 10, 79),
    ]
