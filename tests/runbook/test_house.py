"""Each rule for our own runbooks: what it finds, where, and that it leaves a good runbook alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from icapdiag.runbook import load_runbooks
from icapdiag.runbook.house import SCRIPT, house_rules
from tests.runbook.writing import RULE, SECTIONS, library_of, runbook_text

HEAD = "stage: tcp\nreferences: https://example.com/\n"
GOOD = SECTIONS.replace("Nobody listens.", "Nobody listens: requests pass unscanned.")
PATH = "runbooks/a-one.md"
MAKER = next(
    line
    for script in SCRIPT.findall(load_runbooks().by_id("eicar-not-detected").body)
    for line in script.splitlines()
    if line.startswith("eicar()")
)


def found(folder: Path, **texts: str) -> list[str]:
    return [str(error) for error in house_rules(library_of(folder, **texts))]


def text(rule: str = RULE, *, head: str = HEAD, sections: str = GOOD, verify: str = "Look.") -> str:
    return runbook_text("a-one", rule, head=head, sections=sections.replace("Look.", verify))


def test_a_good_runbook_has_no_problems(tmp_path: Path) -> None:
    assert [] == found(tmp_path, a_one=text())


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (text(head=""), [":2:1: stage: is missing", ":2:1: references: is missing"]),
        (text().replace("title: ", f"title: {'x' * 50}"), [":3:1: title: name the fault in at most 60 characters"]),
        (text(RULE.replace("probe: tcp", "probe: pool")), [":4:1: severity: members that differ are not critical"]),
        (text(RULE.replace("reason: refused}\ne", "adf_codes: [ADF_ICAP_X, ADF_TYPO]}\ne")),
            [":9:18: match[0].adf_codes: 'ADF_TYPO' is in no record"]),
        (text(sections=SECTIONS), [":15:1: ## What it means: say whether requests pass unscanned"]),
        (text(sections=GOOD.replace("Nobody", "\n\nNobody").replace("## What it means\n", "## What it means")), []),
        (text(sections=GOOD.replace("Nobody listens: requests pass unscanned.", "")),
            [":15:1: ## What it means: it does not begin with a paragraph",
             ":15:1: ## What it means: say whether requests pass unscanned"]),
        (text(sections=GOOD.replace("- Disable", "Disable").replace("- Start", "Start")),
            [":27:1: ## Fix on the ICAP server: neither fix has a list of steps"]),
    ],
)  # fmt: skip
def test_of_front_matter_and_sections(tmp_path: Path, written: str, expected: list[str]) -> None:
    problems = found(tmp_path, a_one=written)

    assert len(expected) == len(problems), problems
    assert all(one.startswith(f"{PATH}{start}") for one, start in zip(problems, expected, strict=True)), problems


def test_an_informative_runbook_need_not_say_what_passes(tmp_path: Path) -> None:
    assert [] == found(tmp_path, a_one=text(sections=SECTIONS).replace("severity: critical", "severity: info"))


@pytest.mark.parametrize(
    ("verify", "expected"),
    [
        ("word " * 25, "wrap the prose at 120 characters: word word"),
        ("curl https://c/api/analytics/logs?type=1&page=2", "ask the Controller's log for a time"),
        ("```sh\necho 'a\n```", "the shell can't read the commands: no closing quotation"),
        ("```sh\ncurl https://secure.eicar.org/eicar.com\n```", "nobody has to fetch the EICAR test file"),
        ("```sh\nwget http://h/eicar.com.zip\n```", "nobody has to fetch the EICAR test file"),
        (f"```sh\n{MAKER.replace('rev', 'cat')}\n```", "eicar() differs from the one in eicar-not-detected"),
        ("```sh\neicar > /tmp/eicar.com\n```", "the EICAR test file is written to a file: eicar > /tmp"),
        ("```sh\neicar >> e\n```", "the EICAR test file is written to a file"),
        ("```sh\neicar | tee /tmp/x\n```", "the EICAR test file is written to a file"),
        ("```sh\nask | c-icap-client -f /dev/stdin -o /tmp/back.bin\n```", "the EICAR test file is written to a file"),
        ("```sh\ncurl -sS -o /tmp/eicar.com https://x\n```", "the EICAR test file is written to a file"),
        ("```sh\ncurl -F file=@/tmp/eicar.com https://x\n```", "the EICAR test file is written to a file"),
    ],
)
def test_of_commands_and_prose(tmp_path: Path, verify: str, expected: str) -> None:
    (problem,) = found(tmp_path, a_one=text(verify=verify))

    assert problem.startswith(f"{PATH}:21:1: ## Verify: {expected}")


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("jq -r '.results[] | select(.a == )' /tmp/log.json", "jq: error: syntax error"),
        ("jq -r 'no_such_function' /tmp/log.json | head", "jq: error: no_such_function/0 is not defined"),
        ("jq -r '.a |\n.b' /tmp/log.json", "it goes on in the next line"),
    ],
)
def test_of_filters(tmp_path: Path, command: str, expected: str) -> None:
    (problem,) = found(tmp_path, a_one=text(verify=f"```sh\n{command}\n```"))

    assert problem.startswith(f"{PATH}:21:1: ## Verify: jq can't read the filter: {expected}")


@pytest.mark.parametrize(
    "verify",
    [
        f"```sh\n{'x' * 130}\n```",
        f"| {'x' * 130} |",
        "```sh\ncurl 'https://c/api/analytics/logs?type=1&duration=86400&page=2'\n```",
        f"```sh\n{MAKER}\neicar | nc h 1 2>&1 | head\n```",
        "```sh\neicar | curl -o /dev/null -F 'file=@-;filename=x'\n```",
        "```sh\ngrep eicar log > found\n```",
    ],
)
def test_what_may_be_written(tmp_path: Path, verify: str) -> None:
    assert [] == found(tmp_path, a_one=text(verify=verify))


def test_no_step_refers_to_what_nobody_sees_beside_it(tmp_path: Path) -> None:
    steps = '{id: x, title: X, fix: {server: ["Compare them (see Verify).", "Restart it."]}}'
    own = "".join(f"## {heading}\nRequests pass.\n\n" for heading in ("What it means", "Verify", "Escalate with"))
    written = text(f"effect: unscanned\ncauses: [{steps}]\n{RULE}", sections=own)

    problems = [one for one in found(tmp_path, a_one=written) if "## Verify" in one]
    assert ["nobody sees it beside this step, so give the command: Compare them (see Verify)."] == [
        one.partition("## Verify: ")[2] for one in problems
    ]


def test_two_that_are_reported_together_were_meant_to_be(tmp_path: Path) -> None:
    other = text().replace("a-one", "b-two")
    both = ["b-two is reported for it, too: supersede one of them, or name b-two in 'beside'"]

    assert [f"{PATH}:11:5: examples[0]: {both[0]}"] == found(
        tmp_path, a_one=text(), b_two=other.replace("stage: tcp", "stage: tcp\nbeside: a-one")
    )


def test_beside_names_what_is_reported_together(tmp_path: Path) -> None:
    other = text(RULE.replace("refused", "reset")).replace("a-one", "b-two")

    assert [f"{PATH}:8:1: beside[0]: 'b-two' is reported for none of the examples"] == found(
        tmp_path, a_one=text(head=f"{HEAD}beside: b-two\n"), b_two=other
    )


def test_our_own_keep_to_the_rules_and_there_is_much_to_look_at() -> None:
    library = load_runbooks()
    scripts = [script for runbook in library.runbooks for script in SCRIPT.findall(runbook.body)]

    assert [] == [str(error) for error in house_rules(library)]
    assert 7 == sum(len(runbook.beside) for runbook in library.runbooks)
    assert len([line for script in scripts for line in script.splitlines() if "/analytics/logs?" in line]) > 40
    assert len([script for script in scripts if MAKER in script]) >= 10
