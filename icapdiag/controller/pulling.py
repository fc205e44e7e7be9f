"""`pull`: what a Controller shows of ICAP, into a folder; and again from where it was, after a break."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from icapdiag.bounded import read_file
from icapdiag.controller.asking import Asker, Failed, Pace
from icapdiag.controller.folder import (
    FORMAT,
    UNFINISHED,
    Asked,
    NotVisible,
    Pull,
    PulledLog,
    Writer,
    is_pull_folder,
    log_file,
)
from icapdiag.controller.logs import Fetched, LogFetcher, to_micros
from icapdiag.controller.objects import Objects, ask_metrics, ask_runtime
from icapdiag.controller.session import ControllerError, Session, Stopped
from icapdiag.controller.windows import Windows
from icapdiag.files import PRIVATE, write_data

_LARGEST = 64 << 20  # bytes of the latter
_LASTING = frozenset({400, 401, 403, 404, 405, 419})  # status of answers that are the same tomorrow
INTERRUPTED = "interrupted"
Progress = Callable[[str, float, int], object]  # what, the share of the work that is done, entries so far


class PullError(Exception):
    """The folder can't be used; the message says why and what to do."""


class Wanted(Struct, frozen=True, kw_only=True):
    """What is asked for. ``span``: the user's words for it; a pull that goes on keeps the times they meant at first."""

    controller: str
    user: str
    tenant: str
    since: datetime
    until: datetime
    span: tuple[str, str]
    virtual_services: tuple[str, ...] = ()
    logs: bool = True


class _State(Struct, frozen=True, kw_only=True):
    """``unfinished.json``: what was asked for, and of what was asked already what came of it."""

    wanted: Wanted
    started_at: str
    format: int = FORMAT
    services: tuple[tuple[str, str], ...] | None = None  # name and uuid; None: the objects are still to be asked for
    version: Mapping[str, Any] = {}
    asked: tuple[Asked, ...] = ()
    not_visible: tuple[NotVisible, ...] = ()
    logs: tuple[PulledLog, ...] = ()  # those that are complete


class Puller:
    """One pull into one folder."""

    def __init__(
        self, folder: Path, wanted: Wanted, *, progress: Progress = lambda *_: None, stop: Callable[[], bool] = bool
    ) -> None:
        """Raises `PullError` if the folder holds something else, and OSError."""
        self._folder, self._progress, self._stop = folder, progress, stop
        self._writer = Writer(folder)
        self._state = self._begin(wanted)

    @property
    def goes_on(self) -> bool:
        """Whether a part of it was there already."""
        return self._state.services is not None

    def pull(self, session: Session, pace: Pace) -> Pull:
        """Ask for everything and write it. What can't be had is said in the result, which is then not ``complete``.

        Raises `ControllerError` if nothing can be asked at all, `NoSuchService`, OSError; and `Stopped` if ``stop``
        said so before there was anything to keep.
        """
        asker = Asker(session, pace, self._stop)
        try:
            try:
                version = asker.login()
            except Failed as error:
                raise ControllerError(f"{self._state.wanted.controller}: {error}") from None
            if self._state.services is None:
                self._ask_objects(asker, version)
            return self._finish(self._ask_logs(asker))
        finally:
            session.logout()

    def _begin(self, wanted: Wanted) -> _State:
        path = self._folder / f"{UNFINISHED}.json"
        try:
            state = msgspec.json.decode(read_file(path, _LARGEST, regular=True), type=_State)
        except FileNotFoundError:
            return self._begin_new(wanted)
        except (ValueError, RecursionError) as error:
            raise PullError(f"{path}: not what an interrupted pull leaves ({error}): choose another folder") from None
        same = replace(state.wanted, since=wanted.since, until=wanted.until)
        if state.format != FORMAT or same != wanted:
            raise PullError(
                f"{self._folder} holds an unfinished pull with other options: repeat those, or choose another folder"
            )
        return state

    def _begin_new(self, wanted: Wanted) -> _State:
        if is_pull_folder(self._folder):
            raise PullError(f"{self._folder} already holds a finished pull: choose another folder")
        try:
            if any(self._folder.iterdir()):
                raise PullError(f"{self._folder} is not empty: choose another folder")
        except FileNotFoundError:
            self._folder.mkdir(parents=True, mode=0o700)
        state = _State(wanted=wanted, started_at=_now())
        self._save(state)
        return state

    def _save(self, state: _State) -> None:
        self._state = state
        write_data(self._folder / f"{UNFINISHED}.json", msgspec.json.encode(state) + b"\n", mode=PRIVATE)

    def _ask_objects(self, asker: Asker, version: Mapping[str, object]) -> None:
        """Everything but the logs."""
        wanted = self._state.wanted
        self._progress("configuration", 0.0, 0)
        found = Objects(asker).find(wanted.virtual_services)
        self._progress("runtime state", 0.0, 0)
        runtime = ask_runtime(asker, found)
        self._progress("metrics", 0.0, 0)
        metrics = ask_metrics(asker, found.services, wanted.since, wanted.until)
        self._writer.config(version, found.objects)
        self._writer.runtime(runtime)
        self._writer.metrics(metrics)
        self._save(
            replace(
                self._state,
                services=tuple(found.services),
                version=version,
                asked=tuple(asker.asked),
                not_visible=tuple(asker.not_visible),
            )
        )

    def _ask_logs(self, asker: Asker) -> list[PulledLog]:
        """The logs, one after the other; after one that can't be had for now, no other."""
        wanted, services = self._state.wanted, self._state.services or ()
        done = {log.uuid: log for log in self._state.logs}
        logs: list[PulledLog] = []
        why: str | None = None
        for number, (name, uuid) in enumerate(services if wanted.logs else ()):
            if uuid in done:
                logs.append(done[uuid])
                continue
            windows = Windows(self._folder / UNFINISHED / uuid)
            fetcher = LogFetcher(asker, uuid, windows, wanted.since, wanted.until)
            if why is None:
                why, fetched = self._fetch(fetcher, name, number, sum(log.entries for log in logs))
            else:
                fetched = Fetched(windows.done(to_micros(wanted.since)), why)
            file = log_file(name, uuid)
            entries = windows.join(fetched.row, self._folder / file)
            log = PulledLog(name, uuid, file, entries, complete=fetched.missing is None, why=fetched.missing)
            logs.append(log)
            if log.complete:
                self._save(replace(self._state, logs=(*self._state.logs, log)))
                windows.remove()
        return logs

    def _fetch(self, fetcher: LogFetcher, name: str, number: int, before: int) -> tuple[str | None, Fetched]:
        """What came of a log, and why no other need be tried, if so."""
        since, until = to_micros(self._state.wanted.since), to_micros(self._state.wanted.until)
        of = len(self._state.services or ())

        def reached(at: int, entries: int) -> None:
            share = (number + (at - since) / max(until - since, 1)) / of
            self._progress(f"log of {name}", share, before + entries)

        why = None
        try:
            fetched = fetcher.fetch(reached)
        except Stopped:
            why = INTERRUPTED
        except ControllerError as error:
            why = str(error)
        else:
            return (fetched.missing if fetched.gave_up else None), fetched
        return why, Fetched(fetcher.row, why)

    def _finish(self, logs: list[PulledLog]) -> Pull:
        state = self._state
        wanted = state.wanted
        passing = [each for each in state.asked if each.status != 200 and each.status not in _LASTING]
        complete = not passing and all(log.complete for log in logs)
        result = Pull(
            controller=wanted.controller,
            version=str(state.version.get("Version") or ""),
            tenant=wanted.tenant,
            since=_iso(wanted.since),
            until=_iso(wanted.until),
            started_at=state.started_at,
            finished_at=_now(),
            complete=complete,
            asked=(
                *state.asked,
                *(Asked(f"/api/analytics/logs?virtualservice={log.uuid}", 200, log.entries) for log in logs),
            ),
            not_visible=state.not_visible,
            logs=tuple(logs),
        )
        self._writer.pull(result)
        if complete:
            (self._folder / f"{UNFINISHED}.json").unlink()
            Windows(self._folder / UNFINISHED).remove()
        elif passing:  # ask for the objects again next time
            self._save(replace(state, services=None))
        return result


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _now() -> str:
    return _iso(datetime.now(UTC).replace(microsecond=0))
