"""A headless Chromium, driven over two pipes by the DevTools protocol."""

from __future__ import annotations

import base64
import fcntl
import io
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)

_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--use-gl=angle", "--use-angle=swiftshader"),
    *("--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars"),
    # A frame in a process of its own would be heard of too late.
    *("--remote-debugging-pipe", "--disable-features=IsolateSandboxedIframes"),
)


class Browser:
    """One page, in a browser that reaches no network; `requested` is what the page asked for.

    Args:
        folder: for its profile.
        size: of the window.
    """

    def __init__(self, folder: Path, size: tuple[int, int] = (1280, 900)) -> None:
        self.requested: list[str] = []
        self._words = [
            *(str(CHROMIUM), *_OPTIONS, f"--user-data-dir={folder / 'profile'}"),
            *("--host-resolver-rules=MAP * ~NOTFOUND", f"--window-size={size[0]},{size[1]}"),
            "about:blank",
        ]
        self._number = 0
        self._rest = b""

    def __enter__(self) -> Self:
        theirs_in, self._write = os.pipe()
        self._read, theirs_out = os.pipe()
        # Chromium listens on descriptor 3 and answers on 4; ours may be these, so they move first.
        moved = [fcntl.fcntl(one, fcntl.F_DUPFD, 10) for one in (theirs_in, theirs_out)]

        def place() -> None:
            os.dup2(moved[0], 3)
            os.dup2(moved[1], 4)

        self._process = subprocess.Popen(
            self._words, pass_fds=(3, 4), preexec_fn=place, stderr=subprocess.DEVNULL
        )
        for one in (theirs_in, theirs_out, *moved):
            os.close(one)
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        self.page("Page.enable")
        self.page("Network.enable")
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.ask("Browser.close")
            self._process.wait(timeout=60)
        except (OSError, EOFError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def ask(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Call a method and wait for its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._rest:
                more = os.read(self._read, 1 << 20)
                if not more:
                    raise EOFError("Chromium has ended")
                self._rest += more
            text, _, self._rest = self._rest.partition(b"\0")
            answer = json.loads(text)
            if answer.get("method") == "Network.requestWillBeSent":
                self.requested.append(answer["params"]["request"]["url"])
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def page(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the page."""
        return self.ask(method, self._session, **parameters)

    def open(self, path: Path) -> None:
        """Open a file and wait until it has been loaded."""
        self.page("Page.navigate", url=path.as_uri())
        self.wait("document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        result = self.page("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, expression: str, seconds: float = 120.0) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.evaluate(expression):
            assert time.monotonic() < end, f"still not true: {expression}"
            time.sleep(0.1)

    def prefer(self, scheme: str) -> None:
        """Prefer "dark" or "light"."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.page("Emulation.setEmulatedMedia", features=features)

    def picture(self, selector: str | None = None) -> np.ndarray:
        """What is seen of the page, or of one element of it: (height, width, 3)."""
        clip: dict[str, Any] = {}
        if selector is not None:
            box = self.evaluate(
                f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
                "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
                "return [b.x + scrollX, b.y + scrollY, b.width, b.height]; })()"
            )
            clip = {"clip": dict(zip(("x", "y", "width", "height"), box, strict=True), scale=1)}
        for _ in range(2):  # scrolled into view, a frame is drawn anew
            self.page("Page.captureScreenshot", **clip)
            time.sleep(0.4)
        shot = self.page("Page.captureScreenshot", **clip)
        picture = Image.open(io.BytesIO(base64.b64decode(shot["data"])))
        return np.asarray(picture.convert("RGB")).astype(int)

    def middle(self, selector: str) -> tuple[float, float]:
        """Where the middle of an element is in the window, after scrolling to it."""
        x, y = self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        return x, y

    def drag(self, start: tuple[float, float], by: tuple[float, float]) -> None:
        """Press the mouse, move it, let go."""
        for kind, share in (
            ("mousePressed", 0.0),
            *(("mouseMoved", step / 6) for step in range(1, 7)),
            ("mouseReleased", 1.0),
        ):
            self.page(
                "Input.dispatchMouseEvent",
                type=kind,
                x=start[0] + share * by[0],
                y=start[1] + share * by[1],
                button="left",
                buttons=0 if kind == "mouseReleased" else 1,
                clickCount=1,
            )

    def key(self, name: str) -> None:
        """Press a key, for instance "ArrowLeft"."""
        code = {"ArrowLeft": 37, "ArrowRight": 39, "Home": 36}[name]
        for kind in ("rawKeyDown", "keyUp"):
            self.page(
                "Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code
            )

    def touch(self, start: tuple[float, float], by: tuple[float, float]) -> None:
        """Move a finger over the page."""
        for kind, share in (
            ("touchStart", 0.0),
            *(("touchMove", step / 6) for step in range(1, 7)),
            ("touchEnd", 1.0),
        ):
            point = {"x": start[0] + share * by[0], "y": start[1] + share * by[1]}
            points = [] if kind == "touchEnd" else [point]
            self.page("Input.dispatchTouchEvent", type=kind, touchPoints=points)

    def pdf(self) -> bytes:
        """The page as it is printed, on the size that its style asks for."""
        done = self.page("Page.printToPDF", printBackground=True, preferCSSPageSize=True)
        return base64.b64decode(done["data"])
