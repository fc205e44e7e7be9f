"""Steps with values filled in, and without what is for another product."""

from __future__ import annotations

import pytest

from icapdiag.facts.pool import ConfigurationObject
from icapdiag.model import Facts, Observation
from icapdiag.runbook.causes import Step, fill, written
from icapdiag.runbook.surroundings import Surroundings
from icapdiag.vocabulary import Status
from tests.runbook.observed import options


@pytest.mark.parametrize(
    ("objects", "pool"),
    [
        ({}, "p"),
        ({"pool": ["p"]}, "p"),
        ({"poolgroup": ["p"], "pool": ["p-1"]}, "p-1"),
        ({"poolgroup": ["p"], "pool": ["p-1", "p-2"]}, "POOL (in pool group p)"),
    ],
)
def test_a_click_path_to_pools_never_has_a_pool_group(objects: dict[str, list[str]], pool: str) -> None:
    config = [
        Observation(
            source="config", probe="", pool="p", member="", status=Status.OK,
            facts=ConfigurationObject(object=kind, object_name=name),
        )
        for kind, names in objects.items()
        for name in names
    ]  # fmt: skip
    record = Surroundings([options("a"), *config]).of({"source": "probe", "pool": "p", "member": "a"})

    assert f"Applications > Pools > {pool} > Servers" == fill("Applications > Pools > {pool} > Servers", record)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("`nc {host} {port}`", "`nc 'a b' 1344`"),
        ("at {host}", "at a b"),
        ("{service} of {service_uri}", "av`$(x)` of /av`$(x)`".replace("`", "?").replace("$", "?")),
        ("{pool.members} of {verdict} and {nothing}", "3 of VERDICT and NOTHING"),
        ("{size} bytes in {elapsed_ms} ms, {count} left", "5237009 bytes in 12.5 ms, 0 left"),
        ("Pools > {pool}, ICAP Profile > {profile}", "Pools > POOL, ICAP Profile > av?profile"),
        ("Virtual Services > {virtual_service}", "Virtual Services > shop"),
        ("Set service_uri to {paths}; {object_name}", "Set service_uri to /avscan; ICAP-POOL"),
    ],
)
def test_only_what_is_ours_is_filled_in(text: str, expected: str) -> None:
    record: Facts = {
        "host": "a b",
        "port": 1344,
        "service_uri": "/av`$(x)`",
        "pool.members": 3,
        "size": 5237009,
        "count": 0,
        "candidates": [],
        "elapsed_ms": 12.5,
        "verdict": "`rm`",
        "pool": "command line",
        "profile.name": "av*profile",
        "virtualservices": ["shop"],
        "services.candidates": ["/avscan"],
        "object_name": "ICAP-POOL",
    }

    assert expected == fill(text, record)


HINTS = "Raise the threads (c-icap: MaxServers; or a licence), set the port (OPSWAT: icaps_port; c-icap.conf: TlsPort)."


@pytest.mark.parametrize(
    ("product", "expected"),
    [
        (None, HINTS),
        ("unknown", HINTS),
        ("c-icap", "Raise the threads (c-icap: MaxServers; or a licence), set the port (c-icap.conf: TlsPort)."),
        ("squidclamav", "Raise the threads (c-icap: MaxServers; or a licence), set the port (c-icap.conf: TlsPort)."),
        ("metadefender", "Raise the threads (or a licence), set the port (OPSWAT: icaps_port)."),
        ("eset", "Raise the threads (or a licence), set the port."),
    ],
)
def test_a_hint_for_another_product_is_left_out(product: str | None, expected: str) -> None:
    for record in ({"product": product}, {"options.product": product}):
        assert (expected,) == written([Step(text=HINTS)], record)


@pytest.mark.parametrize(
    ("product", "expected"),
    [(None, 3), ("unknown", 3), ("c-icap", 2), ("squidclamav", 2), ("kaspersky", 2), ("eset", 1)],
)
def test_a_step_for_another_product_is_left_out(product: str | None, expected: int) -> None:
    texts = ("c-icap: set MaxServers.", "Kaspersky Scan Engine: raise the limit.", "Note: raise the limit.")

    found = written([Step(text=text, place="server") for text in texts], {"product": product})

    assert (expected, "On the ICAP server: Note: raise the limit.") == (len(found), found[-1])


@pytest.mark.parametrize(
    "several", [["shop", "api"], ["virtualservice-e8168561-e892-c34c-5d3f-97eeca2ce6bc"], [], None]
)
def test_a_virtual_service_that_the_ui_does_not_name_stays_open(several: list[str] | None) -> None:
    assert "VIRTUAL_SERVICE > Logs" == fill("{virtual_service} > Logs", {"virtualservices": several})
