"""Staged outages: logs written entry by entry, checks of the lab's servers, and configurations with one mistake."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import trio

from icapdiag.api.checking import check
from icapdiag.api.diagnosing import diagnose
from icapdiag.controller.folder import (
    Metrics,
    PoolRuntime,
    Pull,
    PulledLog,
    Runtime,
    ServiceMetrics,
    Writer,
    log_file,
)
from icapdiag.lab import serve_lab
from icapdiag.model import Report
from icapdiag.pool import loads_pool
from icapdiag.pool.model import Pool
from icapdiag.probe import Settings
from icapdiag.report.formats import Style, render
from icapdiag.report.machine.to_json import settled
from tests.lint.right import Export, Mistake, export, server

BEGIN = datetime(2026, 11, 30, 8, tzinfo=UTC)
REFUSED = "ADF_SERVER_CONN_SETUP_REFUSED"
Entry = dict[str, Any]


def entry(
    second: float,
    member: str = "192.0.2.1:1344",
    action: str | None = "ICAP_PASSED",
    *,
    engine: str = "se-1",
    codes: Iterable[str] = (),
    outcome: int = 200,
    headers: str = "",
    status: int = 204,
) -> Entry:
    """An upload as Avi logs it. ``action`` None: it was not sent to ICAP; ``outcome``: what the client got."""
    host, _, port = member.rpartition(":")
    failed = action == "ICAP_FAILED"
    made: Entry = {
        "adf": failed,
        "significant_log": [*(["ADF_ICAP_FAILED"] if failed else []), *codes],
        "virtualservice": "virtualservice-1",
        "vs_name": "app-vs",
        "report_timestamp": (BEGIN + timedelta(seconds=second)).isoformat(timespec="microseconds"),
        "service_engine": engine,
        "log_id": int(second * 1000),
        "client_ip": "198.51.100.7",
        "method": "POST",
        "uri_path": "/upload",
        "request_length": 2048,
        "request_content_type": "application/pdf",
        "response_code": outcome,
        "request_id": f"r{second:.3f}",
    }
    if action is None:
        return made
    request = {
        "icap_absolute_uri": f"icap://{member}/avscan ",
        "icap_server_ip": host,
        "icap_server_port": int(port),
        "icap_method": "ICAP_METHOD_REQMOD",
        "pool_name": {"val": "icap-group", "crc32": 7},
        "latency": "12",
        "action": action,
        "complete_body_sent": not failed,
        "vendor": "ICAP_VENDOR_OPSWAT",
    }
    if not failed:
        said = f'ISTag: "7"\r\n{headers}'
        request |= {"icap_response_code": status, "icap_headers_received_from_server": said}
        request |= {"http_response_code": 403} if action == "ICAP_BLOCKED" else {}
    return made | {"icap_log": {"action": action, "request_logs": [request]}}


def failure(second: float, member: str = "192.0.2.1:1344", *, closed: bool = False, **more: Any) -> Entry:
    """An upload for which ICAP failed: refused by fail closed, or passed unscanned."""
    return entry(second, member, "ICAP_FAILED", outcome=500 if closed else 200, **{"codes": [REFUSED], **more})


class Stage:
    """Files of one case in a folder, and their diagnosis."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sources: list[str] = []

    def file(self, name: str, data: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        self.sources.append(str(path))
        return str(path)

    def log(self, *entries: Entry) -> None:
        self.file("log.json", json.dumps({"count": len(entries), "results": list(entries)}))

    def configuration(self, *mistakes: Mistake) -> None:
        self.file("export.json", json.dumps(export(*mistakes), indent=1))

    def report(self, report: Report, name: str = "report.json") -> None:
        self.file(name, render(settled(report), "json"))

    def pull(
        self,
        *entries: Entry,
        change: Iterable[Mistake] = (),
        down: Mapping[str, str] | None = None,
        counted: Mapping[str, int] | None = None,
        over: bool = False,
        complete: bool = True,
    ) -> None:
        """The folder of a pull. What was ``counted`` goes on to its end, or is ``over`` since.

        ``down``: why a Service Engine has the first server marked down, by its name.
        """
        made = export(*change)
        made["IcapProfile"][0]["_last_modified"] = str(int((BEGIN.timestamp() - 60) * 1_000_000))
        first = made["Pool"][0]["servers"][0]
        seen = [
            {
                "ip_addr": first["ip"],
                "port": first.get("port", 1344),
                "se_uuid": f"se-{number}-uuid:se-{number}",
                "oper_status": {
                    "state": "OPER_DOWN" if (why := (down or {}).get(f"se-{number}")) else "OPER_UP",
                    "last_changed_time": {"secs": int(BEGIN.timestamp()) + 5, "usecs": 0},
                    **({"reason": [why]} if why else {}),
                },
            }
            for number in (1, 2)
        ]
        engines = tuple({"uuid": f"se-{number}-uuid", "name": f"se-{number}"} for number in (1, 2))
        times = [BEGIN, BEGIN + timedelta(minutes=5 if over else 55)]
        series = [
            {
                "header": {"name": f"icap_stats.sum_{name}"},
                "data": [
                    {"timestamp": at.isoformat(), "value": number * share}
                    for at, share in zip(times, (0.25, 0.75), strict=True)
                ],
            }
            for name, number in (counted or {}).items()
        ]
        name = log_file("app-vs", "virtualservice-1")
        until = (BEGIN + timedelta(hours=1)).isoformat()
        folder = self.folder / "pulled"
        (folder / "logs").mkdir(parents=True)
        (folder / name).write_bytes(gzip.compress("".join(f"{json.dumps(each)}\n" for each in entries).encode()))
        writer = Writer(folder)
        writer.config({"Version": "30.2.1"}, made)
        writer.runtime(Runtime(pools=(PoolRuntime("pool-1", "icap-pool", detail=seen),), service_engines=engines))
        metrics = ServiceMetrics("virtualservice-1", "app-vs", BEGIN.isoformat(), until, 300, {"series": series})
        writer.metrics(Metrics((metrics,)))
        why = None if complete else "cut at 10:00"
        log = PulledLog("app-vs", "virtualservice-1", name, len(entries), complete, why)
        writer.pull(
            Pull(
                controller="avi.example.test", version="30.2.1", tenant="admin", since=BEGIN.isoformat(), until=until,
                started_at=until, finished_at=until, complete=complete, logs=(log,),
            )
        )  # fmt: skip
        self.sources.append(str(folder))

    def diagnosed(self) -> Report:
        return diagnose(self.sources)


def with_server(*members: str, **fields: Any) -> Mistake:
    """The servers at these places only, and fields of the ICAP profile."""
    places = [member.rpartition(":") for member in members]

    def make(found: Export) -> None:
        found["Pool"][0]["servers"] = [server(host, port=int(port)) for host, _, port in places]
        found["IcapProfile"][0].update({"service_uri": "/avscan", **fields})

    return make


def checked(*faults: str, port: int | None = None, change: Callable[[Pool], Pool] = lambda pool: pool) -> Report:
    """A check of the lab's servers with these faults, with EICAR."""

    async def run() -> Report:
        async with serve_lab(faults, port=port) as lab:
            pool = change(loads_pool(lab.pool_yaml.encode(), Path("pool.yaml")))
            return await check(pool, settings=Settings(eicar=True, connect_timeout=2.0, timeout=3.0))

    with_limit = trio.run(run)
    assert with_limit.complete
    return with_limit


@contextmanager
def nobody() -> Iterator[int]:
    """A port that nobody listens on, and nobody else gets."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def place(report: Report, number: int = 0) -> str:
    """The ``host:port`` of a member."""
    member = report.members[number]
    return f"{member.address}:{member.port}"


def first_line(report: Report) -> str:
    return render(settled(report), "table", Style(detail=-1)).splitlines()[0]
