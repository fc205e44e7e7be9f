"""The ticket systems: a file is attached once, never over another, and never twice because an answer was lost.

Jira: REST API 2, which Cloud and Data Center share (Add attachment; Get issue). ServiceNow: Attachment API and Table
API. GitHub: issue comments of the REST API, as there is none that attaches a file to an issue.
"""

from __future__ import annotations

import json
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
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
_PER_PAGE = 100
_SAID = 300  # characters of what a server says to an error
_SETTLING = 2.0  # seconds that a server gets to finish what it did not answer
_ATTEMPTS = 2
_SYS_ID = re.compile("[0-9A-Za-z]{32}")

_SAY = {
    400: "it rejects the request",
    401: "the token is not accepted: it is wrong, expired, or for another address",
    403: "the token's user may not do this",
    404: "no such ticket, or the token's user may not see it",
    405: "no such API at this address: check --url",
    413: "the file is larger than it accepts: make it smaller",
    415: "it does not accept this kind of file",
    422: "it does not accept the content",
    429: "too many requests: try again later",
}


class System(ABC):
    """One ticket of one system, as `send` uses it. Subclasses implement the differences between the systems.

    ``listing``, ``upload`` and ``where`` are templates for `_fill`.
    """

    say: ClassVar[Mapping[int, str]]  # what the system's own documentation has about a status, where it says more
    listing: ClassVar[str]  # the target of the request for what is there; ``listed`` leads to the list in its answer
    listed: ClassVar[tuple[str, ...]] = ()
    unlisted: ClassVar[str]  # what to say where there is none
    pages: ClassVar[int] = 1  # in which a list may come
    upload: ClassVar[str]  # the target of the request that stores it; ``stored`` leads to it, or a list, in its answer
    stored: ClassVar[tuple[str, ...]] = ()
    created: ClassVar[int] = 201  # the status of that answer
    named: ClassVar[tuple[str, str]]  # an attachment's keys for name and size
    where: ClassVar[str]  # in which words to say where it is

    def __init__(self, client: Client, target: Target, token: Token) -> None:
        self.client = client
        self.name = target.name
        self._token = token
        self._record = "{sys_id}"  # ServiceNow's own id of the ticket, once it is known

    def check(self, document: Document) -> None:
        """Reject what this system can't accept. Raises `AttachError`."""
        del document

    @abstractmethod
    def content(self, document: Document) -> tuple[Mapping[str, str], bytes]:
        """Headers and body of the upload."""

    def plan(self, document: Document) -> Iterator[Call]:
        """The requests that `there` and `put` make, in order; values known only from a response are in braces."""
        yield Call("GET", self._fill(self.listing, document))
        yield Call("POST", self._fill(self.upload, document), *self.content(document))

    def there(self, document: Document) -> int | None:
        """The size in bytes of the attachment of this name, -1 if unknown; None if there is none.

        Of several, the one that may be ours, otherwise the last. Raises `AttachError`.
        """
        found = None
        for row in self.rows(document):
            size = self.size(row, document)
            if size == document.size:
                return size
            found = found if size is None else size
        return found

    def put(self, document: Document) -> str:
        """Send it, after `there` returned None; return where it is. Raises `AnswerLostError` and `AttachError`."""
        answer = self.client.send(Call("POST", self._fill(self.upload, document), *self.content(document)))
        if not 200 <= answer.status < 300:
            raise self._problem(answer)
        if answer.status != self.created:
            raise UnreadableError(f"HTTP {answer.status} is not a response of this API: check --url")
        stored = _at(_parsed(answer, UnreadableError), *self.stored)
        rows = stored if isinstance(stored, list) else [stored]
        if document.size not in (self.size(row, document) for row in rows):
            raise UnreadableError(f"{type(self).__name__}'s response does not list {document.name}")
        return self._fill(self.where, document)

    def rows(self, document: Document) -> Iterable[JSONValue]:
        """The existing attachments or comments. Raises `AttachError`."""
        for page in range(1, self.pages + 1):
            listed = self.get(self._fill(self.listing, document, page))
            yield from listed
            if self.pages == 1 or len(listed) < _PER_PAGE:
                return
        raise AttachError(
            f"the issue has more than {self.pages * _PER_PAGE:,} comments, too many to search: add this by hand"
        )

    def size(self, row: JSONValue, document: Document) -> int | None:
        """The size in bytes of an attachment with the document's name, -1 if unknown; None if it has another name."""
        name, size = self.named
        if _at(row, name) != document.name:
            return None
        text = str(_at(row, size))
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1

    def get(self, target: str) -> list[JSONValue]:
        """The list in the response. Raises `AttachError`."""
        answer = self.client.send(Call("GET", target))
        if answer.status != 200:
            raise self._problem(answer)
        listed = _at(_parsed(answer, AttachError), *self.listed)
        if not isinstance(listed, list):
            raise AttachError(self.unlisted)
        return listed

    def _fill(self, template: str, document: Document, page: int = 1) -> str:
        repository, _, number = self.name.partition("#")
        return template.format(
            ticket=self.name, repository=repository, number=number, record=self._record, page=page,
            table=TABLES.get(self.name.rstrip("0123456789")), file=quote(document.name, safe=""),
            origin=self.client.base.origin, prefix=self.client.base.prefix,
        )  # fmt: skip

    def _problem(self, answer: Response) -> AttachError:
        status = answer.status
        if 300 <= status < 400:
            host = redirected_to(answer) or "somewhere else"
            return AttachError(
                f"HTTP {status}: {self.client.base.origin} redirects to {host}; not followed, so that the token "
                "is not sent elsewhere. If that is the right address, pass it with --url"
            )
        wait = retry_after(answer)
        if wait is not None:
            return AttachError(f"HTTP {status}: too many requests: try again in {wait:.0f} s")
        text = {**_SAY, **self.say}.get(status, "server error: try again later")
        if status in {500, 502, 504}:  # a gateway may have passed it on
            return AnswerLostError(f"HTTP {status}: {text}")
        said = self._token.scrub(visible(_reason(answer), _SAID))
        return AttachError(f"HTTP {status}: {text}" + (f" (it says: {said})" if said else ""))


class Jira(System):
    """An issue; the file becomes an attachment that everybody who can see the issue can download."""

    say: ClassVar = {
        401: "the token is not accepted. Jira Cloud: email:API-token; Data Center: a personal access token",
        403: "the token's user may not attach files: it needs Browse Projects and Create Attachments in this project",
        404: "no such issue, the token's user may not see it, or attachments are disabled",
        413: "the file is larger than Jira's attachment limit: make it smaller (report bundle --max-size)",
    }
    listing = "/rest/api/2/issue/{ticket}?fields=attachment"
    upload = "/rest/api/2/issue/{ticket}/attachments"
    listed, created, named = ("fields", "attachment"), 200, ("filename", "size")
    unlisted = "the issue has no list of attachments: attachments are disabled, or this is not Jira"
    where = "{origin}{prefix}/browse/{ticket}"

    def content(self, document: Document) -> tuple[Mapping[str, str], bytes]:
        boundary = f"icapdiag-{secrets.token_hex(16)}"
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{document.name}"\r\n'
            f"Content-Type: {document.type}\r\n\r\n"
        )
        headers = {"X-Atlassian-Token": "no-check", "Content-Type": f"multipart/form-data; boundary={boundary}"}
        return headers, head.encode() + document.data + f"\r\n--{boundary}--\r\n".encode()


class ServiceNow(System):
    """A record of the table that the prefix of its number denotes."""

    say: ClassVar = {
        401: "the token is not accepted: user:password, or an OAuth access token",
        403: "the token's user may not attach files to this record: it needs write access to it (such as role itil)",
        404: "no such record, or the token's user may not see it",
        413: "the file is larger than com.glide.attachment.max_size: make it smaller",
    }
    lookup = "/api/now/table/{table}?sysparm_query=number%3D{ticket}&sysparm_fields=sys_id%2Cnumber&sysparm_limit=2"
    listing = (
        "/api/now/attachment?sysparm_query=table_name%3D{table}%5Etable_sys_id%3D{record}%5Efile_name%3D{file}"
        "&sysparm_limit=100"
    )
    upload = "/api/now/attachment/file?table_name={table}&table_sys_id={record}&file_name={file}"
    listed, stored, named = ("result",), ("result",), ("file_name", "size_bytes")
    unlisted = "the API returned no list of records: check --url"
    where = "{ticket} at {origin}"

    def check(self, document: Document) -> None:
        if "^" in document.name:
            raise AttachError(
                f"{document.name!r}: ^ is not possible in a ServiceNow query: pass a different name with --name"
            )

    def content(self, document: Document) -> tuple[Mapping[str, str], bytes]:
        return {"Content-Type": document.type}, document.data

    def plan(self, document: Document) -> Iterator[Call]:
        yield Call("GET", self._fill(self.lookup, document))
        yield from super().plan(document)

    def rows(self, document: Document) -> Iterable[JSONValue]:
        # An instance ignores what it takes for invalid in a query: number and record are looked at again.
        if not _SYS_ID.fullmatch(self._record):
            table = self.get(self._fill(self.lookup, document))
            found = [str(_at(row, "sys_id")) for row in table if _at(row, "number") == self.name]
            if len(found) != 1 or not _SYS_ID.fullmatch(found[0]):
                problem = "there is no {ticket} in {table}, or the token's user may not see it"
                raise AttachError(self._fill(problem, document))
            self._record = found[0]
        return [row for row in super().rows(document) if _at(row, "table_sys_id") == self._record]


class GitHub(System):
    """An issue or a pull request; a text becomes a comment. GitHub has no API that attaches a file."""

    say: ClassVar = {
        401: "the token is not accepted: it is wrong or expired",
        403: "the token may not write to issues: a fine-grained one needs Issues: read and write of this repository",
        404: "no such issue, or the token may not see the repository",
        410: "issues are disabled in this repository, or this one was deleted",
        422: "GitHub rejects the comment",
    }
    upload = "/repos/{repository}/issues/{number}/comments"
    listing = f"{upload}?per_page={_PER_PAGE}&page={{page}}"
    pages = 10
    unlisted = "the API returned no list of comments: check --url"
    where = "{ticket} at {origin}, as a comment"

    def check(self, document: Document) -> None:
        if not document.name.lower().endswith((".md", ".markdown", ".txt")):
            raise AttachError(
                f"GitHub has no API to attach a file such as {document.name} to an issue. Drag it into a comment "
                "in the browser, or attach the text that icapdiag report render SAVED.json --for github=body.md writes"
            )
        try:
            text = document.data.decode()
        except UnicodeDecodeError:
            raise AttachError(f"{document.name} is not UTF-8 text, so it can't be posted as a comment") from None
        if len(text) + len(self._mark(document)) + 2 > _COMMENT:
            raise AttachError(
                f"{document.name} is longer than a comment may be ({_COMMENT:,} characters): use --for github"
            )

    def _mark(self, document: Document) -> str:
        """A mark that identifies our comment; GitHub does not show it."""
        return f"<!-- icapdiag {quote(document.name, safe='')} sha256:{document.sha256} -->"

    def size(self, row: JSONValue, document: Document) -> int | None:
        body, mark = str(_at(row, "body")), self._mark(document)
        if mark in body:
            return document.size
        return -1 if mark.removesuffix(f"{document.sha256} -->") in body else None

    def content(self, document: Document) -> tuple[Mapping[str, str], bytes]:
        body = json.dumps({"body": f"{document.data.decode()}\n\n{self._mark(document)}"}).encode()
        headers = {"Accept": "application/vnd.github+json", "Content-Type": "application/json"}
        return {**headers, "X-GitHub-Api-Version": "2022-11-28"}, body


SYSTEMS: Mapping[str, type[System]] = {JIRA: Jira, SERVICENOW: ServiceNow, GITHUB: GitHub}


def send(system: System, document: Document) -> str:
    """Attach it, and return a text that says where it is now. Raises `AttachError`."""
    system.check(document)
    if system.there(document) is not None:
        raise AttachError(
            f"{system.name} already has {document.name}, which will not be replaced: pass a different name with --name"
        )
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return system.put(document)
        except AnswerLostError as error:
            if _arrived(system, document, error):
                return f"{system.name} (attached, although the response was lost)"
            if attempt == _ATTEMPTS or isinstance(error, UnreadableError):
                raise AttachError(
                    f"{error}; {document.name} is not attached to {system.name}: check the ticket"
                ) from None
    raise AssertionError("the last attempt returns or raises")


def _arrived(system: System, document: Document, error: AnswerLostError) -> bool:
    """Whether the file did arrive, by name and size. Raises `AttachError` if that is unknown."""
    unknown = f"{error}; it is not known whether {document.name} arrived: check {system.name} before you try again"
    if not system.client.deadline.pause(_SETTLING):
        raise AttachError(unknown) from None
    try:
        size = system.there(document)
    except AttachError:
        raise AttachError(unknown) from None
    if size not in {None, document.size}:
        raise AttachError(
            f"{error}; {system.name} has {document.name} with a different size: check the ticket"
        ) from None
    return size is not None


def _parsed(answer: Response, problem: type[AttachError]) -> JSONValue:
    """From JSON. Raises ``problem``."""
    try:
        found: JSONValue = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise problem(f"HTTP {answer.status}, but the response is not JSON: is --url the address of the API?") from None
    return found


def _reason(answer: Response) -> str:
    """The error message of the server, in the format of any of the three systems; "" if there is none."""
    try:
        said = _parsed(answer, AttachError)
    except AttachError:
        return ""
    messages = _at(said, "errorMessages")
    parts = [_at(said, "message"), _at(said, "error", "message"), _at(said, "error", "detail")]
    parts += messages[:3] if isinstance(messages, list) else []
    return "; ".join(part for part in parts if isinstance(part, str) and part)


def _at(value: JSONValue, *path: str) -> JSONValue:
    """The value at that path in nested objects; None if there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
