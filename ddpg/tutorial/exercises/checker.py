"""Checks an exercise with the audit: first what is wrong, on request where, at last the answer."""

import importlib.util
import traceback
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from types import ModuleType

import torch

from ddpg.errors import ExerciseError
from ddpg.isolation import Report, audit
from ddpg.tutorial.agent_seen import gradient_text
from ddpg.tutorial.exercises.registry import EXERCISES, Exercise

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Result:
    """What the audit says of one exercise file."""

    exercise: Exercise
    file: Path
    report: Report

    @property
    def solved(self) -> bool:
        """Whether the agent keeps its promise."""
        return self.report.kept

    def text(self, hint: bool = False) -> str:
        """What to tell the learner.

        Args:
            hint: name the path and the lines too.
        """
        head = f"Exercise {self.exercise.number}: {self.exercise.title} ({self.file})"
        if self.solved:
            return (
                f"{head}\nSolved: every update trains what it should, and leaves the rest alone.\n"
                f"It happened here: {self.exercise.report}"
            )
        body = self.report.summary() if hint else "\n".join(_symptoms(self.report))
        more = (
            "The answer: --solution."
            if hint
            else "Where it happens: --hint. The answer: --solution."
        )
        return f"{head}\nNot yet.\n{body}\n{more}"


def exercise_file(number: int) -> Path:
    """The file of exercise `number` as it is shipped."""
    return _FOLDER / f"exercise_{number}.py"


def solution_file(number: int) -> Path:
    """Its solution."""
    return _FOLDER / "solutions" / f"solution_{number}.py"


def check(number: int, file: Path | None = None) -> Result:
    """Audit the agent of exercise `number`.

    Args:
        number: 1 to 5.
        file: the learner's copy; None: the shipped file itself.

    Raises:
        ExerciseError: the file is not there, or its code raises.
    """
    exercise = EXERCISES[number]
    path = exercise_file(number) if file is None else file
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            contract, updates = exercise.promise(_module(path).Agent())
            report = audit(contract, updates)
    except Exception as error:  # the learner's own code: any error can come out of it
        raise ExerciseError(_described(error, path)) from error
    return Result(exercise, path, report)


def solution(number: int) -> str:
    """The answer in words, the report that it is from, and the difference to the shipped file."""
    exercise = EXERCISES[number]
    old, new = (
        path.read_text(encoding="utf-8").splitlines()
        for path in (exercise_file(number), solution_file(number))
    )
    # The first line is the title, which says "solved".
    difference = "\n".join(unified_diff(old[1:], new[1:], "yours", "solved", n=1, lineterm=""))
    return (
        f"Exercise {number}: {exercise.title}\n{exercise.answer}\n"
        f"It happened here: {exercise.report}\n\n{difference}"
    )


def _module(path: Path) -> ModuleType:
    if not path.is_file():
        raise ExerciseError(f"file is {str(path)!r}, which is not there; allowed: a Python file")
    spec = importlib.util.spec_from_file_location(f"_exercise_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ExerciseError(f"file is {str(path)!r}; allowed: a file whose name ends in .py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _symptoms(report: Report) -> list[str]:
    """What is wrong, without where: a line a cell, and what is so before any update."""
    lines = []
    for cell in report.cells:
        if cell.verdict == "kept":
            continue
        whose = f" (its {cell.loss})" if cell.loss else ""
        said = {
            "starved": "should be trained or moved by it, and is not",
            "leaked": "should be left alone by it, and is not",
            "moved_by_other": "moves, and not by what is allowed to move it",
        }[cell.verdict]
        seen = f".grad {gradient_text(cell)}, moved by {cell.movement:.2g}"
        lines.append(f"- {cell.update}{whose}: {cell.module} {said} ({seen})")
    setup = {finding.module for finding in report.findings if finding.update == "setup"}
    if setup:
        lines.append(f"- before any update: {' and '.join(sorted(setup))} are not what they seem")
    return lines


def _described(error: Exception, path: Path) -> str:
    if isinstance(error, ExerciseError):
        return str(error)
    lines = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    place = f"line {lines[-1].lineno}: " if lines else ""
    return f"{path} raises {type(error).__name__}: {place}{str(error).splitlines()[0]}"
