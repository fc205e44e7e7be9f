"""Each mistake in a right configuration leads to exactly its finding, in its place, and a right one to none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import icapdiag
from icapdiag.model import Report
from icapdiag.vocabulary import CauseStatus, Severity
from tests.lint.right import Export, Mistake, add_rules, allowing, export, put, put_rule, put_server, rules

Lint = Callable[[Export], Report]


@pytest.fixture
def lint(tmp_path: Path) -> Lint:
    def linted(made: Export) -> Report:
        file = tmp_path / "export.json"
        file.write_text(json.dumps(made, indent=1), encoding="utf-8")
        return icapdiag.lint([file])

    return linted


class Case(NamedTuple):
    """A mistake, the finding that it leads to, the cause that comes first, and the field that is named."""

    mistake: Mistake
    finding: str
    cause: str
    status: CauseStatus
    field: str
    value: str | None


def no_rules(found: Export) -> None:
    rules(found).clear()


PROVEN, LIKELY, POSSIBLE = CauseStatus.PROVEN, CauseStatus.LIKELY, CauseStatus.POSSIBLE
RULE = "http_security_policy.rules[0]"
CASES = {
    "no rule with the ICAP action": Case(
        no_rules, "icap-rule-missing", "no-rule", PROVEN, "http_policies", "app-policies"
    ),
    "the rule is disabled": Case(
        put_rule(enable="false"), "icap-rule-missing", "rule-disabled", PROVEN, "http_policies", "app-policies"
    ),
    "a rule before it allows everything": Case(
        add_rules(allowing("all", 0)), "icap-rule-missing", "rule-covered", LIKELY, "http_policies", "app-policies"
    ),
    "a rule and no profile": Case(
        put("VirtualService", icap_request_profile_refs=None),
        "icap-profile-not-attached",
        "not-attached",
        POSSIBLE,
        f"{RULE}.action",
        "HTTP_SECURITY_ACTION_REQUEST_CHECK_ICAP",
    ),
    "fail action of the pool group": Case(
        put("PoolGroup", fail_action={"type": "FAIL_ACTION_CLOSE_CONN"}),
        "pool-group-fail-action",
        "fail-action-set",
        PROVEN,
        "fail_action",
        "FAIL_ACTION_CLOSE_CONN",
    ),
    "fail action of the pool": Case(
        put("Pool", fail_action={"type": "FAIL_ACTION_HTTP_REDIRECT"}),
        "pool-group-fail-action",
        "fail-action-set",
        PROVEN,
        "fail_action",
        "FAIL_ACTION_HTTP_REDIRECT",
    ),
    "no port": Case(
        put("Pool", default_server_port=None), "icap-port-80", "default-port", LIKELY, "default_server_port", "80"
    ),
    "a server on port 80": Case(put_server(1, port="80"), "icap-port-80", "set-to-80", LIKELY, "servers[1].port", "80"),
    "preview above its range": Case(
        put("IcapProfile", preview_size="9000"), "avi-value-refused", "range", PROVEN, "preview_size", "9000"
    ),
    "an unknown word": Case(
        put("IcapProfile", fail_action="FAIL_CLOSED"), "avi-value-refused", "word", PROVEN, "fail_action", "FAIL_CLOSED"
    ),
    "no number": Case(
        put("IcapProfile", response_timeout="60s"), "avi-value-refused", "type", PROVEN, "response_timeout", "60s"
    ),
    "a preview that the vendor can't use": Case(
        put("IcapProfile", vendor="ICAP_VENDOR_LASTLINE", preview_size=9),
        "avi-value-refused",
        "lastline",
        PROVEN,
        "vendor",
        "ICAP_VENDOR_LASTLINE",
    ),
    "fails open by default": Case(
        put("IcapProfile", fail_action=None), "fails-open", "on-failure", PROVEN, "fail_action", "ICAP_FAIL_OPEN"
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_mistake_leads_to_its_finding_and_no_other(lint: Lint, case: Case) -> None:
    made = export(case.mistake)
    report = lint(made)
    found = [each for each in report.findings if each.severity is not Severity.INFO]
    assert [case.finding] == [each.id for each in found]
    first = (found[0].causes or ())[0]
    assert (case.cause, case.status) == (first.id, first.status)
    place = (found[0].places or ())[0]
    assert (case.field, case.value) == (place.field, place.value)
    assert (found[0].steps is not None and found[0].steps.fix) is not None


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_finding_points_at_the_line_in_the_file(lint: Lint, case: Case, tmp_path: Path) -> None:
    report = lint(export(case.mistake))
    lines = (tmp_path / "export.json").read_text(encoding="utf-8").splitlines()
    for finding in report.findings:
        for place in finding.places or ():
            assert place.file == str(tmp_path / "export.json")
            assert place.line is not None
            assert place.column is not None
            written = lines[place.line - 1][place.column - 1 :]
            if place.value and not place.is_default and place.field != "http_policies":
                assert place.value in written or written.startswith(("{", "["))


def test_nothing_is_wrong_with_the_right_configuration(lint: Lint) -> None:
    report = lint(export())
    assert [] == [each.id for each in report.findings]
    assert report.verdict == "ok"
    assert report.not_tested is None
