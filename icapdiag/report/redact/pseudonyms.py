"""Which pseudonym stands for what; the same value always gets the same one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal

import msgspec

VERSION = 1
_KEPT = 200_000  # values in one key
_LONGEST = 4096  # characters of a value
_V4 = int(IPv4Address("198.18.0.0"))  # 198.18.0.0/15 is for benchmarks (RFC 2544): nobody's own network
_V4_NETWORKS = 512
_V6 = int(IPv6Address("2001:db8::"))  # for documentation (RFC 3849)
_NOBODY = ("unspecified", "loopback")


class _Key(msgspec.Struct):
    version: Literal[1]
    pseudonyms: dict[str, dict[str, str]]  # by kind


class KeyFileError(ValueError):
    """A text that is no key; what is wrong with it."""


def stands_for_itself(text: str) -> bool:
    """Whether an address tells nothing, as 127.0.0.1 does. Raises ValueError for a text that is no address."""
    address = ip_address(text.partition("%")[0])
    return any(getattr(address, f"is_{trait}") for trait in _NOBODY)


class Pseudonyms:
    """The pseudonyms given so far, by kind: ``member``, ``host``, ``address`` and so on.

    ``known`` are those of an earlier run (`dumps`), which are given again.
    """

    def __init__(self, known: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self._by_kind: dict[str, dict[str, str]] = {kind: dict(values) for kind, values in (known or {}).items()}
        self._taken = {pseudonym for values in self._by_kind.values() for pseudonym in values.values()}

    def of(self, kind: str, value: str) -> str:
        """The pseudonym of a value, such as ``host-3``."""
        if kind == "address":
            return self.of_address(value)
        values = self._by_kind.setdefault(kind, {})
        found = values.get(value)
        if found is None:
            found = self._fresh(kind, len(values))
            if len(values) < _KEPT and len(value) <= _LONGEST:
                values[value] = found
        return found

    def of_address(self, text: str) -> str:
        """The address that stands for this one: of the same network (/24, /64) if theirs are; as it is where it
        tells nothing, as 127.0.0.1 does. Raises ValueError for a text that is no address.
        """
        address = ip_address(text.partition("%")[0])
        if stands_for_itself(text):
            return text
        values = self._by_kind.setdefault("address", {})
        name = str(address)
        if name not in values:
            values[name] = self._fresh_address(address)
        return values[name]

    def _fresh(self, kind: str, number: int) -> str:
        while (found := f"{kind}-{number + 1}") in self._taken:
            number += 1
        self._taken.add(found)
        return found

    def _fresh_address(self, address: IPv4Address | IPv6Address) -> str:
        host_bits, base = (8, _V4) if address.version == 4 else (64, _V6)
        network = str(ip_address(int(address) >> host_bits << host_bits))
        networks = self._by_kind.setdefault(f"network{address.version}", {})
        index = int(networks.setdefault(network, str(len(networks) + 1)))
        if address.version == 4:
            index %= _V4_NETWORKS
        first = base + (index << host_bits)
        last = first + (1 << host_bits) - 1
        for number in range(first + 1, last):  # bounded by what is taken
            found = str(ip_address(number)) if address.version == 4 else str(IPv6Address(number))
            if found not in self._taken:
                self._taken.add(found)
                return found
        return str(ip_address(last))  # 254 addresses of 512 networks are spoken for

    def __iter__(self) -> Iterator[tuple[str, str, str]]:
        """Kind, value, pseudonym, in the order in which they were given."""
        for kind, values in self._by_kind.items():
            if not kind.startswith("network"):
                yield from ((kind, value, pseudonym) for value, pseudonym in values.items())

    def dumps(self) -> str:
        """All of it as JSON, for `loads`. Whoever has this text can undo the redaction."""
        return json.dumps({"version": VERSION, "pseudonyms": self._by_kind}, ensure_ascii=True, indent=1) + "\n"

    @classmethod
    def loads(cls, text: str) -> Pseudonyms:
        """What `dumps` gave. Raises `KeyFileError` for anything else."""
        try:
            key = msgspec.json.decode(text.encode(errors="replace"), type=_Key)
        except (msgspec.DecodeError, RecursionError) as error:
            raise KeyFileError(f"not a key file of version {VERSION}: {error}") from None
        return cls(key.pseudonyms)
