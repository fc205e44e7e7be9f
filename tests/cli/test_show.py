"""``icapdiag runbooks show``: a member's values in the commands, and Markdown drawn on a terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icapdiag.cli.runbooks.programs import programs
from icapdiag.pool.hosts import ServerAddress, parse_address
from icapdiag.runbook import load_runbooks
from icapdiag.runbook.placeholders import fill, values
from tests.cli.run import PROGRAM, environment, icapdiag
from tests.examples import examples

PLACEHOLDER = re.compile(r"\{(?:host|port|service_uri|service)\}")
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
NASTY = "/a'b\"c$d`e\\f%g&h?i=j;k(l)!m*n~o|p<q>r{s}"


def test_values_fill_in_the_commands_and_the_prose() -> None:
    status, out, err = icapdiag(
        "runbooks", "show", "bad-request", "--member", "10.0.0.5:1345", "--uri", "/OMSScanReq-AV"
    )
    assert (0, "") == (status, err)
    assert not PLACEHOLDER.search(out)
    assert "printf 'OPTIONS icap://10.0.0.5:1345/OMSScanReq-AV ICAP/1.0\\r\\nHost: 10.0.0.5:1345\\r\\n" in out
    assert "| nc -w 5 10.0.0.5 1345\n" in out
    assert "-s 'OMSScanReq-AV'" in out


def test_programs_that_a_plain_host_may_lack_are_named_with_their_package() -> None:
    text = "Look at `timeout 10 clamdscan --ping 3` and\n\n```sh\nprintf x | nc -w 5 h 1 | xxd\nss -ltn\n```\nin jq"

    assert ["clamdscan", "nc (netcat-openbsd)", "xxd"] == programs(text)
    out = icapdiag("runbooks", "show", "server-error")[1]
    assert "where its name differs: c-icap-client (c-icap), clamdscan, curl.\n" in " ".join(out.split(" "))


def test_without_values_the_placeholders_stay() -> None:
    out = icapdiag("runbooks", "show", "bad-request")[1]
    assert {"{host}", "{port}", "{service_uri}", "{service}"} == {*PLACEHOLDER.findall(out)}
    partly = icapdiag("runbooks", "show", "bad-request", "--uri", "/avscan")[1]
    assert "{host}:{port}/avscan" in partly


def test_a_member_without_a_port_has_icap_s_and_a_url_brings_its_path() -> None:
    assert (
        "nc -w 5 icap.example.com 1344"
        in icapdiag("runbooks", "show", "bad-request", "--member", "icap.example.com")[1]
    )
    out = icapdiag("runbooks", "show", "bad-request", "--member", "icap://10.0.0.5:1346/scan")[1]
    assert "icap://10.0.0.5:1346/scan ICAP/1.0" in out


def test_a_member_with_tls_gets_commands_that_speak_it() -> None:
    shown = icapdiag("runbooks", "show", "bad-request", "--member", "icaps://10.0.0.5:11344/avscan")[1]
    commands = [line for line in shown.splitlines() if line.startswith(("printf 'OPTIONS", "c-icap-client"))]
    assert 2 == len(commands)
    assert commands[0].endswith("| timeout 5 openssl s_client -quiet -connect 10.0.0.5:11344 2>/dev/null")
    assert commands[1].startswith("c-icap-client -tls -tls-no-verify -i 10.0.0.5 -p 11344 -s 'avscan' ")
    compared = icapdiag("runbooks", "show", "tls-on-plain-port", "--member", "icaps://10.0.0.5:1344/avscan")[1]
    assert "| nc -w 5 10.0.0.5 1344\n" in compared


def test_no_runbook_keeps_a_placeholder() -> None:
    known = values(parse_address("10.0.0.5"), "/avscan")
    left = [runbook.id for runbook in load_runbooks().runbooks if PLACEHOLDER.search(fill(runbook.body, known))]
    assert [] == left


@pytest.mark.parametrize(
    "arguments",
    [
        ("--member", "10.0.0.5\x1b[2J"),
        ("--member", "10.0.0.5:70000"),
        ("--member", "a b"),
        ("--uri", "/x\ny"),
        ("--uri", "no-slash"),
        ("--uri", "/x y"),
        ("--uri", "icap://h/x"),
    ],
)
def test_what_can_t_stand_in_a_command_is_2(arguments: tuple[str, str]) -> None:
    status, out, err = icapdiag("runbooks", "show", "bad-request", *arguments)
    assert (2, "") == (status, out)
    assert "\x1b" not in err


def test_an_ipv6_address_has_brackets_only_with_a_port() -> None:
    known = values(ServerAddress("2001:db8::1"), None)
    text = fill(
        "```sh\nnc {host} {port}; openssl s_client -connect {host}:{port}; x 'icap://{host}:{port}/'\n```", known
    )
    assert "nc 2001:db8::1 1344; openssl s_client -connect '[2001:db8::1]':1344; x 'icap://[2001:db8::1]:1344/'" in text


CONTEXTS = [
    "printf '%s' icap://h{service_uri}",
    "printf '%s' 'icap://h{service_uri}'",
    'printf %s "icap://h{service_uri}"',
    "printf 'icap://h{service_uri}'",
    "sh -c \"printf 'icap://h{service_uri}'\"",
    'for s in icap://h{service_uri}; do printf %s "$s"; done',
]


def ran(context: str, uri: str) -> str:
    filled = fill(f"```sh\n{context}\n```", {"service_uri": uri}).split("\n")[1]
    return subprocess.run(["bash", "-c", filled], capture_output=True, text=True, timeout=10, check=True).stdout


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_shell_reads_the_value_that_was_given(context: str) -> None:
    assert f"icap://h{NASTY}" == ran(context, NASTY)


@settings(max_examples=examples(40))
@given(context=st.sampled_from(CONTEXTS), uri=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12))
def test_whatever_it_is(context: str, uri: str) -> None:
    assert f"icap://h/{uri}" == ran(context, f"/{uri}")


# On a terminal.


def on_terminal(*arguments: str, rows: int = 24, **more: str) -> str:
    """What the program writes to a terminal that is both its stdin and its stdout."""
    master, slave = pty.openpty()
    size = {"LINES": str(rows), "COLUMNS": "80"}
    process = subprocess.Popen(
        [*PROGRAM, *arguments], stdin=slave, stdout=slave, stderr=subprocess.PIPE, env=environment({**size, **more})
    )
    os.close(slave)
    chunks: list[bytes] = []

    def read() -> None:
        while True:
            try:
                data = os.read(master, 65536)
            except OSError:
                return
            if not data:
                return
            chunks.append(data)

    reader = threading.Thread(target=read)
    reader.start()
    assert process.stderr is not None
    errors = process.stderr.read()
    process.stderr.close()
    assert 0 == process.wait(timeout=30)
    reader.join(timeout=10)
    os.close(master)
    assert b"" == errors
    return b"".join(chunks).decode().replace("\r\n", "\n")


def test_it_is_drawn_and_its_commands_stay_on_one_line() -> None:
    shown = on_terminal("runbooks", "show", "bad-request", "--member", "10.0.0.5", rows=1000)
    plain = ESCAPE.sub("", shown)

    assert "\x1b[" in shown
    assert "## " not in plain
    commands = [line for line in icapdiag("runbooks", "show", "bad-request", "--member", "10.0.0.5")[1].splitlines()
                if line.startswith("printf ")]  # fmt: skip
    assert commands
    assert [] == [command for command in commands if command not in {line.rstrip() for line in plain.splitlines()}]


def test_what_is_longer_than_the_screen_is_paged(tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho paged\nexec cat\n")
    pager.chmod(0o755)

    assert on_terminal("runbooks", "show", "bad-request", PAGER=str(pager)).startswith("paged\n")
    assert not on_terminal("runbooks", "show", "bad-request", rows=1000, PAGER=str(pager)).startswith("paged\n")
    assert "Causes" in on_terminal("runbooks", "show", "bad-request", PAGER="/nowhere/pager")


def test_no_colour_is_kept(tmp_path: Path) -> None:
    shown = on_terminal("runbooks", "show", "bad-request", rows=1000, NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", shown)


def test_piped_it_is_plain_markdown() -> None:
    out = icapdiag("runbooks", "show", "bad-request")[1]
    assert "\x1b" not in out
    assert out.startswith("# ICAP server rejects requests as malformed (400)\n")
