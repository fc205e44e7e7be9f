"""What a capture says, in short: for tests to compare."""

from __future__ import annotations

import io
from typing import Any

from icapdiag.capture.reading import CaptureReader
from icapdiag.facts.connection import ProfileInForce
from icapdiag.model import Observation, flatten

PROFILE = ProfileInForce(warn_ms=10_000, crit_ms=60_000)


def reader_of(*files: bytes, **given: Any) -> CaptureReader:
    """A reader that has read these files to their end."""
    reader = CaptureReader(profile=PROFILE, **given)
    for data in files:
        reader.read("test.pcap", io.BytesIO(data).read)
    reader.finish()
    return reader


def observed(*files: bytes, **given: Any) -> list[Observation]:
    """All observations, members in order."""
    reader = reader_of(*files, **given)
    return [one for member in reader.members for one in member.observations("", str(member.peer))]


def outcomes(*files: bytes, **given: Any) -> list[tuple[str, str, object, object, object]]:
    """Of each probe but the sums: its name, status, reason, ICAP status and verdict."""
    flat = [flatten(one) for one in observed(*files, **given)]
    return [
        (str(one["probe"]), str(one["status"]), one["reason"], one.get("icap_status"), one.get("verdict"))
        for one in flat
        if one["probe"] not in {"path", "capture"}
    ]


def facts(probe: str, *files: bytes, **given: Any) -> dict[str, Any]:
    """The first observation of a probe, flat."""
    return dict(next(flatten(one) for one in observed(*files, **given) if one.probe == probe))
