"""Squid as a client of our lab: kept-alive connections, Preview: 0, heads and bodies in separate segments."""

from __future__ import annotations

import pytest

from icapdiag.icap.samples import CLEAN, eicar
from tests.interop.clients import ICAPDIAG
from tests.interop.programs import Programs, free_port
from tests.interop.squid import Proxy, proxy

_LARGE = bytes(range(256)) * 4700  # 1.2 MB: Squid allows no 204 then, the lab has to send all of it back


def test_clean_download(squid_proxy: Proxy) -> None:
    assert (200, CLEAN) == squid_proxy.request("GET", "/file")


def test_eicar_download(squid_proxy: Proxy) -> None:
    status, body = squid_proxy.request("GET", "/eicar")
    assert (403, False) == (status, eicar() in body)


def test_clean_upload(squid_proxy: Proxy) -> None:
    assert (200, b"got 18 bytes\n") == squid_proxy.request("POST", "/upload", b"hello, clean world")


def test_eicar_upload(squid_proxy: Proxy) -> None:
    status, _ = squid_proxy.request("POST", "/upload", eicar())
    assert 403 == status


def test_eicar_upload_past_the_preview(squid_proxy: Proxy) -> None:
    status, _ = squid_proxy.request("POST", "/upload", CLEAN * 100 + eicar())
    assert 403 == status


def test_upload_past_the_preview(squid_proxy: Proxy) -> None:
    assert (200, b"got 3000 bytes\n") == squid_proxy.request("POST", "/upload", bytes(3000))


def test_large_upload(squid_proxy: Proxy) -> None:
    expected = b"got %d bytes\n" % len(_LARGE)
    assert (200, expected) == squid_proxy.request("POST", "/upload", _LARGE)


@pytest.mark.parametrize(
    ("settings", "reused"), [("", True), ("icap_persistent_connections off", False)], ids=["as shipped", "off"]
)
def test_a_connection_for_each_request(programs: Programs, settings: str, reused: bool) -> None:
    """The setting with which Squid gets along with a server that answers a later request with the response before."""
    port, name = free_port(), f"desynchronised-{reused}"
    argv = [*ICAPDIAG, "lab", "keepalive-desync", "--port", str(port)]
    lab = programs.start(f"{name}-lab", argv, ports=[("127.0.0.1", port)])
    with proxy(programs, f"icap://127.0.0.1:{port}/avscan", name=name, settings=settings) as squid:
        got = [squid.request("POST", "/upload", b"x" * size) for size in (10, 20, 30)]
    programs.stop(lab)

    right = [(200, b"got %d bytes\n" % size) for size in (10, 20, 30)]
    assert (got != right) == reused
