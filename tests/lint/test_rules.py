"""Which uploads go past the ICAP rules of a right configuration that are narrower or wider than they need be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import icapdiag
from icapdiag.vocabulary import CauseStatus
from tests.lint.right import Mistake, add_rules, allowing, export, put, put_rule, rule
from tests.report.documents import table

ADDRESSES: dict[str, Any] = {"client_ip": {"match_criteria": "IS_IN", "addrs": [{"addr": "192.0.2.9", "type": "V4"}]}}
SCANNED_READS: dict[str, Any] = {"method": {"match_criteria": "IS_IN", "methods": ["HTTP_METHOD_GET"]}}


def header(name: str, criterion: str, *values: str) -> dict[str, Any]:
    return {"hdrs": [{"hdr": name, "match_criteria": criterion, "value": list(values)}]}


def path(text: str, **more: Any) -> dict[str, Any]:
    return {"path": {"match_criteria": "BEGINS_WITH", "match_str": [text], **more}}


def proven(tmp_path: Path, finding: str, *mistakes: Mistake) -> list[str]:
    """The causes of the finding that are proven."""
    file = tmp_path / "export.json"
    file.write_text(json.dumps(export(*mistakes)), encoding="utf-8")
    found = [each for each in icapdiag.lint([file]).findings if each.id == finding]
    return [one.id for each in found for one in each.causes or () if one.status is CauseStatus.PROVEN]


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (None, []),
        (path("/"), []),
        (path("/upload"), []),
        (path("/upload", match_case="SENSITIVE"), ["letter-case"]),
        ({"method": {"match_criteria": "IS_IN", "methods": ["HTTP_METHOD_PUT"]}}, ["methods"]),
        ({"method": {"match_criteria": "IS_NOT_IN", "methods": ["HTTP_METHOD_GET"]}}, []),
        ({"method": {"match_criteria": "IS_NOT_IN", "methods": ["HTTP_METHOD_POST"]}}, ["methods"]),
        (header("Content-Type", "HDR_CONTAINS", "multipart/form-data"), ["headers"]),
        (header("content-length", "HDR_EXISTS"), ["headers", "chunked"]),
        (header("Content-Length", "HDR_DOES_NOT_EXIST"), ["headers"]),
        (ADDRESSES, ["conditions"]),
    ],
    ids=str,
)
def test_what_a_rule_leaves_out(tmp_path: Path, match: dict[str, Any] | None, expected: list[str]) -> None:
    assert expected == proven(tmp_path, "icap-rule-narrow", put_rule(match=match))


PUTS: dict[str, Any] = {"method": {"match_criteria": "IS_IN", "methods": ["HTTP_METHOD_PUT"]}, **path("/")}


def last_line(tmp_path: Path, *mistakes: Mistake) -> str:
    file = tmp_path / "export.json"
    file.write_text(json.dumps(export(*mistakes)), encoding="utf-8")
    drawn = " ".join(table(icapdiag.lint([file])).split())
    return drawn.partition("Not sent to ICAP: ")[2].partition(".")[0]


@pytest.mark.parametrize(
    ("mistake", "expected"),
    [
        (lambda _: None, "PATCH; paths other than under /upload"),
        (put_rule(match=None), ""),
        (put_rule(match=PUTS), "POST, PATCH"),
        (add_rules(rule("others", 2, match=None)), ""),
        (add_rules(rule("puts", 2, match=PUTS)), "PATCH"),
        (add_rules(rule("reads", 2, match=SCANNED_READS)), "PATCH; paths other than under /upload"),
        (add_rules(rule("off", 2, match=None, enable=False)), "PATCH; paths other than under /upload"),
        (put_rule(enable=False), ""),
    ],
)
def test_the_end_says_which_methods_and_paths_are_left_out(tmp_path: Path, mistake: Mistake, expected: str) -> None:
    assert expected == last_line(tmp_path, mistake)


@pytest.mark.parametrize(
    "earlier",
    [
        allowing("reads", 0, **SCANNED_READS),
        allowing("elsewhere", 0, **path("/health")),
        allowing("bad", 0, "HTTP_SECURITY_ACTION_CLOSE_CONN", **ADDRESSES),
        allowing("later", 5, **ADDRESSES),
        {**allowing("off", 0, **ADDRESSES), "enable": False},
    ],
    ids=lambda each: str(each["name"]),
)
def test_other_rules_before_it_let_no_upload_past(tmp_path: Path, earlier: dict[str, Any]) -> None:
    file = tmp_path / "export.json"
    file.write_text(json.dumps(export(add_rules(earlier))), encoding="utf-8")
    assert "icap-rule-bypassed" not in {each.id for each in icapdiag.lint([file]).findings}


def test_waf_beside_icap(tmp_path: Path) -> None:
    assert ["order"] == proven(tmp_path, "waf-and-icap", put("VirtualService", waf_policy_ref="/api/wafpolicy?name=w"))
    assert [] == proven(tmp_path, "waf-and-icap")


@pytest.mark.parametrize("text", ["/upload?x=1", "https://www.example.com/upload", "*"])
def test_text_that_is_no_path(tmp_path: Path, text: str) -> None:
    file = tmp_path / "export.json"
    for criterion, expected in (("CONTAINS", True), ("REGEX_MATCH", False)):
        match = {"path": {"match_criteria": criterion, "match_str": [text]}}
        file.write_text(json.dumps(export(put_rule(match=match))), encoding="utf-8")
        found = {each.id for each in icapdiag.lint([file]).findings}
        assert expected == ("icap-rule-path-unmatched" in found)
