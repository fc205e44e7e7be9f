"""Every form of a member, of TLS and of the profile; and what is no host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icapdiag.pool import TLS, Member, Pool, Profile
from icapdiag.pool.hosts import parse_address, parse_host, parse_service_uri

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Load = Callable[..., Pool]
    Mistakes = Callable[..., list[str]]


def test_the_shortest_file_has_avis_defaults(load: Load, tmp_path: Path) -> None:
    expected = Pool(
        name="pool",
        profile=Profile(
            service_uri="/OMSScanReq-AV",
            vendor="ICAP_VENDOR_OPSWAT",
            preview_size=5000,
            enable_preview=True,
            allow_204=True,
            response_timeout=60000,
            slow_response_warning_threshold=10000,
            buffer_size=51200,
            buffer_size_exceed_action="ICAP_FAIL_OPEN",
            fail_action="ICAP_FAIL_OPEN",
            default_port=1344,
        ),
        members=(Member(host="100.64.3.15", port=1344, name="100.64.3.15:1344", line=2),),
        samples=("clean",),
        source=str(tmp_path / "pool.yaml"),
    )
    assert expected == load("service_uri: /OMSScanReq-AV\nmembers: [100.64.3.15]\n")


def test_the_file_of_the_design(load: Load, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    pool = load("""\
        pool: ICAP-POOL-GROUP
        profile:
          service_uri: /OMSScanReq-AV
          vendor: ICAP_VENDOR_GENERIC
          preview_size: 1024
          response_timeout: 30000
          cloud_ref: /api/cloud/?name=Default-Cloud
          _last_modified: "1577342976851289"
          nsx_defender_config: {status_url: "https://x"}
        members:
          - 100.64.3.15
          - {host: icap2.example.com, port: 11344, tls: {server_name: icap2.example.com, ca_file: ca.pem}}
          - {host: 100.64.3.17, enabled: false, name: third}
        samples: [eicar, clean]
        """)
    tls = TLS(verify=True, server_name="icap2.example.com", ca_file=tmp_path / "ca.pem")
    expected = (
        Member(host="100.64.3.15", port=1344, name="100.64.3.15:1344", line=11),
        Member(host="icap2.example.com", port=11344, name="icap2.example.com:11344", tls=tls, line=12),
        Member(host="100.64.3.17", port=1344, name="third", enabled=False, line=13),
    )
    assert expected == pool.members
    assert pool.name == "ICAP-POOL-GROUP"
    assert pool.samples == ("clean", "eicar")
    assert pool.profile.preview_size == 1024
    assert pool.profile.vendor == "ICAP_VENDOR_GENERIC"


@pytest.mark.parametrize(
    ("written", "host", "port", "tls"),
    [
        ("100.64.3.15", "100.64.3.15", 1344, False),
        ("100.64.3.15:1345", "100.64.3.15", 1345, False),
        ("icap.example.com", "icap.example.com", 1344, False),
        ("icap.example.com.:1344", "icap.example.com.", 1344, False),
        ("c_icap-1:80", "c_icap-1", 80, False),
        ("2001:db8::1", "2001:db8::1", 1344, False),
        ("'[2001:DB8:0::1]:1345'", "2001:db8::1", 1345, False),
        ("'[::1]'", "::1", 1344, False),
        ("fe80::1%eth0", "fe80::1%eth0", 1344, False),
        ("::ffff:192.0.2.1", "192.0.2.1", 1344, False),
        ("icap://192.0.2.1", "192.0.2.1", 1344, False),
        ("ICAP://192.0.2.1:99/avscan", "192.0.2.1", 99, False),
        ("icap://[2001:db8::1]:1344/", "2001:db8::1", 1344, False),
        ("icap://[fe80::1%25eth0]", "fe80::1%eth0", 1344, False),
        ("icaps://icap.example.com", "icap.example.com", 11344, True),
        ("icaps://icap.example.com:1344", "icap.example.com", 1344, True),
        ("bücher.example", "xn--bcher-kva.example", 1344, False),
        ("{host: 2001:db8::1}", "2001:db8::1", 1344, False),
        ("{host: '[2001:db8::1]'}", "2001:db8::1", 1344, False),
        ("{host: a, tls: true}", "a", 1344, True),
        ("{host: a, port: '1345', tls: yes}", "a", 1345, True),
    ],
)
def test_every_form_of_a_member(load: Load, written: str, host: str, port: int, tls: bool) -> None:
    (member,) = load(f"service_uri: /avscan\nmembers:\n  - {written}\n").members
    name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    assert Member(host=host, port=port, name=name, tls=TLS() if tls else None, line=3) == member


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("192.0.2.1:0", "port '0' is out of range: write 1 to 65535, without leading zeros"),
        ("192.0.2.1:70000", "port '70000' is out of range: write 1 to 65535, without leading zeros"),
        ("192.0.2.1:icap", "port 'icap' is not a number: write 1 to 65535"),
        ("'192.0.2.1:'", "port '' is not a number: write 1 to 65535"),
        ("192.0.2.1: 1344", "read by YAML as the key '192.0.2.1' with a value: write '192.0.2.1:1344', in quotes"),
        ("'2001:db8::'", None),
        ("2001:db8::", "read by YAML as the key '2001:db8:' with a value: write '2001:db8::', in quotes"),
        ("[2001:db8::1]", 'there is a list here: write host:port, or an IPv6 address in quotes, "[2001:db8::1]:1344"'),
        (
            "'2001:db8::1::2'",
            ("'2001:db8::1::2' is not an IPv6 address: write it as 2001:db8::1, with a port as [2001:db8::1]:1344"),
        ),
        (
            "'[2001:db8::1'",
            ("'[2001:db8::1' is not an IPv6 address: write it as 2001:db8::1, with a port as [2001:db8::1]:1344"),
        ),
        ("'[192.0.2.1]:1344'", "'[192.0.2.1]:1344': only IPv6 addresses stand in brackets; write host:port"),
        ("'fe80::1%'", "'fe80::1%' has a bad zone: write the interface after '%', such as fe80::1%eth0"),
        (
            "192.0.2.1/avscan",
            "'192.0.2.1/avscan' contains a slash: write host:port here, one member each, and the path in service_uri",
        ),
        (
            "icap://192.0.2.1/other",
            ("the path '/other' belongs to the whole pool: write it as service_uri (it is '/avscan')"),
        ),
        (
            "http://192.0.2.1/",
            "'http://192.0.2.1/' is not an ICAP URL: write icap://host:port/service, or icaps:// for TLS",
        ),
        (
            "icap://user:secret@192.0.2.1/",
            ("a user or password in the URL: ICAP has none, and others can read it; remove it"),
        ),
        ("root@192.0.2.1", "a user or password ('@'): ICAP has none; write host:port"),
        ("icap://2001:db8::1/", "'2001:db8::1': an IPv6 address in a URL stands in brackets, [2001:db8::1]:1344"),
        ("icap://[192.0.2.1]/", "'192.0.2.1' in brackets is not an IPv6 address"),
        ("icap://192.0.2.1?x", "the path is missing before '?x': write icap://host:port/service?query"),
        ("'icap:///avscan'", "the host is empty: write an address or a name"),
        ("a b", "'a b' contains a space: remove it"),
        ('"a\\r\\nX: y"', r"'a\r\nX: y' contains the character '\r': remove it"),
        (
            "'-a'",
            "'-a' is not a host name: labels of letters, digits and hyphens, 1 to 63 characters each, joined by dots",
        ),
        (
            "a..b",
            "'a..b' is not a host name: labels of letters, digits and hyphens, 1 to 63 characters each, joined by dots",
        ),
        (
            "icap.1",
            "'icap.1' is not a host name: the last label is a number, so it would be an IPv4 address, and is not one",
        ),
        (
            "'1234'",
            "'1234' is not an IPv4 address: write four numbers from 0 to 255, such as 192.0.2.7 (no leading zeros)",
        ),
        (
            "192.0.02.1",
            (
                "'192.0.02.1' is not an IPv4 address: write four numbers from 0 to 255, such as "
                "192.0.2.7 (no leading zeros)"
            ),
        ),
        ("*", "not YAML"),
        (
            "'*.example.com'",
            (
                "'*.example.com' is not a host name: labels of letters, digits and hyphens, 1 to 63 characters "
                "each, joined by dots"
            ),
        ),
        ("{host: 192.0.2.1:1344}", "'192.0.2.1:1344' includes a port: write host: '192.0.2.1' and port: 1344"),
        ("{host: '[::1]:1344'}", "'[::1]:1344' includes a port: write host: '::1' and port: 1344"),
        (
            "{host: icap://a/}",
            "'icap://a/' is a URL: write only the URL as the member, or its parts as host, port and tls",
        ),
        ("{host: '[a]'}", "'a' is not an IPv6 address: write it as 2001:db8::1, with a port as [2001:db8::1]:1344"),
        ("{host: a, tls: maybe}", "maybe is not a TLS setting: write true, false, or {ca_file: …, server_name: …}"),
        ("{host: a, tls: }", "has no value: write true, false, or {ca_file: …, server_name: …}"),
        ("{host: a, tls: [x]}", "there is a list here: write a mapping (key: value)"),
        ("{host: a, tls: {insecure: true}}", "unknown key; did you mean 'verify'?"),
        ("{host: a, tls: {key_file: /etc/passwd}}", "a key without a certificate: write cert_file too"),
        ("{host: a, tls: {ca_file: /}}", "'/' is a directory: name a PEM file"),
        ("{host: a, tls: {server_name: a b}}", "'a b' contains a space: remove it"),
        ("~", "has no value: write one, or delete the line"),
    ],
)
def test_what_is_no_member(member_mistake: Callable[[str], str], load: Load, written: str, message: str | None) -> None:
    if message is None:
        assert load(f"service_uri: /avscan\nmembers:\n  - {written}\n").members
    elif message == "not YAML":
        with pytest.raises(Exception, match="not YAML"):
            load(f"service_uri: /avscan\nmembers:\n  - {written}\n")
    else:
        assert message == member_mistake(written)


def test_a_secret_in_a_url_is_never_repeated(member_mistake: Callable[[str], str]) -> None:
    for written in ("icap://u:secret@h/", "icap://u:sec/ret@h/", "'icap://u:secret@h :1/'", "http://u:secret@h/"):
        assert "ret" not in member_mistake(written)


def test_brackets_without_quotes_are_explained(mistakes: Mistakes) -> None:
    (line,) = mistakes("service_uri: /a\nmembers:\n  - [2001:db8::1]:1344\n")
    assert line.endswith('; write an address in brackets in quotes: "[2001:db8::1]:1344"')


def test_tls_of_the_pool_is_the_default_of_its_members(load: Load, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    (tmp_path / "other.pem").touch()
    pool = load("""\
        service_uri: /a
        default_port: 11345
        tls: {ca_file: ca.pem, verify: no}
        members:
          - a
          - {host: b, tls: false}
          - {host: c, tls: true}
          - {host: d, tls: {server_name: d.example.com}}
          - {host: e, tls: {ca_file: other.pem, verify: true}}
          - icap://f
          - icaps://g
        """)
    ca, other = tmp_path / "ca.pem", tmp_path / "other.pem"
    default = TLS(verify=False, ca_file=ca)
    expected = [
        default,
        None,
        default,
        TLS(verify=False, ca_file=ca, server_name="d.example.com"),
        TLS(ca_file=other),
        None,
        default,
    ]
    assert expected == [member.tls for member in pool.members]
    assert {member.port for member in pool.members} == {11345}


def test_absolute_files_stay_as_they_are(load: Load) -> None:
    pool = load("service_uri: /a\nmembers: [a]\ntls: {cert_file: /etc/passwd, key_file: /etc/passwd}\n")
    assert pool.members[0].tls
    assert str(pool.members[0].tls.cert_file) == "/etc/passwd"


def test_all_mistakes_of_tls_at_once(mistakes: Mistakes) -> None:
    text = "service_uri: /a\nmembers: [a]\ntls: {verify: maybe, ca_file: nowhere/ca.pem, cert_file: ~, sni: x}\n"
    expected = [
        "pool.yaml:3:15: tls.verify: maybe is neither true nor false: write true or false",
        "pool.yaml:3:31: tls.ca_file: 'nowhere/ca.pem' does not exist: file names are relative to the pool file",
        "pool.yaml:3:58: tls.cert_file: has no value: write one, or delete the line",
        "pool.yaml:3:61: tls.sni: unknown key; did you mean 'server_name'?",
    ]
    assert expected == mistakes(text)


def test_a_file_that_only_others_can_read(load: Load, mistakes: Mistakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    expected = ["pool.yaml:3:16: tls.ca_file: '/etc/passwd' can't be read by this user"]
    assert expected == mistakes("service_uri: /a\nmembers: [a]\ntls: {ca_file: /etc/passwd}\n")
    (line,) = mistakes(f"service_uri: /a\nmembers: [a]\ntls: {{ca_file: /{'x' * 3000}}}\n")
    assert "can't be looked up" in line or "does not exist" in line


def test_the_profile_names_the_pool_that_has_no_name(load: Load) -> None:
    text = "profile: {name: av, service_uri: /a, default_port: 1345, description: ''}\nmembers: [a]\n"
    pool = load(text)
    assert (pool.name, pool.profile.name, pool.profile.default_port, pool.members[0].port) == ("av", "av", 1345, 1345)
    assert load(text, profile="av") == pool
    assert load(text, service_uri="/other?x=1").profile.service_uri == "/other?x=1"


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("preview_size", (0, 5000), (5001,)),
        ("response_timeout", (50, 3600000), (49, 3600001)),
        ("slow_response_warning_threshold", (50, 3600000), (49, 3600001)),
        ("buffer_size", (1, 51200), (0, 51201)),
    ],
)
def test_ranges_are_avis(load: Load, mistakes: Mistakes, key: str, good: tuple[int, ...], bad: tuple[int, ...]) -> None:
    for value in good:
        assert getattr(load(f"service_uri: /a\nmembers: [a]\nprofile: {{{key}: {value}}}").profile, key) == value
    for value in bad:
        (line,) = mistakes(f"service_uri: /a\nmembers: [a]\nprofile: {{{key}: {value}}}")
        assert f"profile.{key}: {value} is out of range" in line


@pytest.mark.parametrize("text", ["/", "/OMSScanReq-AV", "/avscan?allow204=on&x=%20", "//x", "/a@b", "/a:b"])
def test_service_uris(text: str) -> None:
    assert text == parse_service_uri(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("avscan", "'avscan' does not begin with '/': write '/avscan'"),
        (
            "icap://h:1344/avscan?x",
            ("'icap://h:1344/avscan?x' is a whole URL; service_uri is the path only: write '/avscan?x'"),
        ),
        ("icap://h", "'icap://h' is a whole URL; service_uri is the path only, such as /OMSScanReq-AV or /avscan"),
        ("/a b", "'/a b' contains a space: remove it"),
        ("/a\r\nX: y", r"'/a\r\nX: y' contains the character '\r': remove it"),
        ("/a\u2028", r"'/a\u2028' contains the character '\u2028': remove it"),
        ("/a#b", "'/a#b' has a fragment ('#'), which is never sent: remove it"),
        ("/ä", "'/ä' has characters outside ASCII: write them as %XX"),
        ("/" + "a" * 3000, f"'/{'a' * 59}'… has 3001 characters: write at most 2048"),
    ],
)
def test_what_is_no_service_uri(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^") as caught:
        parse_service_uri(text)
    assert message == str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a" * 64,
        "a." * 127 + "a",
        "a" * 300,
        "ü" * 60,
        "ü" * 200,
        "a\x00",
        "a\u202eb",
        "\u2100.example",
        "xn--\ud800",
        "ßa..b",
        "\u00ad",
        "a%b",
        "a,b",
        "a;b",
        "$(id)",
        "`id`",
        "<script>",
        "\\\\host\\share",
    ],
)
def test_no_host_ever(text: str) -> None:
    for parse in (parse_host, parse_address):
        with pytest.raises(ValueError, match=r"^") as caught:
            parse(text)
        assert str(caught.value).isprintable()


def test_wide_digits_are_no_address() -> None:
    with pytest.raises(ValueError, match="the last label is a number"):
        parse_host("\uff11.2.3.\uff14")
