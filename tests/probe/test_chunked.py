"""An upload without a Content-Length, as a client's that came in chunks."""

from __future__ import annotations

from pathlib import Path

import pytest

import icapdiag
from icapdiag.icap.request import http_post
from icapdiag.lab import serve_lab
from icapdiag.pool import loads_pool
from icapdiag.probe import PROBES
from icapdiag.probe.base import Depth
from icapdiag.probe.running.catalogue import choose
from icapdiag.probe.running.plan import plan_pool
from icapdiag.vocabulary import CauseStatus
from tests.probe.fakes import member, pool_of


def test_its_head_has_no_length_and_no_coding() -> None:
    assert (
        http_post("h", "/p", None, fields=(("Accept", "*/*"),)) == b"POST /p HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n"
    )


def test_it_is_planned_for_a_deep_run_only() -> None:
    runs: tuple[tuple[Depth, bool], ...] = (("standard", False), ("deep", True))
    for depth, expected in runs:
        plan = plan_pool(pool_of(member(1)), icapdiag.Settings(), choose(PROBES, depth=depth))
        sent = [
            m.text
            for step in plan.members[0].steps
            if step.probe == "chunked"
            for p in step.planned
            for m in p.messages
        ]
        assert bool(sent) is expected
        assert all("POST /upload" in text and "Content-Length" not in text for text in sent)


@pytest.mark.parametrize(
    ("fault", "status", "finding"),
    [
        ("healthy", "ok", None),
        ("needs-inner-length", "failed", "chunked-upload-refused"),
        ("clean-blocked", "skipped", "clean-blocked"),  # no wonder without a length
        ("500", "skipped", "server-error"),
    ],
)
async def test_what_comes_of_it(fault: str, status: str, finding: str | None) -> None:
    async with serve_lab((fault,)) as lab:
        pool = loads_pool(lab.pool_yaml.encode(), Path("pool.yaml"))
        report = await icapdiag.check(pool, probes=choose(PROBES, only=["chunked"]))
    seen = {probe.probe: probe for probe in report.members[0].probes}
    assert status == seen["chunked"].status
    assert [finding] * (finding is not None) == [found.id for found in report.findings]
    if finding == "chunked-upload-refused":
        causes = {cause.id: cause.status for cause in report.findings[0].causes or ()}
        assert CauseStatus.PROVEN is causes["needs-length"]
