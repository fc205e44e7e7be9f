"""What a real Controller answered, asked again of the simulated one: same status, headers that matter, body's shape."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest

from tests.controller.simulated.client import Client
from tests.controller.simulated.controller import Controller
from tests.controller.simulated.truth import Truth

FOLDER = Path(__file__).parents[2] / "data" / "avi-controller"
RECORDED = "https://avi-controller"
# What virtual services of that version had for the Controller's own use, and what runs where: not configuration.
INTERNAL = {
    "redis_db",
    "redis_port",
    "self_se_election",
    "tls_ticket_key",
    "marked_for_delete",
    "version",
    "vip_runtime",
}
UNUSED = {"system_config"}  # settings of the whole system, of which clients take nothing
Recorded = dict[str, Any]


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: file.stem)
def test_a_recorded_exchange_has_the_same_answer(tmp_path: Path, file: Path) -> None:
    interactions: list[Recorded] = json.loads(file.read_text("utf-8"))["interactions"]
    with Controller.serving(tmp_path, Truth(200), version="20.1.1") as controller, Client(controller) as client:
        for kind in ("pool", "virtualservice"):
            controller.store.objects[kind].clear()
        del controller.store.objects["tenant"][1:]
        controller.sessions.basic = "basic" in file.name
        controller.sessions.user, controller.sessions.password = (
            ("user", "pass") if controller.sessions.basic else ("admin", "password")
        )
        replay = _Replay(controller, client)
        replay.first_login()
        for interaction in interactions:
            replay.ask(interaction["request"])
            response = interaction["response"]
            recorded = [(name, value) for name, values in response["headers"].items() for value in values]
            assert response["status"]["code"] == client.status, interaction["request"]["uri"]
            assert list(_headers(recorded, RECORDED)) == list(_headers(client.answered, replay.ours[RECORDED]))
            body = response["body"]["string"]
            assert [] == list(_differences(json.loads(body) if body else b"", replay.body, ""))
            replay.learn(response)


@dataclass
class _Replay:
    """Asks with our own cookies and identities in the place of the recorded ones."""

    controller: Controller
    client: Client
    ours: dict[str, str] = field(default_factory=dict)  # by what was recorded
    body: Any = None

    def first_login(self) -> None:
        """Recordings begin in the middle of a session that another one has opened."""
        self.ours[RECORDED] = f"https://{self.controller.address}"
        self.client.headers.clear()
        self.client.login(username=self.controller.sessions.user, password=self.controller.sessions.password)
        self.session = _cookies(self.client.answered)

    def ask(self, request: Recorded) -> None:
        headers = {name: self._translated(values[0]) for name, values in request["headers"].items()}
        if not self.controller.sessions.basic:
            headers |= {"Cookie": "; ".join(f"{name}={value}" for name, value in self.session.items())}
            headers |= {"X-CSRFToken": self.session["csrftoken"]} if "X-CSRFToken" in headers else {}
        body = request["body"] and self._translated(request["body"])
        headers.pop("Content-Length", None)
        path = self._translated(request["uri"]).removeprefix(self.ours[RECORDED])
        self.body = self.client.send(request["method"], path, body, headers)
        self.session |= _cookies(self.client.answered)

    def learn(self, response: Recorded) -> None:
        """Our identity of what was made."""
        if response["status"]["code"] == 201:
            self.ours[json.loads(response["body"]["string"])["uuid"]] = self.body["uuid"]

    def _translated(self, text: str) -> str:
        for recorded, ours in self.ours.items():
            text = text.replace(recorded, ours)
        return text


def _headers(headers: list[tuple[str, str]], origin: str) -> Iterator[object]:
    """Those that clients depend on: without times, and without what identifies the object."""
    for wanted in ("Content-Type", "AVI_API_VERSION", "Transfer-Encoding", "Content-Length", "Cache-Control"):
        yield (wanted, [value for name, value in headers if name == wanted])
    yield {method for name, value in headers if name == "Allow" for method in value.split(", ")}
    yield {part for name, value in headers if name == "Vary" for part in value.split(", ")}
    yield [value.removeprefix(origin).split("-")[0] for name, value in headers if name == "Location"]
    for name, morsel in sorted(_morsels(headers).items()):
        yield (name, [morsel[each] for each in ("path", "max-age", "secure", "httponly")])


def _morsels(headers: list[tuple[str, str]]) -> SimpleCookie:
    found = SimpleCookie()
    for name, value in headers:
        if name == "Set-Cookie":
            found.load(value)
    return found


def _cookies(headers: list[tuple[str, str]]) -> dict[str, str]:
    return {name: morsel.value for name, morsel in _morsels(headers).items()}


def _differences(recorded: Any, ours: Any, place: str) -> Iterator[str]:
    if type(recorded) is not type(ours):
        yield f"{place}: {type(recorded).__name__}, not {type(ours).__name__}"
    elif isinstance(recorded, dict):
        ignored = INTERNAL if place == ".results[]" else set()
        for name in (recorded.keys() ^ ours.keys()) - ignored:
            yield f"{place}.{name} is {'missing' if name in recorded else 'not recorded'}"
        for name, value in recorded.items():
            if name in ours and name not in UNUSED:
                yield from _differences(value, ours[name], f"{place}.{name}")
    elif isinstance(recorded, list):
        if len(recorded) != len(ours):
            yield f"{place}: {len(recorded)}, not {len(ours)}"
        for one, another in zip(recorded, ours, strict=False):
            yield from _differences(one, another, f"{place}[]")
    elif isinstance(recorded, str) and "/api/" in recorded and ("#" in recorded) != ("#" in ours):
        yield f"{place}: {recorded}, not {ours}"
