"""Clients, paths and so on of a group's requests: names with counts, limited in number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from msgspec import Struct, field

from icapdiag.avi.addresses import to_address
from icapdiag.avi.entry import DetailedEntry

MORE = "(more)"
ROOM = 400  # names of a kind in a group
NARROW = 20  # the same in one of the later groups: a log can have thousands of them
TEXT_KEPT = 200
_SEGMENTS = 3  # of a path; what is behind them is mostly the name of one upload
_SIZES = (
    (1_000, "under 1 KB"),
    (10_000, "1 to 10 KB"),
    (100_000, "10 to 100 KB"),
    (1_000_000, "100 KB to 1 MB"),
    (10_000_000, "1 to 10 MB"),
)
_LARGE = "10 MB and more"


class Names(Struct, array_like=True):
    """Requests by name. If there are too many names, the rarer half is dropped, and ``lost`` counts its requests."""

    counts: dict[str, int] = {}
    lost: int = 0

    def note(self, name: str, count: int = 1, room: int = ROOM) -> None:
        """Note requests of one name."""
        known = self.counts.get(name)
        if known is None:
            if len(self.counts) >= room:
                self._make_room(room)
            known = 0
        self.counts[name] = known + count

    def _make_room(self, room: int) -> None:
        kept = {name: self.counts[name] for name in self.first(room // 2)}
        self.lost += sum(self.counts.values()) - sum(kept.values())
        self.counts = kept

    def merge(self, other: Names, room: int = ROOM) -> None:
        """Add the counts of another one."""
        for name, count in other.counts.items():
            self.note(name, count, room)
        self.lost += other.lost

    def first(self, limit: int) -> list[str]:
        """The most frequent names; of equally frequent ones, the earlier first."""
        return sorted(self.counts, key=self.counts.__getitem__, reverse=True)[:limit]

    def all(self) -> dict[str, int]:
        """Every name that was kept, and `MORE` for the others."""
        return {**self.counts, MORE: self.counts.get(MORE, 0) + self.lost} if self.lost else self.counts


class Who(Struct, array_like=True):
    """Names of the requests of a group that were decoded with details."""

    looked_at: int = 0
    room: int = ROOM
    clients: Names = field(default_factory=Names)
    users: Names = field(default_factory=Names)
    methods: Names = field(default_factory=Names)
    hosts: Names = field(default_factory=Names)
    paths: Names = field(default_factory=Names)
    content_types: Names = field(default_factory=Names)
    sizes: Names = field(default_factory=Names)
    rules: Names = field(default_factory=Names)
    engines: Names = field(default_factory=Names)

    new: list[tuple[Any, ...]] = []  # noted, to be counted all at once: one by one takes ten times as long

    def note(self, entry: DetailedEntry) -> None:
        """One request."""
        self.new.append(_noted(entry))

    def count_new(self) -> None:
        """Count the requests that were noted."""
        self.looked_at += len(self.new)
        for (kind, in_words), values in zip(_KINDS, zip(*self.new, strict=True), strict=True):
            names: Names = getattr(self, kind)
            for value, count in Counter(values).items():
                if value and (name := in_words(value)):
                    names.note(name[:TEXT_KEPT], count, self.room)
        self.new.clear()

    def listed(self, limit: int) -> dict[str, tuple[str, ...] | None]:
        """The most frequent names of each kind."""
        return {kind: tuple(getattr(self, kind).first(limit)) or None for kind in KINDS}

    def merge(self, other: Who) -> None:
        """Add what was counted elsewhere."""
        self.looked_at += other.looked_at
        for kind in KINDS:
            getattr(self, kind).merge(getattr(other, kind), self.room)


def folder(path: str) -> str:
    """The path; of a long one only the beginning: ``/api/v1/upload/*``."""
    if path.count("/") <= _SEGMENTS:
        return path
    return f"{'/'.join(path.split('/', _SEGMENTS + 1)[: _SEGMENTS + 1])}/*"


def media_type(text: str) -> str:
    """The media type without parameters, as each form has its own boundary."""
    return text.partition(";")[0].strip().lower()


def _size(length: int) -> str:
    """The size of the request in words."""
    return next((words for limit, words in _SIZES if length < limit), _LARGE) if length > 0 else ""


_KINDS: tuple[tuple[str, Callable[[Any], str | None]], ...] = (
    ("clients", to_address),
    ("users", str),
    ("methods", str.upper),
    ("hosts", str),
    ("paths", folder),
    ("content_types", media_type),
    ("sizes", _size),
    ("rules", str),
    ("engines", str),
)
_noted = attrgetter(
    *("client", "user_id", "method", "host", "uri_path", "request_content_type", "request_length", "rule"),
    "service_engine",
)
KINDS = tuple(kind for kind, _ in _KINDS)
