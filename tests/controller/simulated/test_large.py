"""A log as large as those of busy virtual services, fetched by a plain client."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.controller.simulated.client import Client, key_of
from tests.controller.simulated.controller import Controller
from tests.controller.simulated.faults import search_down, session_over
from tests.controller.simulated.inventory import SERVICES
from tests.controller.simulated.log_answers import LIMIT, Partial
from tests.controller.simulated.truth import Truth, to_query

_MOST = 60  # s for all of it, on a busy machine; a third of it on one that isn't


@pytest.mark.realcases
def test_each_of_120000_entries_is_served_and_soon(tmp_path: Path) -> None:
    begin = time.monotonic()
    truth = Truth(120_000)
    with Controller.serving(tmp_path, truth) as controller, Client(controller) as client:
        client.login()
        controller.faults.add(session_over(path="analytics/logs", after=5))
        controller.faults.add(search_down(after=9))
        controller.logs.partial.append(Partial("only the rest"))
        for number, service in enumerate(SERVICES):
            found = set()
            for since, until in pairwise(range(truth.start, truth.end + 1, (truth.end - truth.start) // 6)):
                found.update(_keys(client, service.name, since, until))
            assert truth.keys(number) == sorted(found)
        assert {401, 503} < {request.status for request in controller.requests}
    assert time.monotonic() - begin < _MOST


def _keys(client: Client, service: str, since: int, until: int) -> list[tuple[str, str, int, int, str]]:
    """The keys of all entries of a time (µs), both ends included, some more than once: windows halve until they fit."""
    query = {"start": to_query(since), "end": to_query(until), "page_size": LIMIT}
    found = client.logs(service, **query)
    if client.status != 200:
        if client.status == 401:
            client.login()
        found = client.logs(service, **query)
    entries = found["results"]
    most = found["count"]
    while "more" in found:
        found = client.follow(found["more"])
        entries += found["results"]
        most = max(most, found["count"])
    if most <= LIMIT:
        return [key_of(entry) for entry in entries]
    middle = (since + until) // 2
    return _keys(client, service, since, middle) + _keys(client, service, middle + 1, until)
