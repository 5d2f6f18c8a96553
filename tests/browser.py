"""A page as a browser sees it: what it complains of, what it asks for, how it looks.

Chromium without a window, spoken to in the DevTools protocol over a pair of pipes.
``python tests/browser.py PAGE.html SHOT.png [SELECTOR]`` takes a screenshot, from an element on.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--remote-debugging-pipe"
).split()


class Page:
    """A tab; `complaints` are errors and console messages, `requests` the URLs it asked for."""

    def __init__(self, to_browser, from_browser):
        self.to_browser, self.from_browser = to_browser, from_browser
        self.count, self.session, self.unread = 0, None, b""
        self.complaints, self.requests, self.loaded = [], [], False
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in "Page", "Runtime", "Log", "Network":
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """Call a method of the protocol and wait for its result."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to_browser, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def receive(self):
        """The browser's next message; events are noted on the way."""
        while b"\0" not in self.unread:
            data = os.read(self.from_browser, 1 << 16)
            if not data:
                raise RuntimeError("the browser has gone")
            self.unread += data
        line, _, self.unread = self.unread.partition(b"\0")
        message = json.loads(line)
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Log.entryAdded":
            self.complaints.append(parameters["entry"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(str([a.get("value") for a in parameters["args"]]))
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(parameters["exceptionDetails"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Page.loadEventFired":
            self.loaded = True
        return message

    def open(self, file, width, height, scheme="light", mobile=False):
        """Load a file at a size in pixels and in a colour scheme."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.loaded = False
        self.call("Page.navigate", url=Path(file).resolve().as_uri())
        while not self.loaded:
            self.receive()

    def evaluate(self, expression):
        """The value of a JavaScript expression."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["text"])
        return result["result"]["value"]

    def screenshot(self, file):
        image = self.call("Page.captureScreenshot", format="png")["data"]
        Path(file).write_bytes(base64.b64decode(image))


@contextmanager
def page():
    """A fresh browser with one tab."""
    import fcntl  # not on Windows, where the tests skip

    to_read, to_browser = os.pipe()
    from_browser, to_write = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # The browser reads from descriptor 3 and writes to 4.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_read, to_write)]
        browser = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={profile}"],
            preexec_fn=lambda: [os.dup2(end, place) for end, place in zip(ends, (3, 4))],
            pass_fds=(3, 4),
            stderr=subprocess.DEVNULL,
        )
        for end in (to_read, to_write, *ends):
            os.close(end)
        try:
            yield Page(to_browser, from_browser)
        finally:
            browser.terminate()
            browser.wait(10)
            os.close(to_browser)
            os.close(from_browser)


def main():
    source, target, *selector = sys.argv[1:]
    with page() as tab:
        tab.open(source, 960, 760)
        for name in selector:
            tab.evaluate(f"document.querySelector({json.dumps(name)}).scrollIntoView()")
        tab.screenshot(target)


if __name__ == "__main__":
    main()
