"""Which programs the commands of a runbook need that a plain host may lack."""

from __future__ import annotations

import re

_PACKAGES = {  # Debian's
    "7z": "7zip",
    "c-icap-client": "c-icap",
    "chronyc": "chrony",
    "clamdscan": "clamdscan",
    "clamdtop": "clamav-daemon",
    "curl": "curl",
    "dig": "bind9-dnsutils",
    "file": "file",
    "gdb": "gdb",
    "iperf3": "iperf3",
    "jq": "jq",
    "mtr": "mtr-tiny",
    "nc": "netcat-openbsd",
    "ntpq": "ntpsec",
    "sigtool": "clamav",
    "tcpdump": "tcpdump",
    "traceroute": "traceroute",
    "unzip": "unzip",
    "xxd": "xxd",
    "yara": "yara",
    "zip": "zip",
}
_CODE = re.compile(r"^```sh\n(.*?)^```|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
_BEFORE = r"(?:^|[|;&({]|\b(?:do|then|time|timeout \d+)\b) *"  # what stands in front of a program
_PROGRAM = re.compile(rf"{_BEFORE}({'|'.join(map(re.escape, _PACKAGES))})(?= |$)", re.MULTILINE)


def programs(text: str) -> list[str]:
    """The programs in the code of a Markdown text, each with its package if that has another name."""
    code = "\n".join(block or words for block, words in _CODE.findall(f"{text}\n"))
    found = sorted({*_PROGRAM.findall(code)})
    return [name if _PACKAGES[name] == name else f"{name} ({_PACKAGES[name]})" for name in found]
