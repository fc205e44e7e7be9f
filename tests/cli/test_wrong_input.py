"""What people get wrong: pool files, files for another command, usage. Each message names the fault and the way out."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.cli.run import icapdiag

HEAD = "service_uri: /x\n"
MEMBER = "members: [10.0.0.1]\n"
# What is written, where it is wrong (line and column), the fault, and what to write instead.
POOL_FILES = {
    "a tab": (f"{HEAD}members:\n\t- 10.0.0.1\n", "3:1", "cannot start any token", "indent with spaces"),
    "a list that is not closed": (f"{HEAD}members: [10.0.0.1\n", "3:1", "flow sequence", "line 2"),
    "a quote that is not closed": (f"service_uri: '/x\n{MEMBER}", "3:1", "quoted scalar", "line 1"),
    "no space after a colon": (f"service_uri:/x\n{MEMBER}", "2:8", "not YAML", "a space after each key's ':'"),
    "no space after host:": (f"{HEAD}members:\n  - host:10.0.0.1\n", "3:5", "'10.0.0.1' is not a number", "1 to 65535"),
    "no members": (HEAD, "1:1", "members: missing", "members: [address, …]"),
    "an empty list of members": (f"{HEAD}members: []\n", "2:10", "the list is empty", "at least one member"),
    "members that are no list": (f"{HEAD}members: 10.0.0.1\n", "2:10", "a single value", "write a list, such as"),
    "no service": (MEMBER, "1:1", "service_uri: missing", "service_uri: /OMSScanReq-AV"),
    "IPv6 with a port": (f"{HEAD}members: ['2001:db8::1:1344']\n", "2:11", "is 1344 the port?", "[2001:db8::1]:1344"),
    "IPv6 with the TLS port": (
        f"{HEAD}members: ['2001:db8::1:11344']\n",
        "2:11",
        "is not an IPv6",
        "[2001:db8::1]:1344",
    ),
    "a port too high": (f"{HEAD}members: ['10.0.0.1:70000']\n", "2:11", "out of range", "1 to 65535"),
    "a port in words": (f"{HEAD}members: ['10.0.0.1:icap']\n", "2:11", "'icap' is not a number", "1 to 65535"),
    "an address too high": (f"{HEAD}members: [10.0.0.256]\n", "2:11", "is not an IPv4 address", "0 to 255"),
    "half an address": (f"{HEAD}members: [10.0.0]\n", "2:11", "is not an IPv4 address", "four numbers"),
    "a range": (f"{HEAD}members: [10.0.0.1-10.0.0.5]\n", "2:11", "is not a host name", "IPv4 address"),
    "a network": (f"{HEAD}members: [10.0.0.0/24]\n", "2:11", "a slash", "one member each"),
    "a space in a name": (f"{HEAD}members: ['icap 1']\n", "2:11", "contains a space", "remove it"),
    "a setting at the top": (
        f"{HEAD}fail_action: ICAP_FAIL_OPEN\n{MEMBER}",
        "2:1",
        "fail_action",
        "put it under profile:",
    ),
    "members in the profile": (f"{HEAD}profile: {{{MEMBER.strip()}}}\n", "2:11", "unknown key", "at the top level"),
    "half an enum": (
        f"profile: {{service_uri: /x, fail_action: open}}\n{MEMBER}",
        "1:41",
        "not known",
        "'ICAP_FAIL_OPEN'",
    ),
    "a vendor": (
        f"profile: {{service_uri: /x, vendor: OPSWAT}}\n{MEMBER}",
        "1:36",
        "not known",
        "'ICAP_VENDOR_OPSWAT'",
    ),
    "a size with its unit": (
        f"profile: {{service_uri: /x, preview_size: 5KB}}\n{MEMBER}",
        "1:42",
        "5KB",
        "0 to 5000 (bytes)",
    ),
    "a time with its unit": (f"profile: {{service_uri: /x, response_timeout: 60s}}\n{MEMBER}", "1:46", "60s", "(ms)"),
    "a misspelt key": (f"service_url: /x\n{MEMBER}", "1:1", "unknown key", "did you mean 'service_uri'?"),
    "another name for a key": (f"{HEAD}hosts: [10.0.0.1]\n", "2:1", "unknown key", "did you mean 'members'?"),
    "a member twice": (f"{HEAD}members: [10.0.0.1, '10.0.0.1:1344']\n", "2:21", "already, in line 2", "delete one"),
    "a key twice": (f"{HEAD}{MEMBER}members: [10.0.0.2]\n", "3:1", "written twice", "delete one"),
    "maybe": (
        f"{HEAD}members: [{{host: a, enabled: maybe}}]\n",
        "2:29",
        "neither true nor false",
        "write true or false",
    ),
    "a file that is not there": (
        f"{HEAD}members: [{{host: a, tls: {{ca_file: ca.pem}}}}]\n",
        "2:36",
        "does not exist",
        "relative to the pool file",
    ),
    "TLS in a word": (f"{HEAD}members: [{{host: a, tls: icaps}}]\n", "2:25", "not a TLS setting", "true, false"),
    "two services": (f"{HEAD}members: ['icap://10.0.0.1/y']\n", "2:11", "belongs to the whole pool", "service_uri"),
    "HTTP": (f"{HEAD}members: ['http://10.0.0.1/x']\n", "2:11", "not an ICAP URL", "icap://host:port/service"),
    "a URL as the service": (f"service_uri: icap://10.0.0.1/x\n{MEMBER}", "1:14", "whole URL", "write '/x'"),
    "an unknown sample": (f"{HEAD}samples: [virus]\n{MEMBER}", "2:10", "not a sample", "[clean, eicar]"),
    "a word that YAML reads": (f"{HEAD}pool: no\n{MEMBER}", "2:7", "read by YAML as false", 'in quotes, "no"'),
    "an alias": (f"a: &a b\n{HEAD}members: [*a]\n", "3:11", "no anchors and aliases", "write the value out"),
    "two documents": (f"{HEAD}{MEMBER}---\n{HEAD}", "3:1", "a second document", "delete from the line"),
    "a list only": ("- 10.0.0.1\n", "1:1", "a list here", "service_uri: /… and members: […]"),
    "an unknown finding": (
        f"{HEAD}{MEMBER}suppressions: [{{finding: nonsense, reason: x, owner: y, until: 2027-01-01}}]\n",
        "3:26",
        "no runbook 'nonsense'",
        "icapdiag runbooks list",
    ),
}

ENTRY = b'{"icap_log": {"action": "ICAP_FAILED"}, "report_timestamp": "2026-01-01T00:00:00Z"}\n'
WEB = b'10.0.0.1 - - [29/Nov/2026:10:00:00 +0000] "POST /upload HTTP/1.1" 500 12 "-" "curl/8"\n' * 20
EXPORT = b'{"Pool": [{"name": "p"}], "IcapProfile": [{"name": "i"}]}'
VIRTUAL_SERVICES = "Applications > Virtual Services > NAME > Logs"
# The command that it is given to, its bytes, what it is, and the way out.
FILES = {
    "nginx.log": ("explain", WEB, "a web server's access log", VIRTUAL_SERVICES),
    "haproxy.log": (
        "explain",
        b"Nov 29 10:00:00 lb haproxy[12]: 10.0.0.1:5 [x] fe be/s1 0/0\n",
        "HAProxy",
        VIRTUAL_SERVICES,
    ),
    "squid.log": (
        "explain",
        b"1669716000.123  120 10.0.0.1 TCP_MISS/500 4012 POST http://a/ - x\n",
        "Squid",
        VIRTUAL_SERVICES,
    ),
    "clamd.log": (
        "explain",
        b"Tue Nov 29 10:00:00 2026 -> instream(local): X FOUND\n",
        "a log of clamd",
        VIRTUAL_SERVICES,
    ),
    "pool.yaml": ("explain", (HEAD + MEMBER).encode(), "a pool file", "icapdiag check pool.yaml"),
    "export.json": ("explain", EXPORT, "an Avi configuration export", "icapdiag check export.json"),
    "report.json": (
        "explain",
        b'{"schema_version": 1}',
        "a report saved by icapdiag",
        "icapdiag report render report.json",
    ),
    "events.json": ("explain", b'{"results": [{"event_id": "VS_UP"}]}', "the Controller's events", VIRTUAL_SERVICES),
    "upload.pcap": (
        "check",
        b"\xd4\xc3\xb2\xa1" + struct.pack("<HHIIII", 2, 4, 0, 0, 65535, 1),
        "a packet capture",
        "icapdiag explain upload.pcap",
    ),
    "logs.zip": ("explain", b"PK\x03\x04" + bytes(40), "a ZIP archive", "unpack it"),
    "runbook.md": ("explain", b"---\nid: x\n---\n", "a runbook", "icapdiag runbooks lint"),
    "log.json": ("check", ENTRY, "an Avi log", "icapdiag explain log.json"),
    "log.jsonl": ("check", ENTRY * 3, "an Avi log", "icapdiag explain log.jsonl"),
    "answer.txt": ("check", b"ICAP/1.0 204 No Content\r\n\r\n", "an ICAP response", "icapdiag explain answer.txt"),
    "saved.json": (
        "check",
        b'{"schema_version": 1}',
        "a report saved by icapdiag",
        "icapdiag report render saved.json",
    ),
    "access.log": ("check", WEB, "a web server's access log", VIRTUAL_SERVICES),
}

USAGES = (
    ("chek pool.yaml", "No such command 'chek'", "Did you mean 'check'?"),
    ("check", "POOL_OR_URL", "give a pool file, one or more ICAP URLs, or --lab"),
    ("check --eicr icap://h/x", "No such option: --eicr", "--eicar"),
    ("check 10.0.0.1", "no such file", "icap://10.0.0.1/SERVICE"),
    ("check 10.0.0.1:1344/avscan", "no such file", "icap://10.0.0.1:1344/avscan\n"),
    ("check icap://h/x pool.yaml", "a pool file and URLs", "can't be mixed"),
    ("check icap://h/x --depth full", "'full'", "deep"),
    ("check icap://h/x --count 0", "--count", "1<=x<=100"),
    ("check icap://h/x --timeout -1", "--timeout", "above 0"),
    ("check icap://h/x -o pdf", "'pdf'", "html"),
    ("check icap://h/x --only eicar", "test virus", "--eicar"),
    ("explain log.json --since yesterday", "'yesterday' is not a time", "2h, 1d"),
    ("explain log.json --action ok", "'ok'", "failed"),
    ("runbooks show tcp-refusd", "tcp-refusd", "tcp-refused"),
    ("report render nowhere.json", "nowhere.json", "No such file"),
)  # fmt: skip


@pytest.mark.parametrize("name", POOL_FILES)
def test_a_mistake_in_a_pool_file(name: str, tmp_path: Path) -> None:
    text, place, fault, way_out = POOL_FILES[name]
    (tmp_path / "pool.yaml").write_text(text, "utf-8")
    status, out, err = icapdiag("check", "pool.yaml", "--plan", cwd=tmp_path)
    assert (2, "") == (status, out)
    line = next((each for each in err.splitlines() if each.startswith(f"pool.yaml:{place}: ")), err)
    assert (True, True) == (fault in line, way_out in line), line


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_for_something_else(name: str, tmp_path: Path) -> None:
    command, data, what, way_out = FILES[name]
    (tmp_path / name).write_bytes(data)
    status, out, err = icapdiag(command, name, cwd=tmp_path)
    assert (2, "", 1) == (status, out, len(err.splitlines()))
    assert (True, True, True) == (err.startswith("icapdiag: "), what in err, way_out in err), err
    assert f"{name}: this is " in err


@pytest.mark.parametrize(("arguments", "fault", "way_out"), USAGES)
def test_a_wrong_usage(arguments: str, fault: str, way_out: str, tmp_path: Path) -> None:
    status, out, err = icapdiag(*arguments.split(), cwd=tmp_path)
    assert (2, "") == (status, out)
    assert (True, True, True) == (err.startswith("icapdiag: "), fault in err, way_out in err), err
