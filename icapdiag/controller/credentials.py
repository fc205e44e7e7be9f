"""The password or token of the Controller's account: where it comes from, and how it is kept out of everything else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote, quote_plus

from icapdiag.bounded import NotPrivate, read_private

PASSWORD, TOKEN = "ICAPDIAG_CONTROLLER_PASSWORD", "ICAPDIAG_CONTROLLER_TOKEN"
_LARGEST = 8192  # bytes of a password file
_HIDDEN = "[hidden]"
_SHORT, _LONG = 4, 8  # characters: anything shorter occurs in ordinary text, and in the names of objects


class NoCredentials(Exception):
    """A password or token is missing, or several were given; the message says what to do, and contains no secret."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A password or a token, left out of repr."""

    kind: Literal["password", "token"]
    text: str = field(repr=False)


def take_secret(file: Path | None, environment: MutableMapping[str, str], ask: Callable[[], str] | None) -> Secret:
    """The secret from the file, from a variable of the environment, or from who answers ``ask`` (None: nobody does).

    The variables are removed from ``environment``, so that no child gets them. Raises `NoCredentials`.
    """
    given: dict[str, str | None] = {name: environment.pop(name, None) or None for name in (PASSWORD, TOKEN)}
    sources = [*(["--password-file"] if file else []), *(name for name, text in given.items() if text)]
    if len(sources) > 1:
        raise NoCredentials(f"{' and '.join(sources)} are both given: which one counts? Keep one")
    if file is not None:
        source = f"the password file {str(file)!r}"
        try:
            return Secret("password", _usable(read_private(file, source, _LARGEST), source))
        except NotPrivate as error:
            raise NoCredentials(str(error)) from None
    if text := given[PASSWORD]:
        return Secret("password", _usable(text, PASSWORD))
    if text := given[TOKEN]:
        return Secret("token", _usable(text, TOKEN))
    if ask is None:
        raise NoCredentials(f"no password: give --password-file FILE (mode 0600), or set {PASSWORD} or {TOKEN}")
    return Secret("password", _usable(ask(), "the answer"))


def _usable(text: str, source: str) -> str:
    if not text or not text.isprintable():
        raise NoCredentials(f"{source} is not a password or token: one line of text is")
    return text


def hide(text: str, secrets: Iterable[str]) -> str:
    """``text`` without the secrets, as they are or as a form or a URL has them, in case a server echoed one."""
    for each in _spellings(secrets, _SHORT):
        text = text.replace(each, _HIDDEN)
    return text


def hide_in_data(data: bytes, secrets: Iterable[str]) -> bytes:
    """The same in JSON, for secrets long enough that names and addresses in it do not contain them by chance."""
    for each in _spellings(secrets, _LONG):
        for form in {each, json.dumps(each)[1:-1], json.dumps(each, ensure_ascii=False)[1:-1]}:
            data = data.replace(form.encode(), _HIDDEN.encode())
    return data


def _spellings(secrets: Iterable[str], shortest: int) -> list[str]:
    """The longest first, as it may contain others."""
    forms = {
        form
        for secret in secrets
        if len(secret) >= shortest
        for form in (secret, quote(secret), quote(secret, safe=""), quote_plus(secret))
    }
    return sorted(forms, key=len, reverse=True)
