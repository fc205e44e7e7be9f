"""ICAP profiles that AKO's HostRule and L7Rule name."""

from __future__ import annotations

from pathlib import Path

import icapdiag
from icapdiag.model import Finding

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
  icapProfile: [other-icap]
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
