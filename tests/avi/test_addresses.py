"""Addresses and names of ICAP servers."""

from __future__ import annotations

import pytest

from icapdiag.avi.addresses import host_port, member_name, split_uri, to_address


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1681916687, "100.64.3.15"),
        ("1681916687", "100.64.3.15"),
        (-1407385585, "172.29.0.15"),
        ("-1407385585", "172.29.0.15"),
        ("100.64.3.15", "100.64.3.15"),
        (" 100.64.3.15 ", "100.64.3.15"),
        ({"addr": "100.64.3.15", "type": "V4"}, "100.64.3.15"),
        ("2001:DB8:0::1", "2001:db8::1"),
        (0, None),
        ("0.0.0.0", None),  # noqa: S104 - no address to bind to
        ("::", None),
        (1 << 32, None),
        ("icap.example.com", None),
        (True, None),
        (None, None),
        ({}, None),
        (1.5, None),
    ],
)
def test_to_address(value: object, expected: str | None) -> None:
    assert expected == to_address(value)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("icap://100.64.3.15:1344/OMSScanReq-AV ", ("100.64.3.15", 1344, "/OMSScanReq-AV")),
        ("ICAPS://Scan.Example.com", ("scan.example.com", 11344, "/")),
        ("icap://[2001:db8::1]:1345/a?b=c", ("2001:db8::1", 1345, "/a?b=c")),
        ("icap://u:p@h/x", ("h", 1344, "/x")),
        ("http://h/x", None),
        ("icap:///x", None),
        ("", None),
        (None, None),
    ],
)
def test_split_uri(uri: object, expected: tuple[str, int, str] | None) -> None:
    assert expected == split_uri(uri)


@pytest.mark.parametrize(
    ("address", "port", "uri", "expected"),
    [
        (1681916687, 1344, None, "100.64.3.15:1344"),
        ("100.64.3.15", None, "icap://scan.example.com:1345/x", "100.64.3.15:1345"),
        (0, 1344, "icap://scan.example.com:1345/x", "scan.example.com:1345"),
        (None, None, "icap://[2001:db8::1]/x", "[2001:db8::1]:1344"),
        ("100.64.3.15", None, None, "100.64.3.15"),
        (None, 1344, None, None),
    ],
)
def test_member_name(address: object, port: int | None, uri: object, expected: str | None) -> None:
    assert expected == member_name(address, port, uri)


def test_host_port() -> None:
    assert ("h:1", "h", "[::1]:1") == (host_port("h", 1), host_port("h", None), host_port("::1", 1))
