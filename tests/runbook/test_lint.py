"""Each rule of the linter: what it finds, where, and that it leaves a good runbook alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from icapdiag.runbook.lint import lint, lint_files
from tests.runbook.writing import RULE, SECTIONS, library_of, runbook_text, write

PATH = "runbooks/a-one.md"


def found(folder: Path, **texts: str) -> list[str]:
    return [str(error) for error in lint(library_of(folder, **texts))]


def rule(match: str, *, example: str = "", counterexample: str = "{probe: tls}", unless: str = "") -> str:
    lines = f"match:\n  - {match}\n"
    if unless:
        lines += f"unless:\n  - {unless}\n"
    return f"{lines}examples:\n  - {example}\ncounterexamples:\n  - {counterexample}\n"


def test_a_good_runbook_has_no_problems(tmp_path: Path) -> None:
    assert [] == found(tmp_path, a_one=runbook_text("a-one"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (runbook_text("a-one", head="author: me\nsuperseeds: [x]\n"), [":6:1: author: unknown key",
            ":7:1: superseeds: unknown key; did you mean 'supersedes'?"]),
        (runbook_text("b"), [":2:1: id: 'b' is not the file's name, 'a-one'"]),
        (runbook_text("A_one"), [":2:1: id: 'A_one' is not a slug: lower-case words joined by '-'",
            ":2:1: id: 'A_one' is not the file's name, 'a-one'"]),
        (runbook_text("a-one", head="aliases: [Old]\n"), [
            ":6:11: aliases[0]: 'Old' is not a slug: lower-case words joined by '-'"]),
        (runbook_text("a-one", head="aliases: [a-one, b, b]\n"), [
            ":6:11: aliases[0]: 'a-one' is written twice", ":6:21: aliases[2]: 'b' is written twice"]),
        (runbook_text("a-one", "match: {probe: tcp}\n"), [
            ":2:1: counterexamples: at least one is needed", ":2:1: examples: at least one is needed"]),
        (runbook_text("a-one", sections=SECTIONS.replace("Look.\n", "").replace("## Fix on Avi", "## Fix on avi")), [
            ":2:1: the section '## Fix on Avi' is missing",
            ":19:1: ## Verify: the section is empty",
            ":21:1: ## Fix on avi: unknown section; did you mean 'Fix on Avi'?"]),
        (runbook_text("a-one", sections=f"# Title\n{SECTIONS}"), [
            ":2:1: text before the first section is shown to nobody"]),
        (runbook_text("a-one", head="supersedes: [a-two, a-one]\n"), [
            ":6:1: supersedes: it supersedes itself, through 'a-two' and 'a-one'",
            ":6:14: supersedes[0]: no runbook 'a-two'; did you mean 'a-one'?"]),
        (runbook_text("a-one", head="beside: [a-ona]\n"), [
            ":6:10: beside[0]: no runbook 'a-ona'; did you mean 'a-one'?"]),
        (runbook_text("a-one", RULE.replace("refused}\nc", "refusde}\nc")), [
            ":9:5: examples[0]: does not match: match[0].reason: refused, but reason is 'refusde'",
            ":9:34: examples[0].reason: 'refusde' is no reason with status failed; did you mean 'refused'?"]),
        (runbook_text("a-one", RULE.replace("timeout", "refused")), [
            ":11:5: counterexamples[0]: matches by match[0]"]),
    ],
)  # fmt: skip
def test_of_the_file(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert [f"{PATH}{problem}" for problem in expected] == found(tmp_path, a_one=text)


@pytest.mark.parametrize(
    ("match", "example", "problem"),
    [
        ("{icap_staus: 404}", "{icap_staus: 404}",
            "icap_staus: unknown field 'icap_staus'; did you mean 'icap_status'?"),
        ("{status: fail}", "{status: fail}", "status: 'fail' is no status; did you mean 'failed'?"),
        ("{reason: nope}", "{reason: nope}", "reason: 'nope' is no reason: nxdomain, "),
        ("{status: blocked, reason: refused}", "{status: blocked, reason: refused}",
            "reason: 'refused' is no reason with status blocked: dns, tcp, tls, path, options, clean"),
        ("{status: failed, reason: tcp}", "{status: failed, reason: tcp}",
            "reason: 'tcp' is no reason with status failed: nxdomain, "),
        ("{status: skipped, reason: disable}", "{status: skipped, reason: disable}",
            "reason: 'disable' is no reason with status skipped; did you mean 'disabled'?"),
        ("{status: ok, reason: timeout}", "{status: ok, reason: timeout}",
            "reason: 'timeout' is no reason with status ok: it has none"),
        ("{verdict: clean}", "{verdict: clean}", "verdict: 'clean' is no verdict: allowed, blocked, "),
        ("{probe: option}", "{probe: option}", "probe: 'option' is no probe; did you mean 'options'?"),
        ("{peer: ftp}", "{peer: ftp}", "peer: 'ftp' is no peer: http, tls, "),
        ("{timestamp|exists: true}", "{timestamp: x}",
            "timestamp|exists: field 'timestamp' is only known from log, not from probe"),
        ("{probe: tcp, icap_status: 404}", "{probe: tcp, icap_status: 404}",
            "icap_status: field 'icap_status' is only known from options, clean, chunked, eicar, "),
        ("{elapsed_ms|gt|fieldref: profile_slow}", "{elapsed_ms: 5, profile_slow: 1}",
            "elapsed_ms|gt|fieldref: unknown field 'profile_slow'"),
        ("{complete: 'yes'}", "{complete: 'yes'}", "complete: 'complete' is true or false, not 'yes'"),
        ("{icap_status: '404'}", "{icap_status: 404}", "icap_status: 'icap_status' is a number, not '404'"),
        ("{icap_reason: true}", "{icap_reason: true}", "icap_reason: 'icap_reason' is text, not True"),
        ("{methods|gt: 5}", "{methods: 6}",
            "methods|gt: 'methods' is list of text, and can't be compared as a number"),
        ("{complete|contains: r}", "{complete: r}", "complete|contains: 'complete' is true or false, not text"),
    ],
)  # fmt: skip
def test_of_a_condition(tmp_path: Path, match: str, example: str, problem: str) -> None:
    problems = found(tmp_path, a_one=runbook_text("a-one", rule(match, example=example)))

    assert any(problem in line and line.startswith(f"{PATH}:7:") for line in problems), problems


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("printf 'OPTIONS icap://{host}:{port}/{service_uri} ICAP/1.0'", "{service_uri} begins with a slash"),
        ("c-icap-client -i {host} -s '{service_uri}'", "write {service}"),
        ("curl icap://{host}:{port}{service}", "{service} has no slash"),
    ],
)
def test_of_a_placeholder(tmp_path: Path, line: str, problem: str) -> None:
    (found_one,) = found(tmp_path, a_one=runbook_text("a-one", sections=SECTIONS.replace("Look.", line)))

    assert found_one.startswith(f"{PATH}:19:1: ## Verify: ")
    assert problem in found_one


def test_of_a_placeholder_in_a_step(tmp_path: Path) -> None:
    text = runbook_text("a-one", RULE.replace("match:", "now: ['Disable {members} in {pol}, not {pool}.']\nmatch:"))

    (found_one,) = found(tmp_path, a_one=text)

    assert found_one.endswith("{pol} in a step is filled with nothing; did you mean 'pool'?")


def test_of_a_placeholder_in_a_title(tmp_path: Path) -> None:
    """Several records with other values may have one cause."""
    causes = "causes: [{id: full, title: 'All {pool.members} are busy', proven_by: match, fix: {server: [Wait.]}}]"
    text = runbook_text("a-one", RULE.replace("match:", f"{causes}\nmatch:"))

    assert any("{pool.members} is not filled in a title" in each for each in found(tmp_path, a_one=text))


def test_placeholders_in_their_places(tmp_path: Path) -> None:
    good = "nc {host} {port}; c-icap-client -s '{service}'; echo icap://{host}:{port}{service_uri} icap://h:1/{service}"

    assert [] == found(tmp_path, a_one=runbook_text("a-one", sections=SECTIONS.replace("Look.", good)))


def test_unless_is_looked_at_too(tmp_path: Path) -> None:
    text = runbook_text("a-one", rule("{probe: tcp}", example="{probe: tcp}", unless="{vendr: x}"))

    assert [f"{PATH}:9:6: unless[0].vendr: unknown field 'vendr'; did you mean 'vendor'?"] == found(
        tmp_path, a_one=text
    )


def test_a_member_that_is_switched_off_and_null_are_words_too(tmp_path: Path) -> None:
    text = runbook_text(
        "a-one", rule("{probe: '', reason: [disabled, null]}", example="{probe: '', status: skipped, reason: disabled}")
    )

    assert [] == found(tmp_path, a_one=text)


def test_an_ok_observation_has_no_reason(tmp_path: Path) -> None:
    text = runbook_text("a-one", rule("{probe: tcp}", example="{probe: tcp, status: ok, reason: refused}"))

    assert [f"{PATH}:9:30: examples[0].reason: 'refused' is no reason with status ok: it has none"] == found(
        tmp_path, a_one=text
    )


def test_names_that_two_runbooks_claim(tmp_path: Path) -> None:
    problems = found(
        tmp_path,
        a=runbook_text("a", head="aliases: [b, old]\n"),
        b=runbook_text("b", head="aliases: [old]\n"),
    )

    assert [
        "runbooks/a.md:6:11: aliases[0]: 'b' is a name of runbooks/b.md too",
        "runbooks/a.md:6:14: aliases[1]: 'old' is a name of runbooks/b.md too",
        "runbooks/b.md:6:11: aliases[0]: 'old' is a name of runbooks/a.md too",
    ] == problems


def test_a_circle_of_supersedes(tmp_path: Path) -> None:
    problems = found(
        tmp_path,
        a=runbook_text("a", head="supersedes: [b]\n"),
        b=runbook_text("b", head="supersedes: [a]\n"),
    )

    assert [
        "runbooks/a.md:6:1: supersedes: it supersedes itself, through 'b'",
        "runbooks/a.md:9:1: examples: it is never reported: all of its examples go to nobody",
        "runbooks/b.md:6:1: supersedes: it supersedes itself, through 'a'",
        "runbooks/b.md:9:1: examples: it is never reported: all of its examples go to nobody",
    ] == problems


def test_a_runbook_that_another_one_shadows(tmp_path: Path) -> None:
    general = runbook_text("general")
    special = runbook_text("special", head="supersedes: [general]\n")

    assert ["runbooks/general.md:8:1: examples: it is never reported: all of its examples go to special"] == found(
        tmp_path, general=general, special=special
    )


def test_a_general_runbook_with_an_example_of_its_own_is_not_shadowed(tmp_path: Path) -> None:
    general = runbook_text("general", rule("{reason: refused}", example="{probe: clean, reason: refused}"))
    special = runbook_text("special", head="supersedes: [general]\n")

    assert [] == found(tmp_path, general=general, special=special)


def test_files_that_can_not_be_read_are_reported_with_the_rest_and_not_missed(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "ours",
        a=runbook_text(
            "a",
            head="supersedes: [broken]\nauthor: me\nstage: tcp\nreferences: https://example.com/\n",
            sections=SECTIONS.replace("Nobody listens.", "Nobody listens: requests pass unscanned."),
        ),
        broken="---\n---\n",
    )

    assert [
        "runbooks/a.md:7:1: author: unknown key",
        "runbooks/broken.md:2:1: the front matter must be a mapping of keys to values",
    ] == [str(error) for error in lint_files(builtin=folder)]


def test_of_a_regular_expression_with_its_place(tmp_path: Path) -> None:
    folder = write(tmp_path, a_one=runbook_text("a-one", rule("{icap_reason|re: (?!ok)}", example="{icap_reason: a}")))

    said = (
        "RE2 can't use the regular expression '(?!ok)': invalid perl operator: (?!; "
        "look-around is not supported: put what must not match under 'unless'"
    )
    assert [f"{PATH}:7:6: match[0].icap_reason|re: {said}"] == [str(error) for error in lint_files(builtin=folder)]


def test_a_message_is_bounded_whatever_it_repeats(tmp_path: Path) -> None:
    match = rule(f"{{probe: {'x' * 9000}, {'y' * 900}: 1}}", example="{probe: tcp}")
    folder = write(tmp_path, a_one=runbook_text("a-one", match))

    lengths = [len(str(error)) for error in lint_files(builtin=folder)]
    assert lengths
    assert max(lengths) < 2000
