"""``--to``, the base URL and the token: where a file is sent, with which credentials, and what can fail."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from icapdiag.bounded import NotPrivate, read_private

JIRA, SERVICENOW, GITHUB, FILE = "jira", "servicenow", "github", "file"
FORMS = "jira:OPS-123, servicenow:INC0012345, github:owner/repo#7 or file:FOLDER"
TABLES = {"INC": "incident", "PRB": "problem", "CHG": "change_request"}  # ServiceNow's, by the prefix of the number
_GITHUB_API = "https://api.github.com"
_TOKEN_LENGTH = 8192  # bytes of a token file
_FORM = {
    JIRA: re.compile(r"[A-Z][A-Z0-9_]{0,50}-[1-9][0-9]{0,9}"),
    SERVICENOW: re.compile(rf"(?:{'|'.join(TABLES)})[0-9]{{1,20}}"),
    GITHUB: re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}#[1-9][0-9]{0,9}"),
}


class AttachError(Exception):
    """The file can't be attached; the message says why and what to do, and contains no secret."""


class NotSentError(AttachError):
    """The request was certainly not received, as there was no connection. It may be retried."""


class AnswerLostError(AttachError):
    """The request was sent, completely or in part; whether it was processed is unknown."""


class UnreadableError(AnswerLostError):
    """The request was accepted, but the response can't be read: never send it again."""


@dataclass(frozen=True, slots=True)
class Target:
    """``kind``: one of the four systems; ``name``: the part after the colon, in that system's form."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Base:
    """An API's address: ``https://HOST[:PORT][/PREFIX]`` in its parts; ``prefix`` is "" or begins with "/"."""

    secure: bool
    host: str
    port: int
    prefix: str
    loopback_only: bool = False  # http that may go to this host alone

    @property
    def origin(self) -> str:
        """Scheme, host, and the port if it is not the default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = self.port == (443 if self.secure else 80)
        return f"{'https' if self.secure else 'http'}://{host}" + ("" if usual else f":{self.port}")


@dataclass(frozen=True, slots=True)
class Token:
    """A secret, left out of repr. ``user:secret`` is sent as Basic, anything else as Bearer."""

    text: str = field(repr=False)

    def header(self, kind: str) -> str:
        """The value of ``Authorization``."""
        if ":" in self.text and kind != GITHUB:
            return f"Basic {base64.b64encode(self.text.encode()).decode()}"
        return f"Bearer {self.text}"

    def scrub(self, text: str) -> str:
        """``text`` without the token, in case a server echoed it."""
        secrets = {self.text, self.text.partition(":")[2], self.header(JIRA).partition(" ")[2]} - {""}
        for secret in sorted(secrets, key=len, reverse=True):
            text = text.replace(secret, "[token]")
        return text


def parse_target(text: str) -> Target:
    """The target that ``--to`` names. Raises `AttachError`."""
    kind, _, name = text.partition(":")
    if kind == FILE and name:
        return Target(kind, name)
    if kind not in _FORM or not _FORM[kind].fullmatch(name):
        raise AttachError(f"{text!r} is not a destination: use {FORMS}")
    if kind == GITHUB and name.partition("/")[2].partition("#")[0] in {".", ".."}:
        raise AttachError(f"{text!r} is not a repository")
    return Target(kind, name)


def variable(kind: str, what: str) -> str:
    """The environment variable of a system: ``ICAPDIAG_JIRA_TOKEN``."""
    return f"ICAPDIAG_{kind.upper()}_{what}"


def parse_base(kind: str, given: str | None, environment: Mapping[str, str], *, allow_http: bool) -> Base:
    """The API's address, from ``--url`` or the environment. Raises `AttachError`."""
    name = variable(kind, "URL")
    text = given or environment.get(name) or (_GITHUB_API if kind == GITHUB else "")
    if not text:
        raise AttachError(f"no {kind} URL: pass --url https://HOST or set {name}")
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise AttachError(f"{text!r} is not a URL: use https://HOST")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise AttachError(f"{text!r} is not a URL: {error}") from None
    if parts.username is not None or parts.password is not None:
        raise AttachError(
            f"the URL contains a user or password: remove it, and pass the token in {variable(kind, 'TOKEN')}"
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or port == 0:
        raise AttachError(f"{text!r} is not a base URL: use https://HOST, with a path only if the API lies below one")
    secure = parts.scheme == "https"
    local = _is_loopback(parts.hostname)
    if not (secure or local or allow_http):
        raise AttachError(f"{text!r} would send the token and the file in clear text: use https, or pass --allow-http")
    return Base(
        secure=secure,
        host=parts.hostname,
        port=port or (443 if secure else 80),
        prefix=parts.path.rstrip("/"),
        loopback_only=not (secure or allow_http),
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def read_token(kind: str, file: Path | None, environment: Mapping[str, str]) -> Token | None:
    """The token from the file, otherwise from the environment; None if there is none. Raises `AttachError`."""
    source = f"the token file {str(file)!r}" if file else variable(kind, "TOKEN")
    text = _token_file(file, source) if file else environment.get(source)
    if text is None or not (file or text):
        return None
    basic = ":" in text and kind != GITHUB
    if not text.isprintable() or not text.strip() or not (basic or (text.isascii() and " " not in text)):
        raise AttachError(f"{source} does not contain a token: one line of ASCII without spaces, or user:secret")
    return Token(text)


def _token_file(file: Path, source: str) -> str:
    try:
        return read_private(file, source, _TOKEN_LENGTH)
    except NotPrivate as error:
        raise AttachError(str(error)) from None
