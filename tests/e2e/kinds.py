"""Faults of every kind, each at several products: fakes that answer as the product does, logs and pastes.

The kinds, by letter:

A  a coincidence is taken for the cause            G  rules that never matched: errors that name what was found
B  steps against what was seen                     H  what is known is ignored
C  refused without a status                        I  what was not tested passes as health
D  seen and dropped                                J  an Avi export is not taken at its word
E  success that nobody defined                     K  members are compared by the wrong thing
F  a paste is taken for something else             L  advice that does damage, and a false all-clear
"""

from __future__ import annotations

from collections.abc import Mapping

from icapdiag.icap.product import NO_ENGINE
from icapdiag.lab.scanner import (
    RESET,
    allow,
    decide,
    status,
)
from tests.e2e.products import (
    ONE,
    Exported,
    Live,
    Read,
    answers,
    closes,
    empty_refused,
    hangs,
    log,
    longer_previews_refused,
    named,
    of,
    only_at,
    page_behind_null_body,
    previews_only,
    raw_only,
    reqmod_at,
    taking_turns,
    without_inner_length,
)
from tests.runbook.cases import answered
from tests.runbook.logged import entry

EICAR = {"eicar": True}
CLOSED = {"fail_action": "ICAP_FAIL_CLOSED"}
ALL_CLOSED = {**CLOSED, "buffer_size_exceed_action": "ICAP_FAIL_CLOSED"}
METADEFENDER = ("Server", "Metadefender Core V4")
SHORT = {"timeout": 0.6, "connect_timeout": 2.0, "deadline": 6.0}
NOT_TESTED = "detection (EICAR was not sent"

CASES: Mapping[str, Mapping[str, Live | Read | Exported]] = {
    "A": {
        "opswat: previews of 0 are offered, and every scan ends in 500": Live(
            servers={ONE: of("opswat", scan=status(500, "Server error"))},
            first=("server-error", "engine-down", "likely"), never="preview_size"),
        "symantec: previews of 4 are offered, and the connection is reset": Live(
            servers={ONE: of("symantec", scan=lambda _: RESET)}, first=("tcp-reset", "crash", "likely"),
            never="SSL profile|preview_size"),
        "eset: previews of 0 are offered, and no scan is answered": Live(
            servers={ONE: of("eset", offers={"Preview": "0"}, around=hangs)}, settings=SHORT,
            first=("no-response", "engine-hangs", "likely"), never="preview_size"),
        "skyhigh: previews of 30 are offered, and every request is malformed": Live(
            servers={ONE: of("skyhigh", scan=status(400, "Bad request"))},
            first=("bad-request", "header-missing", "possible"),
            never="preview_size"),
        "trend-micro: previews of 4 are offered, and longer ones refused": Live(
            servers={ONE: of("trend-micro", offers={"Preview": "4"}, refuse=longer_previews_refused(4))},
            first=("preview-too-large", "too-long", "proven"), steps="preview_size"),
    },
    "B": {
        "squidclamav: EICAR passes without a preview": Live(
            servers={ONE: of("squidclamav", scan=previews_only)}, profile={"enable_preview": False}, settings=EICAR,
            first=("eicar-not-detected", "no-preview", "proven"), steps="enable_preview on",
            never="enable_preview off"),
        "c-icap: an echo is under the path": Live(
            servers={ONE: named("C-ICAP/0.5.10 server - Echo demo service", istag="CI0001-XXXXXXXXX", scan=allow)},
            settings=EICAR, first=("eicar-not-detected", "wrong-service", "proven"), steps="service_uri",
            never="ScanFileTypes|clamd"),
        "symantec-dlp: data loss prevention looks for no viruses": Live(
            servers={ONE: named("Vontu ICAP Service", scan=allow)}, settings=EICAR,
            first=("eicar-not-detected", "data-loss", "proven"), never="c-icap|ScanFileTypes|Kaspersky|FortiSandbox"),
        "e2guardian: uploads are not scanned": Live(
            servers={ONE: named("e2guardian", server="e2guardian", scan=allow)}, settings=EICAR,
            first=("eicar-not-detected", "not-blocking", "likely"), steps="e2guardian",
            never="ScanFileTypes|FortiSandbox|Kaspersky"),
        "kaspersky: only an echo takes REQMOD": Live(
            servers={ONE: named("Echo", refuse=only_at("/echo"), paths=("/echo",))},
            first=("service-not-found", "not-loaded", "likely"), never="/echo"),
    },
    "C": {
        "icapeg: RESPMOD is offered, and REQMOD closed": Live(
            servers={ONE: of("icapeg", offers={"Methods": "RESPMOD"}, around=closes)},
            first=("method-not-allowed", "respmod-path", "likely"), steps="service_uri", never="SSL profile"),
        "opswat: the path is that of RESPMOD, and REQMOD is reset": Live(
            servers={ONE: of("opswat", refuse=reqmod_at("/OMSScanReq-AV", reset=True),
                             paths=("/OMSScanReq-AV", "/avscan"))},
            first=("wrong-service", "paths-mixed-up", "proven"), steps="service_uri", never="SSL profile"),
        "skyhigh: the path is that of RESPMOD, and REQMOD is refused": Live(
            servers={ONE: of("skyhigh", refuse=reqmod_at("/reqmod"), paths=("/reqmod", "/avscan"))},
            first=("wrong-service", "paths-mixed-up", "proven"), steps="service_uri"),
        "netty: RESPMOD is offered, and REQMOD never answered": Live(
            servers={ONE: named("Netty ICAP", offers={"Methods": "RESPMOD"}, around=hangs)}, settings=SHORT,
            first=("method-not-allowed", "respmod-path", "likely"), never="SSL profile"),
    },
    "D": {
        "kaspersky: empty uploads are refused": Live(
            servers={ONE: of("kaspersky", scan=empty_refused)}, probes=["size"], settings={"max_size": 4096},
            first=("tiny-upload-refused", "refuses-by-status", "proven")),
        "kaspersky: empty uploads and those without a length are refused": Live(
            servers={ONE: of("kaspersky", scan=empty_refused, refuse=without_inner_length)},
            probes=["chunked", "size"], settings={"max_size": 4096},
            first=("chunked-upload-refused", "needs-length", "proven"), steps="Allow empty files"),
        "netty: uploads without a length are refused": Live(
            servers={ONE: named("Netty ICAP", refuse=without_inner_length)}, probes=["chunked"],
            first=("chunked-upload-refused", "needs-length", "proven"), steps="Content-Length"),
        "pyicap: a block page follows null-body=0": Live(
            servers={ONE: named("pyicap", scan=decide(infected=page_behind_null_body))}, settings=EICAR,
            first=("malformed-response", "null-body", "proven")),
        "clamav: clamd listens on the port": Live(
            servers={ONE: answers(b"UNKNOWN COMMAND\n")}, first=("not-icap", "clamd", "proven"), steps="c-icap"),
    },
    "E": {
        "sophos: 202 to every scan": Live(
            servers={ONE: of("sophos", scan=status(202, "Accepted"))},
            first=("verdict-unclear", "undefined-status", "proven")),
        "trend-micro: 203 to every scan": Live(
            servers={ONE: of("trend-micro", scan=status(203, "Non-authoritative"))},
            first=("verdict-unclear", "undefined-status", "proven")),
        "bitdefender: 299 to every scan": Live(
            servers={ONE: of("bitdefender", scan=status(299, "Done"))},
            first=("verdict-unclear", "undefined-status", "proven")),
        "avi: an action that nobody knows": Read(
            text=log(entry("ICAP_QUEUED", status=204)), first=("icap-action-unknown", "newer-avi", "possible")),
    },
    "F": {
        "avi: the load balancer's own 413": Read(
            text=b"HTTP/1.1 413 Request Entity Too Large\r\nContent-Type: text/html\r\nContent-Length: 5\r\n"
            b"Server: Avi\r\n\r\n<html", refused="an HTTP response"),
        "squid: its error page": Read(
            text=b"HTTP/1.1 500 Internal Server Error\r\nServer: squid/5.7\r\nX-Squid-Error: ERR_ICAP_FAILURE 0\r\n"
            b"Content-Length: 0\r\n\r\n", refused="a Squid error page"),
        "symantec-dlp: a block page in the answer to REQMOD": Read(
            text=b"REQMOD icap://10.0.0.5:1344/reqmod ICAP/1.0\r\nHost: 10.0.0.5\r\n\r\n"
            b"ICAP/1.0 200 OK\r\nISTag: \"Vontu\"\r\nEncapsulated: res-hdr=0, res-body=47\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n\r\n5\r\n<html\r\n0\r\n\r\n",
            first=("request-blocked", "", ""), never="were not stopped"),
        "c-icap: a request without its response": Read(
            text=b"REQMOD icap://10.0.0.5:1344/avscan ICAP/1.0\r\nHost: 10.0.0.5\r\nAllow: 204\r\n"
            b"Encapsulated: null-body=0\r\n\r\n", refused="without its response"),
        "nginx: a bare 400, which the port may have said": Read(
            text=b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n",
            first=("pasted-not-icap", "other-port", "possible"), severity="warning"),
    },
    "G": {
        "symantec: ICAP 500 names an encrypted archive": Read(
            text=log(entry("ICAP_FAILED", status=500, codes=["ADF_ICAP_SERVER_ERROR"], response_code=500,
                           headers="Service: Symantec Content Analysis 3.1\r\nX-Error-Code: password_protected\r\n")),
            first=("encrypted-upload", "policy", "proven")),
        "bluecoat: ICAP 500 names a type of file": Read(
            text=log(entry("ICAP_FAILED", status=500, codes=["ADF_ICAP_SERVER_ERROR"], response_code=500,
                           headers="Service: Blue Coat ProxyAV\r\nX-Error-Code: file_type_blocked\r\n")),
            first=("blocked-by-list", "", "")),
        "symantec: 539 names the licence": Read(
            text=log(entry("ICAP_FAILED", status=539, codes=["ADF_ICAP_SERVER_ERROR"])),
            first=("scanner-licence", "licence", "proven")),
        "trend-micro: ICAP 403 names a virus": Read(
            text=log(entry("ICAP_FAILED", status=403, codes=["ADF_ICAP_SERVER_ERROR"],
                           headers="Server: InterScan Web Security\r\nX-Virus-ID: Trojan.X\r\n")),
            first=("blocked-with-icap-error", "product-403", "proven")),
        "opswat: blocked, and named as not scanned": Read(
            text=log(answered("ICAP_BLOCKED", "Failed To Scan")), first=("failed-to-scan", "engines", "likely")),
    },
    "H": {
        "c-icap: fail_action is known to be closed": Live(
            servers={ONE: of("c-icap", scan=status(500, "Server error"))}, profile=CLOSED,
            first=("server-error", "engine-down", "likely"), never="pass unscanned until"),
        "opswat: the only member has no others": Live(
            servers={ONE: of("opswat", scan=status(500, "Server error"))},
            first=("server-error", "engine-down", "likely"),
            never="other members (?:remain|take)|Healthy members left"),
        "kaspersky: all members are down": Live(
            servers={"a": None, "b": None},
            first=("tcp-refused", "stopped", "possible"), steps="The pool has no other member",
            never="Healthy members left"),
        "symantec: EICAR in a log is a test that worked": Read(
            text=log(entry("ICAP_BLOCKED", status=200, http_status=403,
                           headers="X-Virus-ID: EICAR Test String\r\nService: Symantec Scan Engine/5.2\r\n")),
            first=("eicar-test", "", ""), severity="info", never="rate"),
        "fortisandbox: a threat that the application refused": Read(
            text=log(entry("ICAP_PASSED", status=204, headers="X-Virus-ID: Bad.Thing", response_code=403)),
            first=("threat-passed-refused", "refused-later", "possible"), never="Find these files in the application"),
    },
    "I": {
        "c-icap: detection was not tested": Live(
            servers={ONE: of("c-icap", scan=allow)}, first=None, not_tested=NOT_TESTED),
        "kaspersky: detection was not tested": Live(
            servers={ONE: of("kaspersky", scan=allow)}, first=None, not_tested=NOT_TESTED),
        "fortisandbox: detection was not tested": Live(
            servers={ONE: of("fortisandbox", scan=allow)}, first=None, not_tested=NOT_TESTED),
        "opswat: EICAR could not be sent where scans fail": Live(
            servers={ONE: of("opswat", scan=status(500, "Server error"))}, settings=EICAR,
            first=("server-error", "engine-down", "likely"),
            not_tested=f"detection at {ONE} (EICAR was not sent"),
    },
    "J": {
        "opswat: fails open, by the export": Exported(
            product="opswat", found={"fails-open": "warning"}),
        "c-icap: a ping as its monitor, and a pool in another cloud": Exported(
            product="c-icap", pool={"health_monitor_refs": ["/api/healthmonitor?name=m"], "cloud_ref": "far"},
            group={"cloud_ref": "far"}, profile={**ALL_CLOSED, "cloud_ref": "near"},
            monitors=[{"name": "m", "type": "HEALTH_MONITOR_PING"}],
            found={"profile-reference-broken": "critical", "health-monitor-unfit": "warning"}),
        "kaspersky: switched off, and its group answers for it": Exported(
            product="kaspersky", pool={"enabled": False}, profile=ALL_CLOSED,
            group={"fail_action": {"type": "FAIL_ACTION_HTTP_LOCAL_RSP"}},
            found={"pool-group-fail-action": "warning", "member-disabled": "info"}),
        "symantec: closed, as the export says": Exported(
            product="symantec", profile=ALL_CLOSED, found={}),
    },
    "K": {
        "c-icap beside opswat: the product before its tag": Live(
            servers={"a": of("c-icap"), "b": of("c-icap"), "c": of("opswat")}, compare=True,
            first=("members-differ-in-product", "two-products", "likely")),
        "symantec beside kaspersky: the product before its tag": Live(
            servers={"a": of("symantec"), "b": of("kaspersky")}, compare=True,
            first=("members-differ-in-product", "two-products", "likely")),
        "c-icap: two backends behind one address": Live(
            servers={ONE: taking_turns("CI0001-9OPRPm4oRCAVcJKwg9DiggAA", "CI0001-L5CkDhq+qWNs+PZ5DxxXsAAA")},
            settings={"count": 20, "pause": 0.0}, first=("istag-changes", "several-backends", "proven")),
        "opswat: each server has a tag of its own": Live(
            servers={name: of("opswat", common=(("ISTag", f'"00160579{number}100"'), METADEFENDER))
                     for number, name in enumerate("abc", start=4)}, compare=True, first=None),
    },
    "L": {
        "c-icap: a form is scanned as one piece": Live(
            servers={ONE: of("c-icap", scan=raw_only)}, settings=EICAR,
            first=("eicar-in-form-passes", "virus-scan-form", "likely"), never="KeepAlive off"),
        "kaspersky: a form is scanned as one piece": Live(
            servers={ONE: of("kaspersky", scan=raw_only)}, settings=EICAR,
            first=("eicar-in-form-passes", "type-not-scanned", "possible"), never="virus_scan"),
        "icapeg: a form is scanned as one piece": Live(
            servers={ONE: of("icapeg", scan=raw_only)}, settings=EICAR,
            first=("eicar-in-form-passes", "type-not-scanned", "possible"), never="virus_scan"),
        "c-icap: the types that Debian leaves out are in the advice": Live(
            servers={ONE: of("c-icap", scan=allow)}, settings=EICAR,
            first=("eicar-not-detected", "pass-on-error", "possible"),
            never="KeepAlive off|divided by the"),
        "c-icap: a log of a server without an engine": Read(
            text=log(entry("ICAP_PASSED", status=204, headers=f'ISTag: "{NO_ENGINE}AA"\r\n')),
            first=("no-engine-loaded", "no-engine", "proven")),
    },
}  # fmt: skip
