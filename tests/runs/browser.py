"""TensorBoard's own page in headless Chromium."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--hide-scrollbars", "--window-size=2140,1100"),
)
_ALL = """
const all = (root, selector) => [
  ...root.querySelectorAll(selector),
  ...[...root.querySelectorAll('*')].filter(e => e.shadowRoot)
    .flatMap(e => all(e.shadowRoot, selector)),
];
"""
"""JavaScript: `all(root, selector)` finds elements inside of other elements' shadow roots too."""
_TIMEOUT = 120
"""Seconds until a page has to show its data."""


@contextmanager
def tensorboard(folder: Path) -> Iterator[str]:
    """Context manager: serve `folder`, and yield the address of the page."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder)]
    server = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", "0"], stderr=subprocess.PIPE, text=True
    )
    try:
        assert server.stderr is not None
        lines = iter(server.stderr.readline, "")
        found = (re.search(r"TensorBoard \S+ at (http://\S+/)", line) for line in lines)
        yield next(match[1] for match in found if match)
    finally:
        server.terminate()
        server.communicate()


class Browser:
    """Headless Chromium, driven by selenium.

    Args:
        scratch: an empty folder.
    """

    def __init__(self, scratch: Path):
        options = webdriver.ChromeOptions()
        options.binary_location = _program("chromium")
        for flag in (*_FLAGS, f"--user-data-dir={scratch / 'profile'}"):
            options.add_argument(flag)
        self._driver = webdriver.Chrome(options, Service(_program("chromedriver")))
        self._scratch = scratch

    def open(self, address: str) -> None:
        """Open a page; another fragment of the same page loads it again."""
        self._driver.get("about:blank")
        self._driver.get(address)

    def read(self, script: str, complete: Callable[[Any], bool]) -> Any:
        """Return what JavaScript returns, as soon as it is complete."""
        result: list[Any] = []

        def is_complete(driver: webdriver.Chrome) -> bool:
            result[:] = [driver.execute_script(_ALL + script)]
            return complete(result[0])

        try:
            WebDriverWait(self._driver, _TIMEOUT, 0.2).until(is_complete)
        except Exception as error:
            error.add_note(f"the page had: {result}")
            raise
        return result[0]

    def colourful_pixels(self, name: str) -> int:
        """Take a screenshot; return its pixels below the head of the page that are not grey."""
        file = self._scratch / f"{name}.png"
        self._driver.save_screenshot(str(file))
        pixels = np.asarray(Image.open(file).convert("RGB"), int)[100:]
        return int(np.count_nonzero(pixels.max(axis=2) - pixels.min(axis=2) > 80))

    def close(self) -> None:
        """End the browser."""
        self._driver.quit()


def _program(name: str) -> str:
    program = shutil.which(name)
    package = {"chromedriver": "chromium-driver"}.get(name, name)
    assert program, f"this test drives Chromium; {name} is missing: apt-get install {package}"
    return program
