"""What Avi's API returns: one object, lists, answers, exports; references in every spelling."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from icapdiag.avi.config.objects import Reference, parse_reference
from icapdiag.pool import Member, PoolError, load_pool
from tests.pool.exported import export, group, hosts, pool, profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from icapdiag.pool import Pool

    Load = Callable[..., Pool]
    Mistakes = Callable[..., list[str]]

C = "https://10.52.2.174:9443"
POOL_UUID = "pool-11a38043-e51e-4c93-8187-b390d7d81abd"
GROUP_UUID = "poolgroup-076c62e2-1d1d-4746-85aa-cd0793308a7f"


def test_a_whole_export(load: Load) -> None:
    text = export(
        pools=[pool("icap-pool", "192.0.2.1", "192.0.2.2"), pool("web", "192.0.2.9")],
        groups=[group(), group("web-group", "web")],
        profiles=[profile(preview_size="1000", allow_204="false", vendor="ICAP_VENDOR_GENERIC", description="a\nb")],
    )
    found = load(text)
    assert found.name == "icap-group"
    assert hosts(found) == ["192.0.2.1:1344", "192.0.2.2:1344"]
    assert (found.profile.preview_size, found.profile.allow_204) == (1000, False)
    assert (found.profile.name, found.profile.service_uri) == ("icap", "/OMSScanReq-AV")
    assert found.profile.description == "a\nb"
    assert found.members[0].line == text.split('"192.0.2.1"')[0].count("\n") - 2


@pytest.mark.parametrize(
    "ref",
    [
        f"{C}/api/pool/{POOL_UUID}",
        f"{C}/api/pool/{POOL_UUID}#icap-pool",
        f"{C}/api/pool/{POOL_UUID}#renamed",
        f"/api/pool/{POOL_UUID}",
        "/api/pool/?name=icap-pool",
        "/api/pool?name=icap-pool",
        "/api/pool/?tenant=admin&name=icap-pool&cloud=Default-Cloud",
        "/api/pool/icap-pool",
        "icap-pool",
        POOL_UUID,
        f"{POOL_UUID}#icap-pool",
    ],
)
def test_references_in_every_spelling(load: Load, ref: str) -> None:
    wanted = pool(uuid=POOL_UUID, url=f"{C}/api/pool/{POOL_UUID}", tenant_ref=f"{C}/api/tenant/admin#admin")
    other = pool("other", "192.0.2.9", uuid="pool-e3b87aff-a9d7-44eb-9935-6fd9ab81a37c")
    text = export(pools=[other, wanted], groups=[group("g", ref, uuid=GROUP_UUID)], profiles=[profile(ref=GROUP_UUID)])
    assert hosts(load(text)) == ["192.0.2.1:1344"]


def test_tenant_and_cloud_tell_equal_names_apart(load: Load, mistakes: Mistakes) -> None:
    one = pool("p", "192.0.2.1", tenant_ref="/api/tenant/?name=one", cloud_ref="/api/cloud/?name=c")
    two = pool("p", "192.0.2.2", tenant_ref="/api/tenant/?name=two", cloud_ref="/api/cloud/?name=c")
    ref = "/api/pool/?tenant=two&name=p&cloud=c"
    text = export(pools=[one, two], groups=[group("icap-group", ref)], profiles=[profile()])
    assert hosts(load(text)) == ["192.0.2.2:1344"]
    (line,) = mistakes(export(pools=[one, two], groups=[group("icap-group", "p")], profiles=[profile()]))
    assert line.endswith("PoolGroup[0].members[0].pool_ref: pool 'p' is here more than once: keep one")


def test_an_equal_name_does_not_count_against_another_uuid(mistakes: Mistakes) -> None:
    other = pool("icap-pool", uuid="pool-e3b87aff-a9d7-44eb-9935-6fd9ab81a37c")
    ref = f"{C}/api/pool/{POOL_UUID}#icap-pool"
    (line,) = mistakes(export(pools=[other], groups=[group("icap-group", ref)], profiles=[profile()]))
    assert line.endswith("pool 'icap-pool' is not in this file: export it too")


def test_one_pool_needs_a_service(load: Load, mistakes: Mistakes) -> None:
    text = json.dumps(pool("icap-pool", "192.0.2.1"))
    found = load(text, service_uri="/avscan")
    assert (found.name, hosts(found), found.profile.service_uri) == ("icap-pool", ["192.0.2.1:1344"], "/avscan")
    expected = [
        "--service-uri: an Avi pool does not name the ICAP service: give its path, such as --service-uri /OMSScanReq-AV"
    ]
    assert expected == mistakes(text)


def test_answers_lists_and_lower_case_keys(load: Load) -> None:
    objects = [pool(), group(), profile()]
    texts = [
        json.dumps(objects),
        json.dumps({"count": 3, "results": objects}),
        json.dumps({"pool": [pool()], "poolgroup": [group()], "icapprofile": profile()}),
        (
            "pool:\n- name: icap-pool\n  default_server_port: 1344\n  servers:\n  - ip: {addr: 192.0.2.1, type: V4}\n"
            "poolgroup:\n- name: icap-group\n  members:\n  - pool_ref: /api/pool/?name=icap-pool\n"
            "icapprofile:\n- name: icap\n  pool_group_ref: /api/poolgroup/?name=icap-group\n"
            "  service_uri: /OMSScanReq-AV\n"
        ),
    ]
    for text in texts:
        assert hosts(load(text)) == ["192.0.2.1:1344"]
        assert load(text).profile.service_uri == "/OMSScanReq-AV"


def test_ports_names_and_states(load: Load) -> None:
    servers = [
        {"ip": {"addr": "192.0.2.1"}, "port": "1345"},
        {"ip": {"addr": "192.0.2.2"}, "port": 0, "enabled": False},
        {"ip": {"addr": "192.0.2.3", "type": "V4"}, "port": None, "hostname": "icap3.example.com"},
        {"ip": {"addr": "192.0.2.4"}, "hostname": "icap4.example.com", "resolve_server_by_dns": True},
        {"hostname": "icap5.example.com"},
        {"ip": "2001:DB8::6"},
        {"ip": {"addr": "icap7.example.com", "type": "DNS"}},
    ]
    found = load(json.dumps({"name": "p", "servers": servers, "lb_algorithm": "X"}), service_uri="/a")
    expected = [
        ("192.0.2.1:1345", True),
        ("192.0.2.2:80", False),
        ("192.0.2.3:80", True),
        ("icap4.example.com:80", True),
        ("icap5.example.com:80", True),
        ("[2001:db8::6]:80", True),
        ("icap7.example.com:80", True),
    ]
    assert expected == [(member.name, member.enabled) for member in found.members]


def test_disabled_pools_and_ratio_0_switch_members_off(load: Load) -> None:
    members = [{"pool_ref": "a", "ratio": 0}, {"pool_ref": "b", "ratio": 1}, {"pool_ref": "c"}]
    text = export(
        pools=[pool("a", "192.0.2.1"), pool("b", "192.0.2.2", enabled=False), pool("c", "192.0.2.3")],
        groups=[{"name": "icap-group", "members": members}],
        profiles=[profile()],
    )
    assert [False, False, True] == [member.enabled for member in load(text).members]


def test_a_server_in_two_pools_is_checked_once_and_noted(load: Load) -> None:
    text = export(
        pools=[pool("a", "192.0.2.1", enabled=False), pool("b", "192.0.2.1", "192.0.2.2")],
        groups=[group("icap-group", "a", "b")],
        profiles=[profile()],
    )
    found = load(text)
    assert [("192.0.2.1:1344", True), ("192.0.2.2:1344", True)] == [
        (member.name, member.enabled) for member in found.members
    ]
    assert found.notes == ("192.0.2.1:1344 stands more than once in the Avi pools; it is checked once",)


CLOUD = "https://c/api/cloud/cloud-0a1b2c3d-0000-4000-8000-00000000000"


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        (
            "/api/cloud?name=Default-Cloud",
            "/api/cloud?name=vCenter",
            "is in cloud 'vCenter' and not in 'Default-Cloud'",
        ),
        (
            f"{CLOUD}1#Default-Cloud",
            f"{CLOUD}2#Default-Cloud",
            "is in cloud 'Default-Cloud' and not in 'Default-Cloud'",
        ),
        ("/api/cloud?name=Default-Cloud", f"{CLOUD}2#vCenter", "is in cloud 'vCenter' and not in 'Default-Cloud'"),
        (f"{CLOUD}1#Default-Cloud", f"{CLOUD}1", None),
        (f"{CLOUD}1", "/api/cloud?name=Default-Cloud", None),  # a uuid and a name may mean the same
        ("/api/cloud?name=Default-Cloud", None, None),
    ],
)
def test_a_reference_into_another_cloud(load: Load, own: str, others: str | None, expected: str | None) -> None:
    far = {} if others is None else {"cloud_ref": others}
    found = load(export(pools=[pool(**far)], groups=[group(**far)], profiles=[profile(cloud_ref=own)]))

    said = {each.object: each.broken_references for each in found.objects}
    assert {
        "icapprofile": expected and (f"pool_group_ref 'icap-group' {expected}",),
        "poolgroup": None,
        "pool": None,
    } == said


@pytest.mark.parametrize(
    ("tenants", "expected"),
    [
        (("red", "red", "blue"), {"poolgroup": ("pool_ref 'icap-pool' is in tenant 'blue' and not in 'red'",)}),
        (
            ("red", "blue", "blue"),
            {"icapprofile": ("pool_group_ref 'icap-group' is in tenant 'blue' and not in 'red'",)},
        ),
        (("red", "admin", "admin"), {}),
        (("red", "red", "red"), {}),
    ],
)
def test_a_reference_into_another_tenant(load: Load, tenants: tuple[str, ...], expected: Any) -> None:
    refs = [{"tenant_ref": f"/api/tenant/?name={name}"} for name in tenants]
    found = load(export(pools=[pool(**refs[2])], groups=[group(**refs[1])], profiles=[profile(**refs[0])]))

    assert expected == {each.object: each.broken_references for each in found.objects if each.broken_references}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Reference("")),
        ("a/b", Reference("a/b")),
        ("${avi_pool.x.id}", Reference(address="avi_pool.x")),
        ("/api/pool/?name=a%20b", Reference("", "a b", kind="pool")),
        ("/api/pool/a%2Fb", Reference("a/b", kind="pool")),
        ("/api/pool/?" + "&".join(["a=b"] * 100), Reference(kind="pool")),
        ("https://[::1/api/pool/x", Reference("x", kind="pool")),
        ("/api", Reference()),
    ],
)
def test_odd_references(text: str, expected: Reference) -> None:
    assert expected == parse_reference(text)


OURS = Path(__file__).parents[1] / "data" / "avi-config"
MET = Path(__file__).parents[3] / "shared" / "evidence" / "avi-config"
# The pools among them, and their members as (host, port, line).
POOLS = {
    "pool-get.json": (("10.20.0.3", 8080, 8), ("10.20.0.4", 8080, 21)),
    "pool-converted.json": (("10.20.0.18", 80, 5), ("10.20.0.17", 80, 14)),
    "001-ako-pool-get.json": (("172.17.0.3", 8080, 14), ("172.17.0.4", 8080, 31)),
    "006-f5conv-pool.json": (("10.90.63.18", 80, 8), ("10.90.63.17", 80, 17)),
}


@pytest.mark.parametrize(
    "file",
    [file for folder in (OURS, MET) if folder.is_dir() for file in sorted(folder.iterdir())],
    ids=lambda file: file.name,
)
def test_a_configuration_is_a_pool_or_a_pool_error(file: Path) -> None:
    """Ours, and where they are beside the checkout those that were met."""
    if file.name not in POOLS:
        with pytest.raises(PoolError):
            load_pool(file, service_uri="/avscan")
        return
    expected = tuple(
        Member(host=host, port=port, name=f"{host}:{port}", line=line) for host, port, line in POOLS[file.name]
    )
    assert expected == load_pool(file, service_uri="/avscan").members


def test_the_profile_of_a_virtual_service(load: Load, mistakes: Mistakes) -> None:
    made = {
        "Pool": [pool(), pool("other", "192.0.2.9")],
        "PoolGroup": [group(), group("other-group", "other")],
        "IcapProfile": [profile(), profile("second", "other-group")],
        "VirtualService": [
            {
                "name": "shop",
                "uuid": "virtualservice-1",
                "icap_request_profile_refs": ["/api/icapprofile/?name=second"],
            },
            {"name": "plain"},
            {"name": "lost", "icap_request_profile_refs": ["third"]},
        ],
    }
    text = json.dumps(made)
    for name in ("shop", "virtualservice-1"):
        assert hosts(load(text, virtual_service=name)) == ["192.0.2.9:1344"]
    assert hosts(load(text, virtual_service="shop", profile="second")) == ["192.0.2.9:1344"]
    for name, said in (
        ("nobody", "no virtual service 'nobody' in this file: there is 'shop', 'plain', 'lost'"),
        ("plain", "virtual service 'plain' has no ICAP profile"),
        ("lost", "ICAP profile 'third' of virtual service 'lost' is not in this file: export it too"),
    ):
        assert mistakes(text, virtual_service=name) == [f"--virtual-service: {said}"]
    (line,) = mistakes(text, virtual_service="shop", profile="icap")
    assert line == "--virtual-service: virtual service 'shop' uses the ICAP profile 'second'"
    (line,) = mistakes("service_uri: /a\nmembers: [a]\n", virtual_service="shop")
    assert line == "--virtual-service: this file is not an Avi export, and has no virtual services"
