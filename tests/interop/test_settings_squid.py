"""Squid with one setting of its ICAP service wrong: its log says so, and the advised setting is the cure."""

from __future__ import annotations

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.interop import resolvers
from tests.interop.clients import ICAPDIAG, Checked, explained
from tests.interop.diagnosed import advises
from tests.interop.networks import Network
from tests.interop.programs import Namespace, Programs, free_port, need
from tests.interop.resolvers import FIRST
from tests.interop.squid import Proxy, proxy

PATIENCE = 20.0  # seconds
REFUSED, SERVED = 500, 200
NO_SERVER = "127.0.0.56"  # where no DNS server is


def lab(programs: Programs, fault: str) -> int:
    """The port of the lab's member with that fault."""
    port = free_port()
    programs.start(f"lab-{fault}", [*ICAPDIAG, "lab", fault, "--port", str(port)], ports=[("127.0.0.1", port)])
    return port


def uploaded(squid: Proxy) -> int:
    """The status of a harmless upload."""
    return squid.request("POST", "/upload", b"hello")[0]


def said(squid: Proxy) -> Checked:
    """What its logs say until now."""
    return explained(squid.folder / "cache.log")


def reconfigured(squid: Proxy, old: str, new: str, status: int) -> None:
    """Change squid.conf, `squid -k reconfigure`, and upload until that has the status; fails if it never has."""
    configuration = squid.folder / "squid.conf"
    text = configuration.read_text()
    assert old in text
    configuration.write_text(text.replace(old, new))
    (squid.folder / "cache.log").write_text("")
    subprocess.run([need("squid"), "-f", str(configuration), "-k", "reconfigure"], check=True, capture_output=True)
    until = time.monotonic() + PATIENCE
    got = 0
    while got != status and time.monotonic() < until:
        try:
            got = uploaded(squid)
        except OSError:
            got = 0  # while it reads its configuration it does not listen
        time.sleep(0.1)
    assert status == got


def test_what_fails_passes_or_is_refused_as_bypass_says(programs: Programs) -> None:
    with proxy(programs, f"icap://127.0.0.1:{free_port()}/avscan", name="bypass", service="bypass=on") as squid:
        assert SERVED == uploaded(squid)
        passing = said(squid)
        reconfigured(squid, "bypass=on", "bypass=off", REFUSED)
        refusing = said(squid)
        reconfigured(squid, "bypass=off", "bypass=on", SERVED)

    assert ["proxy-bypasses-icap"] == list(passing.findings("critical"))
    assert advises(passing, "set bypass=off on this icap_service in squid.conf: `squid -k reconfigure`")
    assert ["proxy-icap-down"] == list(refusing.findings("critical"))
    assert advises(refusing, "set bypass=on on this icap_service in squid.conf: `squid -k reconfigure`")


def steps_of(found: Checked, finding: str) -> list[str]:
    """What is advised against this finding."""
    each = next(each for each in found.report["findings"] if each["id"] == finding)
    return list(each["steps"]["fix"])


@pytest.mark.parametrize(
    ("wrong", "right", "step"),
    [
        pytest.param("/nix", "/avscan", "Correct the service path in squid.conf", id="path"),
        pytest.param("//nix.invalid:", "//127.0.0.1:", "Correct the host in the icap_service line", id="host"),
    ],
)
def test_the_line_of_the_service_is_corrected(programs: Programs, wrong: str, right: str, step: str) -> None:
    url = f"icap://127.0.0.1:{lab(programs, 'healthy')}/avscan".replace(right, wrong)
    with proxy(programs, url, name=f"wrong-{right.strip('/:')}") as squid:
        assert REFUSED == uploaded(squid)
        found = said(squid)
        reconfigured(squid, wrong, right, SERVED)
        cured = said(squid)

    assert "proxy-icap-down" in found.findings("critical")
    assert any(step in each for each in steps_of(found, "proxy-options-failed"))
    assert {} == cured.findings()


def test_the_service_that_offers_the_method(programs: Programs) -> None:
    responses, requests = lab(programs, "respmod-only"), lab(programs, "healthy")
    wrong, right = (f"reqmod_precache icap://127.0.0.1:{port}/" for port in (responses, requests))
    with proxy(programs, f"icap://127.0.0.1:{responses}/avscan", name="method") as squid:
        assert REFUSED == uploaded(squid)
        found = said(squid)
        reconfigured(squid, wrong, right, SERVED)
        cured = said(squid)

    assert any("reqmod_precache needs REQMOD" in each for each in steps_of(found, "proxy-options-failed"))
    assert {} == cured.findings()


def crowd(squid: Proxy, size: int) -> set[int]:
    """The statuses of so many uploads at a time; 0 where one gets no answer."""

    def status(_: int) -> int:
        try:
            return uploaded(squid)
        except OSError:
            return 0

    with ThreadPoolExecutor(size) as pool:
        return set(pool.map(status, range(size)))


@pytest.mark.realcases  # the uploads wait for each other
@pytest.mark.parametrize(("cure", "name"), [(" max-conn=100", "raised"), ("", "removed")])
def test_its_own_limit_of_connections(programs: Programs, cure: str, name: str) -> None:
    url = f"icap://127.0.0.1:{lab(programs, 'slow')}/avscan"
    with proxy(programs, url, name=f"limit-{name}", service="bypass=off max-conn=1") as squid:
        assert {SERVED} == crowd(squid, 3)  # they wait
        found = said(squid)
        reconfigured(squid, " max-conn=1", cure, SERVED)
        assert {SERVED} == crowd(squid, 3)
        cured = said(squid)

    assert ["proxy-connection-limit"] == list(found.findings())
    assert advises(found, "raise or remove it")
    assert {} == cured.findings()


@pytest.mark.realcases  # as above
def test_requests_wait_instead_of_passing_where_its_limit_is_reached(programs: Programs) -> None:
    """What is scanned is blocked by this member, so that what is not shows."""
    blocked = 403
    url = f"icap://127.0.0.1:{lab(programs, 'clean-blocked')}/avscan"
    service = "bypass=on max-conn=1 on-overload=bypass"
    with proxy(programs, url, name="overload", service=service) as squid:
        assert {SERVED, blocked} == crowd(squid, 16)
        found = said(squid)
        reconfigured(squid, "on-overload=bypass", "on-overload=wait", blocked)
        assert {blocked} == crowd(squid, 16)

    assert any("choose on-overload=wait" in each for each in steps_of(found, "proxy-connection-limit"))


@pytest.mark.realcases  # DNS has port 53 of this machine for it
def test_its_own_dns_servers(programs: Programs) -> None:
    dns = resolvers.start_unbound(Network(programs, Namespace()), FIRST)
    url = f"icap://av.pool.test:{lab(programs, 'healthy')}/avscan"
    impatient = "dns_timeout 2 seconds\ndns_retransmit_interval 1 seconds"
    with proxy(programs, url, name="dns-wrong", settings=f"{impatient}\ndns_nameservers {NO_SERVER}") as squid:
        assert REFUSED == uploaded(squid)
        found = said(squid)
    with proxy(programs, url, name="dns-right", settings=f"dns_nameservers {FIRST}") as squid:
        assert SERVED == uploaded(squid)
        cured = said(squid)
    programs.stop(dns)

    assert any("Squid's DNS (dns_nameservers" in each for each in steps_of(found, "proxy-options-failed"))
    assert {} == cured.findings()


@pytest.mark.realcases  # it starts twice
def test_its_own_limit_of_file_descriptors(programs: Programs) -> None:
    url = f"icap://127.0.0.1:{lab(programs, 'healthy')}/avscan"
    with proxy(programs, url, name="few-files", settings="max_filedescriptors 24") as squid:
        crowd(squid, 16)
        found = said(squid)
    with proxy(programs, url, name="many-files", settings="max_filedescriptors 65536") as squid:
        assert {SERVED} == crowd(squid, 16)
        cured = said(squid)

    assert "server-out-of-resources" == found.report["problems"][0]["finding"]
    assert advises(found, "`max_filedescriptors 65536` in squid.conf")
    assert {} == cured.findings()


@pytest.mark.realcases  # Squid waits for 30 s at least
def test_a_suspended_service_is_tried_again(programs: Programs) -> None:
    """After icap_service_revival_delay; icap_service_failure_limit is how many failures it takes."""
    port = free_port()
    settings = "icap_service_failure_limit 2\nicap_service_revival_delay 30"
    with proxy(programs, f"icap://127.0.0.1:{port}/avscan", name="suspended", settings=settings) as squid:
        failed = [uploaded(squid) for _ in range(4)]
        argv = [*ICAPDIAG, "lab", "healthy", "--port", str(port)]
        programs.start("lab-later", argv, ports=[("127.0.0.1", port)])
        until = time.monotonic() + 30 + PATIENCE
        while uploaded(squid) != SERVED and time.monotonic() < until:
            time.sleep(1)
        assert SERVED == uploaded(squid)

    assert {REFUSED} == set(failed)
