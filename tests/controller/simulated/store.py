"""The configuration objects: listed, found, shown as an API version has them; made and deleted, as recorded."""

from __future__ import annotations

import copy
import csv
import json
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.controller.simulated.inventory import CLOUD, Object, Objects
from tests.controller.simulated.messages import Answer, Refused, Request, as_json, flag, number

_SCHEMA = Path(__file__).parents[2] / "data" / "avi-schema.csv"
_KINDS = {
    "analyticsprofile": "AnalyticsProfile",
    "healthmonitor": "HealthMonitor",
    "httppolicyset": "HTTPPolicySet",
    "icapprofile": "IcapProfile",
    "pkiprofile": "PKIProfile",
    "pool": "Pool",
    "poolgroup": "PoolGroup",
    "virtualservice": "VirtualService",
}
_SERVER = {"enabled": True, "ratio": 1, "verify_network": False, "resolve_server_by_dns": False, "static": False,
           "rewrite_host_header": False}  # fmt: skip
_VIP = {"enabled": True, "auto_allocate_ip": False, "auto_allocate_floating_ip": False, "avi_allocated_vip": False,
        "avi_allocated_fip": False, "auto_allocate_ip_type": "V4_ONLY", "prefix_length": 32}  # fmt: skip
# Not shown while unset, in all recordings.
_HIDDEN = frozenset({"east_west", "enable_rhi", "enable_rhi_snat", "gslb_sp_enabled",
                     "min_health_monitors_up", "min_pools_up", "min_servers_up", "resolve_pool_by_dns"})  # fmt: skip
# References that the Controller adds to an object that was made without them.
_USUAL = {
    "pool": {"cloud_ref": CLOUD, "vrf_ref": "/api/vrfcontext/vrfcontext-0e1",
             "analytics_profile_ref": "/api/analyticsprofile/analyticsprofile-0p1"},
    "vsvip": {"cloud_ref": CLOUD, "vrf_context_ref": "/api/vrfcontext/vrfcontext-0e1", "east_west_placement": False},
    "virtualservice": {
        "cloud_ref": CLOUD,
        "vrf_context_ref": "/api/vrfcontext/vrfcontext-0e1",
        "analytics_profile_ref": "/api/analyticsprofile/analyticsprofile-0p1",
        "application_profile_ref": "/api/applicationprofile/applicationprofile-0a1",
        "network_profile_ref": "/api/networkprofile/networkprofile-0n1",
        "se_group_ref": "/api/serviceenginegroup/serviceenginegroup-0g1",
    },
    "tenant": {"local": True, "config_settings": {"tenant_vrf": False, "se_in_provider_context": True,
                                                  "tenant_access_to_provider_se": True}},
}  # fmt: skip
_LIST = frozenset({"name", "uuid", "refers_to", "include_name", "page", "page_size", "fields", "skip_default"})


class Store:
    """Objects by kind."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.relative_next = False  # some versions give ``next`` without the address

    def listed(self, request: Request, kind: str) -> Answer:
        """GET /api/KIND. Raises `Refused`."""
        query = request.query
        request.unknown = tuple(name for name in query if name not in _LIST)
        found = [found for found in self._visible(request, kind) if self._asked(found, query)]
        size = number(request, "page_size", 25, range(1, 201))
        last = max(1, -(-len(found) // size))
        page = number(request, "page", 1, range(1, last + 1))
        body: Object = {
            "count": len(found),
            "results": [self._shown(request, kind, each) for each in found[(page - 1) * size : page * size]],
        }
        if page < last:
            following = urlencode(query | {"page": str(page + 1)})
            body["next"] = f"{'' if self.relative_next else request.origin}{urlsplit(request.target).path}?{following}"
        return as_json(body)

    def one(self, request: Request, kind: str, identity: str) -> Answer:
        """GET /api/KIND/UUID. Raises `Refused`."""
        request.unknown = tuple(name for name in request.query if name not in {"include_name", "fields"})
        return as_json(self._shown(request, kind, self.find(request, kind, identity)), allow=_ALLOW_ONE)

    def find(self, request: Request, kind: str, identity: str) -> Object:
        """The object of this uuid, if the tenant sees it. Raises `Refused`."""
        for found in self._visible(request, kind):
            if found["uuid"] == identity:
                return found
        raise Refused(404, error=f"{kind} object not found!")

    def made(self, request: Request, kind: str) -> Answer:
        """POST /api/KIND. Raises `Refused`."""
        given = json.loads(request.body)
        if any(found["name"] == given["name"] for found in self._visible(request, kind)):
            raise Refused(409, error=f"{kind} with this Name already exists.")
        new: Object = {"uuid": f"{kind}-{uuid.uuid4()}", "_last_modified": "1767225600000000"}
        if kind != "tenant":
            new["tenant_ref"] = f"/api/tenant/{self.tenant(request)}"
        new |= copy.deepcopy(_USUAL.get(kind, {})) | _relative(given)
        if schema := _schema().get(_KINDS.get(kind, "")):  # what isn't in it is dropped
            new = {name: value for name, value in new.items() if name in schema}
        _complete(new.get("servers", []), lambda _, server: {"hostname": server["ip"]["addr"], **_SERVER})
        _complete(new.get("services", []), lambda _, port: {"port_range_end": port["port"], "enable_http2": False})
        _complete(new.get("vip", []), lambda at, _: {"vip_id": str(at), **_VIP})
        self.objects.setdefault(kind, []).append(new)
        shown = self._shown(request, kind, new, named=True)
        return as_json(shown, 201, headers=[("Location", str(shown["url"]))])

    def deleted(self, request: Request, kind: str, identity: str) -> Answer:
        """DELETE /api/KIND/UUID. Raises `Refused`."""
        self.objects[kind].remove(self.find(request, kind, identity))
        return Answer(204, allow=_ALLOW_ONE)

    def tenant(self, request: Request) -> str:
        """The uuid of the tenant that the request is for; ``*``: all of them. Raises `Refused`."""
        if identity := request.headers.get("x-avi-tenant-uuid"):
            name, field = identity, "uuid"
        else:
            name, field = request.headers.get("x-avi-tenant", "admin"), "name"
        if name == "*":
            return name
        for found in self.objects["tenant"]:
            if found[field] == name:
                return str(found["uuid"])
        raise Refused(404, error=f"Tenant {name} not found")

    def _visible(self, request: Request, kind: str) -> Iterator[Object]:
        if kind not in self.objects and kind not in _USUAL:
            raise Refused(404, error="Not found")
        tenant = self.tenant(request)
        for found in self.objects.get(kind, []):
            if tenant == "*" or found.get("tenant_ref", f"/api/tenant/{tenant}") == f"/api/tenant/{tenant}":
                yield found

    def _asked(self, found: Object, query: dict[str, str]) -> bool:
        if any(field in query and found[field] != query[field] for field in ("name", "uuid")):
            return False
        kind, _, identity = query.get("refers_to", "").partition(":")
        return not kind or f"/api/{kind}/{identity}" in set(references(found))

    def _shown(self, request: Request, kind: str, found: Object, *, named: bool = False) -> Object:
        """The object as this version of the API has it, with defaults and complete references."""
        version = version_of(request.version)
        schema = _schema().get(_KINDS.get(kind, ""), {})
        shown: Object = {"url": f"/api/{kind}/{found['uuid']}"}
        shown |= {name: default for name, (_, default) in schema.items() if default is not None} | found
        shown = {name: value for name, value in shown.items() if name not in schema or schema[name][0] <= version}
        if version < (17,) and "servers" in shown:
            shown["server_count"] = len(shown["servers"])
        if asked := request.query.get("fields"):
            shown = {name: shown[name] for name in ("url", "uuid", "name", *asked.split(",")) if name in shown}
        named = named or flag(request, "include_name")
        completed: Object = self._completed(request.origin, shown, named=named)
        return completed

    def _completed(self, origin: str, value: Any, *, named: bool, reference: bool = False) -> Any:
        if isinstance(value, dict):
            return {
                name: self._completed(origin, each, named=named, reference=name.endswith(("_ref", "_refs", "url")))
                for name, each in value.items()
            }
        if isinstance(value, list):
            return [self._completed(origin, each, named=named, reference=reference) for each in value]
        if reference and isinstance(value, str) and value.startswith("/api/"):
            return f"{origin}{value}#{self._name(value)}" if named else f"{origin}{value}"
        return value

    def _name(self, reference: str) -> str:
        kind, identity = reference.split("/")[2:4]
        found = (each for each in self.objects.get(kind, []) if each["uuid"] == identity)
        return str(next(found, {}).get("name", identity))


_ALLOW_ONE = "HEAD, GET, PUT, PATCH, OPTIONS, DELETE"


def _complete(parts: list[Object], usual: Callable[[int, Object], Object]) -> None:
    """Add what the Controller adds to the parts of an object, under what they have."""
    for at, part in enumerate(parts):
        part.update(usual(at, part) | part)


def references(value: Any) -> Iterator[str]:
    """All references in an object."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name.endswith(("_ref", "_refs")):
                yield from [each] if isinstance(each, str) else each
            else:
                yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def version_of(text: str) -> tuple[int, ...]:
    """``16_4_2`` or ``30.2.1``, to be compared. Raises `Refused`."""
    try:
        return tuple(int(part) for part in text.replace("_", ".").split("."))
    except ValueError:
        raise Refused(400, error=f"Invalid version {text}") from None


def _relative(value: Any) -> Any:
    """References without the Controller's address and the name behind them."""
    if isinstance(value, dict):
        return {name: _relative(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_relative(each) for each in value]
    if isinstance(value, str) and "/api/" in value and not parse_qs(urlsplit(value).query):
        return urlsplit(value).path
    return value


@cache
def _schema() -> dict[str, dict[str, tuple[tuple[int, ...], Any]]]:
    """By object and field: the version that introduced it, and the value that the Controller shows if none was set."""
    found: dict[str, dict[str, tuple[tuple[int, ...], Any]]] = {}
    with _SCHEMA.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            kinds: dict[str, Any] = {"boolean": False, "integer": 0}
            no_zero = row["allowed"] and not row["allowed"].startswith("0") and "0" not in row["special"].split()
            hidden = row["field"] in _HIDDEN or no_zero
            unset = None if hidden else kinds.get(row["type"])
            default = json.loads(row["default"]) if row["default"] else unset
            since = version_of(row["introduced"]) if row["introduced"] else ()
            found.setdefault(row["object"], {})[row["field"]] = (since, default)
    return found
