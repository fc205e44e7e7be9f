"""Answers that were recorded: from Debian's servers in tests/data, from other products in a folder beside the checkout.

The first two lines of a recording name its source and what that says the answer means. Of the folder beside the
checkout only names and readings stand here; the answers of made_answers.py and made_oddities.py have the same shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.icap.answer_kinds import OPTIONS, Closed, Fragment, Kind, NotICAP, ParsedJSON, Printed, Wire
from tests.icap.made_answers import VERDICTS
from tests.icap.made_oddities import ODDITIES

_OURS = Path(__file__).parents[1] / "data" / "transcripts"
_SHARED = Path(__file__).parents[3] / "shared" / "evidence" / "transcripts"

PAGE = b"<html><head><title>t</title></head><body>hello</body></html>"
EICAR = ("Eicar-Test-Signature",)

EXPECTED: Mapping[str, Kind] = {
    "001-symantec-5.1-size-policy.txt": Wire(
        "blocked", "X-Infection-Found", "File Size Blocked", ("File policy violation File Size Blocked",)
    ),
    "003-symantec-5.1-eicar.txt": Wire(
        "blocked", "X-Infection-Found", "EICAR Test String", threats=("EICAR Test String",)
    ),
    "004-symantec-5.2-201-unfolded-violations.txt": Wire(
        "blocked", "X-Violations-Found", "W32.Beagle.AO@mm", threats=("W32.Beagle.AO@mm",)
    ),
    "006-symantec-5.2-200-clean-truncated.txt": Wire("allowed", "Encapsulated", "unchanged", sent_body=b"a" * 32),
    "007-symantec-4.3-options.txt": OPTIONS,
    "008-symantec-5.2-204-no-encapsulated.txt": Wire("allowed"),
    "009-netty-100-no-encapsulated.txt": Wire("unknown", words="not a final response"),
    "010-netty-206-reqmod.txt": Wire("modified", words="206 Partial Content"),
    "011-symantec-539-status-line.txt": Wire("error", words="No AV scanning license"),
    "013-trendmicro-400-status-line.txt": Wire("error", words="400 Bad request"),
    "015-squidclamav-500-status-line.txt": Wire("error", words="500 Server error"),
    "016-cicap-0.5.10-204-clean.txt": Wire("allowed", words="204 Unmodified"),
    "017-cicap-0.5.10-200-eicar.txt": Wire("blocked", "X-Infection-Found", threats=EICAR),
    "019-cicap-0.1.6-204-sample.txt": Wire("allowed"),
    "020-cicap-0.5.3-url_check-204.txt": Printed("allowed", "X-Response-Info", "URL category ALL is ALLOWED"),
    "022-glasswall-0.5.7-tls-200.txt": Printed("modified", "Encapsulated"),
    "023-glasswall-0.5.6-204.txt": Printed("allowed"),
    "024-glasswall-client-debug-log.txt": Printed("modified", "Encapsulated"),
    "025-glimps-204-with-encapsulated.txt": Wire("allowed", words="204 No Modifications"),
    "027-glimps-502-backend-500.txt": Wire("error", words="HTTP 500 Internal Server Error inside"),
    "029-glimps-502-bad-token.txt": Wire("error", words="HTTP 401 Unauthorized inside"),
    "030-glimps-502-not-found.txt": Wire("error", words="HTTP 404 Not Found inside"),
    "031-glimps-502-quota.txt": Wire("error", words="HTTP 429 Too Many Requests inside"),
    "032-glimps-408-too-long.txt": Wire("error", words="408 Request Timeout"),
    "035-mcafee-11-parsed-json.txt": ParsedJSON("blocked", "X-Virus-Name", threats=("EICAR test file",)),
    "036-mcafee-10-parsed-json.txt": ParsedJSON("blocked", "http-status", "403 VirusFound"),
    "037-eset-200-eicar-anon.txt": Wire("blocked", "X-Infection-Found", threats=("Bad/Guy.A",)),
    "038-bitdefender-1.5-200-virus-anon.txt": Wire("blocked", "X-Infection-Found", threats=("Bad.Guy.1",)),
    "039-withsecure-200-virus-anon.txt": Wire("blocked", "X-FSecure-Infection-Name", threats=("Bad.GUY/Named.blah",)),
    "044-unknown-130-not-sure.txt": Wire("unknown", words="130 Not sure really"),
    "045-folded-odd-values.txt": Wire("unknown", "", "alone says nothing"),
    "046-no-headers-100.txt": Wire("unknown", words="not a final response"),
    "047-garbage-info-line.txt": NotICAP("unknown", "one line of text"),
    "048-fsecure-ig5-200-virus.txt": Wire("blocked", "X-FSecure-Infection-Name", threats=("Exploit.D-Encrypted.Gen",)),
    "049-infection-threat-no-equals.txt": Wire("blocked", "X-Infection-Found", threats=("BigBad/Wolf",)),
    "051-fsecure-unquoted.txt": Wire("blocked", "X-FSecure-Infection-Name", threats=("BadThing/Oh.Boy",)),
    "053-nextcloud-null-body.txt": Wire("allowed", "Encapsulated", "nothing was changed"),
    "054-eset-options-nc.txt": OPTIONS,
    "055-rfc-reqmod-modified.txt": Wire("modified", "Encapsulated"),
    "056-rfc-reqmod-body.txt": Wire("modified", "Encapsulated", "other content", sent_body=b"I am posting this."),
    "057-rfc-reqmod-403.txt": Wire("blocked", "http-status", "403 Forbidden"),
    "058-rfc-respmod-200.txt": Wire("modified", "Encapsulated"),
    "059-rfc-options.txt": OPTIONS,
    "060-missing-crlf-istag-encapsulated.txt": Wire("modified", "Encapsulated"),
    "062-strange-response.txt": NotICAP("unknown", "one line of text"),
    "063-truncated-encapsulated.txt": NotICAP("unknown", "header lines, the last one cut, and no status line"),
    "065-kaspersky-scan-engine-options.txt": OPTIONS,
    "066-encapsulated-req-hdr-res-body.txt": Wire("modified", "Encapsulated", method="RESPMOD"),
    "068-greasyspoon-504.txt": Wire("error", words="504 Service timeout"),
    "069-cicap-403-acl.txt": Wire("error", words="403 Forbidden"),
    "070-single-crlf-404-kept-open.txt": Wire("error", words="404 ICAP Service not found"),
    "072-no-reason-no-blank.txt": Wire("unknown", "", "alone says nothing"),
    "073-mixed-case-names.txt": Wire("allowed", "Encapsulated"),
    "075-rama-folded-trailer-list.txt": Wire("unknown", "", "broke off"),
    "076-node-lf-options.txt": OPTIONS,
    "079-icap-content-length-short.txt": Wire("unknown", "", "alone says nothing"),
    "080-icap-505.txt": Wire("error", words="ICAP Version Not Supported"),
    "081-icap-503-with-server.txt": Wire("error", words="503 Service Unavailable"),
    "082-python-403-icap-level.txt": Wire("blocked", "X-Virus-ID", threats=EICAR),
    "083-python-204-fixed-date.txt": Wire("allowed"),
    "084-block-500-x-error-code.txt": Wire("blocked", "X-Error-Code", "file_type_blocked"),
    "085-403-x-block-reason-virus.txt": Wire("blocked", "X-Block-Reason", "virus"),
    "086-suricata-continue.txt": Fragment("allowed", "X-Response-Info", "continue"),
    "088-toolarium-parsed-log.txt": NotICAP("unknown", "a client's log; it prints header values as lists"),
    "089-opt-body-500.txt": Wire("error", words="timeout"),
    "101-nonicap-nginx-1.22.txt": NotICAP("http", "nginx"),
    "102-nonicap-apache-2.4.txt": NotICAP("http", "Apache"),
    "103-nonicap-lighttpd-1.4.txt": NotICAP("http", "lighttpd"),
    "105-nonicap-tinyproxy-1.11.txt": NotICAP("http", "a forward proxy"),
    "106-nonicap-squid-5.7-http_port.txt": NotICAP("http", "a proxy's HTTP port"),
    "107-nonicap-python-http.server.txt": NotICAP("http", "HTML without a status line"),
    "110-nonicap-openssl-tls-port-empty.txt": Closed(),
    "111-cicap-echo-options.txt": OPTIONS,
    "112-cicap-ex206-options.txt": OPTIONS,
    "113-cicap-url_check-options.txt": OPTIONS,
    "115-cicap-nosuch-404.txt": Wire("error", words="404 Service not found", method="OPTIONS"),
    "116-cicap-options-http11-400.txt": Wire("error", words="400 Bad request", method="OPTIONS"),
    "117-cicap-garbage-400.txt": Wire("error", words="400 Bad request"),
    "119-cicap-400-no-encapsulated.txt": Wire("error", words="400 Bad request"),
    "120-cicap-echo-200-no-allow.txt": Wire("allowed", "Encapsulated", "unchanged", sent_body=PAGE, method="RESPMOD"),
    "122-cicap-ex206-204.txt": Wire("allowed", words="204 Unmodified", method="RESPMOD"),
    "123-cicap-ex206-200.txt": Wire("allowed", "Encapsulated", "unchanged", sent_body=PAGE, method="RESPMOD"),
    "125-cicap-url_check-pass.txt": Wire("allowed", "X-Response-Info", "ALLOWED"),
    "126-squid-5.7-client-logs.txt": NotICAP("unknown", "the logs of an ICAP client"),
}

PRESENT = {path.name: path for folder in (_OURS, _SHARED) if folder.is_dir() for path in sorted(folder.iterdir())}
MADE = {**VERDICTS, **ODDITIES}
# Made or present: what each is expected to be.
ANSWERS: Mapping[str, Kind] = {
    **{name: expected for name, (expected, _) in MADE.items()},
    **{name: expected for name, expected in EXPECTED.items() if name in PRESENT},
}


def commented(name: str) -> bytes:
    """The bytes of an answer below the two lines about it."""
    if name in MADE:
        return b"# source: made for a test\n# says: " + name.encode() + b"\n" + MADE[name][1]
    return PRESENT[name].read_bytes()


def answer(name: str) -> bytes:
    """The bytes of an answer, without the two lines about it."""
    source, says, data = commented(name).split(b"\n", 2)
    assert source.startswith(b"# source:")
    assert says.startswith(b"# says:")
    return data
