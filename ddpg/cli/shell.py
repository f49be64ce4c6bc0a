"""Commands that a message prints: each runs as printed, in the folder where it is printed."""

import os
import shlex
import shutil
import string
import sys
import sysconfig
from pathlib import Path

from ddpg.cli.invocation import invocation

_PLAIN_BYTES = (string.ascii_letters + string.digits + "/.-_=:+").encode()
"""Bytes that stand for themselves in `$'…'`."""


def own_command(name: str, *words: str | Path) -> str:
    """Return a command line of this project, in the form that started this process.

    Args:
        name: the command, such as `evaluate`.
        words: its arguments. A path that starts like an option is spelled `./-x`.
    """
    first, *others = invocation(name)
    start = _interpreter() if first == "python" else _tool(first)
    return _joined([*start, *others, *words])


def tensorboard_command(folder: Path) -> str:
    """Return the command that shows the curves in `folder`."""
    return _joined([*_tool("tensorboard", "tensorboard.main"), "--logdir", folder])


def option(name: str, value: str) -> list[str]:
    """Return the words of one option, in one word if `value` starts like an option itself."""
    return [f"--{name}={value}"] if value.startswith("-") else [f"--{name}", value]


def from_here(path: Path) -> Path:
    """Return `path` relative to the current folder if it is inside, else absolute."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 (a link to a Python must stay a link)
    here = Path.cwd()
    return absolute.relative_to(here) if absolute.is_relative_to(here) else absolute


def _interpreter() -> list[str]:
    """Return the running interpreter, as `python` if the shell finds the same one."""
    running = Path(sys.executable or "python")
    plain = running.with_name("python")
    return [_on_this_path(plain if plain.exists() else running)]


def _tool(name: str, module: str | None = None) -> list[str]:
    """Return the start of a command of this interpreter's environment."""
    program = Path(sysconfig.get_path("scripts"), name)
    if program.exists():
        return [_on_this_path(program)]
    return [*_interpreter(), "-m", module or name]


def _on_this_path(program: Path) -> str:
    """Return the name of `program` if the shell finds it by name, else its path."""
    found = shutil.which(program.name)
    # The folders are compared, since Pythons of several environments are links to one file.
    if found and Path(found).parent.resolve() == program.parent.resolve():
        return program.name
    return str(from_here(program))


def _joined(words: list[str | Path]) -> str:
    return " ".join(_quoted(_path_text(word) if isinstance(word, Path) else word) for word in words)


def _path_text(path: Path) -> str:
    """Return `path` as no program reads it for an option, a home folder or YAML's null."""
    is_plain = path.is_absolute() or (len(path.parts) > 1 and str(path)[0] not in "-~")
    return str(path) if is_plain else f"./{path}"


def _quoted(word: str) -> str:
    """Quote `word` for the shell, by its bytes if a line of output cannot show it."""
    encoding = sys.stdout.encoding or "utf-8"
    # An error message has single spaces.
    if "  " in word or word.encode(encoding, "ignore") != word.encode(encoding, "replace"):
        return "$'" + "".join(map(_escaped, os.fsencode(word))) + "'"
    return shlex.quote(word)


def _escaped(byte: int) -> str:
    return chr(byte) if byte in _PLAIN_BYTES else f"\\{byte:03o}"
