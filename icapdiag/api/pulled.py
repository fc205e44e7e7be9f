"""Folders that `pull` filled, among the inputs of other commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from msgspec import Struct

from icapdiag.controller.folder import NotAPull, Pull, PullFolder, is_pull_folder, is_unfinished
from icapdiag.logs.opening.inputs import InputError

_SUM = "icap_stats.sum_requests"
_CLOSE = 0.95  # the steps of metrics and the span of a log need not begin and end at the same time


class PulledLogs(Struct, frozen=True):
    """``inputs``: the logs in the place of their folder. ``missing``: what the pull did not get, one text a log.

    ``counted``: the ICAP requests that the Controller counted in that time, None if that is not known of all.
    """

    inputs: list[str]
    missing: tuple[str, ...] = ()
    counted: int | None = None

    def gap(self, logged: int) -> str:
        """A sentence on how much less the logs contain (ICAP requests) than was counted; empty if they do not."""
        if self.counted is None or logged >= self.counted * _CLOSE:
            return ""
        return (
            f"The logs contain {logged:,} of the {self.counted:,} ICAP requests that the Controller counted "
            f"({_SUM}). Avi throttles its logs: counts are at least, shares are of what was logged."
        )


def logs_in(inputs: Iterable[str]) -> PulledLogs:
    """The inputs with the logs of pulled folders. Raises `InputError` for a folder that can't be read or has none."""
    found: list[str] = []
    missing: list[str] = []
    counts: list[int | None] = []
    for text in inputs:
        folder = PullFolder(Path(text))
        if is_unfinished(folder.path):
            raise InputError([f"{text}: an unfinished pull: run the same icapdiag pull again to continue it"])
        if not is_pull_folder(folder.path):
            found.append(text)
            counts.append(None)
            continue
        try:
            pulled = folder.pull()
            files = [str(path) for path in folder.log_files()]
            counts.append(_counted(pulled, folder))
        except NotAPull as error:
            raise InputError(str(each) for each in error.errors) from None
        if not files:
            raise InputError([f"{text}: {_nothing(pulled)}"])
        found += files
        missing += [f"log of {log.virtual_service} ({log.why})" for log in pulled.logs if not log.complete]
    known = [count for count in counts if count is not None]
    return PulledLogs(found, tuple(missing), sum(known) if known and len(known) == len(counts) else None)


def _nothing(pulled: Pull) -> str:
    """Why it has no entries."""
    if not pulled.logs:
        return "no log was pulled: run icapdiag pull without --no-logs"
    if why := next((log.why for log in pulled.logs if log.why), None):
        return f"no log entry was pulled: {why}"
    since, until = (text[:19].replace("T", " ") for text in (pulled.since, pulled.until))
    return f"the logs have no entry from {since} to {until} UTC: pull a longer time"


def _counted(pulled: Pull, folder: PullFolder) -> int | None:
    wanted = {log.uuid for log in pulled.logs}
    sums = [_sum(each.metrics) for each in folder.metrics().virtual_services if each.uuid in wanted]
    known = [each for each in sums if each is not None]
    return sum(known) if known and len(known) == len(wanted) else None


def _sum(body: Any) -> int | None:
    """All points of the metric; None if it is not there."""
    series = [each for each in _list(body, "series") if _value(_value(each, "header"), "name") == _SUM]
    points = [_value(point, "value") for point in chain.from_iterable(_list(each, "data") for each in series)]
    numbers = [value for value in points if isinstance(value, int | float) and 0 <= value < 1e15]
    return round(sum(numbers)) if series else None


def _value(body: Any, key: str) -> Any:
    return body.get(key) if isinstance(body, Mapping) else None


def _list(body: Any, key: str) -> list[Any]:
    found = _value(body, key)
    return found if isinstance(found, list) else []
