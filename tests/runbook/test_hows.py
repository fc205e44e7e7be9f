"""The first two causes of every critical or warning runbook say how to fix them, whichever product answers."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from icapdiag.icap.product import PRODUCTS
from icapdiag.model import Facts
from icapdiag.runbook import load_runbooks
from icapdiag.runbook.causes import Cause, weigh, written
from icapdiag.runbook.document import Runbook
from icapdiag.vocabulary import CauseStatus, Severity

CAUSES = 2  # of each runbook, the most frequent
# A click path; a command or setting in backticks; a file with its settings or a log; an address.
HOW = re.compile(r"\w > [A-Z{]|`[^`]+`|/(?:etc|var)/\w+|\w\.(?:conf|xml|toml)\b|https://")
OWN: Facts = {"host": "192.0.2.1", "port": 1344, "members": "192.0.2.1:1344", "service_uri": "/avscan"}


def with_causes() -> list[Runbook]:
    return [each for each in load_runbooks().runbooks if each.severity is not Severity.INFO and each.causes]


def records(runbook: Runbook) -> Iterator[Facts]:
    """Its examples, as each product has them; those that say which product it is, as they are."""
    for example in runbook.examples:
        if {"product", "options.product"} & example.keys():
            yield example
        else:
            yield from ({**example, "product": product, "options.product": product} for product in PRODUCTS)


def without_a_how(runbook: Runbook, cause: Cause) -> Iterator[str]:
    """The products at which the cause is not ruled out and no step says how to fix it."""
    for record in records(runbook):
        (weighed,) = weigh([cause], record)
        steps = written(cause.fix, record, OWN)
        if weighed.status is not CauseStatus.RULED_OUT and not any(map(HOW.search, steps)):
            yield str(record.get("product", record.get("options.product")))


@pytest.mark.parametrize("runbook", with_causes(), ids=lambda runbook: runbook.id)
def test_the_first_causes_have_a_how(runbook: Runbook) -> None:
    lacking = {cause.id: found for cause in runbook.causes[:CAUSES] if (found := set(without_a_how(runbook, cause)))}

    assert {} == lacking
