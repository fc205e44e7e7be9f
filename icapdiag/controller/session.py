"""A session with a Controller, through the SDK that its vendor publishes (avisdk). It only reads.

The SDK does not verify certificates unless told, and lets REQUESTS_CA_BUNDLE and ~/.netrc overrule what it was told;
it follows redirects with the password, writes answers to logs, and sends requests again on its own. Here none of that
happens.
"""

from __future__ import annotations

import contextlib
import logging
import os
import ssl
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from http import HTTPStatus
from http.client import HTTPException
from threading import Event, Thread
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from icapdiag.controller.address import Address, ControllerError
from icapdiag.controller.credentials import Secret, hide, hide_in_data
from icapdiag.facts.clock import clock_facts
from icapdiag.text import visible

MISSING = "pull needs avisdk, the SDK of Avi Load Balancer: pip install 'icapdiag[controller]'"
_LARGEST = 512 << 20  # bytes of one answer; 10,000 log entries have about 30 MB
_PIECE = 1 << 16
_FAREWELL = 3.0  # seconds
_SAID = 300  # characters of what a server said
_LOOK = 0.2  # seconds between two looks at ``stop``
_OVER = frozenset({HTTPStatus.UNAUTHORIZED, 419})  # the session is over; 419 is Avi's own
RETRIED = frozenset({429, 502, 503, 504})  # of HTTP: too many requests, or not ready
_NAME_MISMATCH = frozenset({62, 64})  # X509_V_ERR_HOSTNAME_MISMATCH, …_IP_ADDRESS_MISMATCH
_OUT_OF_DATE = frozenset({9, 10})  # X509_V_ERR_CERT_NOT_YET_VALID, …_CERT_HAS_EXPIRED
_CLOSE = 5.0  # seconds that clocks may differ
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"})
_MOST_CAUSES = 30
T = TypeVar("T")


class NoAnswer(Exception):
    """No complete answer came; the message says why. It may come next time."""


class Stopped(Exception):
    """The user wants an end."""


_FAILURES = (
    OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, HTTPException, ControllerError,
)  # fmt: skip


class _Tenant(Struct):
    name: str = ""


class _Login(Struct):
    """Of the answer to a login, what the SDK does not keep."""

    tenants: list[_Tenant] = []


_LOGIN = msgspec.json.Decoder(_Login)


class Answer(Struct, frozen=True):
    """``status`` is HTTP's; ``wait``: the seconds that the server asks to wait before the next try."""

    status: int
    body: bytes
    wait: float | None = None


def load_sdk() -> tuple[Any, type[Exception], type[Exception]]:
    """The SDK's session, its error, and that of the HTTP library below. Raises `ControllerError` without the SDK."""
    try:
        from avi.sdk.avi_api import APIError, ApiSession  # noqa: PLC0415 - an extra, and 200 ms
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - comes with it
    except ImportError:
        raise ControllerError(MISSING) from None
    return ApiSession, APIError, HTTPError


class Session:
    """Logged in from the first request on, and again where the Controller has forgotten it."""

    def __init__(
        self,
        address: Address,
        user: str,
        secret: Secret,
        *,
        tenant: str,
        trust: str | bool,
        api_version: str | None = None,
        timeout: float = 60.0,
        deadline: float = 300.0,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """``timeout``: seconds without a byte; ``deadline``: seconds for a whole answer.

        Raises `ControllerError` if the SDK is not there.
        """
        self._sdk, self._api_error, self._http_error = load_sdk()
        logging.getLogger("avi").setLevel(logging.CRITICAL + 1)  # it logs what a server said of the login
        self._address, self._user, self._secret = address, user, secret
        self._tenant, self._trust, self._api_version = tenant, trust, api_version
        self._timeout, self._deadline, self._stop = timeout, deadline, stop
        self._session: Any = None
        self._logins_left = 0
        self._secrets = {secret.text}
        self.version: Mapping[str, object] = {}
        self.tenants: tuple[str, ...] = ()  # names of those that the account has, as far as the login says
        self.clock_offset: int | None = None  # s that the Controller's clock is ahead of this host's; None: unknown

    def login(self) -> None:
        """Log in. Raises `ControllerError`, and `NoAnswer` where the Controller may do so next time."""
        session = self._new_session()
        try:
            self._log_in(session)
            self._session = session
        finally:
            if self._session is not session:
                session.close()

    def _log_in(self, session: Any) -> None:
        try:
            self._within(session, session.authenticate_session)
            context = session.get_context()
        except self._api_error as error:
            raise self._refused(error) from None
        except (KeyError, AttributeError, TypeError):  # what the SDK makes of an answer that it does not expect
            raise self._no_controller() from None
        if not (context.get("csrftoken") and context.get("session_id")):
            raise self._no_controller()
        self._note_secrets(session)
        found = self._hidden_in(session.remote_api_version)
        self.version = found if isinstance(found, dict) else {}
        session.avi_credentials.api_version = self._api_version or str(self.version.get("Version") or "") or None

    def _note_secrets(self, session: Any) -> None:
        self._secrets |= {str(value) for value in session.get_context().values() if value}
        self._secrets |= {cookie.value for cookie in session.cookies if cookie.value}

    def _hidden_in(self, body: Any) -> Any:
        """The same without secrets."""
        return msgspec.json.decode(hide_in_data(msgspec.json.encode(body), self._secrets))

    def _note_login(self, response: Any, *_: object, **__: object) -> None:
        """Of the answer to a login, what the SDK does not keep."""
        if not response.url.endswith("/login") or response.status_code != HTTPStatus.OK:
            return
        now = time.time()
        found = clock_facts(response.headers.get("Date"), now - response.elapsed.total_seconds(), now)
        if found.clock_offset_s is not None:
            self.clock_offset = round(found.clock_offset_s) if (found.clock_skew_s or 0) > _CLOSE else 0
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            names = [tenant.name for tenant in _LOGIN.decode(response.content).tenants]
            self.tenants = tuple(hide(name, self._secrets) for name in names if name)

    def get(self, path: str, params: Mapping[str, object]) -> Answer:
        """GET ``/api/PATH``. The session is renewed once if it is over. Raises `ControllerError`, `NoAnswer`."""
        if self._session is None:
            self.login()
        session, self._logins_left, status = self._session, 1, 0
        try:
            for _ in range(2):
                try:
                    return self._within(session, lambda: self._ask(session, path, params))
                except self._api_error as error:  # 401 or 419, and the SDK has logged in again
                    response = getattr(error, "rsp", None)
                    if response is None or response.url.endswith("/login"):
                        raise self._refused(error) from None
                    status = response.status_code
        except NoAnswer:
            self._session = None  # its connection may be in the middle of an answer
            session.close()
            raise
        return Answer(status, b"")

    def logout(self) -> None:
        """End the session on the Controller; a failure does not matter, as sessions end by themselves."""
        session, self._session = self._session, None
        if session is None:
            return
        with contextlib.suppress(NoAnswer, ControllerError, self._api_error):
            self._within(session, lambda: session.post("logout"), seconds=_FAREWELL, heed=False)
        session.delete_session()
        session.close()

    def hide(self, text: str) -> str:
        """``text`` without password, token and cookies."""
        if self._session is not None:
            self._note_secrets(self._session)
        return visible(hide(text, self._secrets), _SAID)

    def _new_session(self) -> Any:
        host, port = self._address.host, self._address.port
        session = self._sdk(
            controller_ip=host,
            username=self._user,
            tenant=self._tenant,
            port=port,
            verify=self._trust,
            timeout=self._timeout,
            retry_conxn_errors=False,
            max_api_retries=0,
            lazy_authentication=True,  # so that no environment has a say in the login
            **{self._secret.kind: self._secret.text},
        )
        session.prefix = self._address.origin  # the SDK takes port 80 for 443
        session.trust_env = False
        session.verify = self._trust
        session.get_redirect_target = lambda _: None  # 307 would send the password to another place
        session.hooks["response"].append(self._note_login)
        del session.adapters["http://"]
        sdk_login = session.authenticate_session

        def log_in() -> None:
            """The SDK calls this whenever it wants another session: once for a request is enough."""
            if self._logins_left > 0 or self._session is not session:
                self._logins_left -= 1
                sdk_login()

        session.authenticate_session = log_in
        return session

    def _ask(self, session: Any, path: str, params: Mapping[str, object]) -> Answer:
        response = session.get(path, params=params, verify=self._trust, timeout=self._timeout, stream=True)
        try:
            body = bytearray()
            for piece in response.iter_content(_PIECE):
                body += piece
                if len(body) > _LARGEST:
                    raise ControllerError(f"an answer of the Controller exceeds {_LARGEST >> 20} MiB: {path}")
            self._note_secrets(session)
            clean = hide_in_data(bytes(body), self._secrets)
            return Answer(response.status_code, clean, _seconds(response.headers.get("Retry-After")))
        finally:
            response.close()

    def _within(self, session: Any, work: Callable[[], T], *, seconds: float | None = None, heed: bool = True) -> T:
        """Do it in a thread that may be abandoned: nothing else ends a wait for a name, a head or a slow body.

        ``heed``: whether a stop ends it. Raises `NoAnswer`, `ControllerError`, `Stopped` and the SDK's error.
        """
        if heed and self._stop():
            raise Stopped
        found: Future[T] = Future()
        abandoned = Event()

        def run() -> None:
            try:
                found.set_result(work())
            except (*_FAILURES, self._http_error, self._api_error) as error:
                found.set_exception(error)
            finally:
                if abandoned.is_set():  # it may have connected after the session was closed
                    session.close()

        thread = Thread(target=run, name=f"asks {self._address}", daemon=True)
        thread.start()
        end = time.monotonic() + (self._deadline if seconds is None else seconds)
        while thread.is_alive() and time.monotonic() < end:
            if heed and self._stop():
                abandoned.set()
                raise Stopped
            thread.join(_LOOK)
        if not found.done():
            abandoned.set()
            raise NoAnswer("no complete answer in time")
        try:
            return found.result()
        except (ValueError, RecursionError):  # the SDK decodes the answer to a login, and no other
            raise self._no_controller() from None
        except (OSError, HTTPException, self._http_error) as error:
            raise self._failed(error) from None

    def _failed(self, error: Exception) -> Exception:
        """What a failed request means."""
        at, unsent = self._address.origin, "No credentials were sent"
        for each in _causes(error):
            if isinstance(each, ssl.SSLCertVerificationError):
                reason = visible(each.verify_message.rstrip("."))
                if each.verify_code in _NAME_MISMATCH:
                    what = f"is not for this name ({reason}): use a name that is in it"
                elif each.verify_code in _OUT_OF_DATE:
                    what = f"is out of date ({reason}): renew it on the Controller, or set this host's clock"
                else:
                    what = f"can't be verified ({reason}): name the file of its CA with --ca-file"
                return ControllerError(f"the certificate of {at} {what}. {unsent}")
            if isinstance(each, ssl.SSLError) and each.reason in _NOT_TLS:
                return ControllerError(f"{at} does not speak TLS: check the port. {unsent}")
        ignored = next((name for name in _PROXIES if os.environ.get(name)), None)
        note = f" ({ignored} is set and not used: pull connects directly)" if ignored else ""
        return NoAnswer(self.hide(_reason(error)) + note)

    def _refused(self, error: Exception) -> Exception:
        """Why the login failed."""
        status = getattr(getattr(error, "rsp", None), "status_code", 0)
        at = self._address.origin
        if status in _OVER or status == HTTPStatus.FORBIDDEN:
            user, kind = visible(self._user), self._secret.kind
            return ControllerError(f"{at} refused the login of {user} ({status}): check the user and the {kind}")
        if status in RETRIED:
            return NoAnswer(f"login answered with status {status}")
        return self._no_controller(f" (status {status})" if status else "")

    def _no_controller(self, more: str = "") -> ControllerError:
        return ControllerError(f"{self._address.origin} did not answer the login as an Avi Controller does{more}")


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what led to it: requests wraps urllib3's, which wraps Python's."""
    found: list[BaseException] = []
    todo: list[object] = [error]
    while todo and len(found) < _MOST_CAUSES:
        each = todo.pop(0)
        if isinstance(each, BaseException) and each not in found:
            found.append(each)
            todo += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
    return found


def _reason(error: BaseException) -> str:
    """The innermost words of the operating system, or what the outermost error says."""
    for each in reversed(_causes(error)):
        if isinstance(each, TimeoutError) or "Timeout" in type(each).__name__:
            return "no answer in time"
        if isinstance(each, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return "the connection was closed"
        if isinstance(each, ssl.SSLError) and each.reason:
            return f"TLS failed: {each.reason.replace('_', ' ').lower()}"
        if isinstance(each, OSError) and each.strerror:
            return each.strerror
    return str(error)


def _seconds(text: str | None) -> float | None:
    """``Retry-After`` in seconds; a date is not understood."""
    return float(text[:6]) if text and text.strip().isdigit() else None
