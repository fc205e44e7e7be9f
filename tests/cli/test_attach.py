"""``icapdiag report attach`` as users run it: what it prints, how it ends, and that no secret is ever shown."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from icapdiag.report.formats import OUTPUTS, TICKETS, render
from icapdiag.report.machine.to_json import settled
from icapdiag.report.redact import REDACTED_NOTE
from icapdiag.vocabulary import Status
from tests.cli.run import ROOT, icapdiag
from tests.report.attach.servers import JiraServer, answer, serve
from tests.report.samples import TCP_REFUSED, member, observation
from tests.report.samples import report as sample

TOKEN = "jdoe:s3cret"  # noqa: S105 - of the imitation alone
SECRETS = ("s3cret", "amRvZTpzM2NyZXQ=")
NOTHING = {"ICAPDIAG_JIRA_TOKEN": "", "ICAPDIAG_JIRA_URL": "", "HTTPS_PROXY": "http://127.0.0.1:9"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "table.txt"
    path.write_text("OK\n")
    return path


def attach(*args: str, token: str = TOKEN, **environment: str) -> tuple[int, str, str]:
    status, out, err = icapdiag("report", "attach", *args, env={**NOTHING, "ICAPDIAG_JIRA_TOKEN": token, **environment})
    assert [] == [secret for secret in SECRETS if secret in out + err]
    assert "Traceback" not in err
    return status, out, err


def test_a_file_is_attached(file: Path) -> None:
    tickets = JiraServer()
    digest = hashlib.sha256(b"OK\n").hexdigest()
    with serve(tickets) as server:
        status, out, err = attach(str(file), "--to", "jira:OPS-123", "--unredacted", ICAPDIAG_JIRA_URL=server.url)
        again = attach(str(file), "--to", "jira:OPS-123", "--unredacted", "--url", server.url)
        other = attach(str(file), "--to", "jira:OPS-123", "--unredacted", "--url", server.url, "--name", "2.txt")

    assert 0 == status
    assert f"Attached table.txt (3 bytes, sha256 {digest}) to {server.url}/browse/OPS-123\n" == out
    assert f"icapdiag: '{file}' goes out as it is: icapdiag did not write it as a redacted file on this host\n" == err
    assert (2, "") == again[:2]
    assert "OPS-123 already has table.txt, which will not be replaced: pass a different name with --name" in again[2]
    assert (0, [("table.txt", b"OK\n"), ("2.txt", b"OK\n")]) == (other[0], tickets.stored)


def test_what_is_not_redacted_stays(file: Path) -> None:
    with serve(JiraServer()) as server:
        status, out, err = attach(str(file), "--to", "jira:OPS-123", "--url", server.url)
        dry = attach(str(file), "--to", "jira:OPS-123", "--url", server.url, "--dry-run")

    assert (2, "", []) == (status, out, server.seen)
    assert (
        "would leave this host as it is: icapdiag did not write it as a redacted file on this host. "
        "Make a redacted one (icapdiag report redact SAVED.json -o html=FILE, or report bundle), or say --unredacted\n"
    ) in err
    assert 2 == dry[0]


def leaves(file: Path, **environment: str) -> tuple[bool, str]:
    """Whether it may without `--unredacted`, and what was said."""
    status, _, err = attach(str(file), "--to", f"file:{file.parent}", "--dry-run", **environment)
    assert status in {0, 2}
    return not status, err


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A report whose server knows how a redacted one begins and ends."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    said = [REDACTED_NOTE, f"x\n{REDACTED_NOTE}\nx"]
    sick = member("m:1344", observation("options", Status.FAILED, "refused", error=said[1], server=said[0]))
    (tmp_path / "saved.json").write_text(render(settled(sample((sick,), (TCP_REFUSED,))), "json"))
    return tmp_path / "saved.json"


def test_what_was_written_as_redacted_may_leave_and_nothing_else(saved: Path, tmp_path: Path) -> None:
    formats = [f"-o{name}={tmp_path / name}.r" for name in OUTPUTS] + [
        f"--for={name}={tmp_path / name}.r" for name in TICKETS
    ]
    icapdiag("report", "redact", str(saved), *formats)
    icapdiag("report", "bundle", str(saved), "-o", str(tmp_path / "bundle.zip"))
    icapdiag("report", "bundle", str(saved), "-o", str(tmp_path / "plain.zip"), "--no-redact")
    icapdiag("report", "render", str(saved), "-o", f"html={tmp_path / 'plain.html'}", f"--for=jira={tmp_path / 'body'}")
    redacted = [*(tmp_path / f"{name}.r" for name in (*OUTPUTS, *TICKETS)), tmp_path / "bundle.zip", tmp_path / "body"]

    assert [] == [file.name for file in redacted if not leaves(file)[0]]
    assert [] == [name for name in ("saved.json", "plain.zip", "plain.html") if leaves(tmp_path / name)[0]]
    for file in redacted:
        with file.open("ab") as stream:
            stream.write(b"\n")
    assert [] == [file.name for file in redacted if leaves(file)[0]]


def test_every_member_of_an_archive_counts(saved: Path, tmp_path: Path) -> None:
    icapdiag("report", "bundle", str(saved), "-o", str(tmp_path / "bundle.zip"))
    with zipfile.ZipFile(tmp_path / "bundle.zip", "a") as archive:
        archive.writestr("notes.txt", "10.0.0.1 is vs-payroll")

    assert not leaves(tmp_path / "bundle.zip")[0]


def test_no_line_in_a_file_says_that_it_may_leave(file: Path) -> None:
    file.write_text(f"client 10.1.2.3 secret\n{REDACTED_NOTE}\n")
    assert not leaves(file)[0]


def test_where_the_list_can_t_be_kept_or_read(saved: Path, tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path / "saved.json"), "PYTHONPATH": str(ROOT)}
    key = ("--pseudonyms", str(tmp_path / "key.json"))
    status, _, err = icapdiag(
        "report", "redact", str(saved), "-o", f"html={tmp_path / 'r.html'}", *key, env=environment
    )

    assert 1 == status
    assert (
        f"can't note that {tmp_path / 'r.html'} is redacted, so report attach will need --unredacted for it: Not a"
        in err
    )
    allowed, said = leaves(tmp_path / "r.html", **environment)
    assert (False, True) == (allowed, "the list of redacted files can't be read (Not a directory)" in said)
    assert 0 == attach(str(tmp_path / "r.html"), "--to", f"file:{tmp_path / 'state'}", "--dry-run", "--unredacted")[0]


def test_a_dry_run_sends_nothing(file: Path) -> None:
    with serve(JiraServer()) as server:
        status, out, _ = attach(
            str(file), "--to", "jira:OPS-123", "--url", server.url, "--dry-run", "--unredacted", token=TOKEN
        )

    assert (0, []) == (status, server.seen)
    lines = out.splitlines()
    assert f"GET {server.url}/rest/api/2/issue/OPS-123?fields=attachment" in lines
    assert f"POST {server.url}/rest/api/2/issue/OPS-123/attachments" in lines
    assert 2 == lines.count("  Authorization: Basic [hidden]")
    assert "  X-Atlassian-Token: no-check" in lines
    assert f"(3 bytes, sha256 {hashlib.sha256(file.read_bytes()).hexdigest()})" in out


def test_a_dry_run_needs_no_token(file: Path) -> None:
    for where in ("jira:OPS-123", "servicenow:INC0012345", "github:owner/repo#7"):
        status, out, _ = attach(
            str(file), "--to", where, "--url", "https://api.example.com", "--dry-run", "--unredacted", token=""
        )
        assert (0, True) == (status, "  Authorization: [no token yet]" in out)


def test_a_token_file(file: Path, tmp_path: Path) -> None:
    token, tickets = tmp_path / "token", JiraServer()
    token.write_text(f"{TOKEN}\n")
    token.chmod(0o644)
    with serve(tickets) as server:
        arguments = (str(file), "--to", "jira:OPS-123", "--url", server.url, "--unredacted", "--token-file", str(token))
        open_ = attach(*arguments, token="")
        token.chmod(0o600)
        closed = attach(*arguments, token="wrong")  # noqa: S106 - the file's goes first

    assert (2, 0, 1) == (open_[0], closed[0], len(tickets.stored))
    assert "has mode 0644, so others can read it: chmod 600 it" in open_[2]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--to", "jira:OPS-123"), "no jira URL: pass --url https://HOST or set ICAPDIAG_JIRA_URL"),
        (("--to", "jira:OPS-123", "--url", "http://192.0.2.1"), "in clear text: use https, or pass --allow-http"),
        (("--to", "github:owner/repo#7"), "no token: set ICAPDIAG_GITHUB_TOKEN, or give --token-file FILE"),
        (("--to", "trac:7"), "'trac:7' is not a destination: use jira:OPS-123"),
        (("--to", "file:/", "--url", "https://x"), "has no effect with file:"),
        (("--to", "jira:OPS-123", "--deadline", "0"), "give a number of seconds above 0"),
        (("--to", "jira:OPS-123", "--name", "a/b"), "'a/b' is not a valid attachment name"),
    ],
)
def test_wrong_usage(file: Path, arguments: tuple[str, ...], expected: str) -> None:
    status, out, err = attach(str(file), "--unredacted", *arguments)

    assert (2, "") == (status, out)
    assert expected in " ".join(err.replace("│", " ").split())


def test_a_server_can_t_drive_the_terminal(file: Path) -> None:
    said = answer(400, {"errorMessages": ["\x1b]0;owned\x07 \u202e"]})
    with serve(lambda _: said) as server:
        status, _, err = attach(str(file), "--to", "jira:OPS-123", "--url", server.url, "--unredacted")

    assert (2, False, False) == (status, "\x1b" in err, "\u202e" in err)
    assert "HTTP 400: it rejects the request (it says: \\x1b]0;owned\\x07 \\u202e)" in err


def test_into_a_folder(file: Path, tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    where = ("--to", f"file:{tmp_path / 'share'}", "--unredacted")

    assert (
        f"Nothing was written. This would be, unless it exists: {tmp_path}/share/table.txt\n"
        == attach(str(file), *where, "--dry-run")[1]
    )
    assert [] == list((tmp_path / "share").iterdir())
    assert (0, f"to {tmp_path}/share/table.txt\n") == (
        (done := attach(str(file), *where))[0],
        done[1][done[1].index("to /") :],
    )
    assert b"OK\n" == (tmp_path / "share" / "table.txt").read_bytes()
    assert 2 == attach(str(file), *where)[0]
