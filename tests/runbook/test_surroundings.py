"""Figures about the pool: a server that was seen from several places, each under a name of its own, is one server."""

from __future__ import annotations

import pytest

from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import Endpoint, ProbeSheet
from icapdiag.facts.standard import Sample
from icapdiag.model import Facts, Observation, flatten
from icapdiag.runbook.surroundings import Surroundings
from icapdiag.vocabulary import Reason, Status


def seen(member: str, host: str, *, ok: bool = True, engine: str = "") -> Observation:
    """A harmless upload to a server."""
    return Observation(
        source="probe",
        probe="clean",
        pool="icap",
        member=f"{member} from {engine}" if engine else member,
        status=Status.OK if ok else Status.FAILED,
        reason=None if ok else Reason.REFUSED,
        facts=Sample(endpoint=Endpoint(host=host, port=1344), answer=Answer(verdict="allowed" if ok else None)),
    )


CONNECTED = "connected"


def connected(member: str, host: str) -> Observation:
    """A connection to a server, and nothing more."""
    facts = ProbeSheet(endpoint=Endpoint(host=host, port=1344))
    return Observation(source="probe", probe="tcp", pool="icap", member=member, status=Status.OK, facts=facts)


def figures(*observations: Observation) -> Facts:
    """Those beside the first observation."""
    found = Surroundings(observations).pool(flatten(observations[0]))
    return {name: found[name] for name in ("members", "other_members", "other_members_ok")}


def test_each_server_counts() -> None:
    found = figures(seen("a", "192.0.2.1", ok=False), seen("b", "192.0.2.2"), seen("c", "192.0.2.3", ok=False))

    assert {"members": 3, "other_members": 2, "other_members_ok": 1} == found


@pytest.mark.parametrize("works", [True, False])
def test_a_server_seen_from_two_service_engines_counts_once_and_must_work_from_both(works: bool) -> None:
    found = figures(
        seen("a", "192.0.2.1", ok=False, engine="se-1"),
        seen("a", "192.0.2.1", ok=False, engine="se-2"),
        seen("b", "192.0.2.2", engine="se-1"),
        seen("b", "192.0.2.2", engine="se-2", ok=works),
    )

    assert {"members": 2, "other_members": 1, "other_members_ok": int(works)} == found


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ((CONNECTED,), (None, 1)),
        ((CONNECTED, "failed"), (None, 1)),
        ((CONNECTED, "ok"), (1, 0)),
        (("failed", "failed"), (0, 0)),
        ((), (0, 0)),
    ],
)
def test_a_server_that_took_no_upload_is_neither_healthy_nor_ill(
    others: tuple[str, ...], expected: tuple[int | None, int]
) -> None:
    observations = [
        connected(f"m{number}", f"192.0.2.{number}")
        if what == CONNECTED
        else seen(f"m{number}", f"192.0.2.{number}", ok=what == "ok")
        for number, what in enumerate(("failed", *others))
    ]
    found = Surroundings(observations).pool(flatten(observations[0]))

    assert expected == (found["other_members_ok"], found["other_members_untested"])


def test_what_is_critical_elsewhere_is_no_longer_untested() -> None:
    observations = [seen("a", "192.0.2.1", ok=False), connected("b", "192.0.2.2")]
    around = Surroundings(observations)
    around.note_failing([("icap", "b")])

    found = around.pool(flatten(observations[0]))
    assert (0, 0) == (found["other_members_ok"], found["other_members_untested"])


def test_members_of_a_log_that_answered_other_requests_well() -> None:
    groups: list[Facts] = [
        {"source": "log", "status": status, "members": members}
        for status, members in (("failed", ["a", "b"]), ("failed", ["a", "c"]), ("ok", ["a", "b"]))
    ]

    around = Surroundings(groups)

    assert [True, False, True] == [around.pool(each)["answering_otherwise"] for each in groups]


def test_uploads_of_the_same_virtual_service_that_were_scanned() -> None:
    groups: list[Facts] = [
        {"source": "log", "virtualservices": [service], "uploads": uploads}
        for service, uploads in (("a", None), ("a", ["POST /v2"]), ("b", ["POST /other"]), ("a", ["POST /v2", "PUT /"]))
    ]

    around = Surroundings(groups)
    again: Facts = {**groups[0], "http_methods": ["POST"], "paths": ["/v3", "/v2"]}

    found = [around.pool(each) for each in (groups[0], again, {"source": "log"})]
    assert [["POST /v2", "PUT /"], None, None] == [each["scanned_uploads"] for each in found]
    assert [None, ["POST /v2"], None] == [each["same_uploads_scanned"] for each in found]


def test_a_critical_finding_from_one_place_is_one_at_the_server() -> None:
    observations = [
        seen("a", "192.0.2.1", ok=False),
        seen("b", "192.0.2.2", engine="se-1"),
        seen("b", "192.0.2.2", engine="se-2"),
    ]
    around = Surroundings(observations)
    around.note_failing([("icap", "b from se-2")])

    assert 0 == around.pool(flatten(observations[0]))["other_members_ok"]
