"""Which pseudonym stands for what; the same value always gets the same one."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address, ip_network
from typing import Literal

import msgspec

VERSION = 1
_KEPT = 200_000  # values in one key
_LONGEST = 4096  # characters of a value
_OLD = ("network4", "network6")  # kinds of a key that had addresses for addresses
_NOBODY = ("unspecified", "loopback")
KINDS = ("certificate", "date", "engine", "file", "header", "host", "interface", "istag", "mac", "mail", "member",
         "number", "path", "pattern", "person", "pool", "profile", "request", "service", "subject", "word")  # fmt: skip
PSEUDONYM = re.compile(rf"(?<![^\W_])(?:net[0-9]{{1,6}}-host[0-9]{{1,6}}|(?:{'|'.join(KINDS)})-[0-9]{{1,6}})(?![^\W_])")


class _Key(msgspec.Struct):
    version: Literal[1]
    pseudonyms: dict[str, dict[str, str]]  # by kind


class KeyFileError(ValueError):
    """A text that is not a valid key; the message says why."""


def stands_for_itself(text: str) -> bool:
    """Whether an address identifies nobody, such as 127.0.0.1. Raises ValueError for any other text."""
    address = ip_address(text.partition("%")[0])
    return any(getattr(address, f"is_{trait}") for trait in _NOBODY)


class Pseudonyms:
    """The pseudonyms given so far, by kind: ``member``, ``host``, ``address`` and so on.

    ``known``: those of an earlier run (`dumps`), which are used again.
    """

    def __init__(self, known: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self._by_kind: dict[str, dict[str, str]] = {kind: dict(values) for kind, values in (known or {}).items()}
        self._last: Counter[str] = Counter()  # numbers given, by what stands before them
        self._taken = {pseudonym for values in self._by_kind.values() for pseudonym in values.values()}

    def reserve(self, pseudonyms: Iterable[str]) -> None:
        """A text that is already a pseudonym, or somebody's name, is not used for another value."""
        self._taken.update(pseudonyms)

    def of(self, kind: str, value: str) -> str:
        """The pseudonym of a value, such as ``host-3``."""
        if kind == "address":
            return self.of_address(value)
        values = self._by_kind.setdefault(kind, {})
        found = values.get(value)
        if found is None:
            found = self._fresh("net" if kind == "network" else f"{kind}-")
            if len(values) < _KEPT and len(value) <= _LONGEST:
                values[value] = found
        return found

    def of_address(self, text: str) -> str:
        """The pseudonym of this address, such as ``net1-host3``: ``net1`` for one network (/24, /64). Unchanged
        if it identifies nobody, such as 127.0.0.1. Raises ValueError for any other text.
        """
        address = ip_address(text.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if stands_for_itself(text):
            return str(address)
        values = self._by_kind.setdefault("address", {})
        name = str(address)
        if name not in values:
            network = str(ip_network((address, 24 if address.version == 4 else 64), strict=False))
            values[name] = self._fresh(f"{self.of('network', network)}-host")
        return values[name]

    def _fresh(self, stem: str) -> str:
        number = self._last[stem] + 1
        while (found := f"{stem}{number}") in self._taken:
            number += 1
        self._last[stem] = number
        self._taken.add(found)
        return found

    def __iter__(self) -> Iterator[tuple[str, str, str]]:
        """Kind, value and pseudonym, in order of assignment."""
        for kind, values in self._by_kind.items():
            if kind != "network":
                yield from ((kind, value, pseudonym) for value, pseudonym in values.items())

    def dumps(self) -> str:
        """Everything as JSON, for `loads`. Whoever has this text can undo the redaction."""
        return json.dumps({"version": VERSION, "pseudonyms": self._by_kind}, ensure_ascii=True, indent=1) + "\n"

    @classmethod
    def loads(cls, text: str) -> Pseudonyms:
        """Read what `dumps` returned. Raises `KeyFileError` for anything else."""
        try:
            key = msgspec.json.decode(text.encode(errors="replace"), type=_Key)
        except (msgspec.DecodeError, RecursionError) as error:
            raise KeyFileError(f"not a key file of version {VERSION}: {error}") from None
        kinds = {kind: values for kind, values in key.pseudonyms.items() if kind not in _OLD}
        addresses = kinds.pop("address", {})  # an older key has other addresses for them
        kinds["address"] = {value: found for value, found in addresses.items() if PSEUDONYM.fullmatch(found)}
        return cls(kinds)
