"""The health monitors of ICAP pools as facts: what each sees of a server, and what it asks.

Whether a monitor sees an ICAP service follows from its type, its port and its request. Avi's own monitors, such as
System-TCP, are known by their names where the files do not have them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from icapdiag.avi.config.configuration import Configuration
from icapdiag.avi.config.objects import MONITOR, AviObject, references, section
from icapdiag.avi.config.schema import as_flag, as_integer
from icapdiag.avi.config.values import Values
from icapdiag.facts.config import MonitorSheet
from icapdiag.yamltree import MapNode, Node, Scalar

# By what it sees of an ICAP server, best first. The last two mark working servers down.
_ICAP, _MANAGEMENT, _SCRIPT, _REQUEST, _CONNECT = "icap", "management", "script", "request", "connect"
_OTHER_PORT, _PING, _HTTP, _FOREIGN = "other-port", "ping", "http", "foreign"
_SEEING = (_ICAP, _MANAGEMENT, _SCRIPT, _REQUEST, _CONNECT, _OTHER_PORT, _PING)
_UNFIT = (_HTTP, _FOREIGN)
_PASSIVE, _NONE = "passive", "none"
_TCP = "HEALTH_MONITOR_TCP"
_REQUESTS = {
    _TCP: ("tcp_monitor", "tcp_request"),
    "HEALTH_MONITOR_HTTP": ("http_monitor", "http_request"),
    "HEALTH_MONITOR_HTTPS": ("https_monitor", "http_request"),
}
_BY_TYPE = {"HEALTH_MONITOR_PING": _PING, "HEALTH_MONITOR_EXTERNAL": _SCRIPT}
_WEB = ("HEALTH_MONITOR_HTTP", "HEALTH_MONITOR_HTTPS")
_OF_AVI = {"System-HTTP": _HTTP, "System-HTTPS": _HTTP, "System-TCP": _CONNECT, "System-Ping": _PING,
           "System-DNS": _FOREIGN}  # fmt: skip
REFERENCES = "health_monitor_refs"
_MARK = "ICAP/1"  # in a request, or an answer, of the protocol
_URI = re.compile(r"OPTIONS\s+icaps?://[^/\s]*(?P<path>/[^\s?]*)?", re.IGNORECASE)


class Watch(NamedTuple):
    """How a pool's servers are watched: ``word`` says what is seen of them, ``field`` at ``place`` why.

    ``assumed``: the monitor is not in the files, and taken for Avi's own of that name.
    """

    word: str
    place: Node
    label: str = ""
    assumed: bool = False
    field: str = REFERENCES
    value: str = ""
    file: str = ""


def watch_of(configuration: Configuration, pool: AviObject, ports: Collection[int]) -> Watch | None:
    """The monitor that decides about the servers of a pool, or that there is none; None if the files do not show it.

    A server is up while all monitors say so (or min_health_monitors_up of them): one that can't succeed takes it down,
    and of the others the one that sees most counts. ``ports`` are those that the servers have.
    """
    listed = list(references(pool.node, "health_monitor_refs"))
    if not listed:
        passive = as_flag(pool.node.text("inline_health_monitor") or "true") is not False
        return Watch(_PASSIVE if passive else _NONE, pool.node)
    known: list[Watch] = []
    for reference, place in listed:
        meant = configuration.find(MONITOR, reference, pool)
        if isinstance(meant, AviObject):
            known.append(_watch(meant, ports))
        elif reference.label in _OF_AVI:
            word, name = _OF_AVI[reference.label], reference.label
            known.append(Watch(word, place, name, assumed=True, value=name))
    unfit = [each for each in known if each.word in _UNFIT]
    enough = as_integer(pool.node.text("min_health_monitors_up")) or len(listed)
    if unfit and len(listed) - len(unfit) < enough:
        return unfit[0]
    seeing = sorted((each for each in known if each.word in _SEEING), key=lambda each: _SEEING.index(each.word))
    if len(known) < len(listed):  # what is not visible may see more
        return next((each for each in seeing if each.word == _ICAP), None)
    return seeing[0] if seeing else unfit[0]


def _watch(monitor: AviObject, ports: Collection[int]) -> Watch:
    """What this monitor sees, with the field of it that decides."""
    word = word_of(monitor.node, ports)
    node, field = monitor.node.get("type"), "type"
    if word in {_OTHER_PORT, _MANAGEMENT}:
        node, field = monitor.node.get("monitor_port"), "monitor_port"
    settings = section(monitor.node, "tcp_monitor")
    if word == _REQUEST and settings is not None:
        node, field = settings.get("tcp_request"), "tcp_monitor.tcp_request"
    value = node.text if isinstance(node, Scalar) else ""
    return Watch(word, node or monitor.node, monitor.name, field=field, value=value, file=monitor.file)


def word_of(monitor: MapNode, ports: Collection[int]) -> str:
    """What a monitor sees of a server with one of these ports."""
    kind, own = monitor.text("type"), as_integer(monitor.text("monitor_port") or "0")
    elsewhere = bool(own and ports) and own not in ports
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    if kind in _WEB:
        return _MANAGEMENT if elsewhere else _ICAP if _MARK in _request(monitor) else _HTTP
    if kind != _TCP:
        return _OTHER_PORT if elsewhere else _FOREIGN
    if elsewhere:
        return _OTHER_PORT
    settings, request = section(monitor, "tcp_monitor"), _request(monitor)
    if not request or (settings and as_flag(settings.text("tcp_half_open"))):
        return _CONNECT
    return _ICAP if _MARK in request else _REQUEST


def _request(monitor: MapNode) -> str:
    """What a monitor of this type sends, as far as it is written. Settings of other types have no effect."""
    part, key = _REQUESTS.get(monitor.text("type"), ("", ""))
    settings = section(monitor, part)
    return settings.text(key) if settings else ""


def monitor_sheets(
    configuration: Configuration, pool: AviObject, services: Mapping[int, Sequence[str]]
) -> Iterator[tuple[AviObject, MonitorSheet]]:
    """The facts of the health monitors of a pool that are in the files.

    ``services``: service_uri of the ICAP profiles that a monitor is for, by the id of its node.
    """
    for found in configuration.follow(pool, "health_monitor_refs", MONITOR):
        yield found, _sheet(found, services.get(id(found.node), ()))


def _sheet(found: AviObject, services: Sequence[str]) -> MonitorSheet:
    values, request = Values(found), _request(found.node)
    settings = section(found.node, "tcp_monitor") if found.node.text("type") == _TCP else None
    complete = ends = expected = path = None
    if settings is not None:
        expected = settings.text("tcp_response") or None
        at = settings.get("tcp_response") or settings
        values.note("monitor_expects", "tcp_monitor.tcp_response", at, expected or "")
        at = settings.get("tcp_request") or settings
        for fact in ("request_complete", "request_line_ends", "same_service"):
            values.note(fact, "tcp_monitor.tcp_request", at, request)
        if _MARK in request:
            complete, path = _read(request)
            ends = _ends_lines(request) if complete else None
    wanted = {_path(each) for each in services}
    return values.sheet(
        MonitorSheet,
        "healthmonitor",
        found.name,
        monitor_request=request or None,
        monitor_expects=expected,
        request_complete=complete,
        request_line_ends=ends,
        monitor_path=path,
        same_service=path in wanted if path and wanted else None,
        detection_time=_detection_time(values),
    )


def _read(request: str) -> tuple[bool, str | None]:
    """Whether a request has the empty line at its end, and the path that it asks for."""
    text = request.replace("\\r", "\r").replace("\\n", "\n").replace("\r\n", "\n")
    uri = _URI.search(text)
    return "\n\n" in text, (uri["path"] or "/") if uri else None


def _ends_lines(request: str) -> bool:
    """Whether each line ends with CR LF, typed or as the characters themselves."""
    text = request.replace("\\r", "\r").replace("\\n", "\n")
    return text.count("\n") == text.count("\r\n")


def _detection_time(values: Values) -> int | None:
    """Seconds until a server that fails is down, at most."""
    interval, failed, timeout = (
        values.read(field, int, fact="detection_time")
        for field in ("send_interval", "failed_checks", "receive_timeout")
    )
    return None if interval is None or failed is None or timeout is None else interval * failed + timeout


def _path(service_uri: str) -> str:
    """The path of a service_uri, as it stands in a request."""
    return "/" + service_uri.strip().partition("?")[0].lstrip("/")
