"""Which member is the outlier: groups, what is compared, one server twice."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from icapdiag.facts import to_plain
from icapdiag.facts.clock import clock_facts
from icapdiag.facts.fields import fields
from icapdiag.model import JSONValue, Observation, flatten, sheet_of
from icapdiag.probe.comparing.attributes import ATTRIBUTES
from icapdiag.probe.comparing.compare import Comparison, compare
from icapdiag.probe.comparing.value_groups import alike, kind_of, overlapping, value_groups
from icapdiag.vocabulary import Status
from tests.facts import facts_of

OFFER: dict[str, JSONValue] = {
    "icap_status": 200, "istag": '"CI0001-9OPRPm4oRCAVcJKwg9DiggAA"', "server": "C-ICAP/0.5.10",
    "service": "C-ICAP/0.5.10 server - Antivirus service", "methods": ["RESPMOD", "REQMOD"], "preview": 1024,
    "allow": ["204"], "options_ttl": 3600, "transfer_preview": "*", "max_connections": 64,
}  # fmt: skip


def told(probe: str, status: Status = Status.OK, reason: str | None = None, **facts: JSONValue) -> Observation:
    """What one probe said; its time is 1 ms."""
    sheet = sheet_of("probe", probe, facts)
    return Observation(
        source="probe", probe=probe, pool="p", member="", status=status, reason=reason, elapsed_ms=1.0, facts=sheet
    )


def member(number: int, *more: Observation, tcp: dict[str, JSONValue] | None = None, **offer: JSONValue) -> Any:
    """The observations of 10.0.0.NUMBER:1344; ``offer`` changes what it answers to OPTIONS, None removes."""
    options = {name: value for name, value in {**OFFER, **offer}.items() if value is not None}
    place: dict[str, JSONValue] = {"host": f"10.0.0.{number}", "port": 1344, "tls": False}
    asked = replace(told("options"), facts=sheet_of("probe", "options", options))
    found = [told("dns", Status.SKIPPED, "literal-address"), told("tcp", family="ipv4"), asked]
    return [
        Observation(
            source="probe",
            probe=each.probe,
            pool="p",
            member=f"m{number}",
            status=each.status,
            reason=each.reason,
            elapsed_ms=each.elapsed_ms,
            facts=sheet_of("probe", each.probe, {
                **place, **({"address": f"10.0.0.{number}"} if each.probe != "dns" else {}),
                **((tcp or {}) if each.probe == "tcp" else {}), **facts_of(each),
            }),
        )
        for each in (*found, *more)
    ]  # fmt: skip


def scans(clean: str, eicar: str) -> tuple[Observation, Observation]:
    return told("clean", verdict=clean, icap_status=204), told("eicar", verdict=eicar, icap_status=200)


def seen(comparison: Comparison, *names: str) -> list[tuple[JSONValue, ...]]:
    """Of each observation: member, fact, kind, and the facts of these names."""
    return [
        (o.member, facts_of(o)["fact"], facts_of(o)["kind"], *(facts_of(o).get(name) for name in names))
        for o in comparison.observations
    ]


def row(comparison: Comparison, fact: str) -> Any:
    return to_plain(next(row for row in comparison.table if row.fact == fact))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("", "same"),
        ("a", "same"),
        ("aaa", "same"),
        ("ab", "all-different"),
        ("abc", "all-different"),
        ("aab", "outlier"),
        ("aabb", "two-groups"),
        ("aaabb", "outlier"),
        ("aabc", "outlier"),
        ("aabbc", "several-groups"),
        ("aabbcc", "several-groups"),
        ("aaabcdef", "several-groups"),
        ("aabbccdd", "several-groups"),
    ],
)
def test_kinds(values: str, expected: str) -> None:
    assert expected == kind_of(value_groups(dict(enumerate(values))))


def test_the_largest_camp_comes_first_then_that_of_the_earlier_member() -> None:
    found = [(group.value, group.members) for group in value_groups({0: "c", 1: "a", 2: "b", 3: "b", 5: "a"})]
    assert [("a", (1, 5)), ("b", (2, 3)), ("c", (0,))] == found


def test_measured_values_are_alike_up_to_a_factor() -> None:
    found = alike({0: 1.0, 3: 500.0, 2: 90.0, 1: 3.9, 4: 1900.0, 5: 2100.0}, factor=4.0, slack=50.0)
    assert [[0, 1], [2], [3, 4], [5]] == found


def test_uncertain_values_are_alike_if_they_could_be_the_same() -> None:
    found = overlapping({0: (-0.5, 0.5), 1: (0.2, 1.2), 2: (0.6, 1.6), 3: (9.0, 10.0)})
    assert [[0, 1], [2], [3]] == found


@pytest.mark.parametrize(
    "members",
    [
        [],
        [[]],
        [member(1)],
        [member(1), [told("", Status.SKIPPED, "disabled")]],
    ],
)
def test_one_member_is_compared_with_nobody(members: Any) -> None:
    assert Comparison() == compare("p", members)


def test_a_uniform_pool_differs_in_nothing() -> None:
    found = compare("p", [member(number, *scans("allowed", "blocked")) for number in range(1, 6)])

    assert () == found.observations
    assert {"same"} == {row.kind for row in found.table}
    assert [f"m{number}" for number in range(1, 6)] == row(found, "istag")["value_groups"][0]["members"]


def test_the_odd_one_out_is_named_beside_the_majority() -> None:
    found = compare("p", [member(1), member(2), member(3, preview=4096), member(4)])

    names = ("value", "majority_value", "majority_members", "majority_count", "values", "address", "host", "port")
    assert [
        ("m3", "preview", "outlier", "4096", "1024", ["m1", "m2", "m4"], 3, ["1024", "4096"],
         "10.0.0.3", "10.0.0.3", 1344),
    ] == seen(found, *names)  # fmt: skip
    assert ["m3"] == row(found, "preview")["outliers"]


def test_two_camps_are_named_as_such_and_blame_nobody() -> None:
    found = compare("p", [member(1), member(2, preview=0), member(3), member(4, preview=0)])

    groups = [
        {"value": "1024", "count": 2, "members": ["m1", "m3"]},
        {"value": "0", "count": 2, "members": ["m2", "m4"]},
    ]
    assert [("", "preview", "two-groups", None, groups)] == seen(found, "majority_value", "value_groups")
    assert [] == row(found, "preview")["outliers"]


def test_what_was_not_learnt_is_no_difference_and_what_was_not_said_is_one() -> None:
    silent = member(3)[:2]
    found = compare("p", [member(1), member(2), silent, member(4, max_connections=None)])

    assert [("m4", "max_connections", "outlier", "(none)")] == seen(found, "value")
    assert ["m3"] == row(found, "max_connections")["unknown"]


@pytest.mark.parametrize(
    "same",
    [
        {"methods": ["REQMOD", "RESPMOD"]},
        {"istag": "CI0001-9OPRPm4oRCAVcJKwg9DiggAA"},
        {"transfer_preview": " * "},
        {"service": OFFER["service"], "date": "whatever"},
    ],
)
def test_order_and_quotes_mean_nothing(same: Any) -> None:
    assert [] == seen(compare("p", [member(1), member(2), member(3, **same)]))


def test_a_tag_that_changes_within_one_member_is_told_from_a_different_one() -> None:
    moving = told("clean", istag='"other"', verdict="allowed")
    assert [("m3", "istag", "outlier", "(changes)")] == seen(
        compare("p", [member(1), member(2), member(3, moving)]), "value"
    )


def test_verdicts_that_say_nothing_of_the_body_take_no_part() -> None:
    pool = [member(1, *scans("allowed", "blocked")), member(2, *scans("error", "unknown"))]
    assert [] == [found for found in seen(compare("p", pool)) if str(found[1]).endswith("verdict")]


def test_the_five_members_of_the_lab_on_c_icap() -> None:
    """The states of a real pool: healthy, no file types, no engine, dead engine, URL filter."""
    tag = "CI0001-1B2M2Y8AsgTpgAmY7PhCfgAA"
    broken = [
        told(probe, Status.FAILED, "icap-status", verdict="error", icap_status=500) for probe in ("clean", "eicar")
    ]
    found = compare(
        "p",
        [
            member(1, *scans("allowed", "blocked")),
            member(2, *scans("allowed", "allowed")),
            member(3, *scans("allowed", "allowed"), istag=tag),
            member(4, *broken, istag="CI0001-L5CkDhq+qWNs+PZ5DxxXsAAA"),
            member(5, *scans("blocked", "blocked"), istag="CI0001-XXXXXXXXX", methods=["REQMOD"]),
        ],
    )

    assert [
        ("", "istag", "several-groups"),
        ("m5", "methods", "outlier"),
        ("m4", "clean_status", "outlier"),
        ("m5", "clean_verdict", "outlier"),
        ("", "eicar_verdict", "two-groups"),
        ("m4", "clean_outcome", "outlier"),
        ("m4", "eicar_outcome", "outlier"),
    ] == seen(found)


def test_certificates() -> None:
    def secure(number: int, issuer: str, days: float) -> Any:
        tls = told("tls", tls_version="TLSv1.3", cipher="c", cert_issuer=issuer, cert_sha256=str(number),
                   cert_days_left=days, cert_names=[f"m{number}"])  # fmt: skip
        return member(number, tls, tcp={"tls": True})

    found = compare("p", [secure(1, "CN=a", 200.0), secure(2, "CN=a", 90.0), secure(3, "CN=b", 12.5)])

    assert [
        ("m3", "cert_issuer", "outlier", "CN=b"),
        ("", "cert_sha256", "all-different", None),
        ("m3", "cert_days_left", "outlier", "under 14 days"),
    ] == seen(found, "value")


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ((9.0, 14.0, 60.0), []),
        ((9.0, 14.0, 900.0), [("m3", "900 ms", "9.0 to 14 ms")]),
        ((400.0, 500.0, 1500.0), []),
    ],
)
def test_latency_is_compared_in_classes(times: tuple[float, ...], expected: list[Any]) -> None:
    pool = [member(n, told("clean", verdict="allowed", answer_ms=ms)) for n, ms in enumerate(times, start=1)]
    found = compare("p", pool)
    assert expected == [
        (m, v, of) for m, fact, _, v, of in seen(found, "value", "majority_value") if fact == "scan_time"
    ]


def test_clocks_are_compared_within_what_is_known_of_them() -> None:
    def at(number: int, offset: float) -> Any:
        return member(number, clock_offset_s=offset, clock_uncertainty_s=0.6)

    assert [] == seen(compare("p", [at(1, -0.4), at(2, 0.3), at(3, 0.6)]))
    found = compare("p", [at(1, 0.0), at(2, 0.1), at(3, -3600.0)])
    assert [("m3", "clock_offset", "outlier", "-3600 s", "right")] == seen(found, "value", "majority_value")


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (None, {}),
        ("b'Tue', 24 b'Nov'", {}),
        ("", {}),
        ("Thu, 01 Jan 1970 00:99:00 GMT", {}),
        ("Thu, 01 Jan 1970 00:16:40 GMT", {"clock_offset_s": 0.4, "clock_uncertainty_s": 0.6, "clock_skew_s": 0.0}),
        ("Thu, 01 Jan 1970 00:15:40 GMT", {"clock_offset_s": -59.6, "clock_uncertainty_s": 0.6, "clock_skew_s": 59.0}),
        ("Thu, 01 Jan 1970 00:15:39 GMT", {"clock_offset_s": -60.6, "clock_uncertainty_s": 0.6, "clock_skew_s": 60.0}),
        ("Thu, 01 Jan 1970 01:16:40 +0100", {"clock_offset_s": 0.4, "clock_uncertainty_s": 0.6, "clock_skew_s": 0.0}),
    ],
)
def test_the_clock_of_an_answer(date: str | None, expected: dict[str, float]) -> None:
    """Asked at 1000.0 and answered at 1000.2; the Date has whole seconds."""
    assert expected == to_plain(clock_facts(date, 1000.0, 1000.2))


def test_each_address_of_a_name_is_a_side_of_its_own() -> None:
    def at(address: str, preview: int) -> list[Observation]:
        options: dict[str, JSONValue] = {**OFFER, "preview": preview, "address": address, "port": 1344}
        return [replace(told("options"), facts=sheet_of("probe", "options", options))]

    found = compare("p", [[*at("10.0.0.1", 1024), *at("10.0.0.2", 0)], member(3), member(4)])

    assert [("", "preview", "outlier", "0", "10.0.0.2")] == seen(found, "value", "address")
    assert [" at 10.0.0.2"] == row(found, "preview")["outliers"]


def test_two_members_at_one_address_are_one_server() -> None:
    named = member(2, tcp={"host": "icap.example.com"})
    for observation in named:
        observation.facts.endpoint.address = "::ffff:10.0.0.1"
    found = compare("p", [member(1), named, member(3)])

    assert [
        ("m1", "address", "same-server", "10.0.0.1:1344", ["m2"]),
        ("m2", "address", "same-server", "10.0.0.1:1344", ["m1"]),
    ] == [each for each in seen(found, "value", "same_as") if each[2] == "same-server"]


def test_a_tag_of_its_own_at_two_addresses_is_likely_one_server() -> None:
    pool = [member(n, istag=tag) for n, tag in enumerate(("1605188845", "001605794100", "001605794100"), start=1)]
    assert [
        ("m2", "identity", "same-server", "ISTag 001605794100", ["m3"]),
        ("m3", "identity", "same-server", "ISTag 001605794100", ["m2"]),
    ] == [each for each in seen(compare("p", pool), "value", "same_as") if each[2] == "same-server"]


@pytest.mark.parametrize(
    "pool",
    [
        [member(n, istag="001605794100") for n in (1, 2, 3)],  # nothing shows that servers have tags of their own
        [member(1, istag="CI0001-A"), member(2), member(3)],  # an engine's tag, not a server's
        [member(1, istag="11111111", server="Other"), member(2, istag="22222222"), member(3, istag="22222222")],
        [member(1, istag="11111111"), member(2, istag="22222222"), member(3, istag="22222222", max_connections=9)],
        [
            member(1, istag="11111111"),
            member(2, istag="22222222", clock_offset_s=0.0, clock_uncertainty_s=0.6),
            member(3, istag="22222222", clock_offset_s=30.0, clock_uncertainty_s=0.6),
        ],
    ],
)
def test_servers_set_up_alike_are_not_taken_for_one(pool: Any) -> None:
    assert [] == [each for each in seen(compare("p", pool)) if each[2] == "same-server"]


@pytest.mark.parametrize(
    ("products", "kind", "odd"),
    [
        (("c-icap", "c-icap", "e2guardian"), "outlier", "m3"),
        (("c-icap", "e2guardian", "kaspersky"), "all-different", ""),
        (("c-icap", None, "c-icap"), "outlier", "m2"),
        (("c-icap", "c-icap", "c-icap"), None, ""),
    ],
)
def test_another_product_is_said_before_another_tag(
    products: tuple[str | None, ...], kind: str | None, odd: str
) -> None:
    pool = [member(number, product=name, istag=f"CI0001-{name}") for number, name in enumerate(products, 1)]
    found = seen(compare("p", pool))
    assert found == ([] if kind is None else [(odd, "product", kind), (odd, "istag", kind)])


def test_the_words_are_those_that_runbooks_know() -> None:
    assert {*ATTRIBUTES, "address", "identity"} == set(fields()["fact"].values)
    found = compare("p", [member(1), member(2), member(3, preview=0), member(4, tcp={"address": "10.0.0.1"})])
    undocumented = {name for o in found.observations for name in flatten(o)} - fields().keys()
    assert set() == undocumented


def test_five_thousand_members_that_all_differ_stay_small() -> None:
    found = compare("p", [member(number, istag=str(10**9 + number)) for number in range(5000)])

    assert [("", "istag", "all-different")] == seen(found)
    assert 20 == len(facts_of(found.observations[0])["values"])
