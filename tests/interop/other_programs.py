"""Programs that are not ICAP servers, on ports that a pool may name by mistake."""

from __future__ import annotations

from pathlib import Path

from tests.interop.c_icap import start_clamd
from tests.interop.certificates import write_certificate
from tests.interop.programs import Programs, free_port, need, need_root

_NGINX = """\
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}{ssl}; }}
}}
"""
_SQUID = """\
http_port 127.0.0.1:{port}
visible_hostname localhost
pid_filename {folder}/squid.pid
access_log none
cache_log {folder}/cache.log
coredump_dir {folder}
cache deny all
pinger_enable off
shutdown_lifetime 1 seconds
http_access allow localhost
"""
_TINYPROXY = "Port {port}\nListen 127.0.0.1\nTimeout 60\n"


def _configured(programs: Programs, name: str, text: str, port: int) -> str:
    """A folder of its own with the configuration; the path of that."""
    folder = programs.folder / name
    folder.mkdir()
    folder.chmod(0o777)
    file = folder / f"{name}.conf"
    file.write_text(text.format(folder=folder, port=port))
    return str(file)


def nginx(programs: Programs) -> str:
    """Plain HTTP; the URL under which the pool takes it for an ICAP service."""
    port = free_port()
    configuration = _configured(programs, "nginx", _NGINX.replace("{ssl}", ""), port)
    programs.start("nginx", [need("nginx"), "-c", configuration], ports=[("127.0.0.1", port)])
    return f"icap://127.0.0.1:{port}/avscan"


def nginx_by_tls(programs: Programs) -> str:
    """HTTPS, in a pool file that trusts its certificate."""
    port = free_port()
    certificate, ca_file = write_certificate(programs.folder, "nginx")
    ssl = f" ssl; ssl_certificate {certificate}; ssl_certificate_key {certificate}"
    configuration = _configured(programs, "nginx-tls", _NGINX.replace("{ssl}", ssl), port)
    programs.start("nginx-tls", [need("nginx"), "-c", configuration], ports=[("127.0.0.1", port)])
    pool = Path(programs.folder / "nginx-tls.yaml")
    pool.write_text(
        f"service_uri: /avscan\nmembers:\n  - {{host: 127.0.0.1, port: {port}, tls: {{ca_file: {ca_file}}}}}\n"
    )
    return str(pool)


def squid(programs: Programs) -> str:
    need_root("Squid changes its user")
    port = free_port()
    configuration = _configured(programs, "squid-proxy", _SQUID, port)
    programs.start("squid-proxy", [need("squid"), "-N", "-f", configuration], ports=[("127.0.0.1", port)])
    return f"icap://127.0.0.1:{port}/avscan"


def tinyproxy(programs: Programs) -> str:
    port = free_port()
    configuration = _configured(programs, "tinyproxy", _TINYPROXY, port)
    programs.start("tinyproxy", [need("tinyproxy"), "-d", "-c", configuration], ports=[("127.0.0.1", port)])
    return f"icap://127.0.0.1:{port}/avscan"


def clamd(programs: Programs) -> str:
    port = free_port()
    start_clamd(programs, programs.folder / "clamd-tcp.ctl", port=port)
    return f"icap://127.0.0.1:{port}/avscan"


def echo(programs: Programs) -> str:
    return f"icap://127.0.0.1:{_socat(programs, 'echo', 'EXEC:cat')}/avscan"


def silent(programs: Programs) -> str:
    return f"icap://127.0.0.1:{_socat(programs, 'silent', 'SYSTEM:exec sleep 60')}/avscan"


def _socat(programs: Programs, name: str, behind: str) -> int:
    port = free_port()
    argv = [need("socat"), f"TCP-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr", behind]
    programs.start(f"socat-{name}", argv, ports=[("127.0.0.1", port)])
    return port
