"""The answers of /api/analytics/logs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Literal
from urllib.parse import urlencode

from tests.controller.simulated.entries import Entry
from tests.controller.simulated.inventory import ENGINES, SERVICES
from tests.controller.simulated.messages import Answer, Refused, Request, as_json, flag, number
from tests.controller.simulated.truth import Truth

LIMIT = 10_000  # results that can be reached, on however many pages; the largest page, too
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
_KNOWN = frozenset({"type", "virtualservice", "adf", "udf", "nf", "start", "end", "orderby", "page", "page_size",
                    "timeout", "js_compat", "format", "more"})  # fmt: skip
_TYPES = {"0", "1", "2"}


@dataclass(frozen=True, slots=True)
class Partial:
    """The Controller answers before all SEs have; ``more`` in the answer is the way to the next one.

    ``each``: ``all so far`` or ``only the rest``: which of the two a real Controller does is not known.
    """

    each: Literal["all so far", "only the rest"] = "all so far"
    percent_remaining: float = 0.0  # what is really said, now and then, while two thirds are missing


class Logs:
    """The log of the virtual services."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.limit = LIMIT
        self.end_included = True  # whether ``end`` is; real Controllers may differ
        self.partial: list[Partial] = []  # for the next requests for logs, one each
        self._begun: list[Partial] = []

    def answer(self, request: Request) -> Answer:
        """GET /api/analytics/logs. Raises `Refused`."""
        query = request.query
        request.unknown = tuple(name for name in query if name not in _KNOWN)
        if query.get("type") not in _TYPES or query.get("format", "json") != "json":
            raise Refused(400, error="Invalid type or format")
        found = self._found(request) if query["type"] == "1" else []
        size = number(request, "page_size", 100, range(1, LIMIT + 1))
        page = number(request, "page", 1, range(1, max(1, self.limit // size) + 1))
        found, more = self._so_far(request, found)
        shown = found[(page - 1) * size : min(page * size, self.limit)]
        parts: list[tuple[str, Any]] = [("count", len(found))]
        if page * size < len(found) and (page + 1) * size <= self.limit:
            parts.append(("next", _url(request, page=page + 1)))
        if more is not None:
            parts += [("more", more[0]), ("percent_remaining", more[1])]
        else:
            parts.append(("percent_remaining", 0.0))
        head = json.dumps(dict(parts)).encode()
        body = b'%b, "results": [%b]}' % (head[:-1], b", ".join(entry.encoded() for entry in shown))
        if flag(request, "js_compat"):
            return as_json(_as_javascript(json.loads(body)))
        return Answer(200, body)

    def _found(self, request: Request) -> list[Entry]:
        query = request.query
        asked = query.get("virtualservice")
        service = next((i for i, each in enumerate(SERVICES) if asked in {each.uuid, each.name}), None)
        if service is None:
            return []
        until = _time(query.get("end", self.truth.until))
        if not self.end_included:
            until -= 1
        found = self.truth.window(service, _time(query.get("start", self.truth.since)), until)
        kinds = {kind for kind in ("adf", "udf", "nf") if flag(request, kind, default=kind == "adf")}
        if len(kinds) < 3:
            found = [entry for entry in found if entry.kind in kinds]
        order: dict[str, Callable[[list[Entry]], list[Entry]]] = {
            "report_timestamp": _mixed,
            "-report_timestamp": lambda entries: _mixed(entries)[::-1],
        }
        by = query.get("orderby", "-report_timestamp")
        if by not in order:
            raise Refused(400, error=f"Invalid orderby: {by}")
        return order[by](found)

    def _so_far(self, request: Request, found: list[Entry]) -> tuple[list[Entry], tuple[str, float] | None]:
        """What has arrived from the SEs, and the address of the next answer with the per cent that it says remain."""
        if "more" in request.query:
            name, _, step = request.query["more"].partition(".")
            index, arrived = int(name), int(step)
        elif self.partial:
            self._begun.append(self.partial.pop(0))
            index, arrived = len(self._begun) - 1, 1
        else:
            return found, None
        partial = self._begun[index]
        first = 0 if partial.each == "all so far" else arrived - 1
        there = [entry for entry in found if first <= entry.engine < arrived]
        if arrived >= len(ENGINES):
            return there, None
        return there, (_url(request, more=f"{index}.{arrived + 1}"), partial.percent_remaining)


def _mixed(entries: list[Entry]) -> list[Entry]:
    """In order of time; equal times in an order that depends on the query."""
    if not entries:
        return entries
    turn = (entries[0].time // 1000) % 2
    if not turn:
        return entries
    return [entry for _, same in groupby(entries, lambda entry: entry.time) for entry in reversed(list(same))]


def _time(text: str) -> int:
    """µs. Offsets are rejected. Raises `Refused`."""
    if not _TIME.fullmatch(text):
        raise Refused(400, error=f"Invalid time {text}")
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def _url(request: Request, **changed: object) -> str:
    return f"{request.origin}/api/analytics/logs/?{urlencode(request.query | changed)}"


def _as_javascript(value: Any) -> Any:
    """Integers as text, since JavaScript has none that are large."""
    if isinstance(value, dict):
        return {name: _as_javascript(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_as_javascript(each) for each in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
