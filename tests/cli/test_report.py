"""``icapdiag report``: a saved report gives what the run itself gave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from icapdiag.model import Report
from icapdiag.report.formats import FORMATS, OUTPUTS
from icapdiag.report.machine.schema import schema
from icapdiag.report.machine.to_json import render
from tests.cli.run import icapdiag, shell
from tests.report.samples import HEALTHY, report

HEALTHY_ONLY = report((HEALTHY,), ())
CLEAN = '{"icap_log": {"action": "ICAP_PASSED", "icap_server_ip": {"addr": "10.0.0.5"}}, "response_code": 200}\n'


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one run wrote in every format, each into a file of the format's name."""
    folder = tmp_path_factory.mktemp("saved")
    (folder / "log").write_text(CLEAN)
    outputs = [word for name in OUTPUTS for word in ("-o", f"{name}={name}")]
    status, out, err = icapdiag("explain", "log", *outputs, cwd=folder)
    assert (0, "", "") == (status, out, err)
    return folder


def test_renders_what_the_run_itself_wrote(saved: Path, tmp_path: Path) -> None:
    outputs = [word for name in OUTPUTS for word in ("-o", f"{name}={tmp_path / name}")]
    assert (0, "", "") == icapdiag("report", "render", str(saved / "json"), *outputs)
    for name in OUTPUTS:
        assert (saved / name).read_bytes() == (tmp_path / name).read_bytes()


def test_every_format_has_a_name_of_its_own() -> None:
    assert len(FORMATS) == len({(each.module, each.function) for each in FORMATS.values()})


def test_the_table_is_what_there_is_where_nothing_is_asked_for(saved: Path) -> None:
    assert (0, (saved / "table").read_text(), "") == icapdiag("report", "render", "json", cwd=saved)


@pytest.mark.parametrize("command", [("explain", "log"), ("report", "render", "json")])
def test_a_table_has_as_much_detail_as_is_asked_for(command: tuple[str, ...], saved: Path) -> None:
    quiet, plain, more, most = (icapdiag(*command, *args, cwd=saved)[1] for args in (("-q",), (), ("-v",), ("-vv",)))
    assert "OK  log: 1 request passed\n" == quiet
    assert plain.startswith(quiet)
    assert more.startswith(quiet)
    assert ["Details: -v.", "Everything: -vv.", ""] == [
        next((end for end in ("Details: -v.", "Everything: -vv.") if text.endswith(f"{end}\n")), "")
        for text in (plain, more, most)
    ]
    assert ("Request groups:" in plain, "Request groups:" in more) == (False, True)
    (saved / "file").unlink(missing_ok=True)
    assert "" == icapdiag(*command, "-q", "-o", "table=file", cwd=saved)[1]
    assert quiet == (saved / "file").read_text()


def test_the_first_line_is_on_the_screen_beside_a_file(saved: Path) -> None:
    (saved / "page").unlink(missing_ok=True)

    assert "OK  log: 1 request passed\n" == icapdiag("explain", "log", "-q", "-o", "html=page", cwd=saved)[1]
    assert (saved / "page").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("explain", "log", "-q", "-v"), "can't be given together with --verbose"),
        (("report", "render", "json", "-v", "-o", "json"), "adds to the table, but json goes to standard output"),
        (("check", "icap://127.0.0.1:1/x", "--plan", "-v"), "has no effect on a plan"),
    ],
)
def test_detail_is_for_tables(args: tuple[str, ...], words: str, saved: Path) -> None:
    status, out, err = icapdiag(*args, cwd=saved)
    assert (2, "") == (status, out)
    assert words in " ".join(err.split())


def test_reads_standard_input(saved: Path) -> None:
    assert (0, (saved / "table").read_text()) == shell("$icapdiag report render - <json", cwd=saved)[:2]


@pytest.mark.parametrize(
    ("written", "args", "expected"),
    [
        (report(), (), 1),
        (HEALTHY_ONLY, (), 0),
        (report((HEALTHY,), (), complete=False), (), 3),
        (report(), ("--fail-on", "warning"), 1),
    ],
)
def test_the_exit_status_is_that_of_the_run(
    written: Report, args: tuple[str, ...], expected: int, tmp_path: Path
) -> None:
    (tmp_path / "r.json").write_text(render(written))
    assert expected == icapdiag("report", "render", "r.json", *args, cwd=tmp_path)[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "icapdiag: can't read r.json: No such file or directory\n"),
        ("", "icapdiag: r.json: it is empty"),
        (
            "{}",
            "icapdiag: r.json: it has no schema_version, members or findings: pass the file that -o json wrote\n",
        ),
    ],
)
def test_what_can_not_be_read_is_2(text: str | None, words: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "r.json").write_text(text)
    status, out, err = icapdiag("report", "render", "r.json", cwd=tmp_path)
    assert (2, "") == (status, out)
    assert words in err


def test_a_message_does_not_drive_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps({"schema_version": "\x1b[2J", "members": []}))
    err = icapdiag("report", "render", "r.json", cwd=tmp_path)[2]
    assert "schema_version: '\\x1b[2J' is not supported" in err


def test_schema_prints_the_committed_one() -> None:
    status, out, err = icapdiag("report", "schema")
    assert (0, schema(), "") == (status, json.loads(out), err)
