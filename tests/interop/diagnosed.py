"""What a check of a broken set-up has to say first, and what it must not say."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.interop.clients import Checked


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The first problem, its first cause and how sure that is, and its first steps.

    ``fix`` and ``never`` are regular expressions: of the first fix, and of the title, all causes that are left and all
    steps. ``effect`` is what it means for uploads where the profile does not say what a failure leads to.
    """

    finding: str
    cause: str
    status: str
    fix: str
    severity: str = "critical"
    effect: str | None = "unscanned"
    never: str = ""

    def holds(self, checked: Checked) -> None:
        """Fails the test where the check says something else."""
        assert checked.report["problems"], "nothing is wrong, it says"
        problem = checked.report["problems"][0]
        left = [cause for cause in problem["causes"] if cause["status"] != "ruled out"]
        expected = (self.finding, self.severity, self.effect, self.cause, self.status)
        first = left[0] if left else {"id": "", "status": ""}
        found = (problem["finding"], problem["severity"], problem.get("effect"), first["id"], first["status"])
        assert expected == found, f"{found}, not {expected}"
        steps = problem["steps"]
        assert re.search(self.fix, steps["fix"][0]), steps["fix"]
        titles = [cause["title"] for cause in left]
        said = "\n".join([problem["title"], *titles, *steps.get("now", ()), *steps["fix"], *steps.get("check", ())])
        assert not self.never or not re.search(self.never, said), said


def nothing_is_wrong(checked: Checked) -> None:
    """Fails the test where the check has a critical finding or a warning."""
    found = checked.findings("critical") | checked.findings("warning")
    assert {} == found, found
    assert 0 == checked.exit_status


def advises(checked: Checked, words: str) -> bool:
    """Whether a step of the first problem has these words; they are then what the test does."""
    steps = checked.report["problems"][0]["steps"]
    return any(words in step for step in [*steps.get("now", ()), *steps["fix"], *steps.get("check", ())])
