"""The schema that the program knows is that of avi-schema.csv, and its special values are legal."""

from __future__ import annotations

import csv

import pytest

from icapdiag.avi.config.schema import field_schema, nearest_field
from icapdiag.facts import config
from icapdiag.facts.sheet import facts_of
from icapdiag.pool.model import Profile
from tests.avi.schema import CSV, MODULE, NAMES_MODULE, names, rows, table


def test_the_table_is_that_of_the_file() -> None:
    assert table() == MODULE.read_text(encoding="utf-8"), "python -m tests.avi.schema --update"
    assert names() == NAMES_MODULE.read_text(encoding="utf-8"), "python -m tests.avi.schema --update"


def test_all_fields_of_the_file_are_known_and_far_enough_from_each_other() -> None:
    """None is taken for a misspelt other one."""
    with CSV.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            assert nearest_field(row["object"], row["field"], frozenset()) == ""


@pytest.mark.parametrize(
    ("kind", "name", "present", "expected"),
    [
        ("IcapProfile", "fail_acton", (), "fail_action"),
        ("IcapProfile", "fail_actoin", (), "fail_action"),
        ("IcapProfile", "failAction", (), "fail_action"),
        ("IcapProfile", "buffer-size", (), "buffer_size"),
        ("IcapProfile", "fail_acton", ("fail_action",), ""),
        ("IcapProfile", "descripton", (), "description"),
        ("VirtualService", "icap_request_profile_ref", (), "icap_request_profile_refs"),
        ("Pool", "health_monitors_refs", (), "health_monitor_refs"),
        ("Pool", "server", (), "servers"),
        ("Pool", "id", (), ""),
        ("Pool", "state", (), ""),
        ("Pool", "avi_credentials", (), ""),
        ("Pool", "tenant", (), ""),
        ("Pool", "a" * 100_000, (), ""),
        ("ServiceEngineGroup", "memory_per_s", (), ""),  # of which only some fields are known
        ("HostRule", "icapProfil", (), ""),
    ],
)
def test_the_nearest_field_of_a_name_that_is_not_known(
    kind: str, name: str, present: tuple[str, ...], expected: str
) -> None:
    assert expected == nearest_field(kind, name, frozenset(present))


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: f"{row['object']}.{row['field']}")
def test_each_field_has_type_default_range_and_words(row: dict[str, str]) -> None:
    found = field_schema(row["object"], row["field"])
    assert found is not None
    assert row["type"].strip("[]") == found.type
    assert row["default"].strip('"') == found.default
    assert tuple(row["enum"].split()) == found.words
    if row["allowed"] and "." not in row["allowed"]:
        low, _, high = row["allowed"].partition("-")
        assert (int(low), int(high)) == (found.low, found.high)
    for special in row["special"].split():
        assert found.type != "integer" or not found.problem(special)


@pytest.mark.parametrize(
    ("kind", "field", "value", "problem"),
    [
        ("IcapProfile", "preview_size", "0", ""),
        ("IcapProfile", "preview_size", "5001", "range"),
        ("IcapProfile", "preview_size", "-1", "range"),
        ("IcapProfile", "preview_size", "1e3", "type"),
        ("IcapProfile", "preview_size", "9" * 400, "type"),
        ("IcapProfile", "allow_204", "True", ""),
        ("IcapProfile", "allow_204", "1", "type"),
        ("IcapProfile", "fail_action", "ICAP_FAIL_OPEN", ""),
        ("IcapProfile", "fail_action", "icap_fail_open", "word"),
        ("PoolGroupMember", "ratio", "0", ""),
        ("PoolGroupMember", "ratio", "1001", "range"),
        ("Pool", "graceful_disable_timeout", "-1", ""),
        ("Pool", "graceful_disable_timeout", "-2", "range"),
        ("HealthMonitor", "monitor_port", "0", ""),
    ],
)
def test_values(kind: str, field: str, value: str, problem: str) -> None:
    found = field_schema(kind, field)
    assert found is not None
    assert problem == found.problem(value)


def test_defaults_of_the_profile_are_those_of_the_schema() -> None:
    for name, value in ((fact, getattr(Profile(service_uri="/"), fact)) for fact in Profile.__struct_fields__):
        schema = field_schema("IcapProfile", name)
        if schema is not None and schema.default:
            assert schema.default == str(value).lower() or schema.default == value


KINDS = {
    "virtualservice": "VirtualService", "rule": "HTTPSecurityRule", "icapprofile": "IcapProfile",
    "poolgroup": "PoolGroup", "pool": "Pool", "server": "Server", "healthmonitor": "HealthMonitor",
    "pkiprofile": "PKIProfile", "analyticsprofile": "AnalyticsProfile",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_fact_named_like_a_field_has_its_unit(kind: str) -> None:
    with CSV.open(newline="", encoding="utf-8") as lines:
        units = {row["field"]: row["unit"] for row in csv.DictReader(lines) if row["object"] == KINDS[kind]}
    for fact in facts_of(config.SHEETS[kind]):
        schema = field_schema(KINDS[kind], fact.key)
        if schema is not None and units.get(fact.key):
            assert schema.unit == fact.unit
