"""The command `run`: a script runs as it is under watch; each problem is a sentence."""

import json
import runpy
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ddpg.cli.audit import main as ddpg_audit
from ddpg.isolation.command import main
from ddpg.isolation.survey.script import run_script

SCRIPT = """
import sys
import torch
from torch import nn

torch.manual_seed(0)
actor, critic = nn.Linear(3, 1), nn.Linear(4, 1)
nets = {"actor": actor, "critic": critic}
actor_optimizer = torch.optim.Adam(actor.parameters(), lr=1e-2)
critic_optimizer = torch.optim.Adam(critic.parameters(), lr=1e-2)


def q(state, action):
    return critic(torch.cat([state, action], dim=1))


def train(steps):
    for step in range(steps):
        state, action = torch.randn(8, 3), torch.randn(8, 1)
        loss = (q(state, action) - 1).square().mean()
        critic_optimizer.zero_grad()
        loss.backward()
        critic_optimizer.step()
        loss = -q(state, actor(state)).mean()
        actor_optimizer.zero_grad()
        loss.backward()
        actor_optimizer.step()
        print("step", step)


if __name__ == "__main__":
    train(int(sys.argv[1]))
    print("end", [round(p.sum().item(), 6) for p in actor.parameters()])
"""
LEAK = SCRIPT.replace("Adam(actor.parameters()", "Adam([*actor.parameters(), *critic.parameters()]")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Function that runs a script's text and returns status, standard output and error."""
    monkeypatch.chdir(tmp_path)

    def run(text: str, *arguments: str, options: tuple[str, ...] = ()) -> tuple[int, str, str]:
        Path("train.py").write_text(text, encoding="utf-8")
        try:
            status = main(["run", *options, "train.py", *arguments])
        except SystemExit as end:
            status = int(end.code or 0)
        printed, errors = capsys.readouterr()
        return status, printed, errors

    return run


def test_a_script_is_watched_and_ended(run: Run) -> None:
    status, printed, report = run(SCRIPT, "100", options=("--after", "3", "--cycles", "2"))
    assert status == 0
    # Step 3 is the second of the critic; each cycle ends with one.
    assert printed.splitlines() == ["step 0", "step 1", "step 2"]
    assert "actor   moved (actor_optimizer: gradient)  not touched" in report
    assert "critic  gradient" in report
    assert 'actor_optimizer=trains("actor", through="critic")' in report
    assert "No warnings." in report


def test_continue_leaves_the_training_as_it_is(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, printed, report = run(SCRIPT, "9", options=("--continue", "--after", "3"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["train.py", "9"])
        runpy.run_path(str(tmp_path / "train.py"), run_name="__main__")
    assert (status, printed) == (0, capsys.readouterr().out)
    assert "Proposed contract:" in report


def test_a_mistake_is_warned_of_at_its_line(run: Run) -> None:
    _, _, report = run(LEAK, "100")
    assert "applies its gradient to critic too, which has a loss of its own" in report
    assert "at: train.py:26: loss.backward()" in report


def test_the_contract_decides_the_exit_status(run: Run) -> None:
    assert run(SCRIPT, "100", options=("--propose", "contract.py"))[0] == 0
    assert run(SCRIPT, "100", options=("--contract", "contract.py"))[0] == 0
    status, _, report = run(LEAK, "100", options=("--contract", "contract.py"))
    assert status == 1
    assert "× critic: leaked" in report


def test_the_output_is_apart_and_the_json_complete(run: Run, tmp_path: Path) -> None:
    status, printed, errors = run(SCRIPT, "9", options=("--output", "o.txt", "--json", "o.json"))
    assert (status, errors) == (0, "")
    assert "module" not in printed
    assert (tmp_path / "o.txt").read_text("utf-8").startswith("module")
    assert {"cells", "warnings", "contract"} <= set(json.loads((tmp_path / "o.json").read_text()))


CHILD = SCRIPT.replace(
    "    train(int",
    "    import subprocess\n    subprocess.run([sys.executable, '-c', 'sum(range(2**21))']) #",
)
THREAD = """
    from threading import Thread
    thread = Thread(target=train, args=[int(sys.argv[1])])
    thread.start()
    thread.join()
"""
LINE = '        print("step", step)'


@pytest.mark.parametrize(
    ("text", "steps", "status", "sentence"),
    [
        (SCRIPT, "0", 2, "train.py ended, and no optimizer made a step"),
        (
            CHILD,
            "0",
            2,
            "train.py ended, and no optimizer made a step; the audit does not see the processes "
            "that the script started",
        ),
        (
            SCRIPT,
            "2",
            2,
            "train.py ended after 4 optimizer steps; allowed: --after up to that number",
        ),
        (
            SCRIPT,
            "5",
            2,
            "train.py ended within the first cycle after step 10; give a smaller --after",
        ),
        (SCRIPT, "6", 0, "train.py ended after 1 of 4 cycles"),
        (SCRIPT, "no number", 2, "train.py raised ValueError at train.py:32: invalid literal"),
        (SCRIPT.replace(LINE, "        sys.exit('wrong')"), "2", 2, "train.py exited with wrong"),
        (SCRIPT.replace(LINE, "        sys.exit(3)"), "2", 2, "train.py exited with status 3"),
        ("import", "", 2, "train.py raised SyntaxError"),
    ],
)
def test_a_script_without_the_cycles_is_one_sentence(
    run: Run, text: str, steps: str, status: int, sentence: str
) -> None:
    code, _, errors = run(text, steps)
    assert code == status
    assert sentence in errors.splitlines()[-1]
    assert "Traceback" not in errors


def test_an_error_after_complete_cycles_keeps_the_inventory(run: Run) -> None:
    text = SCRIPT.replace(LINE, "        if step == 7:\n            1 / 0")
    status, _, errors = run(text, "100")
    assert status == 2
    assert "Proposed contract" in errors
    assert "train.py raised ZeroDivisionError at" in errors.splitlines()[-1]


def test_a_training_in_a_thread_is_ended(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)  # not pytest's
    status, printed, errors = run(SCRIPT.replace("    train(int(sys.argv[1]))", THREAD), "100")
    assert status == 0
    assert "Proposed contract" in errors
    assert "step 50" not in printed
    assert "Traceback" not in errors


def test_nothing_stays_behind(tmp_path: Path) -> None:
    optimizer, module = sys.modules["torch.optim.optimizer"], torch.nn.modules.module
    hooks = (
        optimizer._global_optimizer_pre_hooks,
        optimizer._global_optimizer_post_hooks,
        module._global_forward_pre_hooks,
        module._global_forward_hooks,
    )
    engine, argv, path = torch.autograd.graph._engine_run_backward, sys.argv, list(sys.path)
    (tmp_path / "train.py").write_text(SCRIPT, encoding="utf-8")
    run_script(tmp_path / "train.py", ["100"])
    assert [len(each) for each in hooks] == [0] * len(hooks)
    assert torch.autograd.graph._engine_run_backward is engine
    assert (sys.argv, sys.path) == (argv, path)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--after", "0"), "--after: 0 is not allowed; allowed: a whole number ≥ 1"),
        (("--json", "no/it.json"), "cannot write no/it.json: there is no folder no"),
        (("--output", "."), "cannot write .: it is a folder"),
        (("--contract", "none.py"), "cannot read none.py: No such file or directory"),
        (("--contract", "train.py"), "cannot use train.py: it has no function contract(...)"),
        (("--contract", "c.py"), "c.py: contract(nobody) is not allowed; allowed: arguments among"),
        (("--contract", "d.py"), "d.py: the result of contract(...) is not allowed; allowed: a Co"),
        (("--contract", "e.py"), "e.py raised ZeroDivisionError at "),
    ],
)
def test_a_usage_error_is_one_sentence(run: Run, options: tuple[str, ...], sentence: str) -> None:
    Path("c.py").write_text("def contract(nobody): ...")
    Path("d.py").write_text("def contract(actor): ...")
    Path("e.py").write_text("def contract(actor): 1 / 0")
    status, _, errors = run(SCRIPT, "100", options=options)
    assert status == 2
    assert errors.startswith(f"gradient-isolation run: error: {sentence}")
    assert errors.count("\n") == 1


def test_all_commands_have_one_help(capsys: pytest.CaptureFixture[str]) -> None:
    helps = []
    for command in (main, ddpg_audit):
        with pytest.raises(SystemExit):
            command(["run", "--help"])
        text = capsys.readouterr().out
        helps.append(text[text.index("Run a training script") :])
    assert helps[0] == helps[1]
    assert "`run SCRIPT`" in _help(main, capsys)
    assert "`run SCRIPT`" in _help(ddpg_audit, capsys)


def _help(command: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        command(["--help"])
    return capsys.readouterr().out
