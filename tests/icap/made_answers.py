"""Answers in the shapes that products were seen to send, with values of our own: name -> (expected, bytes)."""

from __future__ import annotations

from collections.abc import Mapping

from tests.icap.answer_kinds import OPTIONS, Kind, ParsedJSON, Printed, Wire


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def lf(text: str) -> bytes:
    return text.encode()


_SAMPLE = ("Sample.Threat",)

VERDICTS: Mapping[str, tuple[Kind, bytes]] = {
    "policy: a folded threat, folded violations, no body": (
        Wire("blocked", "X-Infection-Found", "Too Large", ("Policy violation Too Large",)),
        lf("""\
ICAP/1.0 200 OK
ISTag: "0123456789ABCDEF0123456789ABCDEF"
Date: Tue Mar 03 10:00:00 2026 GMT
Service: Scan Engine/5.1
X-Infection-Found: Type=1; Resolution=2; Threat=Policy violation\x20
 Too Large;
X-Violations-Found: 1
\tno.file
\tPolicy violation Too Large
\t-1
\t0
Encapsulated: res-hdr=0, res-body=83

"""),
    ),
    "infected: a date in the order of asctime": (
        Wire("blocked", "X-Infection-Found", "Sample Threat", threats=("Sample Threat",)),
        lf("""\
ICAP/1.0 200 OK
ISTag: "0123456789ABCDEF0123456789ABCDEF"
Date: Tue Mar 03 10:00:00 2026 GMT
X-Infection-Found: Type=0; Resolution=2; Threat=Sample Threat;
X-Violations-Found: 1
\tno.file
\tSample Threat
\t11
\t2
Encapsulated: res-hdr=0, res-body=83

"""),
    ),
    "infected: 201, violations that are not folded, a chunk cut": (
        Wire("blocked", "X-Violations-Found", "W32.Sample@mm", threats=("W32.Sample@mm",)),
        crlf("""\
ICAP/1.0 201 Created
ISTag: "0123456789ABCDEF"
Service: Scan Engine/5.2
X-Violations-Found: 2
mail.msg
W32.Sample@mm
18
2
mail.msg/part.exe
W32.Sample@mm
18
2
X-Outer-Container-Is-Mime: 0
Encapsulated: res-hdr=0, res-body=83

10
bbbbbbbbbbbbbbbb"""),
    ),
    "clean: the echo's last chunk cut": (
        Wire("allowed", "Encapsulated", "unchanged", sent_body=b"a" * 32),
        crlf("""\
ICAP/1.0 200 OK
ISTag: "0123456789ABCDEF"
Encapsulated: res-hdr=0, res-body=49

HTTP/1.1 200 OK
Via: 1.1 engine.test (ICAP)

20
aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"""),
    ),
    "OPTIONS: one header three times, LF line ends": (
        OPTIONS,
        lf("""\
ICAP/1.0 200 OK
Date: Tue Mar 03 10:00:00 2026 GMT
Methods: RESPMOD
Service: Scan Engine/4
ISTag: "110"
Max-Connections: 128
X-Allow-Out: X-Infection-Found, X-License
X-Allow-Out: X-Status
X-Allow-Out: X-Violations-Found
Allow: 204
Options-TTL: 3600
Preview: 4
Transfer-Preview: *
Encapsulated: null-body=0

"""),
    ),
    "clean: 204 with Host and a wrong weekday": (
        Wire("allowed"),
        crlf("""\
ICAP/1.0 204 No Content
Host: scanner.test
ISTag: "0123456789ABCDEF"
Date: Mon Mar 03 10:00:00 2026 GMT

"""),
    ),
    "clean: 204 Unmodified, + in the ISTag": (
        Wire("allowed", words="204 Unmodified"),
        crlf("""\
ICAP/1.0 204 Unmodified
Server: C-ICAP/0.5.10
Connection: close
ISTag: "CI0001-abc+defghi"

"""),
    ),
    "infected: Encapsulated last, nothing after the head": (
        Wire("blocked", "X-Infection-Found", threats=_SAMPLE),
        crlf("""\
ICAP/1.0 200 OK
Server: C-ICAP/0.5.10
ISTag: "CI0001-abc+defghi"
X-Infection-Found: Type=0; Resolution=2; Threat=Sample.Threat;
X-Violations-Found: 1
\t-
\tSample.Threat
\t0
\t0
Encapsulated: res-hdr=0, res-body=161

"""),
    ),
    "clean: 204 with an unquoted ISTag, LF line ends": (
        Wire("allowed"),
        lf("ICAP/1.0 204 Unmodified\nServer: C-ICAP/0.1\nConnection: keep-alive\nISTag: CI0001-000-1\n\n"),
    ),
    "printed: 204 of a URL filter, the request below": (
        Printed("allowed", "X-Response-Info", "URL category ALL is ALLOWED"),
        lf("""\
ICAP server:10.20.0.15, ip:10.20.0.1, port:1344

No modification needed (Allow 204 response)

ICAP HEADERS:
\tICAP/1.0 204 Unmodified
\tServer: C-ICAP/0.5.3
\tISTag: CI0001-XXXXXXXXX
\tX-ICAP-Profile: default
\tX-Attribute: ALL
\tX-Response-Info: ALLOWED
\tX-Response-Desc: URL category ALL is ALLOWED

REQMOD HEADERS:
\tGET http://www.example.test HTTP/1.0
\tUser-Agent: client

"""),
    ),
    "printed: a rebuilt file, an empty header": (
        Printed("modified", "Encapsulated"),
        lf("""\
ICAP HEADERS:
\tICAP/1.0 200 OK
\tServer: C-ICAP/0.5.7
\tISTag: CI0001-2
\tEncapsulated: res-hdr=0, res-body=80

RESPMOD HEADERS:
\tHTTP/1.0 200 OK
\tContent-Length: 611
\tX-File-Id:\x20
\tVia: ICAP/1.0 scanner.test (C-ICAP/0.5.7 Rebuild service )

"""),
    ),
    "printed: 204 without a blank line": (
        Printed("allowed"),
        lf("ICAP HEADERS:\n\tICAP/1.0 204 Unmodified\n\tServer: C-ICAP/0.5.6\n\tISTag: CI0001-1"),
    ),
    "printed: within a client's debug log": (
        Printed("modified", "Encapsulated"),
        lf("""\
OK done with options!
ICAP server:10.20.0.15, ip:10.20.0.1, port:1344

Preview:1024 keepalive:1,allow204:0
Add resp header: HTTP/1.0 200 OK
Add resp header: Content-Length: 392
Preview response was with status: 100\x20
Response was with status:200\x20
OK reading headers, going to read body

ICAP HEADERS:
\tICAP/1.0 200 OK
\tServer: C-ICAP/0.5.7
\tISTag: CI0001-2
\tEncapsulated: res-hdr=0, res-body=60

RESPMOD HEADERS:
\tHTTP/1.0 200 OK
\tContent-Length: 310

Done

real\t0m6.1s
"""),
    ),
    "clean: 204 that announces parts": (
        Wire("allowed", words="204 No Modifications"),
        lf('ICAP/1.0 204 No Modifications\nIstag: "FILTER"\nEncapsulated: res-hdr=0, res-body=19\n\n'),
    ),
    "parsed: 100 and 200 in one, the HTTP status cut": (
        ParsedJSON("blocked", "X-Virus-Name", threats=("Sample file",)),
        (
            b'{"protocol":{"protocolVersion":"1.0","code":100,"status":"Continue"},"headers":{"ISTag":"\\"0080-1\\"",'
            b'"ICAP\\/1.0 200 OK":"","Encapsulated":"res-hdr=0, res-body=121"},"body":{"res-hdr":{"HTTP_STATUS":"x",'
            b'"X-Virus-Name":"Sample file","X-Block-Reason":"Malware found","HTTP\\/1.1 4":""}}}\n'
        ),
    ),
    "parsed: nothing but HTTP 403 inside, its version cut": (
        ParsedJSON("blocked", "http-status", "403 VirusFound"),
        (
            b'{"protocol":{"protocolVersion":"1.0","code":200,"status":"OK"},"headers":{"ISTag":"\\"7468-1\\"",'
            b'"Encapsulated":"res-hdr=0, res-body=114"},"body":{"res-hdr":{"HTTP_STATUS":"403 VirusFound",'
            b'" 403 VirusFound":"","Content-Type":"text\\/html","Content-Length":"268"}}}\n'
        ),
    ),
    "infected: a generic X-Virus-ID, line ends after the last chunk": (
        Wire("blocked", "X-Infection-Found", threats=("Sample/Threat.A",)),
        crlf("""\
ICAP/1.0 200 OK
ISTag: "tag"
Encapsulated: res-hdr=0, res-body=70
X-Infection-Found: Type=0; Resolution=0; Threat=Sample/Threat.A;
X-Virus-ID: Virus
X-Response-Info: Blocked

HTTP/1.1 403 Forbidden
Content-Type: text/html
Content-Length: 0

0


"""),
    ),
    "infected: violations of a hash, a page in the body": (
        Wire("blocked", "X-Infection-Found", threats=("Sample.Threat.1",)),
        crlf("""\
ICAP/1.0 200 OK
Service: ICAP Server 1.5
Service-ID: SRV
ISTag: "tag"
X-Infection-Found: Type=0; Resolution=2; Threat=Sample.Threat.1;
X-Virus-ID: Sample.Threat.1
X-Violations-Found: 1
\t0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
\tSample.Threat.1
\t0
\t0
Connection: keep-alive
Encapsulated: res-hdr=0, res-body=70

HTTP/1.1 403 Forbidden
Content-Type: text/html
Connection: close

21
<html><body>blocked</body></html>
0

"""),
    ),
    "infected: a vendor's own headers, a quoted name, the chunk cut": (
        Wire("blocked", "X-FSecure-Infection-Name", threats=("Sample.THREAT/Named.x",)),
        crlf("""\
ICAP/1.0 200 OK
Server: F-Secure ICAP Server
ISTag: "FSAV-2026-03-03_01"
Expires: Tue, 3 Mar 2026 00:00:00 GMT
X-FSecure-Scan-Result: infected
X-FSecure-Infection-Name: "Sample.THREAT/Named.x"
X-FSecure-FSAV-Duration: 0.026597
X-FSecure-All-Scan-Results: %5B%7B%22type%22%3A%22infected%22%7D%5D
X-FSecure-Versions: Engine/1.0  (hash)/2026-03-03_01  fsicapd/1.0
Encapsulated: res-hdr=0, res-body=73

HTTP/1.1 403 Forbidden
Content-Type: text/html
Content-Length: 1781

6f5
"""),
    ),
    "infected: a vendor's own headers, nothing after the head": (
        Wire("blocked", "X-FSecure-Infection-Name", threats=("Sample.D-Encrypted.Gen",)),
        lf("""\
ICAP/1.0 200 OK
Server: F-Secure ICAP Server
ISTag: "FSAV-2026-03-03_06"
X-FSecure-Scan-Result: infected
X-FSecure-Infection-Name: "Sample.D-Encrypted.Gen"
Encapsulated: res-hdr=0, res-body=73

"""),
    ),
    "infected: a vendor's own header, unquoted, no blank line": (
        Wire("blocked", "X-FSecure-Infection-Name", threats=("SampleThreat/Oh.My",)),
        lf("ICAP/1.0 200 Ok\nX-FSecure-Infection-Name: SampleThreat/Oh.My"),
    ),
    "infected: Threat without an equals sign": (
        Wire("blocked", "X-Infection-Found", threats=("Sample/Wolf",)),
        lf("ICAP/1.0 200 Ok\nX-Infection-Found: Type=0; Resolution=0; Threat Sample/Wolf"),
    ),
    "clean: null-body, no blank line": (
        Wire("allowed", "Encapsulated", "nothing was changed"),
        lf('ICAP/1.0 200 OK\nEncapsulated: null-body=0\nISTag: "b9e-1"'),
    ),
    "OPTIONS: few headers, Encapsulated in the middle": (
        OPTIONS,
        lf("""\
ICAP/1.0 200 OK
Methods: RESPMOD
Encapsulated: null-body=0
Preview: 16384
Transfer-Preview: *
ISTag: "79b-1"
Max-Connections: 1024

"""),
    ),
    "OPTIONS: X-Response-Info: Options": (
        OPTIONS,
        crlf("""\
ICAP/1.0 200 OK
ISTag: "a"
Service: Scan Engine
Methods: REQMOD
Max-Connections: 100
Options-TTL: 1500
Allow: 204
X-Response-Info: Options
Encapsulated: null-body=0

"""),
    ),
    "OPTIONS: lists of extensions, LF line ends": (
        OPTIONS,
        lf("""\
ICAP/1.0 200 OK
Methods: REQMOD
ISTag: "a"
Encapsulated: null-body=0
Allow: 204
Preview: 2048
Transfer-Complete: asp, bat, exe
Transfer-Ignore: html
Transfer-Preview: *

"""),
    ),
    "clean: names in mixed case": (
        Wire("allowed", "Encapsulated"),
        crlf("ICAP/1.0 200 OK\nisTag: X\neNcaPsulated: null-body=0\n\n"),
    ),
    "blocked: 403, X-Virus-ID, parts that do not come": (
        Wire("blocked", "X-Virus-ID", threats=_SAMPLE),
        crlf("""\
ICAP/1.0 403 Forbidden
ISTag: "a"
X-Violations-Found: 1
X-Virus-ID: Sample.Threat
Encapsulated: res-hdr=0, res-body=0

"""),
    ),
    "clean: 204 No Modifications Needed": (
        Wire("allowed"),
        crlf('ICAP/1.0 204 No Modifications Needed\nISTag: "a"\nDate: Thu, 01 Jan 2026 00:00:00 GMT\n\n'),
    ),
    "blocked: 500 with X-Error-Code": (
        Wire("blocked", "X-Error-Code", "file_type_blocked"),
        crlf("ICAP/1.0 500 Server Error\nX-Error-Code: file_type_blocked\n\n"),
    ),
    "blocked: 403 with X-Block-Reason": (
        Wire("blocked", "X-Block-Reason", "virus"),
        crlf("ICAP/1.0 403 Forbidden\nX-Block-Reason: virus\n\n"),
    ),
}
