"""c-icap-client as a client of our lab. It sends URIs without a port, and its exit status says nothing."""

from __future__ import annotations

import pytest

from icapdiag.icap.samples import CLEAN, eicar
from tests.interop.clients import c_icap_client

_REQMOD = ("-req", "http://www.example.test/upload", "-method", "POST")
_RESPMOD = ()
_BOTH = pytest.mark.parametrize("direction", [_REQMOD, _RESPMOD], ids=["reqmod", "respmod"])


def test_options(lab: int) -> None:
    said, _ = c_icap_client(lab)
    lines = [line.strip() for line in said.splitlines()]
    assert {"Allow 204: Yes", "Preview: 1024", "Keep alive: Yes", "ICAP/1.0 200 OK"} <= set(lines)


@_BOTH
@pytest.mark.parametrize("body", [CLEAN, CLEAN * 100], ids=["short", "longer than the preview"])
def test_clean(lab: int, direction: tuple[str, ...], body: bytes) -> None:
    said, _ = c_icap_client(lab, "-v", *direction, body=body)
    assert "No modification needed" in said


@_BOTH
def test_clean_comes_back_when_the_client_allows_no_204(lab: int, direction: tuple[str, ...]) -> None:
    said, body = c_icap_client(lab, "-v", "-no204", "-nopreview", *direction, body=CLEAN)
    assert "No modification needed" not in said
    assert CLEAN == body


@_BOTH
@pytest.mark.parametrize("options", [(), ("-nopreview",), ("-no204",)], ids=["preview", "no preview", "no 204"])
def test_eicar(lab: int, direction: tuple[str, ...], options: tuple[str, ...]) -> None:
    said, body = c_icap_client(lab, "-v", *options, *direction, body=eicar())
    assert "X-Infection-Found:" in said
    assert "403 Forbidden" in said
    assert b"<html" in body.lower()


def test_an_unknown_service(lab: int) -> None:
    said, _ = c_icap_client(lab, service="no-such-service")
    assert "404" in said
