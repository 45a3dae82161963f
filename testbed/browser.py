"""A real Chromium that a test drives: opens pages, runs scripts on them, and remembers which requests failed.

It is asked by its own protocol over a WebSocket, https://chromedevtools.github.io/devtools-protocol/, so nothing has to be
installed but the browser.
"""

import itertools
import json
import shutil
import tempfile
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import connect

from testbed.servers import Child, wait_until

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-port=0",
)  # fmt: skip

#: Longest wait for the browser to start, for an answer of it, and for what a page has to come to, in seconds.
LIMIT_SECONDS = 90


def found() -> str:
    """Return the program; empty where there is none."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), "")


class Browser:
    """One tab of a browser. A context manager: leaving it kills the browser and removes its profile.

    Attributes:
        requests: Addresses that were asked for.
        failed: Those that failed or were answered with an error, each with the reason.
        errors: What the page wrote into its console as an error or a warning, its own or the browser's.

    """

    def __init__(self, program: str) -> None:
        """Start the browser, and follow what its tab asks for."""
        self.requests: list[str] = []
        self.failed: list[str] = []
        self.errors: list[str] = []
        self._numbers, self._open = itertools.count(1), ExitStack()
        folder = Path(
            self._open.enter_context(
                tempfile.TemporaryDirectory(prefix="agentobs-browser-", ignore_cleanup_errors=True)
            )
        )
        self._child = Child(
            [program, *FLAGS, f"--user-data-dir={folder}/profile", "about:blank"], log=folder / "log", folder=folder
        )
        self._open.callback(self._child.kill)
        try:
            port_file = folder / "profile" / "DevToolsActivePort"
            wait_until(
                lambda: port_file.exists() and port_file.read_text("utf-8").count("\n"),
                what="the browser",
                limit_seconds=LIMIT_SECONDS,
            )
            port = port_file.read_text("utf-8").split("\n")[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=LIMIT_SECONDS) as answer:
                (tab, *_) = (one for one in json.load(answer) if one["type"] == "page")
            self._socket = self._open.enter_context(connect(tab["webSocketDebuggerUrl"], max_size=None, proxy=None))
            for domain in ("Network", "Page", "Runtime", "Log"):
                self._ask(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill the browser and remove its profile."""
        self._open.close()

    def open(self, address: str) -> None:
        """Go to a page, and wait until it has loaded."""
        self._ask("Page.navigate", url=address)
        self.until(
            f"document.readyState === 'complete' && location.href !== 'about:blank' && location.href.startsWith({json.dumps(address)})"
        )

    def run(self, script: str) -> Any:
        """Return what an expression of JavaScript comes to on the page.

        Raises:
            AssertionError: It throws; has what it says.

        """
        result = self._ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def until(self, script: str) -> Any:
        """Return what an expression comes to as soon as it is true; a page that is just going is asked again."""
        value = None

        def true() -> bool:
            nonlocal value
            try:
                value = self.run(script)
            except AssertionError:
                return False
            return bool(value)

        wait_until(true, what=script, limit_seconds=LIMIT_SECONDS)
        return value

    def write(self, text: str) -> None:
        """Type a text where the cursor stands."""
        self._ask("Input.insertText", text=text)

    def press(self, key: str) -> None:
        """Press a key by its name, such as `Tab` or `Enter`."""
        text = {"text": "\r"} if key == "Enter" else {}
        code = {"Tab": 9, "Enter": 13}[key]
        for kind in ("keyDown", "keyUp"):
            self._ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **(text if kind == "keyDown" else {}))  # fmt: skip

    def show(self, width: int, height: int, scheme: str) -> None:
        """Make the window so many pixels large, and prefer a colour scheme, `light` or `dark`."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self._ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def _ask(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(LIMIT_SECONDS))
            if message.get("id") == number:
                return message.get("result", {"exceptionDetails": message.get("error")})
            self._heard(message.get("method", ""), message.get("params", {}))

    def _heard(self, method: str, params: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Network.responseReceived" and params["response"]["status"] >= 400:
            self.failed.append(f"{params['response']['url']}: {params['response']['status']}")
        elif method == "Network.loadingFailed" and not params.get("canceled"):
            self.failed.append(f"{params['errorText']}: {params.get('type')}")
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(params["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.errors.append(str([one.get("value") for one in params["args"]]))
        elif method == "Runtime.exceptionThrown":
            self.errors.append(params["exceptionDetails"]["text"])
