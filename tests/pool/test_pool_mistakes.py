"""All mistakes at once, each with file, line, column and path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from icapdiag.mistakes import MOST_ERRORS
from icapdiag.pool import Located, PoolError, load_pool

if TYPE_CHECKING:
    from collections.abc import Callable

    Mistakes = Callable[..., list[str]]

TEN = """\
pool: ICAP-POOL-GROUP
profile:
  service_uri: OMSScanReq-AV
  vendor: opswat
  preview_szie: 1024
  preview_size: 6000
members:
  - {host: no, port: 1344}
  - {host: icap1.example.com, port: 013440}
  - 100.64.3.256
  - {host: 192.0.2.8, tls: {ca_file: missing.pem}}
  - icap3.example.com
  - ICAP3.example.com.:1344
samples: [eicar]
"""


@pytest.mark.usefixtures("either_loader")
def test_ten_different_mistakes_are_ten_located_errors(mistakes: Mistakes) -> None:
    expected = [
        "pool.yaml:3:16: profile.service_uri: 'OMSScanReq-AV' does not begin with '/': write '/OMSScanReq-AV'",
        (
            "pool.yaml:4:11: profile.vendor: opswat is not known: write ICAP_VENDOR_GENERIC, ICAP_VENDOR_OPSWAT or "
            "ICAP_VENDOR_LASTLINE; did you mean 'ICAP_VENDOR_OPSWAT'?"
        ),
        "pool.yaml:5:3: profile.preview_szie: unknown key; did you mean 'preview_size'?",
        "pool.yaml:6:17: profile.preview_size: 6000 is out of range: write a number from 0 to 5000 (bytes)",
        'pool.yaml:8:12: members[0].host: no is read by YAML as false: write it in quotes, "no"',
        (
            "pool.yaml:9:37: members[1].port: 013440 is read by YAML as 5920 (octal): write a number from 1 to 65535 "
            "without leading zeros"
        ),
        (
            "pool.yaml:10:5: members[2]: '100.64.3.256' is not an IPv4 address: write four numbers from 0 to 255, "
            "such as 192.0.2.7 (no leading zeros)"
        ),
        (
            "pool.yaml:11:38: members[3].tls.ca_file: 'missing.pem' does not exist: file names are relative to "
            "the pool file"
        ),
        "pool.yaml:13:5: members[5]: icap3.example.com:1344 is there already, in line 12: delete one of the two",
        "pool.yaml:14:10: samples: write [clean], or [clean, eicar] to send the EICAR test file too",
    ]
    assert expected == mistakes(TEN)


def test_errors_carry_their_parts(tmp_path: Path) -> None:
    file = tmp_path / "pool.yaml"
    file.write_text("service_uri: /avscan\nmembers: [{host: a, port: 0}]\n")
    with pytest.raises(PoolError) as caught:
        load_pool(file)
    message = "0 is out of range: write a number from 1 to 65535"
    expected = (Located(file=str(file), line=2, column=27, path="members[0].port", message=message),)
    assert expected == caught.value.errors


def test_parts_that_are_missing_leave_no_gap() -> None:
    assert str(Located(file="a", line=None, column=None, path="", message="m")) == "a: m"
    assert str(Located(file="", line=None, column=None, path="--profile", message="m")) == "--profile: m"
    assert str(Located(file="a", line=1, column=2, path="", message="m")) == "a:1:2: m"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", ["pool.yaml:1:1: empty: the shortest useful file has service_uri: /… and members: [address]"]),
        (
            "pool: x\n",
            [
                (
                    "pool.yaml:1:1: service_uri: missing: write the path of the ICAP service, such as "
                    "service_uri: /OMSScanReq-AV"
                ),
                "pool.yaml:1:1: members: missing: write members: [address, …]",
            ],
        ),
        (
            "- 192.0.2.1\n",
            ["pool.yaml:1:1: there is a list here: a pool file is a mapping, with service_uri: /… and members: […]"],
        ),
        (
            "192.0.2.1\n",
            [
                (
                    "pool.yaml:1:1: there is a single value here: a pool file is a mapping, with service_uri: /… and "
                    "members: […]"
                )
            ],
        ),
        (
            "service_uri: /a\nmembers: 192.0.2.1\n",
            [
                (
                    "pool.yaml:2:10: members: there is a single value here: write a list, such as "
                    "[192.0.2.7, icap2.example.com:1344]"
                )
            ],
        ),
        (
            "service_uri: /a\nmembers:\n",
            [
                (
                    "pool.yaml:2:9: members: there is no value here: write a list, "
                    "such as [192.0.2.7, icap2.example.com:1344]"
                )
            ],
        ),
        (
            "service_uri: /a\nmembers: []\n",
            ["pool.yaml:2:10: members: the list is empty: write at least one member"],
        ),
        (
            "service_uri: /a\nmembers: [a]\nprofile: GENERIC\n",
            ["pool.yaml:3:10: profile: there is a single value here: write a mapping (key: value)"],
        ),
        (
            "service_uri: /a\nprofile: {service_uri: /b}\nmembers: [a]\n",
            [
                "pool.yaml:2:24: profile.service_uri: '/b' differs from the service_uri in line 1, '/a': write it once",
            ],
        ),
        (
            "service_uri: /a\ndefault_port: 1345\nprofile: {default_port: 1346}\nmembers: [a]\n",
            ["pool.yaml:2:15: default_port: 1345 differs from profile.default_port, 1346: write it once"],
        ),
        (
            "service_uri: /a\nmembers: [a]\npool: [x\n",
            [
                (
                    "pool.yaml:4:1: not YAML: did not find expected ',' or ']' (while parsing a flow sequence that "
                    "begins in "
                    "line 3)"
                )
            ],
        ),
        (
            "service_uri: /a\nmembers:\n\t- a\n",
            ["pool.yaml:3:1: not YAML: found character that cannot start any token; indent with spaces, not with tabs"],
        ),
        (
            "service_uri: /a\nmembers: [a]\n---\nservice_uri: /b\n",
            ["pool.yaml:3:1: a second document: a pool file holds one; delete from the line '---' on"],
        ),
        (
            "apiVersion: ako.vmware.com/v1beta1\nkind: HostRule\n",
            [
                (
                    "pool.yaml:1:1: a Kubernetes object (HostRule): it only names an ICAP profile; load that "
                    "profile, its "
                    "pool group and its pools from the Controller"
                )
            ],
        ),
    ],
)
def test_files_that_are_no_pool(mistakes: Mistakes, text: str, expected: list[str]) -> None:
    assert expected == mistakes(text)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("membres", "members"),
        ("Members", "members"),
        ("name", "pool"),
        ("uri", "service_uri"),
        ("sample", "samples"),
        ("defaultport", "default_port"),
        ("ssl", "tls"),
    ],
)
def test_unknown_keys_suggest_the_nearest(mistakes: Mistakes, key: str, meant: str) -> None:
    (line,) = mistakes(f"service_uri: /a\nmembers: [a]\n{key}: x\n")
    assert f"pool.yaml:3:1: {key}: unknown key; did you mean '{meant}'?" == line


def test_unknown_key_with_nothing_near_lists_the_known(mistakes: Mistakes) -> None:
    expected = [r"pool.yaml:2:21: members[0]['x\xa0y']: unknown key; known are host, port, name, enabled, tls"]
    assert expected == mistakes("service_uri: /a\nmembers: [{host: a, x\u00a0y: 1}]\n")


def test_duplicate_keys_name_the_first(mistakes: Mistakes) -> None:
    text = """\
        service_uri: /a
        profile:
          preview_size: 1
          preview_size: 2
        members: [{host: a, port: 1, port: 2}]
        service_uri: /b
        """
    expected = [
        "pool.yaml:4:3: profile.preview_size: written twice; the first is in line 3: delete one",
        "pool.yaml:5:30: members[0].port: written twice; the first is in line 5: delete one",
        "pool.yaml:6:1: service_uri: written twice; the first is in line 1: delete one",
    ]
    assert expected == mistakes(text)


def test_duplicate_members_are_found_in_any_spelling(mistakes: Mistakes) -> None:
    text = """\
        service_uri: /a
        members:
          - 2001:db8::1
          - "[2001:0DB8:0:0::1]:1344"
          - {host: icap.example.com., name: one}
          - icap://ICAP.example.com
          - {host: 192.0.2.1, name: one}
          - icaps://icap.example.com
        """
    expected = [
        "pool.yaml:4:5: members[1]: [2001:db8::1]:1344 is there already, in line 3: delete one of the two",
        "pool.yaml:6:5: members[3]: icap.example.com:1344 is there already, in line 5: delete one of the two",
        "pool.yaml:7:5: members[4]: the name 'one' is there already, in line 5: delete one of the two",
    ]
    assert expected == mistakes(text)


def test_one_bad_member_hides_no_other(mistakes: Mistakes) -> None:
    text = """\
        service_uri: /a
        members:
          - {prot: 1}
          - {host: a, port: x, enabled: 2, name: "", extra: 1}
          - [a]
          - {host: {a: b}}
        """
    expected = [
        "pool.yaml:3:5: members[0].host: missing: write host: …",
        "pool.yaml:3:6: members[0].prot: unknown key; did you mean 'port'?",
        "pool.yaml:4:21: members[1].port: x is not a whole number: write a number from 1 to 65535 in plain digits",
        "pool.yaml:4:33: members[1].enabled: 2 is neither true nor false: write true or false",
        "pool.yaml:4:42: members[1].name: has no value: write one, or delete the line",
        "pool.yaml:4:46: members[1].extra: unknown key; known are host, port, name, enabled, tls",
        (
            "pool.yaml:5:5: members[2]: there is a list here: write host:port, or an IPv6 address in quotes, "
            '"[2001:db8::1]:1344"'
        ),
        "pool.yaml:6:12: members[3].host: there is a mapping (key: value) here: write a single value",
    ]
    assert expected == mistakes(text)


def test_a_flood_of_mistakes_is_cut_and_counted(mistakes: Mistakes) -> None:
    lines = mistakes("service_uri: /a\nmembers: [" + "1.2.3, " * (MOST_ERRORS + 7) + "]\n")
    assert len(lines) == MOST_ERRORS + 1
    assert lines[-1] == "pool.yaml: and 7 more mistakes: correct these first"


def test_too_many_members(mistakes: Mistakes) -> None:
    text = "service_uri: /a\nmembers: [" + "a, " * 20_001 + "]\n"
    assert ["pool.yaml:2:10: members: 20001 members: write at most 20000"] == mistakes(text)


def test_hostile_text_is_escaped_and_cut(mistakes: Mistakes) -> None:
    lines = mistakes(b'service_uri: "/a\\x1b[2J"\nmembers: ["' + b"x\\r\\n" * 200 + b'"]\n', file="p\x1b\n.yaml")
    assert lines[0] == r"p\x1b\n.yaml:1:14: service_uri: '/a\x1b[2J' contains the character '\x1b': remove it"
    assert all(line.isprintable() and len(line) < 250 for line in lines)


def test_default_port_option_and_profile_option(mistakes: Mistakes) -> None:
    text = "service_uri: /a\nmembers: [a]\n"
    expected = ["--profile: 'other': this file is not an Avi export, and has one profile"]
    assert expected == mistakes(text, profile="other")
    expected = ["--service-uri: 'avscan' does not begin with '/': write '/avscan'"]
    assert expected == mistakes(text, service_uri="avscan")


def test_lastline_needs_ten_bytes_of_preview(mistakes: Mistakes) -> None:
    text = "service_uri: /a\nmembers: [a]\nprofile: {vendor: ICAP_VENDOR_LASTLINE, preview_size: 9}\n"
    expected = [
        "pool.yaml:3:55: profile.preview_size: 9 is too small for this vendor: write 10 or more (1000 is advised)"
    ]
    assert expected == mistakes(text)
