"""A real browser, headless, driven through its debugging pipe with the standard library alone."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
WHY_NOT = f"no browser on this machine: install one of {', '.join(NAMES)} to see the pages opened"


def find_browser() -> str | None:
    """The browser's program; None where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


PALE_TEXTS = """(() => {
  const rgba = text => { const v = text.match(/[\\d.]+/g).map(Number); return v.length > 3 ? v : [...v, 1]; };
  const over = ([r, g, b, a], back) => [r, g, b].map((v, k) => v * a + back[k] * (1 - a));
  const behind = e => e === null ? rgba(getComputedStyle(document.body).backgroundColor).slice(0, 3)
    : over(rgba(getComputedStyle(e).backgroundColor), behind(e.parentElement));
  const light = rgb => rgb.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + v * [.2126, .7152, .0722][k], 0);
  const found = [];
  for (const e of document.body.querySelectorAll("*")) {
    if (!["SCRIPT", "STYLE"].includes(e.tagName) && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) {
      const back = behind(e), both = [light(over(rgba(getComputedStyle(e).color), back)), light(back)];
      const ratio = (Math.max(...both) + .05) / (Math.min(...both) + .05);
      if (ratio < 4.5) found.push(e.tagName + " " + e.textContent.slice(0, 40) + " " + ratio.toFixed(2));
    }
  }
  return found;
})()"""
"""Texts whose contrast with what is behind them is below 4.5 to 1, as WCAG 2.2 counts it."""


class Browser:
    """One page in a headless browser: `with Browser(program, folder) as page: page.open(path)`.

    Attributes:
        problems: What the page's console, its scripts and its security policy complained about.
        requests: Every address that was asked for, data addresses left out.
    """

    def __init__(self, program: str, profile: Path, *, width: int = 1200, height: int = 900) -> None:
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._number = 0
        self._buffer = b""
        self._session: str | None = None
        child_reads, self._write = os.pipe()
        self._read, child_writes = os.pipe()
        options = [
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio"),
            *("--hide-scrollbars", "--remote-debugging-pipe", f"--user-data-dir={profile}"),
            f"--window-size={width},{height}",
        ]
        # the browser talks on the descriptors 3 and 4; bash, because sh knows no numbers above 9
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{child_reads} 4>&{child_writes}', "bash", program, *options],
            pass_fds=(child_reads, child_writes),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(child_reads)
        os.close(child_writes)

    def __enter__(self) -> Browser:
        try:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.call(f"{domain}.enable")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def open(self, page: Path | str) -> None:
        """Load a file or an address and wait until it and its pictures are there."""
        url = page if isinstance(page, str) else page.resolve().as_uri()
        self.call("Page.navigate", url=url)
        deadline = time.monotonic() + 60
        while self.run("document.readyState + location.protocol") != f"complete{url.partition('/')[0]}":
            assert time.monotonic() < deadline, "the page does not load"
            time.sleep(0.05)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression on the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key, such as `"Tab"` or `"Enter"`."""
        codes = {"Tab": 9, "Enter": 13}
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key],
                **(text if kind == "keyDown" else {}),
            )  # fmt: skip

    def dark(self, on: bool) -> None:
        """Prefer dark or light colours."""
        features = [{"name": "prefers-color-scheme", "value": "dark" if on else "light"}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def resize(self, width: int, height: int) -> None:
        """Give the window another size."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )  # fmt: skip

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """Write the page, or what the window shows of it, as a PNG file."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **self._clip(whole))
        path.write_bytes(base64.b64decode(answer["data"]))

    def _clip(self, whole: bool) -> dict[str, Any]:
        if not whole:
            return {}
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the debugging protocol and wait for its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]  # type: ignore[no-any-return]
            self._notice(answer.get("method", ""), answer.get("params", {}))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], 60)
            data = os.read(self._read, 1 << 16) if ready else b""
            assert data, f"the browser does not answer (exit status {self._process.poll()})"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(line)  # type: ignore[no-any-return]

    def _notice(self, event: str, about: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(about["exceptionDetails"]))
        elif event == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            self.problems.append(about["entry"]["text"])
        elif event == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning", "assert"):
            self.problems.append(json.dumps(about["args"]))
        elif event == "Network.requestWillBeSent" and not about["request"]["url"].startswith("data:"):
            self.requests.append(about["request"]["url"])
