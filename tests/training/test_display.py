"""Progress: whole in a narrow terminal, lines without one."""

import io

import pytest
from rich.console import Console

import ddpg
from ddpg.training import display
from ddpg.training.display import meter

VERDICT = "critic update moved critic, actor_target: not stopped in 1 of 1 audits"


class Clock:
    """Time that passes only when a test lets it."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(display, "time", clock)
    return clock


def test_without_a_terminal_each_tenth_gets_a_line_at_most_once_a_second(clock, capsys):
    with meter("steps") as show:
        for step in range(0, 1001, 10):
            show(step, 1000, VERDICT)
            clock.now += 0.11
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("/")[0] for line in lines] == [
        *("100", "200", "300", "400", "500", "600", "700", "800", "900", "1,000")
    ]
    assert lines[0] == f"100/1,000 steps (10 %), 91/s, 0:00:10 left · {VERDICT}"
    assert lines[-1] == f"1,000/1,000 steps (100 %), 90/s · {VERDICT}"


def test_without_a_terminal_slow_work_gets_a_line_every_thirty_seconds(clock, capsys):
    with meter("steps") as show:
        for step in range(10):
            show(step, 1_000_000)
            clock.now += 10
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_the_last_line_has_what_came_after_the_last_step(clock, capsys):
    with meter("steps") as show:
        show(0, 10, "return –")
        clock.now += 5
        show(10, 10, "return –")
        show(10, 10, "return -120")
    assert capsys.readouterr().err.splitlines() == ["10/10 steps (100 %), 2/s · return -120"]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_terminal_shows_return_and_verdict_whole(monkeypatch, columns):
    output = io.StringIO()
    terminal = Console(file=output, force_terminal=True, width=columns, color_system=None)
    monkeypatch.setattr(display, "_LossyConsole", lambda **_: terminal)
    with meter("steps") as show:
        show(0, 1_000_000_000)
        show(123_456_789, 1_000_000_000, f"return -1542 … -1196 · {VERDICT}")
    last = output.getvalue().rpartition("1,000,000,000 steps")[2]
    assert f"return -1542 … -1196 · {VERDICT}" in " ".join(last.split())
    assert "123,456,789/1,000,000,000 steps" in output.getvalue()


def test_a_closed_log_does_not_end_the_work(clock, monkeypatch):
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Closed())
    with meter("steps") as show:
        show(0, 2)
        clock.now += 40
        show(1, 2)


def test_the_library_shows_progress_on_request(tmp_path, capsys):
    config = ddpg.Config(
        steps=20, random_steps=10, hidden=(8,), evaluation_every=0, runs=str(tmp_path)
    )
    calls = []
    ddpg.train(config, calls.append, progress=True)
    assert [call.step for call in calls] == [0, 20]
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "20/20 steps (100 %)" in shown.err
    ddpg.train(config)
    assert capsys.readouterr().err == ""
