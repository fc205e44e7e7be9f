"""No step contradicts what is known: each declares what rules it out, and two steps of a report are never opposites.

Every example of every runbook is met once more beside facts that contradict a step: the setting is so already, say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from icapdiag.icap.product import PRODUCTS
from icapdiag.model import Facts
from icapdiag.runbook import Library
from icapdiag.runbook.causes import fixes, settling, weigh, written
from icapdiag.runbook.document import Runbook
from tests.contradictions import OF_PRODUCTS, REPLACES, of_another_product, opposites

# Facts, and the steps that they rule out.
KNOWN: Mapping[str, tuple[Facts, str]] = {
    "no preview is sent": (
        {"profile.enable_preview": False, "profile_preview_size": None}, r"switch enable_preview off"
    ),
    "previews are sent": (
        {"profile.enable_preview": True, "profile_preview_size": 1024}, r"switch enable_preview on\b"
    ),
    "204 is allowed": ({"profile.allow_204": True, "profile_allow_204": True}, r"switch allow_204 on"),
    "204 is not allowed": ({"profile.allow_204": False, "profile_allow_204": False}, r"switch allow_204 off"),
    "it fails closed": ({"profile.fail_action": "ICAP_FAIL_CLOSED", "pool.other_members_ok": 0},
                        r"set fail_action (?:to )?ICAP_FAIL_CLOSED"),
    "it fails open": ({"profile.fail_action": "ICAP_FAIL_OPEN"}, r"set fail_action (?:to )?ICAP_FAIL_OPEN"),
    "there is no other member": (
        {"pool.members": 1, "pool.other_members": 0, "pool.other_members_ok": 0},
        r"healthy members left|other (?:healthy )?members (?:remain|take)",
    ),
    "it answered in clear": (
        {"tls": False, "options.status": "ok", "options.icap_status": 200}, r"(?:attach|add|use) an SSL profile"
    ),
}  # fmt: skip
# Matched by what one product says only, or by what is no ICAP server at all.
IMPLIES_A_PRODUCT = {"no-engine-loaded", "core-unreachable", "no-security-rule", "shadow-service", "not-icap"}


def steps(runbook: Runbook, record: Facts) -> list[str]:
    weighed = weigh(runbook.causes, record)
    return [
        *written(runbook.now, record),
        *fixes(weighed, record),
        *settling(weighed, record),
        *written(runbook.check, record),
    ]


def met(runbook: Runbook, facts: Facts) -> Iterator[dict[str, Any]]:
    """The examples that still match beside these facts and say nothing else about them."""
    for example in runbook.examples:
        if any(name in example and example[name] != value for name, value in facts.items()):
            continue
        record = {**example, **facts}
        matches = any(each.holds(record) for each in runbook.match)
        if matches and not any(each.holds(record) for each in runbook.unless):
            yield record


@pytest.mark.parametrize("known", KNOWN)
def test_a_step_that_is_done_already_or_of_no_use_is_not_given(library: Library, known: str) -> None:
    facts, words = KNOWN[known]
    found = {
        f"{runbook.id}: {step}"
        for runbook in library.runbooks
        if "probe" in runbook.source  # `explain` knows no profile and no pool
        for record in met(runbook, {"source": "probe", **facts})
        for step in steps(runbook, record)
        if re.search(words, step, re.IGNORECASE)
    }

    assert set() == found


@pytest.mark.parametrize("product", OF_PRODUCTS)
def test_what_is_for_another_product_is_not_given(library: Library, product: str) -> None:
    found = {
        f"{runbook.id}: {step}"
        for runbook in library.runbooks
        if runbook.id not in IMPLIES_A_PRODUCT
        for record in met(runbook, {"product": product, "options.product": product})
        if record.get("source") != "scanner"  # whose own program is known
        for step in of_another_product(steps(runbook, record), product)
    }

    assert set() == found


def test_something_is_left_to_do_whatever_the_product(library: Library) -> None:
    """What is left out for a product, or as no server is known, is never all that a runbook advises."""
    found = set()
    for runbook in library.runbooks:
        for facts in (
            (NAMELESS if "log" in runbook.source else PLACED),
            *({**PLACED, **named} for named in PRODUCT_FACTS),
        ):
            for record in met(runbook, facts):
                if runbook.causes and not fixes(weigh(runbook.causes, record), record):
                    found.add(f"{runbook.id}: {facts.get('product')}: {record.get('causes')}")

    assert set() == found


PLACED: Facts = {"host": "192.0.2.1", "port": 1344}
NAMELESS: Facts = {"host": None, "port": None}
PRODUCT_FACTS = [{"product": product, "options.product": product} for product in PRODUCTS]


def test_no_two_steps_are_opposites(library: Library) -> None:
    found = {
        f"{runbook.id}: {both}: {record}"
        for runbook in library.runbooks
        for record in runbook.examples
        for both in opposites(steps(runbook, record))
    }

    assert set() == found


def test_the_words_are_still_those_of_steps(library: Library) -> None:
    """A rule whose words no runbook uses any more would hold for ever."""
    told = "\n".join(
        step.text
        for runbook in library.runbooks
        for step in (
            *runbook.now, *runbook.check, *(step for cause in runbook.causes for step in (*cause.fix, *cause.settle))
        )
    )  # fmt: skip
    rules = [*(words for _, words in KNOWN.values()), *OF_PRODUCTS.values(), REPLACES]

    assert [] == [rule for rule in rules if not re.search(rule, told, re.IGNORECASE)]
