"""Where a file may go, and by whose right; what is wrong with that is said before anything is sent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from icapdiag.report.attach.target import AttachError, Base, Target, Token, parse_base, parse_target, read_token


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("jira:OPS-123", "jira", "OPS-123"),
        ("servicenow:INC0012345", "servicenow", "INC0012345"),
        ("servicenow:CHG0000001", "servicenow", "CHG0000001"),
        ("github:owner/repo.name#7", "github", "owner/repo.name#7"),
        ("file:/tmp/a b", "file", "/tmp/a b"),  # noqa: S108 - nothing is written
    ],
)
def test_a_place(text: str, kind: str, name: str) -> None:
    assert Target(kind, name) == parse_target(text)


@pytest.mark.parametrize(
    "text",
    ["", "jira", "jira:", "jira:ops-1", "jira:OPS-0", "jira:OPS-1/../x", "jira:OPS-1\n", "jira:OPS-1?x=1", "file:",
     "servicenow:XYZ1", "servicenow:INC1^ORnumber=2", "github:owner/repo", "github:owner/../repo#1", "github:o/..#1",
     "github:-o/r#1", "github:o/r#0", "mailto:a@example.com", "jira:OPS-\u0661"],
)  # fmt: skip
def test_no_place(text: str) -> None:
    with pytest.raises(AttachError):
        parse_target(text)


@pytest.mark.parametrize(
    ("url", "expected", "origin"),
    [
        ("https://a.example.com", Base(True, "a.example.com", 443, ""), "https://a.example.com"),
        ("https://A.example.com:8443/jira/", Base(True, "a.example.com", 8443, "/jira"), "https://a.example.com:8443"),
        ("http://127.0.0.1:8080", Base(False, "127.0.0.1", 8080, "", True), "http://127.0.0.1:8080"),
        ("http://[::1]/x", Base(False, "::1", 80, "/x", True), "http://[::1]"),
        ("http://localhost", Base(False, "localhost", 80, "", True), "http://localhost"),
    ],
)
def test_an_address(url: str, expected: Base, origin: str) -> None:
    found = parse_base("jira", url, {}, allow_http=False)

    assert (expected, origin) == (found, found.origin)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://jira.example.com", "clear text: use https, or pass --allow-http"),
        ("http://127.0.0.1.example.com", "clear text"),
        ("http://localhost.example.com", "clear text"),
        ("https://me:secret@jira.example.com", "contains a user or password"),
        ("https://jira.example.com/?x=1", "not a base URL"),
        ("https://jira.example.com/#x", "not a base URL"),
        ("ftp://jira.example.com", "not a base URL"),
        ("jira.example.com", "not a base URL"),
        ("https://", "not a base URL"),
        ("https://jira.example.com:0", "not a base URL"),
        ("https://jira.example.com:99999", "is not a URL"),
        ("https://jira.example.com/a b", "is not a URL"),
        ("https://jira.example.com/\r\nX: y", "is not a URL"),
        ("https://jira.example.com\\@evil.example.com", "is not a URL"),
        ("https://jirä.example.com", "is not a URL"),
        ("https://[::1", "is not a URL"),
    ],
)
def test_no_address(url: str, expected: str) -> None:
    with pytest.raises(AttachError) as caught:
        parse_base("jira", url, {}, allow_http=False)

    assert expected in str(caught.value)
    assert "secret" not in str(caught.value)


def test_where_an_address_comes_from() -> None:
    given = {"ICAPDIAG_JIRA_URL": "https://jira.example.com", "ICAPDIAG_SERVICENOW_URL": ""}

    assert "https://jira.example.com" == parse_base("jira", None, given, allow_http=False).origin
    assert "https://x.example.com" == parse_base("jira", "https://x.example.com", given, allow_http=False).origin
    assert "https://api.github.com" == parse_base("github", None, {}, allow_http=False).origin
    assert not parse_base("jira", "http://jira.example.com", {}, allow_http=True).loopback_only
    with pytest.raises(AttachError, match="set ICAPDIAG_SERVICENOW_URL"):
        parse_base("servicenow", None, given, allow_http=False)


def test_a_token_is_in_no_repr() -> None:
    assert "s3cret" not in repr(Token("jdoe:s3cret"))


def test_how_a_token_is_sent() -> None:
    assert "Basic amRvZTpzM2NyZXQ=" == Token("jdoe:s3cret").header("jira")
    assert "Basic amRvZTpww6Rzcw==" == Token("jdoe:päss").header("servicenow")
    assert "Bearer abc" == Token("abc").header("servicenow")
    assert "Bearer a:b" == Token("a:b").header("github")


@pytest.mark.parametrize("text", ["a b", "a\nb", "ä", " ", "a\x1b", ":\x00"])
def test_no_token(text: str) -> None:
    with pytest.raises(AttachError, match="ICAPDIAG_JIRA_TOKEN does not contain a token"):
        read_token("jira", None, {"ICAPDIAG_JIRA_TOKEN": text})


def test_a_token_for_github_is_one_word_of_ascii() -> None:
    """It is sent as it is, colon or not: a header holds nothing else."""
    with pytest.raises(AttachError, match="ICAPDIAG_GITHUB_TOKEN does not contain a token"):
        read_token("github", None, {"ICAPDIAG_GITHUB_TOKEN": "a:€"})


def test_a_token_of_the_file_or_of_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("of-the-file\n")
    file.chmod(0o600)
    environment = {"ICAPDIAG_JIRA_TOKEN": "of-the-environment"}

    assert Token("of-the-file") == read_token("jira", file, environment)
    assert Token("of-the-environment") == read_token("jira", None, environment)
    assert None is read_token("github", None, environment)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610, 0o666])
def test_a_token_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret")
    file.chmod(mode)
    with pytest.raises(AttachError) as caught:
        read_token("jira", file, {})

    assert f"the token file '{file}' has mode {mode:04o}, so others can read it: chmod 600 it" == str(caught.value)


def test_what_is_no_token_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    for name, content in (("large", b"x" * 9000), ("binary", b"\xff\xfe"), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    tmp_path.chmod(0o700)
    for name in ("fifo", "large", "binary", "empty", "missing", "."):
        with pytest.raises(AttachError, match="token file"):
            read_token("jira", tmp_path / name, {})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_token_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret")
    file.chmod(0o600)
    os.chown(file, 12345, 12345)
    with pytest.raises(AttachError, match="belongs to another user"):
        read_token("jira", file, {})
