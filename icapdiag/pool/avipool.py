"""One Pool of Avi's API: its servers as members, its TLS settings."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from icapdiag.pool.hosts import parse_host
from icapdiag.pool.model import TLS, Member, endpoint
from icapdiag.pool.nodes import ListNode, MapNode, Node, Scalar, is_null
from icapdiag.pool.problems import shown
from icapdiag.pool.schema import AviAddress, AviPool, AviServer, validate

if TYPE_CHECKING:
    from icapdiag.pool.problems import Path, Problems


def read_servers(pool: AviPool, node: MapNode, path: Path, problems: Problems, *, selected: bool) -> list[Member]:
    """The pool's servers. They are off if the pool is, or if ``selected`` is false: Avi sends them nothing."""
    servers = node.get("servers")
    if not isinstance(servers, ListNode) or not servers.items:
        named = f"pool {shown(pool.name)} has no servers in this file"
        if pool.ipaddrgroup_ref:
            named += f": they come from the IP group {shown(pool.ipaddrgroup_ref)}"
        problems.add(servers or node, (*path, "servers"), f"{named}; list their addresses in a pool.yaml")
        return []
    tls = _tls(pool, node)
    active = pool.enabled and selected
    found = (
        _server(item, (*path, "servers", index), pool, problems, tls=tls, active=active)
        for index, item in enumerate(servers.items)
    )
    return [member for member in found if member]


def _tls(pool: AviPool, node: MapNode) -> TLS | None:
    """TLS if the pool has an SSL profile. Avi looks at the certificate only if there is a PKI profile too."""
    if not pool.ssl_profile_ref:
        return None
    server_name = pool.server_name if pool.sni_enabled else None
    names = node.get("domain_name")
    if server_name is None and isinstance(names, ListNode):
        texts = [item.text for item in names.items if isinstance(item, Scalar) and item.text]
        server_name = _host(texts[0]) if texts else None
    return TLS(verify=bool(pool.pki_profile_ref), server_name=server_name)


def _host(text: str) -> str | None:
    try:
        return parse_host(text)
    except ValueError:
        return None


def _server(
    item: Node, path: Path, pool: AviPool, problems: Problems, *, tls: TLS | None, active: bool
) -> Member | None:
    server = validate(AviServer, item, path, problems)
    if server is None or not isinstance(item, MapNode):
        return None
    host = _address(item, server, path, problems)
    if host is None:
        return None
    port = server.port or pool.default_server_port
    enabled = server.enabled and active
    return Member(host=host, port=port, name=endpoint(host, port), enabled=enabled, tls=tls, line=item.line)


def _address(item: MapNode, server: AviServer, path: Path, problems: Problems) -> str | None:
    """The server's address; its name if Avi resolves it by DNS, or if no address is there."""
    ip = item.get("ip")
    by_name = server.hostname and _is_name(server.hostname) and server.resolve_server_by_dns
    if ip is None or is_null(ip) or by_name:
        if not server.hostname:
            problems.add(item, (*path, "ip"), "missing: a server has ip: {addr, type} or a hostname")
            return None
        host, where = item.get("hostname"), (*path, "hostname")
    elif isinstance(ip, MapNode):
        address = validate(AviAddress, ip, (*path, "ip"), problems)
        return address.addr if address else None
    else:
        host, where = ip, (*path, "ip")
    if not isinstance(host, Scalar) or host.problem is not None:
        problems.add(host, where, "an address or a name is expected here")
        return None
    try:
        return parse_host(host.text)
    except ValueError as error:
        problems.add(host, where, str(error))
        return None


def _is_name(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return True
    return False
