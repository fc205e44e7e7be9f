"""Addresses of a pool's members that are given by name: from the DNS answers in the capture itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

_ADDRESSES = 64  # of a name

# Reads a DNS message: the name that was asked for, and the addresses in the answer; None for anything else.
Parse = Callable[[bytes], tuple[str, Sequence[str]] | None]


class Names:
    """Looks for some names only, over all answers in the capture."""

    def __init__(self, hosts: Mapping[str, Mapping[int, str]], parse: Parse) -> None:
        """``hosts``: name, port, and what the pool calls the member."""
        self._hosts = hosts
        self._parse = parse
        self._found: dict[str, set[str]] = {_plain(name): set() for name in hosts}
        labels = (name.partition(".")[0].encode("ascii", "replace") for name in self._found)
        self._labels = tuple(bytes((min(len(label), 63),)) + label for label in labels)
        self.ports = frozenset(port for members in hosts.values() for port in members)

    def answer(self, data: bytes) -> None:
        """Take what came from a DNS server by UDP. Raises nothing."""
        lowered = data.lower()
        if not any(label in lowered for label in self._labels) or (found := self._parse(data)) is None:
            return
        name, addresses = found
        if (known := self._found.get(_plain(name))) is not None:
            known.update(addresses[: max(0, _ADDRESSES - len(known))])

    def addresses(self, host: str) -> set[str]:
        """Those of a name; empty where no answer has any."""
        return self._found.get(_plain(host), set())

    def lacks(self, host: str) -> bool:
        """Whether this is one of the names, and no answer has an address of it."""
        return host in self._hosts and not self.addresses(host)

    def members(self) -> Iterator[tuple[str, int, str]]:
        """Address, port, and what the pool calls the member."""
        for host, members in self._hosts.items():
            for address in sorted(self.addresses(host)):
                yield from ((address, port, name) for port, name in members.items())


def _plain(name: str) -> str:
    return name.rstrip(".").lower()
