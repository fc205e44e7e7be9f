"""No step contradicts a fact of its own report: over every fault of the lab, alone and in its pool, and over logs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import trio

from icapdiag.icap.product import PRODUCTS
from icapdiag.lab import serve_lab
from icapdiag.logs.reading import read_logs
from icapdiag.model import Facts, Observation, Problem, flatten
from icapdiag.pool import load_pool
from icapdiag.probe import PROBES, Settings, probe_pool
from icapdiag.probe.running.catalogue import choose
from icapdiag.runbook import load_runbooks, match
from tests.logs.generate import generated

pytestmark = pytest.mark.realtime  # faults of the lab are slow

LOGS = 200
# Words of a step that are about one product only.
OF_PRODUCTS = {
    "c-icap": r"c-icap\.conf|\bMaxServers|ThreadsPerChild|ScanFileTypes|virus_scan\.",
    "squidclamav": r"squidclamav",
    "metadefender": r"MetaDefender|mdicapsrv",
    "kaspersky": r"ScanInReqMode",
    "fortisandbox": r"FortiSandbox",
}
INSIDE = {"squidclamav": {"c-icap"}}  # which runs inside of which


def always(_: Facts, __: Sequence[Facts], ___: Facts) -> bool:
    return True


def answered_in_clear(own: Facts, seen: Sequence[Facts], _: Facts) -> bool:
    return not own.get("tls") and any(each.get("probe") == "options" and each.get("icap_status") for each in seen)


def worked_by_tls(_: Facts, seen: Sequence[Facts], __: Facts) -> bool:
    return any(each.get("probe") == "tls" and each.get("status") == "ok" for each in seen)


def known(**settings: Any) -> Callable[[Facts, Sequence[Facts], Facts], bool]:
    return lambda _, __, profile: all(profile.get(name) == value for name, value in settings.items())


CONTRADICTIONS: Sequence[tuple[str, Callable[[Facts, Sequence[Facts], Facts], bool]]] = (
    (r"(?:attach|add|set|use) an? SSL profile", answered_in_clear),
    (r"(?:attach|add|set|use) an? SSL profile", worked_by_tls),
    (r"switch (?:off enable_preview|enable_preview off)", known(enable_preview=False)),
    (r"switch (?:on enable_preview|enable_preview on)\b", known(enable_preview=True)),
    (r"set fail_action (?:to )?ICAP_FAIL_CLOSED", known(fail_action="ICAP_FAIL_CLOSED")),
    (r"set fail_action (?:to )?ICAP_FAIL_OPEN", known(fail_action="ICAP_FAIL_OPEN")),
    (r"switch (?:on allow_204|allow_204 on)", known(allow_204=True)),
    (r"KeepAlive off", always),
    (r"divided by the (?:number of )?Service Engines", always),
    (r"\{[a-z_.]+\}|\b(?-i:HOST|PORT|SERVICE_URI|MEMBERS)\b", always),  # a value that nobody filled in
)
PROFILES: Sequence[Facts] = (
    {"service_uri": "/avscan"},
    {"service_uri": "/avscan", "fail_action": "ICAP_FAIL_OPEN", "enable_preview": True, "allow_204": True},
    {"service_uri": "/avscan", "fail_action": "ICAP_FAIL_CLOSED", "enable_preview": False, "allow_204": False},
)


async def probed(folder: Path) -> list[Observation]:
    async with serve_lab() as lab:
        with trio.fail_after(120):
            settings = Settings(eicar=True, timeout=2, connect_timeout=2, deadline=6)
            (folder / "pool.yaml").write_text(lab.pool_yaml)
            pool = load_pool(folder / "pool.yaml")
            results = await probe_pool(pool, settings, probes=choose(PROBES))
    return list(results.observations)


@pytest.fixture(scope="module")
def observations(tmp_path_factory: pytest.TempPathFactory) -> list[Observation]:
    return trio.run(probed, tmp_path_factory.mktemp("lab"))


def steps_of(problem: Problem) -> Iterator[str]:
    if problem.steps:
        yield from (*(problem.steps.now or ()), *(problem.steps.fix or ()), *(problem.steps.check or ()))


def wrong(problem: Problem, seen: Sequence[Facts], profile: Facts, *, alone: bool) -> list[str]:
    """Steps that a fact contradicts, each with the rule."""
    found: list[str] = []
    own = next((each for each in seen if each.get("host")), {})
    product = next((each["product"] for each in seen if each.get("product") not in (None, "unknown")), None)
    for step in steps_of(problem):
        found += [f"{problem.finding}: {words}: {step}" for words, holds in CONTRADICTIONS
                  if re.search(words, step, re.IGNORECASE) and holds(own, seen, profile)]  # fmt: skip
        if alone and re.search(r"\bother (?:healthy )?members? (?:remain|take|are)", step):
            found.append(f"{problem.finding}: there is no other member: {step}")
        for name, words in OF_PRODUCTS.items():
            if product and product != name and name not in INSIDE.get(str(product), ()) and re.search(words, step):
                found.append(f"{problem.finding}: the product is {product}: {step}")
    return found


@pytest.mark.parametrize("profile", PROFILES, ids=["assumed", "fails open", "fails closed"])
def test_of_a_member_that_is_the_only_one(observations: list[Observation], profile: Facts) -> None:
    library = load_runbooks()
    members = list(dict.fromkeys(each.member for each in observations if each.member))
    found: list[str] = []
    for name in members:
        own = [each for each in observations if each.member == name and each.probe != "pool"]
        records = [flatten(each) for each in own]
        for problem in match(library, own, profile=profile).problems:
            found += wrong(problem, records, profile, alone=True)

    assert len(members) > 60
    assert [] == found


def test_of_a_pool(observations: list[Observation]) -> None:
    found: list[str] = []
    for problem in match(load_runbooks(), observations, profile=PROFILES[0]).problems:
        records = [flatten(each) for each in observations if each.member in problem.members]
        if len(problem.members) == 1:
            found += wrong(problem, records, PROFILES[0], alone=False)

    assert [] == found


def test_of_logs(tmp_path: Path) -> None:
    library = load_runbooks()
    found: list[str] = []
    for seed in range(LOGS):
        path = tmp_path / f"{seed}.jsonl"
        entries = generated(40, share=0.8, order="as written", seed=seed)
        path.write_text("".join(f"{json.dumps(each)}\n" for each in entries))
        seen = read_logs([str(path)]).observations
        for problem in match(library, seen).problems:
            found += wrong(problem, [flatten(each) for each in seen], {}, alone=False)
            found += [f"{problem.finding}: {step}" for step in steps_of(problem) if "this check" in step.lower()]

    assert [] == sorted(set(found))


def test_the_products_are_known() -> None:
    assert OF_PRODUCTS.keys() <= set(PRODUCTS)
