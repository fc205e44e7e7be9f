"""The outcomes of requests, and the log entries that the Controller shows of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal, NamedTuple

from tests.controller.simulated.inventory import ENGINES, SERVICES, Member, Service

Kind = Literal["adf", "udf", "nf"]  # significant, matched by a filter of the user's, or neither


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request, the fields of its entry that say so, and the counters that it adds to."""

    name: str
    share: int  # of 1,000 requests
    kind: Kind
    action: str | None  # None: no rule sent the request to ICAP
    latency: int = 40  # ms
    icap_status: int | None = None
    http_status: int | None = None
    codes: tuple[str, ...] = ()
    counters: tuple[str, ...] = field(default=())  # of icap_stats


_ALL = ("requests",)
# Every failure counts as an error, beside the counter of its kind: the schema describes icap_error and
# icap_server_error in the same words.
OUTCOMES = (
    Outcome("page", 150, "nf", None),
    Outcome("disabled", 20, "nf", "ICAP_DISABLED"),
    Outcome("passed", 620, "nf", "ICAP_PASSED", icap_status=204, counters=(*_ALL, "passed")),
    Outcome("watched", 60, "udf", "ICAP_PASSED", icap_status=204, counters=(*_ALL, "passed")),
    Outcome("slow", 30, "adf", "ICAP_PASSED", 14_000, 204, None, ("ADF_ICAP_SERVER_HIGH_RESPONSE_TIME",),
            (*_ALL, "passed", "time_warning")),
    Outcome("modified", 30, "adf", "ICAP_MODIFIED", 300, 200, None, ("ADF_ICAP_MODIFIED",), (*_ALL, "modified")),
    Outcome("blocked", 40, "adf", "ICAP_BLOCKED", 90, 200, 403, ("ADF_ICAP_BLOCKED", "ADF_RESPONSE_CODE_4XX"),
            (*_ALL, "blocked")),
    Outcome("timed-out", 15, "adf", "ICAP_FAILED", 60_000, None, None, ("ADF_ICAP_TIMEDOUT",),
            (*_ALL, "error", "timedout")),
    Outcome("server-error", 15, "adf", "ICAP_FAILED", 25, 500, None, ("ADF_ICAP_SERVER_ERROR",),
            (*_ALL, "error", "server_error")),
    Outcome("refused", 20, "adf", "ICAP_FAILED", 3, None, None, ("ADF_ICAP_CONNECTION_ERROR",), (*_ALL, "error")),
    Outcome("setup-refused", 0, "adf", "ICAP_FAILED", 1, None, None, ("ADF_SERVER_CONN_SETUP_REFUSED",),
            (*_ALL, "error")),
    Outcome("setup-timed-out", 0, "adf", "ICAP_FAILED", 3_000, None, None, ("ADF_SERVER_CONN_SETUP_TIMEDOUT",),
            (*_ALL, "error")),
)  # fmt: skip
REFUSED = next(number for number, outcome in enumerate(OUTCOMES) if outcome.name == "refused")
COUNTERS = ("requests", "passed", "blocked", "modified", "error", "server_error", "internal_error", "timedout",
            "time_warning")  # fmt: skip


class Entry(NamedTuple):
    """A request: numbers only, since there are many. Sorted as the log is: by time, then in an order of its own."""

    time: int  # µs since 1970
    engine: int  # of ENGINES
    core: int  # vcpu_id
    log_id: int  # counts per virtual service, SE and core: two SEs use the same numbers
    service: int  # of SERVICES
    outcome: int  # of OUTCOMES
    member: int  # of the service's members
    number: int  # of all requests of the run

    @property
    def key(self) -> tuple[str, str, int, int, str]:
        """What tells entries apart, as the API spells it."""
        return (SERVICES[self.service].uuid, ENGINES[self.engine], self.core, self.log_id, to_iso(self.time))

    @property
    def action(self) -> str | None:
        return OUTCOMES[self.outcome].action

    @property
    def kind(self) -> Kind:
        return OUTCOMES[self.outcome].kind

    def encoded(self) -> bytes:
        """The entry as the API's JSON."""
        template = _template(self.service, self.outcome, self.member)
        third, fourth = divmod(self.number % 65_000, 250)
        return template % (
            to_iso(self.time).encode(),
            ENGINES[self.engine].encode(),
            self.core,
            self.log_id,
            b"10.20.%d.%d" % (third, fourth + 1),
            20_000 + self.number % 40_000,
            self.number,
        )


def to_iso(time: int) -> str:
    """The API's form of a time: no fraction if it is zero."""
    seconds, micros = divmod(time, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros).isoformat()


@cache
def _template(service: int, outcome: int, member: int) -> bytes:
    """The entry with a place for each of its own values."""
    entry = _entry(SERVICES[service], OUTCOMES[outcome], SERVICES[service].members[member])
    text = json.dumps(entry).replace("%", "%%")
    for mark, place in (("time", "%s"), ("engine", "%s"), ("client", "%s"), ("number", "%d")):
        text = text.replace(f"@{mark}@", place)
    for mark in ("core", "log_id", "port"):  # numbers, without the quotes
        text = text.replace(f'"@{mark}@"', "%d")
    return text.encode()


def _entry(service: Service, outcome: Outcome, member: Member) -> dict[str, Any]:
    upload = outcome.action is not None
    unscanned = outcome.action == "ICAP_FAILED" and not service.fail_open
    code = 500 if unscanned else outcome.http_status or 200
    entry: dict[str, Any] = {
        "adf": outcome.kind == "adf",
        "udf": outcome.kind == "udf",
        "significance": ", ".join(outcome.codes),
        "virtualservice": service.uuid,
        "vs_name": service.name,
        "report_timestamp": "@time@",
        "service_engine": "@engine@",
        "vcpu_id": "@core@",
        "log_id": "@log_id@",
        "client_ip": "@client@",
        "client_src_port": "@port@",
        "client_dest_port": 443,
        "vs_ip": service.address,
        "http_version": "1.1",
        "method": "POST" if upload else "GET",
        "host": f"{service.name}.example.test",
        "uri_path": "/upload/report.pdf" if upload else "/",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "request_content_type": "multipart/form-data" if upload else "",
        "request_length": 48_211 if upload else 312,
        "request_id": "r-@number@",
        "response_code": code,
        "total_time": outcome.latency + 5,
        "significant_log": list(outcome.codes),
    }
    if outcome.action is not None:
        entry["icap_log"] = {"action": outcome.action} | (
            {} if outcome.action == "ICAP_DISABLED" else {"request_logs": [_request(service, outcome, member)]}
        )
    return entry


def _request(service: Service, outcome: Outcome, member: Member) -> dict[str, Any]:
    request: dict[str, Any] = {
        "icap_response_code": outcome.icap_status,
        "icap_method": "ICAP_METHOD_REQMOD",
        "http_method": "HTTP_METHOD_POST",
        "http_response_code": outcome.http_status,
        "icap_absolute_uri": f"icap://{member.name}{service.service_path} ",
        "complete_body_sent": outcome.icap_status is not None,
        "pool_name": {"val": service.group, "crc32": 1_234_567_890},
        "pool_uuid": f"poolgroup-{service.group}",
        "latency": str(outcome.latency),
        "action": outcome.action,
        "icap_server_ip": member.address,
        "icap_server_port": member.port,
    }
    if outcome.name == "blocked":
        request["opswat_log"] = {"reason": "Infected", "threat_id": "Sample-Threat"}
    return {name: value for name, value in request.items() if value is not None}
