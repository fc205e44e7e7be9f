"""A client of the standard library only, for what the Controller itself does."""

from __future__ import annotations

import json
import ssl
from http.client import HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.controller.simulated.controller import Controller
from tests.controller.simulated.inventory import Object


class Client:
    """A session with the simulated Controller."""

    def __init__(self, controller: Controller) -> None:
        context = ssl.create_default_context(cafile=controller.ca_file)
        self.connection = HTTPSConnection("127.0.0.1", controller.port, context=context, timeout=20)
        self.headers = {"X-Avi-Version": "30.2.1", "Referer": f"https://{controller.address}"}
        self.status = 0
        self.answered: list[tuple[str, str]] = []  # headers

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def login(self, **credentials: str) -> Any:
        """Opens a session as the account that the simulator knows, unless others are given."""
        form = urlencode(credentials or {"username": "auditor", "password": "correct-horse"})
        self.headers.pop("Cookie", None)
        body = self.send("POST", "/login", form, {"Content-Type": "application/x-www-form-urlencoded"})
        cookies = [value.partition(";")[0] for name, value in self.answered if name == "Set-Cookie"]
        self.headers["Cookie"] = "; ".join(cookies)
        return body

    def send(self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> Any:
        """The body of the answer, decoded if it is JSON."""
        self.connection.request(method, path, body, self.headers | (headers or {}))
        response = self.connection.getresponse()
        found = response.read()
        self.status, self.answered = response.status, response.getheaders()
        return json.loads(found) if found[:1] in {b"{", b"["} else found

    def get(self, path: str, **query: object) -> Any:
        """GET /api/PATH."""
        return self.send("GET", f"/api/{path}?{urlencode(query)}")

    def follow(self, url: str) -> Any:
        """GET what ``next`` or ``more`` says."""
        parts = urlsplit(url)
        return self.send("GET", f"{parts.path}?{parts.query}")

    def logs(self, service: str = "portal-vs", /, **query: object) -> Object:
        """The log of a virtual service, of every kind and in order of time, unless asked otherwise."""
        usual = {"type": 1, "virtualservice": service, "udf": "true", "nf": "true", "orderby": "report_timestamp"}
        found: Object = self.get("analytics/logs/", **(usual | query))
        return found

    def all_logs(self, **query: object) -> list[Object]:
        """The same, page by page to the end."""
        found = self.logs(**({"page_size": 400} | query))
        entries: list[Object] = found["results"]
        while "next" in found:
            found = self.follow(found["next"])
            entries += found["results"]
        return entries


def key_of(entry: Object) -> tuple[str, str, int, int, str]:
    """What tells entries apart."""
    return (
        entry["virtualservice"],
        entry["service_engine"],
        int(entry["vcpu_id"]),
        int(entry["log_id"]),
        entry["report_timestamp"],
    )
