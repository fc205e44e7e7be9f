"""haproxy and stunnel in front of a real ICAP server, set up rightly and wrongly."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path

from tests.interop.certificates import write_certificate
from tests.interop.networks import NOBODY, PORT, Network
from tests.interop.programs import Program, need


class Port(IntEnum):
    """The listeners of haproxy, and those of stunnel."""

    PASSING, TLS, PROXY_SENT, PROXY_WANTED, PROXY_BOTH, EMPTY, TLS_EMPTY, HTTP, IMPATIENT, PROXY_V2_SENT = range(
        2001, 2011
    )
    STUNNEL, STUNNEL_EMPTY, STUNNEL_PROXY_SENT = range(2101, 2104)


EMPTY_ADDRESS = "127.0.0.9"  # has the scanner's port, and no server behind it

_NUMBERS = {"SCANNER": PORT, "NOBODY": NOBODY, **{port.name: int(port) for port in Port}}
_HAPROXY = """\
global
  log stdout format raw local0
defaults
  mode tcp
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  retries 0
listen passing
  bind 127.0.0.1:{PASSING}
  server s 127.0.0.1:{SCANNER} check
listen tls
  bind 127.0.0.1:{TLS} ssl crt {certificate}
  server s 127.0.0.1:{SCANNER} check
listen proxy-sent
  bind 127.0.0.1:{PROXY_SENT}
  server s 127.0.0.1:{SCANNER} send-proxy
listen proxy-v2-sent
  bind 127.0.0.1:{PROXY_V2_SENT}
  server s 127.0.0.1:{SCANNER} send-proxy-v2
listen proxy-wanted
  bind 127.0.0.1:{PROXY_WANTED} accept-proxy
  server s 127.0.0.1:{SCANNER}
listen proxy-both
  bind 127.0.0.1:{PROXY_BOTH}
  server s 127.0.0.1:{PROXY_WANTED} send-proxy
listen empty
  bind 127.0.0.1:{EMPTY}
  bind {empty_address}:{SCANNER}
  server s 127.0.0.1:{NOBODY}
listen tls-empty
  bind 127.0.0.1:{TLS_EMPTY} ssl crt {certificate}
  server s 127.0.0.1:{NOBODY}
listen http
  mode http
  bind 127.0.0.1:{HTTP}
  server s 127.0.0.1:{SCANNER}
listen impatient
  bind 127.0.0.1:{IMPATIENT}
  timeout client 1s
  server s 127.0.0.1:{SCANNER}
"""
_STUNNEL = """\
foreground = yes
pid =
cert = {certificate}
[passing]
accept = 127.0.0.1:{STUNNEL}
connect = 127.0.0.1:{SCANNER}
[empty]
accept = 127.0.0.1:{STUNNEL_EMPTY}
connect = 127.0.0.1:{NOBODY}
[proxy]
accept = 127.0.0.1:{STUNNEL_PROXY_SENT}
connect = 127.0.0.1:{SCANNER}
protocol = proxy
"""


def start_haproxy(network: Network) -> tuple[Program, Path]:
    """All of haproxy's listeners; the certificate is of those with TLS."""
    both, certificate = write_certificate(network.programs.folder, "haproxy")
    configuration = network.programs.folder / "haproxy.cfg"
    configuration.write_text(_HAPROXY.format(certificate=both, empty_address=EMPTY_ADDRESS, **_NUMBERS))
    argv = [need("haproxy"), "-db", "-f", str(configuration)]
    ports = [("127.0.0.1", port) for port in (Port.PASSING, Port.IMPATIENT)]
    return network.programs.start("haproxy", argv, ports=ports, namespace=network.namespace), certificate


def start_stunnel(network: Network) -> tuple[Program, Path]:
    """All of stunnel's listeners, and their certificate."""
    both, certificate = write_certificate(network.programs.folder, "stunnel-in-network")
    configuration = network.programs.folder / "stunnel-in-network.conf"
    configuration.write_text(_STUNNEL.format(certificate=both, **_NUMBERS))
    argv = [need("stunnel"), str(configuration)]
    ports = [("127.0.0.1", port) for port in (Port.STUNNEL, Port.STUNNEL_PROXY_SENT)]
    return network.programs.start("stunnel", argv, ports=ports, namespace=network.namespace), certificate
