"""What conditions may ask about beside the record itself: the member's other probes, the profile, the pool.

``options.service`` is the fact ``service`` of the options probe at the same member (and address, if it was probed
there), ``profile.fail_action`` a setting of the ICAP profile, ``pool.other_members_ok`` a figure about the pool.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from icapdiag.facts.connection import Endpoint
from icapdiag.facts.fields import FIGURES, PROFILE
from icapdiag.facts.groups import RequestGroup
from icapdiag.facts.joined import JOINED
from icapdiag.facts.pool import ConfigurationObject
from icapdiag.facts.scanner import C_ICAP, SCANNER
from icapdiag.icap.product import UNKNOWN_PRODUCT
from icapdiag.model import Facts, JSONValue, Observation, flatten
from icapdiag.vocabulary import Status, Verdict

_PRODUCT = "product"
_ICAP_PROFILE = "icapprofile"  # "probe" of one in a configuration
_FEW = 3  # uploads that were scanned
_LOG = ""  # in the place of a member: all that the log has
_GOOD = {"clean": (Verdict.ALLOWED,), "upload": (Verdict.ALLOWED, Verdict.BLOCKED), "eicar": (Verdict.BLOCKED,)}


class WideRecord(Mapping[str, JSONValue]):
    """A flat record that answers for its surroundings as well. As a mapping it is the record alone."""

    def __init__(
        self, own: Facts, around: Surroundings | None = None, others: Collection[tuple[str, str]] = frozenset()
    ) -> None:
        self.own = own
        self._around = around
        self._others = others  # members that it is about as well
        self._known: dict[str, Facts] = {}

    def get(self, name: str, default: Any = None) -> Any:
        """The value under a plain or a dotted name. In a log the product is what the same servers named elsewhere."""
        if "." not in name or self._around is None or name in self.own:
            known = self.own.get(name, default)
            return self._around.product(self.own) if known is None and name == _PRODUCT and self._around else known
        room, _, fact = name.partition(".")
        if room == FIGURES:  # which become known as findings do
            return self._around.pool(self.own, self._others).get(fact, default)
        if room not in self._known:
            self._known[room] = self._around.facts(self.own, room)
        return self._known[room].get(fact, default)

    def also_about(self, members: Collection[tuple[str, str]]) -> WideRecord:
        """The same record, about these members as well: none of them is another member. Each is a pool and a name."""
        return WideRecord(self.own, self._around, members)

    def __getitem__(self, name: str) -> JSONValue:
        return self.own[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.own)

    def __len__(self) -> int:
        return len(self.own)


Server = tuple[str, ...]  # its pool, and what identifies it there
Seen = Observation | Facts  # flat records are made when somebody asks: of thousands of members that is a lot


class Surroundings:
    """All that was seen in one run. ``profile``: the ICAP profile's settings by name, as far as they are known."""

    def __init__(self, seen: Iterable[Seen], profile: Facts | None = None) -> None:
        self._profile = profile or {}
        self._probes: dict[tuple[str, str], dict[str, list[Seen]]] = {}
        self._products: dict[str, set[str]] = {}  # of a log, by member and by pool
        self._profiles: dict[str, Seen] = {}  # of a configuration, by name
        self._objects: dict[str, list[str]] = {}  # names of Avi's, by kind
        self._answered: dict[bool, set[str]] = {True: set(), False: set()}  # members of a log: well, and not
        self._scanned: dict[str, list[str]] = {}  # uploads of a log, by virtual service
        for each in seen:
            source, pool, member, probe = (str(_value(each, name)) for name in ("source", "pool", "member", "probe"))
            if source == "probe" and member:
                self._probes.setdefault((pool, member), {}).setdefault(probe, []).append(each)
            elif source == "log":
                self._note_product(each)
                self._note_answer(each)
                self._note_uploads(each)
            elif source == "config":
                kind, name = _object(each)
                self._objects.setdefault(kind, []).append(name)
                if probe == _ICAP_PROFILE:
                    self._profiles.setdefault(str(_fact(each, "object_name")), each)
        # One that was seen from several places has several names: figures are about servers.
        self._servers = {member: _server(member, probes) for member, probes in self._probes.items()}
        self._known = set(self._servers.values())
        self._enabled = {self._servers[member] for member, probes in self._probes.items() if "" not in probes}
        self._healthy: set[Server] | None = None
        self._failing: set[Server] = set()  # beside those whose probes say so

    def _note_product(self, seen: Seen) -> None:
        if isinstance(seen, Observation):
            group = seen.facts.part(RequestGroup) or RequestGroup()
            product: JSONValue = group.answer.product
            places = (*(group.members or ()), *(group.pools or ()))
        else:
            known, product = [seen.get("members"), seen.get("pools")], seen.get("product")
            places = tuple(str(place) for each in known if isinstance(each, list | tuple) for place in each)
        if isinstance(product, str) and product != UNKNOWN_PRODUCT:
            for place in (_LOG, *places):
                self._products.setdefault(place, set()).add(product)

    def _note_answer(self, seen: Seen) -> None:
        """Which members answered, and which failed."""
        if _value(seen, "status") in (Status.OK, Status.FAILED):
            self._answered[_value(seen, "status") == Status.OK].update(_texts(_of_group(seen, "members")))

    def _note_uploads(self, seen: Seen) -> None:
        """Which uploads went through ICAP."""
        for service in _texts(_of_group(seen, "virtualservices")):
            self._scanned.setdefault(service, []).extend(_texts(_of_group(seen, "uploads")))

    def product(self, own: Facts) -> str | None:
        """Of a log: the one product that these servers name in other answers, or those of their pool, or all.

        Of a scanner's own log: the one that writes it.
        """
        if own.get("source") == SCANNER and own.get("program") == C_ICAP:
            return C_ICAP
        if own.get("source") != "log":
            return None
        for places in (own.get("members"), own.get("pools"), (_LOG,)):
            listed = places if isinstance(places, list | tuple) else ()
            named = set[str]().union(*(self._products.get(str(where), set()) for where in listed))
            if named:
                return next(iter(named)) if len(named) == 1 else None
        return None

    def of(self, own: Facts) -> WideRecord:
        """The record with its surroundings."""
        return WideRecord(own, self)

    def facts(self, own: Facts, room: str) -> Facts:
        """What is known under this name beside the record: ``profile`` or a probe's name."""
        if room == PROFILE:
            named = self._profiles.get(str(own.get("icap_profile"))) if own.get("source") == "config" else None
            return self._profile if named is None else _flat(named)
        found = self._probes.get(_member(own), {}).get(room, ())
        address = own.get("address")
        here = [each for each in found if address and _address(each) == address]
        return _flat((here or found)[0]) if found else {}

    def note_failing(self, members: Collection[tuple[str, str]], logged: Collection[str] = ()) -> None:
        """Members that are not healthy, whatever their probes say; each is a pool and a name. ``logged``: of a log."""
        found = self._servers_of(members)
        self._healthy, self._failing = self._healthy_ones() - found, self._failing | found
        self._answered[False].update(logged)

    def pool(self, own: Facts, others: Collection[tuple[str, str]] = frozenset()) -> Facts:
        """Figures about the pool. ``others`` are members that the record is about beside its own."""
        if own.get("source") == "log":
            scanned = [each for name in _texts(own.get("virtualservices")) for each in self._scanned.get(name, ())]
            mine = {
                f"{method} {path}" for method in _texts(own.get("http_methods")) for path in _texts(own.get("paths"))
            }
            same = [each for each in dict.fromkeys(scanned) if each in mine]
            found: dict[str, JSONValue] = {
                "scanned_uploads": None if same else list(dict.fromkeys(scanned))[:_FEW] or None,
                "same_uploads_scanned": same[:_FEW] or None,
            }
            if members := _texts(own.get("members")):
                failing = {*self._answered[False], *members, *(name for _, name in others)}
                found["answering_otherwise"] = self._answered[True].issuperset(members)
                found["other_members_answering"] = len(self._answered[True] - failing)
            return found
        if own.get("source") == JOINED:
            return {"pool_name": self._pool_name(str(own.get("pool", "")))}
        if own.get("source") != "probe":
            return {}
        healthy, these = self._healthy_ones(), self._servers_of((_member(own), *others))
        working = len(healthy) - len(these & healthy)
        untested = 0 if working else len(self._untested() - these)
        return {
            "members": len(self._known),
            "other_members": len(self._enabled) - len(these & self._enabled),
            "other_members_ok": None if untested else working,
            "other_members_untested": untested,
            "pool_name": self._pool_name(str(own.get("pool", ""))),
        }

    def _pool_name(self, name: str) -> str | None:
        """The pool that Avi lists as such where ``name`` is its group's; None where the name is as good as any."""
        if name not in self._objects.get("poolgroup", ()):
            return None
        pools = self._objects.get("pool", [])
        return pools[0] if len(pools) == 1 else f"POOL (in pool group {name})"

    def _healthy_ones(self) -> set[Server]:
        """The servers that are healthy wherever they were seen from."""
        if self._healthy is None:
            ailing = {self._servers[member] for member, probes in self._probes.items() if not _is_healthy(probes)}
            self._healthy = self._known - ailing
        return self._healthy

    def _untested(self) -> set[Server]:
        """Those that nothing is known of: no upload was tested there, and nothing failed."""
        failing = {self._servers[member] for member, probes in self._probes.items() if _is_failing(probes)}
        return self._enabled - self._healthy_ones() - failing - self._failing

    def _servers_of(self, members: Iterable[tuple[str, str]]) -> set[Server]:
        return {self._servers.get(member, member) for member in members}


def _server(member: tuple[str, str], probes: Mapping[str, list[Seen]]) -> Server:
    """The member's pool, host and port; of one that nothing was sent to, its pool and name."""
    for seen in (each for found in probes.values() for each in found):
        endpoint = seen.facts.part(Endpoint) if isinstance(seen, Observation) else None
        host, port = (endpoint.host, endpoint.port) if endpoint else (_value(seen, "host"), _value(seen, "port"))
        if host and port:
            return member[0], str(host), str(port)
    return member


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def _member(own: Facts) -> tuple[str, str]:
    return str(own.get("pool", "")), str(own.get("member", ""))


def _object(seen: Seen) -> tuple[str, str]:
    """The kind and the name of an object of Avi's configuration."""
    if isinstance(seen, Observation):
        part = seen.facts.part(ConfigurationObject) or ConfigurationObject()
        return str(part.object), str(part.object_name)
    return str(seen.get("object")), str(seen.get("object_name"))


def _flat(seen: Seen) -> Facts:
    return flatten(seen) if isinstance(seen, Observation) else seen


def _value(seen: Seen, name: str) -> object:
    return getattr(seen, name) if isinstance(seen, Observation) else seen.get(name, "")


def _fact(seen: Seen, name: str) -> object:
    return getattr(seen.facts, name, "") if isinstance(seen, Observation) else seen.get(name, "")


def _of_group(seen: Seen, name: str) -> object:
    """A fact of requests of a log."""
    return getattr(seen.facts.part(RequestGroup), name, None) if isinstance(seen, Observation) else seen.get(name)


def _address(seen: Seen) -> object:
    if not isinstance(seen, Observation):
        return seen.get("address")
    endpoint = seen.facts.part(Endpoint)
    return None if endpoint is None else endpoint.address


def _is_healthy(probes: Mapping[str, list[Seen]]) -> bool:
    """Whether the member took each sample as a scanner should, and nothing failed."""
    return any(name in {"clean", "upload"} for name, _ in _samples(probes)) and not _is_failing(probes)


def _is_failing(probes: Mapping[str, list[Seen]]) -> bool:
    """Whether something failed at the member, or it took a sample otherwise than a scanner should."""
    failed = any(_value(each, "status") == Status.FAILED for found in probes.values() for each in found)
    return failed or any(_flat(each).get("verdict") not in _GOOD[name] for name, each in _samples(probes))


def _samples(probes: Mapping[str, list[Seen]]) -> list[tuple[str, Seen]]:
    """What was uploaded there and got an answer, by the probe's name."""
    return [(name, each) for name in _GOOD for each in probes.get(name, ()) if _value(each, "status") == Status.OK]
