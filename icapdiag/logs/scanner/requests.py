"""A line of an access log of c-icap, or of an ICAP log of Squid: when, who, which service, with what result.

The formats by name are c-icap's default, ``%tl, %la %a %im %iu %is``, and Squid's ``icap_squid``. Of others that is
read which can't be anything else: c-icap's method, service and status one after the other (``%im %iu %is``), and
Squid's outcome with its status (``%icap::to/%03icap::Hs``).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from icapdiag.avi.addresses import host_port, split_uri, to_address
from icapdiag.facts.scanner import C_ICAP, SQUID
from icapdiag.logs.scanner.times import Time, read_time
from icapdiag.vocabulary import Verdict

_TIME = (
    r"\[?(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?: [+-]\d{4})?|\d{9,11}(?:\.\d{1,9})?"
    r"|\d{4}-\d\d-\d\d[T ][\d:.]{8,15}(?:Z|[+-]\d\d:?\d\d)?)\]?"
)
_AT_START = re.compile(_TIME, re.ASCII)
_DEFAULT = re.compile(rf"{_TIME}, (\S{{1,60}}) (\S{{1,60}}) ([A-Z]{{3,12}}) (\S{{1,1000}}) (\d{{3}})\s*$", re.ASCII)
_METHOD = re.compile(
    r'(?<![\w:/])(OPTIONS|REQMOD|RESPMOD)\b[" ,;|\t]{1,4}([^\s",;|]{1,1000})[" ,;|\t]{1,4}(\d{3})\b(?!\.)'
)
_OUTCOME = re.compile(r"\b(ICAP_(?:ERR_[A-Z]{1,20}|PART_ECHO|ECHO|MOD|SAT|OPT))/(\d{3})\b")
_ICAP_SQUID = re.compile(rf"{_TIME} +(-?\d{{1,12}}) (\S{{1,253}}) ICAP_", re.ASCII)
_BARE_METHOD = re.compile(r"\b(OPTIONS|REQMOD|RESPMOD)\b")
_URI = re.compile(r"\bicaps?://[^\s\"',;|]{1,1000}")
_ADDRESS = re.compile(r"(?<![\w.:/])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]{2,39}:[0-9a-fA-F:.]{1,39})(?![\w:])")
_INFECTION = re.compile(r"\bType=0; Resolution=\d; Threat=([^;\"]{1,200});?")
_NOT_SAID = "-"
_NOBODY = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"  # whose OPTIONS is nobody's, as Squid writes it
_CLIENT_GONE = 408  # what c-icap logs when the client closes before the end of its request
_ECHO, _SERVED = "ICAP_ECHO", 204
_OURS = {
    "ICAP_MOD": Verdict.MODIFIED, "ICAP_PART_ECHO": Verdict.MODIFIED, "ICAP_SAT": Verdict.BLOCKED,
    "ICAP_ERR_OTHER": Verdict.ERROR, "ICAP_ERR_UNKNOWN": Verdict.ERROR,
}  # fmt: skip


class Logged(NamedTuple):
    """One ICAP request. ``status`` 0: no ICAP response; ``member`` is the server's address, with its port if known."""

    program: str
    time: Time
    method: str
    service: str
    status: int
    member: str = ""
    peer: str = ""
    outcome: str = ""
    milliseconds: int | None = None
    threat: str = ""

    @property
    def client(self) -> str:
        """The HTTP client, where the log names it: the peer of c-icap is the proxy or load balancer."""
        return self.peer if self.program == SQUID else ""

    @property
    def bypassed(self) -> bool:
        """Squid passed it on as it was, and the server had not said that it may (204)."""
        return self.outcome == _ECHO and self.status != _SERVED

    @property
    def verdict(self) -> Verdict | None:
        """What the server decided. A 200 of c-icap may be a block page as well as an unchanged request."""
        if self.method == "OPTIONS":
            return None
        if self.program == SQUID:
            return _OURS.get(self.outcome, Verdict.ALLOWED if self.outcome == _ECHO and not self.bypassed else None)
        if self.threat:
            return Verdict.BLOCKED
        if self.status == _SERVED:
            return Verdict.ALLOWED
        return Verdict.ERROR if self.status >= 400 and self.status != _CLIENT_GONE else None

    @property
    def failed(self) -> bool:
        """Whether ICAP did not do its work, the client not being the reason."""
        if self.program == SQUID:
            return self.bypassed or self.verdict is Verdict.ERROR or self._refused
        return self._refused and self.status != _CLIENT_GONE

    @property
    def _refused(self) -> bool:
        return self.status >= 400


def read_request(line: str) -> Logged | None:
    """The request of a line; None where it is none."""
    start = _AT_START.match(line)
    time = read_time(start[1]) if start else None
    if start is None or time is None:
        return None
    if outcome := _OUTCOME.search(line, start.end()):
        return _of_squid(line, time, outcome)
    if found := _DEFAULT.match(line):
        return Logged(C_ICAP, time, found[4], _path(found[5]), int(found[6]), _address(found[2]), _address(found[3]))
    found = _METHOD.search(line, start.end())
    if found is None:
        return None
    before = [each for each in map(to_address, _ADDRESS.findall(line[: found.start()])) if each]
    infection = _INFECTION.search(line, found.end())
    return Logged(
        C_ICAP,
        time,
        found[1],
        _path(found[2]),
        int(found[3]),
        peer=before[0] if before else "",
        threat=infection[1] if infection else "",
    )


def _of_squid(line: str, time: Time, outcome: re.Match[str]) -> Logged | None:
    method, uri = _BARE_METHOD.search(line), _URI.search(line)
    place = split_uri(uri[0]) if uri else None
    default = _ICAP_SQUID.match(line)
    if method is None:
        return None
    return Logged(
        SQUID,
        time,
        method[1],
        "" if place is None else place[2],
        int(outcome[2]),
        "" if place is None else host_port(place[0], place[1]),
        _address(default[3]) if default else "",
        outcome[1],
        max(int(default[2]), 0) if default else None,
    )


def _path(service: str) -> str:
    """``/avscan``, without the arguments of an alias."""
    path = service.partition("?")[0]
    return "" if path == _NOT_SAID else path if path.startswith("/") else f"/{path}"


def _address(text: str) -> str:
    address = to_address(text) or ""
    return "" if address == _NOBODY else address
