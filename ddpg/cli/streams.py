"""Standard output and standard error, for every encoding, and after their reader is gone."""

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

BROKEN_PIPE = 128 + 13
"""Exit status of a command whose reader closed the pipe: 128 + SIGPIPE, as shells have it."""
_SPELL_OUT = "ddpg-spell-out"
"""Name of the error handler for characters that an encoding does not have."""
_SPELLINGS = str.maketrans(
    {
        # One character each where tables have them, so that columns stay aligned.
        **dict(zip("…–−—·×∘²═─━╸╺│’“”", '~---|xo2=----|\'""', strict=True)),
        **{"≥": ">=", "≤": "<=", "≠": "!=", "→": "->", "←": "<-", "↔": "<->", "‖": "||"},
        **{"μ": "mu", "µ": "mu", "γ": "gamma", "θ": "theta", "τ": "tau", "σ": "sigma", "Δ": "d"},
        **{"∇": "grad ", "Σ": "sum", "ₐ": "_a", "ₜ": "_t", "₀": "_0", "ᵗ": "^t"},
    }
)
"""Character -> ASCII text."""


class _LossyStream(io.TextIOWrapper):
    """Text stream whose failures are ignored: a training outlives its terminal and its log.

    Args:
        stream: the stream whose buffer this one writes to; it stays open as long as this one.
    """

    def __init__(self, stream: io.TextIOWrapper):
        super().__init__(stream.buffer, stream.encoding, _SPELL_OUT, line_buffering=True)
        self._stream = stream

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


def prepare_streams() -> None:
    """Make both streams accept every character, and standard error accept every failure.

    A character that the encoding does not have is spelled in ASCII. A stream that the caller
    closed discards its text.
    """
    codecs.register_error(_SPELL_OUT, _spell_out)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=_SPELL_OUT)
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr = _LossyStream(sys.stderr)
    sys.stdout = sys.stdout or _discarding()
    sys.stderr = sys.stderr or _discarding()


@contextmanager
def flushed_output() -> Iterator[None]:
    """Context manager: flush standard output at the end, after SystemExit too.

    Raises:
        OSError: it cannot be written; what is left of it is discarded.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.filename is None:
            discard_output()
        raise


def print_outcome(program: str, text: str) -> None:
    """Print the last lines of finished work; a failure is only a warning."""
    try:
        print(text, flush=True)
    except OSError as error:
        discard_output()
        reason = f"cannot write standard output: {error.strerror}"
        print(f"{program}: warning: {reason}", file=sys.stderr)


def discard_output() -> None:
    """Discard what standard output still holds, and everything printed later."""
    # The interpreter flushes the stream at exit, and would report the failure again.
    with suppress(OSError, io.UnsupportedOperation), Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), sys.stdout.fileno())


def _discarding() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 (open until exit)


def _spell_out(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return the ASCII text for the characters that cannot be encoded, and the place after them."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    with suppress(UnicodeEncodeError):
        # Bytes of a file name that are not text: print them as they are.
        return text.encode("ascii", "surrogateescape"), error.end
    return text.translate(_SPELLINGS).encode("ascii", "backslashreplace").decode(), error.end
