"""Which requests a rule is for, and which rule leaves nothing for a later one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from icapdiag.avi.config.objects import POLICY_SET, AviObject
from icapdiag.avi.config.rules import Match, rules_of
from icapdiag.jsontree import read_json
from icapdiag.yamltree import MapNode
from tests.lint.right import allowing


def match_of(**match: Any) -> Match:
    text = json.dumps({"http_security_policy": {"rules": [allowing("r", 1, **match)]}})
    node = read_json(text, {"http_security_policy"})
    assert isinstance(node, MapNode)
    (rule,) = rules_of(AviObject(POLICY_SET, node, ()))
    return rule.match


def path(*strings: str, criterion: str = "BEGINS_WITH", **more: Any) -> dict[str, Any]:
    return {"path": {"match_criteria": criterion, "match_str": list(strings), **more}}


def method(*names: str, criterion: str = "IS_IN") -> dict[str, Any]:
    return {"method": {"match_criteria": criterion, "methods": [f"HTTP_METHOD_{name}" for name in names]}}


ADDRESS = {"client_ip": {"match_criteria": "IS_IN", "addrs": [{"addr": "192.0.2.1", "type": "V4"}]}}


@pytest.mark.parametrize(
    ("earlier", "later", "covers"),
    [
        ({}, {}, True),
        ({}, path("/upload"), True),
        (path("/upload"), {}, False),
        (path("/"), {}, True),  # without its slash it is the start of every path
        (path("/up"), path("/upload", "/up/x"), True),
        (path("/upload"), path("/up"), False),
        (path("up"), path("/upload"), True),
        (path("/UP"), path("/upload"), True),
        (path("/UP", match_case="SENSITIVE"), path("/UPLOAD"), False),
        (path("/UP", match_case="SENSITIVE"), path("/UPLOAD", match_case="SENSITIVE"), True),
        (path("/up"), path("/upload", criterion="EQUALS"), True),
        (path("/upload", criterion="EQUALS"), path("/upload"), False),
        (path("login", criterion="EQUALS"), path("/login", criterion="EQUALS"), True),
        (path("load", criterion="CONTAINS"), path("/upload"), True),
        (path("load", criterion="CONTAINS"), path("/up"), False),
        (path(".exe", criterion="ENDS_WITH"), path("/a.exe", criterion="EQUALS"), True),
        (path("^/up", criterion="REGEX_MATCH"), path("/up"), False),
        (path("^/up", criterion="REGEX_MATCH"), path("^/up", criterion="REGEX_MATCH"), True),
        (path("/a", string_group_refs=["/api/stringgroup?name=g"]), path("/a"), False),
        (method("POST", "PUT"), method("POST"), True),
        (method("POST"), method("POST", "PUT"), False),
        (method("POST"), {}, False),
        (method("GET", criterion="IS_NOT_IN"), method("POST"), True),
        (method("POST", criterion="IS_NOT_IN"), method("POST"), False),
        (ADDRESS, {}, False),
        (ADDRESS, {**ADDRESS, **path("/upload")}, True),
        ({**ADDRESS, **path("/upload")}, ADDRESS, False),
    ],
)
def test_what_covers_what(earlier: dict[str, Any], later: dict[str, Any], covers: bool) -> None:
    assert covers is match_of(**earlier).covers(match_of(**later))


@pytest.mark.parametrize(
    ("one", "other", "meets"),
    [
        ({}, path("/upload"), True),
        (path("/static"), path("/upload"), False),
        (path("/up"), path("/upload"), True),
        (path("/up"), path("load", criterion="CONTAINS"), True),
        (method("GET"), method("POST"), False),
    ],
)
def test_what_meets_what(one: dict[str, Any], other: dict[str, Any], meets: bool) -> None:
    assert meets is match_of(**one).meets(match_of(**other))
    assert meets is match_of(**other).meets(match_of(**one))
