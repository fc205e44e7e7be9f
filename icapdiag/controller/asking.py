"""Asking a Controller: at a steady pace, with patience where it is busy, and page after page."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec import Struct

from icapdiag.controller.folder import Asked, NotVisible
from icapdiag.controller.session import RETRIED, Answer, NoAnswer, Session, Stopped
from icapdiag.text import visible

PAGE = 200  # objects, the most that the API gives at once
_MOST_PAGES = 1000
_FIRST_WAIT = 1.0  # seconds, doubled each time up to
_LONGEST_WAIT = 30.0
_LOGIN_PATIENCE = 10.0  # a wrong name or port is a frequent reason for no answer
_STEP = 0.2  # seconds between two looks at ``stop``
_DOWN = b"search system is down"
_SAID = 200  # characters
T = TypeVar("T")
Waiting = Callable[[float, str], object]  # seconds until a request is repeated, and why
_WORDS = {401: "not authorised", 403: "not permitted", 404: "not found", 419: "session over"}


class Target(Struct, frozen=True):
    """A request: the path below ``/api/``, and its parameters."""

    path: str
    params: Mapping[str, object] = {}


class Failed(Exception):
    """What was asked for can't be had; ``status`` is HTTP's, 0 without an answer, and the message says why."""

    def __init__(self, status: int, why: str) -> None:
        self.status = status
        super().__init__(why)


class Pace(Struct, frozen=True, kw_only=True):
    """``rate``: requests per second at most; ``patience``: seconds that are spent on one request until it is given up.

    ``now`` and ``sleep`` are those of `time`.
    """

    rate: float = 5.0
    patience: float = 300.0
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Asker:
    """Asks, and keeps an account of it: ``asked`` and ``not_visible``."""

    def __init__(
        self, session: Session, pace: Pace, stop: Callable[[], bool] = lambda: False, waiting: Waiting = lambda *_: None
    ) -> None:
        self.asked: list[Asked] = []
        self.not_visible: list[NotVisible] = []
        self._session, self._pace, self._stop, self._waiting = session, pace, stop, waiting
        self._next = pace.now()

    def login(self) -> Mapping[str, object]:
        """Log in; the version of the Controller. Raises `ControllerError`, `Failed`, `Stopped`."""
        self._patiently(self._login, _LOGIN_PATIENCE)
        return self._session.version

    def _login(self) -> Answer:
        self._session.login()
        return Answer(200, b"")

    def get(self, target: Target) -> bytes:
        """The body of a successful answer. Raises `Failed`, `ControllerError`, `Stopped`."""
        answer = self._patiently(lambda: self._session.get(target.path, target.params))
        if answer.status != 200:
            raise Failed(answer.status, self._why(answer))
        return answer.body

    def read(self, target: Target, decode: Callable[[bytes], T]) -> T:
        """The decoded body. One that can't be decoded may have been cut, so it is asked for again. Raises as `get`."""
        for tries_left in (2, 1, 0):
            body = self.get(target)
            try:
                return decode(body)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
                if not tries_left:
                    raise Failed(200, f"the answer can't be read: {error}") from None
                self.pause(_FIRST_WAIT)
        raise AssertionError("the last try returns or raises")

    def show(self, what: str, target: Target) -> Any | None:
        """The decoded answer, accounted for; None, and ``what`` is not visible, if it can't be had."""
        try:
            body = self.read(target, msgspec.json.decode)
        except Failed as error:
            self.note(what, target, error)
            return None
        self.asked.append(Asked(f"/api/{target.path}", 200))
        return body

    def objects(self, what: str, target: Target) -> list[Any] | None:
        """All objects of a list, over its pages; None, and ``what`` is not visible, if not even the first comes."""
        found: list[Any] = []
        page: Target | None = Target(target.path, {**target.params, "page_size": PAGE})
        for _ in range(_MOST_PAGES):
            if page is None:
                break
            try:
                results, page = self._page(page)
            except Failed as error:
                self.note(f"{what} after the first {len(found)}" if found else what, target, error)
                return found or None
            found += results
        self.asked.append(Asked(f"/api/{target.path}", 200, len(found)))
        return found

    def _page(self, target: Target) -> tuple[list[Any], Target | None]:
        """The objects of a page, and the next one. Raises `Failed`."""
        answer: Any = self.read(target, msgspec.json.decode)
        results = answer.get("results") if isinstance(answer, dict) else None
        if not isinstance(results, list):
            raise Failed(200, "the answer is not a list of objects")
        return results, following(answer.get("next"))

    def note(self, what: str, target: Target, error: Failed) -> None:
        """Account for what was asked in vain."""
        self.asked.append(Asked(f"/api/{target.path}", error.status))
        self.not_visible.append(NotVisible(what, str(error)))

    def pause(self, seconds: float) -> None:
        """Wait. Raises `Stopped`."""
        end = self._pace.now() + seconds
        while (left := end - self._pace.now()) > 0:
            if self._stop():
                raise Stopped
            self._pace.sleep(min(left, _STEP))
        if self._stop():
            raise Stopped

    def _patiently(self, ask: Callable[[], Answer], patience: float = math.inf) -> Answer:
        """The answer, or the last one of those that say "later". Raises `Failed`, `ControllerError`, `Stopped`.

        ``patience``: seconds, where that of the pace is longer.
        """
        end = self._pace.now() + min(self._pace.patience, patience)
        for wait in _waits():
            self.pause(self._next - self._pace.now())
            self._next = max(self._next, self._pace.now()) + 1 / self._pace.rate
            try:
                answer = ask()
            except NoAnswer as error:
                if self._pace.now() + wait > end:
                    raise Failed(0, str(error)) from None
                self._waiting(wait, str(error))
                self.pause(wait)
                continue
            if answer.status not in RETRIED and not _is_down(answer):
                return answer
            longer = max(wait, answer.wait or 0)
            if self._pace.now() + longer > end:
                return answer
            self._waiting(longer, self._why(answer))
            self.pause(longer)
        raise AssertionError("the waits have no end")

    def _why(self, answer: Answer) -> str:
        said = self._session.hide(_message(answer.body))
        words = _WORDS.get(answer.status, "failed")
        return f"{words} ({answer.status}{f': {visible(said, _SAID)}' if said and answer.status not in _WORDS else ''})"


def following(link: object) -> Target | None:
    """The request that a link means: its path and query, and nobody else's host. None: it is not a link."""
    if not isinstance(link, str) or not link:
        return None
    try:
        parts = urlsplit(link)
    except ValueError:
        return None
    _, api, path = parts.path.partition("/api/")
    if not api or ".." in path:
        return None
    return Target(path, dict(parse_qsl(parts.query, keep_blank_values=True)))


def _waits() -> Iterator[float]:
    wait = _FIRST_WAIT
    while True:
        yield wait
        wait = min(wait * 2, _LONGEST_WAIT)


def _is_down(answer: Answer) -> bool:
    return len(answer.body) < 10_000 and _DOWN in answer.body.lower()


def _message(body: bytes) -> str:
    """What an error answer says: ``{"error": "…"}``, or plain text."""
    text = body[:10_000].decode("utf-8", "replace")
    try:
        found = msgspec.json.decode(body[:10_000])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return text
    if isinstance(found, dict):
        return str(next((found[key] for key in ("error", "Error", "detail") if found.get(key)), text))
    return text
