"""WebDriver, as much as the tests need: over HTTP, and by Firefox's own protocol, Marionette, with the same commands.

https://www.w3.org/TR/webdriver2/ and https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
"""

import json
import socket
import urllib.error
import urllib.request
from typing import Any, Protocol

ROUTES = {
    "NewSession": ("POST", ""),
    "DeleteSession": ("DELETE", ""),
    "Navigate": ("POST", "/url"),
    "Back": ("POST", "/back"),
    "Refresh": ("POST", "/refresh"),
    "SetTimeouts": ("POST", "/timeouts"),
    "SetWindowRect": ("POST", "/window/rect"),
    "ExecuteAsyncScript": ("POST", "/execute/async"),
    "PerformActions": ("POST", "/actions"),
    "TakeScreenshot": ("GET", "/screenshot"),
}
SECONDS = 60


class Failed(Exception):  # noqa: N818
    """What the browser says has gone wrong."""


class Driver(Protocol):
    """Sends a command to a browser, and gives its answer."""

    def __call__(self, command: str, **given: Any) -> Any: ...


class Http:
    """A driver that listens on this computer."""

    def __init__(self, port: int):
        self.address = f"http://127.0.0.1:{port}/session"

    def __call__(self, command: str, **given: Any) -> Any:
        method, path = ROUTES[command]
        body = None if method != "POST" else json.dumps(given).encode()
        request = urllib.request.Request(self.address + path, data=body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                value = json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise Failed(json.load(error)["value"]) from None
        if command == "NewSession":
            self.address += f"/{value['sessionId']}"
        return value


class Marionette:
    """Firefox itself: messages are JSON, each after its length."""

    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self.answers = self.socket.makefile("rb")
        self.sent = 0
        self._read()  # it introduces itself

    def __call__(self, command: str, **given: Any) -> Any:
        self.sent += 1
        name = command if ":" in command else f"WebDriver:{command}"
        message = json.dumps([0, self.sent, name, given]).encode()
        self.socket.sendall(b"%d:%b" % (len(message), message))
        _, _, error, answer = self._read()
        if error:
            raise Failed(error)
        return answer["value"] if isinstance(answer, dict) and answer.keys() == {"value"} else answer

    def close(self) -> None:
        self.answers.close()
        self.socket.close()

    def _read(self) -> Any:
        length = b""
        while (digit := self.answers.read(1)) != b":":
            if not digit:
                raise Failed("the browser has closed the connection")
            length += digit
        return json.loads(self.answers.read(int(length)))
