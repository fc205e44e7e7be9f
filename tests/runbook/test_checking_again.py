"""The command that shows whether a problem is fixed: it asks for what saw the problem, where it will be fixed."""

from __future__ import annotations

import pytest

import icapdiag
from icapdiag.lab import serve_lab
from icapdiag.pool import Member, Pool, Profile
from icapdiag.probe import PROBES
from icapdiag.probe.base import Depth
from icapdiag.probe.running.catalogue import choose, chosen_names, in_rounds
from icapdiag.runbook.steps import _ASKED_BY

QUICK = icapdiag.Settings(timeout=5.0, connect_timeout=5.0, warn_ms=60_000, crit_ms=60_000)


def chosen(options: str) -> frozenset[str]:
    """The probes of ``icapdiag check`` with these options, but for those that only --eicar asks for."""
    depth: Depth = "deep" if "--depth deep" in options else "standard"
    rounds = 20 if "--count 20" in options else 1
    return chosen_names(in_rounds(choose(PROBES, depth=depth, load="--load" in options), rounds))


def test_what_a_plain_check_leaves_out_is_asked_for() -> None:
    left_out = {probe.name for probe in PROBES} - chosen("")

    assert left_out == _ASKED_BY.keys() - {"path"}  # which runs where something looks lossy, and 20 rounds do if any
    assert [] == [probe for probe in left_out if probe not in chosen(" ".join(_ASKED_BY[probe]))]


async def again(fault: str, *, beside: str = "", only: str = "") -> str:
    """The last step of the problem of the lab's member with that fault."""
    async with serve_lab([fault, *filter(None, [beside])]) as lab:
        members = tuple(Member(host=each.host, port=each.port, name=each.name) for each in lab.members)
        pool = Pool(name="icap", profile=Profile(service_uri="/avscan"), members=members)
        report = await icapdiag.check(pool, settings=QUICK, probes=choose(PROBES, only=[only] if only else ()))
        port = str(lab.members[0].port)
    (problem,) = (each for each in report.problems or () if fault in each.members)
    assert problem.steps is not None
    return (problem.steps.check or ())[-1].replace(f":{port}", ":N")


@pytest.mark.parametrize(
    ("fault", "beside", "only", "expected"),
    [
        ("500", "", "", "`icapdiag check icap://127.0.0.1:N/avscan`"),
        ("needs-inner-length", "", "chunked", "`icapdiag check icap://127.0.0.1:N/avscan --depth deep`"),
        ("other-path", "", "", "`icapdiag check icap://127.0.0.1:N/virus_scan`"),
        ("other-path", "healthy", "", "`icapdiag check icap://127.0.0.1:N/avscan`"),  # the server has to change
        ("404", "", "", "`icapdiag check icap://127.0.0.1:N/PATH`"),  # nobody knows the right one
        ("404", "healthy", "", "`icapdiag check icap://127.0.0.1:N/avscan`"),
        ("not-icap-http", "", "", "`icapdiag check icap://127.0.0.1:NEW_PORT/avscan`"),
        ("tls-alert", "", "", "`icapdiag check icaps://127.0.0.1:N/avscan`"),
    ],
)
async def test_the_command(fault: str, beside: str, only: str, expected: str) -> None:
    assert expected == await again(fault, beside=beside, only=only)
