"""What a file is that a command was given by mistake, from its first bytes, and which command or export is right."""

from __future__ import annotations

import re
from typing import NamedTuple

LOOKED_AT = 1 << 16  # bytes
LOG_COMMAND = "icapdiag explain"
POOL_COMMAND = "icapdiag check"
LINT_COMMAND = "icapdiag lint"


class Recognised(NamedTuple):
    """``what`` with its article. ``instead`` is what to do; ``{file}`` stands for the file's name."""

    what: str
    instead: str

    def said(self, file: str) -> str:
        """Both as one message about ``file``."""
        return f"{file}: this is {self.what}: {self.instead.format(file=file)}"


EXPORT = (
    "export the virtual service's own log (Applications > Virtual Services > NAME > Logs), "
    "or GET /api/analytics/logs?type=1&virtualservice=UUID"
)

# From the most telling mark to the weakest: the first that is found decides. Avi's own log entries come first, as an
# entry can hold anything else as text; what is only a line's shape (access logs) comes last.
_MARKS = (
    (rb'"event_id"\s*:', "a list of the Controller's events", EXPORT),
    (rb'"(?:icap_log|request_logs|report_timestamp|significant_log)"\s*:', "an Avi log", f"{LOG_COMMAND} {{file}}"),
    (rb"\AICAP/1\.\d \d{3}", "an ICAP response", f"{LOG_COMMAND} {{file}}"),
    (rb'"schema_version"\s*:', "a report saved by icapdiag", "icapdiag report render {file}"),
    (rb'"(?:IcapProfile|PoolGroup|VirtualService|Pool)"\s*:\s*\[', "an Avi configuration export",
     f"{LINT_COMMAND} {{file}}, or {POOL_COMMAND} {{file}} to test its servers"),
    (rb'^resource[ \t]+"avi_', "a Terraform configuration",
     "write its values as JSON: terraform show -json > values.json"),
    (rb"^kind:[ \t]+(?:HostRule|L7Rule)\b", "an AKO rule", f"{LINT_COMMAND} {{file}}"),
    (rb"\A---\r?\nid:\s", "a runbook", "icapdiag runbooks lint --runbooks DIR"),
    (rb"^[ \t]*service_uri[ \t]*:", "a pool file", f"{POOL_COMMAND} {{file}}"),
    (rb"~[0-9a-f]{6}\.\d{1,6}\.0:f=", "the output of icapdiag's script for Service Engines", f"{LOG_COMMAND} {{file}}"),
    (rb"\A(?:\xd4\xc3\xb2\xa1|\xa1\xb2\xc3\xd4|\x4d\x3c\xb2\xa1|\xa1\xb2\x3c\x4d|\x0a\x0d\x0d\x0a)",
     "a packet capture", f"{LOG_COMMAND} {{file}}"),
    (rb"\APK\x03\x04", "a ZIP archive", "unpack it and name the files inside"),
    (rb"\A(?:7z\xbc\xaf|\xfd7zXZ|BZh|\x04\x22\x4d\x18)", "a compressed file or archive", "unpack it first"),
    (rb"\A[^\n]{0,300}haproxy\[\d+\]", "a log of HAProxy", EXPORT),
    (rb"\A\d{9,11}\.\d{3} +\d+ \S+ NONE_NONE/\d{3} \d+ (?:-|POST|PUT|PATCH|GET|HEAD) ",
     "a log of Squid without anything about ICAP", "give the format after the file: icap_log stdio:FILE icap_squid"),
    (rb"\A\d{9,11}\.\d{3} +\d+ \S+ [A-Z_]+/\d{3} ", "an access log of Squid", EXPORT),
    (rb"\A[^\n]{0,120} -> [^\n]{1,300}: (?:[^\n]* FOUND|OK)$|\A[^\n]{0,120}clamd\[\d+\]", "a log of clamd", EXPORT),
    (rb'\A\S+ \S+ \S+ \[[^]\n]{10,40}\] "[A-Z]+ [^"\n]*" \d{3} ', "a web server's access log (nginx, Apache)", EXPORT),
)  # fmt: skip
_TABLE = tuple((re.compile(mark, re.MULTILINE), Recognised(what, instead)) for mark, what, instead in _MARKS)


def recognised(head: bytes) -> Recognised | None:
    """What begins with these bytes (at most `LOOKED_AT` are looked at); None for anything unknown."""
    head = head[:LOOKED_AT]
    return next((found for mark, found in _TABLE if mark.search(head)), None)
