"""No step contradicts a fact of its own report: over every fault of the lab, field cases, and logs."""

from __future__ import annotations

import csv
import json
import random
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trio

from icapdiag.facts.groups import RequestGroup
from icapdiag.icap.product import PRODUCTS
from icapdiag.lab import FAULTS, serve_lab
from icapdiag.logs.reading import read_logs
from icapdiag.model import Facts, JSONValue, Observation, Problem, flatten
from icapdiag.pool import Member, Pool, Profile, load_pool
from icapdiag.probe import PROBES, Probe, Settings, probe_pool
from icapdiag.probe.base import Depth
from icapdiag.probe.running.catalogue import choose
from icapdiag.runbook import load_runbooks, match
from tests.conftest import NO_EVIDENCE
from tests.contradictions import OF_PRODUCTS, of_another_product, opposites
from tests.logs.generate import generated
from tests.runbook.cases import LOGS as FAULTS_IN_LOGS
from tests.runbook.logged import observe

pytestmark = pytest.mark.realtime  # faults of the lab are slow

LOGS = 200
FIELD = Path(__file__).parents[3] / "shared" / "evidence" / "field"


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


async def probed(folder: Path, names: Sequence[str], probes: tuple[Probe, ...]) -> list[Observation]:
    async with serve_lab(names) as lab:
        with trio.fail_after(200):
            settings = Settings(
                eicar=True, timeout=2, connect_timeout=2, deadline=6, load_ceiling=8, max_size=256 * 1024
            )
            (folder / "pool.yaml").write_text(lab.pool_yaml)
            pool = load_pool(folder / "pool.yaml")
            results = await probe_pool(pool, settings, probes=probes)
    return list(results.observations)


@pytest.fixture(scope="module")
def observations(tmp_path_factory: pytest.TempPathFactory) -> list[Observation]:
    """Of all faults in a deep run, and of those that only load shows."""
    loaded = [name for name, fault in FAULTS.items() if fault.depth == "load"]
    others = [name for name in FAULTS if name not in loaded]
    folder = tmp_path_factory.mktemp("lab")
    seen = trio.run(probed, folder, others, choose(PROBES, depth="deep"))
    return seen + trio.run(probed, folder, loaded, choose(PROBES, load=True))


def steps_of(problem: Problem) -> Iterator[str]:
    if problem.steps:
        yield from (*(problem.steps.now or ()), *(problem.steps.fix or ()), *(problem.steps.check or ()))


def wrong(problem: Problem, seen: Sequence[Facts], profile: Facts, *, alone: bool) -> list[str]:
    """Steps that a fact contradicts, each with the rule."""
    found: list[str] = []
    own = next((each for each in seen if each.get("host")), {})
    product = next((each["product"] for each in seen if each.get("product") not in (None, "unknown")), None)
    steps = list(steps_of(problem))
    if product:
        others = of_another_product(steps, str(product))
        found += [f"{problem.finding}: the product is {product}: {step}" for step in others]
    for step in steps:
        found += [f"{problem.finding}: {words}: {step}" for words, holds in CONTRADICTIONS
                  if re.search(words, step, re.IGNORECASE) and holds(own, seen, profile)]  # fmt: skip
        if alone and re.search(r"\bother (?:healthy )?members? (?:remain|take|are)", step):
            found.append(f"{problem.finding}: there is no other member: {step}")
    return found


@pytest.mark.parametrize("profile", PROFILES, ids=["assumed", "fails open", "fails closed"])
def test_of_a_member_that_is_the_only_one(observations: list[Observation], profile: Facts) -> None:
    library = load_runbooks()
    members = list(dict.fromkeys(each.member for each in observations if each.member))
    found: list[str] = []
    for name in members:
        own = [each for each in observations if each.member == name and each.probe != "pool"]
        records = [flatten(each) for each in own]
        problems = match(library, own, profile=profile).problems
        for problem in problems:
            found += wrong(problem, records, profile, alone=True)
        found += [f"{name}: {both}" for both in opposites(step for each in problems for step in steps_of(each))]

    assert {fault.name for fault in FAULTS.values()} <= {*members, "disabled"}
    assert [] == found


def test_of_a_pool(observations: list[Observation]) -> None:
    found: list[str] = []
    for problem in match(load_runbooks(), observations, profile=PROFILES[0]).problems:
        records = [flatten(each) for each in observations if each.member in problem.members]
        if len(problem.members) == 1:
            found += wrong(problem, records, PROFILES[0], alone=False)

    assert [] == found


class FieldCase(NamedTuple):
    """A row of the table of field cases."""

    name: str
    form: str
    options: str
    profile: str
    service_uri: str


def field_cases() -> list[FieldCase]:
    if not FIELD.is_dir():
        return []
    with (FIELD / "expected.tsv").open() as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [FieldCase(row["case"], row["form"], row["options"], row["profile"], row["uri"]) for row in rows]


@pytest.fixture(scope="module")
def field_servers() -> Any:
    """The module that serves them, as a user would find it."""
    sys.path.insert(0, str(FIELD))
    try:
        return import_module("servers")
    finally:
        sys.path.remove(str(FIELD))


@pytest.mark.skipif(not FIELD.is_dir(), reason=NO_EVIDENCE)
@pytest.mark.parametrize("case", [case for case in field_cases() if case.form == "live"], ids=lambda case: case.name)
async def test_of_a_field_case(case: FieldCase, field_servers: Any) -> None:
    listener, port, _ = field_servers.serve(field_servers.B[case.name])
    given = dict(pair.split("=", 1) for pair in case.profile.split(";") if pair)
    profile: dict[str, Any] = {name: to_bool.get(text, text) for name, text in given.items()}
    members = (Member(host="127.0.0.1", port=port, name="scanner"),)
    pool = Pool(name="icap", profile=Profile(service_uri=case.service_uri, **profile), members=members)
    settings = Settings(eicar="--eicar" in case.options, timeout=4, max_size=2 * 1024 * 1024)
    try:
        depth: Depth = "deep" if "deep" in case.options else "standard"
        results = await probe_pool(pool, settings, probes=choose(PROBES, depth=depth))
    finally:
        listener.close()
    records = [flatten(each) for each in results.observations]
    problems = match(load_runbooks(), results.observations, profile=profile).problems
    found = [each for problem in problems for each in wrong(problem, records, profile, alone=True)]

    assert [] == found
    assert [] == list(opposites(step for problem in problems for step in steps_of(problem)))


to_bool = {"true": True, "false": False}


@pytest.mark.skipif(not FIELD.is_dir(), reason=NO_EVIDENCE)
@pytest.mark.parametrize("case", [case for case in field_cases() if case.form == "text"], ids=lambda case: case.name)
def test_of_a_field_text(case: FieldCase) -> None:
    seen = read_logs([str(FIELD / "texts" / case.name)]).observations
    records = [flatten(each) for each in seen]
    problems = match(load_runbooks(), seen).problems

    assert [] == [each for problem in problems for each in wrong(problem, records, {}, alone=False)]
    assert [] == list(opposites(step for problem in problems for step in steps_of(problem)))


def test_of_logs(tmp_path: Path) -> None:
    library = load_runbooks()
    found: list[str] = []
    for seed in range(LOGS):
        path = tmp_path / f"{seed}.jsonl"
        entries = generated(40, share=0.8, order="as written", seed=seed)
        path.write_text("".join(f"{json.dumps(each)}\n" for each in entries))
        seen = read_logs([str(path)]).observations
        records = [flatten(each) for each in seen]
        for problem in match(library, seen).problems:
            theirs = [each for each in records if set(as_list(each.get("members"))) & set(problem.members)]
            found += wrong(problem, theirs, {}, alone=False)
            found += [f"{problem.finding}: {step}" for step in steps_of(problem) if "this check" in step.lower()]

    assert [] == sorted(set(found))


def test_of_logs_with_several_faults() -> None:
    """Any five of the faults that a log can show, together."""
    library = load_runbooks()
    found: list[str] = []
    for seed in range(LOGS):
        chosen = random.Random(seed).sample(sorted(FAULTS_IN_LOGS), 5)  # noqa: S311 - no secret, and the same each time
        seen = observe(*(one for name in chosen for one in FAULTS_IN_LOGS[name]))
        for problem in match(library, seen).problems:
            theirs = [flatten(each) for each in seen if each.facts.part(RequestGroup)]
            products = {each.get("product") for each in theirs} - {None}
            steps = list(steps_of(problem))
            found += wrong(problem, theirs if len(products) == 1 else [], {}, alone=False)
            found += [f"{problem.finding}: {both}" for both in opposites(steps)]
            found += [f"{problem.finding}: {step}" for step in steps if "this check" in step.lower()]

    assert [] == sorted(set(found))


def as_list(value: JSONValue) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else []


def test_the_products_are_known() -> None:
    assert OF_PRODUCTS.keys() <= set(PRODUCTS)
