"""Answers that are cut, bare, joined or no ICAP at all, in shapes that were met, with values of our own."""

from __future__ import annotations

from collections.abc import Mapping

from tests.icap.answer_kinds import Fragment, Kind, NotICAP, Wire
from tests.icap.made_answers import crlf, lf


def _failed(status: str, inside: str) -> bytes:
    """An error of ICAP with the scanner's own HTTP status inside."""
    head = (
        f'ICAP/1.0 {status}\nIstag: "FILTER"\nService: detect-1\nEncapsulated: res-hdr=0, res-body={len(inside) + 2}\n'
    )
    return lf(f"{head}\nHTTP/1.1 {inside}\n\n")


_FORM = "POST /form HTTP/1.1\nHost: www.example.test\nContent-Length: 9\n\n"
_PAGE = "HTTP/1.1 200 OK\nServer: origin\nContent-Length: 9\n\n"

ODDITIES: Mapping[str, tuple[Kind, bytes]] = {
    "100 and nothing after it": (
        Wire("unknown", words="not a final response"),
        crlf("ICAP/1.0 100 Continue\nHost: scanner.test\n\n"),
    ),
    "100 without headers, and a line after it": (
        Wire("unknown", words="not a final response"),
        crlf("ICAP/1.0 100 Continue\n\nNot-A-Header: x"),
    ),
    "206 with an unquoted ISTag, and no body": (
        Wire("modified", words="206 Partial Content"),
        crlf("""\
ICAP/1.0 206 Partial Content
ISTag: Serial-1
Encapsulated: req-hdr=0, req-body=62

GET / HTTP/1.1
Host: www.example.test
"""),
    ),
    "539 as a status line": (
        Wire("error", words="No AV scanning license"),
        crlf("ICAP/1.0 539 Aborted - No AV scanning license\n\n"),
    ),
    "400 as a status line": (Wire("error", words="400 Bad request"), crlf("ICAP/1.0 400 Bad request\n\n")),
    "500 as a status line": (Wire("error", words="500 Server error"), crlf("ICAP/1.0 500 Server error\n\n")),
    "504 as a status line": (Wire("error", words="504 Service timeout"), crlf("ICAP/1.0 504 Service timeout\n\n")),
    "403 as a status line": (Wire("error", words="403 Forbidden"), crlf("ICAP/1.0 403 Forbidden\n\n")),
    "404 and one line end": (
        Wire("error", words="404 ICAP Service not found"),
        crlf("ICAP/1.0 404 ICAP Service not found\n"),
    ),
    "200 without a reason": (Wire("unknown", "", "alone says nothing"), crlf("ICAP/1.0 200\n\n")),
    "505 in other words than the RFC's": (
        Wire("error", words="ICAP Version Not Supported"),
        crlf("ICAP/1.0 505 ICAP Version Not Supported\nServer: x\n\n"),
    ),
    "503 with a Server": (
        Wire("error", words="503 Service Unavailable"),
        crlf("ICAP/1.0 503 Service Unavailable\nServer: x\n\n"),
    ),
    "502 with HTTP 500 inside": (
        Wire("error", words="HTTP 500 Internal Server Error inside"),
        _failed("502 Bad Gateway", "500 Internal Server Error"),
    ),
    "502 with HTTP 401 inside": (
        Wire("error", words="HTTP 401 Unauthorized inside"),
        _failed("502 Bad Gateway", "401 Unauthorized"),
    ),
    "502 with HTTP 404 inside": (
        Wire("error", words="HTTP 404 Not Found inside"),
        _failed("502 Bad Gateway", "404 Not Found"),
    ),
    "502 with HTTP 429 inside": (
        Wire("error", words="HTTP 429 Too Many Requests inside"),
        _failed("502 Bad Gateway", "429 Too Many Requests"),
    ),
    "408 with HTTP 408 inside": (
        Wire("error", words="408 Request Timeout"),
        _failed("408 Request Timeout", "408 Request Timeout"),
    ),
    "130, a TAB in a value": (
        Wire("unknown", words="130 Whatever this is"),
        crlf("ICAP/1.0 130 Whatever this is\nX-A-Header: A message:\tMore\n\nNot-A-Header: x"),
    ),
    "200 with folded lines of odd punctuation": (
        Wire("unknown", "", "alone says nothing"),
        crlf("""\
ICAP/1.0 200 Ok
DaTe:     some day
X-A-Header:
 - A
 : B
\t= 1
X-B-Header: ()<>@,;:\\"/[]?={} \t

Not-A-Header: x"""),
    ),
    "one line of text": (NotICAP("unknown", "one line of text"), b" perhaps of use "),
    "header lines without a status line, the last one cut": (
        NotICAP("unknown", "header lines"),
        crlf('ISTag: "a"\nEncapsulated: res-hdr=0, r'),
    ),
    "a request without a body, LF line ends": (
        Wire("modified", "Encapsulated"),
        lf('ICAP/1.0 200 OK\nISTag: "a"\nEncapsulated: req-hdr=0, null-body=60\n\nGET /new HTTP/1.1\nVia: 1.0 a\n\n'),
    ),
    "a request with a body, LF line ends": (
        Wire("modified", "Encapsulated", "other content", sent_body=b"A posting"),
        lf(f'ICAP/1.0 200 OK\nISTag: "a"\nEncapsulated: req-hdr=0, req-body=66\n\n{_FORM}9\nI posted.\n0\n\n'),
    ),
    "a page that forbids, LF line ends": (
        Wire("blocked", "http-status", "403 Forbidden"),
        lf("""\
ICAP/1.0 200 OK
ISTag: "a"
Encapsulated: res-hdr=0, res-body=45

HTTP/1.1 403 Forbidden
Content-Length: 9

9
Not here.
0

"""),
    ),
    "a response, LF line ends": (
        Wire("modified", "Encapsulated"),
        lf(f'ICAP/1.0 200 OK\nISTag: "a"\nEncapsulated: res-hdr=0, res-body=55\n\n{_PAGE}a\nSome data.\n0\n\n'),
    ),
    "two headers on one line": (
        Wire("modified", "Encapsulated"),
        crlf(f'ICAP/1.0 200 OK\nISTag: "a"Encapsulated: req-hdr=0, req-body=66\n\n{_FORM}9\nI posted.\n0\n\n'),
    ),
    "req-hdr with res-body": (
        Wire("modified", "Encapsulated", method="RESPMOD"),
        crlf(f'ICAP/1.0 200 OK\nISTag: "a"\nEncapsulated: req-hdr=0, res-body=55\n\n{_PAGE}9\nSome data\n0\n\n'),
    ),
    "a list of trailers, folded and repeated": (
        Wire("unknown", "", "broke off"),
        crlf("""\
ICAP/1.0 200 OK
ISTag: "a"
Allow: trailers
Trailer: X-Scan,
 X-Score
Trailer: X-Policy
Encapsulated: res-body=0

"""),
    ),
    "Content-Length of ICAP's own, and less than that": (
        Wire("unknown", "", "alone says nothing"),
        crlf("ICAP/1.0 200 OK\nContent-Length: 100\n\na part"),
    ),
    "header lines: X-Response-Info: continue": (
        Fragment("allowed", "X-Response-Info", "continue"),
        lf("X-Response-Info: continue\nX-Response-Vars: 1,1\n"),
    ),
    "a client's log, header values as lists": (
        NotICAP("unknown", "a client's log"),
        lf("""\
0A1B2C3D - Threat found in resource (source: file, resource: sample.com, length: 70, http-status: 200):
- X-Infection-Found: [Type=0, Resolution=2, Threat=Sample]
- X-Violations-Found: [1, -, Sample, 0, 0]
"""),
    ),
    "500 with the cause in an opt-body": (
        Wire("error", words="timeout"),
        crlf("ICAP/1.0 500 Server Error\nConnection: close\nEncapsulated: opt-body=0\n\n7\ntimeout\n0\n\n"),
    ),
}
