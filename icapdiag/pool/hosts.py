"""The grammar of what stands for a server: hosts, ports, endpoints, URLs and service paths.

RFC 3507 section 4.2 (ICAP URIs), RFC 3986 section 3.2.2, RFC 6874 (zones), RFC 1123 section 2.1
(names). Every function raises ValueError with a message that names the value and says what to do.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

from msgspec import Struct

from icapdiag.mistakes import shown

URI_LENGTH = 2048
EXAMPLES = "/OMSScanReq-AV or /avscan"

_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_ZONE = re.compile(r"[A-Za-z0-9._~-]{1,32}")
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_BRACKETED = re.compile(r"\[(?P<host>[^\[\]]*)\](?::(?P<port>.*))?", re.DOTALL)


class ServerAddress(Struct, frozen=True):
    """Where a server is, as far as one text says so.

    ``port`` None: not given. ``tls`` None: not said; True for icaps://, False for icap://.
    ``service_uri`` is "" if the text names none.
    """

    host: str
    port: int | None = None
    tls: bool | None = None
    service_uri: str = ""


_LIKELY_PORT = "1344"  # ICAP's, and a hextet as well; with 11344 it is no IPv6 address


def printable(text: str) -> None:
    """Refuse what could break a request line or a terminal: spaces, control and invisible characters."""
    odd = next((char for char in text if char.isspace() or not char.isprintable()), None)
    if odd == " ":
        raise ValueError(f"{shown(text)} contains a space: remove it")
    if odd is not None:
        raise ValueError(f"{shown(text)} contains the character {odd!r}: remove it")


def parse_host(text: str) -> str:
    """A host in normal form: IPv4, IPv6 (shortest form, zone kept) or a DNS name in ASCII."""
    printable(text)
    if not text:
        raise ValueError("the host is empty: write an address or a name")
    if ":" in text:
        return _ipv6(text)
    if text.replace(".", "").isdigit() and text.isascii():
        try:
            return str(IPv4Address(text))
        except ValueError:
            raise ValueError(
                f"{shown(text)} is not an IPv4 address: write four numbers from 0 to 255, such as 192.0.2.7 "
                "(no leading zeros)"
            ) from None
    return _name(text)


def parse_host_alone(text: str) -> str:
    """Like `parse_host`; names a URL or a port that was written along, and how to write them instead."""
    if "://" in text:
        raise ValueError(
            f"{shown(text)} is a URL: write only the URL as the member, or its parts as host, port and tls"
        )
    host, colon, port = text.rpartition(":")
    if colon and host and port.isdigit() and (":" not in host or host.endswith("]")):
        raise ValueError(f"{shown(text)} includes a port: write host: {shown(host.strip('[]'))} and port: {port[:10]}")
    bracketed = _BRACKETED.fullmatch(text)
    return _ipv6(bracketed["host"]) if bracketed and bracketed["port"] is None else parse_host(text)


def _ipv6(text: str) -> str:
    address, percent, zone = text.partition("%")
    if percent and not _ZONE.fullmatch(zone):
        raise ValueError(f"{shown(text)} has a bad zone: write the interface after '%', such as fe80::1%eth0")
    try:
        parsed = IPv6Address(address)
    except ValueError:
        message = f"{shown(text)} is not an IPv6 address: write it as 2001:db8::1, with a port as [2001:db8::1]:1344"
        raise ValueError(message) from None
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)  # what is dialled is IPv4
    return f"{parsed}{percent}{zone}"


def _name(text: str) -> str:
    wrong = f"{shown(text)} is not a host name"
    if len(text) > 254:
        raise ValueError(f"{wrong}: it has {len(text)} characters, DNS allows 253")
    name = text
    if not text.isascii():
        try:
            name = text.encode("idna").decode("ascii")
        except UnicodeError:
            raise ValueError(f"{wrong}: it can't be written in IDNA form; write the xn-- form") from None
    labels = name.removesuffix(".").split(".")
    if len(name.removesuffix(".")) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{wrong}: labels of letters, digits and hyphens, 1 to 63 characters each, joined by dots")
    if labels[-1].isdigit():
        raise ValueError(f"{wrong}: the last label is a number, so it would be an IPv4 address, and is not one")
    return name


def parse_port(text: str) -> int:
    """A port from 1 to 65535, in plain decimal digits."""
    if not text.isascii() or not text.isdigit():
        raise ValueError(f"port {shown(text)} is not a number: write 1 to 65535")
    if text.startswith("0") or len(text) > 5 or int(text) > 65535:
        raise ValueError(f"port {shown(text)} is out of range: write 1 to 65535, without leading zeros")
    return int(text)


def parse_service_uri(text: str) -> str:
    """Path and query of the service (RFC 3507 section 4.2): what follows host and port in the ICAP URI."""
    printable(text)
    if _URL.fullmatch(text):
        rest = _URL.sub(r"\g<rest>", text)
        meant = f": write {shown(rest)}" if rest.startswith("/") else f", such as {EXAMPLES}"
        raise ValueError(f"{shown(text)} is a whole URL; service_uri is the path only{meant}")
    if "#" in text:
        raise ValueError(f"{shown(text)} has a fragment ('#'), which is never sent: remove it")
    if not text.startswith("/"):
        raise ValueError(f"{shown(text)} does not begin with '/': write {shown('/' + text)}")
    if not text.isascii():
        raise ValueError(f"{shown(text)} has characters outside ASCII: write them as %XX")
    if len(text) > URI_LENGTH:
        raise ValueError(f"{shown(text)} has {len(text)} characters: write at most {URI_LENGTH}")
    return text


def parse_url(text: str) -> ServerAddress:
    """An ``icap://`` or ``icaps://`` URL. The path may be missing; ``service_uri`` is then ""."""
    printable(text)
    match = _URL.fullmatch(text)
    if not match or match["scheme"].lower() not in {"icap", "icaps"}:
        raise ValueError(f"{shown(text)} is not an ICAP URL: write icap://host:port/service, or icaps:// for TLS")
    authority, rest = match["authority"], match["rest"]
    if "@" in authority:
        raise ValueError("a user or password in the URL: ICAP has none, and others can read it; remove it")
    bracketed = _BRACKETED.fullmatch(authority)
    if bracketed:
        host_text, port_text = bracketed["host"].replace("%25", "%", 1), bracketed["port"]
        if ":" not in host_text:
            raise ValueError(f"{shown(host_text)} in brackets is not an IPv6 address")
    else:
        host_text, colon, port_text = authority.partition(":")
        port_text = port_text if colon else None
        if port_text and ":" in port_text:
            raise ValueError(f"{shown(authority)}: an IPv6 address in a URL stands in brackets, [2001:db8::1]:1344")
    host = parse_host(host_text)
    port = None if port_text is None else parse_port(port_text)
    if rest.startswith("?"):
        raise ValueError(f"the path is missing before {shown(rest)}: write icap://host:port/service?query")
    service_uri = parse_service_uri(rest) if rest else ""
    return ServerAddress(host, port, match["scheme"].lower() == "icaps", service_uri)


def parse_address(text: str) -> ServerAddress:
    """A member written as one text: ``host``, ``host:port``, ``[v6]:port``, a bare IPv6 address or a URL."""
    printable(text)
    if "://" in text:
        return parse_url(text)
    if "@" in text:
        raise ValueError("a user or password ('@'): ICAP has none; write host:port")
    if "/" in text:
        raise ValueError(
            f"{shown(text)} contains a slash: write host:port here, one member each, and the path in service_uri"
        )
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed:
        if ":" not in bracketed["host"]:
            raise ValueError(f"{shown(text)}: only IPv6 addresses stand in brackets; write host:port")
        port = bracketed["port"]
        return ServerAddress(_ipv6(bracketed["host"]), None if port is None else parse_port(port))
    host, _, port = text.rpartition(":")
    if ":" not in host and port != text:
        return ServerAddress(parse_host(host), parse_port(port))
    if host and port == _LIKELY_PORT:
        raise ValueError(
            f"{shown(text)}: is {port} the port? write [{host}]:{port}, or [{text}] if it belongs to the address"
        )
    return ServerAddress(parse_host(text))


def same_host(host: str) -> str:
    """A key under which two spellings of one host are equal."""
    return host.lower().removesuffix(".")
