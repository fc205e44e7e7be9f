"""A scanner's log read line by line, whatever its length."""

from __future__ import annotations

import io
import re

from icapdiag.facts.scanner import C_ICAP
from icapdiag.logs.containers.sniff import Container
from icapdiag.logs.notes import STRAY_READ, Account, ProblemKind, Repair, excerpt_of
from icapdiag.logs.opening.source import Source, Tick, to_text
from icapdiag.logs.scanner.counting import ScannerCounting
from icapdiag.logs.scanner.lines import LINE_LIMIT, Message, records
from icapdiag.logs.scanner.requests import Logged

_BUFFER = 1 << 18
_TICK = 5000  # lines between two calls of ``tick``
_ROTATED = re.compile(r"(?:\.(?:gz|zst|zstd))$|[.-]\d{8}(?:[-_]\d{1,10})?$|\.\d{1,4}$", re.ASCII)
_CONTAINERS = {
    (Message, C_ICAP): Container.C_ICAP_SERVER,
    (Logged, C_ICAP): Container.C_ICAP_ACCESS,
}
_OF_SQUID = {Message: Container.SQUID_CACHE, Logged: Container.SQUID_ICAP}


def read_scanner_log(source: Source, counting: ScannerCounting, account: Account, tick: Tick) -> Container:
    """Count the records of a scanner's log.

    Lines behind a message belong to it: Squid continues messages, and c-icap logs what clients sent. A line among
    requests that is none is unreadable.
    """
    log, tally = log_of(source.name), account.tally
    held: dict[Container, int] = {}
    file = io.BufferedReader(source, _BUFFER)
    number = 0
    last: type[Message | Logged] | None = None
    while line := file.readline(LINE_LIMIT):
        number += 1
        text, stray = to_text(line.rstrip(b"\r\n"))
        if stray is not None:
            account.notes.repair(Repair(STRAY_READ, number, stray + 1))
        found = list(records(text))
        for each in found:
            last = type(each)
            tally.read += 1
            container = _CONTAINERS.get((last, each.program)) or _OF_SQUID[last]
            held[container] = held.get(container, 0) + 1
            counting.note(log, each)
        if not found and line.strip() and last is not Message:
            kind: ProblemKind = "skipped" if last is None else "unreadable"
            account.refuse(kind, "not a line of this log", (number, 1, None), excerpt_of(line))
        while not line.endswith(b"\n") and len(line) == LINE_LIMIT:  # the rest of a line that is too long
            line = file.readline(LINE_LIMIT)
        if number % _TICK == 0:
            tick()
    file.detach()
    return max(held, key=held.__getitem__, default=Container.UNKNOWN)


def log_of(name: str) -> str:
    """The name of the log that a file is a part of: ``server.log`` for ``server.log.2.gz``."""
    shorter = _ROTATED.sub("", name)
    while shorter != name and shorter:
        name, shorter = shorter, _ROTATED.sub("", shorter)
    return name
