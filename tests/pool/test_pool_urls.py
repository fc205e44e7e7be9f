"""URLs of the command line."""

from __future__ import annotations

import pytest

from icapdiag.pool import TLS, Member, Pool, PoolError, Profile, pool_from_urls


def said(*urls: str) -> list[str]:
    with pytest.raises(PoolError) as caught:
        pool_from_urls(urls)
    return [str(error) for error in caught.value.errors]


def test_urls_make_a_pool_with_avis_defaults() -> None:
    pool = pool_from_urls(
        [
            "icap://10.0.0.5:1344/OMSScanReq-AV?a=b",
            "icap://icap.example.com/OMSScanReq-AV?a=b",
            "ICAPS://[2001:db8::1]/OMSScanReq-AV?a=b",
        ],
        samples=("clean", "eicar"),
    )
    expected = Pool(
        name="command line",
        source="command line",
        samples=("clean", "eicar"),
        profile=Profile(service_uri="/OMSScanReq-AV?a=b"),
        members=(
            Member(host="10.0.0.5", port=1344, name="10.0.0.5:1344"),
            Member(host="icap.example.com", port=1344, name="icap.example.com:1344"),
            Member(host="2001:db8::1", port=11344, name="[2001:db8::1]:11344", tls=TLS()),
        ),
    )
    assert expected == pool


def test_tls_and_profile_may_be_given() -> None:
    tls = TLS(verify=False)
    profile = Profile(service_uri="/other", response_timeout=3000)
    pool = pool_from_urls(["icaps://a/x", "icap://b/x"], tls=tls, profile=profile)
    assert [tls, None] == [member.tls for member in pool.members]
    assert Profile(service_uri="/x", response_timeout=3000) == pool.profile


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "10.0.0.5:1344",
            ("no ICAP URL: write 'icap://10.0.0.5:1344/SERVICE', with a service such as /OMSScanReq-AV or /avscan"),
        ),
        (
            "icap.example.com",
            ("no ICAP URL: write 'icap://icap.example.com/SERVICE', with a service such as /OMSScanReq-AV or /avscan"),
        ),
        (
            "2001:db8::1",
            ("no ICAP URL: write 'icap://[2001:db8::1]/SERVICE', with a service such as /OMSScanReq-AV or /avscan"),
        ),
        ("10.0.0.5/avscan", "no ICAP URL: write 'icap://10.0.0.5/avscan'"),
        ("a b", "no ICAP URL and no file: write icap://host:port/service"),
        ("", "no ICAP URL and no file: write icap://host:port/service"),
        (
            "icap://10.0.0.5",
            ("the path of the service is missing: write it after the port, such as /OMSScanReq-AV or /avscan"),
        ),
        ("icap://10.0.0.5:0/x", "port '0' is out of range: write 1 to 65535, without leading zeros"),
        ("icap://10.0.0.5:/x", "port '' is not a number: write 1 to 65535"),
        ("icap://10.0.0.5/x#y", "'/x#y' has a fragment ('#'), which is never sent: remove it"),
        ("icap://10.0.0.5#y", "'#y' has a fragment ('#'), which is never sent: remove it"),
        (
            "http://10.0.0.5/x",
            "'http://10.0.0.5/x' is not an ICAP URL: write icap://host:port/service, or icaps:// for TLS",
        ),
        ("icap:///x", "the host is empty: write an address or a name"),
    ],
)
def test_what_is_no_icap_url(url: str, message: str) -> None:
    assert [message if repr(url) in message else f"{url!r}: {message}"] == said(url)


def test_a_secret_is_not_repeated() -> None:
    expected = [
        "'icap://***@h/x': a user or password in the URL: ICAP has none, and others can read it; remove it",
    ]
    assert expected == said("icap://user:secret@h/x")
    assert "secret" not in "".join(said("icap://user:p/secret@h/x", "user:secret@h", "icap:// secret@h/x"))


def test_all_mistakes_at_once() -> None:
    expected = [
        r"'icap://a\r\n/x' contains the character '\r': remove it",
        "'icap://A/x': a:1344 is given twice: leave one out",
        "the URLs name 2 services ('/x', '/y'): a pool has one; check them one by one",
    ]
    assert expected == said("icap://a/x", "icap://a\r\n/x", "icap://A/x", "icap://b/y")


def test_no_url_and_too_many() -> None:
    expected = ["no URL: write icap://host:port/service, with a service such as /OMSScanReq-AV or /avscan"]
    assert expected == said()
    urls = [f"icap://10.{i >> 16}.{i >> 8 & 255}.{i & 255}/x" for i in range(20_001)]
    assert ["20001 URLs: write at most 20000"] == said(*urls)
