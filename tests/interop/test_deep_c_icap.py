"""Real c-icap under the deep probes: the scanner and the echo, which changes its mind, are healthy."""

from __future__ import annotations

from tests.interop.clients import check
from tests.interop.conftest import CIcap


def test_a_real_scanner_keeps_to_previews_and_204(cicap: CIcap) -> None:
    # Without a preview c-icap's default mode begins to return the upload before it has scanned it; and it passes
    # what is longer than 5 MB, which the alias has switched off.
    # Debian's list of types to scan has no PDF, so that EICAR in one passes; and nobody looks into JSON.
    pdf = "eicar-in-form-passes"
    for service, whole, findings in (
        ("avscan", "blocked", [pdf]),
        ("virus_scan", "modified", [pdf, "size-limit-pass"]),
    ):
        checked = check(f"icap://127.0.0.1:{cicap.plain}/{service}", "--eicar", "--depth", "deep")

        assert (1, [*findings, "eicar-in-json-passes"]) == (checked.exit_status, list(checked.findings()))
        facts = checked.facts("preview")
        assert ("blocked", whole, "never") == (
            facts["eicar_beyond_preview"],
            facts["eicar_whole"],
            facts["passes_unseen"],
        )
        assert [] == facts["cases_failed"] + facts["deviation_rules"]
        rules = checked.facts("conformance")
        assert ["methods", "hop-by-hop", "unknown-method"] == rules["rules_deviating"]
        assert [] == rules["rules_breaking"] + rules["rules_not_tested"]


def test_an_echo_that_alternates_between_200_and_204_raises_nothing(cicap: CIcap) -> None:
    for _ in range(2):
        checked = check(f"icap://127.0.0.1:{cicap.plain}/echo", "--depth", "deep")

        assert (0, {}) == (checked.exit_status, checked.findings())
