"""Previews: which uploads are tried on whom, what is made of the answers, and when it stops."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from msgspec.structs import replace

from icapdiag.facts.answer import Answer
from icapdiag.facts.connection import Transfer
from icapdiag.facts.deep import PreviewCase
from icapdiag.facts.sheet import facts_of as described
from icapdiag.icap.samples import CLEAN, eicar
from icapdiag.lab import serve_lab
from icapdiag.model import Observation
from icapdiag.pool import Pool
from icapdiag.probe import PROBES, Settings, probe_pool
from icapdiag.probe.base import Context, Failure, Outcome, ok
from icapdiag.probe.connection.exchange import Transaction
from icapdiag.probe.probes import preview
from icapdiag.probe.probes.preview import LONGEST, PROBE, cases
from icapdiag.probe.running.catalogue import choose
from icapdiag.vocabulary import Reason, Status
from tests.facts import facts_of
from tests.probe.fakes import member, pool_of, sheet, transaction

SETTINGS = Settings(timeout=2)


def context(pool: Pool | None = None, *, offered: int | None = None, settings: Settings = SETTINGS) -> Context:
    pool = pool or pool_of(member(1))
    made = Context(pool=pool, member=pool.members[0], settings=settings, address="127.0.0.1")
    made.outcomes["options"] = ok(sheet("options", preview=offered)), 1.0
    made.outcomes["clean"] = ok(sheet("clean", answer_ms=1.0)), 1.0
    return made


def with_preview(size: int | None) -> Pool:
    return pool_of(
        member(1), change=lambda profile: replace(profile, enable_preview=size is not None, preview_size=size or 0)
    )


@pytest.mark.parametrize(
    ("ours", "offered", "expected"),
    [
        (5000, None, {"whole": None, "avi-preview": 5000, "preview-0": 0}),
        (5000, 1024, {"whole": None, "avi-preview": 5000, "preview-0": 0, "preview-n": 1024, "preview-n-exact": 1024,
                      "preview-n-plus-1": 1025}),
        (1024, 1024, {"whole": None, "avi-preview": 1024, "preview-0": 0, "preview-n-exact": 1024,
                      "preview-n-plus-1": 1025}),
        (1025, 1024, {"whole": None, "avi-preview": 1025, "preview-0": 0, "preview-n": 1024, "preview-n-exact": 1024}),
        (0, 0, {"whole": None, "avi-preview": 0}),
        (None, 0, {"whole": None, "preview-0": 0}),
        (5000, 10**12, {"whole": None, "avi-preview": 5000, "preview-0": 0}),
    ],
)  # fmt: skip
def test_the_lengths_that_matter(ours: int | None, offered: int | None, expected: dict[str, int | None]) -> None:
    found = {case.name: case for case in cases(context(with_preview(ours)), offered)}

    allowed = {name: case.preview for name, case in found.items() if case.allow_204}
    assert expected == allowed
    assert {"no-allow": None, "no-allow-preview": ours or 0} == {
        name: case.preview for name, case in found.items() if not case.allow_204
    }
    assert all(case.beyond for name, case in found.items() if case.preview is not None and name != "preview-n-exact")
    if "preview-n" in found:
        assert offered is not None
        assert (offered + 1, offered) == (len(found["preview-n"].body), len(found["preview-n-exact"].body))


def test_eicar_begins_behind_the_preview_and_is_sent_only_when_asked_for() -> None:
    quiet = list(cases(context(with_preview(5000)), LONGEST))
    asked = {case.name: case for case in cases(context(with_preview(5000), settings=Settings(eicar=True)), LONGEST)}

    assert [] == [case.name for case in quiet if eicar() in case.body]
    assert {"eicar-beyond-preview", "eicar-whole"} == {name for name, case in asked.items() if eicar() in case.body}
    assert (5000, None) == (asked["eicar-beyond-preview"].preview, asked["eicar-whole"].preview)
    assert asked["eicar-beyond-preview"].body.index(eicar()) > 5000


async def run(monkeypatch: pytest.MonkeyPatch, *answers: Transaction) -> Outcome:
    """The probe with these outcomes of its transactions, the last one again and again."""
    left = list(answers)

    async def transact(*_: object, **__: object) -> Transaction:
        await trio.lowlevel.checkpoint()
        return left.pop(0) if len(left) > 1 else left[0]

    monkeypatch.setattr(preview, "transact", transact)
    return await PROBE.run(context(offered=1024))


ALLOWED = transaction(icap_status=204, verdict="allowed", complete_body_sent=True, bytes_sent=9)


async def test_one_case_that_fails_does_not_end_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = transaction(Failure(Reason.ICAP_STATUS), icap_status=400, bytes_sent=9)
    outcome = await run(monkeypatch, ALLOWED, refused, ALLOWED)

    assert (Status.OK, ["avi-preview"]) == (outcome.status, facts_of(outcome)["cases_failed"])
    assert [
        "whole",
        "preview-0",
        "preview-n",
        "preview-n-exact",
        "preview-n-plus-1",
        "no-allow",
        "no-allow-preview",
    ] == (facts_of(outcome)["cases_ok"])


@pytest.mark.parametrize(
    ("last", "stopped", "tried"),
    [
        (transaction(Failure(Reason.ICAP_STATUS), icap_status=503, bytes_sent=9), "busy", 2),
        (transaction(Failure(Reason.REFUSED), bytes_sent=0), "connection", 3),
    ],
)
async def test_it_stops_where_no_more_is_to_be_learnt(
    monkeypatch: pytest.MonkeyPatch, last: Transaction, stopped: str, tried: int
) -> None:
    outcome = await run(monkeypatch, ALLOWED, last)
    recorded: Any = facts_of(outcome)["cases"]

    assert (Status.OK, stopped, tried) == (outcome.status, facts_of(outcome)["stopped"], len(recorded))
    assert (stopped == "busy") == (facts_of(outcome)["cases_failed"] == [])


async def test_it_fails_if_no_case_was_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = await run(monkeypatch, transaction(Failure(Reason.CLOSED), bytes_sent=9))

    assert (Status.FAILED, Reason.CLOSED) == (outcome.status, outcome.reason)


async def test_a_fault_of_ours_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = transaction(Failure(Reason.LOCAL_NETWORK, "no more ports", Status.ERROR), bytes_sent=9)
    outcome = await run(monkeypatch, ALLOWED, ours)

    assert (Status.ERROR, Reason.LOCAL_NETWORK, "no more ports") == (
        outcome.status,
        outcome.reason,
        facts_of(outcome)["error"],
    )


async def observed(name: str, *, eicar: bool = False) -> Observation:
    """The lab's member with this fault, as the probe sees it."""
    probes = choose(PROBES, only=["preview", "eicar"] if eicar else ["preview"])
    async with serve_lab([name]) as lab:
        pool = pool_of(member(lab.members[0].port))
        results = await probe_pool(pool, replace(SETTINGS, eicar=eicar), probes=probes)
    return next(each for each in results.observations if each.probe == "preview")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("healthy", ("blocked", "blocked", "never", True)),
        ("eicar-missed", ("passed", "passed", "never", True)),
        ("preview-204-unsupported", ("passed-unseen", "blocked", "always", False)),
        ("disarms", ("modified", "modified", "never", True)),
    ],
)
async def test_what_became_of_eicar_behind_the_preview(fault: str, expected: tuple[str, str, str, bool]) -> None:
    facts = facts_of(await observed(fault, eicar=True))

    assert expected == tuple(
        facts[name] for name in ("eicar_beyond_preview", "eicar_whole", "passes_unseen", "continued")
    )


async def test_without_eicar_it_says_that_it_was_not_asked(autojump_clock: trio.testing.MockClock) -> None:
    facts = facts_of(await observed("preview-204-unsupported"))

    assert ("not-asked", "not-asked", "always") == (
        facts["eicar_beyond_preview"],
        facts["eicar_whole"],
        facts["passes_unseen"],
    )


async def test_who_never_asks_for_the_rest_is_waited_for_in_vain(autojump_clock: trio.testing.MockClock) -> None:
    facts = facts_of(await observed("no-100"))

    assert ["avi-preview", "preview-0", "preview-n", "preview-n-plus-1", "no-allow-preview"] == facts["cases_hung"]
    assert ["whole", "preview-n-exact", "no-allow"] == facts["cases_ok"]
    assert facts["continued"] is False


async def test_each_rule_is_named_once_with_the_case_that_broke_it(autojump_clock: trio.testing.MockClock) -> None:
    facts = facts_of(await observed("204-without-allow"))

    assert ["204-without-allow"] == facts["deviation_rules"]
    assert [("204-without-allow", "no-allow")] == [(one["rule"], one["case"]) for one in facts["deviations"]]
    assert len(CLEAN) == next(case for case in facts["cases"] if case["case"] == "no-allow")["body_size"]


def test_what_a_case_has_of_its_answer_and_its_transfer_is_named_as_there() -> None:
    own = {"case", "preview", "body_size", "allow_204", "status", "reason", "error"}
    there = {fact.key: (fact.type, fact.many) for part in (Answer, Transfer) for fact in described(part)}
    here = {fact.key: (fact.type, fact.many) for fact in described(PreviewCase)}

    assert own <= here.keys()
    assert {key: kind for key, kind in here.items() if key not in own}.items() <= there.items()
