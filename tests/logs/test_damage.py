"""Any bytes at all: a reading comes out, and its sums add up."""

from __future__ import annotations

import random
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from icapdiag.logs.blocks.spans import MISMATCHED, end_of_value
from icapdiag.logs.opening import source as sources
from tests.examples import PROFILE, examples
from tests.logs.samples import ENTRIES, actions, containers, read

CONTAINERS = containers()
COMPLETE = b"2026-03-02T10:00:0"
HEADS = [1 << 20, 1500]

_any = settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
_pieces = st.sampled_from(
    [
        *(text.encode() for text in CONTAINERS.values()),
        *(text.encode()[:700] for text in CONTAINERS.values()),
        *(text.encode()[-700:] for text in CONTAINERS.values()),
        *(b"{", b"}", b"[", b"]", b'"', b"\\", b"\n", b"\r\n\r\n", b",", b":", b"\0", b"'", b"\xff", b"\xef\xbb\xbf"),
        *(b"ICAP/1.0 200 OK\r\n", b"ICAP HEADERS:\n", b"<134>1 ", b"\x1f\x8b\x08", b"\xff\xfe"),
        *([b"\x28\xb5\x2f\xfd"] if find_spec("zstandard") else []),  # without it, zstd is refused as a whole
        *(b'"icap_log": ', b'{"results":[', b"report_timestamp,icap_log\n", "“".encode(), b"<html>"),
        *(b"&quot;icap_log&quot;", b"Content-Length: 3\r\n"),
    ]
)  # fmt: skip


@pytest.mark.parametrize("head", HEADS)
@given(data=st.binary(max_size=400))
@_any
def test_any_bytes(tmp_path: Path, data: bytes, head: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "HEAD", head)
        read(tmp_path / "any", data)


@pytest.mark.parametrize("head", HEADS)
@given(pieces=st.lists(_pieces | st.binary(max_size=20), max_size=6))
@_any
def test_any_mixture(tmp_path: Path, pieces: list[bytes], head: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "HEAD", head)
        read(tmp_path / "any", b"".join(pieces))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("form", CONTAINERS)
def test_a_cut_costs_no_more_than_the_last_record(
    tmp_path: Path, form: str, head: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "HEAD", head)
    data = containers(ENTRIES[:2])[form].encode()
    sign = b'"icap_log"' if form == "text" else COMPLETE
    begun = [at for at in range(len(data)) if data.startswith(sign, at)]
    assert 2 == len(begun)
    step = (1 if PROFILE == "ci" else 5) if head == HEADS[0] else 7
    for cut in range(0, len(data), step):
        _, report = read(tmp_path / "cut", data[:cut])
        complete = max(0, sum(start < cut for start in begun) - 1)
        assert complete <= report.read <= complete + 2, cut
        assert report.unreadable <= 1, cut


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("form", [form for form in CONTAINERS if form != "csv"])
def test_a_flipped_bit_costs_no_more_than_two_records(
    tmp_path: Path, form: str, head: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is damaged; a separator that goes can join it with its neighbour."""
    monkeypatch.setattr(sources, "HEAD", head)
    data = CONTAINERS[form].encode()
    choose = random.Random(7)  # noqa: S311 - damage, not secrets
    for _ in range(150):
        damaged = bytearray(data)
        at = choose.randrange(len(data))
        damaged[at] ^= 1 << choose.randrange(8)
        _, report = read(tmp_path / "flip", bytes(damaged))
        assert report.read >= 3, (at, data[at - 20 : at + 20], chr(damaged[at]))


@pytest.mark.parametrize("form", CONTAINERS)
def test_heavy_damage_adds_up(tmp_path: Path, form: str) -> None:
    data = CONTAINERS[form].encode()
    choose = random.Random(form)  # noqa: S311 - see above
    for _ in range(80):
        damaged = bytearray(data)
        for _ in range(choose.randrange(1, 30)):
            at = choose.randrange(len(damaged))
            match choose.randrange(4):
                case 0:
                    damaged[at] = choose.randrange(256)
                case 1:
                    del damaged[at : at + choose.randrange(1, 60)]
                case 2:
                    damaged[at:at] = choose.choices(b"{}[]\"',:\\\n\0", k=choose.randrange(1, 5))
                case _:
                    damaged[at:at] = damaged[: choose.randrange(200)]
        read(tmp_path / "heavy", bytes(damaged))


@pytest.mark.parametrize(
    "piece",
    [
        '"icap_log": nothing {\n',
        'text {"a": 1, \n',
        "<script><b>&quot;icap_log&quot;: ",
        '{"icap_log": "\n',
        "{'icap_log': ",
        '[{"a":',
        '{"adf":true,"report_timestamp":"2026-03-02T10:00:00Z","x":[1,2}\n',
        '<13>Mar  2 10:00:00 h x: {"a": \n',
        "ICAP HEADERS:\n\tICAP/1.0 200 OK\n",
        '"adf": 1,"adf": ',
    ],
)
@pytest.mark.timeout(60)
def test_much_damage_takes_no_quadratic_time(tmp_path: Path, piece: str) -> None:
    read(tmp_path / "much", piece * (1_000_000 // len(piece)))


@pytest.mark.parametrize("head", HEADS)  # read as a whole, and as a stream
@pytest.mark.parametrize("bomb", [b"[", b"[[{", b'{"a":', b'[{"a":[', b'{"', b"[1,", b"[{", b"]", b'"'])
def test_a_bomb_is_given_up_early(tmp_path: Path, bomb: bytes, head: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beginnings of values without end: some are looked into, the rest is one record."""
    monkeypatch.setattr(sources, "HEAD", head)
    data = bomb * (800_000 // len(bomb))

    _, source = read(tmp_path / "bomb", data)

    assert (0, 0) == (source.read, source.skipped)
    assert 1 <= source.unreadable <= 5001


@pytest.mark.parametrize("deep", [1001, 400_000])
def test_what_no_decoder_follows_is_told_by_its_depth(deep: int) -> None:
    text = bytearray(b"[" * deep + b"]" * deep)

    assert MISMATCHED == end_of_value(text, 0, len(text))
    assert 2 * 999 == end_of_value(text, deep - 999, deep + 999) - (deep - 999)


def test_a_large_list_behind_a_comma(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "HEAD", 1500)
    reading, report = read(tmp_path / "any", f",{containers()['array']}")
    assert ("array", {"ICAP_BLOCKED": 4}) == (report.container, actions(reading))
