"""Fields of an Avi configuration, which nothing observes yet (tests/runbook/test_evidence.py), and of a pool file."""

from __future__ import annotations

from icapdiag.runbook.field import BOOLEAN, INTEGER, TEXT, TEXTS, Field, table

_SUPPRESSIONS = [
    Field(
        "suppression",
        TEXT,
        "",
        "of a suppression in the pool file, what is wrong with it: past its last day, of a finding that is not there,"
        " or for members that are not in the pool",
        ("config",),
        (),
        ("expired", "unused", "no-such-member"),
    ),
    *table(
        ("config",),
        (),
        (
            ("finding", TEXT, "", "id of the finding that a suppression accepts"),
            ("member_pattern", TEXT, "", "names of the members that it is for; absent if it is for all"),
            ("owner", TEXT, "", "who answers for it"),
            ("because", TEXT, "", "the reason given for it"),
            ("until", TEXT, "ISO 8601", "its last day, UTC"),
        ),
    ),
]

FIELDS = _SUPPRESSIONS + table(
    ("config",),
    (),
    (
        (
            "object",
            TEXT,
            "",
            "type of Avi object: icapprofile, poolgroup, pool, server, virtualservice; suppression of a pool file",
        ),
        ("object_name", TEXT, "", "its name"),
        ("icap_profiles", INTEGER, "", "ICAP profiles that a virtual service refers to"),
        ("icap_rules", INTEGER, "", "rules with the ICAP action that can be reached, in its policies"),
        ("fail_action", TEXT, "", "fail_action of an ICAP profile: ICAP_FAIL_OPEN (default) or ICAP_FAIL_CLOSED"),
        ("buffer_size_exceed_action", TEXT, "", "the same for bodies larger than buffer_size"),
        ("group_fail_action", TEXT, "", "type of the fail_action of a pool group or pool; absent if there is none"),
        ("broken_references", TEXTS, "", "references that lead nowhere, or into another cloud or tenant"),
        ("monitor_type", TEXT, "", "type of a pool's health monitor, such as HEALTH_MONITOR_TCP"),
        ("monitor_request", TEXT, "", "what the monitor sends, if anything"),
        ("enabled", BOOLEAN, "", "the object, or server, is switched on"),
        ("ratio", INTEGER, "", "weight of a pool or server in its group; 0 gets nothing"),
        ("same_server_as", TEXTS, "", "other entries of the pool group with the same address and port"),
    ),
)
