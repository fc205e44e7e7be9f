"""What servers are like and what was counted: runtime, health monitors, icapstats and metrics."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.controller.simulated.entries import COUNTERS, to_iso
from tests.controller.simulated.inventory import ENGINES, MEMBERS, SERVICES, Member
from tests.controller.simulated.messages import Answer, Refused, Request, as_json, number
from tests.controller.simulated.truth import Truth

_METRICS = frozenset({"metric_id", "step", "limit", "start", "stop", "pad_missing_data", "dimension_limit"})
_MOST_POINTS = 1440


class State:
    """The state of servers at each SE, and the counters."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.members = MEMBERS  # that are monitored
        self.wrapped = False  # some versions wrap the servers of runtime/server/detail
        self.down: dict[tuple[str, str], str] = {}  # (member, SE): why, such as CONNECTION_REFUSED

    def detail(self, pool: str) -> Answer:
        """GET /api/pool/UUID/runtime/server/detail/."""
        found = [
            {
                "ip_addr": {"addr": member.address, "type": "V4"},
                "port": member.port,
                "se_uuid": engine,
                "proc_id": "C0_L4",
                "oper_status": self._status(member, engine),
            }
            for engine in ENGINES
            for member in self.members
            if member.pool == pool
        ]
        return as_json({"server": found} if self.wrapped else found)

    def monitors(self, pool: str) -> Answer:
        """GET /api/pool/UUID/runtime/server/hmonstat/."""
        return as_json(
            [
                {
                    "se_uuid": engine,
                    "proc_id": "C0_L4",
                    "server_hm_stat": [self._monitor(member, engine) for member in self.members if member.pool == pool],
                }
                for engine in ENGINES
            ]
        )

    def icapstats(self, service: str) -> Answer:
        """GET /api/virtualservice/UUID/icapstats/: since the virtual service was placed, so at least the metrics."""
        found = _index(service)
        answered = []
        for number_, engine in enumerate(ENGINES):
            sums = dict.fromkeys(COUNTERS, 0) if found is None else self.truth.sums(found, engine=number_)
            sums["time_exceeded_warning_threshold"] = sums.pop("time_warning")
            stats = {f"icap_{name}": count for name, count in sums.items()}
            answered.append({"se_uuid": engine, "proc_id": "C0_L7", "icap_stats": [stats]})
        return as_json(answered)

    def metrics(self, request: Request, service: str) -> Answer:
        """GET /api/analytics/metrics/virtualservice/UUID/. Raises `Refused`."""
        query = request.query
        request.unknown = tuple(name for name in query if name not in _METRICS)
        step = number(request, "step", 300, range(5, 86_401))
        limit = number(request, "limit", _MOST_POINTS, range(1, _MOST_POINTS + 1))
        start = _time(query.get("start", to_iso(self.truth.start)))
        stop = _time(query.get("stop", to_iso(self.truth.end)))
        begins = list(range(start - start % (step * 1_000_000), stop, step * 1_000_000))[:limit]
        found = _index(service)
        rows = [self.truth.sums(found, at, at + step * 1_000_000 - 1) if found is not None else {} for at in begins]
        return as_json(
            {
                "metric_id": query.get("metric_id", ""),
                "series": [
                    _series(identity, service, [(at, row) for at, row in zip(begins, rows, strict=True)], step)
                    for identity in query.get("metric_id", "").split(",")
                ],
                "start": to_iso(start),
                "stop": to_iso(stop),
                "step": step,
                "limit": limit,
                "entity_uuid": service,
                "metric_entity": "VSERVER_METRICS_ENTITY",
            }
        )

    def _status(self, member: Member, engine: str) -> dict[str, Any]:
        why = self.down.get((member.name, engine))
        changed, micros = divmod(self.truth.incident[0] if why else self.truth.start, 1_000_000)
        status = {"state": "OPER_DOWN" if why else "OPER_UP", "last_changed_time": {"secs": changed, "usecs": micros}}
        return status | ({"reason": [why]} if why else {})

    def _monitor(self, member: Member, engine: str) -> dict[str, Any]:
        why = self.down.get((member.name, engine))
        status = self._status(member, engine)
        monitor = {
            "health_monitor_name": "icap-options",
            "health_monitor_type": "HEALTH_MONITOR_TCP",
            "rise_count": 0 if why else 255,
            "fall_count": 255 if why else 0,
            "total_checks": 2160,
            "total_failed_checks": 360 if why else 0,
            "total_count": [{"type": why, "count": 360}] if why else [],
            "avg_response_time": 1,
            "recent_response_time": 1,
            "min_response_time": 1,
            "max_response_time": 4,
            "port": member.port,
            "curr_failed_checks": 2 if why else 0,
            "last_transition_timestamp_1": status["last_changed_time"],
        }
        return {
            "server_name": member.name,
            "ip_addr": {"addr": member.address, "type": "V4"},
            "port": member.port,
            "oper_status": status,
            "shm_runtime": [monitor],
        }


def _index(service: str) -> int | None:
    return next((number_ for number_, each in enumerate(SERVICES) if each.uuid == service), None)


def _time(text: str) -> int:
    """µs. Raises `Refused`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(400, error=f"Invalid time {text}") from None
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def _series(identity: str, service: str, rows: list[tuple[int, dict[str, int]]], step: int) -> dict[str, Any]:
    """One metric: ``icap_stats.sum_NAME`` per step, or ``icap_stats.avg_NAME`` per second. Raises `Refused`."""
    family, _, name = identity.partition(".")
    kind, _, counter = name.partition("_")
    if family != "icap_stats" or kind not in {"sum", "avg"} or counter not in COUNTERS:
        raise Refused(400, error=f"Invalid metric_id: {identity}")
    share = 1 if kind == "sum" else step
    values = [row.get(counter, 0) / share for _, row in rows]
    data = [{"timestamp": to_iso(at), "value": value} for (at, _), value in zip(rows, values, strict=True)]
    return {
        "header": {
            "name": identity,
            "entity_uuid": service,
            "tenant_uuid": "admin",
            "obj_id_type": "METRICS_OBJ_ID_TYPE_VIRTUALSERVICE",
            "units": "METRIC_COUNT" if kind == "sum" else "PER_SECOND",
            "priority": True,
            "metrics_sum_agg_invalid": False,
            "statistics": {
                "min": min(values, default=0.0),
                "max": max(values, default=0.0),
                "sum": sum(values),
                "num_samples": len(data),
            },
        },
        "data": data,
    }
