"""ICAP profiles that AKO's HostRule and L7Rule name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import icapdiag
from icapdiag.model import Finding
from icapdiag.vocabulary import Severity
from tests.lint.right import export, put_rule

_HOST = """\
apiVersion: ako.vmware.com/v1beta1
kind: HostRule
metadata:
  name: uploads
spec:
  virtualhost:
    fqdn: shop.example.com
    l7Rule: {l7}
    icapProfile: [{profiles}]
    httpPolicy:
      policySets: [with-icap]
"""
_L7 = """\
apiVersion: ako.vmware.com/v1alpha2
kind: L7Rule
metadata:
  name: uploads-l7
spec:
  icapProfile: {kind: AviRef, name: other-icap}
  httpPolicy:
    policySets: [with-icap]
"""


def _findings(folder: Path, *texts: str) -> list[Finding]:
    files = [folder / f"{number}.yaml" for number in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8")
    return list(icapdiag.lint(files).findings)


def test_a_hostrule_with_two_profiles_is_rejected(tmp_path: Path) -> None:
    (found,) = _findings(tmp_path, _HOST.format(l7="none", profiles="icap, icap-2"))
    assert "icap-profiles-too-many" == found.id
    place = (found.places or ())[0]
    assert ("hostrule", "icapProfile", 9) == (place.object, place.field, place.line)
    assert found.steps is not None
    assert ["AKO rejects more" in step for step in found.steps.fix or ()] == [True]


def test_the_profile_of_a_hostrule_comes_before_that_of_its_l7rule(tmp_path: Path) -> None:
    (found,) = _findings(tmp_path, _HOST.format(l7="uploads-l7", profiles="icap"), _L7)
    assert "ako-profile-overridden" == found.id
    place = (found.places or ())[0]
    assert ("l7rule", "icapProfile", 6) == (place.object, place.field, place.line)


def test_a_hostrule_of_another_l7rule_has_no_part_in_it(tmp_path: Path) -> None:
    assert [] == _findings(tmp_path, _HOST.format(l7="another", profiles="icap"), _L7)


def test_a_hostrule_without_a_profile_leaves_that_of_the_l7rule(tmp_path: Path) -> None:
    assert [] == _findings(tmp_path, _HOST.format(l7="uploads-l7", profiles=""), _L7)


_CHAIN = json.dumps({kind: made for kind, made in export().items() if kind != "VirtualService"})
_TOGETHER = """\
apiVersion: ako.vmware.com/v1beta1
kind: HostRule
metadata: {{name: shop, namespace: {namespace}}}
spec:
  virtualhost:
    fqdn: shop.example.com
    l7Rule: shop-l7
    {own}
---
apiVersion: ako.vmware.com/v1alpha2
kind: L7Rule
metadata: {{name: shop-l7, namespace: red}}
spec:
  {below}
"""
_PROFILE = "icapProfile: {kind: AviRef, name: icap-prof}"
_SETS = "httpPolicy: {policySets: [app-policies]}"


@pytest.mark.parametrize(
    ("own", "below", "expected"),
    [
        ("icapProfile: [icap-prof]", _SETS, ("yes", None)),
        (_SETS, _PROFILE, ("yes", None)),
        ("wafPolicy: w", f"{_PROFILE}\n  {_SETS}", ("yes", None)),
        (f"{_SETS}\n    icapProfile: [icap-prof]", "httpPolicy: {policySets: [elsewhere]}", ("yes", None)),
        ("icapProfile: [icap-prof]", "httpPolicy: {policySets: [elsewhere]}", ("unknown", "policy-set-not-visible")),
        ("icapProfile: [icap-prof]", "wafPolicy: w", ("unknown", "policy-set-elsewhere")),
        (_SETS, "wafPolicy: w", ("no", "no-profile")),
    ],
)
def test_what_a_hostrule_does_not_name_its_l7rule_may(
    tmp_path: Path, own: str, below: str, expected: tuple[str, str | None]
) -> None:
    files = {"rules.yaml": _TOGETHER.format(namespace="red", own=own, below=below), "chain.json": _CHAIN}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    subject: Any = icapdiag.lint([tmp_path / name for name in files]).subject
    assert [("hostrule", "shop", *expected)] == [
        (each.object, each.name, each.scanned, each.why) for each in subject.services
    ]


def test_an_l7rule_of_another_namespace_has_no_part_in_it(tmp_path: Path) -> None:
    file, chain = tmp_path / "rules.yaml", tmp_path / "chain.json"
    file.write_text(_TOGETHER.format(namespace="blue", own="icapProfile: [icap-prof]", below=_SETS), encoding="utf-8")
    chain.write_text(_CHAIN, encoding="utf-8")
    report = icapdiag.lint([file, chain])
    subject: Any = report.subject
    assert [("shop", "unknown", "policy-set-not-visible"), ("shop-l7", "unknown", "profile-elsewhere")] == [
        (each.name, each.scanned, each.why) for each in subject.services
    ]
    assert "L7Rule shop-l7 of HostRule shop (may bring policy sets)" in (report.not_tested or ())


def test_without_its_l7rule_a_rule_of_a_hostrule_may_have_a_profile(tmp_path: Path) -> None:
    """The rule is there, and the L7Rule that may name the profile is not: nothing is known to be wrong."""
    text = _TOGETHER.format(namespace="red", own=_SETS, below="wafPolicy: w").partition("---")[0]
    file, chain = tmp_path / "rule.yaml", tmp_path / "chain.json"
    file.write_text(text, encoding="utf-8")
    chain.write_text(_CHAIN, encoding="utf-8")
    report = icapdiag.lint([file, chain])
    subject: Any = report.subject
    assert [("unknown", "profile-elsewhere")] == [(each.scanned, each.why) for each in subject.services]
    assert [] == [each.id for each in report.findings if each.severity is not Severity.INFO]


def test_a_finding_about_a_profile_points_at_the_l7rule_that_names_it(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(
        _TOGETHER.format(namespace="red", own=_SETS, below="icapProfile: [icap-prof, icap-2]"), encoding="utf-8"
    )
    found = [each for each in icapdiag.lint([file]).findings if each.id == "icap-profiles-too-many"]
    places = [place for each in found for place in each.places or ()]
    assert {("l7rule", "shop-l7", "icapProfile", 14)} == {
        (each.object, each.object_name, each.field, each.line) for each in places
    }


@pytest.mark.parametrize(
    ("sets", "finding", "severity", "cause"),
    [
        ("", "ako-profile-without-rule", Severity.WARNING, "no-policy-set"),
        (_SETS, "icap-rule-missing", Severity.CRITICAL, "rule-disabled"),
    ],
)
def test_a_profile_without_a_rule_in_force(
    tmp_path: Path, sets: str, finding: str, severity: Severity, cause: str
) -> None:
    file, chain = tmp_path / "rule.yaml", tmp_path / "chain.json"
    file.write_text(
        _TOGETHER.format(namespace="red", own=f"icapProfile: [icap-prof]\n    {sets}", below="wafPolicy: w"),
        encoding="utf-8",
    )
    made = export(put_rule(enable=False))
    chain.write_text(json.dumps({kind: each for kind, each in made.items() if kind != "VirtualService"}), "utf-8")
    (found,) = icapdiag.lint([file, chain]).findings
    assert (finding, severity) == (found.id, found.severity)
    assert cause == (found.causes or ())[0].id


@pytest.mark.parametrize(
    ("kind", "part", "written", "allowed"),
    [
        ("HostRule", "virtualhost: {{{}}}", "{kind: AviRef, name: icap}", "a list of one name"),
        ("HostRule", "virtualhost: {{{}}}", "icap", "a list of one name"),
        ("L7Rule", "{}", "[icap]", "an object with kind AviRef and name"),
    ],
)
def test_the_profile_is_written_as_the_kind_of_rule_has_it(
    tmp_path: Path, kind: str, part: str, written: str, allowed: str
) -> None:
    spec = part.format(f"icapProfile: {written}")
    text = f"apiVersion: ako.vmware.com/v1beta1\nkind: {kind}\nmetadata: {{name: shop}}\nspec:\n  {spec}\n"
    (found,) = (each for each in _findings(tmp_path, text) if each.id == "avi-value-refused")
    assert found.steps is not None
    assert f"icapProfile of shop as Avi expects it: {allowed}" in (found.steps.fix or ("",))[0]
    place = (found.places or ())[0]
    assert (kind.lower(), "icapProfile", 5) == (place.object, place.field, place.line)
