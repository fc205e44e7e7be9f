"""One request over a connection of its own; every wait has a deadline, every answer a maximum size.

No redirect is followed and no proxy used: data goes only to the host that was named.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from icapdiag.report.attach.target import AnswerLostError, AttachError, Base, NotSentError
from icapdiag.text import visible

LARGEST = 8 << 20  # bytes of an answer
_CONNECT = 30.0  # seconds for a name, and for a connection to one address
_PATIENCE = 60.0  # seconds that a server may have us wait before we ask again
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Call:
    """A request. ``target``: path and query below the base's prefix; ``headers``: additional ones."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Mapping[str, str]  # names in lower case; of several of one name the last
    body: bytes


class Deadline:
    """The deadline of all waits. ``now`` and ``sleep`` are the clock's."""

    def __init__(
        self, seconds: float, now: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._seconds, self._now, self._sleep = seconds, now, sleep
        self._end = now() + seconds

    def left(self) -> float:
        """Seconds left. Raises `AttachError` if there are none, as the caller is about to start something."""
        if self.is_over():
            raise AttachError(f"gave up after {self._seconds:g} s (--deadline)")
        return self._end - self._now()

    def is_over(self) -> bool:
        return self._now() >= self._end

    def pause(self, seconds: float) -> bool:
        """Wait if that leaves time to continue, and return whether it did."""
        if seconds >= self._end - self._now():
            return False
        self._sleep(seconds)
        return True


@dataclass(frozen=True, slots=True)
class Client:
    """A client of one API. ``authorization`` never appears in a message or log."""

    base: Base
    authorization: str = field(repr=False)
    deadline: Deadline
    agent: str

    def send(self, call: Call) -> Response:
        """Return the response. A request that changes something is retried only if it can't have been received.

        Raises `AnswerLostError` if that is unknown, and `AttachError`.
        """
        again = (NotSentError, AnswerLostError) if call.method == "GET" else (NotSentError,)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                answer = self._once(call)
            except again:
                if attempt == _ATTEMPTS or not self.deadline.pause(attempt):
                    raise
            else:
                wait = retry_after(answer)
                if wait is None or wait > _PATIENCE or attempt == _ATTEMPTS or not self.deadline.pause(wait):
                    return answer
        raise AssertionError("the last attempt returns or raises")

    def headers(self, call: Call) -> dict[str, str]:
        """All that are sent."""
        host = {"Host": self.base.origin.partition("://")[2], "Authorization": self.authorization}
        always = {"User-Agent": self.agent, "Accept": "application/json", "Accept-Encoding": "identity"}
        length = {"Content-Length": str(len(call.body))} if call.method != "GET" else {}
        return {**host, **always, "Connection": "close", **call.headers, **length}

    def _once(self, call: Call) -> Response:
        with self._dial() as stream:
            left = self.deadline.left()
            stream.settimeout(left)
            # A socket's timeout is for one read alone: a peer that says a byte now and then would go on for ever.
            timer = threading.Timer(left, _cut, [stream])
            timer.daemon = True
            timer.start()
            try:
                return self._exchange(stream, call)
            finally:
                timer.cancel()

    def _exchange(self, stream: socket.socket, call: Call) -> Response:
        connection = http.client.HTTPConnection(self.base.host, self.base.port)
        connection.sock = stream
        connection.auto_open = 0  # it must not connect by itself
        failed: OSError | None = None
        try:
            connection.request(call.method, self.base.prefix + call.target, call.body or None, self.headers(call))
        except OSError as error:  # a server that refuses a long body may say so before it has read it
            failed = error
        try:
            with connection.getresponse() as response:
                return _read(response)
        except (OSError, http.client.HTTPException, ValueError) as error:
            late = "no response in time (--deadline)" if self.deadline.is_over() else _said(failed or error)
            raise AnswerLostError(f"{self.base.origin} sent no complete response: {late}") from None

    def _dial(self) -> socket.socket:
        """A connection to the first address that accepts one. Raises `NotSentError`, or `AttachError` (certificate)."""
        problem = OSError("the name has no address")
        for address in _addresses(self.base.host, self.base.port, self.deadline.left()):
            if self.base.loopback_only and not ip_address(address.partition("%")[0]).is_loopback:
                raise AttachError(f"{self.base.host} is not on this host: use https, or pass --allow-http")
            try:
                raw = socket.create_connection((address, self.base.port), min(self.deadline.left(), _CONNECT))
                if not self.base.secure:
                    return raw
                with raw:  # until TLS has taken it over
                    raw.settimeout(self.deadline.left())  # a handshake's is for all its reads together
                    return ssl.create_default_context().wrap_socket(raw, server_hostname=self.base.host)
            except ssl.SSLCertVerificationError as error:
                raise AttachError(
                    f"the certificate of {self.base.origin} can't be verified ({visible(error.verify_message)}): if "
                    "its CA is your own, name its file in SSL_CERT_FILE"
                ) from None
            except OSError as error:
                problem = error
        self.deadline.left()
        raise NotSentError(f"can't connect to {self.base.origin}: {_said(problem)}")


def retry_after(answer: Response) -> float | None:
    """How many seconds the server asks to wait before a retry; None if it does not (RFC 9110 section 10.2.3)."""
    if answer.status not in {403, 429, 503}:  # 403: GitHub's secondary limits
        return None
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0)


def redirected_to(answer: Response) -> str:
    """The host that a redirect leads to, or "" for "somewhere else"; made safe to show."""
    try:
        return visible(urlsplit(answer.headers.get("location", "")).hostname or "", 100)
    except ValueError:
        return ""


def _read(response: http.client.HTTPResponse) -> Response:
    body = response.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise ValueError(f"the response exceeds {LARGEST >> 20} MiB")
    # http.client takes the end of the stream for that of the headers, and of a body of which it is asked for a part.
    headless = not body and response.length is None and not response.chunked and response.status not in {204, 304}
    if response.length or headless:
        raise ConnectionError("the response ended too early")
    return Response(response.status, {name.lower(): value for name, value in response.getheaders()}, body)


def _cut(stream: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(stream, socket.SHUT_RDWR)  # TLS's own would take its state from under the reader


def _said(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no response in time"
    if isinstance(error, http.client.BadStatusLine | http.client.LineTooLong):
        return "the response is not HTTP"
    return visible(str(getattr(error, "strerror", None) or error) or type(error).__name__)


def _addresses(host: str, port: int, seconds: float) -> list[str]:
    """Resolve in a thread that may be abandoned: the system resolver has no timeout. Raises `NotSentError`."""
    found: Future[list[str]] = Future()

    def ask() -> None:
        try:
            found.set_result([str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError) as error:
            found.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        return found.result(min(seconds, _CONNECT))
    except TimeoutError:
        raise NotSentError(f"the name {host} was not resolved in time") from None
    except (OSError, UnicodeError) as error:
        raise NotSentError(f"can't resolve {host}: {_said(error)}") from None
