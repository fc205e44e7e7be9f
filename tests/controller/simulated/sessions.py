"""Logging in and out, cookies, and who may do what."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from email.utils import formatdate
from time import time

from tests.controller.simulated.inventory import Object
from tests.controller.simulated.messages import Answer, Refused, Request, as_json

_DAY, _YEAR = 86_400, 31_449_600  # s, as recorded


@dataclass(slots=True)
class Sessions:
    """Sessions by the value of their cookie, and the credentials that open one."""

    user: str = "auditor"
    password: str = "correct-horse"  # noqa: S105 - opens nothing but the simulator
    token: str = "token-0001"  # noqa: S105 - the same
    cookie: str = "avi-sessionid"
    basic: bool = False  # whether Basic authentication is allowed
    open: dict[str, str] = field(default_factory=dict)  # session: CSRF token

    def login(self, request: Request) -> list[tuple[str, str]]:
        """The cookies of a new session. Raises `Refused`."""
        form = request.form
        right = form.get("password") == self.password or form.get("token") == self.token
        if form.get("username") != self.user or not right:
            raise Refused(401, error="Invalid credentials")
        session, csrf = secrets.token_hex(16), secrets.token_hex(16)
        self.open[session] = csrf
        first = f"csrftoken={csrf}; expires={formatdate(time() + _YEAR, usegmt=True)}; Max-Age={_YEAR}; Path=/; Secure"
        return [("Set-Cookie", first), *self._cookies(session)]

    def check(self, request: Request) -> list[tuple[str, str]]:
        """The cookies of the answer to a request that may be answered. Raises `Refused`."""
        if self.basic and self._has_basic(request):
            return self._cookies("None")
        found = [value for name, value in request.cookies if name in {self.cookie, "sessionid"}]
        session = next((value for value in found if value in self.open), None)
        if session is None:
            raise Refused(401, detail="Authentication credentials were not provided.")
        if request.method not in {"GET", "HEAD", "OPTIONS"}:
            right = request.headers.get("x-csrftoken") == self.open[session]
            if not right or not request.headers.get("referer", "").startswith(request.origin):
                raise Refused(403, detail="CSRF Failed: CSRF token missing or incorrect.")
        return self._cookies(session)

    def logout(self, request: Request) -> Answer:
        """Ends the session. Raises `Refused`."""
        self.check(request)
        for _, value in request.cookies:
            self.open.pop(value, None)
        return as_json({})

    def expire(self) -> None:
        """Ends all sessions, as after the idle timeout."""
        self.open.clear()

    def _has_basic(self, request: Request) -> bool:
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        return kind == "Basic" and base64.b64decode(value) == f"{self.user}:{self.password}".encode()

    def _cookies(self, session: str) -> list[tuple[str, str]]:
        end = f"expires={formatdate(time() + _DAY, usegmt=True)}; HttpOnly; Max-Age={_DAY}; Path=/; Secure"
        return [("Set-Cookie", f"{name}={session}; {end}") for name in dict.fromkeys((self.cookie, "sessionid"))]


def login_body(request: Request, sessions: Sessions, version: str, tenants: list[Object]) -> dict[str, object]:
    """The body of the answer to a login."""
    origin = request.origin
    return {
        "user_initialized": True,
        "version": {
            "build": 9046,
            "Tag": f"{version}-9046-20260101.000000",
            "ProductName": "Avi Cloud Controller",
            "min_version": 15.2,
            "Version": version,
            "Product": "controller",
            "Date": "2026-01-01T00:00:00+00:00",
        },
        "user": {
            "is_superuser": False,
            "default_tenant_ref": f"{origin}/api/tenant/admin",
            "name": sessions.user,
            "username": sessions.user,
            "full_name": "Read Only",
            "email": "",
            "local": True,
            "uuid": "user-2",
            "ui_property": "{}",
        },
        "tenants": [{"url": f"{origin}/api/tenant/{tenant['uuid']}"} | tenant for tenant in tenants],
        "system_config": {
            "url": "/api/systemconfiguration",
            "uuid": "default",
            "portal_configuration": {"allow_basic_authentication": sessions.basic, "api_force_timeout": 24},
            "default_license_tier": "ENTERPRISE",
        },
        "controller": {"api_idle_timeout": 15},
        "session_cookie_name": sessions.cookie,
    }
