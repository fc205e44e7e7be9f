"""The script's text: nothing in a pool is run, nothing is EICAR, and shellcheck has nothing to say."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icapdiag.api.se_script import ScriptError, se_script
from icapdiag.icap.samples import eicar
from icapdiag.pool import loads_pool
from icapdiag.script.plan import Plan, Target, connections, decode_plan, encode_plan, steps
from icapdiag.script.writing import commented, quoted, script

POOL = """\
pool: it's $(touch /tmp/x) `id`
profile: {service_uri: "/av'scan?a=$(id)&b=%n", preview_size: 10}
members:
  - {host: 192.0.2.1, name: "'; reboot; '"}
  - {host: "2001:db8::1", port: 11344, tls: {server_name: icap.example.com}}
"""
# Every line that is not one of the fixed functions: no word in it is anything but data.
_WORD = r"'[^'\n!]*'"
_SHAPES = re.compile(
    rf"#!/usr/bin/env bash|# shellcheck disable=SC2317 # functions are called by name"
    rf"|# [A-Za-z0-9 .,:;/_\[\]()@%+=-]*|#||\(|\)|icapdiag_main|\}}|  :"
    rf"|icapdiag_(?:netns|plan)={_WORD}|icapdiag_(?:connect|most|targets)=\d+"
    rf"|icapdiag_target_\d+\(\) \{{"
    rf"|  icapdiag_m=\d+ icapdiag_tcp='' icapdiag_options='' icapdiag_clean='' icapdiag_eicar=''"
    rf"|  icapdiag_address={_WORD} icapdiag_port=\d+|  icapdiag_where={_WORD}"
    rf"|  icapdiag_tls=\(\) icapdiag_checks=\(\) icapdiag_authorities=''|  icapdiag_authorities={_WORD}"
    rf"|  icapdiag_tls=\(-connect {_WORD}\)|  icapdiag_tls\+=\((?:-servername {_WORD}|-noservername)\)"
    rf"|  icapdiag_checks=\(-verify_(?:hostname|ip) {_WORD}\)"
    rf"|  icapdiag_step [a-z0-9-]+ [a-z-]+ \d+ (?:\\|'' '')|    {_WORD}(?: \\)?"
)


def made(pool: str = POOL, *, netns: str = "", send_eicar: bool = False) -> str:
    return se_script(loads_pool(pool.encode(), Path("pool.yaml")), netns=netns, eicar=send_eicar)


def own_lines(text: str) -> list[str]:
    """Those that were made for this pool."""
    head, _, rest = text.partition("\nif [[ ${BASH_VERSION")
    _, _, rest = rest.partition("\nfi\n")
    constants, _, rest = rest.partition("\n# One line of the output.")
    _, _, functions = rest.partition("printf '# not run in the namespace %s\\n' \"$icapdiag_netns\"\n}\n")
    assert constants
    assert functions
    return [*head.splitlines(), *constants.splitlines(), *functions.splitlines()]


@given(st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_a_word_is_the_same_bytes_again_for_printf_and_nothing_else(data: bytes) -> None:
    data = data.replace(b"\0", b"")

    done = subprocess.run(["bash", "-c", f"printf '%b' {quoted(data)}"], capture_output=True, check=False)

    assert (0, data, b"") == (done.returncode, done.stdout, done.stderr)


@given(
    st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40),
    st.text(max_size=20),
)  # fmt: skip
@settings(max_examples=50, deadline=None)
def test_whatever_a_pool_holds_is_data(name: str, pool: str, path: str, server_name: str) -> None:
    target = Target(member=name, host=name, port=1344, address="192.0.2.1", tls=True, server_name=server_name)
    service_uri = "/" + path.encode("ascii", "ignore").decode("ascii").replace("\r", "").replace("\n", "")
    plan = Plan(
        version="1", pool=pool, service_uri=service_uri, correlation_id="icapdiag-0", eicar=True, targets=(target,)
    )

    text = script(plan)

    assert [] == [line for line in own_lines(text) if not _SHAPES.fullmatch(line)]
    assert plan == decode_plan(encode_plan(plan))


@given(st.text(max_size=80))
def test_a_comment_is_one_line_without_anything_special(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9 .,:;/_\[\]()@%+=-]*", commented(text))


def test_an_address_that_is_none_is_not_written() -> None:
    target = Target(member="a", host="a", port=1344, address="1.2.3.4'; id; '")

    with pytest.raises(ValueError, match="is not an address"):
        script(Plan(version="1", pool="p", service_uri="/a", targets=(target,)))


def test_a_namespace_is_a_plain_name() -> None:
    assert "icapdiag_netns='avi_ns1'" in made(netns="avi_ns1")
    with pytest.raises(ScriptError, match="not the name of a network namespace"):
        made(netns="avi; reboot")


def test_a_pool_without_members_that_are_enabled_gives_no_script() -> None:
    with pytest.raises(ScriptError, match="no member of this pool is enabled"):
        made("pool: a\nprofile: {service_uri: /a}\nmembers:\n  - {host: 192.0.2.1, enabled: false}\n")


def test_eicar_is_sent_only_if_asked_for_and_is_nowhere_readable() -> None:
    with_it, without = made(send_eicar=True), made()

    assert "icapdiag_step eicar " in with_it
    assert "icapdiag_step eicar" not in without
    assert "No virus." in without
    for text in (with_it, without):
        assert eicar().decode() not in text
        assert eicar()[:40].decode() not in text


def test_what_it_announces_is_what_it_may_send() -> None:
    pool = loads_pool(POOL.encode(), Path("pool.yaml"))
    text = se_script(pool, eicar=True)
    sent = len(re.findall(r"^  icapdiag_step ", text, re.MULTILINE))
    always = len(re.findall(r"^  icapdiag_step \S+ (?:always|answered|connected|clean|detected) ", text, re.MULTILINE))

    assert f"Connections: {always} if nothing is refused, never more than {sent}, one at a time." in text


def test_its_first_lines_say_what_the_vendor_says() -> None:
    head = made()[:3000]

    assert "Avi calls checks from the shell of a Service Engine unreliable" in head
    assert "Operations - Traffic Capture" in head


def test_the_plan_gives_the_requests_again() -> None:
    target = Target(member="a", host="a", port=1344, address="192.0.2.1")
    plan = Plan(version="1", pool="p", service_uri="/a", eicar=True, preview_size=10, targets=(target,))

    assert list(steps(plan, target)) == list(steps(decode_plan(encode_plan(plan)), target))
    assert (4, 25) == (connections(plan)[0], min(25, connections(plan)[1]))


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
@pytest.mark.parametrize("send_eicar", [False, True])
def test_shellcheck_is_content(send_eicar: bool) -> None:
    text = made(netns="avi_ns1", send_eicar=send_eicar)

    done = subprocess.run(["shellcheck", "-s", "bash", "-"], input=text, capture_output=True, text=True, check=False)

    assert "" == done.stdout
    assert 0 == done.returncode
