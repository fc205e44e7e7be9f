"""Entries of an Avi log by the thousand, of every outcome, among them shapes that are odd and were met."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_START = datetime(2026, 3, 2, 10, tzinfo=UTC)
_POOLS = ("uploads-pg", "mail-pg", "portal-pg", "test-pg")
# Action, share, ICAP status, HTTP status, X-Response-Info, X-Response-Desc, threat.
_OUTCOMES = (
    ("ICAP_PASSED", 60, 204, None, "Allowed", "Allowed", None),
    ("ICAP_PASSED", 6, 200, None, "Allowed", "Not Scanned", None),
    ("ICAP_MODIFIED", 8, 200, None, "Sanitized", "Sanitized", None),
    ("ICAP_BLOCKED", 6, 200, 403, "Blocked", "Infected", "Sample-Threat (made up)"),
    ("ICAP_BLOCKED", 4, 200, 403, "Blocked", "Infected", "Sample.Number.{}"),
    ("ICAP_BLOCKED", 3, 200, 403, "Blocked", "Password Protected Document", None),
    ("ICAP_FAILED", 4, None, None, None, None, None),
    ("ICAP_FAILED", 3, 500, None, None, None, None),
    ("ICAP_FAILED", 2, 404, None, None, None, None),
    ("ICAP_DISABLED", 4, None, None, None, None, None),
)


@dataclass(frozen=True)
class _Generator:
    random: random.Random
    order: str

    def entry(self, number: int, *, scanned: bool) -> dict[str, Any]:
        outcome = self.random.choices(_OUTCOMES, [share for _, share, *_ in _OUTCOMES])[0] if scanned else None
        code = 403 if outcome and outcome[3] else self.random.choice([200] * 9 + [404, 503])
        moment = _START + timedelta(seconds=number / 100)
        entry: dict[str, Any] = {
            "adf": code >= 400,
            "significance": f"Request ended abnormally: response code {code // 100}xx" if code >= 400 else "",
            "virtualservice": f"virtualservice-{number % 20}",
            "report_timestamp": moment.isoformat(timespec="microseconds"),
            "service_engine": f"se-{number % 6}",
            "log_id": 100_000 + number,
            "client_ip": f"10.20.{self.random.randrange(256)}.{self.random.randrange(1, 255)}",
            "uri_path": f"/upload/{self.random.randbytes(6).hex()}.pdf",
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101",
            "request_length": int(100 + self.random.random() ** 6 * 5_000_000),
            "response_code": code,
            "all_request_headers": 'Host: www.example.test\r\nCookie: a="b"; c=d\r\n',
            "significant_log": ["ADF_RESPONSE_CODE_4XX"] if code == 403 else [],
            "request_id": self.random.randbytes(5).hex(),
        }
        if self.random.random() < 0.08:
            match = {"match_element": "ARGS:id", "match_value": '\' and 1=0 {"a":[1]} #', "is_internal": False}
            entry["waf_log"] = {"status": "FLAGGED", "psm_configured": False, "rule_logs": [{"matches": [match]}]}
        if outcome:
            entry["icap_log"] = {"action": outcome[0], "request_logs": [self._request(outcome, moment)]}
        entry["grpc_status"] = "GRPC_STATUS_CODE_OK"
        self._make_odd(entry)
        keys = {
            "as written": list(entry),
            "sorted": sorted(entry),
            "shuffled": self.random.sample(list(entry), len(entry)),
        }
        return {key: entry[key] for key in keys[self.order]}

    def _request(self, outcome: tuple[Any, ...], moment: datetime) -> dict[str, Any]:
        action, _, icap_status, http_status, info, description, threat = outcome
        pool = self.random.randrange(len(_POOLS))
        address = f"10.20.{pool}.{15 + self.random.randrange(4)}"
        request = {
            "icap_response_code": icap_status,
            "icap_method": self.random.choice(["ICAP_METHOD_REQMOD"] * 6 + ["ICAP_METHOD_RESPMOD"]),
            "http_response_code": http_status,
            "icap_absolute_uri": f"icap://{address}:1344/scan ",
            "complete_body_sent": self.random.random() < 0.7,
            "pool_name": {"val": _POOLS[pool], "crc32": 77 + pool},
            "latency": str(
                60_000 if action == "ICAP_FAILED" and not icap_status else int(self.random.lognormvariate(4, 0.9))
            ),
            "action": action,
            "threat_id": threat and threat.format(self.random.randrange(1000)),
            "icap_server_ip": address,
            "icap_server_port": 1344,
            "vendor": "ICAP_VENDOR_OPSWAT",
        }
        if icap_status:
            said = f"X-Response-Info: {info}\r\nX-Response-Desc: {description}\r\n" if info else ""
            request["icap_headers_received_from_server"] = (
                f"Date: {moment:%a, %d %b %Y %H:%M:%S} GMT\r\nServer: Metadefender Core V5\r\n"
                f'ISTag: "{moment.hour:012d}"\r\n{said}{"X-Infection-Found: Type=0" if threat else ""}'
            )
        return {name: value for name, value in request.items() if value is not None}

    def _make_odd(self, entry: dict[str, Any]) -> None:
        match self.random.randrange(50):
            case 0:
                entry["icap_log"] = None
            case 1:
                entry["icap_log"] = {}
            case 2:
                entry["user_agent"] = 'evil "icap_log": {"action":"ICAP_BLOCKED"} \u2028 \\" }, {"adf":true'
            case 3:
                entry["significant_log"] = ["icap_log", "ADF_X"]
            case 4:
                entry["datascript_error_trace"] = {"nested": [{"adf": True, "icap_log": {"action": "NOT_ME"}}]}
        log = entry.get("icap_log") or {}
        if log.get("request_logs"):
            self._make_request_odd(log)

    def _make_request_odd(self, log: dict[str, Any]) -> None:
        request = log["request_logs"][0]
        match self.random.randrange(20):
            case 0 | 1:
                request["pool_name"] = request["pool_name"]["val"]
            case 2 | 3:
                request["latency"] = int(request["latency"])
            case 4:
                del request["latency"]
            case 5:
                log["request_logs"].append(request | {"action": "ICAP_PASSED"})
            case 6:
                headers = request.get("icap_headers_received_from_server", "")
                request["icap_headers_received_from_server"] = headers.replace("X-Response-Desc", "x-response-desc")
            case 7:
                request["threat_id"] = 'Sample \u00e9\u4e2d\U0001f600 \\u0000 " end'
            case 8:
                del log["request_logs"]


ORDERS = ("as written", "sorted", "shuffled")  # of an entry's keys


def generated(count: int, *, share: float, order: str, seed: int) -> Iterator[dict[str, Any]]:
    """``count`` entries, the same for the same ``seed``; a ``share`` of them went through ICAP."""
    generator = _Generator(random.Random(seed), order)  # noqa: S311 - no secret, and it must repeat itself
    for number in range(count):
        yield generator.entry(number, scanned=generator.random.random() < share)
