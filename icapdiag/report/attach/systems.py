"""The ticket systems: a file is put there once, never over another, and never twice because an answer was lost.

Jira: REST API 2, which Cloud and Data Center share (Add attachment; Get issue). ServiceNow: Attachment API and Table
API. GitHub: issue comments of the REST API, as there is none that attaches a file to an issue.
"""

from __future__ import annotations

import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import ClassVar
from urllib.parse import quote

from icapdiag.model import JSONValue
from icapdiag.report.attach.document import Document
from icapdiag.report.attach.http import Call, Client, Response, redirected_to, retry_after
from icapdiag.report.attach.target import (
    GITHUB,
    JIRA,
    SERVICENOW,
    TABLES,
    AnswerLostError,
    AttachError,
    Target,
    Token,
    UnreadableError,
)
from icapdiag.text import visible

_COMMENT = 65_536  # characters that a comment on GitHub may have
_PAGES = 10
_PER_PAGE = 100
_SAID = 300  # characters of what a server says to an error
_TEXTS = (".md", ".markdown", ".txt")

_SETTLING = 2.0  # seconds that a server gets to finish what it did not answer
_ATTEMPTS = 2


class System(ABC):
    """One ticket of one system. ``say`` of errors is what the system's own documentation has about a status."""

    say: ClassVar[Mapping[int, str]]

    def __init__(self, client: Client, target: Target, token: Token) -> None:
        self.client = client
        self.name = target.name
        self._token = token

    def check(self, document: Document) -> None:
        """Refuse what this system can't take at all. Raises `AttachError`."""
        del document

    @abstractmethod
    def there(self, document: Document) -> int | None:
        """The size in bytes of what is at the ticket by this name, -1 if it isn't told; None if nothing is.

        Raises `AttachError`.
        """

    @abstractmethod
    def put(self, document: Document) -> str:
        """Send it; in which words to say where it is. Raises `AnswerLostError`, and `AttachError`."""

    @abstractmethod
    def plan(self, document: Document) -> Iterator[Call]:
        """The requests that `there` and `put` make, in order; what only an answer can tell stands in braces."""

    def get(self, target: str) -> JSONValue:
        """What is there, from JSON. Raises `AttachError`."""
        answer = self.client.ask(Call("GET", target))
        if answer.status != 200:
            raise self._problem(answer)
        return _parsed(answer)

    def post(self, call: Call, expected: tuple[int, ...]) -> JSONValue:
        """What a server says to a request that succeeded. Raises `UnreadableError` where that can't be read."""
        answer = self.client.send(call)
        if answer.status not in expected:
            if 200 <= answer.status < 300:
                raise UnreadableError(f"HTTP {answer.status} is no answer of this API: look at --url")
            raise self._problem(answer)
        try:
            return _parsed(answer)
        except AttachError as error:
            raise UnreadableError(str(error)) from None

    def _problem(self, answer: Response) -> AttachError:
        status = answer.status
        wait = retry_after(answer)
        if 300 <= status < 400:
            host = redirected_to(answer) or "somewhere else"
            return AttachError(
                f"HTTP {status}: {self.client.base.origin} redirects to {host}, which is not followed, so that the "
                "token goes nowhere else: if that is the right address, give it with --url"
            )
        if wait is not None:
            return AttachError(f"HTTP {status}: too many requests; it asks to wait {wait:.0f} s: try again then")
        text = self.say.get(status) or _OTHER.get(status, "the server has a problem: try again later")
        if status in {500, 502, 504}:  # a gateway may have passed it on
            return AnswerLostError(f"HTTP {status}: {text}")
        said = self._token.scrub(visible(_reason(answer), _SAID))
        return AttachError(f"HTTP {status}: {text}" + (f" (it says: {said})" if said else ""))


_OTHER = {
    400: "it does not take the request",
    401: "the token is not accepted: it is wrong, expired, or for another address",
    403: "the token's user may not do this",
    404: "there is no such ticket, or the token's user may not see it",
    405: "there is no such API at this address: look at --url",
    413: "the file is larger than it takes: make a smaller one",
    415: "it does not take this kind of file",
    422: "it does not take the content",
    429: "too many requests: try again later",
}


class Jira(System):
    """An issue; the file becomes an attachment, which everybody can fetch who sees the issue."""

    say: ClassVar[Mapping[int, str]] = {
        401: "the token is not accepted. Jira Cloud: email:API-token; Data Center: a personal access token",
        403: "the token's user may not attach files: it needs Browse Projects and Create Attachments in this project",
        404: "there is no such issue, the token's user may not see it, or attachments are switched off",
        413: "the file is larger than Jira's attachment limit: make a smaller one (--max-size of report bundle)",
    }

    def _issue(self) -> str:
        return f"/rest/api/2/issue/{self.name}"

    def there(self, document: Document) -> int | None:
        fields = _mapping(_mapping(self.get(f"{self._issue()}?fields=attachment")).get("fields"))
        listed = fields.get("attachment")
        if not isinstance(listed, list):
            raise AttachError("the issue has no list of attachments: they are switched off, or this is not Jira")
        return _size_of(listed, "filename", "size", document.name)

    def put(self, document: Document) -> str:
        stored = self.post(self._upload(document), (200,))
        listed = stored if isinstance(stored, list) else []
        if _size_of(listed, "filename", "size", document.name) != document.size:
            raise UnreadableError("Jira's answer does not have the file")
        return f"{self.client.base.origin}{self.client.base.prefix}/browse/{self.name}"

    def plan(self, document: Document) -> Iterator[Call]:
        yield Call("GET", f"{self._issue()}?fields=attachment")
        yield self._upload(document)

    def _upload(self, document: Document) -> Call:
        boundary = f"icapdiag-{secrets.token_hex(16)}"
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{document.name}"\r\n'
            f"Content-Type: {document.type}\r\n\r\n"
        )
        body = head.encode() + document.data + f"\r\n--{boundary}--\r\n".encode()
        headers = {"X-Atlassian-Token": "no-check", "Content-Type": f"multipart/form-data; boundary={boundary}"}
        return Call("POST", f"{self._issue()}/attachments", headers, body)


class ServiceNow(System):
    """A record of the table that its number's prefix stands for."""

    say: ClassVar[Mapping[int, str]] = {
        401: "the token is not accepted: user:password, or an OAuth access token",
        403: "the token's user may not attach files to this record: it needs write access to it (such as role itil)",
        404: "there is no such record, or the token's user may not see it",
        413: "the file is larger than com.glide.attachment.max_size: make a smaller one",
    }

    def __init__(self, client: Client, target: Target, token: Token) -> None:
        super().__init__(client, target, token)
        self._table = TABLES[target.name.rstrip("0123456789")]
        self._record: str | None = None

    def check(self, document: Document) -> None:
        if "^" in document.name:
            raise AttachError(f"{document.name!r}: ServiceNow takes ^ for a part of a query: give a name with --name")

    def _lookup(self) -> str:
        query = f"sysparm_query=number%3D{self.name}&sysparm_fields=sys_id%2Cnumber&sysparm_limit=2"
        return f"/api/now/table/{self._table}?{query}"

    def _sys_id(self) -> str:
        """The record's own id. An instance ignores what it takes for invalid in a query: the number is looked at."""
        if self._record is None:
            rows = _rows(self.get(self._lookup()))
            found = [row.get("sys_id") for row in rows if row.get("number") == self.name]
            if len(found) != 1 or not isinstance(found[0], str) or not _is_sys_id(found[0]):
                raise AttachError(f"there is no {self.name} in {self._table}, or the token's user may not see it")
            self._record = found[0]
        return self._record

    def _attachments(self, record: str, document: Document) -> str:
        query = f"table_name={self._table}^table_sys_id={record}^file_name={document.name}"
        return f"/api/now/attachment?sysparm_query={quote(query, safe='{}')}&sysparm_limit={_PER_PAGE}"

    def there(self, document: Document) -> int | None:
        record = self._sys_id()
        rows = [
            row for row in _rows(self.get(self._attachments(record, document))) if row.get("table_sys_id") == record
        ]
        return _size_of(rows, "file_name", "size_bytes", document.name)

    def put(self, document: Document) -> str:
        stored = _mapping(_mapping(self.post(self._upload(self._sys_id(), document), (201,))).get("result"))
        if _size_of([stored], "file_name", "size_bytes", document.name) != document.size:
            raise UnreadableError("ServiceNow's answer does not have the file")
        return f"{self.name} at {self.client.base.origin}"

    def plan(self, document: Document) -> Iterator[Call]:
        yield Call("GET", self._lookup())
        yield Call("GET", self._attachments("{sys_id}", document))
        yield self._upload("{sys_id}", document)

    def _upload(self, record: str, document: Document) -> Call:
        query = f"table_name={self._table}&table_sys_id={record}&file_name={quote(document.name, safe='')}"
        return Call("POST", f"/api/now/attachment/file?{query}", {"Content-Type": document.type}, document.data)


class GitHub(System):
    """An issue or a pull request; a text becomes a comment. GitHub has no API that attaches a file."""

    say: ClassVar[Mapping[int, str]] = {
        401: "the token is not accepted: it is wrong or expired",
        403: "the token may not write to issues: a fine-grained one needs Issues: read and write of this repository",
        404: "there is no such issue, or the token may not see the repository",
        410: "issues are switched off in this repository, or this one was deleted",
        422: "GitHub does not take the comment",
    }

    def __init__(self, client: Client, target: Target, token: Token) -> None:
        super().__init__(client, target, token)
        repository, _, self._number = target.name.partition("#")
        self._comments = f"/repos/{repository}/issues/{self._number}/comments"

    def check(self, document: Document) -> None:
        if not document.name.lower().endswith(_TEXTS):
            raise AttachError(
                f"GitHub has no API that attaches a file such as {document.name} to an issue. Drag it into a comment "
                "in the browser, or attach a text that icapdiag report render SAVED.json --for github=body.md writes"
            )
        try:
            text = document.data.decode()
        except UnicodeDecodeError:
            raise AttachError(f"{document.name} is no text in UTF-8: a comment can't hold it") from None
        if len(text) + len(self._mark(document)) + 2 > _COMMENT:
            raise AttachError(
                f"{document.name} is longer than the {_COMMENT:,} characters of a comment: --for github writes less"
            )

    def _mark(self, document: Document) -> str:
        """By which a comment of ours is known again; GitHub does not show it."""
        return f"<!-- icapdiag {quote(document.name, safe='')} sha256:{document.sha256} -->"

    def there(self, document: Document) -> int | None:
        named, same = f"<!-- icapdiag {quote(document.name, safe='')} sha256:", self._mark(document)
        found = None
        for page in range(1, _PAGES + 1):
            listed = self.get(f"{self._comments}?per_page={_PER_PAGE}&page={page}")
            if not isinstance(listed, list):
                raise AttachError("what the API says are no comments: look at --url")
            bodies = [str(item.get("body")) for item in listed if isinstance(item, dict)]
            if any(same in body for body in bodies):
                return document.size
            if any(named in body for body in bodies):
                found = -1
            if len(listed) < _PER_PAGE:
                return found
        raise AttachError(
            f"the issue has more than {_PAGES * _PER_PAGE:,} comments, too many to search: add this by hand"
        )

    def put(self, document: Document) -> str:
        stored = _mapping(self.post(self._upload(document), (201,)))
        if self._mark(document) not in str(stored.get("body")):
            raise UnreadableError("GitHub's answer does not have the comment")
        return f"{self.name} at {self.client.base.origin}, as a comment"

    def plan(self, document: Document) -> Iterator[Call]:
        yield Call("GET", f"{self._comments}?per_page={_PER_PAGE}&page=1")
        yield self._upload(document)

    def _upload(self, document: Document) -> Call:
        body = json.dumps({"body": f"{document.data.decode()}\n\n{self._mark(document)}"}).encode()
        headers = {"Accept": "application/vnd.github+json", "Content-Type": "application/json"}
        return Call("POST", self._comments, {**headers, "X-GitHub-Api-Version": "2022-11-28"}, body)


def send(system: System, document: Document) -> str:
    """Attach it; in which words to say where it is now. Raises `AttachError`."""
    system.check(document)
    if system.there(document) is not None:
        raise AttachError(
            f"{system.name} has {document.name} already, and nothing is replaced: give another name with --name"
        )
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return system.put(document)
        except AnswerLostError as error:
            if _arrived(system, document, error):
                return f"{system.name} (it is there, although its answer was lost)"
            if attempt == _ATTEMPTS or isinstance(error, UnreadableError):
                raise AttachError(f"{error}; {document.name} is not at {system.name}: look at it") from None
    raise AssertionError("the last attempt returns or raises")


def _arrived(system: System, document: Document, error: AnswerLostError) -> bool:
    """Whether the file is there after all, by name and size. Raises `AttachError` if that can't be found out."""
    unknown = f"{error}; whether {document.name} arrived is not known: look at {system.name} before you try again"
    if not system.client.deadline.pause(_SETTLING):
        raise AttachError(unknown) from None
    try:
        size = system.there(document)
    except AttachError:
        raise AttachError(unknown) from None
    if size is None:
        return False
    if size != document.size:
        raise AttachError(f"{error}; {system.name} has {document.name} with another size: look at it") from None
    return True


SYSTEMS: Mapping[str, type[System]] = {JIRA: Jira, SERVICENOW: ServiceNow, GITHUB: GitHub}


def _parsed(answer: Response) -> JSONValue:
    try:
        found: JSONValue = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise AttachError(f"HTTP {answer.status}, but what it says is no JSON: is --url the API's address?") from None
    return found


def _reason(answer: Response) -> str:
    """What the server says to an error, in the form of any of the three; "" if nothing can be made of it."""
    try:
        said = _mapping(json.loads(answer.body))
    except (ValueError, RecursionError):
        return ""
    error = _mapping(said.get("error"))
    messages = said.get("errorMessages")
    parts = [said.get("message"), error.get("message"), error.get("detail")]
    parts += messages[:3] if isinstance(messages, list) else []
    return "; ".join(part for part in parts if isinstance(part, str) and part)


def _mapping(value: JSONValue) -> Mapping[str, JSONValue]:
    return value if isinstance(value, dict) else {}


def _rows(value: JSONValue) -> list[Mapping[str, JSONValue]]:
    """The records of a ServiceNow answer. Raises `AttachError`."""
    rows = _mapping(value).get("result")
    if not isinstance(rows, list):
        raise AttachError("what the API says are no records: look at --url")
    return [row for row in rows if isinstance(row, dict)]


def _is_sys_id(text: str) -> bool:
    return len(text) == 32 and text.isascii() and text.isalnum()


def _size_of(listed: object, name: str, size: str, wanted: str) -> int | None:
    """The size of the last one of this name, -1 where it isn't told; None if there is none."""
    found = None
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, dict) and item.get(name) == wanted:
            text = str(item.get(size))
            found = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1
    return found
