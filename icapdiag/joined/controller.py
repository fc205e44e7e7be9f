"""What a Controller says beside its configuration and logs: health monitors by Service Engine, counters, changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from icapdiag.avi.addresses import host_port, to_address
from icapdiag.controller.folder import Metrics, Pull, Runtime, clock_note
from icapdiag.facts.joined import Event, EvidenceSource
from icapdiag.joined.members import Monitored
from icapdiag.joined.source import latest
from icapdiag.joined.whole import Measured

_UP, _DOWN = "OPER_UP", "OPER_DOWN"
_DEEP = 4  # levels at which servers stand in an answer
_REASONS = 3
_PARTS = ("timedout", "server_error", "internal_error")  # of failures
_SUM = "icap_stats.sum_"


class Controller(Struct, frozen=True, kw_only=True):
    """``monitored`` by ``host:port``; ``sources``: what it was read from; ``notes``: what is missing."""

    monitored: Mapping[str, Monitored] = {}
    measured: Measured = Measured()
    changes: tuple[Event, ...] = ()
    sources: tuple[EvidenceSource, ...] = ()
    notes: tuple[str, ...] = ()
    complete: bool = True


NOTHING = Controller()


# --- health monitors -------------------------------------------------------------------------------


class _State(Struct, frozen=True):
    """A server at one Service Engine."""

    engine: str
    is_up: bool
    reasons: tuple[str, ...]
    since: float  # Unix time; 0: not known
    failures: tuple[str, ...] = ()  # what its failed checks ended with, the most frequent first


def monitored(runtime: Runtime, read_at: str) -> dict[str, Monitored]:
    """The servers of all pools by ``host:port``. What is not understood is left out, as answers differ by version."""
    names = {str(each.get("uuid")): str(each.get("name")) for each in _mappings(runtime.service_engines)}
    found: dict[str, dict[str, _State]] = {}
    for pool in runtime.pools:
        for body in (pool.hmonstat, pool.detail):  # the latter has the state that counts, so it comes last
            for server, engine in _servers(body, "", _DEEP):
                key, state = _key(server), _state(server, names.get(engine, engine))
                if key and state:
                    known = found.setdefault(key, {})
                    failures = state.failures or (known[state.engine].failures if state.engine in known else ())
                    known[state.engine] = replace(state, failures=failures)
    return {key: _monitored(states.values(), read_at) for key, states in found.items()}


def _mappings(found: object) -> list[Mapping[str, Any]]:
    listed = found if isinstance(found, Sequence) and not isinstance(found, str) else ()
    return [each for each in listed if isinstance(each, Mapping)]


def _servers(body: object, engine: str, deep: int) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Each server in an answer, with the uuid of the Service Engine that it is seen from."""
    if deep < 0:
        return
    if not isinstance(body, Mapping):
        for each in _mappings(body):
            yield from _servers(each, engine, deep - 1)
        return
    uuid = body.get("se_uuid")
    engine = uuid.partition(":")[0] if isinstance(uuid, str) else engine
    if "oper_status" in body and "ip_addr" in body:
        yield body, engine
        return
    for value in body.values():
        if isinstance(value, Sequence | Mapping) and not isinstance(value, str):
            yield from _servers(value, engine, deep - 1)


def _key(server: Mapping[str, Any]) -> str | None:
    address, port = to_address(server.get("ip_addr")), server.get("port")
    return host_port(address, port) if address and isinstance(port, int) else None


def _state(server: Mapping[str, Any], engine: str) -> _State | None:
    status = server.get("oper_status")
    if not isinstance(status, Mapping) or status.get("state") not in {_UP, _DOWN}:
        return None
    reasons = status.get("reason")
    listed = [reasons] if isinstance(reasons, str) else reasons if isinstance(reasons, list) else []
    changed = status.get("last_changed_time")
    secs = changed.get("secs") if isinstance(changed, Mapping) else None
    since = float(secs) if isinstance(secs, int) and 0 < secs < 1 << 34 else 0.0
    said = tuple(str(each)[:200] for each in listed[:_REASONS])
    return _State(engine, status["state"] == _UP, said, since, tuple(_failures(server)))


def _failures(server: Mapping[str, Any]) -> Iterator[str]:
    """How its current failed checks ended, by hmonstat: ``CONNECTION_REFUSED``."""
    counted: dict[str, int] = {}
    for monitor in _mappings(server.get("shm_runtime")):
        for each in _mappings(monitor.get("curr_count")):
            kind, number = each.get("type"), each.get("count")
            if isinstance(kind, str) and isinstance(number, int) and number > 0:
                counted[kind[:60]] = counted.get(kind[:60], 0) + number
    yield from sorted(counted, key=lambda kind: -counted[kind])[:_REASONS]


def _monitored(states: Iterable[_State], read_at: str) -> Monitored:
    states = list(states)
    down = [each for each in states if not each.is_up]
    since = max((each.since for each in down or states), default=0.0)
    return Monitored(
        up=tuple(sorted(each.engine for each in states if each.is_up)),
        down=tuple(sorted(each.engine for each in down)),
        reason="; ".join(dict.fromkeys(why for each in down for why in (*each.reasons, *each.failures))) or None,
        since=_iso(since) if since else None,
        read_at=read_at,
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


# --- counters --------------------------------------------------------------------------------------


def measured(metrics: Metrics) -> Measured:
    """ICAP requests and failures of all virtual services, as Service Engines counted them.

    Whether ``error`` includes timeouts is not documented: the larger one of it and of its parts counts.
    """
    sums: dict[str, float] = {}
    failing: list[str] = []
    for service in metrics.virtual_services:
        body = service.metrics
        for series in _mappings(body.get("series") if isinstance(body, Mapping) else None):
            header = series.get("header")
            name = str(header.get("name", "")) if isinstance(header, Mapping) else ""
            if name.startswith(_SUM):
                counted = dict(_counted(series.get("data")))
                name = name.removeprefix(_SUM)
                sums[name] = sums.get(name, 0.0) + sum(counted.values())
                failing += [time for time, value in counted.items() if value and name in {"error", *_PARTS}]
    if "requests" not in sums:
        return Measured()
    known = sums.keys() & {"error", *_PARTS}
    failures = max(sums.get("error", 0.0), sum(sums.get(name, 0.0) for name in _PARTS))
    return Measured(
        requests=round(sums["requests"]),
        failures=round(failures) if known else None,
        last_failure=latest(failing),
        until=latest(each.stop for each in metrics.virtual_services),
    )


def _counted(data: object) -> Iterator[tuple[str, float]]:
    """The values of a series by the time that their step begins; without times each has a name of its own."""
    for number, each in enumerate(_mappings(data)):
        value = each.get("value")
        if isinstance(value, int | float) and 0 <= value < 1e15:
            yield str(each.get("timestamp", number)), value


# --- changes ---------------------------------------------------------------------------------------


def changes(configuration: object) -> Iterator[Event]:
    """When each object of an export was changed last, by its ``_last_modified`` (µs)."""
    for kind, objects in configuration.items() if isinstance(configuration, Mapping) else ():
        for each in _mappings(objects):
            written = each.get("_last_modified")
            micros = int(written) if isinstance(written, str | int) and str(written).isdecimal() else 0
            if 0 < micros < 1 << 54:
                what = f"{kind} {str(each.get('name', ''))[:100]} changed"
                yield Event(time=_iso(micros / 1_000_000), source="controller", what=what)


def described(name: str, pull: Pull) -> EvidenceSource:
    """A pull as a source."""
    return EvidenceSource(
        kind="controller",
        name=name,
        seen_from=pull.controller or None,
        first_seen=pull.since,
        last_seen=pull.until,
        complete=pull.complete,
    )


def missing(pull: Pull) -> Iterator[str]:
    """What the pull could not get, and by which clock its times are, a sentence each."""
    for each in pull.not_visible:
        yield f"Not visible to the pull: {each.object} ({each.why})."
    for log in pull.logs:
        if not log.complete:
            yield f"The log of {log.virtual_service} is not complete: {log.why or 'its end is missing'}."
    if note := clock_note(pull):
        yield note
