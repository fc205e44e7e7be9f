"""haproxy, stunnel and nginx in front of a real ICAP server, set up rightly and wrongly."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path

import pytest

from tests.interop.certificates import write_certificate
from tests.interop.networks import NOBODY, PORT, Network
from tests.interop.programs import Program, need


class Port(IntEnum):
    """The listeners of haproxy, of stunnel and of nginx."""

    PASSING, TLS, PROXY_SENT, PROXY_WANTED, PROXY_BOTH, EMPTY, TLS_EMPTY, HTTP, IMPATIENT, PROXY_V2_SENT, IPV6 = range(
        2001, 2012
    )
    STUNNEL, STUNNEL_EMPTY, STUNNEL_PROXY_SENT, STUNNEL_CLIENT_CERTIFICATE = range(2101, 2105)
    NGINX, NGINX_TLS, NGINX_PROXY_SENT, NGINX_PROXY_WANTED, NGINX_EMPTY, NGINX_HTTP = range(2201, 2207)


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
listen ipv6
  bind :::{IPV6} v6only
  server icap 127.0.0.1:{SCANNER}
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
[client-certificate]
accept = 127.0.0.1:{STUNNEL_CLIENT_CERTIFICATE}
connect = 127.0.0.1:{SCANNER}
verifyPeer = yes
CAfile = {client}
"""
_STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
_NGINX = """\
load_module {module};
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
stream {{
  upstream icap {{ server 127.0.0.1:{SCANNER}; }}
  upstream nobody {{ server 127.0.0.1:{NOBODY}; }}
  server {{ listen 127.0.0.1:{NGINX}; proxy_pass icap; }}
  server {{
    listen 127.0.0.1:{NGINX_TLS} ssl;
    ssl_certificate {certificate};
    ssl_certificate_key {certificate};
    proxy_pass icap;
  }}
  server {{ listen 127.0.0.1:{NGINX_PROXY_SENT}; proxy_pass icap; proxy_protocol on; }}
  server {{ listen 127.0.0.1:{NGINX_PROXY_WANTED} proxy_protocol; proxy_pass icap; }}
  server {{ listen 127.0.0.1:{NGINX_EMPTY}; proxy_pass nobody; }}
}}
http {{
  access_log off;
  client_body_temp_path {folder}/nginx-body;
  proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-fastcgi;
  uwsgi_temp_path {folder}/nginx-uwsgi;
  scgi_temp_path {folder}/nginx-scgi;
  server {{ listen 127.0.0.1:{NGINX_HTTP}; location / {{ proxy_pass http://127.0.0.1:{SCANNER}; }} }}
}}
"""


def start_haproxy(network: Network) -> tuple[Program, Path]:
    """All of haproxy's listeners; the certificate is of those with TLS."""
    both, certificate = write_certificate(network.programs.folder, "haproxy")
    configuration = network.programs.folder / "haproxy.cfg"
    configuration.write_text(_HAPROXY.format(certificate=both, empty_address=EMPTY_ADDRESS, **_NUMBERS))
    argv = [need("haproxy"), "-db", "-f", str(configuration)]
    ports = [("127.0.0.1", port) for port in (Port.PASSING, Port.IMPATIENT)]
    return network.programs.start("haproxy", argv, ports=ports, namespace=network.namespace), certificate


def start_stunnel(network: Network) -> tuple[Program, Path, Path]:
    """All of stunnel's listeners, their certificate, and that of the only client which one of them accepts."""
    folder = network.programs.folder
    both, certificate = write_certificate(folder, "stunnel-in-network")
    client, client_only = write_certificate(folder, "stunnel-client")
    configuration = folder / "stunnel-in-network.conf"
    configuration.write_text(_STUNNEL.format(certificate=both, client=client_only, **_NUMBERS))
    argv = [need("stunnel"), str(configuration)]
    ports = [("127.0.0.1", port) for port in (Port.STUNNEL, Port.STUNNEL_CLIENT_CERTIFICATE)]
    return network.programs.start("stunnel", argv, ports=ports, namespace=network.namespace), certificate, client


def start_nginx(network: Network) -> tuple[Program, Path]:
    """All of nginx's listeners; the certificate is of the one with TLS."""
    program = need("nginx")
    if not _STREAM.exists():
        pytest.skip("nginx's module for plain TCP is not installed (libnginx-mod-stream)")
    folder = network.programs.folder
    both, certificate = write_certificate(folder, "nginx")
    configuration = folder / "nginx.conf"
    configuration.write_text(_NGINX.format(module=_STREAM, folder=folder, certificate=both, **_NUMBERS))
    argv = [program, "-e", f"{folder}/nginx.log", "-c", str(configuration)]
    ports = [("127.0.0.1", port) for port in (Port.NGINX, Port.NGINX_HTTP)]
    return network.programs.start("nginx", argv, ports=ports, namespace=network.namespace), certificate
