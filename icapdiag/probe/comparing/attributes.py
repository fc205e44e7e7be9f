"""What can be compared between the members of a pool: each fact, and how it is read from one endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from icapdiag.facts import to_plain
from icapdiag.facts.connection import Endpoint as EndpointFacts
from icapdiag.model import JSONValue, Observation
from icapdiag.probe.comparing.value_groups import alike, overlapping
from icapdiag.vocabulary import Status

ABSENT = "(none)"  # the answer was read, and says nothing about it
CHANGING = "(changes)"  # the member itself gave more than one value

_TRANSFERS = ("transfer_preview", "transfer_ignore", "transfer_complete", "x_include")
_TLS = ("tls_version", "cipher", "cert_issuer", "cert_sha256")
_OUTCOMES = ("tcp", "tls", "options", "clean", "eicar")
_STATEMENTS = ("allowed", "blocked", "modified", "unscannable")  # verdicts that say something about the body
_DAYS = (("expired", 0.0), ("under 14 days", 14.0), ("under 30 days", 30.0))


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of one probe, with its facts by name."""

    status: Status
    reason: str | None
    facts: Mapping[str, JSONValue]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One member, or one address of a member that has several, and its observations by probe."""

    member: str
    label: str  # the member's name; "NAME at ADDRESS" where it has several
    address: str  # that was dialled; empty if none was
    probes: Mapping[str, Probed]

    def facts(self, *probes: str) -> Iterator[Mapping[str, JSONValue]]:
        """The facts of those probes that ran."""
        return (self.probes[probe].facts for probe in probes if probe in self.probes)

    def fact(self, probe: str, name: str) -> JSONValue:
        found = self.probes.get(probe)
        return None if found is None else found.facts.get(name)


def endpoints_of(observations: Iterable[Observation]) -> tuple[Endpoint, ...]:
    """The endpoints of one member; none if it is switched off in the pool."""
    found = list(observations)
    if not found or any(o.status is Status.SKIPPED and o.reason == "disabled" for o in found):
        return ()
    name = found[0].member
    addresses = list(dict.fromkeys(address for o in found if (address := _address(o))))
    if len(addresses) < 2:
        return (Endpoint(name, name, "".join(addresses), _by_probe(found)),)
    return tuple(
        Endpoint(name, f"{name} at {own}", own, _by_probe(o for o in found if _address(o) in {"", own}))
        for own in addresses
    )


def _by_probe(observations: Iterable[Observation]) -> dict[str, Probed]:
    return {o.probe: Probed(o.status, o.reason, to_plain(o.facts)) for o in observations}


def _address(observation: Observation) -> str:
    endpoint = observation.facts.part(EndpointFacts)
    return "" if endpoint is None else endpoint.address or ""


Values = dict[int, str]
Reading = Callable[[Sequence[Endpoint]], Values]


def _each(read: Callable[[Endpoint], str | None]) -> Reading:
    """A fact that is read from every endpoint by itself; None: not known."""

    def reading(endpoints: Sequence[Endpoint]) -> Values:
        return {index: value for index, endpoint in enumerate(endpoints) if (value := read(endpoint)) is not None}

    return reading


def _offers(endpoint: Endpoint) -> Mapping[str, JSONValue] | None:
    """The facts of a good OPTIONS answer; None if there was none."""
    options = endpoint.probes.get("options")
    if options is None or options.status is not Status.OK or options.facts.get("icap_status") != 200:
        return None
    return options.facts


def _text(value: JSONValue) -> str:
    return ABSENT if value in (None, "", [], ()) else str(value)


def _header(name: str) -> Reading:
    return _each(lambda endpoint: None if (offers := _offers(endpoint)) is None else _text(offers.get(name)))


def _set(name: str, fold: Callable[[str], str] = str) -> Reading:
    """A list whose order means nothing, and whose letter case only where ``fold`` keeps it."""

    def read(endpoint: Endpoint) -> str | None:
        offers = _offers(endpoint)
        if offers is None:
            return None
        value = offers.get(name)
        items = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else ()
        return ", ".join(sorted({fold(item) for each in items if (item := str(each).strip())})) or ABSENT

    return _each(read)


def _istag(endpoint: Endpoint) -> str | None:
    """The tag without its quotes; `CHANGING` where one member's answers have several."""
    offers = _offers(endpoint)
    if offers is None:
        return None
    found = [facts.get("istag") for facts in endpoint.facts("options", "clean", "eicar")]
    tags = {tag.strip().strip('"') for tag in found if isinstance(tag, str)}
    if len(tags) > 1:
        return CHANGING
    return next(iter(tags), ABSENT) or ABSENT


def _outcome(probe: str) -> Reading:
    def read(endpoint: Endpoint) -> str | None:
        found = endpoint.probes.get(probe)
        if found is None or found.status not in {Status.OK, Status.FAILED}:
            return None
        return "ok" if found.status is Status.OK else str(found.reason)

    return _each(read)


def _verdict(probe: str) -> Reading:
    def read(endpoint: Endpoint) -> str | None:
        verdict = endpoint.fact(probe, "verdict")
        return verdict if isinstance(verdict, str) and verdict in _STATEMENTS else None

    return _each(read)


def _status(probe: str) -> Reading:
    return _each(
        lambda endpoint: str(status) if isinstance(status := endpoint.fact(probe, "icap_status"), int) else None
    )


def _tls_fact(name: str) -> Reading:
    return _each(lambda endpoint: value if isinstance(value := endpoint.fact("tls", name), str) else None)


def _transport(endpoint: Endpoint) -> str | None:
    """Of a member that could be reached; what it is to be spoken to in is the pool file's word."""
    tls = endpoint.fact("tcp", "tls")
    return None if not isinstance(tls, bool) else "TLS" if tls else "plain"


def _family(endpoint: Endpoint) -> str | None:
    family = endpoint.fact("tcp", "family")
    if isinstance(family, str):
        return family
    return None if not endpoint.address else "ipv6" if ":" in endpoint.address else "ipv4"


def _source(endpoint: Endpoint) -> str | None:
    """Our address, as the endpoint sees it: what its access rules go by."""
    source = endpoint.fact("tcp", "local_address")
    return source if isinstance(source, str) else None


def _route(endpoint: Endpoint) -> str | None:
    interface, gateway = endpoint.fact("tcp", "route_interface"), endpoint.fact("tcp", "route_gateway")
    if not isinstance(interface, str):
        return None
    return f"{interface} via {gateway}" if isinstance(gateway, str) else interface


def _days_left(endpoint: Endpoint) -> str | None:
    days = number(endpoint.fact("tls", "cert_days_left"))
    return None if days is None else next((name for name, limit in _DAYS if days < limit), "30 days or more")


def number(value: JSONValue) -> float | None:
    """``value`` if it is a number."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _milliseconds(probe: str, name: str, *, factor: float, slack: float) -> Reading:
    """Times up to ``factor`` times the shortest, or ``slack`` ms above it, are one value."""

    def reading(endpoints: Sequence[Endpoint]) -> Values:
        measured = {
            index: value
            for index, endpoint in enumerate(endpoints)
            if probe in endpoint.probes and endpoint.probes[probe].status is Status.OK
            if (value := number(endpoint.fact(probe, name))) is not None
        }
        classes = alike(measured, factor=factor, slack=slack)
        return {
            member: span
            for group in classes
            for span in [_span(measured[group[0]], measured[group[-1]]) + " ms"]
            for member in group
        }

    return reading


def _span(low: float, high: float) -> str:
    first, last = (f"{value:.1f}" if value < 10 else f"{value:.0f}" for value in (low, high))
    return first if first == last else f"{first} to {last}"


def clock_range(endpoint: Endpoint) -> tuple[float, float] | None:
    """Between what the offset of the endpoint's clock lies, in seconds."""
    offset = number(endpoint.fact("options", "clock_offset_s"))
    uncertainty = number(endpoint.fact("options", "clock_uncertainty_s"))
    return None if offset is None or uncertainty is None else (offset - uncertainty, offset + uncertainty)


def _clock(endpoints: Sequence[Endpoint]) -> Values:
    measured = {index: span for index, endpoint in enumerate(endpoints) if (span := clock_range(endpoint)) is not None}
    values: Values = {}
    for group in overlapping(measured):
        low, high = max(measured[each][0] for each in group), min(measured[each][1] for each in group)
        value = f"{(low + high) / 2:+.0f} s" if high < 0 or low > 0 else "right"
        values |= dict.fromkeys(group, value)
    return values


# In the order in which they are shown. How far apart two times must be to be two values is theirs, as letter case is of
# a list of names: queues and schedulers make up to four times, and are no difference between servers.
ATTRIBUTES: Mapping[str, Reading] = {
    "service": _header("service"),
    "service_id": _header("service_id"),
    "server": _header("server"),
    "istag": _each(_istag),
    **{name: _set(name) for name in ("methods", "allow")},
    **{name: _header(name) for name in ("preview", "max_connections", "options_ttl")},
    **{name: _set(name, str.lower) for name in _TRANSFERS},
    "options_status": _status("options"),
    "clean_status": _status("clean"),
    "clean_verdict": _verdict("clean"),
    "eicar_verdict": _verdict("eicar"),
    "transport": _each(_transport),
    **{name: _tls_fact(name) for name in _TLS},
    "cert_days_left": _each(_days_left),
    "family": _each(_family),
    "source_address": _each(_source),
    "route": _each(_route),
    "rtt": _milliseconds("tcp", "rtt_ms", factor=4.0, slack=5.0),
    "scan_time": _milliseconds("clean", "answer_ms", factor=4.0, slack=100.0),
    "clock_offset": _clock,
    **{f"{probe}_outcome": _outcome(probe) for probe in _OUTCOMES},
}
