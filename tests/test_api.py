"""The library's face: what a program of one's own does with `icapdiag.check` and `icapdiag.explain`."""

from __future__ import annotations

import json
from inspect import getdoc, signature
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace

import icapdiag
from icapdiag.api.explaining import NothingRead
from icapdiag.lab import serve_lab
from icapdiag.pool import Member, PoolError, loads_pool
from icapdiag.probe import PROBES
from icapdiag.probe.base import Depth
from icapdiag.probe.running.catalogue import choose
from icapdiag.report.build import exit_status
from icapdiag.report.document.words import gap
from icapdiag.report.formats import FILE_STYLE, render
from icapdiag.report.machine.to_json import settled
from icapdiag.report.redact import redact
from icapdiag.report.redact.pseudonyms import Pseudonyms
from tests.probe.resolvers import dns_server, records


def failures(log: Path) -> dict[str, int]:
    """The example for `explain`: what made scans of these logs fail, and how often."""
    report = icapdiag.explain([log], filters=icapdiag.Filters(actions=frozenset({"ICAP_FAILED"})))
    return {finding.id: finding.count for finding in report.findings if finding.severity == "critical"}


async def sick_members(pool: str | Path) -> list[str]:
    """The example for `check`: who of a pool is not well."""
    report = await icapdiag.check(pool, settings=icapdiag.Settings(deadline=5.0))
    return [member.name for member in report.members if member.verdict != "ok"]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "log.json"
    entries = [
        {"significance": "ICAP Error", "icap_log": {"action": "ICAP_FAILED"}},
        {"icap_log": {"action": "ICAP_PASSED"}},
    ]
    file.write_text("".join(json.dumps(entry) + "\n" for entry in entries * 3))
    return file


async def test_the_examples(log: Path, tmp_path: Path) -> None:
    assert [3] == list(failures(log).values())
    async with serve_lab(("healthy", "500")) as lab:
        (tmp_path / "pool.yaml").write_text(lab.pool_yaml)
        assert ["500"] == await sick_members(tmp_path / "pool.yaml")
        healthy = lab.member("healthy")
        assert [] == await sick_members(f"icap://127.0.0.1:{healthy.port}/avscan")


async def test_addresses_that_were_not_tested_are_not_healthy() -> None:
    many = tuple(f"127.0.0.{number}" for number in range(1, 12))
    async with serve_lab(("healthy",), host="0.0.0.0") as lab, dns_server(records(A=many)) as port:  # noqa: S104
        settings = icapdiag.Settings(resolvers=("127.0.0.1",), resolver_port=port, deadline=60.0)
        report = await icapdiag.check(f"icap://icap.example.test:{lab.members[0].port}/avscan", settings=settings)
        every = replace(settings, max_addresses=11)
        tested = await icapdiag.check(f"icap://icap.example.test:{lab.members[0].port}/avscan", settings=every)
    assert (False, "unknown", "unknown") == (report.complete, report.verdict, report.members[0].verdict)
    expected = "has 11 addresses, and 8 were tested (--max-addresses). Not tested: 127.0.0.9, 127.0.0.10, 127.0.0.11."
    assert [f"{report.members[0].name} {expected}"] == [note for note in report.notes if "addresses" in note]
    assert (True, "ok") == (tested.complete, tested.members[0].verdict)


async def test_an_avi_export_is_judged_by_what_it_says(tmp_path: Path) -> None:
    monitor = {"name": "web", "type": "HEALTH_MONITOR_HTTP", "http_monitor": {}}
    async with serve_lab(("healthy",)) as lab:
        server = {"ip": {"addr": "127.0.0.1", "type": "V4"}, "port": lab.member("healthy").port}
        pool = {"name": "av", "servers": [server], "health_monitor_refs": ["/api/healthmonitor?name=web"]}
        spare = {"name": "spare", "servers": [{"ip": {"addr": "127.0.0.9", "type": "V4"}}]}
        members = [{"pool_ref": "av"}, {"pool_ref": "spare", "ratio": 0}]
        export = {
            "IcapProfile": [{"name": "icap", "service_uri": "/avscan", "pool_group_ref": "g"}],
            "PoolGroup": [{"name": "g", "members": members, "fail_action": {"type": "FAIL_ACTION_HTTP_LOCAL_RSP"}}],
            "Pool": [pool, spare],
            "HealthMonitor": [monitor],
        }
        file = tmp_path / "avi_config.json"
        file.write_text(json.dumps(export))
        report = await icapdiag.check(file)
    assert {
        "fails-open": "warning",
        "pool-group-fail-action": "warning",
        "health-monitor-unfit": "warning",
        "member-gets-no-traffic": "warning",
        "member-disabled": "info",
    } == {finding.id: finding.severity for finding in report.findings}
    assert ["ok", "disabled"] == [member.verdict for member in report.members]
    assert report.verdict == "warning"
    assert report.complete
    for name in ("table", "html", "markdown", "short", "junit", "sarif"):
        assert report.findings[0].id in render(settled(report), name)


DEEP = "chunked uploads, previews, sizes, persistent connections, RFC 3507 rules (--depth deep)"


@pytest.mark.parametrize(
    ("depth", "eicar", "state", "untested"),
    [
        ("quick", False, "uploads and detection not tested",
         ["uploads and detection (none was sent: --depth standard --eicar)", DEEP]),
        ("standard", False, "detection not tested", ["detection (EICAR was not sent: --eicar)", DEEP]),
        ("standard", True, "", [f"EICAR in ZIP, PDF, JSON, {DEEP}"]),
        ("deep", True, "", []),
    ],
)  # fmt: skip
async def test_what_was_not_tested_is_said(depth: Depth, eicar: bool, state: str, untested: list[str]) -> None:
    spare = "127.0.0.9:1344 (disabled in the pool)"
    async with serve_lab(("healthy",)) as lab:
        pool = loads_pool(lab.pool_yaml.encode(), Path("pool.yaml"))
        disabled = Member(host="127.0.0.9", port=1344, name="127.0.0.9:1344", enabled=False)
        pool = replace(pool, members=(*pool.members, disabled), samples=("clean",))
        settings = icapdiag.Settings(eicar=eicar, max_size=4096)
        report = settled(await icapdiag.check(pool, settings=settings, probes=choose(PROBES, depth=depth)))
    assert [*untested, spare] == list(report.not_tested or ())
    assert state == gap(report)
    if depth != "deep":  # the lab's healthy member does not decode JSON
        assert (0, "ok") == (exit_status(report), report.verdict)
    for name in ("table", "html", "markdown", "short", "nagios"):
        drawn = " ".join(render(report, name).split())
        assert state in drawn.lower()
        if name in {"table", "html", "markdown"}:
            assert "disabled in the pool" in drawn
    redacted, _ = redact(report, Pseudonyms())
    assert (redacted.not_tested or ())[:-1] == tuple(untested)


@pytest.mark.parametrize(
    ("only", "skip", "eicar", "untested"),
    [
        ((), ("clean",), True, "uploads of a harmless file (none was sent: --only or --skip left them out)"),
        ((), ("eicar", "eicar-form"), True, "detection (EICAR was not sent: --only or --skip left it out)"),
        (("tcp",), (), True,
         "uploads and detection (none was sent: --eicar, without --only and --skip)"),
    ],
)  # fmt: skip
async def test_what_was_left_out_was_not_tested(
    only: tuple[str, ...], skip: tuple[str, ...], eicar: bool, untested: str
) -> None:
    async with serve_lab(("healthy",)) as lab:
        pool = loads_pool(lab.pool_yaml.encode(), Path("pool.yaml"))
        settings = icapdiag.Settings(eicar=eicar, max_size=4096)
        report = settled(await icapdiag.check(pool, settings=settings, probes=choose(PROBES, only=only, skip=skip)))

    assert untested == (report.not_tested or ("",))[0]
    first = " ".join(render(report, "table", FILE_STYLE._replace(detail=-1)).split())
    assert first.endswith(f"; {untested.partition(' (')[0]} not tested")


async def test_detection_where_a_step_before_it_failed_was_not_tested() -> None:
    async with serve_lab(("healthy", "500")) as lab:
        report = await icapdiag.check(loads_pool(lab.pool_yaml.encode(), Path("pool.yaml")))
    assert "detection at 500 (EICAR was not sent: an earlier step failed)" in (report.not_tested or ())


async def test_a_report_can_be_written_in_every_format(log: Path) -> None:
    report = icapdiag.explain([str(log)])
    assert isinstance(report, icapdiag.Report)
    assert "critical" == json.loads(render(settled(report), "json"))["verdict"]


def test_a_reading_that_is_stopped_is_not_complete(log: Path) -> None:
    report = icapdiag.explain([log], stop=lambda: True)
    assert (False, []) == (report.complete, list(report.groups))
    assert [] != [note for note in report.notes if note.startswith("Interrupted")]


def test_an_input_that_gives_nothing_is_told_of(log: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("")
    told: list[str] = []
    report = icapdiag.explain([log, tmp_path / "empty.json"], refused=told.append)
    assert ([f"{tmp_path / 'empty.json'} is empty"], True) == (told, report.complete)
    with pytest.raises(NothingRead, match="is empty"):
        icapdiag.explain([tmp_path / "empty.json"])


async def test_a_check_that_is_cancelled_has_what_there_is() -> None:
    scope = trio.CancelScope()
    scope.cancel()
    async with serve_lab(("healthy",)) as lab:
        report = await icapdiag.check(loads_pool(lab.pool_yaml.encode(), Path("lab")), cancel_scope=scope)
    assert (False, "unknown") == (report.complete, report.verdict)
    assert [] != [note for note in report.notes if note.startswith("Interrupted")]


async def test_eicar_is_sent_only_if_it_is_asked_for_and_can_be_traced() -> None:
    async with serve_lab(("healthy",)) as lab:
        url = f"icap://127.0.0.1:{lab.member('healthy').port}/avscan"
        without = await icapdiag.check(url)
        report = await icapdiag.check(url, settings=icapdiag.Settings(eicar=True))
    assert [] == [note for note in without.notes if "EICAR" in note]
    (note,) = [note for note in report.notes if "EICAR" in note]
    assert note.startswith("The EICAR test virus was sent with X-Correlation-ID icapdiag-")


async def test_a_mistake_in_a_pool_raises_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_text("service_uri: /avscan\nmembers: [{host: 10.0.0.5, port: 99999}]\n")
    with pytest.raises(PoolError, match=r"pool\.yaml:2"):
        await icapdiag.check(tmp_path / "pool.yaml")
    with pytest.raises(PoolError):
        await icapdiag.check("http://127.0.0.1/avscan")


def test_the_face_says_what_it_has() -> None:
    assert set(icapdiag.__all__) <= set(dir(icapdiag))
    for name in ("check", "diagnose", "explain", "lint"):
        function = getattr(icapdiag, name)
        documented = getdoc(function) or ""
        assert [] == [each for each in signature(function).parameters if f"``{each}``" not in documented]
        assert "Raises" in documented
    with pytest.raises(AttributeError, match="no attribute 'pull'"):
        icapdiag.pull  # type: ignore[attr-defined]  # noqa: B018
