"""The folder that `pull` fills: configuration, runtime state, metrics and logs of a Controller, each as it answered.

``pull.json`` says what was asked and what is missing. Nothing here needs the Controller, or the SDK that speaks to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from icapdiag.bounded import read_file
from icapdiag.files import PRIVATE, write_data
from icapdiag.mistakes import FileError, Located, visible

FORMAT = 1
UNFINISHED = "unfinished"  # the folder of what a pull goes on from, and with .json what was asked for
PULL, CONFIG, RUNTIME, METRICS, LOGS = "pull.json", "config.json", "runtime.json", "metrics.json", "logs"
LASTING = frozenset({400, 401, 403, 404, 405, 419})
"""Status of answers that are the same when asked again, until somebody changes the Controller or the account."""
_LARGEST = 256 << 20  # bytes of one of the JSON files
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_NAME = 80  # characters of a virtual service's name in a file name
_LOG_FILE = re.compile(r"logs/[A-Za-z0-9._-]{1,250}\.jsonl\.gz")
_Answer = TypeVar("_Answer", bound=Struct)
Body = Any  # of an answer of the API, as JSON has it; None: not visible


class NotAPull(FileError):
    """A folder that is not, or not yet, what `pull` leaves; with what is wrong in it."""


class Asked(Struct, frozen=True):
    """One answer. ``status`` is HTTP's, 0 if none came; ``count``: how many objects or entries, None for neither."""

    path: str
    status: int
    count: int | None = None


class NotVisible(Struct, frozen=True):
    """What the Controller did not show, and why: ``Pool icap-1``, ``not permitted (403)``."""

    object: str
    why: str


class PulledLog(Struct, frozen=True):
    """The log of one virtual service. ``file`` is relative to the folder; ``why``: what of it is missing.

    ``status``: HTTP's, of the answer after which no more was asked; 0 if none came.
    """

    virtual_service: str
    uuid: str
    file: str
    entries: int
    complete: bool
    why: str | None = None
    status: int = 200


class Pull(Struct, frozen=True, kw_only=True):
    """``pull.json``. Times are ISO 8601, UTC; the log is that of ``since`` ≤ time < ``until``.

    ``clock_offset``: seconds that the Controller's clock is ahead of this host's, by which ``started_at`` is; 0 where
    they differ little, None where that is unknown.
    """

    controller: str
    version: str
    tenant: str
    since: str
    until: str
    started_at: str
    finished_at: str
    complete: bool
    format: int = FORMAT
    asked: tuple[Asked, ...] = ()
    not_visible: tuple[NotVisible, ...] = ()
    logs: tuple[PulledLog, ...] = ()
    clock_offset: int | None = None


class PoolRuntime(Struct, frozen=True):
    """What each Service Engine sees of a pool's servers: bodies of ``runtime/server/detail`` and ``…/hmonstat``."""

    uuid: str
    name: str
    detail: Body = None
    hmonstat: Body = None


class ServiceRuntime(Struct, frozen=True):
    """Body of ``virtualservice/UUID/icapstats``."""

    uuid: str
    name: str
    icapstats: Body = None


class Runtime(Struct, frozen=True):
    """``runtime.json``. Service Engines are objects of the API."""

    pools: tuple[PoolRuntime, ...] = ()
    virtual_services: tuple[ServiceRuntime, ...] = ()
    service_engines: tuple[Body, ...] = ()


class ServiceMetrics(Struct, frozen=True):
    """Body of ``analytics/metrics/virtualservice/UUID`` for a span of time (ISO 8601) in steps of seconds."""

    uuid: str
    name: str
    start: str
    stop: str
    step: int
    metrics: Body = None


class Metrics(Struct, frozen=True):
    """``metrics.json``."""

    virtual_services: tuple[ServiceMetrics, ...] = ()


def is_pull_folder(path: Path) -> bool:
    """Whether the path is a folder with a ``pull.json``, whatever that holds."""
    try:
        return (path / PULL).is_file()
    except (OSError, ValueError):
        return False


def is_unfinished(path: Path) -> bool:
    """Whether a pull into this folder was ended before it wrote its ``pull.json``."""
    try:
        return (path / f"{UNFINISHED}.json").is_file() and not (path / PULL).exists()
    except (OSError, ValueError):
        return False


def configuration_in(path: Path) -> Path | None:
    """The configuration of a pull's folder; None for any other path."""
    config = path / CONFIG
    return config if is_pull_folder(path) or (is_unfinished(path) and config.is_file()) else None


class PullFolder:
    """Reads the folder. Each method raises `NotAPull` for a file that is missing, unreadable or of another form."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def pull(self) -> Pull:
        """What was asked, and what came of it."""
        found = self._read(PULL, Pull)
        if found.format != FORMAT:
            raise self._wrong(PULL, f"format {found.format} is not known here: this icapdiag reads format {FORMAT}")
        for log in found.logs:
            if not _LOG_FILE.fullmatch(log.file):
                raise self._wrong(PULL, f"{log.file!r} is not a log file of this folder")
        return found

    @property
    def config(self) -> Path:
        """The configuration, in the form of an avi_config export."""
        return self.path / CONFIG

    def runtime(self) -> Runtime:
        """The state of pools, virtual services and Service Engines at the time of the pull."""
        return self._read(RUNTIME, Runtime)

    def metrics(self) -> Metrics:
        """Counters of the time span."""
        return self._read(METRICS, Metrics)

    def log_files(self) -> tuple[Path, ...]:
        """The logs that have entries, one file a virtual service."""
        return tuple(self.path / log.file for log in self.pull().logs if log.entries)

    def _read(self, name: str, kind: type[_Answer]) -> _Answer:
        try:
            data = read_file(self.path / name, _LARGEST, regular=True)
            if len(data) > _LARGEST:
                raise self._wrong(name, f"larger than {_LARGEST >> 20} MiB")
            return msgspec.json.decode(data, type=kind)
        except (OSError, ValueError) as error:
            said = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise self._wrong(name, f"can't be read: {visible(said)}") from None
        except RecursionError:
            raise self._wrong(name, "can't be read: nested too deeply") from None

    def _wrong(self, name: str, message: str) -> NotAPull:
        return NotAPull([Located(file=visible(str(self.path / name)), message=visible(message))])


def passing(asked: Iterable[Asked]) -> list[Asked]:
    """What may be answered another time."""
    return [each for each in asked if each.status != 200 and each.status not in LASTING]


def clock_note(pull: Pull) -> str:
    """How far the Controller's clock is from that of the host that pulled; empty if not far, or unknown."""
    if not pull.clock_offset:
        return ""
    hours, minutes = divmod(round(abs(pull.clock_offset) / 60), 60)
    by = f"{abs(pull.clock_offset)} s" if abs(pull.clock_offset) < 120 else f"{hours} h {minutes} min"
    order = "ahead of" if pull.clock_offset > 0 else "behind"
    return (
        f"The Controller's clock was {by} {order} that of the host that pulled: times in its logs are by its own clock."
    )


def log_file(name: str, uuid: str) -> str:
    """Where the log of a virtual service goes, relative to the folder."""
    parts = (_UNSAFE.sub("_", part)[:_NAME].strip(".") for part in (name, uuid))
    return str(PurePosixPath(LOGS) / f"{'-'.join(parts)}.jsonl.gz")


class Writer:
    """Writes the folder: each file at once, for its owner only. Each method raises OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def config(self, version: Mapping[str, object], objects: Mapping[str, Sequence[object]]) -> None:
        """``objects`` by kind (``IcapProfile``), as the API returned them; ``version`` as the login did."""
        self._write(CONFIG, {"META": {"version": dict(version)}, **objects})

    def runtime(self, runtime: Runtime) -> None:
        """Write `Runtime`."""
        self._write(RUNTIME, runtime)

    def metrics(self, metrics: Metrics) -> None:
        """Write `Metrics`."""
        self._write(METRICS, metrics)

    def pull(self, pull: Pull) -> None:
        """Write `Pull`: last, as it says that the others are there."""
        self._write(PULL, pull)

    def _write(self, name: str, value: object) -> None:
        text = msgspec.json.format(msgspec.json.encode(value), indent=1)
        write_data(self.path / name, text + b"\n", mode=PRIVATE)
