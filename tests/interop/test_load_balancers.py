"""haproxy, stunnel and nginx in front of c-icap, set up wrongly and rightly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop import load_balancers, networks
from tests.interop.clients import Checked
from tests.interop.diagnosed import Diagnosis, nothing_is_wrong
from tests.interop.load_balancers import Port
from tests.interop.networks import Network
from tests.interop.programs import Programs


@dataclass(frozen=True, slots=True)
class Balanced:
    """A network with all of them in front of c-icap, the certificates that they show, and that of a client."""

    network: Network
    certificates: dict[str, Path]
    client: Path

    def check(self, port: Port, *arguments: str, tls: bool = False, client: bool = False) -> Checked:
        if not tls:
            return self.network.check(f"icap://127.0.0.1:{port}/avscan", *arguments)
        ca_file = self.certificates.get(port.name.partition("_")[0].lower(), self.certificates["haproxy"])
        own = f", cert_file: {self.client}, key_file: {self.client}" if client else ""
        pool = self.network.programs.folder / f"balanced-{port}.yaml"
        pool.write_text(
            f"service_uri: /avscan\nmembers:\n  - {{host: 127.0.0.1, port: {port}, tls: {{ca_file: {ca_file}{own}}}}}\n"
        )
        return self.network.check(str(pool), *arguments)


@pytest.fixture(scope="module")
def balanced(programs: Programs) -> Iterator[Balanced]:
    with networks.network(programs, "balanced") as network:
        haproxy, shown = load_balancers.start_haproxy(network)
        stunnel, shown_by_stunnel, client = load_balancers.start_stunnel(network)
        nginx, shown_by_nginx = load_balancers.start_nginx(network)
        yield Balanced(network, {"haproxy": shown, "stunnel": shown_by_stunnel, "nginx": shown_by_nginx}, client)
        programs.stop(haproxy, stunnel, nginx)


PROXY_LINE = Diagnosis("bad-request", "proxy-line", "proven", "send-proxy", never="OPTIONS is rejected|header|path is")
NOBODY_BEHIND = Diagnosis(
    "tcp-reset", "dead-backend", "likely", r"backend|haproxy", never="SSL profile|accept-proxy|OPTIONS was answered"
)
LINE_WANTED = Diagnosis("proxy-protocol", "expected", "proven", "accept-proxy", never="SSL profile|backend")
TLS_WANTED = Diagnosis("plain-on-tls-port", "no-ssl-profile", "proven", "SSL profile", never="PROXY protocol|stopped")


@pytest.mark.parametrize(
    ("port", "tls", "expected"),
    [
        pytest.param(Port.PROXY_SENT, False, PROXY_LINE, id="haproxy sends a PROXY line that c-icap does not expect"),
        pytest.param(Port.PROXY_V2_SENT, False, PROXY_LINE, id="the same by version 2 of the protocol"),
        pytest.param(Port.STUNNEL_PROXY_SENT, True, PROXY_LINE, id="stunnel sends a PROXY line"),
        pytest.param(Port.PROXY_WANTED, False, LINE_WANTED, id="haproxy expects a PROXY line"),
        pytest.param(Port.NGINX_PROXY_WANTED, False, LINE_WANTED, id="nginx expects a PROXY line"),
        pytest.param(Port.EMPTY, False, NOBODY_BEHIND, id="nothing behind haproxy"),
        pytest.param(Port.TLS_EMPTY, True, NOBODY_BEHIND, id="nothing behind haproxy with TLS"),
        pytest.param(Port.STUNNEL_EMPTY, True, NOBODY_BEHIND, id="nothing behind stunnel"),
        pytest.param(Port.NGINX_EMPTY, False, NOBODY_BEHIND, id="nothing behind nginx"),
        pytest.param(
            Port.HTTP, False,
            Diagnosis("not-icap", "http-balancer", "proven", "mode tcp", never="TLS|SSL|PROXY protocol|default_server"),
            id="haproxy takes it for HTTP",
        ),
        pytest.param(
            Port.NGINX_HTTP, False,  # which may as well be a web server
            Diagnosis("not-icap", "web-port", "likely", "default_server_port", never="TLS|SSL|PROXY protocol"),
            id="nginx takes it for HTTP",
        ),
        pytest.param(
            Port.STUNNEL_CLIENT_CERTIFICATE, True,
            Diagnosis("tls-handshake-failed", "client-certificate", "proven", "client certificate", never="cipher"),
            id="stunnel wants a client certificate",
        ),
        pytest.param(Port.TLS, False, TLS_WANTED, id="clear text to haproxy with TLS"),
        pytest.param(Port.STUNNEL, False, TLS_WANTED, id="clear text to stunnel"),
        pytest.param(
            Port.PASSING, True,
            Diagnosis("tls-on-plain-port", "plain-port", "proven", "port", never="threads|client certificate"),
            id="TLS to haproxy without it",
        ),
    ],
)  # fmt: skip
def test_it_is_set_up_wrongly(balanced: Balanced, port: Port, tls: bool, expected: Diagnosis) -> None:
    expected.holds(balanced.check(port, "--connect-timeout", "2", tls=tls))


DEEP = ("--depth", "deep", "--max-size", "1M")


@pytest.mark.parametrize("depth", [(), DEEP], ids=["standard", "deep"])
@pytest.mark.parametrize(
    ("port", "tls"),
    [
        pytest.param(Port.PASSING, False, id="haproxy"),
        pytest.param(Port.TLS, True, id="haproxy with TLS"),
        pytest.param(Port.PROXY_BOTH, False, id="haproxy with a PROXY line where one is expected"),
        pytest.param(Port.STUNNEL, True, id="stunnel"),
        pytest.param(Port.NGINX, False, id="nginx"),
        pytest.param(Port.NGINX_TLS, True, id="nginx with TLS"),
    ],
)
def test_it_is_set_up_rightly(balanced: Balanced, port: Port, tls: bool, depth: tuple[str, ...]) -> None:
    """As the fixes above leave it: TCP mode, a server behind it, and PROXY lines only where they are expected."""
    checked = balanced.check(port, "--eicar", *depth, tls=tls)

    nothing_is_wrong(checked)
    assert ["blocked", "blocked"] == [checked.facts(probe)["verdict"] for probe in ("eicar", "eicar-form")]


def test_nginx_sends_a_proxy_line(balanced: Balanced) -> None:
    """c-icap answers the line with 400 and closes. Where nginx still sends, the answer may be lost to the reset."""
    (problem,) = balanced.check(Port.NGINX_PROXY_SENT).report["problems"]

    lost = problem["finding"] == "tcp-reset"
    assert problem["finding"] in {"tcp-reset", "bad-request"}
    first = problem["causes"][0]
    assert ("proxy-line", "likely" if lost else "proven") == (first["id"], first["status"])
    assert "proxy_protocol on" in problem["steps"]["fix"][0]


def test_haproxy_gives_c_icap_an_ipv6_address(balanced: Balanced) -> None:
    nothing_is_wrong(balanced.network.check(f"icap://[::1]:{Port.IPV6}/avscan", "--eicar"))


def test_the_client_certificate_that_stunnel_trusts(balanced: Balanced) -> None:
    nothing_is_wrong(balanced.check(Port.STUNNEL_CLIENT_CERTIFICATE, "--eicar", tls=True, client=True))


@pytest.mark.parametrize("arguments", [("--count", "20"), ("--load", "--yes", "--load-ceiling", "16")])
def test_many_at_a_time_and_one_after_the_other_are_no_trouble(balanced: Balanced, arguments: tuple[str, ...]) -> None:
    nothing_is_wrong(balanced.check(Port.PASSING, *arguments))


def test_a_short_idle_timeout_is_worth_a_word(balanced: Balanced) -> None:
    checked = balanced.check(Port.IMPATIENT, "--only", "keepalive", "--idle", "3")

    early = Diagnosis("closes-idle-early", "in-between", "possible", "idle timeout", severity="info", effect="none")
    early.holds(checked)
    assert "haproxy: `timeout client` and `timeout server`" in " ".join(checked.report["problems"][0]["steps"]["fix"])
    assert 0.9 <= checked.facts("keepalive")["idle_close_s"] <= 2.5


@pytest.mark.realcases
def test_a_long_idle_timeout_is_not(balanced: Balanced) -> None:
    """`timeout client 60s`."""
    checked = balanced.check(Port.PASSING, "--only", "keepalive", "--idle", "3")

    assert {} == checked.findings()
    assert not checked.facts("keepalive")["idle_closed"]
