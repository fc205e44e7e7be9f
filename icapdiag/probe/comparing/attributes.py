"""The facts that are compared between members of a pool, and how each is read from one target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import TCP, Endpoint, Transfer
from icapdiag.facts.sheet import Record
from icapdiag.facts.tls import TLS
from icapdiag.model import Observation
from icapdiag.probe.base import found_in
from icapdiag.probe.comparing.value_groups import Range, alike, overlapping
from icapdiag.vocabulary import Status

R = TypeVar("R", bound=Record)
ABSENT = "(none)"  # the answer was read, and says nothing about it
CHANGING = "(changes)"  # the member itself gave more than one value

_OUTCOMES = ("tcp", "tls", "options", "clean", "eicar")
_STATEMENTS = ("allowed", "blocked", "modified", "unscannable")  # verdicts that say something about the body
_DAYS = (("expired", 0.0), ("under 14 days", 14.0), ("under 30 days", 30.0))


class Target(Struct, frozen=True):
    """One member, or one address of a member that has several, and its observations by probe."""

    member: str
    label: str  # the member's name; "NAME at ADDRESS" where it has several
    address: str  # that was dialled; empty if none was
    probes: Mapping[str, Observation]

    def found(self, probe: str, wanted: type[R]) -> R:
        """The facts of this probe, or their part of this type; empty if it did not run."""
        return found_in(self.probes[probe].facts if probe in self.probes else None, wanted)

    @property
    def endpoint(self) -> Endpoint:
        return replace(_endpoint(next(iter(self.probes.values()))), address=self.address or None)

    @property
    def clock_range(self) -> Range | None:
        """The range of its clock's offset, in seconds."""
        transfer = self.found("options", Transfer)
        offset, uncertainty = transfer.clock_offset_s, transfer.clock_uncertainty_s
        return None if offset is None or uncertainty is None else (offset - uncertainty, offset + uncertainty)


def targets_of(observations: Iterable[Observation]) -> tuple[Target, ...]:
    """The targets of one member; none if it is disabled in the pool."""
    found = list(observations)
    if not found or any(o.status is Status.SKIPPED and o.reason == "disabled" for o in found):
        return ()
    name = found[0].member
    addresses = list(dict.fromkeys(address for o in found if (address := _address(o))))
    if len(addresses) < 2:
        return (Target(name, name, "".join(addresses), {o.probe: o for o in found}),)
    return tuple(
        Target(name, f"{name} at {own}", own, {o.probe: o for o in found if _address(o) in {"", own}})
        for own in addresses
    )


def _address(observation: Observation) -> str:
    return _endpoint(observation).address or ""


def _endpoint(observation: Observation) -> Endpoint:
    return observation.facts.part(Endpoint) or Endpoint()


Values = dict[int, str]
Reading = Callable[[Sequence[Target]], Values]


def _each(read: Callable[[Target], str | None]) -> Reading:
    """A fact that is read from every target separately; None: unknown."""
    return lambda targets: {i: value for i, target in enumerate(targets) if (value := read(target)) is not None}


def _offers(target: Target) -> Answer | None:
    """A successful OPTIONS response; None if there was none."""
    options = target.probes.get("options")
    answer = target.found("options", Answer)
    return answer if options and options.status is Status.OK and answer.icap_status == 200 else None


def _of_offers(value: Callable[[Answer], str]) -> Reading:
    """A value from OPTIONS, `ABSENT` if it has none."""
    return _each(lambda target: None if (offers := _offers(target)) is None else value(offers) or ABSENT)


def _header(value: Callable[[Answer], str | int | None]) -> Reading:
    return _of_offers(lambda offers: "" if (found := value(offers)) is None else str(found))


def _set(value: Callable[[Answer], str | tuple[str, ...] | None], fold: Callable[[str], str] = str) -> Reading:
    """A list whose order does not matter, and whose letter case only if ``fold`` keeps it."""

    def read(offers: Answer) -> str:
        found = value(offers) or ()
        items = found.split(",") if isinstance(found, str) else found
        return ", ".join(sorted({fold(item) for each in items if (item := each.strip())}))

    return _of_offers(read)


def _istag(target: Target) -> str | None:
    """The tag without its quotes; `CHANGING` if one member's answers have several."""
    if _offers(target) is None:
        return None
    said = (target.found(probe, Answer).istag for probe in ("options", "clean", "eicar"))
    tags = {istag.strip().strip('"') for istag in said if istag is not None}
    return CHANGING if len(tags) > 1 else next(iter(tags), "") or ABSENT


def _outcome(probe: str) -> Reading:
    def read(target: Target) -> str | None:
        found = target.probes.get(probe)
        if found is None or found.status not in {Status.OK, Status.FAILED}:
            return None
        return "ok" if found.status is Status.OK else str(found.reason)

    return _each(read)


def _found(probe: str, wanted: type[R], value: Callable[[R], str | None]) -> Reading:
    """The facts of one probe."""
    return _each(lambda target: value(target.found(probe, wanted)))


def _verdict(answer: Answer) -> str | None:
    return answer.verdict if answer.verdict in _STATEMENTS else None


def _status(answer: Answer) -> str | None:
    return None if answer.icap_status is None else str(answer.icap_status)


def _family(target: Target) -> str | None:
    by_address = None if not target.address else "ipv6" if ":" in target.address else "ipv4"
    return target.found("tcp", TCP).family or by_address


def _route(tcp: TCP) -> str | None:
    return tcp.route_interface and " via ".join(filter(None, (tcp.route_interface, tcp.route_gateway)))


def _days_left(tls: TLS) -> str | None:
    days = tls.cert_days_left
    return None if days is None else next((name for name, limit in _DAYS if days < limit), "30 days or more")


def _milliseconds(
    probe: str, wanted: type[R], read: Callable[[R], float | None], *, factor: float, slack: float
) -> Reading:
    """Times up to ``factor`` times the shortest, or ``slack`` ms above it, are one value."""

    def reading(targets: Sequence[Target]) -> Values:
        measured = {
            index: value
            for index, target in enumerate(targets)
            if probe in target.probes and target.probes[probe].status is Status.OK
            if (value := read(target.found(probe, wanted))) is not None
        }
        classes = alike(measured, factor=factor, slack=slack)
        spans = ((group, _span(measured[group[0]], measured[group[-1]]) + " ms") for group in classes)
        return {member: span for group, span in spans for member in group}

    return reading


def _span(low: float, high: float) -> str:
    first, last = (f"{value:.1f}" if value < 10 else f"{value:.0f}" for value in (low, high))
    return first if first == last else f"{first} to {last}"


def _clock(targets: Sequence[Target]) -> Values:
    measured = {index: span for index, target in enumerate(targets) if (span := target.clock_range) is not None}
    values: Values = {}
    for group in overlapping(measured):
        low, high = max(measured[each][0] for each in group), min(measured[each][1] for each in group)
        value = f"{(low + high) / 2:+.0f} s" if high < 0 or low > 0 else "right"
        values |= dict.fromkeys(group, value)
    return values


# In the order in which they are shown. How far apart two times must be to be two values is theirs, as letter case is of
# a list of names: queues and schedulers make up to four times, and are no difference between servers.
ATTRIBUTES: Mapping[str, Reading] = {
    "product": _header(lambda offers: offers.product),  # before the tag: that of another product is another anyway
    "service": _header(lambda offers: offers.service),
    "service_id": _header(lambda offers: offers.service_id),
    "server": _header(lambda offers: offers.server),
    "istag": _each(_istag),
    "methods": _set(lambda offers: offers.methods),
    "allow": _set(lambda offers: offers.allow),
    "preview": _header(lambda offers: offers.preview),
    "max_connections": _header(lambda offers: offers.max_connections),
    "options_ttl": _header(lambda offers: offers.options_ttl),
    "transfer_preview": _set(lambda offers: offers.transfer_preview, str.lower),
    "transfer_ignore": _set(lambda offers: offers.transfer_ignore, str.lower),
    "transfer_complete": _set(lambda offers: offers.transfer_complete, str.lower),
    "x_include": _set(lambda offers: offers.x_include, str.lower),
    "options_status": _found("options", Answer, _status),
    "clean_status": _found("clean", Answer, _status),
    "clean_verdict": _found("clean", Answer, _verdict),
    "eicar_verdict": _found("eicar", Answer, _verdict),
    # What a member that could be reached is spoken to in; the pool file says what that is to be.
    "transport": _found("tcp", Endpoint, lambda where: None if where.tls is None else "TLS" if where.tls else "plain"),
    "tls_version": _found("tls", TLS, lambda tls: tls.tls_version),
    "cipher": _found("tls", TLS, lambda tls: tls.cipher),
    "cert_issuer": _found("tls", TLS, lambda tls: tls.cert_issuer),
    "cert_sha256": _found("tls", TLS, lambda tls: tls.cert_sha256),
    "cert_days_left": _found("tls", TLS, _days_left),
    "family": _each(_family),
    "source_address": _found("tcp", TCP, lambda tcp: tcp.local_address),  # what a server's access rules go by
    "route": _found("tcp", TCP, _route),
    "rtt": _milliseconds("tcp", TCP, lambda tcp: tcp.rtt_ms, factor=4.0, slack=5.0),
    "scan_time": _milliseconds("clean", Transfer, lambda transfer: transfer.answer_ms, factor=4.0, slack=100.0),
    "clock_offset": _clock,
    **{f"{probe}_outcome": _outcome(probe) for probe in _OUTCOMES},
}
