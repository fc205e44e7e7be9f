"""Each kind of fault at three products or more; `pytest --collect-only -q` of this module lists them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec.structs import replace

import icapdiag
from icapdiag.api.explaining import NothingRead
from icapdiag.lab import Fault, Lab, serve_lab, server
from icapdiag.model import Problem, Report
from icapdiag.pool import Member, Pool, Profile
from icapdiag.probe import PROBES
from icapdiag.probe.running.catalogue import choose, in_rounds
from tests.e2e.kinds import CASES
from tests.e2e.products import Exported, First, Live, Read

PATIENT = icapdiag.Settings(timeout=10.0, connect_timeout=10.0, deadline=60.0, warn_ms=60_000, crit_ms=60_000)


def cases(of: type) -> list[Any]:
    return [
        pytest.param(case, id=f"{kind}: {what}")
        for kind, found in CASES.items()
        for what, case in found.items()
        if isinstance(case, of)
    ]


def first_of(problems: tuple[Problem, ...], expected: First | None) -> tuple[str, ...] | None:
    """The first problem, as much of it as is expected."""
    if not problems:
        return None
    first = problems[0]
    cause = first.causes[0] if first.causes else None
    told = (first.finding, cause.id if cause else "", cause.status if cause else "")
    return (
        told if expected is None else tuple(word if wanted else "" for word, wanted in zip(told, expected, strict=True))
    )


def steps_of(report: Report) -> Iterator[str]:
    for problem in report.problems or ():
        if problem.steps:
            yield from (*(problem.steps.now or ()), *(problem.steps.fix or ()), *(problem.steps.check or ()))


async def checked(case: Live, monkeypatch: pytest.MonkeyPatch) -> Report:
    faults = {name: Fault(name, "", None, behaviour) for name, behaviour in case.servers.items()}
    monkeypatch.setattr(server, "FAULTS", faults)
    async with serve_lab([*faults]) as lab:
        settings = replace(PATIENT, **case.settings)
        probes = choose(PROBES, only=case.probes) if case.probes else choose(PROBES)
        probes = in_rounds(probes, settings.count)
        with trio.fail_after(60):
            return await icapdiag.check(pool_of(lab, case), settings=settings, probes=probes)


def pool_of(lab: Lab, case: Live) -> Pool:
    members = tuple(Member(host=each.host, port=each.port, name=each.name) for each in lab.members)
    profile = Profile(**{"service_uri": "/avscan", **case.profile})
    return Pool(
        name="icap",
        profile=profile,
        members=members,
        compare=case.compare,
        stated=frozenset({"service_uri", *case.profile}),
    )


@pytest.mark.parametrize("case", cases(Live))
async def test_what_a_check_says(case: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    report = await checked(case, monkeypatch)
    steps = list(steps_of(report))

    assert case.first == first_of(report.problems or (), case.first)
    assert [] == [step for step in steps if case.never and re.search(case.never, step, re.IGNORECASE)]
    assert not case.steps or [step for step in steps if re.search(case.steps, step)]
    assert case.not_tested is None or case.not_tested in "\n".join(report.not_tested or ())


@pytest.mark.parametrize("case", cases(Read))
def test_what_explain_says(case: Read, tmp_path: Path) -> None:
    (tmp_path / "read").write_bytes(case.text)
    if case.refused:
        with pytest.raises(NothingRead, match=case.refused):
            icapdiag.explain([tmp_path / "read"])
        return
    report = icapdiag.explain([tmp_path / "read"])
    told = [*steps_of(report), *(finding.meaning for finding in report.findings)]

    assert case.first is None or case.first == first_of(report.problems or (), case.first)
    assert not case.severity or case.severity == report.findings[0].severity
    assert [] == [text for text in told if case.never and re.search(case.never, text, re.IGNORECASE)]


@pytest.mark.parametrize("case", cases(Exported))
async def test_what_a_check_of_an_export_says(case: Exported, tmp_path: Path) -> None:
    async with serve_lab([case.product]) as lab:
        (tmp_path / "avi.json").write_text(case.text(lab.members[0].port))
        with trio.fail_after(60):
            report = await icapdiag.check(tmp_path / "avi.json", settings=PATIENT)

    assert case.found == {finding.id: finding.severity for finding in report.findings}


def test_each_kind_has_three_products() -> None:
    products = {kind: {what.partition(":")[0] for what in found} for kind, found in CASES.items()}

    assert [] == [kind for kind, found in products.items() if len(found) < 3]
    assert [*"ABCDEFGHIJKL"] == sorted(products)
