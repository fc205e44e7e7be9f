"""One archive for a ticket: the report in three formats, what was sent and received, and from where.

As many files as the size limit allows; the same report gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from icapdiag.icap.samples import EICAR_MARK, eicar
from icapdiag.model import MemberReport, Report
from icapdiag.report.bundle.texts import dump, pool_yaml, readme
from icapdiag.report.formats import render
from icapdiag.report.machine.from_json import from_plain
from icapdiag.report.machine.to_json import settled, to_plain
from icapdiag.report.redact import REDACTED_NOTE
from icapdiag.report.redact.decoding import REMOVED
from icapdiag.vocabulary import Health

MANIFEST_VERSION = 1
MANIFEST = "manifest.json"
_FIRST = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can tell
_MODE = 0o100644
_HEADERS = 30 + 46  # bytes of a file's two headers, without its name
_END = 22
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_PSEUDONYM = re.compile(r"member-[0-9]{1,9}")
# Of whom transcripts are least missed, first.
_LEAST = (Health.DISABLED, Health.OK, Health.UNKNOWN, Health.WARNING, Health.CRITICAL)


class TooLarge(ValueError):
    """The required files do not fit; the message says how large they are."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """``data``: the zip archive. ``dropped``: names of the files that did not fit."""

    data: bytes
    files: tuple[str, ...]
    dropped: tuple[str, ...]


def build(report: Report, *, redacted: bool, largest: int, with_pool: bool = True) -> Bundle:
    """The bundle of a report within a size limit. Redaction happens before.

    The least useful files are dropped first: transcripts of healthy members, other transcripts, formats except JSON.
    ``with_pool`` False leaves pool.yaml out. Raises `TooLarge`.
    """
    report = _without_eicar(settled(report))
    slim = without_transcripts(report)
    files = {name: text.encode("utf-8", "backslashreplace") for name, text in _texts(slim, with_pool=with_pool)}
    files |= {name: text.encode("utf-8", "backslashreplace") for name, text in _transcripts(report)}
    files["README.txt"] = readme(report, tuple(files), redacted=redacted).encode()
    if redacted:
        files = {name: _marked(name, data) for name, data in files.items()}
    packed = {name: _packed_size(name, data) for name, data in files.items()}
    dropped: dict[str, int] = {}
    order = [*_least_useful(report), "report.html", "report.md"]
    while True:
        manifest = _manifest(report, files, dropped, redacted=redacted)
        size = sum(packed.values()) + _packed_size(MANIFEST, manifest) + _END
        if size <= largest:
            break
        excess = size - largest
        while excess > 0:
            name = next((name for name in order if name in files), None)
            if name is None:
                raise TooLarge(f"the files that can't be left out take {size:,} bytes; the limit is {largest:,}")
            dropped[name] = len(files.pop(name))
            excess -= packed.pop(name)
    whole = {**files, MANIFEST: manifest}
    return Bundle(_archive(whole, report.started_at), tuple(sorted(whole)), tuple(dropped))


def _marked(name: str, data: bytes) -> bytes:
    """The file with a first line, or first key, that says that it is redacted; report.* say so themselves."""
    if name.startswith("report."):
        return data
    if name.endswith(".json"):
        return _json({"redacted": REDACTED_NOTE, **json.loads(data)}).encode()
    return f"{'# ' * name.endswith('.yaml')}{REDACTED_NOTE}\n\n".encode() + data


def _without_eicar(report: Report) -> Report:
    """The report without the EICAR test file, which a fact may quote from a server."""
    test = eicar().decode()
    return _with_texts(report, lambda text: text.replace(test, EICAR_MARK))


def masked(report: Report, holds: Callable[[str], bool]) -> Report:
    """The report with ``[removed]`` for each text for which ``holds`` is true. Raises `NotAReport`."""
    return _with_texts(report, lambda text: REMOVED if holds(text) else text)


def _with_texts(report: Report, drawn: Callable[[str], str]) -> Report:
    def masked(value: Any) -> Any:
        match value:
            case str():
                return drawn(value)
            case dict():
                return {masked(key): masked(item) for key, item in value.items()}
            case list():
                return [masked(item) for item in value]
            case _:
                return value

    return from_plain(masked(to_plain(report)))


def without_transcripts(report: Report) -> Report:
    """The report without transcripts, which are separate files."""
    members = tuple(
        replace(member, probes=tuple(replace(probe, transcript=()) for probe in member.probes))
        for member in report.members
    )
    return replace(report, members=members)


def _texts(report: Report, *, with_pool: bool) -> Iterator[tuple[str, str]]:
    yield "report.html", render(report, "html")
    yield "report.md", render(report, "markdown")
    yield "report.json", render(report, "json")
    if with_pool and (pool := pool_yaml(report.configuration)):
        yield "pool.yaml", pool
    document = json.loads(render(replace(report, members=(), groups=()), "json"))
    yield "vantage.json", _json(document["vantage"])
    versions = {
        "tool": document["tool"],
        "schema_version": report.schema_version,
        **{name: document["vantage"].get(name) for name in ("icapdiag", "python", "platform")},
    }
    yield "versions.json", _json(versions)


def _transcripts(report: Report) -> Iterator[tuple[str, str]]:
    for folder, member in zip(_folders(report), report.members, strict=True):
        yield from ((name, dump(member, member.probes[index])) for index, name in _names(folder, member))


def _folders(report: Report) -> list[str]:
    """The folder of each member: its pseudonym or, if names are not only pseudonyms, its number in the report."""
    names = [member.name for member in report.members]
    if len(set(names)) == len(names) and all(_PSEUDONYM.fullmatch(name) for name in names):
        return names
    return [f"member-{number}" for number in range(1, len(names) + 1)]


def _names(folder: str, member: MemberReport) -> Iterator[tuple[int, str]]:
    """Index of the probe and name of its file: a number if the probe's name could be anything."""
    taken: set[str] = set()
    for index, probe in enumerate(member.probes):
        if probe.transcript:
            stem = probe.probe if _SLUG.fullmatch(probe.probe) else "probe"
            stem = f"{stem}-{index + 1}" if stem in taken or stem == "probe" else stem
            taken.add(stem)
            yield index, f"transcripts/{folder}/{stem}.txt"


def _least_useful(report: Report) -> Iterator[str]:
    """Names of transcripts, the least useful first."""
    folders = _folders(report)
    for verdict in _LEAST:
        for folder, member in reversed(list(zip(folders, report.members, strict=True))):
            if member.verdict is verdict:
                yield from (name for _, name in reversed(list(_names(folder, member))))


def _manifest(report: Report, files: Mapping[str, bytes], dropped: Mapping[str, int], *, redacted: bool) -> bytes:
    document = {
        "manifest_version": MANIFEST_VERSION,
        "report": {
            "command": report.command if _SLUG.fullmatch(report.command) else "",
            "started_at": report.started_at,
            "verdict": report.verdict.value,
            "complete": report.complete,
        },
        "redacted": redacted,
        **({} if redacted else {"warning": "NOT REDACTED: contains names, addresses and secrets"}),
        "files": [
            {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in sorted(files.items())
        ],
        "dropped": [{"name": name, "size": size, "why": "--max-size"} for name, size in dropped.items()],
    }
    return _json(document).encode()


def _json(document: object) -> str:
    return json.dumps(document, ensure_ascii=True, indent=1) + "\n"


def _packed_size(name: str, data: bytes) -> int:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return len(packer.compress(data)) + len(packer.flush()) + _HEADERS + 2 * len(name)


def _archive(files: Mapping[str, bytes], started_at: str) -> bytes:
    """The archive, which does not depend on when or where it is made."""
    target = io.BytesIO()
    moment = _moment(started_at)
    with zipfile.ZipFile(target, "w") as archive:
        for name in _ordered(files):
            info = zipfile.ZipInfo(name, moment)
            info.create_system, info.external_attr = 3, _MODE << 16  # as on Unix
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, files[name], zipfile.ZIP_DEFLATED, 9)
    return target.getvalue()


def _ordered(names: Iterable[str]) -> list[str]:
    """What to read first comes first."""
    return sorted(names, key=lambda name: (name != "README.txt", name.startswith("transcripts/"), name))


def _moment(text: str) -> tuple[int, int, int, int, int, int]:
    found = datetime.fromisoformat(text).utctimetuple()
    year, month, day, hour, minute, second = found[:6]
    return max(_FIRST, (year, month, day, hour, minute, second)) if year < 2108 else _FIRST
