"""Each exercise fails as shipped, its solution passes, and the first message has no giveaway."""

import ast
from pathlib import Path

import pytest

from ddpg.errors import ExerciseError
from ddpg.isolation.results import Kind, Verdict
from ddpg.tutorial.exercises import checker
from ddpg.tutorial.exercises.registry import EXERCISES

# The finding of the audit in the shipped file: (update, module, verdict, kind).
BUGS: dict[int, tuple[str, str, Verdict, Kind]] = {
    1: ("update", "critic", "leaked", "moved"),
    2: ("update_critic", "critic", "starved", "reached"),
    3: ("setup", "target", "leaked", "aliasing"),
    4: ("update_critic", "encoder", "starved", "membership"),
    5: ("update/actor", "critic", "leaked", "moved"),
}
GIVEAWAYS = ("detach", "deepcopy", "optimizer", "clone", "inputs", "alias", "storage", ".py:")


@pytest.mark.parametrize("number", EXERCISES)
def test_as_shipped_it_fails_for_its_own_reason(number):
    result = checker.check(number)
    update, module, verdict, kind = BUGS[number]
    assert not result.solved
    assert result.report.find(update=update, module=module, verdict=verdict, kind=kind)


def test_the_five_bugs_differ():
    assert len({(verdict, kind, number) for number, (_, _, verdict, kind) in BUGS.items()}) == 5
    assert len({exercise.report for exercise in EXERCISES.values()}) == 5


@pytest.mark.parametrize("number", EXERCISES)
def test_the_solution_passes(number, tmp_path):
    file = tmp_path / "solved.py"
    file.write_text(checker.solved_source(number), encoding="utf-8")
    result = checker.check(number, file)
    assert result.solved, result.text(hint=True)
    assert EXERCISES[number].report in result.text()


@pytest.mark.parametrize("number", EXERCISES)
def test_the_first_message_names_the_module_and_not_the_bug(number):
    result = checker.check(number)
    first = result.text().partition("Not solved yet.")[2]
    update, module, _, _ = BUGS[number]
    assert module in first
    assert update in first or update == "setup"
    assert not [word for word in GIVEAWAYS if word in first]
    assert EXERCISES[number].report not in first
    assert len(result.text(hint=True)) > len(result.text())


@pytest.mark.parametrize("number", EXERCISES)
def test_an_exercise_is_short_and_its_solution_changes_little(number):
    shipped = checker.exercise_file(number).read_text(encoding="utf-8")
    assert len(shipped.splitlines()) < 60
    assert EXERCISES[number].title in (ast.get_docstring(ast.parse(shipped)) or "")
    changed = [
        line
        for line in checker.solution_text(number).splitlines()
        if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert 0 < len(changed) <= 6


@pytest.mark.parametrize(
    ("number", "old", "new"),
    [
        (1, "* advantage)", "* advantage.detach())"),
        (2, "mse_loss(target, value.detach())", "mse_loss(target.detach(), value)"),
        (
            3,
            "self.target = network.to(device)",
            "self.target = __import__('copy').deepcopy(network)",
        ),
        (5, "[parameter.grad for", "[parameter.grad.clone() for"),
    ],
)
def test_other_fixes_pass_too(number, old, new, tmp_path):
    shipped = checker.exercise_file(number).read_text(encoding="utf-8")
    assert shipped.count(old) == 1
    file = tmp_path / "fixed.py"
    file.write_text(shipped.replace(old, new), encoding="utf-8")
    result = checker.check(number, file)
    assert result.solved, result.text(hint=True)


@pytest.mark.parametrize(
    ("number", "old", "new"),
    [
        # Detaches too much: nothing is trained.
        (1, "reward - self.critic(observation)", "(reward - self.critic(observation)).detach()"),
        (2, "mse_loss(target, value.detach())", "mse_loss(target, value)"),
        # A separate target that never follows.
        (3, "target.lerp_(online, TAU)", "pass"),
        (4, "self.critic_optimizer.step()", "pass"),
        (5, "parameter.grad = gradient", "parameter.grad = None"),
    ],
)
def test_a_wrong_fix_fails(number, old, new, tmp_path):
    shipped = checker.exercise_file(number).read_text(encoding="utf-8")
    assert shipped.count(old) == 1
    file = tmp_path / "fixed.py"
    file.write_text(shipped.replace(old, new), encoding="utf-8")
    assert not checker.check(number, file).solved


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("self.actor = nothing", r"line 3 raises NameError: name 'nothing' is not defined"),
        ("raise ValueError", "line 3 raises ValueError"),
        ("assert False, '\\nwhy'", "line 3 raises AssertionError: why"),
        ("raise SystemExit(0)", "line 3 raises SystemExit: 0"),
        ("raise BaseExceptionGroup('all', [GeneratorExit()])", "line 3 raises BaseExceptionGroup"),
        ("raise type('Odd', (Exception,), {'__str__': None})", "line 3 raises Odd: (its message"),
    ],
)
def test_a_file_that_raises_gives_one_sentence(tmp_path, monkeypatch, line, message):
    file = tmp_path / "mine.py"
    file.write_text(f"class Agent:\n    def __init__(self):\n        {line}\n")
    with pytest.raises(ExerciseError) as raised:
        checker.check(1, file)
    assert str(raised.value).startswith(f"cannot check {file}: {message}")
    assert len(str(raised.value).splitlines()) == 1
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExerciseError, match=r"^cannot check mine\.py: line 3 raises "):
        checker.check(1, Path("mine.py"))


@pytest.mark.parametrize("name", ["missing.py", "there.txt", "folder.py"])
def test_a_file_that_cannot_be_read(tmp_path, name):
    (tmp_path / "there.txt").write_text("")
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(ExerciseError, match=r"allowed: an existing file with the suffix \.py"):
        checker.check(1, tmp_path / name)
