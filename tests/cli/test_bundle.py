"""``report bundle`` on the command line: what it writes, what it refuses, and that nothing is left of that."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import typer
from hypothesis import Phase, given, settings
from msgspec.structs import replace
from typer.testing import CliRunner

from icapdiag.cli.options import Redaction
from icapdiag.cli.report.bundle import insist
from icapdiag.cli.report.commands import app
from icapdiag.model import Report
from icapdiag.report.bundle import build
from icapdiag.report.machine.to_json import render, settled
from icapdiag.report.redact import Pseudonyms, Replaced, redact
from tests.cli.run import icapdiag, shell
from tests.examples import examples
from tests.report.strategies import reports
from tests.report.test_bundle import NAME, REPORT


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A report with transcripts in which a host of the zorro company is named."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    file = tmp_path / "saved.json"
    file.write_text(render(settled(REPORT)))
    assert NAME in file.read_text()
    return file


def texts(archive: Path) -> str:
    with zipfile.ZipFile(archive) as opened:
        return "\n".join(opened.read(name).decode() for name in opened.namelist())


def test_it_is_redacted_and_said(saved: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.zip"

    status, out, err = icapdiag("report", "bundle", str(saved), "-o", str(target))

    assert (0, "") == (status, out)
    assert "zorro" not in texts(target).lower()
    assert "replaced by pseudonyms: " in err
    assert err.endswith(f"icapdiag: wrote {target}: 13 files in {target.stat().st_size:,} bytes.\n")


def test_two_are_equal_and_from_standard_input_too(saved: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"

    icapdiag("report", "bundle", str(saved), "-o", str(first))
    status, _, _ = shell('$icapdiag report bundle - -o "$2" < "$1"', str(saved), str(second))

    assert (0, first.read_bytes()) == (status, second.read_bytes())


def test_an_unredacted_one_says_so(saved: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.zip"

    status, _, err = icapdiag("report", "bundle", str(saved), "-o", str(target), "--no-redact")

    assert 0 == status
    assert f"icapdiag: {target} is NOT REDACTED: " in err
    assert "*** NOT REDACTED ***" in texts(target)
    assert not (tmp_path / "state").exists()


def test_what_is_kept_is_no_leak(saved: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.zip"

    status, _, err = icapdiag("report", "bundle", str(saved), "-o", str(target), "--keep", "member", "--keep", "host")

    assert 0 == status, err
    assert "Kept in this redacted report, as requested: host, member." in texts(target)


def test_a_file_that_exists_is_kept_unless_asked(saved: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.zip"
    target.write_text("old")

    refused, _, err = icapdiag("report", "bundle", str(saved), "-o", str(target))
    assert (2, "old") == (refused, target.read_text())
    assert "--force" in err

    status, _, _ = icapdiag("report", "bundle", str(saved), "-o", str(target), "--force")
    assert (0, True) == (status, zipfile.is_zipfile(target))


@pytest.mark.parametrize(
    ("expected", "options"),
    [
        ("does not exist", ["-o", "no/such/folder/b.zip"]),
        ("give a size such as", ["-o", "b.zip", "--max-size", "many"]),
        ("can't be left out take", ["-o", "b.zip", "--max-size", "1K"]),
    ],
)
def test_what_it_can_not_do_is_said(saved: Path, tmp_path: Path, expected: str, options: list[str]) -> None:
    status, out, err = icapdiag("report", "bundle", str(saved), *options, cwd=tmp_path)

    assert (2, "") == (status, out)
    assert expected in " ".join(err.split())
    assert not (tmp_path / "b.zip").exists()


def test_what_was_left_out_is_said(saved: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.zip"
    icapdiag("report", "bundle", str(saved), "-o", str(target))
    size = target.stat().st_size

    status, _, err = icapdiag("report", "bundle", str(saved), "-o", str(target), "--force", "--max-size", str(size - 1))

    assert 0 == status
    assert f"left out to stay within --max-size {size - 1}: transcripts/member-1/clean.txt" in err
    with zipfile.ZipFile(target) as opened:
        manifest = json.loads(opened.read("manifest.json"))
    assert "transcripts/member-1/clean.txt" == manifest["dropped"][0]["name"]


def leaky(report: Report, pseudonyms: Pseudonyms, *, keep: object) -> tuple[Report, tuple[Replaced, ...]]:
    """A redaction that forgets everything."""
    return report, (Replaced("host", NAME, "host-1", 1, "transcript"),)


def test_a_leak_is_masked(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "b.zip"
    monkeypatch.setattr("icapdiag.cli.redacting.redact", leaky)

    done = CliRunner().invoke(app, ["bundle", str(saved), "-o", str(target)])

    assert 0 == done.exit_code
    assert "the texts with them are now [removed]" in done.stderr
    assert NAME not in texts(target)
    assert "[removed]" in texts(target)


def test_one_line_of_a_log_costs_no_ticket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client of one request stands in a server's text of another, as tcpdump writes it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    requests = [{"icap_response_code": 500, "reason": "10.55.1.3.443 > 192.0.2.1.1344", "icap_server_ip": "10.55.1.3"}]
    entry = {"client_ip": "10.55.1.3", "adf": True, "icap_log": {"action": "ICAP_FAILED", "request_logs": requests}}
    (tmp_path / "log.json").write_text(json.dumps(entry))
    icapdiag("explain", str(tmp_path / "log.json"), "-o", f"json={tmp_path / 'r.json'}")
    assert "10.55.1.3.443" in (tmp_path / "r.json").read_text()

    status, _, err = icapdiag("report", "bundle", str(tmp_path / "r.json"), "-o", str(tmp_path / "b.zip"))

    assert 0 == status, err
    assert "10.55.1.3" not in texts(tmp_path / "b.zip")
    assert "net1-host1.443" in texts(tmp_path / "b.zip")


@pytest.mark.parametrize("before", [None, b"old"])
def test_a_leak_that_can_not_be_masked_refuses_the_bundle(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bytes | None
) -> None:
    monkeypatch.setattr("icapdiag.cli.report.bundle.masked", lambda report, _: report)
    saved.write_text(render(settled(replace(REPORT, members=REPORT.members[:1]))))
    target = tmp_path / "out" / "b.zip"
    target.parent.mkdir()
    if before is not None:
        target.write_bytes(before)
    monkeypatch.setattr("icapdiag.cli.redacting.redact", leaky)

    done = CliRunner().invoke(app, ["bundle", str(saved), "-o", str(target), "--force"])

    assert 2 == done.exit_code
    assert ([] if before is None else [before]) == [file.read_bytes() for file in target.parent.iterdir()]
    assert f"icapdiag: {target} was not written: " in done.stderr
    assert "  in transcripts/member-1/options.txt: address (as dump), host (as dump)\n" in done.stderr
    assert NAME not in done.output


def test_the_command_has_its_place() -> None:
    assert "bundle" in typer.main.get_command(app).commands  # type: ignore[attr-defined]


@given(report=reports)
@settings(max_examples=examples(25), phases=(Phase.explicit, Phase.reuse, Phase.generate))
def test_no_report_is_refused_for_what_is_not_in_it(tmp_path_factory: pytest.TempPathFactory, report: Report) -> None:
    """What a redaction leaves is not what it replaced, whatever servers and files say."""
    file = tmp_path_factory.getbasetemp() / "any.zip"
    told = tuple(
        replace(each, title="One", meaning="Two.", remedy=("Three",), runbook="Four") for each in report.findings
    )
    made = settled(replace(report, findings=told))
    leaving, replaced = redact(made, Pseudonyms())
    file.write_bytes(build(leaving, redacted=True, largest=1 << 30).data)

    insist(file, made, replaced, Redaction(), redact=True)
