"""Rules that no request can match: by their path, or by what else they ask for at a virtual service."""

from __future__ import annotations

from typing import NamedTuple

from icapdiag.avi.config.objects import AKO, AviObject, elements, texts
from icapdiag.avi.config.rules import HeaderMatch, Match
from icapdiag.avi.config.schema import as_flag, as_integer
from icapdiag.model import JSONValue

PATH, PORT, PROTOCOL, HEADER, HOST = "path", "vs_port", "protocol", "hdrs", "host_hdr"  # in MatchTarget of the API
_CHILD = "VS_TYPE_VH_CHILD"  # listens where its parent does
_NO_PATH = {"DOES_NOT_BEGIN_WITH", "DOES_NOT_CONTAIN"}  # of every path


class Listens(NamedTuple):
    """Where a virtual service takes requests: ranges of ports, each with whether it speaks TLS, and its host names.

    Both are None if the files do not show them. ``hosts`` are those of a child of a virtual host.
    """

    ports: tuple[tuple[int, int, bool], ...] | None = None
    hosts: frozenset[str] | None = None


def listens_of(found: AviObject) -> Listens:
    """Where this virtual service takes requests."""
    if found.kind in AKO:
        return Listens()
    names = frozenset(name.lower() for name in texts(found.node, "vh_domain_name"))
    hosts = names if names and not any("*" in name or "{" in name for name in names) else None
    if found.node.text("type") == _CHILD:
        return Listens(hosts=hosts)
    ports: list[tuple[int, int, bool]] = []
    for each in elements(found.node, "services"):
        first = as_integer(each.text("port"))
        tls = as_flag(each.text("enable_ssl") or "false")
        if first is None or tls is None:
            return Listens(hosts=hosts)
        ports.append((first, as_integer(each.text("port_range_end")) or first, tls))
    return Listens(tuple(ports) or None, hosts)


def unmatched_by(match: Match, listens: Listens) -> str | None:
    """The field of the match that no request of the virtual service can meet; None if there is none."""
    if match.paths is not None and not match.paths.opaque:
        if match.paths.strings and set(match.paths.strings) == set(match.paths.unmatched):
            return PATH
        if match.paths.criterion in _NO_PATH and {"", "/"} & set(match.paths.strings):
            return PATH
    if any(map(_is_no_content_type, match.headers)):
        return HEADER
    others = dict(match.others)
    if listens.ports and _port_is_elsewhere(others.get(PORT), listens.ports):
        return PORT
    if listens.ports and _protocol_is_another(others.get(PROTOCOL), listens.ports):
        return PROTOCOL
    return HOST if listens.hosts and _host_is_another(others.get(HOST), listens.hosts) else None


def _is_no_content_type(header: HeaderMatch) -> bool:
    """Whether it is one of multipart without its boundary, which each request has (RFC 2046, 5.1.1)."""
    if header.name.lower() != "content-type" or header.criterion != "HDR_EQUALS" or not header.values:
        return False
    return all(each.lower().startswith("multipart/") and "boundary" not in each.lower() for each in header.values)


def _port_is_elsewhere(value: JSONValue, ports: tuple[tuple[int, int, bool], ...]) -> bool:
    criterion, listed = _listed(value, "ports")
    wanted = {number for text in listed if (number := as_integer(text)) is not None}
    if not wanted or len(wanted) < len(listed):
        return False
    if criterion == "IS_NOT_IN":
        return all(first == last and first in wanted for first, last, _ in ports)
    return not any(first <= number <= last for number in wanted for first, last, _ in ports)


def _protocol_is_another(value: JSONValue, ports: tuple[tuple[int, int, bool], ...]) -> bool:
    criterion, listed = _listed(value, "protocols")
    spoken = {"HTTPS" if tls else "HTTP" for _, _, tls in ports}
    if not listed or not set(listed) <= {"HTTP", "HTTPS"}:
        return False
    return spoken <= set(listed) if criterion == "IS_NOT_IN" else spoken.isdisjoint(listed)


def _host_is_another(value: JSONValue, hosts: frozenset[str]) -> bool:
    criterion, listed = _listed(value, "value")
    wanted = {text.lower().partition(":")[0] for text in listed}
    return criterion == "HDR_EQUALS" and bool(wanted) and wanted.isdisjoint(hosts)


def _listed(value: JSONValue, key: str) -> tuple[str, list[str]]:
    """The criterion of a condition, and what it names. Terraform writes a block as a list of one."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return "", []
    named = value.get(key)
    return str(value.get("match_criteria", "")), [str(each) for each in (named if isinstance(named, list) else [named])
                                                  if each not in (None, "")]  # fmt: skip
