"""What goes wrong, in place of an answer or on its way."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field

from tests.controller.simulated.messages import Request

_JSON = {"Content-Type": "application/json"}


@dataclass(slots=True)
class Fault:
    """Befalls ``times`` requests whose path matches, after ``after`` of them were spared.

    One that neither answers (``status``), nor cuts, nor hangs up, only delays the right answer.
    """

    path: str = ""  # regular expression that is searched for in the path and query
    method: str = "GET"
    after: int = 0
    times: int = 1
    status: int | None = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    expire: bool = False  # all sessions end first
    delay: float = 0.0  # s before the answer
    trickle: float = 0.0  # s that the body takes, bit by bit
    cut: int | None = None  # bytes of the body that are sent before the connection closes
    hang_up: bool = False  # the connection closes without an answer


def search_down(*, after: int = 0, times: int = 1) -> Fault:
    """While the log's index starts."""
    body = b'{"Error": "Search system is down"}'
    return Fault(path="analytics/logs", status=503, body=body, headers=_JSON, after=after, times=times)


def session_over(path: str = "", status: int = 401, *, after: int = 0, times: int = 1) -> Fault:
    """The session ends, as after the idle timeout; the body is plain text."""
    body, headers = b"Session expired\n", {"Content-Type": "text/plain"}
    return Fault(path=path, status=status, body=body, headers=headers, expire=True, after=after, times=times)


def too_many(path: str = "", retry_after: int = 1, *, after: int = 0, times: int = 1) -> Fault:
    """The Controller limits the rate of requests."""
    headers = _JSON | {"Retry-After": str(retry_after)}
    return Fault(
        path=path, status=429, body=b'{"error": "Too many requests"}', headers=headers, after=after, times=times
    )


class Faults:
    """Those to come, in order; the first that matches a request befalls it."""

    def __init__(self) -> None:
        self._to_come: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._to_come.append(fault)

    def befalling(self, request: Request) -> Fault | None:
        """The fault for this request, used up by one."""
        with self._lock:
            for fault in self._to_come:
                if request.method != fault.method or not re.search(fault.path, request.target):
                    continue
                if fault.after:
                    fault.after -= 1
                    continue
                fault.times -= 1
                if not fault.times:
                    self._to_come.remove(fault)
                return fault
        return None
