"""The output of a script, whatever became of it on the way.

Stated: runs, frames and observations or nothing; as much data as was there; a damaged frame says so; the result does
not depend on how often it was pasted.
"""

from __future__ import annotations

import base64
from collections.abc import Hashable, Sequence

import msgspec

from icapdiag.script.frames import cksum, read_runs
from icapdiag.script.members import seen_at
from icapdiag.script.plan import Plan, Target, decode_plan, encode_plan
from icapdiag.vocabulary import Status
from tests.fuzz.driver import Grammar
from tests.fuzz.driver import Target as FuzzTarget

_TARGETS = (
    Target(member="a", host="192.0.2.1", port=1344, address="192.0.2.1"),
    Target(member="b", host="b", port=11344, address="2001:db8::1", tls=True, server_name="b"),
)
_PLAN = Plan(version="1", pool="p", service_uri="/a", eicar=True, preview_size=10, targets=_TARGETS)
_STATUSES = set(Status)

GRAMMAR: Grammar = {
    "start": ("{line}{start}", "{line}\n{start}", "{line}{line}"),
    "line": (
        "~{run}.{number}.{number}:{text}~\n", "~{run}.{number}.0:{head}~\n",
        "~{run}.1{number}.0:{step_head};code=x;len=8;~\n~{run}.1{number}.1:49434150~\n", "admin@se:~$ ",
    ),
    "step_head": ("f=step;m=0;s={step};at={number};end={end};{times};status={number};said={said}",),
    "times": ("connected={number};first={number};took={number}",),
    "run": ("00ab12", "00ab12", "ffffff", "12"),
    "number": ("0", "1", "2", "00", "99", "123456", ""),
    "head": ("f=step;{pair};{pair}", "f=who;{pair}", "f=end;at=1", "f=plan;code=b;len=4", "{pair};;{pair}", "="),
    "pair": ("m={number}", "s={step}", "len={number}", "code=b", "sum={number}", "at={number}", "end={end}"),
    "step": ("options", "clean", "eicar", "eicar-form", "tls", "tcp", "respmod", "service-1", "no-preview", "x"),
    "end": ("eof", "timeout", "open", "limit", "killed", "unconnected", ""),
    "said": ("", "bash__connect__Connection_refused", "read_error__Connection_reset_by_peer", "Q"),
    "text": ("QUJD", "4143", "{text}{text}", " \n ", "SUNBUC8xLjAgMjAwIE9LDQoNCg==", "-"),
}  # fmt: skip


def _frame(number: int, head: str, data: bytes) -> bytes:
    text = base64.b64encode(data).decode()
    head = f"{head};code=b;len={len(text)}"
    head += f";sum={cksum((head + text).encode())}"
    lines = [head, *(text[at : at + 56] for at in range(0, len(text), 56))]
    return b"".join(f"~00ab12.{number}.{at}:{line}~\n".encode() for at, line in enumerate(lines))


def seeds() -> Sequence[bytes]:
    answer = b'ICAP/1.0 200 OK\r\nMethods: REQMOD\r\nISTag: "x"\r\nEncapsulated: null-body=0\r\n\r\n'
    clean = b"ICAP/1.0 100 Continue\r\n\r\nICAP/1.0 204 No Content\r\n\r\n"
    step = "f=step;m={};s={};at=1;end=eof;connected=1;first=2;took=3;status=200;said="
    handshake = b"CONNECTED(3)\nNew, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384\nVerify return code: 0 (ok)\n"
    parts = [
        _frame(0, "f=who;host=se;ns=avi_ns1;bash=5_2;at=1", b""),
        _frame(1, "f=plan", encode_plan(_PLAN)),
        _frame(100, step.format(0, "options"), answer),
        _frame(101, step.format(0, "clean"), clean),
        _frame(200, step.format(1, "tcp"), b""),
        _frame(201, step.format(1, "tls"), handshake),
        _frame(202, step.format(1, "options"), b"0000000000:error:0A00045C:SSL routines::x:SSL alert number 116\n"),
        _frame(3, "f=end;at=9", b""),
    ]
    return [b"".join(parts), *parts]


def check(data: bytes) -> Hashable:
    runs = read_runs([data])
    twice = read_runs([data, data])
    assert [(run.name, run.frames, run.strays) for run in runs] == [(run.name, run.frames, run.strays) for run in twice]
    found: list[Hashable] = []
    for run in runs:
        for frame in run.frames:
            assert len(frame.data) <= len(data)
            if frame.kind == "plan" and not frame.cut:
                try:
                    decode_plan(frame.data)
                except (msgspec.DecodeError, ValueError) as error:
                    found.append(type(error).__name__)
        for number in range(len(_TARGETS)):
            observed = seen_at(_PLAN, number, list(run.of("step")), "m")
            assert {each.status for each in observed} <= _STATUSES
            found += [(each.probe, str(each.status), each.reason) for each in observed]
    return frozenset(found)


TARGET = FuzzTarget(check, seeds, GRAMMAR)
