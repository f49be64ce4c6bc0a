"""Source lines of the user in a stack: frames outside of torch and of the audit."""

import linecache
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from os import sep
from pathlib import Path
from re import compile as pattern
from types import CodeType, FrameType, FunctionType

import torch
from torch import nn

from ..observe.records import ForwardCall, Stack

_AUDIT = f"{Path(__file__).parents[1]}{sep}"
_NOT_USERS = (f"{Path(torch.__file__).parent}{sep}", _AUDIT, "<frozen ")
_FRAME = pattern(r'File "(?P<file>[^"]*)", line (?P<line>\d+), in (?P<function>.*)')


@dataclass(frozen=True)
class Frame:
    """Stack frame. Lists of frames begin with the outermost."""

    file: str
    line: int
    function: str

    @property
    def is_users(self) -> bool:
        return not self.file.startswith(_NOT_USERS)

    @property
    def is_installed(self) -> bool:
        """True if the file belongs to an installed library."""
        return f"{sep}site-packages{sep}" in self.file

    @property
    def is_audits(self) -> bool:
        return self.file.startswith(_AUDIT)

    @property
    def is_module_call(self) -> bool:
        """True for `nn.Module.__call__`: the frames after it run inside a module."""
        return self.function == "_wrapped_call_impl" and not self.is_users

    @property
    def place(self) -> str:
        """`file:line`; the file is relative to the working directory if it is inside."""
        path, here = Path(self.file), Path.cwd()
        return f"{path.relative_to(here) if path.is_relative_to(here) else path}:{self.line}"

    def __str__(self) -> str:
        code = linecache.getline(self.file, self.line).strip()
        return f"{self.place}: {code}" if code else self.place


@dataclass(frozen=True)
class UserLine:
    """Line of the user's code, as text or as a place.

    Attributes:
        frame: The line itself; None if the stack has no frame of the user.
        caller: Line of the user's program that led to it.
    """

    frame: Frame | None = None
    caller: Frame | None = None

    @property
    def place(self) -> str:
        return "" if self.frame is None else self.frame.place

    def __str__(self) -> str:
        if self.frame is None:
            return ""
        return f"{self.frame} (called at {self.caller})" if self.caller else str(self.frame)


def parse_traceback(traceback: Sequence[str]) -> list[Frame]:
    """Return the frames of the strings that anomaly mode stores with a graph node."""
    frames: list[Frame] = []
    for text in traceback:
        match = _FRAME.search(text)
        if match:
            frames.append(Frame(match["file"], int(match["line"]), match["function"]))
    return frames


def current_frames() -> list[Frame]:
    """Return the frames of the caller's stack."""
    codes, instructions = current_stack()
    return frames_of((codes[1:], instructions[1:]))


def current_stack() -> Stack:
    """Return the codes of the caller's frames, and the instructions that they are at.

    The innermost frame is first. To find a line takes longer than all of this.
    """
    codes: list[CodeType] = []
    instructions: list[int] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        codes.append(frame.f_code)
        instructions.append(frame.f_lasti)
        frame = frame.f_back
    return tuple(codes), tuple(instructions)


def frames_of(stack: Stack) -> list[Frame]:
    """Return the frames of a stack, the outermost first."""
    frames = [
        Frame(code.co_filename, _line_at(code, instruction), code.co_name)
        for code, instruction in zip(*stack, strict=True)
    ]
    return frames[::-1]


def _line_at(code: CodeType, instruction: int) -> int:
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            return line
    return code.co_firstlineno


def line_of(call: ForwardCall) -> str:
    """Return the user's line that called a module; empty if its stack was not recorded."""
    return str(users_line(frames_of(call.stack), call.depth))


def users_line(frames: Sequence[Frame], depth: int | None = None) -> UserLine:
    """Return the innermost line outside of torch, and the line of the user's program calling it.

    Args:
        frames: A stack.
        depth: Return the line of the module call at this depth instead: 0 is a call from outside
            all modules, 1 a call in the forward method of the outermost module, and so on.
    """
    if depth is not None:
        calls = [index for index, frame in enumerate(frames) if frame.is_module_call]
        if depth < len(calls):
            frames = frames[: calls[depth]]
    last = max((index for index, frame in enumerate(frames) if frame.is_users), default=-1)
    if last < 0:
        return UserLine()
    # Frames before the audit's own ones are those of its caller.
    audits = [index for index in range(last) if frames[index].is_audits]
    first = audits[-1] + 1 if audits else 0
    users = [frame for frame in frames[first : last + 1] if frame.is_users]
    place = (users[-1].file, users[-1].line)
    callers = [
        frame
        for frame in users[:-1]
        if audits and not frame.is_installed and (frame.file, frame.line) != place
    ]
    return UserLine(users[-1], callers[-1] if callers else None)


def caller_of(frames: Sequence[Frame], module: object) -> UserLine | None:
    """Return the line that called into the code of a module; None if no line did.

    Args:
        frames: A stack that ends in a method of the module, called or inherited.
        module: A module; lines of its classes and of those of its submodules are inside.
    """
    if not isinstance(module, nn.Module):
        return None
    spans = {span for each in module.modules() for span in _code_spans(type(each))}
    inside = [any(_is_in(frame, span) for span in spans) for frame in frames]
    if True not in inside:
        return None
    index = len(frames) - 1 - inside[::-1].index(True)
    while index >= 0 and (inside[index] or not frames[index].is_users):
        if frames[index].is_audits:
            return None
        index -= 1
    return users_line(frames[: index + 1]) if index >= 0 else None


def _is_in(frame: Frame, span: tuple[str, int, int]) -> bool:
    file, first, last = span
    return frame.file == file and first <= frame.line <= last


@cache
def _code_spans(kind: type) -> tuple[tuple[str, int, int], ...]:
    """Return (file, first line, last line) of the methods of a class outside of torch."""
    codes = [
        function.__code__
        for each in kind.__mro__
        for function in vars(each).values()
        if isinstance(function, FunctionType)
    ]
    return tuple(
        (code.co_filename, code.co_firstlineno, max(n for _, _, n in code.co_lines() if n))
        for code in codes
        if not code.co_filename.startswith(_NOT_USERS)
    )
