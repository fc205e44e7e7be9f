"""The Controller as a whole: which answer belongs to which request."""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from icapdiag.lab.certificates import write_ca_and_contexts
from icapdiag.lab.members import Certificate as _Kind
from tests.controller.simulated.faults import Fault, Faults
from tests.controller.simulated.inventory import Inventory
from tests.controller.simulated.log_answers import Logs
from tests.controller.simulated.messages import Answer, Refused, Request, as_json
from tests.controller.simulated.server import Server
from tests.controller.simulated.sessions import Sessions, login_body
from tests.controller.simulated.state_answers import State
from tests.controller.simulated.store import Store
from tests.controller.simulated.truth import Truth

Certificate = Literal["healthy", "expired", "wrong-name", "untrusted", "plain HTTP"]
_LOCAL = "127.0.0.1"
_UUID = r"(?P<uuid>[\w.-]+)"
_LOGS = re.compile(r"/api/analytics/logs")
_METRICS = re.compile(rf"/api/analytics/metrics/virtualservice/{_UUID}")
_RUNTIME = re.compile(rf"/api/pool/{_UUID}/runtime/server/(?P<what>detail|hmonstat)")
_ICAPSTATS = re.compile(rf"/api/virtualservice/{_UUID}/icapstats")
_SYSTEM = "/api/systemconfiguration"
_OBJECTS = re.compile(rf"/api/(?P<kind>[a-z]+)(?:/{_UUID})?")


class Controller:
    """A simulated Controller; `serving` starts one.

    What a test changes: ``sessions`` (credentials, Basic authentication), ``store`` (objects), ``logs`` (partial
    answers), ``state`` (servers that are down), ``forbidden``, ``faults`` and ``echo``. What it reads: ``requests``.
    """

    def __init__(self, truth: Truth, inventory: Inventory, version: str) -> None:
        self.truth = truth
        self.version = version
        self.sessions = Sessions()
        self.store = Store(inventory.objects)
        self.logs = Logs(truth)
        self.state = State(truth)
        self.faults = Faults()
        self.forbidden: set[str] = set()  # kinds and uuids that the account may not see
        self.echo = False  # whether objects repeat the session, its CSRF token and the password
        self.requests: list[Request] = []
        self.port = 0
        self.ca_file = Path()
        self.server: Server | None = None
        self._lock = threading.Lock()

    @classmethod
    @contextmanager
    def serving(
        cls,
        folder: Path,
        truth: Truth | None = None,
        *,
        certificate: Certificate = "healthy",
        inventory: Inventory | None = None,
        version: str = "30.2.1",
    ) -> Iterator[Controller]:
        """A Controller at 127.0.0.1 and ``port``, with a certificate of ``ca_file``; its files are in ``folder``.

        Raises the simulator's own mistakes at the end.
        """
        controller = cls(truth or Truth(), inventory or Inventory(), version)
        context: ssl.SSLContext | None = None
        if certificate != "plain HTTP":
            pem, contexts = _certificates()
            controller.ca_file = folder / "ca.pem"
            controller.ca_file.write_bytes(pem)
            context = contexts[certificate]
        controller.server = Server(controller._answering, context)
        controller.port = controller.server.server_address[1]
        controller.server.start()
        try:
            yield controller
        finally:
            controller.server.stop()
        if controller.server.errors:
            raise controller.server.errors[0]

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"{_LOCAL}:{self.port}"

    @property
    def changes(self) -> list[tuple[str, str]]:
        """Requests other than GET, POST /login and POST /logout: none comes from a program that only reads."""
        harmless = {("POST", "/login"), ("POST", "/logout")}
        asked = [(request.method, request.path) for request in self.requests]
        return [each for each in asked if each[0] != "GET" and each not in harmless]

    @property
    def unknown(self) -> set[str]:
        """Query parameters that were sent and that the Controller doesn't have."""
        return {name for request in self.requests for name in request.unknown}

    def _answering(self, request: Request) -> tuple[Answer, Fault | None]:
        with self._lock:
            self.requests.append(request)
            fault = self.faults.befalling(request)
            if fault and fault.expire:
                self.sessions.expire()
            if fault and fault.status is not None:
                answer = Answer(fault.status, fault.body, list(fault.headers.items()))
            else:
                answer = self._right(request)
            request.status = None if fault and fault.hang_up else answer.status
            return answer, fault

    def _right(self, request: Request) -> Answer:
        try:
            if request.path == "/login":
                return self._login(request)
            if request.path == "/logout":
                return self.sessions.logout(request)
            cookies = self.sessions.check(request)
            answer = self._routed(request)
        except Refused as refused:
            return refused.answer
        answer.headers += cookies
        if self.echo and answer.body.startswith(b"{"):
            known = [*next(iter(self.sessions.open.items())), self.sessions.password]
            answer.body = b'{"echo": %b, %b' % (json.dumps(" ".join(known)).encode(), answer.body[1:])
        return answer

    def _login(self, request: Request) -> Answer:
        if request.method != "POST":
            raise Refused(405, detail=f'Method "{request.method}" not allowed.')
        cookies = self.sessions.login(request)
        body = login_body(request, self.sessions, self.version, self.store.objects["tenant"])
        return as_json(body, headers=cookies, allow="POST, OPTIONS")

    def _routed(self, request: Request) -> Answer:
        path = request.path
        self._allowed(path)
        if _LOGS.fullmatch(path):
            return self.logs.answer(request)
        if found := _METRICS.fullmatch(path):
            self.store.find(request, "virtualservice", found["uuid"])
            return self.state.metrics(request, found["uuid"])
        if found := _RUNTIME.fullmatch(path):
            pool = str(self.store.find(request, "pool", found["uuid"])["name"])
            return self.state.detail(pool) if found["what"] == "detail" else self.state.monitors(pool)
        if found := _ICAPSTATS.fullmatch(path):
            self.store.find(request, "virtualservice", found["uuid"])
            return self.state.icapstats(found["uuid"])
        if path == _SYSTEM and request.method == "GET":  # there is one, so it has no list
            return self.store.one(request, "systemconfiguration", "default")
        if found := _OBJECTS.fullmatch(path):
            return self._objects(request, found["kind"], found["uuid"])
        raise Refused(404, error="Not found")

    def _objects(self, request: Request, kind: str, identity: str | None) -> Answer:
        match request.method, identity:
            case "GET", None:
                return self.store.listed(request, kind)
            case "GET", str():
                return self.store.one(request, kind, identity)
            case "POST", None:
                return self.store.made(request, kind)
            case "DELETE", str():
                return self.store.deleted(request, kind, identity)
        raise Refused(405, detail=f'Method "{request.method}" not allowed.')

    def _allowed(self, path: str) -> None:
        for part in path.split("/"):
            if part in self.forbidden:
                raise Refused(403, error=f"User does not have permission to access {part}")


@cache
def _certificates() -> tuple[bytes, dict[_Kind, ssl.SSLContext]]:
    """The CA, and a context for each kind of certificate: one set of them for all tests of a process."""
    with TemporaryDirectory() as folder:
        ca_file, contexts = write_ca_and_contexts(Path(folder), _LOCAL)
        return ca_file.read_bytes(), contexts
