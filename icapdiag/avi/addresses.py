"""Addresses in Avi logs: 32-bit integers in network order (signed in older models), text, or objects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, ip_address

_URI = re.compile(r"icaps?://(?:[^/?#@\s]*@)?(\[[^\]/\s]*\]|[^:/?#\s]*)(?::([0-9]{1,5}))?(/[^\s]*)?", re.IGNORECASE)
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4 = re.compile(rf"(?!0\.){_OCTET}(?:\.{_OCTET}){{3}}", re.ASCII)  # as it is written, but for 0.…
_DEFAULT_PORTS = {"icap": 1344, "icaps": 11344}
_NAME_KEPT = 253


def to_address(value: object) -> str | None:
    """The address as text, or None where there is none (0 and ``0.0.0.0`` count as none).

    ``value`` is an integer (also a negative one), text (also an integer as text), or
    ``{"addr": …, "type": …}``. An IPv6 address is written in its short form.
    """
    if isinstance(value, Mapping):
        return to_address(value.get("addr"))
    if isinstance(value, str):
        if IPV4.fullmatch(value):
            return value
        text = value.strip()
        if not re.fullmatch(r"-?[0-9]{1,11}", text):
            return _normal(text)
        value = int(text)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    number = value + (1 << 32) if value < 0 else value
    return str(IPv4Address(number)) if 0 < number < 1 << 32 else None


def _normal(text: str) -> str | None:
    if IPV4.fullmatch(text):  # ten times as fast
        return text
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return None if address.is_unspecified else str(address)


def host_port(host: str, port: int | None) -> str:
    """``host:port`` with an IPv6 address in brackets; ``host`` alone without a port."""
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def split_uri(uri: object) -> tuple[str, int, str] | None:
    """Host (without brackets), port and path of an ICAP URI; None for anything else.

    Avi writes a space behind the path. A missing port is the scheme's own; a missing path is ``/``.
    """
    found = _URI.match(uri.strip()) if isinstance(uri, str) else None
    if found is None or not found[1]:
        return None
    host = found[1].strip("[]")[:_NAME_KEPT]
    scheme = found[0].partition(":")[0].lower()
    port = int(found[2]) if found[2] else _DEFAULT_PORTS[scheme]
    return _normal(host) or host.lower(), port, found[3] or "/"


def member_name(address: object, port: int | None, uri: object = None) -> str | None:
    """``host:port`` of the ICAP server: its address, or else the host of the request's URI."""
    host = to_address(address)
    if host is not None and port is not None:
        return host_port(host, port)
    place = split_uri(uri)
    if host is not None:
        return host_port(host, place[1] if place is not None else None)
    return host_port(place[0], place[1]) if place else None
