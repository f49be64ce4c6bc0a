"""Output in every encoding, and after its reader is gone."""

import os
import subprocess
import sys

import pytest

PRINTER = """
import sys
from types import SimpleNamespace
# The real module imports PyTorch, which takes seconds.
sys.modules["ddpg.stops"] = SimpleNamespace(StopWarning=UserWarning)
from ddpg.errors import UsageError
from ddpg.cli.command import command
from ddpg.cli.streams import prepare_streams, print_outcome

@command("it")
def main():
    {body}
    return 0

prepare_streams()
sys.exit(main())
"""
SIGNS = "L1 → L2: γ ≥ 0.5, −133 … −120, μ(s′)"


def run(body: str, redirection: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    code = PRINTER.format(body=body)
    return subprocess.run(
        ["bash", "-c", f'exec "$0" -c "$1" {redirection}', sys.executable, code],
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "ascii:strict", "utf-8"])
def test_no_encoding_gives_a_traceback(encoding):
    body = f"print({SIGNS!r}); print({SIGNS!r}, file=sys.stderr)"
    ended = run(body, "", PYTHONIOENCODING=encoding)
    assert ended.returncode == 0, ended.stderr
    codec = encoding.partition(":")[0]
    assert ended.stdout == ended.stderr
    text = ended.stdout.decode(codec)
    assert text.startswith("L1 -> L2: gamma >= 0.5" if codec != "utf-8" else SIGNS)


def test_a_table_stays_aligned_in_ascii():
    body = (
        "from rich.console import Console; from rich.table import Table; t = Table('a');"
        "t.add_row('−133 … −120 · ×'); Console().print(t)"
    )
    ended = run(body, "", PYTHONIOENCODING="ascii", COLUMNS="80")
    lines = ended.stdout.decode("ascii").splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "-133 ~ -120 | x" in ended.stdout.decode()


def test_bytes_of_a_file_name_are_printed_as_they_are():
    ended = run("print('runs/r\\udcff')", "", PYTHONIOENCODING="utf-8")
    assert (ended.returncode, ended.stdout) == (0, b"runs/r\xff\n")


@pytest.mark.parametrize(
    ("redirection", "status", "error"),
    [
        (">&-", 0, b""),
        (">/dev/full", 2, b"it.py: error: cannot write standard output: No space left on device\n"),
        ("> >(exit)", 141, b""),
    ],
)
def test_a_result_that_cannot_be_printed_is_reported_once(redirection, status, error):
    ended = run("import time; time.sleep(0.5); print('it')", redirection)
    assert (ended.returncode, ended.stderr) == (status, error)


@pytest.mark.parametrize(
    ("redirection", "reason"),
    [(">/dev/full", b"No space left on device"), ("> >(exit)", b"Broken pipe")],
)
def test_finished_work_does_not_fail_when_its_last_lines_cannot_be_printed(redirection, reason):
    ended = run("import time; time.sleep(0.5); print_outcome('it.py', 'done')", redirection)
    warning = b"it.py: warning: cannot write standard output: " + reason
    assert (ended.returncode, ended.stderr.splitlines()) == (0, [warning])


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "2> >(exit)"])
def test_work_goes_on_without_standard_error(redirection):
    body = "import time; time.sleep(0.5); [print('x' * 9999, file=sys.stderr) for _ in '123']"
    ended = run(f"{body}; print('end')", redirection)
    assert (ended.returncode, ended.stdout) == (0, b"end\n")


def test_an_error_without_standard_error_keeps_its_status():
    assert run("raise UsageError('no')", "2>&-").returncode == 2
