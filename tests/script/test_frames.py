"""Frames survive what terminals and tickets do to text; what is cut is said."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icapdiag.script.frames import cksum, is_output, read_runs
from tests.script.running import DAMAGES, with_crlf, with_prompts, wrapped

DATA = b'ICAP/1.0 204 No Content\r\nISTag: "x"\r\n\r\n' * 5


def frame(number: int, head: str, data: bytes = b"", *, run: str = "00ab12", code: str = "b") -> bytes:
    """As the script prints it."""
    text = base64.b64encode(data).decode() if code == "b" else data.hex()
    head = f"{head};code={code};len={len(text)}"
    head += f";sum={cksum((head + text).encode())}"
    lines = [head, *(text[at : at + 56] for at in range(0, len(text), 56))]
    return b"".join(f"~{run}.{number}.{at}:{line}~\n".encode() for at, line in enumerate(lines))


WHOLE = (
    frame(0, "f=who;host=se-1;ns=;bash=5_2;at=1")
    + b"# 192.0.2.1:1344 options: 200\n"
    + frame(100, "f=step;m=0;s=options;at=1;end=eof;said=", DATA)
    + frame(101, "f=step;m=0;s=clean;at=2;end=eof;said=", DATA, code="x")
    + frame(3, "f=end;at=9")
)


def kinds(data: bytes) -> list[tuple[int, str, bytes, str]]:
    return [(each.number, each.kind, each.data, each.cut) for run in read_runs([data]) for each in run.frames]


EXPECTED = [(0, "who", b"", ""), (3, "end", b"", ""), (100, "step", DATA, ""), (101, "step", DATA, "")]


def test_a_whole_output() -> None:
    assert kinds(WHOLE) == EXPECTED
    assert is_output(WHOLE)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_paste_is_read_as_a_whole_one(damage: Callable[[bytes], bytes]) -> None:
    assert EXPECTED == kinds(damage(WHOLE))


def test_all_damages_at_once() -> None:
    assert EXPECTED == kinds(with_crlf(wrapped(WHOLE) + with_prompts(WHOLE)))


def test_a_line_that_is_missing_is_said_and_the_rest_is_read() -> None:
    lines = WHOLE.splitlines(keepends=True)
    gone = next(at for at, line in enumerate(lines) if b".100.2:" in line)
    found = {number: (data, cut) for number, _, data, cut in kinds(b"".join(lines[:gone] + lines[gone + 1 :]))}

    assert DATA[:42] == found[100][0]
    assert f"56 of {len(base64.b64encode(DATA))} characters are there" == found[100][1]
    assert (DATA, "") == found[101]


def test_a_byte_that_changed_is_noticed() -> None:
    assert "its checksum is wrong" in [cut for *_, cut in kinds(WHOLE.replace(b"SUNBUC", b"SUNBUD", 1))]


def test_an_output_without_its_end() -> None:
    [run] = read_runs([WHOLE[: WHOLE.index(b"~00ab12.3.")]])

    assert not run.ended


def test_the_other_copy_has_the_line_that_one_lacks() -> None:
    half = len(WHOLE) // 2

    assert EXPECTED == kinds(WHOLE[:half] + b"\n" + WHOLE)


@pytest.mark.skipif(shutil.which("cksum") is None, reason="needs cksum")
@pytest.mark.parametrize("data", [b"", b"a", b"icapdiag", bytes(range(256)) * 3])
def test_the_checksum_is_that_of_cksum(data: bytes) -> None:
    done = subprocess.run(["cksum"], input=data, capture_output=True, check=True)

    assert done.stdout.split()[0] == str(cksum(data)).encode()


@given(st.binary(max_size=400))
def test_nothing_raises(data: bytes) -> None:
    read_runs([data, WHOLE + data, data + WHOLE])
