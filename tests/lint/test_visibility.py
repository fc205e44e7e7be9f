"""What the files do not show is not healthy, and not wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from icapdiag.vocabulary import ExitStatus
from tests.cli.run import icapdiag
from tests.lint.right import Mistake, export, leave_out, put

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


def test_all_is_visible(tmp_path: Path) -> None:
    status, out = _lint(tmp_path)
    assert (ExitStatus.OK, "OK  Uploads to app-vs are scanned") == (status, out[:33])
