"""Signals: every script ends with one sentence and the status that a shell reports."""

import signal
import sys
import time
from pathlib import Path

import pytest

from ddpg.cli import signals
from ddpg.environments.signals import END_SIGNALS
from tests.faults.test_early_interrupts import has_loaded
from tests.faults.test_early_interrupts import start as start_process

ROOT = Path(__file__).parents[2]
LOADING = [
    ("train", [], signal.SIGTERM),
    ("train", [], signal.SIGHUP),
    ("evaluate", ["run"], signal.SIGINT),
    ("evaluate", ["run"], signal.SIGTERM),
    ("compare", ["--stops", "none"], signal.SIGINT),
    ("audit", ["run"], signal.SIGINT),
    ("tutorial", [], signal.SIGINT),
    ("tutorial", ["--graphs", "graphs"], signal.SIGHUP),
    ("bench", ["--seconds", "1"], signal.SIGTERM),
]
"""Script, its arguments, and the signal that comes while PyTorch loads."""
SLEEPING = """
import sys, time
from ddpg.cli.command import command

@command("train")
def main():
    print("begins", flush=True)
    {body}
    return 0
"""
BODIES = {
    "ends": "time.sleep(30)",
    "raises something else": "\n".join(
        [
            "try: time.sleep(30)",
            "    except BaseException: raise ImportError('half loaded') from None",
        ]
    ),
    "does not stop": "\n".join(
        ["while True:", "        try: time.sleep(30)", "        except BaseException: pass"]
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("script", "arguments", "number"), LOADING)
def test_a_script_ends_while_it_loads(
    tmp_path: Path, script: str, arguments: list[str], number: signal.Signals
) -> None:
    words = [sys.executable, str(ROOT / "scripts" / f"{script}.py"), *arguments]
    process = start_process(words, tmp_path, signal.SIG_DFL)
    deadline = time.monotonic() + 60
    while not has_loaded("libtorch_cpu")(process.pid, tmp_path):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (128 + number, f"{script}.py: interrupted\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", END_SIGNALS)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_command_ends_within_two_seconds(
    tmp_path: Path, body: str, number: signal.Signals
) -> None:
    (tmp_path / "sleeping.py").write_text(SLEEPING.format(body=body))
    code = "from ddpg.cli.command import start; raise SystemExit(start('sleeping', name='train'))"
    process = start_process([sys.executable, "-c", code], tmp_path, signal.SIG_DFL)
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    sent = time.monotonic()
    # As `timeout` does: to the process, and again to its group.
    process.send_signal(number)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - sent < 5
    assert process.returncode == 128 + number
    assert len(errors.splitlines()) == 1
    assert errors.endswith(": interrupted\n")


def test_handlers_are_restored_and_ignored_signals_stay_ignored() -> None:
    before = {number: signal.getsignal(number) for number in END_SIGNALS}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with signals.ends_by_signal("x"):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert callable(signal.getsignal(signal.SIGTERM))
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_after_a_signal_the_others_are_ignored() -> None:
    before = {number: signal.getsignal(number) for number in END_SIGNALS}
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with pytest.raises(KeyboardInterrupt), signals.ends_by_signal("x"):
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
