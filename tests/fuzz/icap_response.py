"""The answer of an ICAP server, in any pieces.

Stated: a response or a `ProtocolError`; the same however the bytes are split; nothing kept beyond `Limits`; a verdict
of the vocabulary with bounded words.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence
from pathlib import Path
from zlib import crc32

from icapdiag.icap.header_table import FACTS, header_facts
from icapdiag.icap.message import SEEN, Limits, Response
from icapdiag.icap.verdict import judge
from icapdiag.vocabulary import Verdict
from tests.fuzz.driver import Grammar, Target
from tests.icap.answer_kinds import Closed
from tests.icap.feeding import read
from tests.icap.made_answers import VERDICTS
from tests.icap.made_oddities import ODDITIES

LIMITS = Limits(head_size=4096, header_count=40, line_size=256, chunk_size=1 << 20, body_kept=1000, body_total=1 << 16)
_TRANSCRIPTS = Path(__file__).parents[1] / "data" / "transcripts"
_VERDICTS = set(Verdict)

GRAMMAR: Grammar = {
    "start": (
        "{status}{crlf}{headers}{crlf}{parts}", "{status}{crlf}{headers}{crlf}{parts}{start}", "{status}{crlf}{crlf}",
    ),
    "status": (
        "ICAP/1.0 {code} {words}", "ICAP/{number}.{number} {code}", "icap/1.0\t{code}  {words}", "HTTP/1.1 200 OK",
        "{code} {words}",
    ),
    "code": ("200", "204", "100", "206", "403", "404", "500", "539", "99", "1000"),
    "words": ("OK", "Unmodified", "No AV scanning license", "virus found", ""),
    "crlf": ("\r\n", "\r\n", "\r\n", "\n", "\r"),
    "headers": ("{header}{crlf}{headers}", "{header}{crlf}{headers}", "{header}{crlf}", ""),
    "header": (
        "ISTag: {value}", 'ISTag: "x"{ows}Encapsulated: {list}', "Encapsulated: {list}", "Encapsulated:{list}",
        "Preview: {number}", "Allow: 204, 206", "Methods: REQMOD, RESPMOD", "Options-TTL: {number}",
        "Max-Connections: {number}", "X-Infection-Found: Type={number}; Resolution={number}; Threat={value};",
        "X-Virus-ID: {value}",
        "X-Violations-Found: {number}{crlf}\t{value}{crlf}\t{value}{crlf}\t{number}{crlf}\t{number}",
        "X-Response-Info: {value}", "X-Response-Desc: {value}", "X-Blocked-Reason: {value}", "X-Error-Code: {number}",
        "X-Block-Result: {number}", "Transfer-Preview: *", "Connection: close", "{value}: {value}", "{value}",
        " {value}",
    ),
    "value": (
        "Infected", "Allowed", '"5BDEEEA9-12E4-2"', "no security rule", "EICAR; x=1", "{number}", "\xe9\x85\x00", "",
        "{value}{ows}{value}", "a",
    ),
    "ows": ("", " ", "\t", "{crlf} "),
    "list": (
        "{part}={number}", "{part}={number}, {list}", "null-body={number}", "{part}={number},,{list}",
        "res-hdr=0, res-body=19",
    ),
    "part": ("req-hdr", "res-hdr", "req-body", "res-body", "opt-body", "null-body", "x-hdr"),
    "number": ("0", "19", "1", "137", "4096", "-1", "99999999999", "0x10", "7"),
    "parts": (
        "HTTP/1.1 200 OK{crlf}{crlf}{chunks}", "HTTP/1.1 403 Forbidden{crlf}{header}{crlf}{crlf}{chunks}", "{chunks}",
        "",
    ),
    "chunks": (
        "5{extension}{crlf}hello{crlf}{chunks}", "{size}{extension}{crlf}{value}{crlf}{chunks}",
        "0{extension}{crlf}{header}{crlf}{crlf}", "0{crlf}{crlf}",
    ),
    "size": ("5", "00000005", "a", "FFFFFFFF", "7fffffffffffffff", "-5", "", "g", "1"),
    "extension": ("", "", "; ieof", ";use-original-body={number}", " ; {value}", ";;"),
}  # fmt: skip


def seeds() -> Sequence[bytes]:
    made = [
        bytes(data)
        for answers in (VERDICTS, ODDITIES)
        for kind, data in answers.values()
        if not isinstance(kind, Closed)
    ]
    recorded = [path.read_bytes().split(b"\n", 2)[-1] for path in sorted(_TRANSCRIPTS.glob("*.txt"))]
    return [*made, *recorded]


def check(data: bytes) -> Hashable:
    digest = crc32(data)
    method = ("REQMOD", "RESPMOD", "OPTIONS")[digest % 3]
    whole = read([data], method=method, limits=LIMITS)
    assert whole == read(_split(data, digest), method=method, limits=LIMITS), "it depends on how the bytes are split"
    response = whole if isinstance(whole, Response) else whole[3]
    error = "" if isinstance(whole, Response) else f"{whole[0]} {whole[1]} {whole[2]}"
    assert response is not None or error
    return (error, _response(response, method)) if response else error


def _split(data: bytes, seed: int) -> list[bytes]:
    choose = random.Random(seed)  # noqa: S311 - the same for the same input
    step = choose.choice((1, 2, 7, 64, 1000))
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        size = choose.randint(1, step)
        pieces.append(data[at : at + size])
        at += size
    return pieces


def _response(response: Response, method: str) -> Hashable:
    assert len(response.body or b"") <= LIMITS.body_kept
    assert response.body_size <= LIMITS.body_total + LIMITS.line_size
    assert len(response.headers) <= 2 * LIMITS.header_count  # two may be glued into one line
    assert all(len(each.seen) <= SEEN for each in response.deviations)
    facts = header_facts(response.headers)
    assert set(facts) <= {"product", *(row.fact for row in FACTS)}
    verdicts: list[str] = []
    for sent in (None, b"hello"):
        judgement = judge(response, sent_body=sent, method=method)
        assert judgement.verdict in _VERDICTS
        assert len(judgement.reason) < 2000
        assert len(judgement.threats) <= 20
        assert all(len(threat) <= 200 for threat in judgement.threats)
        verdicts += [judgement.verdict, *judgement.decided_by]
    return response.status, response.complete, frozenset(each.rule for each in response.deviations), tuple(verdicts)


TARGET = Target(check, seeds, GRAMMAR)
