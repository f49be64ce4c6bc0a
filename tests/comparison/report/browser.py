"""Headless Chromium: pixels, width and console messages of a page."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.image import imread
from numpy.typing import NDArray

_HEIGHT = 6000


@dataclass(frozen=True)
class RenderedPage:
    """Page in a viewport."""

    messages: list[str]
    """Messages of its console."""
    width: int
    """Width of its content in pixels; above the viewport's if something overflows."""
    dark: bool
    """True if the page saw that the system prefers dark."""
    pixels: NDArray[np.float32]
    """`[y, x, channel]`, from 0 to 1."""


def render(page: Path, width: int, dark: bool, scratch: Path) -> RenderedPage:
    """Open `page` in a viewport `width` pixels wide.

    Args:
        page: an HTML file.
        width: width of the viewport.
        dark: the system's preference.
        scratch: an empty folder.
    """
    # A window cannot be as narrow as a phone; a frame can.
    (scratch / "page.html").write_text(
        page.read_text(encoding="utf-8").replace("</body>", f"{_MEASURE}</body>"), encoding="utf-8"
    )
    (scratch / "frame.html").write_text(
        f"<body style='margin: 0'><iframe src='page.html' "
        f"style='border: 0; width: {width}px; height: {_HEIGHT}px'></iframe></body>",
        encoding="utf-8",
    )
    preferred = ["--blink-settings=preferredColorScheme=0"] if dark else []
    output = _chromium(
        *("--hide-scrollbars", f"--window-size={max(width, 500)},{_HEIGHT}", *preferred),
        f"--screenshot={scratch / 'page.png'}",
        (scratch / "frame.html").as_uri(),
    )
    messages = re.findall(r'CONSOLE:\d+\] "(.*)", source', output)
    measured = [m for m in messages if m.startswith("measured ")]
    assert len(measured) == 1, f"the page did not run: {output}"
    _, content, prefers_dark = measured[0].split()
    messages.remove(measured[0])
    pixels = imread(scratch / "page.png")[:, :width, :3]
    return RenderedPage(messages, int(content), prefers_dark == "true", pixels)


def print_to_pdf(page: Path, output: Path) -> None:
    """Print `page` to a PDF file."""
    _chromium("--no-pdf-header-footer", f"--print-to-pdf={output}", page.as_uri())


_MEASURE = (
    "<script>console.log('measured', document.documentElement.scrollWidth, "
    "matchMedia('(prefers-color-scheme: dark)').matches)</script>"
)


def _chromium(*arguments: str) -> str:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program is not None, (
        "this test renders a page in Chromium, which is not installed: apt-get install chromium"
    )
    # Chromium's sandbox does not start for root, as in a container.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    finished = subprocess.run(
        [program, "--headless", "--disable-gpu", "--enable-logging=stderr", *sandbox, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return finished.stderr
