"""Where the program ran, and what the table says of it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from icapdiag.facts.run import ProbingVantage, Route
from icapdiag.model import Facts, JSONValue, sheet_of
from icapdiag.report.build import CAVEAT, probing_vantage, source_addresses
from tests.report.documents import document
from tests.report.documents import table as render
from tests.report.samples import VANTAGE, member, observation, report

CLOCK: Facts = {"clock_synchronised": True}
SYNCHRONISED = "This host's clock is synchronised."


def test_each_source_address_is_named_once() -> None:
    seen = [observation("tcp", local_address=address) for address in ("10.0.0.9", "::1", "10.0.0.9")]

    assert ["10.0.0.9", "::1"] == source_addresses(seen)


def test_what_the_kernel_said_stands_beside_the_host() -> None:
    found = probing_vantage([observation("tcp", local_address="10.0.0.9")], ProbingVantage(clock_max_error_ms=1.5))

    assert ("10.0.0.9", 1.5, CAVEAT) == (found.source_address, found.clock_max_error_ms, found.caveat)
    assert ("10.0.0.9",) == found.source_addresses
    assert None is probing_vantage([], ProbingVantage()).source_address


def test_the_table_names_the_interface() -> None:
    interfaces = [{"name": "eth0\x1b", "mtu": 1450, "addresses": ["10.0.0.9"]}, {"name": "lo", "mtu": None}]
    drawn = render(report(vantage={**VANTAGE, "interfaces": interfaces}), detail=1)  # type: ignore[dict-item]

    assert "(source address 10.0.0.9; eth0\\x1b, MTU 1450; lo)" in " ".join(drawn.split())


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, "ok 12 ms"),
        ({"answer_ms": 3.04, "answer_clock": "kernel"}, "ok 3.0 ms"),
        ({"answer_ms": 3.04, "answer_uncertain": True}, "ok ~3.0 ms"),
        ({"answer_ms": 0.03}, "ok <0.1 ms"),
        ({"rtt_ms": 0.4}, "ok 0.4 ms"),
    ],
)
def test_the_table_shows_the_time_without_our_own_delays(facts: Facts, expected: str) -> None:
    probe = "tcp" if "rtt_ms" in facts else "options"
    seen = replace(observation(probe), elapsed_ms=12.0, facts=sheet_of("probe", probe, facts))

    assert expected in render(report([member("10.0.0.5", seen)]), detail=1)


@pytest.mark.parametrize(
    ("vantage", "expected"),
    [
        (
            {"routes": [{"interface": "lo", "gateway": None, "members": 2}], **CLOCK},
            f"Route: lo (no gateway). {SYNCHRONISED}",
        ),
        (
            {
                "routes": [
                    {"interface": "eth0", "gateway": "10.0.0.1", "members": 4},
                    {"interface": "eth1", "gateway": None, "members": 1},
                ],
                **CLOCK,
            },
            f"Route: eth0 via 10.0.0.1 for 4 members; eth1 (no gateway) for 1 member. {SYNCHRONISED}",
        ),
        (
            {"clock_synchronised": True, "clock_max_error_ms": 12.0},
            "This host's clock is synchronised, to within 12 ms.",
        ),
        ({"clock_synchronised": False}, "This host's clock is not synchronised and may itself be wrong."),
        ({"clock_synchronised": None}, "It is not known whether this host's clock is synchronised."),
        ({"resolvers": ["10.0.0.53"], **CLOCK}, SYNCHRONISED),
    ],
)
def test_what_is_said_of_the_place(vantage: dict[str, JSONValue], expected: str) -> None:
    assert expected == document(report(vantage=vantage)).surroundings


def test_the_dns_servers_are_named_where_they_had_a_part() -> None:
    vantage: Facts = {"resolvers": ["10.0.0.53", "10.0.0.54"], "resolvers_given": True, **CLOCK}
    looked_up = report([member("icap1:1344", observation("dns", member="icap1:1344"))], vantage=vantage)

    expected = f"DNS servers: 10.0.0.53, 10.0.0.54 (--resolver). {SYNCHRONISED}"
    assert expected == document(looked_up).surroundings


def test_the_ways_to_the_members_are_counted() -> None:
    seen = [
        observation("tcp", member="a", route_interface="eth0", route_gateway="10.0.0.1"),
        *(observation("tcp", member=name, route_interface="eth1") for name in ("b", "c", "c")),
        observation("options"),
    ]

    assert (
        Route(interface="eth1", gateway=None, members=2),
        Route(interface="eth0", gateway="10.0.0.1", members=1),
    ) == probing_vantage(seen, ProbingVantage()).routes
