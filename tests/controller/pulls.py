"""Pulls from the simulated Controller, without the waits of real ones."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

from icapdiag.controller.address import parse_address, trusted
from icapdiag.controller.asking import Pace
from icapdiag.controller.credentials import Secret
from icapdiag.controller.folder import Pull, PullFolder
from icapdiag.controller.pulling import Progress, Puller, Wanted
from icapdiag.controller.session import Session
from tests.controller.simulated.controller import Controller
from tests.controller.simulated.truth import Truth

TRUTH = Truth(2000)  # of a Controller
USER, PASSWORD = "auditor", "correct-horse"
Key = tuple[str, str, int, int, str]


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def pace(self, patience: float = 300.0) -> Pace:
        return Pace(rate=100.0, patience=patience, now=self.now, sleep=self.sleep)


def moment(micros: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)


def wanted(controller: Controller, *services: str, logs: bool = True) -> Wanted:
    """All that happened: what is at the very end, too."""
    truth = controller.truth
    return Wanted(
        controller=controller.address,
        user=USER,
        tenant="admin",
        since=moment(truth.start),
        until=moment(truth.end + 1),
        span=("6h", ""),
        virtual_services=services,
        logs=logs,
    )


def session(controller: Controller, secret: Secret | None = None, *, timeout: float = 20.0) -> Session:
    """A session that has not logged in yet."""
    return Session(
        parse_address(controller.address),
        USER,
        secret or Secret("password", PASSWORD),
        tenant="admin",
        trust=trusted(controller.ca_file),
        timeout=timeout,
    )


def pull(
    controller: Controller,
    folder: Path,
    *services: str,
    patience: float = 300.0,
    logs: bool = True,
    progress: Progress = lambda *_: None,
    stop: Callable[[], bool] = lambda: False,
) -> Pull:
    """One pull, to its end."""
    puller = Puller(folder, wanted(controller, *services, logs=logs), progress=progress, stop=stop)
    return puller.pull(session(controller), Clock().pace(patience))


def pulled_keys(folder: Path) -> list[list[Key]]:
    """Of each log that was pulled, what tells its entries apart, in the order of the file."""
    return [keys_in(path) for path in PullFolder(folder).log_files()]


def keys_in(path: Path) -> list[Key]:
    with gzip.open(path) as file:
        return [_KEY.decode(line).key for line in file]


def true_keys(truth: Truth) -> list[list[Key]]:
    """Of each virtual service, in order of time."""
    return [[entry.key for entry in entries] for entries in truth.logged]


class _Entry(Struct):
    virtualservice: str
    service_engine: str
    vcpu_id: int
    log_id: int
    report_timestamp: str

    @property
    def key(self) -> Key:
        return (self.virtualservice, self.service_engine, self.vcpu_id, self.log_id, self.report_timestamp)


_KEY = msgspec.json.Decoder(_Entry, strict=False)  # numbers may come as text
