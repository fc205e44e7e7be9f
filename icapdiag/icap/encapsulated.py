"""The Encapsulated list (RFC 3507, 4.4.1): which parts follow the ICAP head, and where."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import cast, get_args

from icapdiag.icap.errors import SEEN
from icapdiag.icap.message import BodyName, Deviation, EncapsulatedPart

HEAD_NAMES = ("req-hdr", "res-hdr")
BODY_NAMES: tuple[str, ...] = get_args(BodyName)
_MEMBER = re.compile(r"([A-Za-z-]+)\s*=\s*(\d{1,10})")
_SECTION = "4.4.1"


def parse_encapsulated(value: str) -> tuple[tuple[EncapsulatedPart, ...], list[Deviation]]:
    """Read ``req-hdr=0, req-body=412``; what can't be read is dropped and recorded.

    Legal lists: header parts in order, then exactly one body token, offsets ascending from 0.
    """
    parts: list[EncapsulatedPart] = []
    deviations: list[Deviation] = []

    def deviate(detail: str) -> None:
        deviations.append(Deviation("encapsulated-invalid", _SECTION, detail, value.encode("latin-1")[:SEEN]))

    for member in value.replace("\n", ",").split(","):
        text = member.strip()
        if not text:
            continue
        found = _MEMBER.fullmatch(text)
        if found is None or found[1].lower() not in (*HEAD_NAMES, *BODY_NAMES):
            deviate("a member is not name=offset with a name of the RFC")
            continue
        parts.append(EncapsulatedPart(found[1].lower(), int(found[2])))
    names = [part.name for part in parts]
    bodies = [name for name in names if name in BODY_NAMES]
    if not parts:
        deviate("the list is empty")
    elif len(bodies) != 1 or names[-1] != bodies[0]:
        deviate("there must be exactly one body part, and it comes last")
    if parts and parts[0].offset != 0:
        deviate("the first offset is not 0")
    if any(later.offset < earlier.offset for earlier, later in pairwise(parts)):
        deviate("the offsets do not ascend")
    if {"req-hdr", "res-body"} <= set(names) and "res-hdr" not in names:
        deviate("a response body comes with a request head")
    if {"res-hdr", "req-body"} <= set(names):
        deviate("a request body comes with a response head")
    return tuple(parts), deviations


def body_name(parts: tuple[EncapsulatedPart, ...]) -> BodyName | None:
    """The body token of the list, the last one if there are several."""
    found = [part.name for part in parts if part.name in BODY_NAMES]
    return cast("BodyName", found[-1]) if found else None


def head_lengths(parts: tuple[EncapsulatedPart, ...]) -> list[tuple[str, int | None]]:
    """Each header part with the length that the next offset gives it; None where there is no next one."""
    lengths: list[tuple[str, int | None]] = []
    for index, part in enumerate(parts):
        if part.name in HEAD_NAMES:
            following = parts[index + 1].offset if index + 1 < len(parts) else None
            lengths.append((part.name, None if following is None else max(0, following - part.offset)))
    return lengths
