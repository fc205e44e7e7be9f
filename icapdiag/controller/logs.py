"""The log of a virtual service, every entry once.

The API gives at most 10,000 entries for a span of time, so the spans are as long as the log is thin. Whether it counts
the ends of a span in is not documented: each span is asked for with a margin, and an entry belongs to the span that
its time lies in. An answer may be partial, and goes on at ``more`` or ``next``, which may repeat what was there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct

from icapdiag.avi.times import parse_time
from icapdiag.controller.asking import Asker, Failed, Target, following
from icapdiag.controller.windows import Window, Windows

LARGEST = 10_000  # entries, the most that the API gives for a span
_PATH = "analytics/logs"
_SECOND = 1_000_000  # µs
_FIRST = 900 * _SECOND
_LONGEST = 86_400 * _SECOND
_SHORTEST = 1_000
_MARGIN = _SECOND
_AIM = 5_000  # entries in a span
_GROWTH = 4
_MOST_IDLE = 10  # answers on one span without anything new
_TURN, _LONGEST_TURN = 0.5, 5.0  # seconds between two looks at a partial answer
_UNKNOWN = 1 << 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
Reached = Callable[[int, int], object]  # µs up to which the log is there, entries


class _Page(Struct):
    """``results`` stay as they are, byte by byte. ``count`` and the links come in several types."""

    results: list[msgspec.Raw] | None = None
    count: Any = None
    next: Any = None
    more: Any = None


class _Key(Struct):
    """What tells one entry from another: a ``log_id`` may occur on several SEs. Numbers may come as text."""

    virtualservice: Any = None
    service_engine: Any = None
    vcpu_id: Any = None
    log_id: Any = None
    report_timestamp: Any = None


class _Overflow(Exception):
    """There is more in a span than the API gives; ``count``: how much, 0 if that is not said."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__()


_Order = tuple[int, str, str, int, str]
_PAGE = msgspec.json.Decoder(_Page)
_KEY = msgspec.json.Decoder(_Key)


class Fetched(Struct, frozen=True):
    """The spans that are there, and what is missing of the log: None if nothing is.

    ``status``: HTTP's, 0 without an answer, of the request after which no more was asked; ``error``: why not.
    """

    row: list[Window]
    missing: str | None = None
    status: int = 200
    error: str | None = None


class LogFetcher:
    """Fetches the log of one virtual service from ``since`` to ``until`` into ``windows``."""

    def __init__(self, asker: Asker, uuid: str, windows: Windows, since: datetime, until: datetime) -> None:
        self._asker, self._uuid, self._windows = asker, uuid, windows
        self._since, self._until = to_micros(since), to_micros(until)
        self._missing: list[str] = []
        self.row: list[Window] = []  # the spans so far

    def fetch(self, reached: Reached) -> Fetched:
        """All of it, beginning after what is there already; what is there by then if the Controller does not answer.

        Raises OSError, `ControllerError`, `Stopped`.
        """
        row = self.row = self._windows.done(self._since)
        span, status, failure = _FIRST, 200, None
        for window in row:
            span = _next_span(window)
        at = row[-1].end if row else self._since
        while at < self._until:
            end = min(at + span, self._until)
            noted = len(self._missing)
            try:
                entries = self._entries(at, end)
            except _Overflow as over:
                span = max((end - at) * _AIM // max(over.count, 2 * _AIM), _SHORTEST)
                continue
            except Failed as error:
                status, failure = error.status, str(error)
                self._missing.append(f"from {_shown(at)} on: {error}" if row else failure)
                break
            window = Window(at, end, len(entries), partial=len(self._missing) > noted)
            self._windows.add(window, entries)
            row.append(window)
            at, span = end, _next_span(window)
            reached(at, sum(each.entries for each in row))
        return Fetched(row, "; ".join(self._missing) or None, status, failure)

    def _entries(self, start: int, end: int) -> list[bytes]:
        """The entries of a span, in order. Raises `_Overflow` for one that can be cut, `Failed`."""
        margin = min(_MARGIN, max((end - start) // 2, 1))
        params = {
            "type": 1,
            "virtualservice": self._uuid,
            "adf": "true",
            "udf": "true",
            "nf": "true",
            "orderby": "report_timestamp",
            "page_size": LARGEST,
            "start": _asked(start - margin),
            "end": _asked(end + margin),
        }
        target = Target(_PATH, params)
        shortest = end - start <= _SHORTEST
        found, claimed = self._collect(target, shortest=shortest)
        if claimed > len(found) and not shortest:  # perhaps it had not searched all; once more, and that is that
            again, claimed = self._collect(target, shortest=shortest)
            found |= again
        reached = max((order[0] for order in found), default=0)  # in order of time, so that the end is what is cut off
        if claimed > len(found) and not (shortest and reached >= end):
            missing = "an unknown number of" if claimed == _UNKNOWN else f"{claimed - len(found):,}"
            self._missing.append(f"{missing} entries between {_shown(start)} and {_shown(end)}")
        own = [(order, raw) for order, raw in found.items() if start <= order[0] < end or not order[0]]
        return [raw for _, raw in sorted(own)]

    def _collect(self, target: Target, *, shortest: bool) -> tuple[dict[_Order, bytes], int]:
        """What the answers on a span hold, and how many entries they claim, or `_UNKNOWN` if they have no end.

        Raises `_Overflow`, `Failed`.
        """
        found: dict[_Order, bytes] = {}
        claimed = idle = 0
        page: Target | None = target
        while idle < _MOST_IDLE:
            answer = self._asker.read(page or target, _PAGE.decode)
            results, known = answer.results or [], len(found)
            claimed = max(claimed, _number(answer.count))
            for raw in results:
                data = _one_line(bytes(raw))
                found.setdefault(_order(data), data)
            if max(len(results), len(found)) >= LARGEST:
                if shortest:
                    return found, max(claimed, len(found))
                raise _Overflow(claimed)
            page = following(answer.more) or following(answer.next)
            if page is None and answer.more not in {True, "true"}:
                return found, claimed
            idle = 0 if len(found) > known else idle + 1
            if answer.more:
                self._asker.pause(min(_TURN * idle, _LONGEST_TURN))
        return found, _UNKNOWN


def to_micros(moment: datetime) -> int:
    """µs since 1970."""
    return (moment - _EPOCH) // _TICK


def _next_span(window: Window) -> int:
    """As long as `_AIM` entries last if the log goes on as it did, and at most four times the last one."""
    length = window.end - window.start
    fitting = length * _AIM // max(window.entries, 1)
    return max(_SHORTEST, min(fitting, length * _GROWTH, _LONGEST))


def _order(data: bytes) -> _Order:
    """Where an entry comes, and which one it is. One without a time of its own, or a number, goes by its bytes."""
    key = _KEY.decode(data)
    moment = parse_time(key.report_timestamp)
    log_id = _number(key.log_id)
    if moment is None or key.log_id is None:
        return (0 if moment is None else to_micros(moment), "", "", log_id, sha256(data).hexdigest())
    return (to_micros(moment), str(key.service_engine), str(key.vcpu_id), log_id, str(key.virtualservice))


def _number(value: object) -> int:
    text = str(value)
    return int(text) if isinstance(value, int | str) and text.isdecimal() and len(text) < 20 else 0


def _one_line(data: bytes) -> bytes:
    return msgspec.json.format(data, indent=-1) if b"\n" in data or b"\r" in data else data


def _asked(micros: int) -> str:
    """The only form that the API takes."""
    return f"{_EPOCH + micros * _TICK:%Y-%m-%dT%H:%M:%S.%fZ}"


def _shown(micros: int) -> str:
    return f"{_EPOCH + micros * _TICK:%Y-%m-%d %H:%M:%S}"
