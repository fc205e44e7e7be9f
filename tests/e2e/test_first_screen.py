"""The first screen is short, begins with a full answer, and ends with what was not tested and where more is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace

import icapdiag
from icapdiag.lab import serve_lab
from icapdiag.model import Report
from icapdiag.pool import Pool, loads_pool
from icapdiag.report.document import Document
from icapdiag.report.formats import Style, render
from icapdiag.report.machine.to_json import settled
from icapdiag.report.terminal.lines import PLAIN
from icapdiag.report.terminal.problem import problem
from tests.cli.logs import entry
from tests.logs.guide import GUIDES, Guide

HEAD = re.compile(r"\d+  (CRITICAL|WARNING)  ")  # of a problem


def screen(report: Report, width: int = 100) -> list[str]:
    return render(settled(report), "table", Style(width)).splitlines()


def problems(lines: Sequence[str]) -> list[list[str]]:
    """The lines of each problem."""
    parts = "\n".join(lines).split("\n\n")
    return [part.split("\n") for part in parts if HEAD.match(part)]


async def checked(*faults: str, names: Sequence[str] = (), stated: bool = False) -> Report:
    """What a check of these members of the lab says; with ``names`` one member stands for several."""
    async with serve_lab(faults) as lab:
        pool: Pool = replace(loads_pool(lab.pool_yaml.encode(), Path("pool.yaml")), name="av-pool")
        if names:
            pool = replace(pool, members=tuple(replace(pool.members[0], name=name) for name in names))
        if stated:
            closed = replace(pool.profile, fail_action="ICAP_FAIL_CLOSED")
            pool = replace(pool, profile=closed, stated=pool.stated | {"fail_action"})
        return await icapdiag.check(pool, settings=icapdiag.Settings(eicar=True))


async def test_five_members_with_four_faults() -> None:
    report = await checked("healthy", "clean-blocked", "500", "refused", "eicar-missed")
    lines = screen(report)
    assert len(lines) <= 60
    answer = (
        "1 of 5 members lets viruses through, 2 fail open (if fail_action is Avi's default), 1 refuses every upload"
    )
    assert f"CRITICAL  av-pool /avscan: {answer}\n" == render(settled(report), "table", Style(detail=-1))
    assert lines[0].startswith("CRITICAL  av-pool /avscan: 1 of 5 members lets viruses through, 2 fail open")
    first = (
        "First: Disable 4 members (eicar-missed, 500, refused and 1 more): Applications > Pools > av-pool > Servers."
    )
    assert " ".join(" ".join(lines[2:4]).split()) == f"{first} Healthy members left: 1."
    matrix = {line.split()[0]: " ".join(line.split()[1:]) for line in lines[5:11]}
    assert "member" == next(iter(matrix))
    assert {
        "eicar-missed": "ok ok allowed NOT DETECTED - critical",
        "clean-blocked": "ok ok BLOCKED blocked blocked critical",
        "healthy": "ok ok allowed blocked blocked ok",
        "500": "ok ok FAILED 500 not run - critical",
        "refused": "FAILED refused not run not run not run - critical",
    } == {name: matrix[name] for name in ("eicar-missed", "clean-blocked", "healthy", "500", "refused")}
    assert ["eicar-not-detected", "clean-blocked"] == [
        found[1]
        for found in (re.search(r"\[(.*)\]$", part[0]) for part in (problems(lines)[0], problems(lines)[-1]))
        if found
    ]
    assert 4 == len(problems(lines))
    last = " ".join("\n".join(lines).rpartition("\n\n")[2].split())
    assert last.startswith("4 problems at 4 of 5 members. Not tested: detection at ")
    assert last.endswith("Details and 1 note: -v. Causes: icapdiag runbooks show eicar-not-detected")
    assert "which is not the Service Engine." in last


async def test_one_refused_member() -> None:
    lines = screen(await checked("refused"))
    assert len(lines) <= 18
    assert "Connection refused on the ICAP port; uploads pass unscanned (if fail_action is Avi's default)" in " ".join(
        "".join(lines[:2]).split()
    )


async def test_a_stated_fail_action_is_not_assumed() -> None:
    text = "\n".join(screen(await checked("refused", stated=True)))
    assert "uploads get HTTP 500" in text
    assert "get HTTP 500 (ICAP_FAIL_CLOSED)" in text
    assert "Avi's default" not in text


DISABLE = "Disable {0}: Applications > Pools > av-pool > Servers. Healthy members left: 1."


@pytest.mark.parametrize(
    ("fault", "users"),
    [
        ("no-security-rule", "Legitimate uploads sent to it are refused; Avi logs ICAP_BLOCKED."),
        ("form-missed", "Files in HTML forms sent to it pass unscanned; Avi logs ICAP_PASSED."),
        ("tls-expired", "Uploads sent to it pass unscanned if Avi rejects it too and fail_action is Avi's default."),
    ],
)
async def test_beside_a_healthy_member_the_failing_one_is_disabled(fault: str, users: str) -> None:
    lines = screen(await checked("healthy", fault))
    first = " ".join("\n".join(lines).partition("First: ")[2].partition("\n\n")[0].split())
    assert DISABLE.format(fault) == first
    (lines,) = problems(lines)
    text = " ".join(" ".join(lines).split())
    assert f"Users {users} " in text
    assert " Now " not in text  # it stands above


async def test_without_a_healthy_member_the_icap_rule_is_disabled() -> None:
    (lines,) = problems(screen(await checked("no-security-rule")))
    said = "Now Only if unscanned uploads are acceptable until this is fixed, disable the ICAP rule: Applications > "
    assert said in " ".join(" ".join(lines).split())


async def test_a_stated_fail_action_says_what_a_rejected_certificate_does() -> None:
    text = " ".join(" ".join(screen(await checked("tls-untrusted", stated=True))).split())
    assert "Users Uploads sent to it get HTTP 500 if Avi rejects it too (ICAP_FAIL_CLOSED)." in text


async def test_a_member_without_tls_beside_one_with_it() -> None:
    lines = screen(await checked("healthy", "tls-expired"))
    assert "healthy ok no TLS ok allowed blocked blocked ok" in [" ".join(line.split()) for line in lines]


async def test_the_first_step_has_its_whole_click_path() -> None:
    report = await checked("refused", names=["a", "b", "c"])
    first = "\n".join(screen(report, 80)).partition("First: ")[2].partition("\n\n")[0]
    assert first == (
        "To stop unscanned uploads, set fail_action ICAP_FAIL_CLOSED (every upload\n"
        "       then gets HTTP 500; ask the application's owner first): Templates >\n"
        "       Profiles > ICAP Profile > PROFILE. The pool has no other member."
    )


async def test_the_first_step_is_for_all_members_that_need_it() -> None:
    lines = screen(await checked("healthy", "refused", "500", "eicar-missed", "passes-not-scanned"))
    assert (
        " ".join(" ".join(lines[1:5]).split())
        .partition("First: ")[2]
        .startswith(
            "Disable passes-not-scanned where the engines do not run: Applications > Pools > av-pool > Servers. "
            "Healthy members left: 1."
        )
    )
    lines = screen(await checked("healthy", "refused", "500", "eicar-missed", "404"))
    first = " ".join(" ".join(lines[1:5]).split()).partition("First: ")[2]
    assert first.startswith("Disable 4 members (eicar-missed, ")
    assert " and 1 more): Applications > Pools > av-pool > Servers. Healthy members left: 1." in first


@pytest.mark.parametrize("stated", [False, True])
async def test_what_avi_only_probably_does_is_said_so(stated: bool) -> None:
    report = await checked("206", "no-empty-line", "404", stated=stated)
    lines = screen(report)
    text = " ".join(" ".join(lines).split())
    if stated:
        assert "1 of 3 members fails closed (uploads get HTTP 500), 2 probably fail closed First:" in text
        assert 2 == text.count("Users Avi probably rejects this; then uploads get HTTP 500 (ICAP_FAIL_CLOSED).")
    else:
        assert "1 of 3 members fails open (if fail_action is Avi's default), 2 probably fail open First:" in text
        said = "Users Avi probably rejects this; then uploads pass unscanned by Avi's default."
        assert 2 == text.count(said)
    text = " ".join("\n".join(screen(await checked("206"))).split())
    assert "not allow; uploads probably pass unscanned" in text
    assert "probably pass unscanned (if" not in text


MANY = (  # with steps of all lengths
    *("healthy", "shadow", "passes-not-scanned", "form-missed", "no-empty-line", "bad-chunk", "404"),
    *(
        "other-path",
        "not-icap-http",
        "not-icap-ssh",
        "needs-user-agent",
        "tls-client-certificate",
        "100-after-ieof",
        "small-preview",
    ),
    *("licence", "405", "endless-body", "429", "418", "slow"),
)
BREAK = r"[.;:,()](?=\s|$)|[()]"  # between the clauses of a sentence


@pytest.fixture(scope="module")
def many_problems() -> Report:
    return trio.run(lambda: checked(*MANY))


@pytest.mark.parametrize("width", [60, 70, 80, 99])
def test_what_is_to_be_done_is_whole_on_a_narrow_screen(many_problems: Report, width: int) -> None:
    lines = screen(many_problems, width)
    text = " ".join(" ".join(lines).split())
    for number, block in enumerate(Document(settled(many_problems)).problems[:16], start=1):
        part = text.partition(f" {number} {block.severity.value.upper()} {block.title.split()[0]}")[2]
        for label, said in block.lines:
            if label in ("Now", "Fix"):
                bare = said[1:-1] if re.fullmatch("`[^`]*`", said) else said
                assert f" {label} {' '.join(bare.split())} " in part


@pytest.mark.parametrize("width", [60, 70, 80, 99, 100, 120, 200])
def test_nothing_is_cut_inside_a_command_or_a_click_path(many_problems: Report, width: int) -> None:
    cuts = 0
    for block in Document(settled(many_problems)).problems:
        texts = {label: [text] for label, text in block.lines}
        texts.setdefault("Cause", []).append(block.cause_in_brief)
        for line in " ".join(problem(block, width, PLAIN)).split("   "):
            label, _, shown = line.strip().partition("  ")
            if not shown.endswith(" …"):
                continue
            kept = " ".join(shown.removesuffix(" …").split())
            rests = [text[len(kept) :] for text in texts[label] if text.startswith(kept)]
            assert rests
            cuts += 1
            assert 0 == kept.count("`") % 2
            last = re.split(BREAK, kept)[-1] + re.split(BREAK, rests[0])[0]
            assert " > " not in last or re.match(BREAK, rests[0]) or re.search(rf"{BREAK}$", kept)
    assert cuts or width != 80


async def test_a_failing_member_without_a_failed_step_has_the_title_of_its_problem() -> None:
    name = "x" * 44
    text = " ".join(" ".join(screen(await checked("no-empty-line", names=[f"{name}1", f"{name}2"]), 80)).split())
    assert f"{name}1: critical ICAP response violates the protocol {name}2: critical ICAP" in text


async def test_a_healthy_pool_of_five() -> None:
    lines = screen(await checked("healthy", names=[f"10.0.0.{number}:1344" for number in range(1, 6)]))
    assert len(lines) <= 12
    assert "OK  av-pool /avscan: all 5 members allow a harmless file and block EICAR" == lines[0]


async def test_members_of_one_problem_are_named_once() -> None:
    names = [f"10.0.0.{number}:1344" for number in range(1, 13)]
    lines = screen(await checked("eicar-missed", names=names[:2]))
    assert any(line.startswith("1  CRITICAL") and f"at {', '.join(names[:2])} [" in line for line in lines)
    text = " ".join(" ".join(screen(await checked("eicar-missed", names=names))).split())
    assert f"at 12 members: {', '.join(names[:4])} and 8 more [" in text


@pytest.mark.parametrize(("width", "most"), [(60, 15), (80, 11), (100, 8), (200, 8)])
def test_no_problem_has_too_many_lines(many_problems: Report, width: int, most: int) -> None:
    found = problems(screen(many_problems, width))
    assert 16 <= len(found)
    assert [] == [part for part in found if len(part) > most]


def many() -> Iterator[dict[str, object]]:
    """3,000 uploads to 12 members, some of which fail, block or let pass what they did not scan."""
    actions = ["ICAP_PASSED"] * 20 + ["ICAP_BLOCKED", "ICAP_FAILED", "ICAP_DISABLED", "no-security-rule"]
    for number in range(3000):
        made = entry(number, actions[number % len(actions)], client_ip=f"203.0.113.{number % 200}")
        text = json.dumps(made).replace("100.64.3.15", f"100.64.3.{number % 12}")
        if number % 60 == 0:
            text = text.replace(
                "X-Response-Info: Allowed", "X-Response-Info: Allowed\\r\\nX-Response-Desc: Not Scanned"
            )
        yield json.loads(text)


def test_a_log_of_3000_entries(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text("".join(json.dumps(each) + "\n" for each in many()))
    report = icapdiag.explain([tmp_path / "log.json"])
    lines = screen(report)
    assert len(lines) <= 80
    answer = "CRITICAL log.json: 175 of 3,000 requests passed unscanned, 125 blocked wrongly, 125 not offered to ICAP, "
    assert " ".join(" ".join(lines[:3]).split()).startswith(
        answer + "2026-01-01 10:00:00 to 2026-01-03 11:59:00 UTC, problems at "
    )
    assert "Unscanned: 125 after an ICAP failure, 50 let through by the scanner." in lines
    assert "200 (unscanned)" in "\n".join(lines)
    assert [] == [part for part in problems(lines) if len(part) > 8]
    assert " ".join(lines[-2:]).endswith("icapdiag runbooks show " + (report.problems or ())[0].finding)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.folder.name)
def test_the_samples_of_a_guide(guide: Guide) -> None:
    for sample in (*guide.samples, guide.page):
        lines = screen(icapdiag.explain([sample]))
        assert len(lines) <= 28 + (sample == guide.page) * 5
        assert lines[0].startswith(("OK  ", "WARNING  ", "CRITICAL  "))
