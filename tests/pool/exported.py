"""Objects as the Avi API and an export of the configuration have them, in short."""

from __future__ import annotations

import json
from typing import Any

from icapdiag.pool import Pool


def pool(name: str = "icap-pool", *addresses: str, **more: Any) -> dict[str, Any]:
    servers = [{"ip": {"type": "V4", "addr": address}, "enabled": True} for address in addresses or ("192.0.2.1",)]
    return {"name": name, "default_server_port": 1344, "servers": servers, "description": None, **more}


def group(name: str = "icap-group", *refs: str, **more: Any) -> dict[str, Any]:
    members = [{"pool_ref": ref, "ratio": 1} for ref in refs or ("/api/pool/?name=icap-pool",)]
    return {"name": name, "members": members, **more}


def profile(name: str = "icap", ref: str = "/api/poolgroup/?name=icap-group", **more: Any) -> dict[str, Any]:
    return {"name": name, "pool_group_ref": ref, "service_uri": "/OMSScanReq-AV", **more}


def export(*, pools: list[Any], groups: list[Any], profiles: list[Any]) -> str:
    return json.dumps(
        {"Pool": pools, "PoolGroup": groups, "IcapProfile": profiles, "VirtualService": [{"name": "vs"}], "META": {}},
        indent=1,
    )


def hosts(found: Pool) -> list[str]:
    return [member.name for member in found.members]
