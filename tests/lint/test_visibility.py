"""What the files do not show is not healthy, and not wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from icapdiag.vocabulary import ExitStatus
from tests.cli.run import icapdiag
from tests.lint.right import Export, Mistake, export, leave_out, put, put_rule

L7_RULE = """\
apiVersion: ako.vmware.com/v1alpha2
kind: L7Rule
metadata: {name: shop}
spec:
  icapProfile: {kind: AviRef, name: icap-prof}
  httpPolicy: {policySets: [app-policies]}
"""


def _lint(tmp_path: Path, *mistakes: Mistake) -> tuple[int, str]:
    file = tmp_path / "export.json"
    file.write_text(json.dumps(export(*mistakes)), encoding="utf-8")
    status, out, _ = icapdiag("lint", str(file))
    return status, out


@pytest.mark.parametrize(
    "kinds", [["HTTPPolicySet"], ["VirtualService"], ["VirtualService", "HTTPPolicySet", "PoolGroup"]], ids=str
)
def test_what_is_not_visible_is_unknown(tmp_path: Path, kinds: list[str]) -> None:
    status, out = _lint(tmp_path, leave_out(*kinds))
    assert (ExitStatus.INCOMPLETE, "UNKNOWN  Whether uploads ") == (status, out[:25])


def test_a_warning_does_not_hide_it(tmp_path: Path) -> None:
    status, out = _lint(tmp_path, leave_out("HTTPPolicySet"), put("IcapProfile", fail_action=None))
    assert (ExitStatus.INCOMPLETE, "UNKNOWN  Whether uploads ") == (status, out[:25])


def test_ako_with_policy_sets_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "l7rule.yaml"
    file.write_text(L7_RULE, encoding="utf-8")
    status, out, _ = icapdiag("lint", str(file))
    assert (ExitStatus.INCOMPLETE, "UNKNOWN  Whether uploads to L7Rule shop ") == (status, out[:40])


def test_of_several_none_of_which_is_visible_each_is_named(tmp_path: Path) -> None:
    files = [tmp_path / "l7rule.yaml", tmp_path / "export.json"]
    files[0].write_text(L7_RULE, encoding="utf-8")
    files[1].write_text(json.dumps(export(leave_out("HTTPPolicySet"))), encoding="utf-8")
    _, out, _ = icapdiag("lint", "-q", *map(str, files))
    said = "UNKNOWN  Whether uploads to app-vs, L7Rule shop are scanned is not visible"
    assert f"{said}: a policy set is not in these files\n" == out


def test_beside_others_what_is_not_visible_is_not_said_to_be_unscanned(tmp_path: Path) -> None:
    def second(found: Export) -> None:
        policies = [{"index": 1, "http_policy_set_ref": "elsewhere"}]
        found["VirtualService"].append({**found["VirtualService"][0], "name": "other-vs", "http_policies": policies})

    file = tmp_path / "export.json"
    for mistake, said in (
        (lambda _: None, "UNKNOWN  Uploads to 1 of 2 virtual services are scanned: not visible for other-vs"),
        (
            put_rule(enable=False),
            "CRITICAL  No upload to 1 of 2 virtual services is scanned: app-vs; not visible for other-vs",
        ),
    ):
        file.write_text(json.dumps(export(second, mistake)), encoding="utf-8")
        _, out, _ = icapdiag("lint", "-q", str(file))
        assert f"{said}\n" == out


def test_all_is_visible(tmp_path: Path) -> None:
    status, out = _lint(tmp_path)
    assert (ExitStatus.OK, "OK  Uploads to app-vs are scanned") == (status, out[:33])
