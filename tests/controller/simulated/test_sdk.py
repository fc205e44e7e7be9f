"""avisdk, the SDK of Avi's own, is content with the simulated Controller; and its way to fetch logs loses entries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from avi.sdk.avi_api import APIError, ApiSession

from tests.controller.simulated.client import key_of
from tests.controller.simulated.controller import Controller
from tests.controller.simulated.faults import Fault, session_over
from tests.controller.simulated.inventory import SERVICES, Object
from tests.controller.simulated.log_answers import LIMIT, Partial
from tests.controller.simulated.truth import Truth, to_query

# From Python 3.12 on, avisdk's use of datetime.utcnow is deprecated.
pytestmark = pytest.mark.filterwarnings(r"ignore:datetime\.datetime\.utcnow:DeprecationWarning")
TRUTH = Truth(3000, burst=60)
PORTAL = SERVICES[0]


@pytest.fixture
def controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Controller]:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # to requests, they come before ``verify``
        monkeypatch.delenv(name, raising=False)
    with Controller.serving(tmp_path, TRUTH) as found:
        yield found
    ApiSession.clear_cached_sessions()


@pytest.fixture
def session(controller: Controller) -> Iterator[Any]:
    with _session(controller, password="correct-horse") as found:  # noqa: S106 - opens only the simulator
        yield found


def test_it_logs_in_with_a_password_or_a_token(controller: Controller, session: Any) -> None:
    assert "30.2.1" == session.remote_api_version["Version"]
    with _session(controller, token="token-0001") as other:  # noqa: S106 - opens only the simulator
        assert 3 == other.get("pool").json()["count"]
    with pytest.raises(APIError, match="Invalid credentials"):
        _session(controller, password="wrong")  # noqa: S106 - opens nothing


def test_its_session_cookie_is_the_one_that_the_login_names(controller: Controller) -> None:
    controller.sessions.cookie = "avi-sessionid-443"
    with _session(controller, token="token-0001") as session:  # noqa: S106 - opens only the simulator
        assert session.session_id in controller.sessions.open
        assert 200 == session.get("pool").status_code


def test_it_finds_objects_by_name_and_changes_them(controller: Controller, session: Any) -> None:
    assert PORTAL.uuid == session.get_object_by_name("virtualservice", PORTAL.name)["uuid"]
    made = session.post("pool", data={"name": "p", "servers": []})
    assert 201 == made.status_code
    assert 204 == session.delete_by_name("pool", "p").status_code
    assert [("POST", "/api/pool"), ("DELETE", f"/api/pool/{made.json()['uuid']}")] == controller.changes


def test_it_sends_no_version_unless_told(session: Any) -> None:
    assert "icap_request_profile_refs" not in session.get(f"virtualservice/{PORTAL.uuid}").json()
    assert "icap_request_profile_refs" in session.get(f"virtualservice/{PORTAL.uuid}", api_version="30.2.1").json()


@pytest.mark.parametrize("status", [401, 419])
def test_it_logs_in_again_when_the_session_is_over(controller: Controller, session: Any, status: int) -> None:
    controller.faults.add(session_over(path="pool", status=status))
    assert 3 == session.get("pool").json()["count"]
    assert ["/login", "/api/pool", "/login", "/api/pool"] == [request.path for request in controller.requests]


def test_it_asks_again_after_an_answer_broke_off(controller: Controller, session: Any) -> None:
    controller.faults.add(Fault(path="pool", cut=100))
    controller.faults.add(Fault(path="pool", hang_up=True))
    assert 3 == session.get("pool").json()["count"]
    assert 3 == sum("/api/pool" == request.path for request in controller.requests)


def test_it_logs_out(controller: Controller, session: Any) -> None:
    assert 200 == session.post("logout").status_code
    assert {} == controller.sessions.open


def test_a_partial_answer_is_followed_in_the_way_of_public_code(controller: Controller, session: Any) -> None:
    controller.logs.partial.append(Partial())
    path: str | None = f"analytics/logs?type=1&virtualservice={PORTAL.uuid}&udf=true&nf=true&page_size={LIMIT}"
    counts = []
    while path:
        found = session.get(path).json()
        counts.append(found["count"])
        path = found["more"].split("api/")[1] if "more" in found else None
    assert sorted(set(counts)) == counts, "more each time"
    assert len(TRUTH.logged[0]) == counts[-1]


@pytest.mark.parametrize(("limit", "page"), [(100, 100), (100, 50)], ids=["one page", "pages"])
def test_its_fetch_logs_loses_entries_with_equal_times(
    controller: Controller, session: Any, limit: int, page: int
) -> None:
    """fetch_logs.py of alb-sdk goes on a microsecond after the last entry that it got."""
    controller.logs.limit = limit
    found, borders = _fetch_logs(session, page)
    keys = [key_of(entry) for entry in found]
    lost = set(TRUTH.keys(0)) - set(keys)
    assert len(keys) == len(set(keys))
    assert lost
    assert {key[-1] for key in lost} <= set(borders)
    controller.logs.limit = LIMIT
    found, _ = _fetch_logs(session, LIMIT)
    assert TRUTH.keys(0) == sorted(key_of(entry) for entry in found)


def _session(controller: Controller, **credentials: str) -> Any:
    return ApiSession("127.0.0.1", "auditor", port=controller.port, verify=str(controller.ca_file), **credentials)


def _fetch_logs(session: Any, page: int) -> tuple[list[Object], list[str]]:
    """As the SDK's script does it; also the time of the last entry before each step."""
    start, end = (datetime.fromisoformat(text) for text in (TRUTH.since, TRUTH.until))
    entries: list[Object] = []
    borders = []
    while start < end:
        query = f"virtualservice={PORTAL.name}&type=1&page_size={page}&udf=true&nf=true&orderby=report_timestamp"
        found = session.get("/analytics/logs/", params=f"{query}&start={_query(start)}&end={_query(end)}").json()
        if not found["count"]:
            break
        entries += found["results"]
        while "next" in found:
            found = session.get("/analytics/logs/", params=found["next"].split("?")[1]).json()
            entries += found["results"]
        borders.append(found["results"][-1]["report_timestamp"])
        start = datetime.fromisoformat(borders[-1]) + timedelta(microseconds=1)
    return entries, borders


def _query(moment: datetime) -> str:
    return to_query(int(moment.timestamp()) * 1_000_000 + moment.microsecond)
