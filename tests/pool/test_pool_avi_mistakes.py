"""Avi objects that are no pool, and references that lead nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.pool.exported import export, group, pool, profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from icapdiag.pool import Pool

    Load = Callable[..., Pool]
    Mistakes = Callable[..., list[str]]


def test_several_profiles_ask_which(load: Load, mistakes: Mistakes) -> None:
    text = export(pools=[pool()], groups=[group()], profiles=[profile("one"), profile("two", service_uri="/avscan")])
    assert ["pool.yaml: holds 2 ICAP profiles: choose one with --profile NAME: 'one', 'two'"] == mistakes(text)
    assert load(text, profile="two").profile.service_uri == "/avscan"
    assert load(text, profile="two", service_uri="/x").profile.service_uri == "/x"
    expected = ["--profile: the file holds no ICAP profile 'three'; it holds 'one', 'two'"]
    assert expected == mistakes(text, profile="three")


@pytest.mark.parametrize(
    ("pools", "groups", "profiles", "message"),
    [
        ([], [], [], "holds no IcapProfile, PoolGroup or Pool of Avi: export these three, or write a pool.yaml"),
        (
            [pool("a"), pool("b")],
            [],
            [],
            ("holds 2 pools and no pool group or ICAP profile that chooses: add them, or keep one of 'a', 'b'"),
        ),
        (
            [pool()],
            [group("a"), group("b")],
            [],
            ("holds 2 pool groups and no ICAP profile that chooses one: add the profile, or keep one of 'a', 'b'"),
        ),
        (
            [pool()],
            [],
            [profile()],
            (
                "IcapProfile[0]: pool group 'icap-group' of ICAP profile 'icap' is not in this file: "
                "export the profile, its PoolGroup and its Pools into one file, or write a pool.yaml"
            ),
        ),
        (
            [pool()],
            [group()],
            [profile(ref="")],
            ("IcapProfile[0]: ICAP profile 'icap' names no pool group: its pool_group_ref is missing"),
        ),
        ([pool()], [{"name": "icap-group"}], [profile()], "PoolGroup[0]: pool group 'icap-group' has no members"),
        (
            [pool(servers=[])],
            [group()],
            [profile()],
            ("Pool[0].servers: pool 'icap-pool' has no servers in this file; list their addresses in a pool.yaml"),
        ),
        (
            [pool(servers=None, ipaddrgroup_ref="/api/ipaddrgroup?name=g")],
            [group()],
            [profile()],
            (
                "Pool[0].servers: pool 'icap-pool' has no servers in this file: they come from the IP group "
                "'/api/ipaddrgroup?name=g'; list their addresses in a pool.yaml"
            ),
        ),
        (
            [pool(servers=[{"port": 1}])],
            [group()],
            [profile()],
            ("Pool[0].servers[0].ip: missing: a server has ip: {addr, type} or a hostname"),
        ),
        (
            [pool(servers=[{"ip": {"addr": None}}])],
            [group()],
            [profile()],
            ("Pool[0].servers[0].ip.addr: missing: write addr: …"),
        ),
        (
            [pool(servers=["a"])],
            [group()],
            [profile()],
            ("Pool[0].servers[0]: there is a single value here: write a mapping (key: value)"),
        ),
        (
            [pool(servers=[{"ip": ["a"]}])],
            [group()],
            [profile()],
            ("Pool[0].servers[0].ip: an address or a name is expected here"),
        ),
        (
            [pool(servers=[{"hostname": "a b"}])],
            [group()],
            [profile()],
            ("Pool[0].servers[0].hostname: 'a b' contains a space: remove it"),
        ),
        (
            [pool("icap-pool", "192.0.2.300")],
            [group()],
            [profile()],
            (
                "Pool[0].servers[0].ip.addr: '192.0.2.300' is not an IPv4 "
                "address: write four numbers from 0 to 255, such as 192.0.2.7 (no leading zeros)"
            ),
        ),
        (
            [pool(default_server_port=0)],
            [group()],
            [profile()],
            ("Pool[0].default_server_port: 0 is out of range: write a number from 1 to 65535"),
        ),
        (
            [pool()],
            [group()],
            [profile(preview_size=6000)],
            ("IcapProfile[0].preview_size: 6000 is out of range: write a number from 0 to 5000 (bytes)"),
        ),
        (
            [pool()],
            [group()],
            [profile(service_uri=None)],
            (
                "IcapProfile[0].service_uri: missing: give the path of the ICAP "
                "service, such as --service-uri /OMSScanReq-AV"
            ),
        ),
        (
            [pool()],
            [{"name": "icap-group", "members": [{"ratio": 1}]}],
            [profile()],
            "PoolGroup[0].members[0].pool_ref: missing: write pool_ref: …",
        ),
    ],
)
def test_broken_chains(
    mistakes: Mistakes, pools: list[Any], groups: list[Any], profiles: list[Any], message: str
) -> None:
    *others, line = mistakes(export(pools=pools, groups=groups, profiles=profiles))
    assert [] == [other for other in others if not other.startswith("--service-uri")]  # without a profile, as above
    assert line.startswith("pool.yaml:")
    assert line.endswith(": " + message)


def test_all_mistakes_of_an_export_at_once(mistakes: Mistakes) -> None:
    text = export(
        pools=[pool("icap-pool", "192.0.2.300", "x y")],
        groups=[group("icap-group", "icap-pool", "gone")],
        profiles=[profile(buffer_size=0)],
    )
    assert len(mistakes(text)) == 4


def test_other_objects_are_named_as_such(mistakes: Mistakes) -> None:
    for text in ('{"name": "vs", "tenant_ref": "x"}', '{"results": []}', '{"META": {}}', '[{"name": "x"}]', "[{}]"):
        assert mistakes(text) == [
            "pool.yaml: holds no IcapProfile, PoolGroup or Pool of Avi: export these three, or write a pool.yaml"
        ]
