"""What equal transactions or connections of a capture have in common, and what names their ends."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import NamedTuple

from icapdiag.capture.http import Upload as HttpUpload
from icapdiag.capture.outcome import Ending
from icapdiag.facts.connection import Sightings
from icapdiag.facts.sheet import Sheet

GROUPS, CLIENTS, HANDSHAKES = 10_000, 100_000, 1_000_000  # of all members


class Peer(NamedTuple):
    """An address and a port."""

    address: str
    port: int

    @classmethod
    def of(cls, packed: bytes) -> Peer:
        """Of address and port as packets have them."""
        return cls(str(ipaddress.ip_address(packed[:-2])), int.from_bytes(packed[-2:], "big"))

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class Allowance:
    """How much all members may keep together, beside what each may: groups, clients, and handshakes that are timed."""

    __slots__ = ("clients", "groups", "handshakes")

    def __init__(self) -> None:
        self.groups, self.clients, self.handshakes = GROUPS, CLIENTS, HANDSHAKES


class Group:
    """Transactions or connections with the same outcome; the facts are those of the slowest."""

    __slots__ = ("count", "facts", "first", "last", "status_of", "took", "uploads")

    def __init__(self, ending: Ending, facts: Sheet, time: int) -> None:
        self.status_of = ending
        self.facts = facts
        self.took = -1.0  # ms
        self.count = 0
        self.first = self.last = time
        self.uploads: list[HttpUpload] = []

    def add(self, ending: Ending, facts: Sheet, time: int, took: float) -> None:
        """One more."""
        self.count += 1
        self.first, self.last = min(self.first, time), max(self.last, time)
        if took > self.took:
            self.facts, self.took, self.status_of = facts, took, ending

    @property
    def sightings(self) -> Sightings:
        """Their number, and the times of the first and the last."""
        return Sightings(count=self.count, first_seen=iso(self.first), last_seen=iso(self.last))


def iso(time: int) -> str:
    """Of ns since 1970; UTC, with milliseconds."""
    moment = datetime.fromtimestamp(time // 1_000_000 / 1000, UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds") + "Z"
