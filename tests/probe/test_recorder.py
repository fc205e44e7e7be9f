"""Transcripts: what passed, bounded, with its times, and never the test file."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from icapdiag.facts.connection import TranscriptEntry
from icapdiag.icap.body import encode_chunks
from icapdiag.icap.request import avi_reqmod, http_post, options_request
from icapdiag.icap.samples import CLEAN, EICAR_MARK, eicar
from icapdiag.lab import serve_lab
from icapdiag.pool import loads_pool
from icapdiag.probe import Settings, probe_pool
from icapdiag.probe.recorder import EXCHANGES, KEPT, ConnectionRecorder, TranscriptRecorder, without_eicar
from tests.examples import examples
from tests.probe.fakes import member, pool_of
from tests.probe.resolvers import dns_server, records

ANSWER = b"ICAP/1.0 200 OK\r\nISTag: 1\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"


async def recorded(
    file: Path, *faults: str, transcript: bool = True
) -> dict[str, dict[str, tuple[TranscriptEntry, ...]]]:
    """What members of the lab and we said, by member and probe."""
    async with serve_lab(faults) as lab:
        results = await probe_pool(
            loads_pool(lab.pool_yaml.encode(), file), Settings(eicar=True, transcript=transcript)
        )
    return {
        result.member.name: {each.probe: each.transcript for each in result.observations} for result in results.members
    }


async def test_it_is_there_only_where_it_is_asked_for(tmp_path: Path) -> None:
    found = await recorded(tmp_path / "pool.yaml", "healthy", transcript=False)

    assert {()} == set(found["healthy"].values())


@pytest.mark.parametrize("name", ["healthy", "tls-healthy"])
async def test_a_conversation_is_told_in_clear(tmp_path: Path, name: str) -> None:
    found = (await recorded(tmp_path / "pool.yaml", name))[name]

    events = [entry.text for entry in found["clean"] if entry.direction == "event"]
    sent, received = (entry for entry in found["clean"] if entry.direction != "event")
    assert ["connected", *(["TLS:"] if "tls" in name else [])] == [event.split()[0] for event in events]
    assert sent.text.startswith("REQMOD icap://")
    assert sent.text.endswith(f"Content-Length: {len(CLEAN)}\r\n\r\n")
    assert (len(CLEAN), hashlib.sha256(CLEAN).hexdigest()) == (sent.body_size, sent.body_sha256)
    assert received.text.startswith("ICAP/1.0 204 ")
    assert found["options"][-1].text.startswith("ICAP/1.0 200 OK\r\n")
    times = [time for entry in (sent, received) for time in (entry.at_ms or 0, entry.until_ms or 0)]
    assert sorted(times) == times


async def test_a_connection_that_is_refused_is_an_event(tmp_path: Path) -> None:
    (event,) = (await recorded(tmp_path / "pool.yaml", "refused"))["refused"]["tcp"]

    assert "event" == event.direction
    assert event.text.startswith("no connection to 127.0.0.1:")
    assert event.text.endswith(": Connection refused")


async def test_names_that_are_asked_for_are_events() -> None:
    async with dns_server(records(A=("127.0.0.9",))) as port:
        settings = Settings(transcript=True, resolvers=("127.0.0.1",), resolver_port=port)
        results = await probe_pool(pool_of(member(1, host="icap.example.test")), settings)

    texts = {entry.text for entry in results.members[0].observations[0].transcript}
    assert {
        "DNS server 127.0.0.1 on A icap.example.test: 127.0.0.9",
        "DNS server 127.0.0.1 on AAAA icap.example.test: NODATA",
    } == texts


@asynccontextmanager
async def recording() -> AsyncIterator[tuple[TranscriptRecorder, ConnectionRecorder]]:
    transcript = TranscriptRecorder()
    found = transcript.connection()
    found.request(options_request("127.0.0.1", 1344, "/avscan"))
    yield transcript, found


async def test_what_is_long_is_cut_and_counted(autojump_clock: trio.testing.MockClock) -> None:
    async with recording() as (transcript, connection):
        for _ in range(10):
            await trio.sleep(1)
            connection.received(b"x" * 1000)

    (entry,) = transcript.taken()
    assert ("x" * KEPT, 10_000, 10) == (entry.text, entry.size, entry.pieces)
    assert (1000.0, 10_000.0) == (entry.at_ms, entry.until_ms)


async def test_conversations_beyond_a_number_are_counted() -> None:
    async with recording() as (transcript, connection):
        for _ in range(EXCHANGES + 4):
            connection.request(options_request("127.0.0.1", 1344, "/avscan"))
            connection.sent(b"OPTIONS")
            connection.received(b"ICAP/1.0 200 OK")

    *shown, last = transcript.taken()
    assert (EXCHANGES - 1) * 2 == len(shown)
    assert "5 more conversations are not shown here" == last.text


async def test_a_preview_and_the_rest_are_told_apart() -> None:
    body = bytes(range(256)) * 40
    request = avi_reqmod("h", 1344, "/s", http_request=http_post("h", "/", len(body)), body=body, preview_size=1000)
    async with recording() as (transcript, connection):
        connection.request(request)
        connection.sent(request.first)
        connection.received(b"ICAP/1.0 100 Continue\r\n\r\n")
        for at in range(0, len(request.rest), 77):
            connection.sent(request.rest[at : at + 77])

    first, _, rest = transcript.taken()
    assert [(1000, body[:1000]), (9240, body[1000:])] == [
        (entry.body_size, data)
        for entry, data in ((first, body[:1000]), (rest, body[1000:]))
        if entry.body_sha256 == hashlib.sha256(data).hexdigest()
    ]
    assert "" == rest.text


async def test_the_next_probe_begins_anew() -> None:
    async with recording() as (transcript, connection):
        connection.received(b"first")
        transcript.begin()
        connection.received(b"second")

    assert ["second"] == [entry.text for entry in transcript.taken()]


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[first:last] for first, last in pairwise(ends)]


@given(
    before=st.binary(max_size=60),
    after=st.binary(max_size=60),
    cuts=st.lists(st.integers(0, 200), max_size=8),
    chunk=st.integers(1, 80),
)
@settings(max_examples=examples(200))
def test_the_test_file_never_stands_in_it(before: bytes, after: bytes, cuts: list[int], chunk: int) -> None:
    chunks = b"".join(encode_chunks(eicar(), chunk))
    pieces = split(before + chunks + after, cuts)

    masked = without_eicar(pieces)

    assert len(pieces) == len(masked)
    whole = b"".join(masked)
    assert EICAR_MARK.encode() in whole
    assert eicar() not in whole
    assert b"EICAR-STANDARD" not in whole.replace(EICAR_MARK.encode(), b"")
    assert whole.startswith(before)
    assert whole.endswith(after)


@given(st.lists(st.binary(max_size=90), max_size=5))
def test_all_else_stays(pieces: list[bytes]) -> None:
    assert pieces == without_eicar(pieces)


@pytest.mark.parametrize("length", [20, 40, 67])
def test_a_part_of_it_at_the_cut_goes_too(length: int) -> None:
    assert [b"abc" + EICAR_MARK.encode(), b""] == without_eicar([b"abc" + eicar()[:length], b""])


async def test_a_server_that_gives_it_back_in_pieces() -> None:
    async with recording() as (transcript, connection):
        connection.received(ANSWER + b"22\r\n" + eicar()[:34])
        connection.sent(b"")
        connection.received(b"\r\n22\r\n" + eicar()[34:] + b"\r\n0\r\n\r\n")

    received = [entry.text for entry in transcript.taken() if entry.direction == "received"]
    assert [ANSWER.decode() + "22\r\n" + EICAR_MARK, "\r\n0\r\n\r\n"] == received
