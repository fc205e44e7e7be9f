"""c-icap's other services: an echo that changes its mind, a URL filter, partial answers, and no service at all."""

from __future__ import annotations

from tests.interop.clients import check
from tests.interop.conftest import CIcap


def test_an_echo_that_alternates_between_200_and_204_is_clean_each_time(cicap: CIcap) -> None:
    statuses = set()
    for _ in range(3):
        checked = check(f"icap://127.0.0.1:{cicap.plain}/echo")
        assert (0, {}) == (checked.exit_status, checked.findings("critical"))
        facts = checked.facts("clean")
        assert "allowed" == facts["verdict"]
        statuses.add(facts["icap_status"])
    assert {200, 204} == statuses


def test_a_wrong_service_is_not_found(cicap: CIcap) -> None:
    checked = check(f"icap://127.0.0.1:{cicap.plain}/no-such-service")
    assert (1, ["service-not-found"]) == (checked.exit_status, list(checked.findings("critical")))
    facts = checked.facts("services")
    assert ({"/avscan", "/virus_scan"}, ["/echo"]) == (set(facts["candidates"]), facts["unscanning"])


def test_a_path_that_was_found_is_sent_eicar_where_that_is_asked_for(cicap: CIcap) -> None:
    checked = check("--eicar", f"icap://127.0.0.1:{cicap.plain}/no-such-service")
    tried = {each["service_uri"]: each.get("eicar") for each in checked.facts("services")["services"]}
    assert ("blocked", "blocked", "allowed") == (tried["/avscan"], tried["/virus_scan"], tried["/echo"])


def test_a_url_filter_blocks_the_clean_body(cicap: CIcap) -> None:
    checked = check(f"icap://127.0.0.1:{cicap.plain}/url_check")
    assert ["clean-blocked"] == list(checked.findings("critical"))
    facts = checked.facts("clean")
    assert ("blocked", "BLOCKED", 403) == (facts["verdict"], facts["x_response_info"], facts["http_status"])


def test_a_service_for_partial_answers_raises_nothing(cicap: CIcap) -> None:
    checked = check(f"icap://127.0.0.1:{cicap.plain}/ex206")
    assert (0, {}) == (checked.exit_status, checked.findings("critical"))
    assert "allowed" == checked.facts("clean")["verdict"]
