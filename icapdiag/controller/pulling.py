"""`pull`: what a Controller shows of ICAP, into a folder; and again from where it was, after a break."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from icapdiag.avi.config.objects import PROFILE
from icapdiag.bounded import read_file
from icapdiag.controller.address import ControllerError
from icapdiag.controller.asking import Asker, Failed, Pace, Waiting
from icapdiag.controller.folder import (
    FORMAT,
    LASTING,
    LOGS,
    PULL,
    UNFINISHED,
    Asked,
    NotVisible,
    Pull,
    PulledLog,
    Writer,
    log_file,
    passing,
)
from icapdiag.controller.logs import Fetched, LogFetcher, to_micros
from icapdiag.controller.objects import Objects, ask_metrics, ask_runtime
from icapdiag.controller.session import Session, Stopped
from icapdiag.controller.windows import Windows
from icapdiag.files import PRIVATE, is_temporary, locked_folder, remove_temporaries, write_data
from icapdiag.text import visible

_STATE = f"{UNFINISHED}.json"
_LARGEST = 64 << 20  # bytes of it
_LISTED = 10
INTERRUPTED = "interrupted"
Progress = Callable[[str, float, int], object]  # what, the share of the work that is done, entries so far


class PullError(Exception):
    """The folder can't be used, or there is nothing to put into it; the message says why and what to do."""


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
        self,
        folder: Path,
        wanted: Wanted,
        *,
        progress: Progress = lambda *_: None,
        waiting: Waiting = lambda *_: None,
        stop: Callable[[], bool] = bool,
    ) -> None:
        self._folder, self._progress, self._waiting, self._stop = folder, progress, waiting, stop
        self._writer = Writer(folder)
        self._state = _State(wanted=wanted, started_at=_now())

    def pull(self, session: Session, pace: Pace) -> Pull:
        """Ask for everything and write it. What can't be had is said in the result, which is then not ``complete``.

        Raises `PullError`, `ControllerError` if nothing can be asked at all, `NoSuchService`, OSError; and `Stopped` if
        ``stop`` said so before there was anything to keep.
        """
        with ExitStack() as held:
            try:
                held.enter_context(locked_folder(self._folder))
            except BlockingIOError:
                raise PullError(
                    f"another icapdiag pull is at work in {self._folder}: wait for it, or choose another folder"
                ) from None
            self._begin()
            return self._ask(session, Asker(session, pace, self._stop, self._waiting))

    def _ask(self, session: Session, asker: Asker) -> Pull:
        try:
            try:
                version = asker.login()
            except Failed as error:
                raise ControllerError(f"{self._state.wanted.controller}: {error}") from None
            if self._state.services is None:
                self._ask_objects(asker, version, session.tenants)
            return self._finish(self._ask_logs(asker), session.clock_offset)
        finally:
            session.logout()

    def _begin(self) -> None:
        """Take up what an earlier run left, if it was asked for the same. Raises `PullError`, OSError."""
        names = {path.name for path in self._folder.iterdir() if not is_temporary(path.name)}
        if names - {_STATE}:
            if _STATE not in names:
                what = "already holds a finished pull" if PULL in names else "is not empty"
                raise PullError(f"{self._folder} {what}: choose another folder")
            self._take_up(self._folder / _STATE)
            remove_temporaries(self._folder / LOGS)
        remove_temporaries(self._folder)
        self._save(self._state)

    def _take_up(self, path: Path) -> None:
        try:
            state = msgspec.json.decode(read_file(path, _LARGEST, regular=True), type=_State)
        except (ValueError, RecursionError) as error:
            raise PullError(f"{path}: not what an interrupted pull leaves ({error}): choose another folder") from None
        wanted = self._state.wanted
        if state.format != FORMAT or replace(state.wanted, since=wanted.since, until=wanted.until) != wanted:
            raise PullError(
                f"{self._folder} holds an unfinished pull with other options: repeat those, or choose another folder"
            )
        self._state = state

    def _save(self, state: _State) -> None:
        self._state = state
        write_data(self._folder / _STATE, msgspec.json.encode(state) + b"\n", mode=PRIVATE)

    def _ask_objects(self, asker: Asker, version: Mapping[str, object], tenants: Sequence[str]) -> None:
        """Everything but the logs. Raises `PullError` if there is nothing of ICAP."""
        wanted = self._state.wanted
        self._progress("configuration", 0.0, 0)
        found = Objects(asker).find(wanted.virtual_services)
        if not found.services and not found.objects[PROFILE] and not passing(asker.asked):
            raise PullError(_nothing(wanted, asker.not_visible, tenants))
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
        gave_up: str | None = None
        for number, (name, uuid) in enumerate(services if wanted.logs else ()):
            if uuid in done:
                logs.append(done[uuid])
                continue
            windows = Windows(self._folder / UNFINISHED / uuid)
            fetcher = LogFetcher(asker, uuid, windows, wanted.since, wanted.until)
            if gave_up is None:
                fetched = self._fetch(fetcher, name, number, sum(log.entries for log in logs))
            else:
                fetched = Fetched(windows.done(to_micros(wanted.since)), gave_up, 0)
            if fetched.error is not None and fetched.status not in LASTING:
                gave_up = fetched.error
            file = log_file(name, uuid)
            entries = windows.join(fetched.row, self._folder / file)
            why = fetched.missing
            log = PulledLog(name, uuid, file, entries, complete=why is None, why=why, status=fetched.status)
            logs.append(log)
            if log.complete:
                self._save(replace(self._state, logs=(*self._state.logs, log)))
                windows.remove()
        return logs

    def _fetch(self, fetcher: LogFetcher, name: str, number: int, before: int) -> Fetched:
        """What came of a log."""
        since, until = to_micros(self._state.wanted.since), to_micros(self._state.wanted.until)
        of = len(self._state.services or ())

        def reached(at: int, entries: int) -> None:
            share = (number + (at - since) / max(until - since, 1)) / of
            self._progress(f"log of {name}", share, before + entries)

        try:
            return fetcher.fetch(reached)
        except Stopped:
            why = INTERRUPTED
        except ControllerError as error:
            why = str(error)
        return Fetched(fetcher.row, why, 0, why)

    def _finish(self, logs: list[PulledLog], clock_offset: int | None) -> Pull:
        state = self._state
        wanted = state.wanted
        again = passing(state.asked)
        complete = not again and all(log.complete for log in logs)
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
                *(Asked(f"/api/analytics/logs?virtualservice={log.uuid}", log.status, log.entries) for log in logs),
            ),
            not_visible=state.not_visible,
            logs=tuple(logs),
            clock_offset=clock_offset,
        )
        self._writer.pull(result)
        if complete:
            Windows(self._folder / UNFINISHED).remove()
            (self._folder / _STATE).unlink()  # last: without it the pull is finished
        elif again:  # ask for the objects again next time
            self._save(replace(state, services=None))
        return result


def _nothing(wanted: Wanted, not_visible: Sequence[NotVisible], tenants: Sequence[str]) -> str:
    """Says that the tenant has no ICAP, and where it may be."""
    why = "".join(f"; {each.object}: {each.why}" for each in not_visible[:_LISTED])
    others = [visible(each) for each in tenants if each != wanted.tenant][:_LISTED]
    known = f" (this account also has: {', '.join(others)})" if others else ""
    return (
        f"no ICAP profile, and no virtual service with one, is visible to {visible(wanted.user)} in tenant "
        f"{visible(wanted.tenant)!r}{visible(why)}. If they are in another tenant, name it with --tenant{known}"
    )


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _now() -> str:
    return _iso(datetime.now(UTC).replace(microsecond=0))
