"""A real Chromium without a window, driven over the DevTools protocol on a pipe.

A pipe needs no port, so nobody else can take one from us or speak to the browser, and no client
library: a message is one JSON object, ended by a zero byte.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from tests.support.processes import wait_until

ANSWER_S: Final = 30.0
END_S: Final = 10.0

# Chromium reads from descriptor 3 and writes to 4; the ones we are given are moved away first.
_MOVE: Final = (
    "import fcntl, os, sys\n"
    "ours = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3]]\n"
    "for there, here in zip(ours, (3, 4)):\n"
    "    os.dup2(there, here)\n"
    "    os.close(there)\n"
    "os.execv(sys.argv[3], sys.argv[3:])\n"
)
_KEYS: Final = {"Tab": 9, "Enter": 13, " ": 32}


def find_chromium() -> str | None:
    """Return where Chromium is, if it is installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Chromium:
    """One browser from its start to the end of `with`; `folder` is its profile."""

    def __init__(self, program: str, folder: Path) -> None:
        to_read, self._writing = os.pipe()
        self._reading, to_write = os.pipe()
        arguments = [
            "--headless=new",
            "--remote-debugging-pipe",
            "--no-first-run",
            "--no-default-browser-check",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={folder}",
        ]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # It has none for the superuser, as in a container.
        with (folder / "chromium.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _MOVE, str(to_read), str(to_write), program, *arguments],
                pass_fds=(to_read, to_write),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        os.close(to_read)
        os.close(to_write)
        self._numbers = itertools.count(1)
        self._unread = b""
        self._contexts: list[str] = []
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:  # noqa: ANN401
        """Ask, and return the result; what happens meanwhile is kept in `events`."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        deadline_s = time.monotonic() + ANSWER_S
        while True:
            answer = self._receive(deadline_s)
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _receive(self, deadline_s: float) -> dict[str, Any]:
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._reading], [], [], deadline_s - time.monotonic())
            assert ready, f"Chromium gave no answer for {ANSWER_S:g} s"
            read = os.read(self._reading, 2**20)
            assert read, f"Chromium ended with {self._process.wait(END_S)}"
            self._unread += read
        message, _, self._unread = self._unread.partition(b"\0")
        received: dict[str, Any] = json.loads(message)
        return received

    def open(self, url: str, **looks: Any) -> Page:  # noqa: ANN401
        """Return a page of its own at this address; `looks` are those of `Page.look`."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        self._contexts.append(context)
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)
        session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self, session["sessionId"])
        page.look(**looks)
        page.call("Page.navigate", url=url)
        page.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")
        return page

    def close_pages(self) -> None:
        """Close every page, and forget what happened on them."""
        for context in self._contexts:
            self.call("Target.disposeBrowserContext", browserContextId=context)
        self._contexts.clear()
        self.events.clear()

    def close(self) -> None:
        """End it, by its own means or by its id."""
        os.close(self._writing)  # Nobody is left to drive it, so it ends.
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._reading)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Page:
    """One page of the browser."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401
        return self._browser.call(method, self._session, **params)

    def look(
        self,
        *,
        width: int = 1280,
        height: int = 900,
        scale: float = 1,
        dark: bool = False,
        phone: bool = False,
        still: bool = False,
    ) -> None:
        """Say what the page is looked at with; `still`: by somebody who wants no motion."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=phone,
        )
        features = {
            "prefers-color-scheme": "dark" if dark else "light",
            "prefers-reduced-motion": "reduce" if still else "no-preference",
        }
        named = [{"name": name, "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", features=named)

    def evaluate(self, expression: str) -> Any:  # noqa: ANN401
        """Return the value of an expression on the page, awaited where it is a promise."""
        told = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait_for(self, condition: str, timeout_s: float = 30.0) -> None:
        """Return when the condition holds on the page."""
        wait_until(
            f"on the page: {condition}", lambda: self.evaluate(f"!!({condition})"), timeout_s
        )

    def text(self, selector: str) -> str:
        """Return what is to be read there."""
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))

    def press(self, key: str) -> None:
        """Press a key as a person does."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        code = {"key": key, "code": key, "windowsVirtualKeyCode": _KEYS[key]}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **code)
        self.call("Input.dispatchKeyEvent", type="keyUp", **code)

    def point_at(self, selector: str, share: float) -> None:
        """Move the pointer over this, so far from its left edge to its right one."""
        at = self.evaluate(
            f"(({{x, y, width, height}}) => [x + width * {share}, y + height / 2])"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=at[0], y=at[1])

    def complaints(self) -> list[Mapping[str, Any]]:
        """Return what went wrong on the page: exceptions, and errors in its log."""
        self.evaluate("0")  # What has happened until now is told before its answer.
        return [
            event["params"]
            for event in self._browser.events
            if event.get("sessionId") == self._session
            and (
                event["method"] == "Runtime.exceptionThrown"
                or event["params"].get("type") in {"error", "warning", "assert"}
                or event["params"].get("entry", {}).get("level") == "error"
            )
        ]

    def tree(self) -> list[tuple[str, str]]:
        """Return what a screen reader is told: roles and names, in order."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            (str(node["role"]["value"]), str(node.get("name", {}).get("value", "")))
            for node in nodes
            if not node["ignored"]
        ]

    def picture(self, path: Path) -> None:
        """Save what is seen, as PNG."""
        path.write_bytes(
            base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        )
