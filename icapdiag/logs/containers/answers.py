"""ICAP responses outside a log: raw bytes, the output of c-icap-client, a block of header lines.

Each becomes one observation (source ``log``, probe ``answer``) with the facts of a live answer. What a
form can't show is not a fact: client output has no body, a header block has no status.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from icapdiag.facts import to_plain
from icapdiag.facts.fields import ANSWER
from icapdiag.icap.dialects import UNKNOWN, tidy
from icapdiag.icap.header_table import PASTED, TEXT_KEPT, header_facts
from icapdiag.icap.message import CONTENT_AFTER_NULL_BODY, CapExceeded, NotICAP, ProtocolError, Response
from icapdiag.icap.response import ResponseReader
from icapdiag.icap.verdict import Judgement, judge
from icapdiag.logs.containers.foreign import REQUEST, peer_of
from icapdiag.model import JSONValue, Observation, sheet_of
from icapdiag.vocabulary import Reason, Status

WIRE, CLIENT, HEADERS = "wire", "c-icap-client", "headers"
_STATUS = re.compile(rb"^([ \t>]*)ICAP/\d\.\d[ \t]+\d{3}\b", re.MULTILINE | re.IGNORECASE)
_PRINT = re.compile(rb"^[ \t>]*ICAP HEADERS:[ \t]*\r?$", re.MULTILINE)
_TITLE = re.compile(rb"[ \t>]*(ICAP|RESPMOD|REQMOD) HEADERS:\s*$")
_SERVER = re.compile(rb"^[ \t>]*ICAP server:([^\s,]+), ip:\S+, port:(\d{1,5})", re.MULTILINE)
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,60}:(?:[ \t]|$)")
_TELLING = re.compile(rb"^(?:%b)\s*:" % "|".join(PASTED).encode(), re.MULTILINE | re.IGNORECASE)
_METHODS = re.compile(rb"^[ \t>]*Methods\s*:", re.MULTILINE | re.IGNORECASE)
# At the start of a line or behind a prompt: what is said about the client is no command.
_COMMAND = re.compile(rb"(?m)^(?:[^\n#$%>]{0,80}[#$%>] ?)?(?:\S{0,200}/)?c-icap-client(?= )[^\n]*")
_HOST = re.compile(rb"^Host\s*:", re.MULTILINE | re.IGNORECASE)
_ANSWERS_OWN = re.compile(rb"^(?:ISTag|Server|Service|X-[\w-]+)\s*:", re.MULTILINE | re.IGNORECASE)
_ESCAPED = ((rb"\r\n", b"\r\n"), (rb"\n", b"\n"), (rb"\t", b"\t"), (rb"\"", b'"'))
_CAP = 8 << 20  # bytes of one answer
_STEP = 1024  # bytes that a look beyond one more status line is worth
_NEAR = 4096  # bytes before a print in which the client names its server


class FoundAnswer(Struct, frozen=True):
    """An answer at bytes ``start`` to ``end`` of the input; ``form`` is WIRE, CLIENT or HEADERS."""

    start: int
    end: int
    form: str
    observation: Observation


def answers(data: bytes, *, headers: bool = False) -> Iterator[FoundAnswer]:
    """Every answer in the bytes, in order; with ``headers``, also blocks of header lines if there is nothing else."""
    found = False
    for answer in _from_wire(data):
        found = True
        yield answer
    if headers and not found:
        yield from _header_blocks(data)


def has_answers(data: bytes) -> bool:
    """Whether the bytes contain an ICAP status line at the start of a line."""
    return _STATUS.search(data) is not None


def observe(data: bytes, *, method: str | None = None, member: str = "") -> Observation:
    """The observation of one answer. Raises nothing for any bytes. ``method``: of the request, if known.

    Copying text damages line ends, offsets and bodies, so errors in these are not attributed to the server.
    """
    if _METHODS.search(data[: 64 << 10]):
        method = "OPTIONS"
    reader = ResponseReader(method=method or "REQMOD")
    try:
        response = reader.feed(data[:_CAP]) or reader.feed_eof()
    except ProtocolError as error:
        if error.response is None or isinstance(error, CapExceeded):
            return _failed(error, member)
        response = error.response
    return _answered(response, method, member)


def foreign(data: bytes) -> Observation | None:
    """The observation that another protocol answered; None for bytes that can't come from an ICAP port."""
    found = peer_of(data)
    return found and _failed(NotICAP(found[0], found[1][:80]), "", excerpt=found[1][:200])


def _from_wire(data: bytes) -> Iterator[FoundAnswer]:
    """Answers by their status lines; one inside the body of another is part of that."""
    marks = list(_STATUS.finditer(data))
    begins = [*(mark.start() for mark in marks), len(data)]
    spare = 2 * _CAP  # bytes that are read beyond status lines, in all, for the sake of bodies that hold some
    done = 0
    for number, mark in enumerate(marks):
        start, following = mark.end(1), begins[number + 1]
        if start < done:
            continue
        method = _method_before(data, done, mark.start())
        title = _title_before(data, mark.start())
        if title is not None:
            done = following
            heads = _printed(data[mark.start() : following])
            yield FoundAnswer(title, done, CLIENT, observe(heads, method=method, member=_member_before(data, title)))
            continue
        if mark[1]:
            text, done = _unindented(data[mark.start() : following], mark[1]), following
        else:
            done, spare = _end(data, start, begins[number + 1 :], spare)
            text = data[start:done]
        interim = text.split(None, 2)[1:2] == [b"100"]
        if interim and number + 1 < len(marks) and not data[done : begins[number + 1]].strip(b" \t\r\n>"):
            continue  # 100 Continue, and the final answer behind it
        yield FoundAnswer(start, done, WIRE, observe(text, method=method))


def _end(data: bytes, start: int, begins: list[int], spare: int) -> tuple[int, int]:
    """Where the response at ``start`` ends (at its own end or at the next status line), and the remaining budget."""
    reader = ResponseReader()
    at = start
    for begin in begins:
        try:
            if response := reader.feed(data[at:begin]):
                content = any(one.rule == CONTENT_AFTER_NULL_BODY for one in response.deviations)
                return begin if content else begin - len(reader.excess), spare
        except ProtocolError:
            break
        at = begin
        spare -= _STEP + begin - start
        if reader.head is None or spare < 0 or at - start > _CAP:
            break
    return begins[0], spare


def _unindented(text: bytes, indent: bytes) -> bytes:
    """Lines without the indentation of the first line."""
    lines: list[bytes] = []
    for line in text.splitlines(keepends=True):
        if line.strip(b" \t\r\n>") and not line.startswith(indent):
            break
        lines.append(line.removeprefix(indent) if line.strip(b" \t\r\n>") else b"\r\n")
    return b"".join(lines)


def _title_before(data: bytes, at: int) -> int | None:
    """Where the ``ICAP HEADERS:`` directly above index ``at`` begins; None if there is none."""
    before = data[max(0, at - 200) : at].rstrip()
    line = before.rfind(b"\n") + 1
    return at - len(data[max(0, at - 200) : at]) + line if _PRINT.match(before[line:]) else None


def _member_before(data: bytes, at: int) -> str:
    """The last server that the client named before its output: ``ICAP server:HOST, ip:…, port:N``."""
    servers = _SERVER.findall(data, max(0, at - _NEAR), at)
    if not servers:
        return ""
    host, port = (part.decode("latin-1") for part in servers[-1])
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _method_before(data: bytes, since: int, at: int) -> str | None:
    """The method of the request above index ``at``, or of the client's command; None if there is neither."""
    before = data[max(since, at - _NEAR) : at]
    asked = [found[1].upper().decode() for found in REQUEST.finditer(before)]
    if asked:
        return asked[-1]
    commands = _COMMAND.findall(before)
    if not commands:
        return None
    return "REQMOD" if re.search(rb"\s-req\b", commands[-1]) else "RESPMOD"


def _printed(text: bytes) -> bytes:
    """The heads in client output. An encapsulated head counts only if Encapsulated names it: the client also prints
    the request that it sent, below ``REQMOD HEADERS:``."""
    blocks: dict[bytes, list[bytes]] = {b"ICAP": []}
    current: list[bytes] | None = blocks[b"ICAP"]
    for line in text.splitlines():
        title = _TITLE.match(line)
        stripped = line.lstrip(b" \t>").rstrip(b"\r\n")
        if title:
            current = blocks.setdefault(title[1], [])
        elif not stripped:
            current = None if current else current
        elif current is not None:
            current.append(stripped if _FIELD.match(stripped) or not current else b" " + stripped)
    icap = blocks[b"ICAP"]
    encapsulated = b" ".join(line for line in icap if line.lower().startswith(b"encapsulated:"))
    heads = [icap]
    heads += [blocks[b"REQMOD"]] if b"req-hdr" in encapsulated and b"REQMOD" in blocks else []
    heads += [blocks[b"RESPMOD"]] if b"RESPMOD" in blocks else []
    return b"".join(b"".join(line + b"\r\n" for line in (*head, b"")) for head in heads)


def _header_blocks(data: bytes) -> Iterator[FoundAnswer]:
    """Runs of header lines that include an ICAP header, with real or escaped line ends."""
    for start, line in _lines(data):
        text = line
        if rb"\r\n" in line or rb"\n" in line:
            for escape, char in _ESCAPED:
                text = text.replace(escape, char)
        if len(text.splitlines()) > 1 and _TELLING.search(text) and not _is_request(text):
            body = text.strip(b" \t\"',")
            yield FoundAnswer(start, start + len(line), HEADERS, observe_headers(body))
    run: list[bytes] = []
    begin = 0
    above = b""  # the line before the run
    for start, line in (*_lines(data), (len(data), b"")):
        stripped = line.strip(b"\r\n")
        if not run or stripped.startswith(b">"):
            stripped = stripped.lstrip(b"> ")
        if _FIELD.match(stripped) or (run and stripped[:1] in {b" ", b"\t"} and stripped.strip()):
            begin = begin if run else start
            run.append(stripped)
            continue
        block = b"\r\n".join(run)
        if run and rb"\r\n" not in block and _TELLING.search(block) and not _is_request(block, above):
            yield FoundAnswer(begin, start, HEADERS, observe_headers(block))
        run, above = [], line


def _is_request(block: bytes, above: bytes = b"") -> bool:
    """Whether the header lines are a request's; ``above`` is the line before them."""
    sent = _HOST.search(block) is not None and _ANSWERS_OWN.search(block) is None
    return sent or REQUEST.search(above) is not None


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    for line in data.splitlines(keepends=True):
        yield start, line
        start += len(line)


def observe_headers(block: bytes) -> Observation:
    """Header lines as logged by Avi: judged as if the status were 200, which is not recorded as a fact."""
    observation = observe(b"ICAP/1.0 200 OK\r\n" + block.strip(b"\r\n") + b"\r\n\r\n")
    facts = {
        name: value for name, value in to_plain(observation.facts).items() if name not in {"icap_status", "icap_reason"}
    }
    return _observation(Status.OK, None, facts)


def _answered(response: Response, method: str | None, member: str) -> Observation:
    judgement = _judgement(response, method)
    facts: dict[str, JSONValue] = {
        "count": 1,
        "icap_status": response.status,
        "icap_reason": response.reason[:TEXT_KEPT],
        "verdict": judgement.verdict,
        "verdict_reason": judgement.reason,
        "threats": list(judgement.threats),
        "decided_by": list(judgement.decided_by),
    }
    if method is not None:
        facts["method"] = method
    if response.http_response is not None and response.http_response.status is not None:
        facts["http_status"] = response.http_response.status
    facts.update(header_facts(response.headers))
    refused = response.status >= 400
    status, reason = (Status.FAILED, Reason.ICAP_STATUS) if refused else (Status.OK, None)
    return _observation(status, reason, facts, member)


def _judgement(response: Response, method: str | None) -> Judgement:
    """The verdict; None if it depends on the method and the request is unknown."""
    judgement = judge(response, method=method or "REQMOD")
    if method is not None or judge(response, method="RESPMOD").verdict == judgement.verdict:
        return judgement
    line = tidy(response.http_response.start_line) if response.http_response else "content"
    reason = f"{line} came back: a block page if the request was REQMOD, the scanned content if it was RESPMOD"
    return Judgement(UNKNOWN, reason, judgement.threats, judgement.decided_by)


def _failed(error: ProtocolError, member: str, excerpt: bytes = b"") -> Observation:
    facts: dict[str, JSONValue] = {"count": 1, "error": error.detail, "protocol_rule": error.rule}
    reason = Reason.TOO_LARGE if isinstance(error, CapExceeded) else Reason.PROTOCOL
    if isinstance(error, NotICAP):
        reason = Reason.NOT_ICAP
        facts["peer"] = error.peer
        facts["peer_excerpt"] = (excerpt or error.seen).decode("latin-1")
    elif error.response is not None:
        facts = to_plain(_answered(error.response, None, member).facts) | facts
    return _observation(Status.FAILED, reason, facts, member)


def _observation(
    status: Status, reason: Reason | None, facts: Mapping[str, JSONValue], member: str = ""
) -> Observation:
    return Observation(
        source="log",
        probe=ANSWER,
        pool="",
        member=member,
        status=status,
        reason=reason,
        facts=sheet_of("log", ANSWER, facts),
    )
