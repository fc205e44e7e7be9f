"""Pools built for the purpose, on the lab's servers: this difference gives this finding, on this member."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec import structs

from icapdiag.icap.message import Request
from icapdiag.lab import FAULTS, Fault, Lab, Scanner, serve_lab, server
from icapdiag.lab.scanner import ISTAG, OFFERS, Answer, allow, changed, scan
from icapdiag.model import Observation
from icapdiag.pool import Pool, load_pool
from icapdiag.probe import Settings, probe_pool
from icapdiag.runbook import Library, load_runbooks, match
from icapdiag.vocabulary import Severity
from tests.facts import facts_of

# Whatever else this machine does: no answer is late, and none is called slow.
PATIENT = Settings(connect_timeout=30, timeout=30, deadline=90, warn_ms=60_000, crit_ms=60_000)
NO_ENGINE = "CI0001-1B2M2Y8AsgTpgAmY7PhCfgAA"

Found = dict[str, list[str]]  # finding: the members that it names
Servers = Mapping[str, Scanner | Fault]


@dataclass(frozen=True, slots=True)
class Built:
    """Servers, each a member by its name, and what must be found."""

    servers: Servers
    found: Found


def tagged(tag: str) -> Scanner:
    return Scanner(common=(("ISTag", f'"{tag}"'), ("Server", "icapdiag-lab")))


def stopped_clock(date: str) -> Scanner:
    def every(request: Request) -> Answer:
        answer = Answer(200, "OK", OFFERS) if request.method == "OPTIONS" else scan(request)
        return replace(answer, damage=lambda wire: re.sub(rb"Date: [^\r]+", b"Date: " + date.encode(), wire, count=1))

    return Scanner(every=every)


WELL = Scanner()
# By the runbook that each one is there for.
POOLS: Mapping[str, Built] = {
    "members-disagree-on-verdict": Built(
        {"a": WELL, "b": WELL, "c": Scanner(scan=allow), "d": WELL},
        {"eicar-not-detected": ["c"], "members-disagree-on-verdict": ["c"]},
    ),
    "istag-differs": Built({"a": WELL, "b": tagged("older"), "c": WELL}, {"istag-differs": ["b"]}),
    "members-differ-in-configuration": Built(
        {"a": WELL, "b": WELL, "c": Scanner(offers=changed(OFFERS, Preview="4096"))},
        {"members-differ-in-configuration": ["c"]},
    ),
    "members-differ-in-product": Built(
        {"a": WELL, "b": WELL, "c": Scanner(common=(ISTAG, ("Server", "other/1")))},
        {"members-differ-in-product": ["c"]},
    ),
    "no-engine-loaded": Built(
        {"a": WELL, "b": WELL, "c": tagged(NO_ENGINE)}, {"no-engine-loaded": ["c"], "istag-differs": ["c"]}
    ),
    "clock-skewed": Built(
        {"a": WELL, "b": WELL, "c": stopped_clock("Thu, 01 Jan 2026 00:00:00 GMT")}, {"clock-skewed": ["c"]}
    ),
    "tls-differs": Built({"a": WELL, "b": WELL, "c": replace(FAULTS["tls-healthy"], name="c")}, {"tls-differs": ["c"]}),
}
MORE: Mapping[str, Built] = {
    "three that are well": Built({"a": WELL, "b": WELL, "c": WELL}, {}),
    "two groups": Built({"a": WELL, "b": tagged("older"), "c": tagged("older"), "d": WELL}, {"istag-differs": []}),
    "two groups of scanners": Built(
        {"a": WELL, "b": Scanner(scan=allow), "c": WELL, "d": Scanner(scan=allow)},
        {"eicar-not-detected": ["b", "d"], "members-disagree-on-verdict": []},
    ),
    "two groups of settings": Built(
        {"a": WELL, "b": Scanner(offers=changed(OFFERS, Preview="4096")), "c": WELL,
         "d": Scanner(offers=changed(OFFERS, Preview="4096"))},
        {"members-differ-in-configuration": []},
    ),
    "one whose tag changes": Built(
        {"a": WELL, "b": WELL, "c": replace(FAULTS["istag-changes"], name="c")}, {"istag-changes": ["c"]}
    ),
    "one that is down": Built({"a": WELL, "b": WELL, "c": FAULTS["refused"]}, {"tcp-refused": ["c"]}),
    "one without a tag": Built({"a": WELL, "b": WELL, "c": Scanner(common=(("Server", "icapdiag-lab"),))},
                               {"istag-missing": ["c"]}),
    "tags of their own": Built({"a": tagged("1605188845"), "b": tagged("001605794100"), "c": tagged("1605794777")}, {}),
    "one alone without an engine": Built({"a": tagged(NO_ENGINE)}, {"no-engine-loaded": ["a"]}),
    "two without an engine": Built({"a": tagged(NO_ENGINE), "b": tagged(NO_ENGINE)}, {"no-engine-loaded": ["a", "b"]}),
}  # fmt: skip
TWICE = ("duplicate-server", "one-server-two-addresses")  # by tests of their own, below
BUILT = {**POOLS, **MORE}


@pytest.fixture(scope="module")
def library() -> Library:
    return load_runbooks()


@asynccontextmanager
async def served(servers: Servers, monkeypatch: pytest.MonkeyPatch, host: str = "127.0.0.1") -> AsyncIterator[Lab]:
    """A lab of these servers instead of its own."""
    faults = {
        name: replace(each, name=name) if isinstance(each, Fault) else Fault(name, "", None, each)
        for name, each in servers.items()
    }
    monkeypatch.setattr(server, "FAULTS", faults)
    async with serve_lab([*servers], host=host) as lab:
        yield lab


def pool_of(lab: Lab, folder: Path) -> Pool:
    path = folder / "pool.yaml"
    path.write_text(lab.pool_yaml)
    return load_pool(path)


async def judged(library: Library, pool: Pool) -> tuple[Found, tuple[Observation, ...]]:
    results = await probe_pool(structs.replace(pool, compare=True), structs.replace(PATIENT, eicar=True))
    found = match(library, results.observations)
    assert 0 == found.unmatched.count
    return {finding.id: list(finding.members) for finding in found.findings}, results.pool_observations


@pytest.mark.parametrize("name", BUILT)
async def test_a_pool(name: str, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(BUILT[name].servers, monkeypatch) as lab:
        found, _ = await judged(library, pool_of(lab, tmp_path))

    assert BUILT[name].found == found


@pytest.mark.parametrize(
    ("servers", "problems"),
    [
        ({"a": WELL, "b": Scanner(scan=allow), "c": WELL, "d": Scanner(scan=allow)}, ["eicar-not-detected"]),
        ({"a": WELL, "b": tagged(NO_ENGINE), "c": WELL, "d": tagged(NO_ENGINE)}, ["no-engine-loaded"]),
        # two without an engine, and two of another age beside them: that is no consequence
        (
            {"a": WELL, "b": tagged(NO_ENGINE), "c": tagged("older"), "d": tagged("older"), "e": WELL},
            ["no-engine-loaded", "istag-differs"],
        ),
    ],
)
async def test_what_divides_the_pool_follows_from_what_its_members_have(
    servers: Servers, problems: list[str], library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(servers, monkeypatch) as lab:
        pool = structs.replace(pool_of(lab, tmp_path), compare=True)
        results = await probe_pool(pool, structs.replace(PATIENT, eicar=True))
    found = match(library, results.observations)

    assert problems == [problem.finding for problem in found.problems]
    assert set(problems) == {finding.id for finding in found.findings if not finding.because_of}
    first = set(found.problems[0].consequences or ())
    assert first == {finding.id for finding in found.findings if finding.because_of}


async def test_another_product_is_said_before_its_other_tag(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = Scanner(common=(ISTAG, ("Server", "C-ICAP/0.5.10")))
    other = Scanner(common=(("ISTag", '"metadefender-7"'), ("Server", "Metadefender Core V4")))
    for servers in ({"a": most, "b": most, "c": other}, {"a": most, "b": other, "c": other, "d": most}):
        async with served(servers, monkeypatch) as lab:
            results = await probe_pool(structs.replace(pool_of(lab, tmp_path), compare=True), PATIENT)
        findings = match(library, results.observations).findings

        assert [("members-differ-in-product", None), ("istag-differs", ("members-differ-in-product",))] == [
            (finding.id, finding.because_of) for finding in findings
        ]
        facts = [facts_of(each)["fact"] for each in findings[0].evidence]
        assert "product" == facts[0]


async def test_one_server_that_is_two_members(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served({"a": WELL, "b": WELL}, monkeypatch) as lab:
        pool = pool_of(lab, tmp_path)
        double = structs.replace(pool.members[0], host="localhost", name="c")
        found, _ = await judged(library, structs.replace(pool, members=(*pool.members, double)))

    assert ["a", "c"] == found["duplicate-server"]


async def test_one_server_that_has_two_addresses(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, shared = {"a": tagged("1605188845")}, {"b": tagged("001605794100")}
    async with (
        served(own, monkeypatch) as one,
        served(shared, monkeypatch) as two,
        served(shared, monkeypatch, "127.0.0.2") as three,
    ):
        pools = [pool_of(lab, tmp_path) for lab in (one, two, three)]
        members = [member for pool in pools for member in pool.members]
        again = structs.replace(members[2], name="c")
        found, _ = await judged(library, structs.replace(pools[0], members=(*members[:2], again)))

    assert {"one-server-two-addresses": ["b", "c"]} == found


async def test_a_pool_that_differs_on_purpose_is_not_compared(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served({"a": WELL, "b": tagged("older"), "c": WELL}, monkeypatch) as lab:
        pool = pool_of(lab, tmp_path)
        results = await probe_pool(pool, PATIENT)

    assert pool.compare is False
    assert ((), ()) == (results.pool_observations, results.comparison)


async def test_the_report_has_them_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served({"a": WELL, "b": tagged("older"), "c": WELL, "d": WELL}, monkeypatch) as lab:
        path, saved = tmp_path / "pool.yaml", tmp_path / "report.json"
        path.write_text(lab.pool_yaml.replace("compare: false", "compare: true"))
        command = [sys.executable, "-m", "icapdiag", "check", str(path), "-v", "-o", "table", "-o", f"json={saved}"]
        with trio.fail_after(60):
            done = await trio.run_process(command, capture_stdout=True, stderr=subprocess.DEVNULL, check=False)
    report: dict[str, Any] = json.loads(saved.read_text())
    rows = {row["fact"]: row for row in report["comparison"]}
    table = done.stdout.decode()

    assert 0 == done.returncode
    assert ("outlier", ["b"]) == (rows["istag"]["kind"], rows["istag"]["outliers"])
    assert ("same", "1024") == (rows["preview"]["kind"], rows["preview"]["value_groups"][0]["value"])
    assert re.search(r"\nISTag +icapdiag-lab-1 +older \* +icapdiag-lab-1 +icapdiag-lab-1\n", table)
    assert "Seen   b: ISTag: older, but icapdiag-lab-1 at a, c, d" in table
    assert {"a": "ok", "b": "warning", "c": "ok", "d": "ok"} == {m["name"]: m["verdict"] for m in report["members"]}


def test_each_runbook_on_the_pool_has_its_pool(library: Library) -> None:
    about_pools = {
        runbook.id for runbook in library.runbooks if any(record.get("probe") == "pool" for record in runbook.examples)
    }

    assert 7 <= len(about_pools & {*POOLS, *TWICE})
    assert [] == [r.id for r in library.runbooks if r.id in about_pools and r.severity is Severity.CRITICAL]
