"""The health monitor's text and its object for Avi's API: nothing in a pool is run, nothing is EICAR."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from icapdiag.api.avi_monitor import avi_monitor
from icapdiag.api.se_script import ScriptError
from icapdiag.icap.header_table import HEADERS
from icapdiag.icap.samples import eicar
from icapdiag.pool import TLS, loads_pool
from icapdiag.script.monitoring import Monitor, health_monitor, monitor_script
from icapdiag.script.plan import Plan, Target
from tests.icap.test_dialect_words import WORDS

SCHEMA = Path(__file__).parents[1] / "data" / "avi-schema.csv"
POOL = """\
pool: it's $(touch /tmp/x) `id`
profile: {service_uri: "/av'scan?a=$(id)&b=%n", preview_size: 10}
members:
  - {host: 192.0.2.1, name: "'; reboot; '"}
  - {host: "2001:db8::1", port: 11344}
"""
_WORD = r"'[^'\n!]*'"
# Every line that is made for a pool: no word in it is anything but data.
_SHAPES = re.compile(
    rf"#!/bin/bash|# [A-Za-z0-9 .,:;/_\[\]()@%+=-]*|#||\}}|scan\(\) \{{|  return 0"
    rf"|no_threat=.*|(?:named|present|refused|rated|described)_by='[A-Za-z|-]+'|\w+=\(|\)|  {_WORD} [a-z]+"
    rf"|printf -v (?:clean|virus) '%b' {_WORD}|tls=\(\) authorities=''|authorities={_WORD}"
    rf"|tls=\((?:-servername {_WORD}|-noservername)\)|tls\+=\(-verify_return_error\)"
    rf"|tls\+=\(-verify_(?:hostname|ip) (?:{_WORD}|\"\$\{{address%%\\%\*\}}\")\)"
    rf"|  \( (?:asks_options|passes_clean|stops_eicar EICAR|stops_eicar 'EICAR in a form') \\"
    rf"|    {_WORD}\"\$where\"{_WORD}\"\$where\"{_WORD} \\|    {_WORD} \) \|\| return 1"
    r"|if \[\[ ! \$address =~ .*|  silent 'give the address and the port of a server'|  exit 2|fi"
    r"|within \d+ \|\| exit 1|printf '%s scans\\n' \"\$where\""
)


def monitor_of(
    text: str = POOL,
    *,
    member: str | None = None,
    eicar: bool = False,
    receive_timeout: int = 4,
    send_interval: int = 10,
) -> Monitor:
    pool = loads_pool(text.encode(), Path("pool.yaml"))
    return avi_monitor(pool, member=member, eicar=eicar, receive_timeout=receive_timeout, send_interval=send_interval)


def own_lines(text: str) -> list[str]:
    """Those that were made for this pool."""
    head, _, rest = text.partition('\n[ -n "${ICAPDIAG_WHY')
    _, _, rest = rest.partition("\nno_threat=")
    made, _, rest = rest.partition("\n# Why it prints nothing")
    _, _, functions = rest.partition("\n# Whether the server scans.")
    assert made
    assert functions
    return [*head.splitlines(), *f"no_threat={made}".splitlines(), *functions.splitlines()[1:]]


_NAMES = st.one_of(st.text(max_size=20), st.ip_addresses().map(str), st.just("icap.example.com"))


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40), _NAMES, st.text(max_size=20))
@settings(max_examples=60, deadline=None)
def test_whatever_a_pool_holds_is_data(pool: str, path: str, server_name: str, authorities: str) -> None:
    names = (server_name,) if server_name else ()
    target = Target(member="a", host="a", port=1344, tls=True, server_name=server_name, names=names)
    service_uri = "/" + path.encode("ascii", "ignore").decode("ascii").replace("\r", "").replace("\n", "")
    plan = Plan(version="1", pool=pool, service_uri=service_uri, eicar=True)
    monitor = Monitor(plan=plan, target=target, authorities=authorities)
    if not re.fullmatch(r"[0-9A-Za-z.:%_\[\]-]*", server_name):  # no certificate is for such a name
        with pytest.raises(ValueError, match="is not an address"):
            monitor_script(monitor)
        return

    text = monitor_script(monitor)

    assert [] == [line for line in own_lines(text) if not _SHAPES.fullmatch(line)]


def test_eicar_is_sent_only_if_asked_for_and_is_nowhere_readable() -> None:
    with_it, without = monitor_of(eicar=True), monitor_of(POOL + "samples: [clean, eicar]\n")

    assert "  ( stops_eicar EICAR " in monitor_script(with_it)
    assert "  ( stops_eicar" not in monitor_script(without)
    for monitor in (with_it, without):
        written = monitor_script(monitor) + json.dumps(health_monitor(monitor, "a"))
        assert eicar().decode() not in written
        assert eicar()[:40].decode() not in written


def _fields(of: str) -> Iterator[dict[str, str]]:
    with SCHEMA.open(newline="", encoding="utf-8") as lines:
        yield from (row for row in csv.DictReader(lines) if row["object"] == of)


def test_the_object_has_the_fields_and_ranges_of_avi() -> None:
    made = health_monitor(monitor_of(), "icap")
    fields = {row["field"]: row for row in _fields("HealthMonitor")}
    external = made["external_monitor"]
    assert isinstance(external, dict)

    assert set(made) <= set(fields)
    assert str(made["type"]) in fields["type"]["enum"].split()
    for name in ("send_interval", "receive_timeout", "successful_checks", "failed_checks"):
        assert fields[name]["default"] == str(made[name])
    assert {row["field"] for row in _fields("HealthMonitorExternal") if "required" in row.values()} == set(external)
    assert monitor_script(monitor_of()) == external["command_code"]


def test_a_longer_check_has_a_longer_limit() -> None:
    text = monitor_script(monitor_of(receive_timeout=20, send_interval=30))

    assert "\nwithin 19500 || exit 1\n" in text
    assert "Send Interval 30, Receive Timeout 20" in " ".join(text.replace("\n#", " ").split())
    with pytest.raises(ScriptError, match=r"receive timeout \(10 s\) must be less than the send interval \(10 s\)"):
        monitor_of(receive_timeout=10, send_interval=10)


@pytest.mark.parametrize(
    ("fail_action", "words"),
    [
        ("", "fail_action of the ICAP profile decides: by Avi default (ICAP_FAIL_OPEN) all uploads pass unscanned"),
        ("ICAP_FAIL_OPEN", "all uploads pass unscanned (fail_action of the ICAP profile is ICAP_FAIL_OPEN)"),
        ("ICAP_FAIL_CLOSED", "all uploads are refused (fail_action of the ICAP profile is ICAP_FAIL_CLOSED)"),
    ],
)
def test_it_says_what_happens_if_it_is_wrong(fail_action: str, words: str) -> None:
    stated = f", fail_action: {fail_action}" if fail_action else ""
    text = monitor_script(monitor_of(f"profile: {{service_uri: /a{stated}}}\nmembers: [192.0.2.1]\n"))

    assert f"With all servers down the pool is down, and {words}." in " ".join(text.replace("\n#", " ").split())


TLS_POOL = """\
service_uri: /avscan
members:
  - {host: 192.0.2.1, name: a, tls: {verify: false}}
  - {host: 192.0.2.2, name: b, tls: {verify: false}}
  - {host: 192.0.2.3, name: c, tls: {server_name: icap.example.com}}
"""


def test_members_with_other_tls_settings_need_a_choice() -> None:
    with pytest.raises(ScriptError, match=r"the TLS settings of c differ from those of a, .* --member NAME"):
        monitor_of(TLS_POOL)
    with pytest.raises(ScriptError, match="this pool has no member 'd'; it has a, b, c"):
        monitor_of(TLS_POOL, member="d")

    assert "tls=(-noservername)\n\n" in monitor_script(monitor_of(TLS_POOL, member="b"))
    checked = monitor_script(monitor_of(TLS_POOL, member="c"))
    assert "tls=(-servername 'icap.example.com')\n" in checked
    assert "tls+=(-verify_hostname 'icap.example.com')\n" in checked


def test_the_certificate_of_each_member_must_be_for_its_own_address() -> None:
    text = monitor_script(monitor_of("service_uri: /a\ntls: {verify: true}\nmembers: [192.0.2.1, 192.0.2.2]\n"))

    assert 'tls+=(-verify_ip "${address%%\\%*}")\n' in text
    assert "# Certificates are checked with the authorities that the Service Engine itself trusts." in text


def test_of_several_names_none_is_checked() -> None:
    pool = loads_pool(b"service_uri: /a\ntls: {verify: true}\nmembers: [192.0.2.1]\n", Path("pool.yaml"))
    [member] = pool.members
    either = replace(member, tls=TLS(names=("a.example.com", "b.example.com")))

    text = monitor_script(avi_monitor(replace(pool, members=(either,))))

    assert "tls+=(-verify_return_error)\n\n" in text
    assert "its name is not checked" in text


def test_a_client_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("key", "utf-8")
    text = "service_uri: /a\ntls: {cert_file: key.pem}\nmembers: [192.0.2.1]\n"
    pool = loads_pool(text.encode(), tmp_path / "pool.yaml")

    with pytest.raises(ScriptError, match=r"192\.0\.2\.1:\d+ has a client certificate, which a monitor can't send"):
        avi_monitor(pool)


def test_a_pool_without_members_that_are_enabled() -> None:
    with pytest.raises(ScriptError, match="no member of this pool is enabled"):
        monitor_of("service_uri: /a\nmembers:\n  - {host: 192.0.2.1, enabled: false}\n")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
@pytest.mark.parametrize("text", [POOL, TLS_POOL])
def test_shellcheck_is_content(text: str) -> None:
    monitor = monitor_of(text, member="c" if text is TLS_POOL else None, eicar=True)

    done = subprocess.run(
        ["shellcheck", "-"], input=monitor_script(monitor), capture_output=True, text=True, check=False
    )

    assert ("", 0) == (done.stdout, done.returncode)


# --- headers: as the program itself reads them --------------------------------------------------------


_VALUES = (
    *(text for text, _ in WORDS),
    "Type=0; Resolution=2; Threat=Bad.Thing;", "Type=1; Resolution=0; Threat=Policy;", "Type=2; Threat=a.zip;",
    "Type=0; Resolution=2; Threat=Encrypted Archive;", "Type=0; Resolution=2; Threat=Exploit.D-Encrypted.Gen;",
    "Bad.Thing", "Heuristics.Encrypted.Zip", "none", "-", "clean", "0", "1", "No threats found", "Blocked", "Allowed",
    "denied", "Not Scanned", "Infected", "site policy 7", "",
)  # fmt: skip
_OWN = {"X-Error-Code", "X-Block-Result", "X-WWBlockResult", "X-ICAPeg-Shadow-Service"}


def test_headers_mean_what_they_mean_to_the_program() -> None:
    pairs = [
        (row, value)
        for row in HEADERS
        if row.claim and row.name not in _OWN
        for value in _VALUES
        if not (row.name == "X-Violations-Found" and not value[:1].isdigit())
    ]
    functions, _, _ = monitor_script(monitor_of()).partition("\n# Whether the server scans.")
    feed = 'while IFS= read -r line; do found="" failed=""; note "$line"; echo "${found:+found}${failed:+failed}"; done'

    done = subprocess.run(
        ["bash", "-c", f"{functions}\n{feed}", "bash", "192.0.2.1", "1344"],
        input="".join(f"{row.name}: {value}\n" for row, value in pairs),
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    expected = []
    for row, value in pairs:
        assert row.claim is not None
        claim = row.claim(value)
        verdict = "" if claim is None else claim.verdict
        word = {"blocked": "found", "unscannable": "failed", "error": "failed"}.get(verdict, "")
        expected.append(f"{row.name}: {value} => {word}")
    found = done.stdout.splitlines()
    assert expected == [f"{row.name}: {value} => {word}" for (row, value), word in zip(pairs, found, strict=True)]
