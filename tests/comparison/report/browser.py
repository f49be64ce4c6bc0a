"""Headless Chromium: what a page looks like, and what it complains of."""

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
class Look:
    """A page in a viewport of some width."""

    messages: list[str]
    """Of its console."""
    width: int
    """Of its content; more than the viewport's if something sticks out."""
    dark: bool
    """Whether the page was asked to be dark."""
    pixels: NDArray[np.float32]
    """`[y, x, channel]`, from 0 to 1."""


def look(page: Path, width: int, dark: bool, scratch: Path) -> Look:
    """Open `page` in a viewport `width` pixels wide.

    Args:
        page: an HTML file.
        width: of the viewport.
        dark: what the system is said to prefer.
        scratch: an empty folder.
    """
    # A window cannot be as narrow as a phone's; a frame can.
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
    return Look(messages, int(content), prefers_dark == "true", pixels)


def print_to_pdf(page: Path, output: Path) -> None:
    """Print `page`."""
    _chromium("--no-pdf-header-footer", f"--print-to-pdf={output}", page.as_uri())


_MEASURE = (
    "<script>console.log('measured', document.documentElement.scrollWidth, "
    "matchMedia('(prefers-color-scheme: dark)').matches)</script>"
)


def _chromium(*arguments: str) -> str:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program is not None, (
        "this test looks at a page in Chromium, which is not installed: apt-get install chromium"
    )
    # Its sandbox does not start where the tests run as root, as in a container.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    finished = subprocess.run(
        [program, "--headless", "--disable-gpu", "--enable-logging=stderr", *sandbox, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return finished.stderr
