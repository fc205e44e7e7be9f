"""Headless Chromium, spoken to over a pipe in its DevTools protocol: pages, pictures, and all that a page did."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_PATIENCE = 60.0  # seconds for one answer
_FLAGS = (
    "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--font-render-hinting=none",
)  # fmt: skip
_WATCHED = ("Page", "Runtime", "Log", "Network")


class BrowserError(RuntimeError):
    """Chromium refused a command, or did not answer."""


@dataclass(slots=True)
class Page:
    """One page that was loaded, and what it did: ``requests`` are URLs but its own, the rest are words."""

    browser: Browser
    session: str
    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    load_ms: float = 0.0

    def evaluate(self, expression: str) -> Any:
        """The value of JavaScript on this page, run by the debugger; promises are awaited."""
        answer = self.browser.call(
            "Runtime.evaluate", session=self.session, expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise BrowserError(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def picture(self, *, whole: bool = False) -> bytes:
        """A PNG of what the window shows, or of the whole page (at most 16,000 pixels of it)."""
        options: dict[str, Any] = {}
        if whole:
            size = self.browser.call("Page.getLayoutMetrics", session=self.session)["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16_000), "scale": 1}
            options = {"captureBeyondViewport": True, "clip": clip}
        answer = self.browser.call("Page.captureScreenshot", session=self.session, format="png", **options)
        return base64.b64decode(answer["data"])


@dataclass(slots=True)
class Browser:
    """One Chromium. ``read`` and ``write`` are the ends of its pipes."""

    read: int
    write: int
    _buffer: bytes = b""
    _number: int = 0
    _pages: dict[str, Page] = field(default_factory=dict)
    _loaded: set[str] = field(default_factory=set)
    _own: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, *, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; events on the way are kept with their page."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        self._send(message)
        wanted = self._number
        while True:
            found = self._next()
            if found.get("id") == wanted:
                if "error" in found:
                    raise BrowserError(f"{method}: {found['error']}")
                result: dict[str, Any] = found["result"]
                return result
            self._event(found)

    @contextmanager
    def page(
        self,
        file: Path,
        *,
        width: int = 1280,
        height: int = 800,
        dark: bool = False,
        scripts: bool = True,
        painted: bool = True,
    ) -> Iterator[Page]:
        """``file`` in a window of this size, loaded to its end, and ``painted``."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in _WATCHED:
            self.call(f"{domain}.enable", session=session)
        self.call(
            "Emulation.setDeviceMetricsOverride",
            session=session, width=width, height=height, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", session=session, features=[scheme])
        if not scripts:
            self.call("Emulation.setScriptExecutionDisabled", session=session, value=True)
        self._own[session] = file.as_uri()
        self._loaded.discard(session)
        start = time.monotonic()
        self.call("Page.navigate", session=session, url=file.as_uri())
        while session not in self._loaded:
            self._event(self._next())
        if scripts and painted:
            page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)))")
        page.load_ms = (time.monotonic() - start) * 1000
        try:
            yield page
        finally:
            self.call("Target.closeTarget", targetId=target)

    def _send(self, message: dict[str, Any]) -> None:
        data = memoryview(json.dumps(message).encode() + b"\0")
        while data:
            data = data[os.write(self.write, data) :]

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE
        while b"\0" not in self._buffer:
            if not select.select([self.read], [], [], max(deadline - time.monotonic(), 0))[0]:
                raise BrowserError("Chromium does not answer")
            data = os.read(self.read, 1 << 20)
            if not data:
                raise BrowserError("Chromium went away")
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        decoded: dict[str, Any] = json.loads(message)
        return decoded

    def _event(self, event: dict[str, Any]) -> None:
        session = event.get("sessionId", "")
        page, parameters = self._pages.get(session), event.get("params", {})
        if page is None:
            return
        match event["method"]:
            case "Page.loadEventFired":
                self._loaded.add(session)
            case "Network.requestWillBeSent":
                url = parameters["request"]["url"]
                if url.partition("#")[0] != self._own[session]:
                    page.requests.append(url)
            case "Runtime.consoleAPICalled":
                page.console.append(json.dumps(parameters["args"]))
            case "Runtime.exceptionThrown":
                page.console.append(json.dumps(parameters["exceptionDetails"]))
            case "Log.entryAdded":
                page.console.append(f"{parameters['entry']['level']}: {parameters['entry']['text']}")
            case "Page.javascriptDialogOpening":
                page.dialogs.append(parameters["message"])
                self._send(
                    {"id": 0, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}, "sessionId": session}
                )


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """A running Chromium with a profile of its own in ``folder``; skips the test where it is not installed."""
    program = shutil.which("chromium")
    shell = shutil.which("bash")
    if program is None or shell is None:
        pytest.skip("chromium is not installed")
    with ExitStack() as stack:
        its_read, our_write = os.pipe()
        our_read, its_write = os.pipe()
        for end in (our_write, our_read):
            stack.callback(os.close, end)
        flags = [*_FLAGS, f"--user-data-dir={folder}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        process = subprocess.Popen(
            # Chromium takes its commands from descriptor 3 and answers on 4.
            [shell, "-c", f'exec "$@" 3<&{its_read} 4>&{its_write}', "sh", program, *flags],
            pass_fds=(its_read, its_write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(its_read)
        os.close(its_write)
        stack.callback(_stop, process)
        yield Browser(our_read, our_write)


def _stop(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)
