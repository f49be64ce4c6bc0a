"""The user's own lines in a stack: what lies outside torch and outside the audit."""

import linecache
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from os import sep
from pathlib import Path
from re import compile as pattern
from types import FrameType

import torch

_AUDIT = f"{Path(__file__).parents[1]}{sep}"
_OTHERS = (f"{Path(torch.__file__).parent}{sep}", _AUDIT, "<frozen ")
_FRAME = pattern(r'File "(?P<file>[^"]*)", line (?P<line>\d+), in (?P<function>.*)')


@dataclass(frozen=True)
class Frame:
    """One frame of a stack, outermost first in lists."""

    file: str
    line: int
    function: str

    @property
    def is_users(self) -> bool:
        return not self.file.startswith(_OTHERS)

    @property
    def is_installed(self) -> bool:
        """It lies in an installed library."""
        return f"{sep}site-packages{sep}" in self.file

    @property
    def is_audits(self) -> bool:
        return self.file.startswith(_AUDIT)

    @property
    def is_module_call(self) -> bool:
        """`nn.Module.__call__`: what comes after runs inside a module."""
        return self.function == "_wrapped_call_impl" and not self.is_users

    def __str__(self) -> str:
        code = linecache.getline(self.file, self.line).strip()
        return f"{_short(self.file)}:{self.line}: {code}" if code else f"{self.file}:{self.line}"


def parse(traceback: Sequence[str]) -> list[Frame]:
    """Frames of the strings that anomaly mode keeps with a graph node."""
    frames: list[Frame] = []
    for text in traceback:
        match = _FRAME.search(text)
        if match:
            frames.append(Frame(match["file"], int(match["line"]), match["function"]))
    return frames


def current() -> list[Frame]:
    """The frames of the caller's stack."""
    frames: list[Frame] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        frames.append(Frame(code.co_filename, frame.f_lineno, code.co_name))
        frame = frame.f_back
    return frames[::-1]


def users_line(frames: Sequence[Frame], depth: int | None = None) -> str:
    """The innermost line outside torch, and the one of the user's own program that led to it.

    With `depth`, the line that made the module call at that depth: 0 is a call from outside all
    modules, 1 one from inside the outermost's forward, ...
    """
    if depth is not None:
        calls = [index for index, frame in enumerate(frames) if frame.is_module_call]
        if depth < len(calls):
            frames = frames[: calls[depth]]
    last = max((index for index, frame in enumerate(frames) if frame.is_users), default=-1)
    if last < 0:
        return ""
    # Above the audit's own frames lies only what called the audit.
    own = [index for index in range(last) if frames[index].is_audits]
    first = own[-1] + 1 if own else 0
    users = [frame for frame in frames[first : last + 1] if frame.is_users]
    place = (users[-1].file, users[-1].line)
    callers = [
        frame
        for frame in users[:-1]
        if own and not frame.is_installed and (frame.file, frame.line) != place
    ]
    return f"{users[-1]} (called at {callers[-1]})" if callers else str(users[-1])


def _short(file: str) -> str:
    """Relative to the folder one is in, where it lies within."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
